//! One connection that is being made: the handle of the JavaScript thread, and the task on tokio's
//! thread.
//!
//! Both share one [`Stage`]. The task rings the doorbell when a new stage needs the JavaScript
//! thread. When the connection is established, the task ends, and the JavaScript thread takes the
//! connection.

use std::future::pending;
use std::mem;
use std::sync::PoisonError;
#[cfg(not(model))]
use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(model)]
use loom::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::doorbell::Doorbell;
use super::failure::{Failure, Step};
use super::route::{Established, Route, establish};
use super::runtime;
use super::tls::{Consent, Credentials};

/// The stages of a connection that is being made.
enum Stage {
    /// The task works; there is nothing for the JavaScript thread to take.
    Working,
    /// A certificate waits to be taken.
    Asking(Credentials, oneshot::Sender<()>),
    /// The certificate was taken and is being checked.
    Deciding(oneshot::Sender<()>),
    /// The connection waits to be taken.
    Established(Box<Established>),
    /// A failure waits to be taken.
    Failed(Box<Failure>),
    /// The connection was abandoned; the task is about to end.
    Abandoned,
    /// No other stage will follow, and no socket is open.
    Over,
}

impl Stage {
    /// Whether the task has ended, or is about to end without changing the stage.
    fn is_last(&self) -> bool {
        matches!(self, Self::Established(_) | Self::Failed(_) | Self::Over)
    }
}

/// What the JavaScript thread has to take next, or `Nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialState {
    Nothing,
    Credentials,
    Connection,
    Failure,
    End,
}

struct Shared {
    stage: Mutex<Stage>,
    doorbell: Box<dyn Doorbell>,
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        // No code that can panic runs under the lock.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to `stage`, unless the connection was abandoned: then `stage` is dropped, which
    /// closes its socket.
    fn advance(&self, stage: Stage) {
        let mut current = self.stage();
        if matches!(*current, Stage::Abandoned) {
            return;
        }
        *current = stage;
        drop(current);
        self.doorbell.ring();
    }
}

/// The JavaScript thread's handle of a connection that is being made. To drop it does not abort the
/// task: [`Dialling::abandon`] does.
pub(crate) struct Dialling {
    shared: Arc<Shared>,
    task: Option<AbortHandle>,
    start: Option<oneshot::Sender<()>>,
}

impl Dialling {
    /// A connection that [`Dialling::begin`] will begin. `doorbell` is rung, on any thread, when
    /// the state has changed. Where the system refuses the thread that dials, the connection fails.
    pub(crate) fn new(route: Route, doorbell: Box<dyn Doorbell>) -> Self {
        let shared = Arc::new(Shared { stage: Mutex::new(Stage::Working), doorbell });
        let (start, started) = oneshot::channel();
        let task = match runtime::handle() {
            Ok(runtime) => {
                let end = End(Arc::clone(&shared));
                Some(runtime.spawn(run(end, route, started)).abort_handle())
            }
            Err(error) => {
                let failure = Failure::io(Step::Connect, &error, None);
                *shared.stage() = Stage::Failed(Box::new(failure));
                None
            }
        };
        Self { shared, task, start: Some(start) }
    }

    /// Begins to connect.
    pub(crate) fn begin(&mut self) {
        if self.task.is_none() {
            self.shared.doorbell.ring();
        }
        if let Some(start) = self.start.take() {
            // There is no receiver if the connection was abandoned meanwhile.
            let _ = start.send(());
        }
    }

    /// Aborts the task, for the end of the JavaScript thread.
    pub(crate) fn abort_handle(&self) -> Option<AbortHandle> {
        self.task.clone()
    }

    /// What the JavaScript thread has to take now.
    pub(crate) fn state(&self) -> DialState {
        match *self.shared.stage() {
            Stage::Working | Stage::Deciding(_) | Stage::Abandoned => DialState::Nothing,
            Stage::Asking(..) => DialState::Credentials,
            Stage::Established(_) => DialState::Connection,
            Stage::Failed(_) => DialState::Failure,
            Stage::Over => DialState::End,
        }
    }

    /// Takes a server's certificate; each needs [`Dialling::give_consent`].
    pub(crate) fn take_credentials(&self) -> Option<Credentials> {
        let mut stage = self.shared.stage();
        match mem::replace(&mut *stage, Stage::Working) {
            Stage::Asking(credentials, consent) => {
                *stage = Stage::Deciding(consent);
                Some(credentials)
            }
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Consents to the certificate that was taken last. Before, nothing is sent to its server; to
    /// refuse it, call [`Dialling::abandon`].
    pub(crate) fn give_consent(&self) {
        let mut stage = self.shared.stage();
        match mem::replace(&mut *stage, Stage::Working) {
            // There is no receiver if the time limit has ended the task meanwhile.
            Stage::Deciding(consent) => _ = consent.send(()),
            other => *stage = other,
        }
    }

    /// Takes the established connection; the task has ended.
    pub(crate) fn take_connection(&self) -> Option<Established> {
        let mut stage = self.shared.stage();
        match mem::replace(&mut *stage, Stage::Over) {
            Stage::Established(established) => Some(*established),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Takes the failure.
    pub(crate) fn take_failure(&self) -> Option<Failure> {
        let mut stage = self.shared.stage();
        match mem::replace(&mut *stage, Stage::Over) {
            Stage::Failed(failure) => Some(*failure),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Abandons the connection in any state. The doorbell rings when its socket is closed.
    pub(crate) fn abandon(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        let mut stage = self.shared.stage();
        let is_over = stage.is_last();
        let next = if is_over { Stage::Over } else { Stage::Abandoned };
        let before = mem::replace(&mut *stage, next);
        drop(stage);
        drop(before);
        // A task that has not ended rings when it does.
        if is_over {
            self.shared.doorbell.ring();
        }
    }
}

/// Sets the last stage when it is dropped: the task has ended, in any way.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut stage = self.0.stage();
        if stage.is_last() {
            return;
        }
        *stage = Stage::Over;
        drop(stage);
        self.0.doorbell.ring();
    }
}

impl Consent for End {
    async fn ask(&self, credentials: Credentials) {
        let (consent, given) = oneshot::channel();
        self.0.advance(Stage::Asking(credentials, consent));
        if given.await.is_err() {
            // The connection was abandoned, and this task is being aborted: it must not go on
            // without consent.
            pending::<()>().await;
        }
    }
}

/// The task. `end` is dropped after all local variables, and so after the socket was closed.
async fn run(end: End, route: Route, started: oneshot::Receiver<()>) {
    if started.await.is_err() {
        return;
    }
    match establish(route, &end).await {
        Ok(established) => end.0.advance(Stage::Established(Box::new(established))),
        Err(failure) => end.0.advance(Stage::Failed(Box::new(failure))),
    }
}

#[cfg(all(test, model))]
mod model;

#[cfg(test)]
#[cfg(not(model))]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::transport::non_blocking_stream::NonBlockingStream;
    use crate::transport::socket::Endpoints;

    #[derive(Default)]
    struct Count(Arc<AtomicUsize>);

    impl Doorbell for Count {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A handle and the task's side of it, without a task, and how often the doorbell has rung.
    fn open() -> (Dialling, End, Arc<AtomicUsize>) {
        let doorbell = Count::default();
        let rung = Arc::clone(&doorbell.0);
        let shared =
            Arc::new(Shared { stage: Mutex::new(Stage::Working), doorbell: Box::new(doorbell) });
        let end = End(Arc::clone(&shared));
        (Dialling { shared, task: None, start: None }, end, rung)
    }

    fn standing() -> (Stage, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let established =
            Established { stream: NonBlockingStream::over(ours), endpoints: Endpoints::default() };
        (Stage::Established(Box::new(established)), theirs)
    }

    #[test]
    fn a_connection_is_taken_once() {
        let (dialling, end, rung) = open();
        let (stage, mut theirs) = standing();
        end.0.advance(stage);
        drop(end);
        assert_eq!((dialling.state(), rung.load(Ordering::Relaxed)), (DialState::Connection, 1));
        let taken = dialling.take_connection();
        assert!(taken.is_some() && dialling.take_connection().is_none());
        drop(taken);
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn abandoned_before_it_was_taken_it_is_closed_at_once() {
        let (mut dialling, end, _) = open();
        let (stage, mut theirs) = standing();
        end.0.advance(stage);
        dialling.abandon();
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        assert_eq!(dialling.state(), DialState::End);
        assert!(dialling.take_connection().is_none());
    }

    #[test]
    fn abandoned_before_it_stands_it_is_closed_with_its_task() {
        let (mut dialling, end, rung) = open();
        let (stage, mut theirs) = standing();
        dialling.abandon();
        end.0.advance(stage);
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        assert_eq!((dialling.state(), rung.load(Ordering::Relaxed)), (DialState::Nothing, 0));
        drop(end);
        assert_eq!((dialling.state(), rung.load(Ordering::Relaxed)), (DialState::End, 1));
    }

    #[test]
    fn a_task_that_ends_without_a_word_is_the_end() {
        let (dialling, end, _) = open();
        drop(end);
        assert_eq!(dialling.state(), DialState::End);
    }
}
