//! The way from nothing to an established stream: dial, then perhaps a tunnel, then perhaps TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_native_tls::TlsStream;

use super::dial::{Target, dial};
use super::failure::{Failure, Peer, Step};
use super::ground::Ground;
use super::mailbox::Mailbox;
use super::tls::Connector;
use super::wire::{Shared, Wire};
use crate::proto::handshake::proxy::ProxyHandshake;

/// Where to go, and how.
pub(crate) struct Route {
    /// The server; behind a proxy, only the proxy connects to it.
    pub(crate) target: Target,
    pub(crate) proxy: Option<Proxy>,
    /// TLS with the server, innermost when the proxy speaks it too.
    pub(crate) tls: Option<Tls>,
    /// For all steps together.
    pub(crate) timeout: Option<Duration>,
}

/// An HTTP proxy that tunnels.
pub(crate) struct Proxy {
    pub(crate) target: Target,
    /// TLS with the proxy itself.
    pub(crate) tls: Option<Tls>,
    pub(crate) handshake: ProxyHandshake,
    /// The bytes of the CONNECT request.
    pub(crate) request: Vec<u8>,
}

/// One layer of TLS.
pub(crate) struct Tls {
    pub(crate) connector: Connector,
    /// The name the server is asked by and must have in its certificate.
    pub(crate) name: String,
}

/// Any established stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket below all layers.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn ground(&mut self) -> &mut Ground;

    /// Whether another read may have a result before the socket is ready again.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn may_have_more(&self) -> bool;
}

impl Stream for Ground {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn ground(&mut self) -> &mut Ground {
        self
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn may_have_more(&self) -> bool {
        match self {
            Self::Loose(socket) => socket.may_have_more(),
            Self::Reactor(_) | Self::Gone => true,
        }
    }
}

impl Stream for TlsStream<Box<dyn Stream>> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn ground(&mut self) -> &mut Ground {
        self.get_mut().get_mut().get_mut().ground()
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn may_have_more(&self) -> bool {
        let tls = self.get_ref();
        // OpenSSL asks the socket for one record at a time: what it has of the next is nothing.
        // Others are asked until they say that they have nothing.
        cfg!(not(target_os = "linux"))
            || tls.buffered_read_size().map_or(true, |count| count > 0)
            || tls.get_ref().get_ref().may_have_more()
    }
}

impl Stream for Early {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn ground(&mut self) -> &mut Ground {
        self.stream.ground()
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn may_have_more(&self) -> bool {
        self.used < self.early.len() || self.stream.may_have_more()
    }
}

/// What [`establish`] has made.
pub(super) struct Established {
    pub(super) wire: Arc<Wire>,
    pub(super) stream: Box<dyn Stream>,
    /// Whether the wire carries what is written to the stream, unchanged.
    pub(super) direct: bool,
    /// Whether it also carries what is read from it.
    pub(super) bare: bool,
}

/// Goes the whole way. Certificates are shown to the JavaScript thread through `mailbox`.
pub(super) async fn establish(route: Route, mailbox: &Mailbox) -> Result<Established, Failure> {
    let Some(limit) = route.timeout else { return go(route, mailbox).await };
    let peer = match &route.proxy {
        Some(proxy) => proxy.target.clone(),
        None => route.target.clone(),
    };
    match timeout(limit, go(route, mailbox)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let peer = match peer {
                Target::Host { host, port } => Peer::Name(format!("{host}:{port}")),
                Target::Path(path) => Peer::Path(path),
            };
            Err(Failure::io(Step::Connect, &io::ErrorKind::TimedOut.into(), Some(peer)))
        }
    }
}

async fn go(route: Route, mailbox: &Mailbox) -> Result<Established, Failure> {
    let first = route.proxy.as_ref().map_or(&route.target, |proxy| &proxy.target);
    let wire = Arc::new(dial(first).await?);
    let mut stream: Box<dyn Stream> = Box::new(Ground::Reactor(Shared(Arc::clone(&wire))));
    let mut direct = true;
    let bare = route.proxy.is_none() && route.tls.is_none();
    if let Some(proxy) = route.proxy {
        if let Some(tls) = &proxy.tls {
            stream = secure(stream, tls, mailbox).await?;
            direct = false;
        }
        stream = tunnel(stream, proxy).await?;
    }
    if let Some(tls) = &route.tls {
        stream = secure(stream, tls, mailbox).await?;
        direct = false;
    }
    Ok(Established { wire, stream, direct, bare })
}

async fn secure(
    stream: Box<dyn Stream>,
    tls: &Tls,
    mailbox: &Mailbox,
) -> Result<Box<dyn Stream>, Failure> {
    let (stream, certificate) = tls.connector.connect(&tls.name, stream).await?;
    if let Some(certificate) = certificate {
        mailbox.consent(&tls.name, certificate).await;
    }
    Ok(Box::new(stream))
}

/// The most that is read of a proxy's answer at a time, in bytes.
const ANSWER: usize = 4096;

async fn tunnel(mut stream: Box<dyn Stream>, proxy: Proxy) -> Result<Box<dyn Stream>, Failure> {
    let Proxy { mut handshake, request, .. } = proxy;
    let written = async {
        stream.write_all(&request).await?;
        stream.flush().await
    };
    written.await.map_err(|error| Failure::io(Step::Write, &error, None))?;
    let mut chunk = vec![0; ANSWER];
    loop {
        let count = stream.read(&mut chunk).await;
        let count = count.map_err(|error| Failure::io(Step::Read, &error, None))?;
        if count == 0 {
            return Err(Failure::proxy("EOF", "the proxy hung up".to_owned(), &handshake));
        }
        match handshake.receive(&chunk[..count]) {
            Ok(None) => {}
            Ok(Some(used)) => {
                let early = chunk.get(used..count).unwrap_or_default().to_vec();
                return Ok(Box::new(Early { early, used: 0, stream }));
            }
            Err(error) => return Err(Failure::proxy("EPROXY", error.to_string(), &handshake)),
        }
    }
}

/// A stream of which some bytes were read already, together with the proxy's answer.
struct Early {
    early: Vec<u8>,
    used: usize,
    stream: Box<dyn Stream>,
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
        buffer.put_slice(&self.early[self.used..end]);
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
