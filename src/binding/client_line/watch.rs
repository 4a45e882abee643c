//! One client connection on the loop: what it waits for, and what is to be told of it next.

use std::mem;
use std::os::fd::RawFd;

use crate::binding::callback::{Arguments, AsyncContext};
use crate::binding::env::Environment;
use crate::binding::js_copy::Lease;
use crate::binding::socket_report::SocketReport;
use crate::binding::table::{self, Entry};
use crate::transport::failure::Failure;
use crate::transport::line::{Line, Reach};
use crate::transport::readiness::Interest;

/// Instead of a byte count: the number behind it is a `SocketReport`.
pub(super) const NEWS: i32 = -1;

/// A connection's number with its generation, which tells it from an earlier one of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(pub(super) u64);

impl Key {
    pub(super) fn new(number: u32, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(number))
    }

    pub(super) fn number(self) -> u32 {
        self.0 as u32
    }
}

/// How the peer's half of a connection has come to its end, until that was told.
pub(super) enum End {
    Closed,
    Broken(Box<Failure>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    No,
    Wanted,
    Done,
}

/// One connection.
pub(super) struct Watch {
    pub(super) key: Key,
    /// `None` once it is closed and only that is still to be told.
    pub(super) line: Option<Line>,
    pub(super) descriptor: RawFd,
    pub(super) copy: Lease,
    pub(super) context: AsyncContext,
    pub(super) interest: Interest,
    /// JavaScript wants bytes.
    pub(super) is_reading: bool,
    pub(super) end: Option<End>,
    pub(super) is_over: bool,
    /// Chunks are parsed for this session.
    pub(super) session: Option<u32>,
    /// Bytes go to JavaScript unparsed all the same: it has events of an earlier chunk to dispatch.
    pub(super) is_raw: bool,
    /// Bytes written for the session.
    pub(super) written: f64,
    /// A writer waits for the queue.
    pub(super) is_awaited: bool,
    pub(super) finish: Finish,
    pub(super) failure: Option<Box<Failure>>,
    pub(super) news: u32,
    /// It will be served again without being ready.
    pub(super) is_due: bool,
    pub(super) keeps_alive: bool,
}

impl Watch {
    pub(super) fn fail(&mut self, failure: Box<Failure>) {
        self.failure.get_or_insert(failure);
        self.news |= SocketReport::Failed as u32;
    }

    /// Writes what waits, as far as there is room.
    pub(super) fn settle_writing(&mut self) {
        let Some(line) = &mut self.line else { return };
        if let Err(failure) = line.flush() {
            return self.fail(failure);
        }
        if line.backlog() > 0 {
            return;
        }
        if mem::take(&mut self.is_awaited) {
            self.news |= SocketReport::Flushed as u32;
        }
        if self.finish == Finish::Wanted && line.finish() {
            self.finish = Finish::Done;
            self.news |= SocketReport::Finished as u32;
        }
    }

    /// Writes the session's output; returns what is left in it.
    pub(super) fn write(&mut self, entry: &mut Entry<'_>) -> u32 {
        let wire = &mut entry.output.wire;
        let Some(line) = &mut self.line else { return 0 };
        let taken = match line.write(wire) {
            Ok(taken) => taken,
            Err(failure) => {
                self.fail(failure);
                wire.len()
            }
        };
        self.written += taken as f64;
        if taken == wire.len() {
            table::clear_output(entry);
            return 0;
        }
        wire.drain(..taken);
        wire.len() as u32
    }

    /// What to wait for.
    pub(super) fn wanted(&mut self) -> Interest {
        let reads = self.is_reading && self.end.is_none() && !self.is_over;
        match &mut self.line {
            Some(line) if self.failure.is_none() => {
                Interest { read: reads, write: line.is_congested() }
            }
            _ => Interest::NONE,
        }
    }

    /// Whether there is something to tell without the descriptor being ready.
    pub(super) fn has_more(&self) -> bool {
        let hungry = self.line.as_ref().is_some_and(Line::is_hungry);
        let reads = self.is_reading && !self.is_over && self.failure.is_none();
        self.news != 0 || reads && (self.end.is_some() || hungry)
    }

    pub(super) fn take_news(&mut self, number: i32) -> Option<Arguments> {
        let news = mem::take(&mut self.news);
        (news != 0).then_some((number, NEWS, news as i32))
    }

    /// Reads and parses one chunk.
    pub(super) fn receive(&mut self, environment: &Environment, number: i32) -> Option<Arguments> {
        if !self.is_reading || self.is_over || self.failure.is_some() {
            return None;
        }
        if self.end.is_none() {
            let slab = &mut *self.copy.slab();
            let (length, reach) = self.line.as_mut()?.read(slab);
            match reach {
                Reach::Drained | Reach::More => {}
                Reach::Ended => self.end = Some(End::Closed),
                Reach::Failed(failure) => self.end = Some(End::Broken(failure)),
            }
            if length > 0 {
                let count = match self.session {
                    Some(session) if !self.is_raw => {
                        table::parse(environment, session, &mut slab[..length])
                    }
                    _ => 0,
                };
                return Some((number, length as i32, count as i32));
            }
        }
        let end = self.end.take()?;
        self.is_over = true;
        match end {
            End::Closed => Some((number, 0, 0)),
            End::Broken(failure) => {
                self.fail(failure);
                self.take_news(number)
            }
        }
    }
}
