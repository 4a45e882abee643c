//! A client's socket while Node's event loop watches it: reads and writes never block, and register
//! no waker.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::descriptor::{receive, send};

/// Bytes that are read ahead for a layer that asks for fewer: TLS asks for the header of a record
/// first.
const AHEAD: usize = 64 * 1024;

/// Bytes that the layers above may take in one turn of the loop without yielding any. A peer could
/// otherwise keep the loop busy with TLS records that carry no data of the application (KeyUpdate,
/// NewSessionTicket), for as long as it sends them. It is more than one record, whose parts yield
/// nothing until it is complete, and few enough bytes for the time that it may take to decrypt
/// them.
const WASTE: usize = 32 * 1024;

thread_local! {
    /// One buffer for reading ahead; a socket has it while there are unread bytes in it.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A non-blocking socket that remembers whether the kernel has had bytes and room at the last call.
pub(super) struct NonBlocking {
    socket: OwnedFd,
    ahead: Vec<u8>,
    at: usize,
    end: usize,
    is_drained: bool,
    is_congested: bool,
    /// The last error of the kernel. OpenSSL keeps none of it where a write fails.
    failure: Option<Errno>,
    /// Bytes that the layers above have taken in this turn and not yielded.
    wasted: usize,
}

impl NonBlocking {
    /// `socket` must be non-blocking already.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            ahead: Vec::new(),
            at: 0,
            end: 0,
            is_drained: false,
            is_congested: false,
            failure: None,
            wasted: 0,
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The kernel may have new bytes, or room. Before this is called again, nothing is read after a
    /// read that has filled less than its room: this saves the system call that would return
    /// EAGAIN.
    pub(super) fn refresh(&mut self) {
        self.is_drained = false;
        self.is_congested = false;
    }

    /// A new turn of the loop: other connections have been served since the last one.
    pub(super) fn begin_turn(&mut self) {
        self.wasted = 0;
    }

    /// The layers above have yielded bytes.
    pub(super) fn note_yield(&mut self, count: usize) {
        self.wasted = self.wasted.saturating_sub(count);
    }

    /// Whether nothing more may be read in this turn.
    pub(super) fn is_exhausted(&self) -> bool {
        self.wasted >= WASTE
    }

    /// Whether a read may yield bytes: there are some in the buffer, or the kernel has to be asked.
    pub(super) fn may_have_more(&self) -> bool {
        self.at < self.end || !self.is_drained
    }

    /// Whether the last attempt to write found no room.
    pub(super) fn is_congested(&self) -> bool {
        self.is_congested
    }

    /// The error with which the kernel has ended the last read or write, if it has.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.map(io::Error::from)
    }

    /// Ends the stream of our bytes: a half-close.
    pub(super) fn shut(&self) -> io::Result<()> {
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// Switches Nagle's algorithm.
    pub(super) fn set_no_delay(&self, no_delay: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_nodelay(&self.socket, no_delay)?)
    }

    /// Switches keep-alive probes off, or on: the first after `delay` without traffic, or after the
    /// system's delay if `delay` is zero.
    pub(super) fn set_keep_alive(&self, delay: Option<Duration>) -> io::Result<()> {
        sockopt::set_socket_keepalive(&self.socket, delay.is_some())?;
        match delay {
            Some(delay) if !delay.is_zero() => Ok(sockopt::set_tcp_keepidle(&self.socket, delay)?),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, space: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.is_drained {
            return Poll::Pending;
        }
        match receive(self.socket.as_fd(), space) {
            Ok(count) => {
                self.is_drained = count < space.len();
                Poll::Ready(Ok(count))
            }
            Err(Errno::AGAIN) => {
                self.is_drained = true;
                Poll::Pending
            }
            Err(error) => {
                self.failure = Some(error);
                Poll::Ready(Err(error.into()))
            }
        }
    }

    fn fill(&mut self) -> Poll<io::Result<()>> {
        if self.is_drained {
            return Poll::Pending;
        }
        let mut ahead = SPARE.try_with(RefCell::take).unwrap_or_default();
        ahead.resize(AHEAD, 0);
        let outcome = self.receive(&mut ahead);
        self.at = 0;
        self.end = if let Poll::Ready(Ok(count)) = outcome { count } else { 0 };
        self.ahead = ahead;
        if self.end == 0 {
            self.lay_aside();
        }
        outcome.map_ok(drop)
    }

    fn lay_aside(&mut self) {
        let ahead = mem::take(&mut self.ahead);
        // At the end of a thread, the buffer may be dropped before the last connection.
        let _ = SPARE.try_with(|spare| spare.replace(ahead));
    }
}

impl AsyncRead for NonBlocking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_exhausted() {
            return Poll::Pending;
        }
        if self.at == self.end {
            if buffer.remaining() >= AHEAD {
                let space = buffer.initialize_unfilled();
                let outcome = self.receive(space);
                return outcome.map_ok(|count| {
                    self.wasted += count;
                    buffer.advance(count);
                });
            }
            match self.fill() {
                Poll::Ready(Ok(())) if self.end > 0 => {}
                outcome => return outcome,
            }
        }
        let end = self.end.min(self.at + buffer.remaining());
        buffer.put_slice(self.ahead.get(self.at..end).unwrap_or_default());
        self.wasted += end - self.at;
        self.at = end;
        if self.at == self.end {
            self.lay_aside();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for NonBlocking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = send(self.socket.as_fd(), bytes, &[]);
        self.is_congested = outcome == Err(Errno::AGAIN);
        if self.is_congested {
            Poll::Pending
        } else {
            self.failure = outcome.err();
            Poll::Ready(outcome.map_err(io::Error::from))
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut())
    }
}
