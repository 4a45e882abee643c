//! A non-blocking byte stream: TCP, or TLS over it.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream as BlockingStream},
    sync::Arc,
    time::Duration,
};

use mio::{event::Source, net::TcpStream};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::spec::{Protocol, Spec};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

// The sample key of RFC 6455 1.3, and the answer it must get.
pub const UPGRADE_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub struct Stream {
    pub socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// Makes streams that are past every handshake.
pub struct Dialer {
    address: SocketAddr,
    protocol: Protocol,
    tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    pub fn new(spec: &Spec) -> Result<Dialer, rustls::Error> {
        let tls = if spec.tls { Some(Arc::new(client_config()?)) } else { None };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, spec.port));
        Ok(Dialer { address, protocol: spec.protocol, tls })
    }

    /// Connects, and does the TLS and WebSocket handshakes, blocking.
    pub fn dial(&self) -> io::Result<Stream> {
        let mut socket = BlockingStream::connect_timeout(&self.address, CONNECT_TIMEOUT)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        let mut tls = match &self.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let session =
                    ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                let mut session = Box::new(session);
                while session.is_handshaking() {
                    session.complete_io(&mut socket)?;
                }
                Some(session)
            }
        };
        if self.protocol == Protocol::Websocket {
            match &mut tls {
                None => upgrade(&mut socket)?,
                Some(session) => upgrade(&mut rustls::Stream::new(&mut **session, &mut socket))?,
            }
        }
        socket.set_nonblocking(true)?;
        Ok(Stream { socket: TcpStream::from_std(socket), tls })
    }
}

/// Sends the request and reads exactly the answer's head: no server speaks first here.
fn upgrade(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(UPGRADE_REQUEST)?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(io::Error::other("the server hung up during the handshake")),
            n => head.extend_from_slice(&buffer[..n]),
        }
    }
    check_upgrade(&head)
}

/// Whether a response head accepts the upgrade.
pub fn check_upgrade(head: &[u8]) -> io::Result<()> {
    let head = String::from_utf8_lossy(head);
    if head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT) {
        return Ok(());
    }
    Err(io::Error::other(format!("the server refused the upgrade: {head:?}")))
}

impl Stream {
    /// Reads what is there; 0 is the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.tls else { return self.socket.read(buffer) };
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if session.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Whether a read of `n` bytes into `capacity` has emptied the socket, so that the next
    /// readiness event will not be missed (epoll(7), question 9).
    pub fn is_drained(&self, n: usize, capacity: usize) -> bool {
        self.tls.is_none() && n < capacity
    }

    /// Writes what fits.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_none() {
            return self.socket.write(bytes);
        }
        self.flush()?;
        let Some(session) = &mut self.tls else { return Ok(0) };
        let n = session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(n),
        }
    }

    /// Hands encrypted bytes to the socket until none are left.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.tls {
            while session.wants_write() {
                session.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }

    pub fn source(&mut self) -> &mut impl Source {
        &mut self.socket
    }
}

fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(config)
}

/// The server is our own child on the loopback interface, with a certificate made for the run.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
