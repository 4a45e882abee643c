//! A server's half of the handshake of RFC 6455, hybi-08 and hybi-07, and the response that refuses
//! a request of any version.

use super::{HandshakeError, Version, accept_key};
use crate::proto::http::{Headers, Request};

/// Checks a request before extensions are negotiated, and returns its key. As in the original, a
/// key may have any form; over HTTP/2 there may be none.
///
/// # Errors
///
/// The first of: the request is no upgrade, it asks for another version than `version`, it has no
/// key.
pub fn check(version: Version, request: &Request) -> Result<Option<&str>, HandshakeError> {
    // RFC 6455 section 4.2.1: for a handshake that does not match its description, "the server MUST
    // stop processing the client's handshake and return an HTTP response with an appropriate error
    // code (such as 400 Bad Request)."
    if !request.is_websocket() {
        return Err(HandshakeError::NotWebSocket);
    }
    // Section 4.2.2: "If this version does not match a version understood by the server, the server
    // MUST abort the WebSocket handshake described in this section and instead send an appropriate
    // HTTP error code". Like that of the original, the response does not list the versions.
    let requested = request.header("sec-websocket-version");
    if requested.is_none() || requested != version.number() {
        return Err(HandshakeError::UnsupportedVersion(requested.map(str::to_owned)));
    }
    match request.header("sec-websocket-key") {
        // RFC 8441 section 5: the key's "functionality has been superseded by the :protocol
        // pseudo-header field."
        None if !request.is_extended_connect() => Err(HandshakeError::MissingKey),
        key => Ok(key),
    }
}

/// Appends the 101 response (RFC 6455 section 4.2.2). The application's headers come first and
/// override ours.
///
/// # Errors
///
/// Those of [`check`]; nothing is appended then.
pub fn respond(
    version: Version,
    request: &Request,
    custom: &Headers,
    protocol: Option<&str>,
    extensions: Option<&str>,
    out: &mut Vec<u8>,
) -> Result<(), HandshakeError> {
    let accept = accept_key(check(version, request)?.unwrap_or_default());
    let mut headers = custom.clone();
    headers.set("Upgrade", "websocket");
    headers.set("Connection", "Upgrade");
    headers.set("Sec-WebSocket-Accept", &accept);
    // Section 4.2.2: "if the server does not wish to agree to one of the suggested subprotocols, it
    // MUST NOT send back a |Sec-WebSocket-Protocol| header field in its response".
    if let Some(protocol) = protocol {
        headers.set("Sec-WebSocket-Protocol", protocol);
    }
    if let Some(extensions) = extensions {
        headers.set("Sec-WebSocket-Extensions", extensions);
    }
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    headers.encode_into(out);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends the response that refuses a handshake of any version; the connection ends after it.
pub fn refuse(message: &str, out: &mut Vec<u8>) {
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        message.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(message.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
        let headers = upgrade
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Request::new("GET", "/", "ws://h/", headers)
    }

    fn refusal(headers: &[(&str, &str)]) -> String {
        let request = request(headers);
        let mut out = Vec::new();
        let version = Version::choose(&request, false);
        let refused = respond(version, &request, &Headers::new(), None, None, &mut out);
        assert!(out.is_empty());
        refused.unwrap_err().to_string()
    }

    fn accepted(
        number: &str,
        custom: &Headers,
        protocol: Option<&str>,
        extensions: Option<&str>,
    ) -> String {
        let request = request(&[
            ("sec-websocket-version", number),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        let mut out = Vec::new();
        let version = Version::choose(&request, true);
        respond(version, &request, custom, protocol, extensions, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_plain_response() {
        for number in ["13", "8", "7"] {
            assert_eq!(
                accepted(number, &Headers::new(), None, None),
                "HTTP/1.1 101 Switching Protocols\r\n\
                 Upgrade: websocket\r\n\
                 Connection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                 \r\n"
            );
        }
    }

    #[test]
    fn everything_in_its_order_and_custom_headers_override() {
        let mut custom = Headers::new();
        custom.set("X-Mine", "yes");
        custom.set("Upgrade", "custom");
        assert_eq!(
            accepted("13", &custom, Some("echo"), Some("deflate; x=1")),
            "HTTP/1.1 101 Switching Protocols\r\n\
             X-Mine: yes\r\n\
             Upgrade: custom\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Protocol: echo\r\n\
             Sec-WebSocket-Extensions: deflate; x=1\r\n\
             \r\n"
        );
    }

    #[test]
    fn the_version_is_checked_before_the_key() {
        assert_eq!(refusal(&[]), "Unsupported WebSocket version: undefined");
        assert_eq!(refusal(&[("sec-websocket-version", "8")]), "Unsupported WebSocket version: 8");
        assert_eq!(refusal(&[("sec-websocket-version", "")]), "Unsupported WebSocket version: ");
        assert_eq!(
            refusal(&[("sec-websocket-version", "13")]),
            "Missing handshake request header: Sec-WebSocket-Key"
        );
    }

    #[test]
    fn the_upgrade_is_checked_before_everything() {
        let mut request = request(&[]);
        request.method = "POST".to_owned();
        let error = check(Version::Hybi13, &request).unwrap_err();
        assert_eq!(error.to_string(), "Not a WebSocket request");
    }

    #[test]
    fn odd_keys_are_taken_as_they_are() {
        for key in ["", "a"] {
            let request = request(&[("sec-websocket-version", "13"), ("sec-websocket-key", key)]);
            assert_eq!(check(Version::Hybi13, &request), Ok(Some(key)));
        }
    }

    #[test]
    fn the_refusal_counts_bytes() {
        let mut out = Vec::new();
        refuse("Invalid é", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nInvalid é"
        );
    }
}
