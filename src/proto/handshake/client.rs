//! A client's half of the handshake (RFC 6455 section 4.1).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{accept_key, subprotocol};
use crate::proto::Entropy;
use crate::proto::http::{Headers, Response};

/// A new value for `Sec-WebSocket-Key`.
///
/// RFC 6455 section 4.1: "The value of this header field MUST be a nonce consisting of a randomly
/// selected 16-byte value that has been base64-encoded (see Section 4 of \[RFC4648\]). The nonce
/// MUST be selected randomly for each connection."
pub fn generate_key(entropy: &mut dyn Entropy) -> String {
    let mut nonce = [0; 16];
    entropy.fill(&mut nonce);
    STANDARD.encode(nonce)
}

/// One opening handshake: the request, then the judgement of the response.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    path: String,
    headers: Headers,
    protocols: Vec<String>,
    accept: String,
}

impl ClientHandshake {
    /// A handshake. `host` is the value of `Host`, `path` includes the query, `authorization` is
    /// the value of `Authorization`, and `key` is made by [`generate_key`]. None of them may have
    /// CR, LF or NUL.
    pub fn new(
        host: &str,
        path: &str,
        protocols: &[String],
        authorization: Option<&str>,
        key: &str,
    ) -> Self {
        let mut headers = Headers::new();
        headers.set("Host", host);
        headers.set("Upgrade", "websocket");
        headers.set("Connection", "Upgrade");
        headers.set("Sec-WebSocket-Key", key);
        headers.set("Sec-WebSocket-Version", "13");
        if !protocols.is_empty() {
            headers.set("Sec-WebSocket-Protocol", &protocols.join(", "));
        }
        if let Some(authorization) = authorization {
            headers.set("Authorization", authorization);
        }
        Self {
            path: path.to_owned(),
            headers,
            protocols: protocols.to_vec(),
            accept: accept_key(key),
        }
    }

    /// Appends the request. The application's headers come after ours and cannot override them;
    /// `extensions`, the value of `Sec-WebSocket-Extensions`, comes last.
    pub fn request(&mut self, custom: &Headers, extensions: Option<&str>, out: &mut Vec<u8>) {
        self.headers.set_all(custom);
        if let Some(extensions) = extensions {
            self.headers.set("Sec-WebSocket-Extensions", extensions);
        }
        out.extend_from_slice(format!("GET {} HTTP/1.1\r\n", self.path).as_bytes());
        self.headers.encode_into(out);
        out.extend_from_slice(b"\r\n");
    }

    /// Checks the response, except for its extensions, and returns the subprotocol. A server may
    /// choose none of those that were offered, unless `require_protocol` is true.
    ///
    /// # Errors
    ///
    /// The first rule that the response violates, in the original's order.
    pub fn validate(
        &self,
        response: &Response,
        require_protocol: bool,
    ) -> Result<Option<String>, Rejection> {
        // RFC 6455 section 4.1, step 1: "If the status code received from the server is not 101,
        // the client handles the response per HTTP [RFC2616] procedures." Like the original, this
        // client follows none of them.
        if response.status != 101 {
            return Err(Rejection::Status(response.status));
        }
        // Step 2: "If the response lacks an |Upgrade| header field or the |Upgrade| header field
        // contains a value that is not an ASCII case-insensitive match for the value "websocket",
        // the client MUST _Fail the WebSocket Connection_."
        match response.header_or_empty("upgrade") {
            "" => return Err(Rejection::NoUpgrade),
            value if !value.eq_ignore_ascii_case("websocket") => return Err(Rejection::Upgrade),
            _ => {}
        }
        // Step 3: "If the response lacks a |Connection| header field or the |Connection| header
        // field doesn't contain a token that is an ASCII case-insensitive match for the value
        // "Upgrade", the client MUST _Fail the WebSocket Connection_."
        match response.header_or_empty("connection") {
            "" => return Err(Rejection::NoConnection),
            value if !has_token(value, "upgrade") => return Err(Rejection::Connection),
            _ => {}
        }
        // Step 4: the same for an accept value other than the hash of the key.
        if response.header_or_empty("sec-websocket-accept") != self.accept {
            return Err(Rejection::Accept);
        }
        // Step 6: the same if it "indicates the use of a subprotocol that was not present in the
        // client's handshake". Step 5, extensions, is in `extension::negotiate`.
        match response.header_or_empty("sec-websocket-protocol") {
            "" if require_protocol && !self.protocols.is_empty() => Err(Rejection::Protocol),
            "" => Ok(None),
            chosen if subprotocol::is_offered(chosen, &self.protocols) => {
                Ok(Some(chosen.to_owned()))
            }
            _ => Err(Rejection::Protocol),
        }
    }
}

/// Whether a comma-separated list has a token. The original wants the token to be the whole value,
/// which fails behind proxies that add `keep-alive`.
fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

/// Why a client rejects a response. The texts are those of the original, without its prefix "Error
/// during WebSocket handshake: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Another status than 101.
    Status(u16),
    /// No `Upgrade`.
    NoUpgrade,
    /// `Upgrade` is not `websocket`.
    Upgrade,
    /// No `Connection`.
    NoConnection,
    /// `Connection` does not list `upgrade`.
    Connection,
    /// `Sec-WebSocket-Accept` is not that of our key.
    Accept,
    /// A subprotocol that was not offered, or no subprotocol where one is required.
    Protocol,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "Unexpected response code: {status}"),
            Self::NoUpgrade => f.write_str("'Upgrade' header is missing"),
            Self::Upgrade => f.write_str("'Upgrade' header value is not 'WebSocket'"),
            Self::NoConnection => f.write_str("'Connection' header is missing"),
            Self::Connection => f.write_str("'Connection' header value is not 'Upgrade'"),
            Self::Accept => f.write_str("Sec-WebSocket-Accept mismatch"),
            Self::Protocol => f.write_str("Sec-WebSocket-Protocol mismatch"),
        }
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "2vBVWg4Qyk3ZoM/5d3QD9Q==";
    const ACCEPT: &str = "QV3I5XUXU2CdhtjixE7QCkCcMZM=";

    fn handshake(protocols: &[&str]) -> ClientHandshake {
        let protocols: Vec<_> = protocols.iter().map(|name| (*name).to_owned()).collect();
        ClientHandshake::new("h", "/", &protocols, None, KEY)
    }

    /// A good response with one header replaced, or removed where the value is `None`.
    fn response(name: &str, value: Option<&str>) -> Response {
        let good =
            [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", ACCEPT)];
        let kept = good.into_iter().filter(|(own, _)| *own != name);
        let headers = kept.chain(value.map(|value| (name, value)));
        Response {
            status: 101,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    fn rejection(name: &str, value: Option<&str>) -> String {
        handshake(&["a", "b"]).validate(&response(name, value), false).unwrap_err().to_string()
    }

    #[test]
    fn the_request_in_its_order() {
        let protocols = ["a".to_owned(), "b".to_owned()];
        let mut handshake =
            ClientHandshake::new("h:81", "/p?q", &protocols, Some("Basic dTpw"), KEY);
        let mut custom = Headers::new();
        custom.set("X-Mine", "1");
        custom.set("host", "other");
        custom.set("Authorization", "mine");
        let mut out = Vec::new();
        handshake.request(&custom, Some("ext"), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "GET /p?q HTTP/1.1\r\n\
             Host: h:81\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Key: 2vBVWg4Qyk3ZoM/5d3QD9Q==\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: a, b\r\n\
             Authorization: Basic dTpw\r\n\
             X-Mine: 1\r\n\
             Sec-WebSocket-Extensions: ext\r\n\
             \r\n"
        );
    }

    #[test]
    fn a_custom_extension_header_replaces_the_offer() {
        let mut custom = Headers::new();
        custom.set("Sec-WebSocket-Extensions", "mine");
        let mut out = Vec::new();
        handshake(&[]).request(&custom, Some("ours"), &mut out);
        assert!(String::from_utf8(out).unwrap().ends_with("Extensions: mine\r\n\r\n"));
    }

    #[test]
    fn the_key_is_sixteen_random_bytes() {
        struct Counting;
        impl Entropy for Counting {
            fn fill(&mut self, bytes: &mut [u8]) {
                for (value, byte) in (0..).zip(bytes) {
                    *byte = value;
                }
            }
        }
        assert_eq!(generate_key(&mut Counting), "AAECAwQFBgcICQoLDA0ODw==");
    }

    #[test]
    fn a_good_response_opens() {
        assert_eq!(handshake(&[]).validate(&response("x", None), false), Ok(None));
        assert_eq!(handshake(&[]).validate(&response("x", None), true), Ok(None));
        let upper = response("upgrade", Some("WebSocket"));
        assert_eq!(handshake(&[]).validate(&upper, false), Ok(None));
        let list = response("connection", Some("keep-alive,\tUPGRADE"));
        assert_eq!(handshake(&[]).validate(&list, false), Ok(None));
    }

    #[test]
    fn the_chosen_subprotocol_must_have_been_offered() {
        let chosen = response("sec-websocket-protocol", Some("b"));
        assert_eq!(handshake(&["a", "b"]).validate(&chosen, true), Ok(Some("b".to_owned())));
        assert_eq!(handshake(&["a"]).validate(&chosen, false), Err(Rejection::Protocol));
        assert_eq!(handshake(&[]).validate(&chosen, false), Err(Rejection::Protocol));
    }

    #[test]
    fn no_subprotocol_is_fine_unless_required() {
        let none = response("x", None);
        assert_eq!(handshake(&["a"]).validate(&none, false), Ok(None));
        assert_eq!(handshake(&["a"]).validate(&none, true), Err(Rejection::Protocol));
    }

    #[test]
    fn every_rejection_has_its_text() {
        let refused = Response { status: 404, headers: Vec::new() };
        let refusal = handshake(&[]).validate(&refused, false).unwrap_err();
        assert_eq!(refusal.to_string(), "Unexpected response code: 404");
        for (name, value, text) in [
            ("upgrade", None, "'Upgrade' header is missing"),
            ("upgrade", Some(""), "'Upgrade' header is missing"),
            ("upgrade", Some("h2c"), "'Upgrade' header value is not 'WebSocket'"),
            ("connection", None, "'Connection' header is missing"),
            ("connection", Some("close"), "'Connection' header value is not 'Upgrade'"),
            ("sec-websocket-accept", None, "Sec-WebSocket-Accept mismatch"),
            ("sec-websocket-accept", Some("wrong"), "Sec-WebSocket-Accept mismatch"),
            ("sec-websocket-protocol", Some("c"), "Sec-WebSocket-Protocol mismatch"),
        ] {
            assert_eq!(rejection(name, value), text);
        }
    }
}
