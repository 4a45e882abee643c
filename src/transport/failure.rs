//! Failures of connections, while they are made and afterwards.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::http::Response;

/// The step that failed; its name is Node's `syscall`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Lookup,
    Connect,
    Proxy,
    Tls,
    Read,
    Write,
}

impl Step {
    /// The `syscall` of Node's errors; `proxy` and `tls` are no names of Node's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lookup => "getaddrinfo",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The address, name or path that the failed step has tried to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    Address(SocketAddr),
    Name(String),
    Path(String),
}

/// One failed step. Text for people is `Display`, the fields are for programs.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The step that has failed.
    pub(crate) step: Step,
    /// Node's name of the error, where it does not follow from `errno`.
    pub(crate) code: Option<&'static str>,
    /// The positive `errno` value; `None` when the error has none, and always on Windows, whose
    /// numbers mean nothing to Node.
    pub(crate) errno: Option<i32>,
    /// The address, name or path it has tried to reach, where that is known.
    pub(crate) peer: Option<Peer>,
    /// The text of the operating system, the resolver or OpenSSL.
    pub(crate) text: String,
    /// The failures of the other addresses, in the order of the attempts.
    pub(crate) others: Vec<Failure>,
    /// The response of a proxy that has refused.
    pub(crate) answer: Option<Response>,
}

impl Failure {
    /// An operating system error in `step`.
    pub(crate) fn io(step: Step, error: &io::Error, peer: Option<Peer>) -> Self {
        Self {
            step,
            code: code_of(error.kind()),
            errno: if cfg!(unix) { error.raw_os_error() } else { None },
            peer,
            text: error.to_string(),
            others: Vec::new(),
            answer: None,
        }
    }

    /// A name that cannot be looked up, with Node's code for it.
    pub(crate) fn lookup(code: &'static str, host: &str, text: String) -> Self {
        Self {
            step: Step::Lookup,
            code: Some(code),
            errno: None,
            peer: Some(Peer::Name(host.to_owned())),
            text,
            others: Vec::new(),
            answer: None,
        }
    }

    /// A TLS handshake that failed; `text` is the whole message.
    pub(crate) fn tls(code: &'static str, text: String) -> Self {
        Self {
            step: Step::Tls,
            code: Some(code),
            errno: None,
            peer: None,
            text,
            others: Vec::new(),
            answer: None,
        }
    }

    /// A proxy that did not open its tunnel; `text` is the whole message.
    pub(crate) fn proxy(code: &'static str, text: String, handshake: &ProxyHandshake) -> Self {
        Self {
            step: Step::Proxy,
            answer: Some(handshake.response().clone()),
            ..Self::tls(code, text)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step.name(), self.text)
    }
}

fn code_of(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::AddrInUse => "EADDRINUSE",
        io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::ConnectionAborted => "ECONNABORTED",
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::ConnectionReset => "ECONNRESET",
        io::ErrorKind::HostUnreachable => "EHOSTUNREACH",
        io::ErrorKind::InvalidInput => "EINVAL",
        io::ErrorKind::NetworkUnreachable => "ENETUNREACH",
        io::ErrorKind::NotConnected => "ENOTCONN",
        io::ErrorKind::NotFound => "ENOENT",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::TimedOut => "ETIMEDOUT",
        io::ErrorKind::Unsupported => "ENOTSUP",
        _ => return None,
    })
}
