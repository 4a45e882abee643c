//! A server's half of the handshake over HTTP/2 (RFC 8441): header fields instead of bytes.

use super::{HandshakeError, Version, accept_key, server};
use crate::proto::http::{Headers, Request};

/// The header fields that accept a request, `:status` first, names in lower case. The application's
/// headers override ours; those that HTTP/2 forbids are left out.
///
/// # Errors
///
/// Those of [`server::check`].
pub fn respond(
    version: Version,
    request: &Request,
    custom: &Headers,
    protocol: Option<&str>,
    extensions: Option<&str>,
) -> Result<Headers, HandshakeError> {
    let key = server::check(version, request)?;
    // RFC 8441 section 5: "Implementations using this extended CONNECT to bootstrap WebSockets do
    // not do the processing of the Sec-WebSocket-Key and Sec-WebSocket-Accept header fields of
    // [RFC6455]". A client that sends a key nevertheless may expect the header, and gets it.
    let accept = key.map(accept_key);
    // Section 5: "The Origin [RFC6454], Sec-WebSocket-Version, Sec-WebSocket-Protocol, and
    // Sec-WebSocket-Extensions header fields are used in the CONNECT request and response-header
    // fields as defined in [RFC6455]."
    let ours = [
        ("sec-websocket-accept", accept.as_deref()),
        ("sec-websocket-protocol", protocol),
        ("sec-websocket-extensions", extensions),
    ];
    let mut fields = Headers::new();
    // Section 4 does not change the answer to CONNECT, RFC 9113 section 8.5: "a HEADERS frame
    // containing a 2xx series status code".
    fields.set(":status", "200");
    fields.set_all(&allowed(custom));
    for (name, value) in ours {
        if let Some(value) = value {
            fields.set(name, value);
        }
    }
    Ok(fields)
}

/// The header fields that refuse a request; the body is the message.
pub fn refuse(message: &str) -> Headers {
    let mut fields = Headers::new();
    fields.set(":status", "400");
    fields.set("content-type", "text/plain");
    fields.set("content-length", &message.len().to_string());
    fields
}

/// An application's header fields in the form of HTTP/2: RFC 9113 section 8.2.1: "A field name MUST
/// NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff". Fields of the
/// connection are left out.
pub fn allowed(custom: &Headers) -> Headers {
    let mut fields = Headers::new();
    for (name, value) in custom.iter() {
        let name = name.to_ascii_lowercase();
        if !CONNECTION_SPECIFIC.contains(&name.as_str()) {
            fields.set(&name, value);
        }
    }
    fields
}

/// RFC 9113 section 8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing
/// connection-specific header fields. This includes the Connection header field and those listed as
/// having connection-specific semantics in Section 7.6.1 of [HTTP] (that is, Proxy-Connection,
/// Keep-Alive, Transfer-Encoding, and Upgrade)." `TE` is allowed in requests only.
const CONNECTION_SPECIFIC: [&str; 7] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "te",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let headers = [(":protocol", "websocket")]
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Request::new("CONNECT", "/", "wss://h/", headers)
    }

    fn accepted(
        headers: &[(&str, &str)],
        custom: &Headers,
        protocol: Option<&str>,
        extensions: Option<&str>,
    ) -> Vec<String> {
        let request = request(headers);
        let version = Version::choose(&request, true);
        let fields = respond(version, &request, custom, protocol, extensions).unwrap();
        fields.iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn the_plain_response_has_neither_upgrade_nor_key() {
        assert_eq!(
            accepted(&[("sec-websocket-version", "13")], &Headers::new(), None, None),
            [":status: 200"]
        );
    }

    #[test]
    fn a_key_that_was_sent_has_its_answer() {
        let sent =
            [("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
        assert_eq!(
            accepted(&sent, &Headers::new(), None, None),
            [":status: 200", "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
        );
    }

    #[test]
    fn what_belongs_to_a_connection_is_left_out() {
        let mut custom = Headers::new();
        for name in ["Connection", "Upgrade", "Keep-Alive", "Transfer-Encoding", "TE"] {
            custom.set(name, "x");
        }
        custom.set("X-Mine", "Yes");
        custom.set("Set-Cookie", "a=1");
        custom.set("Set-Cookie", "b=2");
        custom.set("Sec-WebSocket-Protocol", "mine");
        assert_eq!(
            accepted(&[("sec-websocket-version", "13")], &custom, Some("echo"), Some("x-ext")),
            [
                ":status: 200",
                "x-mine: Yes",
                "set-cookie: a=1",
                "set-cookie: b=2",
                "sec-websocket-protocol: mine",
                "sec-websocket-extensions: x-ext"
            ]
        );
    }

    #[test]
    fn only_the_version_of_the_rfc_is_spoken() {
        for (number, shown) in [(Some("8"), "8"), (Some("7"), "7"), (None, "undefined")] {
            let headers: Vec<_> =
                number.iter().map(|number| ("sec-websocket-version", *number)).collect();
            let request = request(&headers);
            let version = Version::choose(&request, true);
            assert_eq!(version, Version::Hybi13);
            let refused = respond(version, &request, &Headers::new(), None, None).unwrap_err();
            assert_eq!(refused.to_string(), format!("Unsupported WebSocket version: {shown}"));
        }
    }

    #[test]
    fn another_protocol_is_no_websocket() {
        let mut request = request(&[("sec-websocket-version", "13")]);
        request.headers[0].1 = "connect-udp".to_owned();
        let refused = respond(Version::Hybi13, &request, &Headers::new(), None, None).unwrap_err();
        assert_eq!(refused, HandshakeError::NotWebSocket);
    }

    #[test]
    fn the_refusal_counts_bytes() {
        let fields = refuse("Invalid é");
        assert_eq!(fields.get(":status"), Some("400"));
        assert_eq!(fields.get("content-length"), Some("10"));
    }
}
