//! The handshake of draft-hixie-thewebsocketprotocol-75: a response without a challenge.

use crate::proto::handshake::HandshakeError;
use crate::proto::http::{Headers, Request};

/// Appends the 101 response, with which the connection is open. The application's headers come
/// after ours and cannot override them.
///
/// # Errors
///
/// The request is no upgrade; nothing is appended then.
pub fn respond(
    request: &Request,
    custom: &Headers,
    out: &mut Vec<u8>,
) -> Result<(), HandshakeError> {
    if !request.is_websocket() {
        return Err(HandshakeError::NotWebSocket);
    }
    let mut headers = Headers::new();
    headers.set("Upgrade", "WebSocket");
    headers.set("Connection", "Upgrade");
    if let Some(origin) = request.header("origin") {
        headers.set("WebSocket-Origin", origin);
    }
    headers.set("WebSocket-Location", &request.url);
    headers.set_all(custom);
    out.extend_from_slice(b"HTTP/1.1 101 Web Socket Protocol Handshake\r\n");
    headers.encode_into(out);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond_to(origin: Option<&str>, custom: &Headers) -> String {
        let headers = [("connection", "Upgrade"), ("upgrade", "WebSocket")];
        let headers = headers.into_iter().chain(origin.map(|origin| ("origin", origin)));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let request = Request::new("GET", "/p?q", "ws://h/p?q", headers);
        let mut out = Vec::new();
        respond(&request, custom, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_response_in_its_order() {
        let mut custom = Headers::new();
        custom.set("X-Mine", "1");
        custom.set("upgrade", "custom");
        assert_eq!(
            respond_to(Some("http://o"), &custom),
            "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n\
             WebSocket-Origin: http://o\r\n\
             WebSocket-Location: ws://h/p?q\r\n\
             X-Mine: 1\r\n\
             \r\n"
        );
    }

    #[test]
    fn without_an_origin_its_line_is_missing() {
        assert!(!respond_to(None, &Headers::new()).contains("Origin"));
        assert!(respond_to(Some(""), &Headers::new()).contains("WebSocket-Origin: \r\n"));
    }

    #[test]
    fn other_requests_are_refused() {
        let request = Request::new("GET", "/", "ws://h/", Vec::new());
        let mut out = Vec::new();
        let refused = respond(&request, &Headers::new(), &mut out);
        assert_eq!(refused, Err(HandshakeError::NotWebSocket));
        assert!(out.is_empty());
    }
}
