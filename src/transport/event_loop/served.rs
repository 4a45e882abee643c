//! One connection that is read and written on the loop.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

pub(crate) use super::owned::Owned;
use super::poller::{Interest, Ready, Trigger};
use super::{Host, READ_BUDGET, Report};
use crate::proto::growth;
use crate::proto::hybi::Landing;
use crate::proto::sessions::ServedSession;
use crate::transport::descriptor::{LentDescriptor, receive, send};
use crate::transport::failure::Failure;
use crate::transport::non_blocking_stream::{NonBlockingStream, ReadOutcome};

/// A descriptor that Node owns: ends and failures are reported, and Node deals with them.
pub(super) struct Borrowed {
    descriptor: LentDescriptor,
    trigger: Trigger,
    /// Something besides bytes has arrived, at which a read may have stopped: more may be left to
    /// read.
    may_be_cut_short: bool,
    may_have_more: bool,
    /// The socket has failed. It is not read any more, as the read would take the error that Node
    /// has to find.
    has_failed: bool,
}

/// The descriptor of a connection.
pub(super) enum Descriptor {
    Borrowed(Borrowed),
    Owned(Box<Owned>),
}

/// Why nothing more can be read of a connection.
enum Cause {
    Ended,
    Errno(Errno),
    Failure(Box<Failure>),
}

/// Whether the end of a connection was reached, and was reported.
enum End {
    Open,
    /// The end was found together with bytes, which have to be reported before it.
    Untold(Cause),
    Told,
}

/// One connection.
pub(crate) struct Served<H: Host> {
    pub(crate) tag: H::Tag,
    pub(super) descriptor: Descriptor,
    /// The session by which chunks are parsed.
    session: Option<u32>,
    end: End,
    /// The readiness that the poller waits for.
    pub(super) interest: Interest,
    /// Whether JavaScript wants bytes.
    pub(super) is_reading: bool,
    /// Whether chunks are reported unparsed although there is a session, because JavaScript has
    /// undelivered events of an earlier chunk.
    is_raw: bool,
    /// Whether it is on the revisit list.
    pub(super) is_on_revisit_list: bool,
    received: f64,
    written: f64,
    /// Memory that was lent for the message that is landing.
    landing: Option<Box<H::Memory>>,
    /// Bytes of memory that are needed for that message, or 0.
    wanted: u32,
}

impl Borrowed {
    fn read(&mut self, space: &mut [u8]) -> (usize, Option<Cause>) {
        self.may_have_more = false;
        match receive(self.descriptor.as_fd(), space) {
            Ok(0) => (0, Some(Cause::Ended)),
            Ok(length) => {
                self.may_have_more = length == space.len() || self.may_be_cut_short;
                (length, None)
            }
            Err(Errno::AGAIN) => {
                self.may_be_cut_short = false;
                (0, None)
            }
            Err(error) => (0, Some(Cause::Errno(error))),
        }
    }
}

impl Descriptor {
    /// Reads once: the number of bytes, and why they are the last ones if they are.
    fn read(&mut self, space: &mut [u8]) -> (usize, Option<Cause>) {
        match self {
            Self::Borrowed(borrowed) => borrowed.read(space),
            Self::Owned(owned) => {
                let Some(stream) = owned.stream() else { return (0, None) };
                let (length, outcome) = stream.read(space);
                let cause = match outcome {
                    ReadOutcome::Drained | ReadOutcome::More => None,
                    ReadOutcome::Ended => Some(Cause::Ended),
                    ReadOutcome::Failed(failure) => Some(Cause::Failure(failure)),
                };
                (length, cause)
            }
        }
    }

    /// Whether a read may yield bytes before the descriptor is ready again.
    fn may_have_more(&self) -> bool {
        match self {
            Self::Borrowed(borrowed) => borrowed.may_have_more,
            Self::Owned(owned) => owned.has_buffered(),
        }
    }

    /// The descriptor to watch, and how; `None` once it is closed.
    pub(super) fn watched(&mut self) -> Option<(BorrowedFd<'_>, Trigger)> {
        match self {
            Self::Borrowed(borrowed) => Some((borrowed.descriptor.as_fd(), borrowed.trigger)),
            Self::Owned(owned) => Some((owned.descriptor()?, Trigger::Level)),
        }
    }
}

impl<H: Host> Served<H> {
    fn new(tag: H::Tag, descriptor: Descriptor, session: Option<u32>) -> Self {
        Self {
            tag,
            descriptor,
            session,
            end: End::Open,
            interest: Interest::NONE,
            is_reading: false,
            is_raw: false,
            is_on_revisit_list: false,
            received: 0.0,
            written: 0.0,
            landing: None,
            wanted: 0,
        }
    }

    /// A connection whose descriptor Node owns, for a session. Nothing is read yet.
    pub(crate) fn borrowed(tag: H::Tag, descriptor: LentDescriptor, session: u32) -> Self {
        let trigger = Trigger::for_reading(descriptor.as_fd());
        let borrowed = Borrowed {
            descriptor,
            trigger,
            may_be_cut_short: false,
            may_have_more: false,
            has_failed: false,
        };
        Self::new(tag, Descriptor::Borrowed(borrowed), Some(session))
    }

    /// A dialled connection, without a session. Nothing is read yet.
    pub(crate) fn owned(tag: H::Tag, stream: NonBlockingStream, keeps_alive: bool) -> Self {
        let owned = Owned::new(stream, keeps_alive);
        Self::new(tag, Descriptor::Owned(Box::new(owned)), None)
    }

    /// The part that only a dialled connection has.
    pub(crate) fn as_owned(&mut self) -> Option<&mut Owned> {
        match &mut self.descriptor {
            Descriptor::Owned(owned) => Some(owned),
            Descriptor::Borrowed(_) => None,
        }
    }

    /// The number of bytes that were read.
    pub(crate) fn received(&self) -> f64 {
        self.received
    }

    /// The number of bytes that were written for a session.
    pub(crate) fn written(&self) -> f64 {
        self.written
    }

    /// Has chunks parsed by `session` from now on, or reported unparsed.
    pub(crate) fn set_session(&mut self, host: &H, session: Option<u32>) {
        self.set_raw(host, false);
        self.session = session;
    }

    /// Has chunks reported unparsed for a while, or parsed again.
    pub(crate) fn set_raw(&mut self, host: &H, on: bool) {
        self.cancel_landing(host);
        self.is_raw = on;
    }

    /// The session by which chunks are parsed.
    pub(crate) fn session(&self) -> Option<u32> {
        self.session
    }

    fn parses_for(&self) -> Option<u32> {
        self.session.filter(|_| !self.is_raw)
    }

    fn has_failed(&self) -> bool {
        matches!(&self.descriptor, Descriptor::Owned(owned) if owned.has_failed())
    }

    /// What the poller has to wait for.
    pub(super) fn needed(&mut self) -> Interest {
        let read = self.is_reading && matches!(self.end, End::Open);
        match &mut self.descriptor {
            Descriptor::Borrowed(_) => Interest { read, write: false },
            Descriptor::Owned(owned) => owned.interest(read),
        }
    }

    /// Whether it keeps the loop alive. A socket of Node's does while it is read, as with Node.
    pub(super) fn holds_loop(&self) -> bool {
        match &self.descriptor {
            Descriptor::Borrowed(_) => self.interest.read,
            Descriptor::Owned(owned) => owned.keeps_alive,
        }
    }

    /// Whether there is something to report or to read without the descriptor being ready.
    pub(super) fn has_more(&self) -> bool {
        if let Descriptor::Owned(owned) = &self.descriptor
            && owned.has_events()
        {
            return true;
        }
        self.is_reading
            && !self.has_failed()
            && match self.end {
                End::Open => self.descriptor.may_have_more(),
                End::Untold(_) => true,
                End::Told => false,
            }
    }

    /// What has to be reported before anything is read. `is_first_round`: a new turn of the loop
    /// has begun.
    pub(super) fn report_before_reading(&mut self, is_first_round: bool) -> Option<Report> {
        if let Descriptor::Owned(owned) = &mut self.descriptor {
            owned.begin(is_first_round);
            let events = owned.take_events();
            if events != 0 {
                return Some(Report::SocketEvents(events));
            }
        }
        if self.wanted == 0 || self.is_raw || !self.is_reading {
            return None;
        }
        Some(Report::MemoryWanted(mem::take(&mut self.wanted)))
    }

    /// Notes what the poller has reported besides readiness.
    pub(super) fn note(&mut self, ready: Ready) {
        if let Descriptor::Borrowed(borrowed) = &mut self.descriptor {
            borrowed.may_be_cut_short |= ready.more;
            borrowed.has_failed |= ready.failed;
        }
    }

    /// Reads and parses one chunk, and returns what to report.
    pub(super) fn receive(&mut self, host: &H, ready: Ready) -> Option<Report> {
        if !self.is_reading || self.has_failed() {
            return None;
        }
        self.note(ready);
        if let Descriptor::Borrowed(borrowed) = &self.descriptor
            && borrowed.has_failed
        {
            return Some(Report::Failed);
        }
        match mem::replace(&mut self.end, End::Told) {
            End::Open => self.end = End::Open,
            End::Untold(cause) => return self.tell_end(cause),
            End::Told => return None,
        }
        if self.landing.is_some()
            && let Some(session) = self.parses_for()
        {
            let landed = host.session(session, |session| self.land(session)).flatten();
            if let Some((report, cause)) = landed {
                return self.told(report, cause);
            }
        }
        let (length, events, cause) = self.read_to_slab(host);
        let report = (length > 0).then_some(Report::Chunk { length, events });
        self.told(report, cause)
    }

    /// Reads into the slab and parses: the number of bytes and of events, and why they are the last
    /// ones if they are.
    fn read_to_slab(&mut self, host: &H) -> (usize, u32, Option<Cause>) {
        let slab = &mut *H::slab(&self.tag);
        let (length, cause) = self.descriptor.read(slab);
        self.received += length as f64;
        let events = self.session.filter(|_| length > 0 && !self.is_raw).and_then(|session| {
            let chunk = slab.get_mut(..length).unwrap_or_default();
            host.session(session, |session| session.receive(chunk))
        });
        (length, events.unwrap_or_default(), cause)
    }

    /// What to report: `report`, or without one the end. With both, the end is kept for the next
    /// call.
    fn told(&mut self, report: Option<Report>, cause: Option<Cause>) -> Option<Report> {
        match (report, cause) {
            (None, Some(cause)) => {
                self.end = End::Told;
                self.tell_end(cause)
            }
            (report, cause) => {
                if let Some(cause) = cause {
                    self.end = End::Untold(cause);
                }
                report
            }
        }
    }

    fn tell_end(&mut self, cause: Cause) -> Option<Report> {
        match cause {
            Cause::Ended => Some(Report::Ended),
            // The descriptor is no socket but, for instance, a pipe: Node reads it.
            Cause::Errno(Errno::NOTSOCK) => Some(Report::Failed),
            Cause::Errno(errno) => Some(Report::ReadFailed(errno)),
            Cause::Failure(failure) => {
                let owned = self.as_owned()?;
                owned.fail(failure);
                Some(Report::SocketEvents(owned.take_events()))
            }
        }
    }

    /// Takes memory for the message that is landing. The first memory has the bytes that have
    /// arrived; to later, longer memory they are copied here.
    pub(crate) fn lend(&mut self, host: &H, mut memory: Box<H::Memory>) {
        let Some(session) = self.session else { return };
        let before = self.landing.take();
        let taken = host.session(session, |session| {
            let Landing { held, .. } = session.landing()?;
            if let Some(before) = before {
                let (Some(place), Some(bytes)) = (memory.get_mut(..held), before.get(..held))
                else {
                    // The new memory is too short.
                    session.cancel_landing(&before);
                    return None;
                };
                place.copy_from_slice(bytes);
            }
            Some(memory)
        });
        self.landing = taken.flatten();
    }

    /// Reads more of the message that is landing into the memory that was lent for it; `None` where
    /// it does not land any more.
    fn land(&mut self, session: &mut H::Session<'_>) -> Option<(Option<Report>, Option<Cause>)> {
        // `landing` is `None` after our side has begun to close: then the memory is dropped.
        let mut memory = self.landing.take()?;
        let Landing { held, missing } = session.landing()?;
        let end = memory.len().min(held.saturating_add(missing.min(READ_BUDGET)));
        let Some(room) = memory.get_mut(held..end).filter(|room| !room.is_empty()) else {
            session.cancel_landing(&memory);
            return None;
        };
        let (length, cause) = self.descriptor.read(room);
        if length == 0 {
            self.landing = Some(memory);
            return Some((None, cause));
        }
        self.received += length as f64;
        if session.landed(&mut memory, length) > 0 {
            return Some((Some(Report::Landed { length }), cause));
        }
        self.wanted = wanted(session.landing(), memory.len());
        self.landing = Some(memory);
        Some((Some(Report::Chunk { length, events: 0 }), cause))
    }

    /// Gives the bytes of a message that is landing back to the session: its rest will come in
    /// chunks.
    pub(super) fn cancel_landing(&mut self, host: &H) {
        self.wanted = 0;
        if let Some(memory) = self.landing.take()
            && let Some(session) = self.session
        {
            host.session(session, |session| session.cancel_landing(&memory));
        }
    }

    /// Writes the session's output and then `more`; returns how many bytes of both the system has
    /// not taken. Those of the session stay there; those of `more` are not kept.
    pub(crate) fn write(&mut self, session: &mut impl ServedSession, more: &[u8]) -> usize {
        let wire = session.wire();
        let total = wire.len() + more.len();
        if total == 0 {
            return 0;
        }
        let taken = match &mut self.descriptor {
            // An error is not reported: Node gets it when it writes the rest.
            Descriptor::Borrowed(borrowed) => {
                send(borrowed.descriptor.as_fd(), wire, more).unwrap_or_default()
            }
            Descriptor::Owned(owned) => owned.write(wire, more),
        };
        self.written += taken as f64;
        if taken >= wire.len() {
            session.forget_wire();
        } else {
            wire.drain(..taken);
        }
        total - taken
    }
}

/// Bytes of memory that are needed when the `given` bytes are full, or 0 before.
fn wanted(landing: Option<Landing>, given: usize) -> u32 {
    let Some(Landing { held, missing }) = landing else { return 0 };
    if held < given {
        return 0;
    }
    // A message that lands has at most 1 GiB.
    growth::capacity(held, missing as u64) as u32
}
