//! One connection that is served on the loop.

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

/// A descriptor whose owner keeps it and hears of ends and failures: they are its to deal with.
pub(super) struct Borrowed {
    descriptor: LentDescriptor,
    trigger: Trigger,
    /// Something besides bytes has arrived, which may have cut a read short.
    may_be_cut_short: bool,
    may_have_more: bool,
    /// Reading would consume the error.
    has_failed: bool,
}

/// What a connection is read from and written to.
pub(super) enum Descriptor {
    Borrowed(Borrowed),
    Owned(Box<Owned>),
}

/// Why nothing more can be read.
enum Cause {
    Ended,
    Errno(Errno),
    Failure(Box<Failure>),
}

/// How a connection has come to its end.
enum End {
    Open,
    /// What was read before is told first.
    Untold(Cause),
    Told,
}

/// One connection.
pub(crate) struct Served<H: Host> {
    pub(crate) tag: H::Tag,
    pub(super) descriptor: Descriptor,
    /// Chunks are parsed for this session.
    session: Option<u32>,
    end: End,
    /// What the poller has been told to wait for.
    pub(super) interest: Interest,
    /// JavaScript wants bytes.
    pub(super) is_reading: bool,
    /// Bytes go to JavaScript unparsed all the same: it has events of an earlier chunk to dispatch.
    is_raw: bool,
    /// It is on the revisit list.
    pub(super) is_on_revisit_list: bool,
    received: f64,
    written: f64,
    /// Memory lent for the message that is being read.
    landing: Option<Box<H::Memory>>,
    /// Bytes of memory that are wanted for that message, or 0.
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
    /// Reads once: how many bytes, and why they were the last if they were.
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

    /// Whether reading may yield something before the descriptor is ready.
    fn may_have_more(&self) -> bool {
        match self {
            Self::Borrowed(borrowed) => borrowed.may_have_more,
            Self::Owned(owned) => owned.has_buffered(),
        }
    }

    /// Where it is watched, unless it is closed.
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

    /// A connection of somebody else's, for a session. Nothing is read yet.
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

    /// A connection of ours, for nobody yet. Nothing is read yet.
    pub(crate) fn owned(tag: H::Tag, stream: NonBlockingStream, keeps_alive: bool) -> Self {
        let owned = Owned::new(stream, keeps_alive);
        Self::new(tag, Descriptor::Owned(Box::new(owned)), None)
    }

    /// The part of it that only a connection of ours has.
    pub(crate) fn as_owned(&mut self) -> Option<&mut Owned> {
        match &mut self.descriptor {
            Descriptor::Owned(owned) => Some(owned),
            Descriptor::Borrowed(_) => None,
        }
    }

    /// Bytes read.
    pub(crate) fn received(&self) -> f64 {
        self.received
    }

    /// Bytes written for a session.
    pub(crate) fn written(&self) -> f64 {
        self.written
    }

    /// Parses chunks for `session` from now on, or hands them over as they are.
    pub(crate) fn set_session(&mut self, host: &H, session: Option<u32>) {
        self.set_raw(host, false);
        self.session = session;
    }

    /// Hands chunks over unparsed for a while, or parses them again.
    pub(crate) fn set_raw(&mut self, host: &H, on: bool) {
        self.cancel_landing(host);
        self.is_raw = on;
    }

    /// The session that chunks are parsed for.
    pub(crate) fn session(&self) -> Option<u32> {
        self.session
    }

    fn parses_for(&self) -> Option<u32> {
        self.session.filter(|_| !self.is_raw)
    }

    fn has_failed(&self) -> bool {
        matches!(&self.descriptor, Descriptor::Owned(owned) if owned.has_failed())
    }

    /// What to wait for.
    pub(super) fn needed(&mut self) -> Interest {
        let read = self.is_reading && matches!(self.end, End::Open);
        match &mut self.descriptor {
            Descriptor::Borrowed(_) => Interest { read, write: false },
            Descriptor::Owned(owned) => owned.interest(read),
        }
    }

    /// Whether it keeps the loop going. A socket of Node's does by being read, as it does with
    /// Node.
    pub(super) fn holds_loop(&self) -> bool {
        match &self.descriptor {
            Descriptor::Borrowed(_) => self.interest.read,
            Descriptor::Owned(owned) => owned.keeps_alive,
        }
    }

    /// Whether there is something to tell or to read without the descriptor being ready.
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

    /// What is told before anything is read. `is_first_round`: others have had their turn.
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

    /// Remembers what the poller has said of it besides being ready.
    pub(super) fn note(&mut self, ready: Ready) {
        if let Descriptor::Borrowed(borrowed) = &mut self.descriptor {
            borrowed.may_be_cut_short |= ready.more;
            borrowed.has_failed |= ready.failed;
        }
    }

    /// Reads and parses one chunk; what to tell, unless that is nothing.
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

    /// Reads to the slab and parses: bytes, events, and why they were the last if they were.
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

    /// What to tell: a report, and why there will be no other.
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
            // A pipe, say: its owner knows how to read it.
            Cause::Errno(Errno::NOTSOCK) => Some(Report::Failed),
            Cause::Errno(errno) => Some(Report::ReadFailed(errno)),
            Cause::Failure(failure) => {
                let owned = self.as_owned()?;
                owned.fail(failure);
                Some(Report::SocketEvents(owned.take_events()))
            }
        }
    }

    /// Takes memory for the message that is landing: the first of it, which holds what has arrived,
    /// or more, as was wanted.
    pub(crate) fn lend(&mut self, host: &H, mut memory: Box<H::Memory>) {
        let Some(session) = self.session else { return };
        let before = self.landing.take();
        let taken = host.session(session, |session| {
            let Landing { held, .. } = session.landing()?;
            if let Some(before) = before {
                let (Some(place), Some(bytes)) = (memory.get_mut(..held), before.get(..held))
                else {
                    // Not what was asked for.
                    session.cancel_landing(&before);
                    return None;
                };
                place.copy_from_slice(bytes);
            }
            Some(memory)
        });
        self.landing = taken.flatten();
    }

    /// Reads the rest of a message to the memory lent for it, if that is what comes next.
    fn land(&mut self, session: &mut H::Session<'_>) -> Option<(Option<Report>, Option<Cause>)> {
        // Abandoned when the message is: because our side has closed.
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

    /// Gives what has landed back to the session: the rest comes another way.
    pub(super) fn cancel_landing(&mut self, host: &H) {
        self.wanted = 0;
        if let Some(memory) = self.landing.take()
            && let Some(session) = self.session
        {
            host.session(session, |session| session.cancel_landing(&memory));
        }
    }

    /// Writes the session's output and `more` behind it; returns how many bytes are left of both.
    /// Of `more` nothing is kept.
    pub(crate) fn write(&mut self, session: &mut impl ServedSession, more: &[u8]) -> usize {
        let wire = session.wire();
        let total = wire.len() + more.len();
        if total == 0 {
            return 0;
        }
        let taken = match &mut self.descriptor {
            // Its owner is told again of whatever goes wrong when it writes the rest.
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

/// Bytes of memory to go on with once `given` bytes of it are full, or 0.
fn wanted(landing: Option<Landing>, given: usize) -> u32 {
    let Some(Landing { held, missing }) = landing else { return 0 };
    if held < given {
        return 0;
    }
    // A message that lands is shorter than 2 GiB.
    growth::capacity(held, missing as u64) as u32
}
