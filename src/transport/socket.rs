//! The socket at the bottom of a client's connection: tokio's while the connection is made, and
//! then a non-blocking descriptor that Node's event loop watches.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::non_blocking::NonBlocking;

/// Both ends' addresses; a Unix socket has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
}

/// A connected stream socket.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Its owner watches the descriptor: it registers no waker.
    NonBlocking(NonBlocking),
    /// The system did not let tokio give the socket up.
    Lost,
}

macro_rules! each {
    ($socket:expr, $stream:ident => $value:expr) => {
        match $socket {
            Socket::Tcp($stream) => $value,
            Socket::Unix($stream) => $value,
            Socket::NonBlocking($stream) => $value,
            Socket::Lost => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl Socket {
    /// The addresses that the kernel has for the socket now.
    pub(super) fn endpoints(&self) -> Endpoints {
        match self {
            Self::Tcp(tcp) => {
                Endpoints { local: tcp.local_addr().ok(), remote: tcp.peer_addr().ok() }
            }
            _ => Endpoints::default(),
        }
    }

    /// Takes the socket away from tokio.
    ///
    /// # Errors
    ///
    /// That of the system; the socket is closed then.
    pub(super) fn leave_tokio(&mut self) -> io::Result<()> {
        let descriptor: OwnedFd = match mem::replace(self, Self::Lost) {
            Self::Tcp(tcp) => tcp.into_std()?.into(),
            Self::Unix(unix) => unix.into_std()?.into(),
            other => {
                *self = other;
                return Ok(());
            }
        };
        *self = Self::NonBlocking(NonBlocking::new(descriptor));
        Ok(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(&mut *self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(&mut *self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
