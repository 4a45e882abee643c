//! One dialled connection: the handle the JavaScript thread holds, and the task behind it.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::failure::{Failure, Step};
#[cfg(any(target_os = "linux", target_os = "macos"))]
use super::line::Line;
use super::mailbox::{Credentials, Doorbell, Mailbox, Opening, Report, Taken};
use super::pump::Pump;
use super::route::{Established, Route, establish};
use super::runtime;
use super::wire::{Endpoints, Wire};

/// A connection, seen from the JavaScript thread. Dropping it does not end it: [`Client::destroy`]
/// does.
pub(crate) struct Client {
    mailbox: Arc<Mailbox>,
    taken: Taken,
    task: AbortHandle,
    start: Option<oneshot::Sender<()>>,
    opening: Option<Opening>,
}

impl Client {
    /// A connection that [`Client::dial`] will begin. News is announced by `bell`, from other
    /// threads. With `hand_over` the caller serves it as soon as it stands, where that is possible:
    /// see [`Client::take_line`].
    ///
    /// # Errors
    ///
    /// When the runtime cannot be started.
    pub(crate) fn open(route: Route, bell: Box<dyn Doorbell>, hand_over: bool) -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::new(bell));
        let closing = Closing(Arc::clone(&mailbox));
        let (start, started) = oneshot::channel();
        let task = runtime::handle()?.spawn(run(closing, route, started, hand_over)).abort_handle();
        Ok(Self { mailbox, taken: Taken::default(), task, start: Some(start), opening: None })
    }

    /// Begins to connect.
    pub(crate) fn dial(&mut self) {
        if let Some(start) = self.start.take() {
            // Nobody waits for it any more when the connection was destroyed meanwhile.
            let _ = start.send(());
        }
    }

    /// Copies waiting bytes to `target` and says what else is new. An empty `target` asks for the
    /// news alone and stops the bell for bytes until the next call.
    pub(crate) fn collect(&mut self, target: &mut [u8]) -> Report {
        let report = self.mailbox.collect(&mut self.taken, target);
        if report.open && self.opening.is_none() {
            self.opening = self.mailbox.opening();
        }
        if report.closed {
            self.let_go();
        }
        report
    }

    /// Asks for bytes, after a collection with an empty `target`: the bell rings when there are
    /// some.
    pub(crate) fn want(&self) {
        self.mailbox.want();
    }

    /// Rings the bell in any case.
    pub(crate) fn ask(&self) {
        self.mailbox.ask();
    }

    /// Writes `parts` in order, copying what the kernel does not take at once. `true` when more may
    /// follow; otherwise nothing may until a report says `flushed`.
    pub(crate) fn write(&self, parts: &[&[u8]]) -> bool {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        if total == 0 {
            return true;
        }
        let mut done = 0;
        let mut eager = true;
        if let Some(Opening { wire: Some(wire), direct: true, .. }) = &self.opening {
            // Past a queue nothing can be written directly, so it has to be empty again first.
            eager = false;
            match write_now(wire, parts) {
                Ok(count) if count == total => return true,
                Ok(count) => done = count,
                Err(error) => {
                    self.mailbox.fail(Failure::io(Step::Write, &error, None));
                    return false;
                }
            }
        }
        self.mailbox.enqueue(parts, done, eager)
    }

    /// Bytes written and not yet with the kernel.
    pub(crate) fn backlog(&self) -> usize {
        self.mailbox.backlog()
    }

    /// Ends our direction after everything written; a later report says `finished`.
    pub(crate) fn finish(&self) {
        self.mailbox.finish();
    }

    /// Takes the failure that a report announced.
    pub(crate) fn take_failure(&self) -> Option<Failure> {
        self.mailbox.take_failure()
    }

    /// Takes the certificate that a report announced.
    pub(crate) fn take_credentials(&self) -> Option<Credentials> {
        self.mailbox.take_credentials()
    }

    /// Consents to the certificate taken last. Until then nothing is sent to its server; to refuse
    /// is to [`Client::destroy`].
    pub(crate) fn give_consent(&self) {
        self.mailbox.give_consent();
    }

    /// Takes the connection, once a report said `open`: there is no task any more, and no bell.
    /// `None` when the task serves it.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(crate) fn take_line(&self) -> Option<Line> {
        self.mailbox.take_line()
    }

    /// The addresses, once a report said `open`.
    pub(crate) fn endpoints(&self) -> Option<Endpoints> {
        self.opening.as_ref().map(|opening| opening.endpoints)
    }

    /// Switches Nagle's algorithm on an open connection.
    pub(crate) fn set_no_delay(&self, no_delay: bool) {
        if let Some(wire) = self.wire() {
            // Like net.Socket, which does not look at the outcome either.
            let _ = wire.set_no_delay(no_delay);
        }
    }

    /// Switches keep-alive probes on an open connection: off, or on after `delay` of silence.
    pub(crate) fn set_keep_alive(&self, delay: Option<Duration>) {
        if let Some(wire) = self.wire() {
            let _ = wire.set_keep_alive(delay);
        }
    }

    /// Gives the connection up in whatever state it is. What is queued gets one attempt, as bytes
    /// do that the kernel has. The report after the last bell says `closed`.
    pub(crate) fn destroy(&mut self) {
        self.let_go();
        self.mailbox.abandon(&mut self.taken);
        if self.opening.is_some() {
            self.mailbox.doom();
        } else {
            self.task.abort();
        }
    }

    /// Ends the task from elsewhere, when the JavaScript thread goes away.
    pub(crate) fn abort_handle(&self) -> AbortHandle {
        self.task.clone()
    }

    fn wire(&self) -> Option<&Arc<Wire>> {
        self.opening.as_ref()?.wire.as_ref()
    }

    /// The descriptor is closed when the last hold on it goes.
    fn let_go(&mut self) {
        if let Some(opening) = &mut self.opening {
            opening.wire = None;
        }
    }
}

/// At most this many parts go into one system call; the rest waits for the task.
const PARTS: usize = 64;

fn write_now(wire: &Wire, parts: &[&[u8]]) -> io::Result<usize> {
    let slices: Vec<IoSlice<'_>> =
        parts.iter().take(PARTS).map(|part| IoSlice::new(part)).collect();
    loop {
        match wire.try_write(&slices) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            outcome => return outcome,
        }
    }
}

/// Says that the socket is closed, however its task came to an end.
struct Closing(Arc<Mailbox>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The task. Its argument outlives its locals, so the socket is closed before that is told.
async fn run(closing: Closing, route: Route, started: oneshot::Receiver<()>, hand_over: bool) {
    let mailbox = &closing.0;
    if started.await.is_err() {
        return;
    }
    match establish(route, mailbox).await {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        Ok(Established { wire, stream, bare, .. }) if hand_over => {
            let endpoints = wire.endpoints();
            // The stream's hold on the socket has to be the last.
            drop(wire);
            match Line::new(stream, bare) {
                Ok(line) => {
                    mailbox.hand_over(Opening { endpoints, wire: None, direct: false }, line);
                }
                Err(error) => mailbox.fail(Failure::io(Step::Connect, &error, None)),
            }
        }
        Ok(Established { wire, stream, direct, .. }) => {
            let endpoints = wire.endpoints();
            mailbox.opened(Opening { endpoints, wire: Some(Arc::clone(&wire)), direct });
            Pump::new(wire, stream, Arc::clone(mailbox)).await;
        }
        Err(failure) => mailbox.fail(failure),
    }
}
