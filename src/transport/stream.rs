//! Streams of bytes: a socket, or layers on one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_openssl::SslStream;

use super::socket::Socket;

/// Any established stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket below all layers.
    fn socket(&mut self) -> &mut Socket;

    /// Whether another read may yield bytes before the socket is ready again.
    fn may_have_more(&self) -> bool;
}

impl Stream for Socket {
    fn socket(&mut self) -> &mut Socket {
        self
    }

    fn may_have_more(&self) -> bool {
        match self {
            Self::NonBlocking(socket) => socket.may_have_more(),
            Self::Tcp(_) | Self::Unix(_) | Self::Lost => true,
        }
    }
}

impl Stream for SslStream<Box<dyn Stream>> {
    fn socket(&mut self) -> &mut Socket {
        self.get_mut().socket()
    }

    fn may_have_more(&self) -> bool {
        // OpenSSL reads one record at a time from the socket, and so holds no bytes of the next
        // one.
        self.ssl().pending() > 0 || self.get_ref().may_have_more()
    }
}

/// A stream of which the first bytes were read already, together with a proxy's response.
pub(super) struct Early {
    pub(super) early: Vec<u8>,
    pub(super) used: usize,
    pub(super) stream: Box<dyn Stream>,
}

impl Stream for Early {
    fn socket(&mut self) -> &mut Socket {
        self.stream.socket()
    }

    fn may_have_more(&self) -> bool {
        self.used < self.early.len() || self.stream.may_have_more()
    }
}

impl AsyncRead for Early {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.used == self.early.len() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let end = self.early.len().min(self.used + buffer.remaining());
        buffer.put_slice(self.early.get(self.used..end).unwrap_or_default());
        self.used = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Early {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
