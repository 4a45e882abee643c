//! The kernel socket under a connection, shared by its task and, for writing, the JavaScript thread.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// Both ends' addresses; a Unix socket has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
}

/// A connected stream socket.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

macro_rules! each {
    ($wire:expr, $stream:ident => $value:expr) => {
        match $wire {
            Wire::Tcp($stream) => $value,
            #[cfg(unix)]
            Wire::Unix($stream) => $value,
        }
    };
}

impl Wire {
    /// The addresses as the kernel knows them now.
    pub(crate) fn endpoints(&self) -> Endpoints {
        match self {
            Self::Tcp(tcp) => {
                Endpoints { local: tcp.local_addr().ok(), remote: tcp.peer_addr().ok() }
            }
            #[cfg(unix)]
            Self::Unix(_) => Endpoints::default(),
        }
    }

    /// Writes as much as the kernel takes at once; `WouldBlock` when that is nothing.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.try_write_vectored(parts))
    }

    /// Ends our direction of the stream.
    pub(crate) fn finish(&self) -> io::Result<()> {
        each!(self, stream => SockRef::from(stream).shutdown(Shutdown::Write))
    }

    /// Switches Nagle's algorithm; nothing to switch on a Unix socket.
    pub(crate) fn set_no_delay(&self, no_delay: bool) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.set_nodelay(no_delay),
            #[cfg(unix)]
            Self::Unix(_) => Ok(()),
        }
    }

    /// Switches keep-alive probes, the first after `delay` of silence.
    pub(crate) fn set_keep_alive(&self, delay: Option<Duration>) -> io::Result<()> {
        let Self::Tcp(tcp) = self else { return Ok(()) };
        set_keep_alive(&SockRef::from(tcp), delay)
    }

    /// Takes the socket away from tokio; it stays non-blocking.
    ///
    /// # Errors
    ///
    /// The system's, when it cannot be taken out of the event queue.
    #[cfg(unix)]
    pub(crate) fn leave(self) -> io::Result<OwnedFd> {
        match self {
            Self::Tcp(tcp) => tcp.into_std().map(OwnedFd::from),
            Self::Unix(unix) => unix.into_std().map(OwnedFd::from),
        }
    }
}

/// Switches keep-alive probes of a TCP socket, the first after `delay` of silence.
pub(super) fn set_keep_alive(socket: &Socket, delay: Option<Duration>) -> io::Result<()> {
    match delay {
        None => socket.set_keepalive(false),
        Some(Duration::ZERO) => socket.set_keepalive(true),
        Some(delay) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(delay)),
    }
}

/// The task's hold on the socket it shares with the JavaScript thread.
#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<Wire>);

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(each!(&*self.0, stream => stream.poll_read_ready(cx)))?;
            let space = buffer.initialize_unfilled();
            let asked = space.len();
            let mut read = None;
            // A short read emptied the socket. Reporting it as WouldBlock clears the readiness and
            // saves the read that would only say so; tokio's own streams do the same.
            let outcome = each!(&*self.0, stream => stream.try_io(Interest::READABLE, || {
                let count = recv(&self.0, space)?;
                read = Some(count);
                if 0 < count && count < asked {
                    Err(io::ErrorKind::WouldBlock.into())
                } else {
                    Ok(())
                }
            }));
            match (read, outcome) {
                (Some(count), _) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }
}

/// One non-blocking read, past tokio's bookkeeping.
fn recv(wire: &Wire, space: &mut [u8]) -> io::Result<usize> {
    use std::io::Read;
    each!(wire, stream => (&*SockRef::from(stream)).read(space))
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(each!(&*self.0, stream => stream.poll_write_ready(cx)))?;
            match self.0.try_write(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.finish())
    }
}
