//! The handshake of draft-hixie-thewebsocketprotocol-76. Its challenge is two numbers, hidden in
//! two headers, and eight bytes of body; the response is their MD5.

use md5::{Digest, Md5};

use crate::proto::handshake::HandshakeError;
use crate::proto::http::{Headers, Request};

/// The close frame, of either side.
pub const CLOSE_FRAME: [u8; 2] = [0xff, 0x00];

/// Bytes of the request's body, with which the handshake is complete.
pub(super) const BODY_SIZE: usize = 8;

/// The two numbers of the challenge, of the headers `Sec-WebSocket-Key1` and `-Key2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys(u32, u32);

impl Keys {
    /// The numbers in the two headers.
    ///
    /// # Errors
    ///
    /// A header is missing or empty, or holds no valid number.
    pub fn of(request: &Request) -> Result<Self, HandshakeError> {
        let key = |name, shown| request.non_empty(name).ok_or(HandshakeError::MissingHeader(shown));
        let first = key("sec-websocket-key1", "Sec-WebSocket-Key1")?;
        let second = key("sec-websocket-key2", "Sec-WebSocket-Key2")?;
        let number = |key| number(key).ok_or(HandshakeError::InvalidKeys);
        Ok(Self(number(first)?, number(second)?))
    }

    /// The response to the challenge of which this is the `body`.
    pub(super) fn sign(self, body: [u8; BODY_SIZE]) -> [u8; 16] {
        let mut hash = Md5::new();
        hash.update(self.0.to_be_bytes());
        hash.update(self.1.to_be_bytes());
        hash.update(body);
        hash.finalize().into()
    }
}

/// The number in a key: its digits as one number, divided by the count of its spaces. The number
/// must not be zero, the division must leave no remainder, and the quotient must fit in 32 bits. A
/// key may have any length.
fn number(key: &str) -> Option<u32> {
    let spaces = key.bytes().filter(|byte| *byte == b' ').count();
    let spaces = u64::try_from(spaces).ok().filter(|spaces| *spaces > 0)?;
    let digits = key.bytes().filter(u8::is_ascii_digit).map(|byte| u64::from(byte - b'0'));
    let mut number = 0_u64;
    for digit in digits {
        // A number of more than 64 bits would need more than 2^32 spaces for a quotient of 32 bits.
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    if number == 0 || !number.is_multiple_of(spaces) {
        None
    } else {
        u32::try_from(number / spaces).ok()
    }
}

/// Appends the head of the 101 response, and returns the keys: a [`super::HixieReceiver`] appends
/// its body when that of the request has arrived. The application's headers come after ours and
/// cannot override them.
///
/// # Errors
///
/// The request is no upgrade, or its keys are missing or invalid; nothing is appended then.
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

/// Appends a text in Latin-1, in which Node's http server has decoded the request: Origin is echoed
/// byte for byte. Like the original, it writes of any other UTF-16 unit the low byte, except where
/// that would be CR, LF or NUL.
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
