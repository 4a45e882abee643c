//! A dialled connection: its end, failures and congestion are dealt with here, as Node does for its
//! own sockets.

use std::io;
use std::mem;
use std::os::fd::BorrowedFd;

use super::SocketEvents;
use super::poller::Interest;
use crate::transport::failure::{Failure, Step};
use crate::transport::non_blocking_stream::NonBlockingStream;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    No,
    Wanted,
    Done,
}

/// A dialled connection, and the events that are to be reported.
pub(crate) struct Owned {
    /// `None` once it is closed, and only that is still to be reported.
    stream: Option<NonBlockingStream>,
    finish: Finish,
    failure: Option<Box<Failure>>,
    /// Bits of [`SocketEvents`].
    events: u32,
    /// Whether a writer waits until the kernel has taken the queue.
    is_awaited: bool,
    /// Whether it keeps the loop alive.
    pub(super) keeps_alive: bool,
}

impl Owned {
    pub(super) fn new(stream: NonBlockingStream, keeps_alive: bool) -> Self {
        Self {
            stream: Some(stream),
            finish: Finish::No,
            failure: None,
            events: 0,
            is_awaited: false,
            keeps_alive,
        }
    }

    pub(super) fn stream(&mut self) -> Option<&mut NonBlockingStream> {
        self.stream.as_mut()
    }

    /// The descriptor to watch; `None` once it is closed.
    pub(super) fn descriptor(&mut self) -> Option<BorrowedFd<'_>> {
        self.stream.as_mut()?.descriptor()
    }

    pub(super) fn fail(&mut self, failure: Box<Failure>) {
        self.failure.get_or_insert(failure);
        self.events |= SocketEvents::FAILED;
    }

    /// Fails with an error of no system call on the socket.
    pub(super) fn fail_with(&mut self, error: &io::Error) {
        self.fail(Box::new(Failure::io(Step::Read, error, None)));
    }

    /// The first failure.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    /// Whether there are events to report.
    pub(super) fn has_events(&self) -> bool {
        self.events != 0
    }

    /// Whether a read may yield bytes before the descriptor is ready again.
    pub(super) fn has_buffered(&self) -> bool {
        self.stream.as_ref().is_some_and(NonBlockingStream::has_buffered)
    }

    /// Takes the events to report.
    pub(super) fn take_events(&mut self) -> u32 {
        mem::take(&mut self.events)
    }

    /// Begins to serve the connection: writes the queue, as far as there is room. `is_first_round`:
    /// a new turn of the loop has begun.
    pub(super) fn begin(&mut self, is_first_round: bool) {
        if let Some(stream) = &mut self.stream {
            if is_first_round {
                stream.begin_turn();
            }
            stream.refresh();
        }
        self.settle_writing();
    }

    fn settle_writing(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        if let Err(failure) = stream.flush() {
            return self.fail(failure);
        }
        if stream.backlog() > 0 {
            return;
        }
        if mem::take(&mut self.is_awaited) {
            self.events |= SocketEvents::FLUSHED;
        }
        if self.finish == Finish::Wanted && stream.finish() {
            self.finish = Finish::Done;
            self.events |= SocketEvents::FINISHED;
        }
    }

    /// Writes the two parts, one after the other; returns how many bytes need not be written again:
    /// all of them, if the connection fails.
    pub(super) fn write(&mut self, first: &[u8], second: &[u8]) -> usize {
        let Some(stream) = &mut self.stream else { return 0 };
        let taken = stream.write(first).and_then(|taken| {
            let is_all = taken == first.len() && !second.is_empty();
            Ok(if is_all { taken + stream.write(second)? } else { taken })
        });
        taken.unwrap_or_else(|failure| {
            self.fail(failure);
            first.len() + second.len()
        })
    }

    /// Writes `parts`, and queues a copy of what the kernel does not take. True when more may be
    /// pushed; otherwise [`SocketEvents::FLUSHED`] will be reported, and nothing may be pushed
    /// before.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        match stream.push(parts) {
            Ok(is_all) => {
                self.is_awaited = !is_all;
                is_all
            }
            Err(failure) => {
                self.fail(failure);
                false
            }
        }
    }

    /// Ends our stream after the queue: [`SocketEvents::FINISHED`] will be reported.
    pub(crate) fn finish(&mut self) {
        if self.finish == Finish::No {
            self.finish = Finish::Wanted;
        }
        self.settle_writing();
    }

    /// Closes the socket in any state: [`SocketEvents::CLOSED`] will be reported.
    pub(crate) fn close(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            // The kernel still sends the bytes that it has taken: it is offered the queue once
            // more.
            let _ = stream.flush();
            self.events |= SocketEvents::CLOSED;
        }
    }

    /// Calls `act` with the stream, for settings of the socket.
    pub(crate) fn set(&mut self, act: impl FnOnce(&mut NonBlockingStream)) {
        if let Some(stream) = &mut self.stream {
            act(stream);
        }
    }

    /// What the poller has to wait for; `reads`: bytes are wanted.
    pub(super) fn interest(&mut self, reads: bool) -> Interest {
        match &mut self.stream {
            Some(stream) if self.failure.is_none() => {
                Interest { read: reads, write: stream.is_congested() }
            }
            _ => Interest::NONE,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }
}
