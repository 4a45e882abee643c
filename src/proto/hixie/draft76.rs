//! The handshake of draft-hixie-thewebsocketprotocol-76: two numbers hidden in headers and eight
//! bytes of body prove that both sides mean it.

use md5::{Digest, Md5};

use crate::proto::handshake::HandshakeError;
use crate::proto::http::{Headers, Request};

/// What either side sends to close.
pub const CLOSE_FRAME: [u8; 2] = [0xff, 0x00];

/// Bytes of request body that complete the handshake.
pub(super) const BODY_SIZE: usize = 8;

/// The numbers a client hid in its two key headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys(u32, u32);

impl Keys {
    /// The numbers in the two headers.
    ///
    /// # Errors
    ///
    /// A header is missing or empty, or one of them has no valid number.
    pub fn of(request: &Request) -> Result<Self, HandshakeError> {
        let key = |name, shown| request.non_empty(name).ok_or(HandshakeError::MissingHeader(shown));
        let first = key("sec-websocket-key1", "Sec-WebSocket-Key1")?;
        let second = key("sec-websocket-key2", "Sec-WebSocket-Key2")?;
        let number = |key| number(key).ok_or(HandshakeError::InvalidKeys);
        Ok(Self(number(first)?, number(second)?))
    }

    /// What the server answers to the body.
    pub(super) fn sign(self, body: [u8; BODY_SIZE]) -> [u8; 16] {
        let mut hash = Md5::new();
        hash.update(self.0.to_be_bytes());
        hash.update(self.1.to_be_bytes());
        hash.update(body);
        hash.finalize().into()
    }
}

/// The digits of a key as one number, divided by the number of its spaces. It must not be zero,
/// must divide without remainder, and the quotient must fit in 32 bits; a key may be as long as its
/// sender likes.
fn number(key: &str) -> Option<u32> {
    let spaces = key.bytes().filter(|byte| *byte == b' ').count();
    let spaces = u64::try_from(spaces).ok().filter(|spaces| *spaces > 0)?;
    let digits = key.bytes().filter(u8::is_ascii_digit).map(|byte| u64::from(byte - b'0'));
    let mut number = 0_u64;
    for digit in digits {
        // Beyond 64 bits no header is long enough for the spaces that would make it fit again.
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    if number == 0 || !number.is_multiple_of(spaces) {
        None
    } else {
        u32::try_from(number / spaces).ok()
    }
}

/// Appends the 101 response and returns what a [`super::HixieReceiver`] needs for the rest of the
/// handshake. The application's own headers come after ours and cannot override them.
///
/// # Errors
///
/// The request is no upgrade, or its keys are missing or invalid; nothing is written then.
pub fn respond(
    request: &Request,
    custom: &Headers,
    out: &mut Vec<u8>,
) -> Result<Keys, HandshakeError> {
    if !request.is_websocket() {
        return Err(HandshakeError::NotWebSocket);
    }
    let keys = Keys::of(request)?;
    let mut headers = Headers::new();
    headers.set("Upgrade", "WebSocket");
    headers.set("Connection", "Upgrade");
    if let Some(origin) = request.header("origin") {
        headers.set("Sec-WebSocket-Origin", origin);
    }
    headers.set("Sec-WebSocket-Location", &request.url);
    headers.set_all(custom);
    out.extend_from_slice(b"HTTP/1.1 101 WebSocket Protocol Handshake\r\n");
    for (name, value) in headers.iter() {
        for part in [name, ": ", value] {
            encode_latin1(part, out);
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(keys)
}

/// The original writes this one response byte for byte: Origin goes back as it came. It would cut
/// other characters to their low byte, which must not become a line end.
fn encode_latin1(text: &str, out: &mut Vec<u8>) {
    out.extend(text.encode_utf16().map(|unit| match unit.to_be_bytes() {
        [0, byte] => byte,
        [_, b'\r' | b'\n' | 0] => b'?',
        [_, byte] => byte,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY1: &str = "1   38 wZ3f9 23O0 3l 0r";
    const KEY2: &str = "27   0E 6 2  1665:< ;U 1H";

    fn request(extra: &[(&str, &str)]) -> Request {
        let headers = [("connection", "Upgrade"), ("upgrade", "WebSocket")];
        let headers = headers.iter().chain(extra);
        let headers =
            headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request::new("GET", "/", "ws://h/", headers)
    }

    fn refusal(extra: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        let refused = respond(&request(extra), &Headers::new(), &mut out);
        assert!(out.is_empty());
        refused.unwrap_err().to_string()
    }

    #[test]
    fn the_known_signature() {
        let request = request(&[("sec-websocket-key1", KEY1), ("sec-websocket-key2", KEY2)]);
        let keys = Keys::of(&request).unwrap();
        assert_eq!(
            keys.sign([0x91, 0x25, 0x3e, 0xd3, 0xa9, 0xe7, 0x6a, 0x88]),
            [
                0xb4, 0x9c, 0x6e, 0x40, 0x53, 0x04, 0x04, 0x26, 0xe5, 0x1b, 0xbf, 0x6c, 0xb7, 0x9f,
                0x1d, 0xf9
            ]
        );
    }

    #[test]
    fn the_response_in_its_order() {
        let mut custom = Headers::new();
        custom.set("X-Mine", "1");
        custom.set("upgrade", "custom");
        let request = request(&[
            ("origin", "http://\u{e9}"),
            ("sec-websocket-key1", KEY1),
            ("sec-websocket-key2", KEY2),
        ]);
        let mut out = Vec::new();
        respond(&request, &custom, &mut out).unwrap();
        assert_eq!(
            out,
            b"HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
              Upgrade: WebSocket\r\n\
              Connection: Upgrade\r\n\
              Sec-WebSocket-Origin: http://\xe9\r\n\
              Sec-WebSocket-Location: ws://h/\r\n\
              X-Mine: 1\r\n\
              \r\n"
        );
    }

    #[test]
    fn no_character_becomes_a_line_end() {
        let mut out = Vec::new();
        encode_latin1("\u{10d}\u{10a}\u{100}\u{141}é", &mut out);
        assert_eq!(out, b"???A\xe9");
    }

    #[test]
    fn both_keys_are_needed() {
        assert_eq!(refusal(&[]), "Missing required header: Sec-WebSocket-Key1");
        assert_eq!(
            refusal(&[("sec-websocket-key1", KEY1), ("sec-websocket-key2", "")]),
            "Missing required header: Sec-WebSocket-Key2"
        );
    }

    #[test]
    fn numbers_in_keys() {
        assert_eq!(number("1 2"), Some(12));
        assert_eq!(number("0 0 1 2"), Some(4));
        assert_eq!(number("4294967295 "), Some(u32::MAX));
        assert_eq!(number("8589934590  "), Some(u32::MAX));
    }

    #[test]
    fn keys_without_a_number() {
        for key in [
            "12",
            " ",
            "0 ",
            "1 2 3 4 ",
            "4294967296 ",
            "2 L785 8o% s9Sy9@V. 4<1P5",
            &format!("{} ", "9".repeat(400)),
            &format!("{} ", "18446744073709551616"),
        ] {
            assert_eq!(number(key), None, "{key}");
            let keys = [("sec-websocket-key1", KEY1), ("sec-websocket-key2", key)];
            assert_eq!(refusal(&keys), "Client sent invalid Sec-WebSocket-Key headers");
        }
    }
}
