//! The payload of a close frame: RFC 6455 section 5.5.1.

use super::frame::MAX_CONTROL;
use crate::proto::CloseCode;

/// Longest reason: a control frame less the two bytes of the code.
pub const MAX_REASON: usize = MAX_CONTROL - 2;

/// Reads a peer's close frame.
///
/// As the original reports and echoes it: a code that a peer must not send is 1002 with the frame's
/// reason, a reason that is not UTF-8 is 1002 without a reason, and an empty payload is 1000.
pub fn parse(payload: &[u8]) -> (CloseCode, String) {
    // RFC 6455 section 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte
    // unsigned integer (in network byte order) representing a status code". Without a body, the
    // code that an application sees is 1005 (section 7.1.5); the original reports and echoes 1000.
    let (code, reason) = match payload {
        [] => return (CloseCode::NORMAL, String::new()),
        [_] => return (CloseCode::PROTOCOL_ERROR, String::new()),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
    };
    // Section 5.5.1: "Following the 2-byte integer, the body MAY contain UTF-8-encoded data".
    match simdutf8::basic::from_utf8(reason) {
        Ok(reason) if code.is_valid_on_wire() && payload.len() <= MAX_CONTROL => {
            (code, reason.to_owned())
        }
        Ok(reason) => (CloseCode::PROTOCOL_ERROR, reason.to_owned()),
        Err(_) => (CloseCode::PROTOCOL_ERROR, String::new()),
    }
}

/// The part of a reason that fits a control frame, cut between code points.
pub fn truncate_reason(reason: &[u8]) -> &[u8] {
    if reason.len() <= MAX_REASON {
        return reason;
    }
    // A cut within a code point would make the reason ill-formed UTF-8.
    let begins = |end: &usize| reason.get(*end).is_some_and(|byte| byte & 0xc0 != 0x80);
    let end = (MAX_REASON - 3..=MAX_REASON).rev().find(begins).unwrap_or(MAX_REASON - 3);
    reason.get(..end).unwrap_or(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(code: u16, reason: &[u8]) -> (u16, String) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason);
        let (code, reason) = parse(&payload);
        (code.0, reason)
    }

    #[test]
    fn valid_codes_stay() {
        assert_eq!(parsed(1001, b"going"), (1001, "going".into()));
        assert_eq!(parsed(4999, b""), (4999, "".into()));
        assert_eq!(parsed(1013, b"later"), (1013, "later".into()));
    }

    #[test]
    fn codes_no_peer_may_send_become_1002_and_keep_the_reason() {
        for code in [0, 1004, 1005, 1006, 1015, 2999, 5000, 65535] {
            assert_eq!(parsed(code, b"why"), (1002, "why".into()));
        }
    }

    #[test]
    fn an_ill_formed_reason_becomes_1002_with_none() {
        assert_eq!(parsed(1000, b"\xff"), (1002, "".into()));
    }

    #[test]
    fn short_payloads() {
        assert_eq!(parse(b""), (CloseCode::NORMAL, String::new()));
        assert_eq!(parse(b"\x03"), (CloseCode::PROTOCOL_ERROR, String::new()));
    }

    #[test]
    fn reasons_are_cut_between_code_points() {
        assert_eq!(truncate_reason(&[b'r'; 200]).len(), 123);
        let reason = "é".repeat(62);
        assert_eq!(reason.len(), 124);
        assert_eq!(truncate_reason(reason.as_bytes()), "é".repeat(61).as_bytes());
        assert_eq!(truncate_reason(b"short"), b"short");
        // Of bytes that are not UTF-8, at most three are cut, as of the longest code point.
        assert_eq!(truncate_reason(&[0x80; 200]).len(), MAX_REASON - 3);
        let late = [[b'r'; 100], [0x80; 100]].concat();
        assert_eq!(truncate_reason(&late).len(), MAX_REASON - 3);
    }
}
