//! The results of handshakes and verdicts as plain values, for a host without the types of the
//! core.

use crate::proto::CloseCode;
use crate::proto::connection::{Answer, Settlement};
use crate::proto::handshake::ProxyHandshake;
use crate::proto::http::{Headers, Response};

/// The response to a client's request, or to a CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code; `None` when the response could not be parsed.
    pub status: Option<u16>,
    /// Names in lower case and values, in turn.
    pub headers: Vec<String>,
    /// Why the handshake fails; `None` if it succeeds.
    pub failure: Option<String>,
    /// The subprotocol that the server has chosen.
    pub protocol: Option<String>,
}

impl From<Answer> for Reply {
    fn from(Answer { outcome, response }: Answer) -> Self {
        let (protocol, failure) = match outcome {
            Ok(protocol) => (protocol, None),
            Err(failure) => (None, Some(failure)),
        };
        let status = response.as_ref().map(|response| response.status);
        let headers = response.map(Response::into_list).unwrap_or_default();
        Self { status, headers, failure, protocol }
    }
}

/// The end of a connection, after a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The close code; `None` in drafts 75 and 76.
    pub code: Option<u16>,
    /// Its reason; `None` in drafts 75 and 76.
    pub reason: Option<String>,
    /// Whether the peer has violated the protocol.
    pub failed: bool,
}

impl Ending {
    /// `None` where the connection goes on.
    pub fn of(settlement: Settlement) -> Option<Self> {
        let (closing, failed) = match settlement {
            Settlement::PassedOver => return None,
            Settlement::Close(closing) => (closing, false),
            Settlement::Fail(error) => (Some((error.code(), error.to_string())), true),
        };
        let (code, reason) = closing.map(|(CloseCode(code), reason)| (code, reason)).unzip();
        Some(Self { code, reason, failed })
    }
}

/// One CONNECT, with its failure.
#[derive(Debug)]
pub struct Tunnel {
    handshake: ProxyHandshake,
    failure: Option<String>,
}

impl Tunnel {
    /// A tunnel whose request was not sent yet.
    pub fn new(handshake: ProxyHandshake) -> Self {
        Self { handshake, failure: None }
    }

    /// The bytes of the request; `custom` are headers of the application, names and values in turn.
    pub fn request(&mut self, custom: Vec<String>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.handshake.request(&Headers::of_list(custom), &mut bytes);
        bytes
    }

    /// Takes bytes of the proxy; returns how many of them are of its response, or `None` while that
    /// is incomplete.
    pub fn receive(&mut self, chunk: &[u8]) -> Option<u32> {
        let consumed = self.handshake.receive(chunk).unwrap_or_else(|error| {
            self.failure = Some(error.to_string());
            Some(chunk.len())
        });
        consumed.map(|consumed| consumed as u32)
    }

    /// The proxy's response, once it is complete.
    pub fn reply(&self) -> Reply {
        let response = self.handshake.response();
        Reply {
            status: Some(response.status).filter(|status| *status > 0),
            headers: response.clone().into_list(),
            failure: self.failure.clone(),
            protocol: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ProtocolError;

    fn response() -> Response {
        Response { status: 101, headers: vec![("a".into(), "1".into()), ("b".into(), "2".into())] }
    }

    #[test]
    fn an_answer_with_a_subprotocol() {
        let answer = Answer { outcome: Ok(Some("chat".into())), response: Some(response()) };
        let reply = Reply {
            status: Some(101),
            headers: ["a", "1", "b", "2"].map(str::to_owned).to_vec(),
            failure: None,
            protocol: Some("chat".into()),
        };
        assert_eq!(Reply::from(answer), reply);
    }

    #[test]
    fn an_answer_that_cannot_be_parsed() {
        let answer = Answer { outcome: Err("why".into()), response: None };
        let failure = Some("why".into());
        let reply = Reply { status: None, headers: Vec::new(), failure, protocol: None };
        assert_eq!(Reply::from(answer), reply);
    }

    #[test]
    fn endings() {
        let close = |closing| Ending::of(Settlement::Close(closing));
        assert_eq!(Ending::of(Settlement::PassedOver), None);
        assert_eq!(close(None), Some(Ending { code: None, reason: None, failed: false }));
        let bye = Ending { code: Some(3000), reason: Some("bye".into()), failed: false };
        assert_eq!(close(Some((CloseCode(3000), "bye".into()))), Some(bye));
        let error = ProtocolError::Extension(CloseCode(1010), "no".into());
        let failed = Ending { code: Some(1010), reason: Some("no".into()), failed: true };
        assert_eq!(Ending::of(Settlement::Fail(error)), Some(failed));
    }

    fn tunnel() -> Tunnel {
        Tunnel::new(ProxyHandshake::new("h", 80, "h", "ws://h/", None))
    }

    #[test]
    fn a_tunnel_that_opens() {
        let mut tunnel = tunnel();
        let request = tunnel.request(vec!["X".into(), "y".into()]);
        assert!(request.ends_with(b"X: y\r\n\r\n"));
        assert_eq!(tunnel.receive(b"HTTP/1.1 200 Connection "), None);
        assert_eq!(tunnel.receive(b"established\r\nA: 1\r\n\r\nrest"), Some(21));
        let Reply { status, headers, failure, protocol } = tunnel.reply();
        assert_eq!((status, failure, protocol), (Some(200), None, None));
        assert_eq!(headers, ["a", "1"]);
    }

    #[test]
    fn a_tunnel_that_is_refused_takes_all_of_the_chunk() {
        for (answer, status) in [("HTTP/1.1 407 No\r\n\r\nbody", Some(407)), ("garbage\r\n", None)]
        {
            let mut tunnel = tunnel();
            assert_eq!(tunnel.receive(answer.as_bytes()), Some(answer.len() as u32));
            let reply = tunnel.reply();
            let failure = "Can't establish a connection to the server at ws://h/";
            assert_eq!(
                (reply.status, reply.failure.as_deref()),
                (status, Some(failure)),
                "{answer}"
            );
        }
    }
}
