//! Establishing a connection: connect, then perhaps open a tunnel, then perhaps make a TLS
//! handshake.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::dial::{Target, dial};
use super::failure::{Failure, Peer, Step};
use super::non_blocking_stream::NonBlockingStream;
use super::socket::Endpoints;
use super::stream::{Early, Stream};
use super::tls::{Connector, Consent, Credentials};
use super::tls_failure::broken;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::http::Headers;

/// What to connect to, and by which steps.
pub(crate) struct Route {
    /// The server; with a proxy, only the proxy connects to it.
    pub(crate) target: Target,
    pub(crate) proxy: Option<Proxy>,
    /// TLS with the server; inside the tunnel, where there is a proxy.
    pub(crate) tls: Option<Tls>,
    /// The time for all steps together.
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
    /// The server name of SNI, which the certificate has to be valid for.
    pub(crate) name: String,
}

/// Why a route is invalid.
pub(crate) type Unroutable = &'static str;

impl Route {
    /// Checks what can be checked without connecting.
    ///
    /// # Errors
    ///
    /// A name has a NUL: the system's and OpenSSL's functions take C strings.
    pub(crate) fn check(&self) -> Result<(), Unroutable> {
        let targets = [Some(&self.target), self.proxy.as_ref().map(|proxy| &proxy.target)];
        let layers = [self.tls.as_ref(), self.proxy.as_ref().and_then(|proxy| proxy.tls.as_ref())];
        let names = targets.into_iter().flatten().map(|target| match target {
            Target::Host { host: name, .. } | Target::Path(name) => name,
        });
        let mut names = names.chain(layers.into_iter().flatten().map(|tls| &tls.name));
        if names.any(|name| name.contains('\0')) {
            return Err("A name must not contain a NUL");
        }
        Ok(())
    }
}

impl Proxy {
    /// A tunnel to `server` through the proxy at `address`. `host` is the server's value of `Host`,
    /// `url` its address for the text of errors, and `authorization` the value of
    /// `Proxy-Authorization`.
    ///
    /// # Errors
    ///
    /// The server is a Unix socket.
    pub(crate) fn new(
        address: Target,
        tls: Option<Tls>,
        server: &Target,
        (host, url, authorization): (&str, &str, Option<&str>),
        headers: &Headers,
    ) -> Result<Self, Unroutable> {
        let Target::Host { host: name, port } = server else {
            return Err("a proxy cannot reach a path");
        };
        let mut handshake = ProxyHandshake::new(name, *port, host, url, authorization);
        let mut request = Vec::new();
        handshake.request(headers, &mut request);
        Ok(Self { target: address, tls, handshake, request })
    }
}

/// An established connection, ready for an event loop.
pub(crate) struct Established {
    pub(crate) stream: NonBlockingStream,
    pub(crate) endpoints: Endpoints,
}

/// Takes all steps, and takes the connection away from tokio. `consent` is asked about the
/// certificate of each server.
pub(super) async fn establish(
    route: Route,
    consent: &impl Consent,
) -> Result<Established, Failure> {
    let Some(limit) = route.timeout else { return go(route, consent).await };
    let peer = match &route.proxy {
        Some(proxy) => proxy.target.clone(),
        None => route.target.clone(),
    };
    match timeout(limit, go(route, consent)).await {
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

async fn go(route: Route, consent: &impl Consent) -> Result<Established, Failure> {
    let first = route.proxy.as_ref().map_or(&route.target, |proxy| &proxy.target);
    let socket = dial(first).await?;
    let endpoints = socket.endpoints();
    let mut stream: Box<dyn Stream> = Box::new(socket);
    let is_bare = route.proxy.is_none() && route.tls.is_none();
    if let Some(proxy) = route.proxy {
        if let Some(tls) = &proxy.tls {
            stream = secure(stream, tls, consent).await?;
        }
        stream = tunnel(stream, proxy).await?;
    }
    if let Some(tls) = &route.tls {
        stream = secure(stream, tls, consent).await?;
    }
    let stream = NonBlockingStream::new(stream, is_bare);
    let stream = stream.map_err(|error| Failure::io(Step::Connect, &error, None))?;
    Ok(Established { stream, endpoints })
}

async fn secure(
    stream: Box<dyn Stream>,
    tls: &Tls,
    consent: &impl Consent,
) -> Result<Box<dyn Stream>, Failure> {
    let (stream, certificate) = tls.connector.connect(&tls.name, stream).await?;
    if let Some(certificate) = certificate {
        consent.ask(Credentials { name: tls.name.clone(), certificate }).await;
    }
    Ok(Box::new(stream))
}

/// Most bytes of a proxy's response that are read at once.
const ANSWER: usize = 4096;

async fn tunnel(mut stream: Box<dyn Stream>, proxy: Proxy) -> Result<Box<dyn Stream>, Failure> {
    let Proxy { mut handshake, request, .. } = proxy;
    let written = async {
        stream.write_all(&request).await?;
        stream.flush().await
    };
    written.await.map_err(|error| broken(Step::Write, &error))?;
    let mut chunk = vec![0; ANSWER];
    loop {
        let count = stream.read(&mut chunk).await;
        let count = count.map_err(|error| broken(Step::Read, &error))?;
        if count == 0 {
            return Err(Failure::proxy("EOF", "the proxy hung up".to_owned(), &handshake));
        }
        match handshake.receive(chunk.get(..count).unwrap_or_default()) {
            Ok(None) => {}
            Ok(Some(used)) => {
                let early = chunk.get(used..count).unwrap_or_default().to_vec();
                return Ok(Box::new(Early { early, used: 0, stream }));
            }
            Err(error) => return Err(Failure::proxy("EPROXY", error.to_string(), &handshake)),
        }
    }
}
