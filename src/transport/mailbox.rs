//! What a connection's task and the JavaScript thread hand each other: bytes both ways, and news.
//!
//! Both directions are bounded. Inwards, the task stops reading the socket at [`HIGH`] uncollected
//! bytes and goes on below [`LOW`], so that a slow listener is felt by the peer. Outwards, the
//! JavaScript stream hands over one batch more once fewer than [`EAGER`] bytes are queued; the rest
//! it keeps itself and knows how much it is.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::failure::{Failure, Step};
#[cfg(any(target_os = "linux", target_os = "macos"))]
use super::line::Line;
use super::wire::{Endpoints, Wire};

/// Uncollected bytes at which the task stops reading the socket. One read may exceed it by
/// [`pump::SCRATCH`](super::pump::SCRATCH).
pub(crate) const HIGH: usize = 256 * 1024;

/// Uncollected bytes below which it goes on.
pub(crate) const LOW: usize = 64 * 1024;

/// Queued bytes up to which a writer need not wait for them: waiting costs it a turn of the event
/// loop for each batch.
pub(crate) const EAGER: usize = 16 * 1024;

/// Tells the JavaScript thread that a mailbox has news. Rung once until it is collected, and dropped
/// when it was collected that the connection is closed.
pub(crate) trait Doorbell: Send {
    /// May be called on any thread; must not block.
    fn ring(&self);
}

/// What one collection found. All but `bytes` are states, not changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// How many bytes were copied to the caller.
    pub(crate) bytes: usize,
    /// More bytes are waiting.
    pub(crate) more: bool,
    /// The connection stands (or stood).
    pub(crate) open: bool,
    /// A certificate waits to be taken.
    pub(crate) asked: bool,
    /// No writer has to wait: what `write` did not promise is with the kernel.
    pub(crate) flushed: bool,
    /// The peer has sent its last byte and it was collected.
    pub(crate) ended: bool,
    /// Our last byte and the end of the stream are with the kernel.
    pub(crate) finished: bool,
    /// A failure waits to be taken.
    pub(crate) failed: bool,
    /// The socket is closed and everything was collected; nothing will follow.
    pub(crate) closed: bool,
}

/// What there is to know of a connection that stands.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) endpoints: Endpoints,
    /// The socket, until it is closed.
    pub(super) wire: Option<Arc<Wire>>,
    /// Whether bytes may go into the socket as they are, past the task.
    pub(super) direct: bool,
}

/// What the task has to write next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The lent buffer was filled.
    Write,
    /// End the stream towards the peer.
    Finish,
    /// Nothing at the moment.
    Wait,
}

#[derive(Default)]
struct State {
    /// Read from the socket and not swapped out by the collector.
    inbound: Vec<u8>,
    /// Swapped out by the collector and not yet copied to JavaScript.
    held: usize,
    /// JavaScript has asked for bytes; without it they ring no bell.
    wanted: bool,
    /// Nobody will collect any more bytes.
    abandoned: bool,
    /// The task found no room and waits to be woken.
    blocked: bool,
    outbound: Vec<u8>,
    /// Bytes of the batch the task is writing.
    writing: usize,
    /// The writer waits for everything to be written.
    awaited: bool,
    /// The task is to end as soon as it has tried to write what is queued.
    doomed: bool,
    finish: Finish,
    open: Option<Opening>,
    /// The connection, when it is not the task that serves it.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    line: Option<Line>,
    /// The task ends and the connection does not.
    handed_over: bool,
    consent: Consent,
    ended: bool,
    failure: Option<Failure>,
    closed: bool,
    task: Option<Waker>,
    rung: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Finish {
    #[default]
    No,
    Wanted,
    Begun,
    Done,
}

/// A server's certificate, on its way to whoever knows the rules for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name the server was asked by.
    pub(crate) name: String,
    /// Its certificate, in DER.
    pub(crate) certificate: Vec<u8>,
}

#[derive(Default)]
enum Consent {
    #[default]
    NotNeeded,
    Asked(Credentials),
    /// Taken and being looked at.
    Pending,
    Given,
}

/// Shared by exactly one task and one [`Client`](super::Client).
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// `None` once the connection is closed: a bell may keep the process alive until it is dropped.
    bell: Mutex<Option<Box<dyn Doorbell>>>,
}

impl Mailbox {
    pub(crate) fn new(bell: Box<dyn Doorbell>) -> Self {
        Self { state: Mutex::default(), bell: Mutex::new(Some(bell)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and a byte queue has no torn state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        if let Some(bell) = self.bell.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bell.ring();
        }
    }

    /// Changes the state and rings unless the last ring is still unanswered.
    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let silent = mem::replace(&mut state.rung, true);
        drop(state);
        if !silent {
            self.ring();
        }
    }
}

/// The task's side.
impl Mailbox {
    /// The connection stands.
    pub(super) fn opened(&self, opening: Opening) {
        self.tell(|state| state.open = Some(opening));
    }

    /// The connection stands, and from now on the JavaScript thread serves it.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(super) fn hand_over(&self, opening: Opening, line: Line) {
        self.tell(|state| {
            state.handed_over = !state.abandoned;
            if state.handed_over {
                state.line = Some(line);
            }
            state.open = Some(opening);
        });
    }

    /// Shows a certificate and waits until [`Mailbox::give_consent`]. Refusal is the end of the task.
    pub(super) async fn consent(&self, name: &str, certificate: Vec<u8>) {
        let credentials = Credentials { name: name.to_owned(), certificate };
        self.tell(|state| state.consent = Consent::Asked(credentials));
        poll_fn(|cx| {
            self.register(cx);
            let given = matches!(self.state().consent, Consent::Given);
            if given { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Leaves word whom to wake when there is work or room again.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let mut state = self.state();
        match &mut state.task {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Whether the socket may be read. After a `false` the task is woken when it may.
    pub(super) fn has_room(&self) -> bool {
        let mut state = self.state();
        state.blocked = state.inbound.len() + state.held >= HIGH;
        !state.blocked
    }

    /// Appends what was read.
    pub(super) fn deliver(&self, bytes: &[u8]) {
        let mut state = self.state();
        if state.abandoned {
            return;
        }
        state.inbound.extend_from_slice(bytes);
        let silent = !state.wanted || mem::replace(&mut state.rung, true);
        drop(state);
        if !silent {
            self.ring();
        }
    }

    /// The peer has ended its stream.
    pub(super) fn end(&self) {
        self.tell(|state| state.ended = true);
    }

    /// Moves the queued batch into `batch`, which must be empty, or says what else there is to do.
    pub(super) fn next_order(&self, batch: &mut Vec<u8>) -> Order {
        let mut state = self.state();
        if !state.outbound.is_empty() {
            mem::swap(&mut state.outbound, batch);
            state.writing = batch.len();
            Order::Write
        } else if state.finish == Finish::Wanted {
            state.finish = Finish::Begun;
            Order::Finish
        } else {
            Order::Wait
        }
    }

    /// The batch last taken is with the kernel.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        state.writing = 0;
        if !state.awaited || !state.outbound.is_empty() {
            return;
        }
        state.awaited = false;
        drop(state);
        self.ask();
    }

    /// Whether to give up after the next attempt to write.
    pub(super) fn is_doomed(&self) -> bool {
        self.state().doomed
    }

    /// The end of our stream is with the kernel.
    pub(super) fn finished(&self) {
        self.tell(|state| state.finish = Finish::Done);
    }

    /// The connection is of no further use. Bytes read before stay to be collected.
    pub(super) fn fail(&self, failure: Failure) {
        self.tell(|state| {
            state.failure.get_or_insert(failure);
        });
    }

    /// The socket is closed, unless it was handed over.
    pub(super) fn close(&self) {
        self.tell(|state| {
            // Whoever took the connection over may have closed it before its task has ended.
            state.closed |= !state.handed_over;
            if let Some(opening) = &mut state.open {
                opening.wire = None;
            }
        });
    }
}

/// The JavaScript thread's side.
impl Mailbox {
    /// Fills `target` and reports. `taken` is the collector's own buffer, kept between calls.
    /// An empty target says that no bytes are wanted at the moment.
    pub(super) fn collect(&self, taken: &mut Taken, target: &mut [u8]) -> Report {
        let mut state = self.state();
        if taken.is_empty() && !target.is_empty() && !state.inbound.is_empty() {
            taken.refill(&mut state.inbound);
        }
        state.held = taken.len().saturating_sub(target.len());
        state.wanted = !target.is_empty();
        state.rung = false;
        let waiting = state.inbound.len() + state.held;
        let wake = if state.blocked && waiting < LOW {
            state.blocked = false;
            state.task.take()
        } else {
            None
        };
        // What arrived before a broken read is still the user's; a broken write is news at once.
        let failed = state
            .failure
            .as_ref()
            .is_some_and(|failure| waiting == 0 || failure.step != Step::Read);
        let mut report = Report {
            bytes: 0,
            more: waiting > 0,
            open: state.open.is_some(),
            asked: matches!(state.consent, Consent::Asked(_)),
            flushed: !state.awaited,
            ended: state.ended && waiting == 0,
            finished: state.finish == Finish::Done,
            failed,
            closed: state.closed && waiting == 0,
        };
        drop(state);
        if report.closed {
            self.bell.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        if let Some(waker) = wake {
            waker.wake();
        }
        report.bytes = taken.copy_to(target);
        report
    }

    /// Asks for bytes: the bell rings now if some are waiting, and otherwise when some arrive.
    pub(super) fn want(&self) {
        let mut state = self.state();
        state.wanted = true;
        let silent = state.inbound.len() + state.held == 0 || mem::replace(&mut state.rung, true);
        drop(state);
        if !silent {
            self.ring();
        }
    }

    /// Rings in any case.
    pub(super) fn ask(&self) {
        self.tell(|_| {});
    }

    /// Throws away what was not collected, and what comes.
    pub(super) fn abandon(&self, taken: &mut Taken) {
        *taken = Taken::default();
        let mut state = self.state();
        state.abandoned = true;
        state.inbound = Vec::new();
        state.held = 0;
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        if state.line.take().is_some() {
            state.closed = true;
        }
    }

    /// Takes the connection that was handed over; the bell is silent from then on.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(super) fn take_line(&self) -> Option<Line> {
        let line = self.state().line.take()?;
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).take();
        Some(line)
    }

    /// Queues `parts` without their first `skip` bytes and wakes the task. Returns whether the writer
    /// may go on at once, which is never so unless it is `eager`.
    pub(super) fn enqueue(&self, parts: &[&[u8]], skip: usize, eager: bool) -> bool {
        let mut state = self.state();
        let mut skip = skip;
        for part in parts {
            let (_, rest) = part.split_at(skip.min(part.len()));
            skip -= part.len() - rest.len();
            state.outbound.extend_from_slice(rest);
        }
        let go_on = eager && state.outbound.len() + state.writing <= EAGER;
        state.awaited = !go_on;
        self.wake(state);
        go_on
    }

    /// Bytes that were queued and are not with the kernel.
    pub(super) fn backlog(&self) -> usize {
        let state = self.state();
        state.outbound.len() + state.writing
    }

    /// Ends the task once it has tried to write what is queued.
    pub(super) fn doom(&self) {
        let mut state = self.state();
        state.doomed = true;
        self.wake(state);
    }

    /// Ends our stream after what is queued.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        if state.finish == Finish::No {
            state.finish = Finish::Wanted;
        }
        self.wake(state);
    }

    /// Takes the certificate a report announced. Each has to be consented to.
    pub(super) fn take_credentials(&self) -> Option<Credentials> {
        let mut state = self.state();
        match mem::replace(&mut state.consent, Consent::Pending) {
            Consent::Asked(credentials) => Some(credentials),
            other => {
                state.consent = other;
                None
            }
        }
    }

    /// Lets the task go on with the server whose certificate was taken last.
    pub(super) fn give_consent(&self) {
        let mut state = self.state();
        if matches!(state.consent, Consent::Pending) {
            state.consent = Consent::Given;
        }
        self.wake(state);
    }

    /// Takes the failure a report announced.
    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.state().failure.take()
    }

    /// What the task said when the connection stood.
    pub(super) fn opening(&self) -> Option<Opening> {
        self.state().open.clone()
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let task = state.task.take();
        drop(state);
        if let Some(waker) = task {
            waker.wake();
        }
    }
}

/// The collector's end of the inbound queue: a buffer that changes places with the task's, so that
/// copying to JavaScript happens outside the lock.
#[derive(Default)]
pub(super) struct Taken {
    bytes: Vec<u8>,
    at: usize,
}

impl Taken {
    fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn refill(&mut self, inbound: &mut Vec<u8>) {
        self.bytes.clear();
        self.at = 0;
        mem::swap(&mut self.bytes, inbound);
    }

    fn copy_to(&mut self, target: &mut [u8]) -> usize {
        let length = self.len().min(target.len());
        target[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        if self.is_empty() {
            self.at = 0;
            self.bytes.clear();
            // A burst must not be paid for by every idle connection ever after.
            if self.bytes.capacity() > LOW {
                self.bytes = Vec::new();
            }
        }
        length
    }
}
