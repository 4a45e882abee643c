//! A connection that is ours alone: its ends, failures and congestion are dealt with here too.

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

/// A dialled connection and what is to be told of it.
pub(crate) struct Owned {
    /// `None` once it is closed and only that is still to be told.
    stream: Option<NonBlockingStream>,
    finish: Finish,
    failure: Option<Box<Failure>>,
    /// Bits of [`SocketEvents`].
    events: u32,
    /// A writer waits for the stream's queue.
    is_awaited: bool,
    /// It keeps the loop going.
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

    /// Where it is watched, unless it is closed.
    pub(super) fn descriptor(&mut self) -> Option<BorrowedFd<'_>> {
        self.stream.as_mut()?.descriptor()
    }

    pub(super) fn fail(&mut self, failure: Box<Failure>) {
        self.failure.get_or_insert(failure);
        self.events |= SocketEvents::FAILED;
    }

    /// Fails for a reason that is no system call's.
    pub(super) fn fail_with(&mut self, error: &io::Error) {
        self.fail(Box::new(Failure::io(Step::Read, error, None)));
    }

    /// What went wrong first.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    /// Whether there is something to tell.
    pub(super) fn has_events(&self) -> bool {
        self.events != 0
    }

    /// Whether reading may yield something before the descriptor is ready.
    pub(super) fn has_buffered(&self) -> bool {
        self.stream.as_ref().is_some_and(NonBlockingStream::has_buffered)
    }

    /// Takes what is to be told.
    pub(super) fn take_events(&mut self) -> u32 {
        mem::take(&mut self.events)
    }

    /// Before anything is read: writes what waits, as far as there is room. `is_first_round`:
    /// others have had their turn.
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

    /// Writes the two parts, one behind the other; returns how many bytes need not be written any
    /// more. If the connection fails, that is all of them.
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

    /// Copies what the kernel does not take at once. True when more may follow; otherwise the
    /// events will be [`SocketEvents::FLUSHED`], and nothing may be pushed before.
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

    /// Ends our direction after what was written: [`SocketEvents::FINISHED`].
    pub(crate) fn finish(&mut self) {
        if self.finish == Finish::No {
            self.finish = Finish::Wanted;
        }
        self.settle_writing();
    }

    /// Closes the socket in whatever state it is: [`SocketEvents::CLOSED`].
    pub(crate) fn close(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            // Like bytes that the kernel has, what is queued gets one attempt.
            let _ = stream.flush();
            self.events |= SocketEvents::CLOSED;
        }
    }

    /// For settings of the socket.
    pub(crate) fn set(&mut self, act: impl FnOnce(&mut NonBlockingStream)) {
        if let Some(stream) = &mut self.stream {
            act(stream);
        }
    }

    /// What to wait for; `reads`: bytes are wanted.
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
