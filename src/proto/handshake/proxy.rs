//! Reaching a server through an HTTP proxy (RFC 9110 section 9.3.6).

use std::fmt;

use crate::proto::http::{Headers, Response, ResponseParser};

/// One `CONNECT`: the request, then the check of the proxy's response.
#[derive(Debug)]
pub struct ProxyHandshake {
    url: String,
    target: String,
    headers: Headers,
    parser: ResponseParser,
}

impl ProxyHandshake {
    /// A tunnel to `hostname` and `port`; an IPv6 address may have its brackets or not. `host` is
    /// the server's value of `Host`, `url` its address for the text of errors, and `authorization`
    /// the value of `Proxy-Authorization`. None of them may have CR, LF or NUL.
    pub fn new(
        hostname: &str,
        port: u16,
        host: &str,
        url: &str,
        authorization: Option<&str>,
    ) -> Self {
        let bare_ipv6 = hostname.contains(':') && !hostname.starts_with('[');
        let target =
            if bare_ipv6 { format!("[{hostname}]:{port}") } else { format!("{hostname}:{port}") };
        let mut headers = Headers::new();
        headers.set("Host", host);
        headers.set("Connection", "keep-alive");
        headers.set("Proxy-Connection", "keep-alive");
        if let Some(authorization) = authorization {
            headers.set("Proxy-Authorization", authorization);
        }
        Self { url: url.to_owned(), target, headers, parser: ResponseParser::new() }
    }

    /// Appends the request. The application's headers come after ours and cannot override them.
    pub fn request(&mut self, custom: &Headers, out: &mut Vec<u8>) {
        self.headers.set_all(custom);
        out.extend_from_slice(format!("CONNECT {} HTTP/1.1\r\n", self.target).as_bytes());
        self.headers.encode_into(out);
        out.extend_from_slice(b"\r\n");
    }

    /// Takes the next bytes of the response. `Some` when it is complete and the tunnel is open: how
    /// many of the bytes are of the response; the others have come through the tunnel. `None` while
    /// it is incomplete.
    ///
    /// # Errors
    ///
    /// The proxy has refused, or does not speak HTTP. As in the original, 200 is the only status
    /// that opens a tunnel.
    pub fn receive(&mut self, input: &[u8]) -> Result<Option<usize>, ProxyError> {
        match self.parser.receive(input) {
            Ok(None) => Ok(None),
            Ok(Some(consumed)) if self.response().status == 200 => Ok(Some(consumed)),
            Ok(Some(_)) | Err(_) => Err(ProxyError { url: self.url.clone() }),
        }
    }

    /// The proxy's response, once it is complete.
    pub fn response(&self) -> &Response {
        self.parser.response()
    }
}

/// A proxy that did not open a tunnel. The text is the original's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyError {
    /// The server's address.
    pub url: String,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Can't establish a connection to the server at {}", self.url)
    }
}

impl std::error::Error for ProxyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake() -> ProxyHandshake {
        ProxyHandshake::new("h", 80, "h", "ws://h/", None)
    }

    fn request(mut handshake: ProxyHandshake, custom: &Headers) -> String {
        let mut out = Vec::new();
        handshake.request(custom, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_plain_request() {
        assert_eq!(
            request(handshake(), &Headers::new()),
            "CONNECT h:80 HTTP/1.1\r\n\
             Host: h\r\n\
             Connection: keep-alive\r\n\
             Proxy-Connection: keep-alive\r\n\
             \r\n"
        );
    }

    #[test]
    fn everything_in_its_order() {
        let mut custom = Headers::new();
        custom.set("User-Agent", "test");
        custom.set("proxy-authorization", "mine");
        let handshake =
            ProxyHandshake::new("h", 8080, "h:8080", "ws://h:8080/", Some("Basic dTpw"));
        assert_eq!(
            request(handshake, &custom),
            "CONNECT h:8080 HTTP/1.1\r\n\
             Host: h:8080\r\n\
             Connection: keep-alive\r\n\
             Proxy-Connection: keep-alive\r\n\
             Proxy-Authorization: Basic dTpw\r\n\
             User-Agent: test\r\n\
             \r\n"
        );
    }

    #[test]
    fn an_ipv6_address_is_bracketed_once() {
        for hostname in ["::1", "[::1]"] {
            let handshake = ProxyHandshake::new(hostname, 443, "[::1]", "wss://[::1]/", None);
            assert!(
                request(handshake, &Headers::new()).starts_with("CONNECT [::1]:443 HTTP/1.1\r\n")
            );
        }
    }

    #[test]
    fn a_200_opens_the_tunnel_and_leaves_the_rest() {
        let mut handshake = handshake();
        assert_eq!(handshake.receive(b"HTTP/1.1 200 Connection "), Ok(None));
        let more = b"established\r\nX: y\r\n\r\nHTTP/1.1 101 ";
        let consumed = handshake.receive(more).unwrap().unwrap();
        assert_eq!(&more[consumed..], b"HTTP/1.1 101 ");
        assert_eq!(handshake.response().header("x"), Some("y"));
    }

    #[test]
    fn everything_else_is_a_refusal() {
        for answer in
            ["HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP/1.1 201 Created\r\n\r\n", "garbage\r\n"]
        {
            let error = handshake().receive(answer.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "Can't establish a connection to the server at ws://h/",
                "{answer}"
            );
        }
    }

    #[test]
    fn a_refusal_can_be_read() {
        let mut handshake = handshake();
        assert!(
            handshake.receive(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n").is_err()
        );
        assert_eq!(handshake.response().status, 407);
        assert_eq!(handshake.response().header("proxy-authenticate"), Some("Basic"));
    }
}
