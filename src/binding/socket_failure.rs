//! Failures of sockets, of which JavaScript makes errors.

use napi_derive::napi;

use crate::transport::failure::{Failure, Peer};

/// The response of a proxy that has not opened the tunnel.
#[napi(object)]
pub struct ProxyAnswer {
    pub status_code: u16,
    /// Names and values in turn.
    pub headers: Vec<String>,
}

/// The members of an error as Node makes it.
#[napi(object)]
pub struct SocketFailure {
    pub syscall: String,
    pub code: Option<String>,
    pub errno: Option<i32>,
    pub address: Option<String>,
    pub port: Option<u16>,
    pub hostname: Option<String>,
    pub text: String,
    pub others: Vec<SocketFailure>,
    pub answer: Option<ProxyAnswer>,
}

impl From<Failure> for SocketFailure {
    fn from(failure: Failure) -> Self {
        let (address, port, hostname) = match failure.peer {
            Some(Peer::Address(to)) => (Some(to.ip().to_string()), Some(to.port()), None),
            Some(Peer::Path(path)) => (Some(path), None, None),
            Some(Peer::Name(name)) => (None, None, Some(name)),
            None => (None, None, None),
        };
        Self {
            syscall: failure.step.name().to_owned(),
            code: failure.code.map(str::to_owned),
            errno: failure.errno,
            address,
            port,
            hostname,
            text: failure.text,
            others: failure.others.into_iter().map(Self::from).collect(),
            answer: failure.answer.map(|answer| ProxyAnswer {
                status_code: answer.status,
                headers: answer
                    .headers
                    .into_iter()
                    .flat_map(|(name, value)| [name, value])
                    .collect(),
            }),
        }
    }
}
