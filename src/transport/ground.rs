//! The socket at the bottom of an established stream: in the hands of tokio while the connection is
//! made, and then perhaps in those of a thread that has an event loop of its own.

use std::io::{self, IoSlice};
#[cfg(any(target_os = "linux", target_os = "macos"))]
use std::mem;
use std::pin::Pin;
#[cfg(any(target_os = "linux", target_os = "macos"))]
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(super) use loose::Loose;

use super::wire::Shared;

/// What the layers of a stream stand on.
pub(super) enum Ground {
    /// Wakes the task that polls it.
    Reactor(Shared),
    /// Wakes nobody: whoever polls it finds out otherwise when that is worth while.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    Loose(Loose),
    /// Lost on the way from one to the other.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    Gone,
}

macro_rules! each {
    ($ground:expr, $socket:ident => $value:expr) => {
        match $ground {
            Ground::Reactor($socket) => $value,
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            Ground::Loose($socket) => $value,
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            Ground::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
impl Ground {
    /// Takes the socket away from tokio. Nobody else may have a hold on it.
    ///
    /// # Errors
    ///
    /// The system's, and then there is no socket any more.
    pub(super) fn leave(&mut self) -> io::Result<()> {
        if let Self::Reactor(Shared(wire)) = mem::replace(self, Self::Gone) {
            let wire = Arc::into_inner(wire).ok_or(io::ErrorKind::ResourceBusy)?;
            *self = Self::Loose(Loose::new(wire.leave()?));
        }
        Ok(())
    }
}

impl AsyncRead for Ground {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(&mut *self, socket => Pin::new(socket).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Ground {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(&mut *self, socket => Pin::new(socket).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(&mut *self, socket => Pin::new(socket).poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, socket => Pin::new(socket).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, socket => Pin::new(socket).poll_shutdown(cx))
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod loose {
    use std::cell::RefCell;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::fd::{AsRawFd, OwnedFd, RawFd};

    use socket2::Socket;

    use super::*;

    /// Bytes read at once for a layer that asks for less: TLS asks for the header of a record first.
    const AHEAD: usize = 64 * 1024;

    thread_local! {
        /// One buffer for reading ahead, lent to whichever socket has something in it.
        static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    /// A non-blocking socket that remembers what the kernel said last.
    pub(in crate::transport) struct Loose {
        socket: Socket,
        ahead: Vec<u8>,
        at: usize,
        end: usize,
        drained: bool,
        congested: bool,
    }

    impl Loose {
        /// `socket` must be non-blocking already.
        pub(in crate::transport) fn new(socket: OwnedFd) -> Self {
            Self {
                socket: socket.into(),
                ahead: Vec::new(),
                at: 0,
                end: 0,
                drained: false,
                congested: false,
            }
        }

        pub(in crate::transport) fn socket(&self) -> &Socket {
            &self.socket
        }

        pub(in crate::transport) fn descriptor(&self) -> RawFd {
            self.socket.as_raw_fd()
        }

        /// The kernel may have something new, or room. Until this is said, a read that came back
        /// short is the last one: the system call that would only say so is saved.
        pub(in crate::transport) fn refresh(&mut self) {
            self.drained = false;
            self.congested = false;
        }

        /// Whether a read would have anything, or would ask the kernel.
        pub(in crate::transport) fn may_have_more(&self) -> bool {
            self.at < self.end || !self.drained
        }

        /// Whether the last attempt to write found no room.
        pub(in crate::transport) fn is_congested(&self) -> bool {
            self.congested
        }

        pub(in crate::transport) fn shut(&self) -> io::Result<()> {
            self.socket.shutdown(Shutdown::Write)
        }

        fn receive(&mut self, space: &mut [u8]) -> Poll<io::Result<usize>> {
            if self.drained {
                return Poll::Pending;
            }
            loop {
                match (&self.socket).read(space) {
                    Ok(count) => {
                        self.drained = count < space.len();
                        return Poll::Ready(Ok(count));
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.drained = true;
                        return Poll::Pending;
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }

        fn fill(&mut self) -> Poll<io::Result<()>> {
            if self.drained {
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
            // A thread's spare may be gone before its last connection.
            let _ = SPARE.try_with(|spare| spare.replace(ahead));
        }
    }

    impl AsyncRead for Loose {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.at == self.end {
                if buffer.remaining() >= AHEAD {
                    let space = buffer.initialize_unfilled();
                    return self.receive(space).map_ok(|count| buffer.advance(count));
                }
                match self.fill() {
                    Poll::Ready(Ok(())) if self.end > 0 => {}
                    outcome => return outcome,
                }
            }
            let end = self.end.min(self.at + buffer.remaining());
            buffer.put_slice(&self.ahead[self.at..end]);
            self.at = end;
            if self.at == self.end {
                self.lay_aside();
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Loose {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            loop {
                match (&self.socket).write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.congested = true;
                        return Poll::Pending;
                    }
                    outcome => {
                        self.congested = false;
                        return Poll::Ready(outcome);
                    }
                }
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.shut())
        }
    }
}
