//! The frame header: RFC 6455 section 5.2. Bits only; the rules for them are in
//! [`Receiver`](super::Receiver).

use crate::proto::extension::RSV1;

/// Bit of the first byte: the last frame of a message.
pub const FIN: u8 = 0x80;
/// Bit of the second byte: the payload is masked.
pub const MASK: u8 = 0x80;
/// RSV1 of a message's first frame, as in [`Header::rsv`]: "On a WebSocket
/// connection where a PMCE is in use, this bit indicates whether a message is compressed or not"
/// (RFC 7692 section 6).
pub const COMPRESSED: u8 = RSV1;
/// Longest header: two bytes, a 64-bit length and a masking key.
pub const MAX_HEADER: usize = 14;
/// Longest payload of a control frame (section 5.5).
pub const MAX_CONTROL: usize = 125;

/// The opcodes of RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation = 0,
    /// Begins a text message.
    Text = 1,
    /// Begins a binary message.
    Binary = 2,
    /// Begins or answers the closing handshake.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping, or is unsolicited (section 5.5.3).
    Pong = 10,
}

impl Opcode {
    /// The opcode in the low four bits of a frame's first byte; `None` for one that RFC 6455 does
    /// not define.
    pub fn parse(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// An opcode in the low four bits with the reserved bits above it (RSV1 is 4, RSV2 is 2, RSV3
    /// is 1).
    pub fn with_reserved(bits: u32) -> Option<(Self, u8)> {
        Some((Self::parse((bits & 15) as u8)?, (bits >> 4 & 7) as u8))
    }

    /// Whether this is a control frame, which may be sent between the fragments of a message
    /// (section 5.4).
    pub fn is_control(self) -> bool {
        self as u8 >= 8
    }

    /// Whether this opcode begins a message.
    pub fn is_opening(self) -> bool {
        matches!(self, Self::Text | Self::Binary)
    }
}

/// The fields of an outgoing header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The opcode.
    pub opcode: Opcode,
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// Reserved bits: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u8,
    /// Payload bytes.
    pub length: usize,
    /// The masking key; `None` for a frame that is not masked.
    pub key: Option<[u8; 4]>,
}

impl Header {
    /// Writes the header to the start of `bytes`, and returns that part of them.
    #[expect(clippy::indexing_slicing, reason = "`end` is at most 10 before the key of 4 bytes")]
    pub fn encode<'a>(&self, bytes: &'a mut [u8; MAX_HEADER]) -> &'a [u8] {
        // Section 5.2: "in all cases, the minimal number of bytes MUST be used to encode the
        // length".
        let masked = if self.key.is_some() { MASK } else { 0 };
        let fin = if self.fin { FIN } else { 0 };
        bytes[0] = fin | self.rsv << 4 | self.opcode as u8;
        let mut end = 2;
        if self.length <= 125 {
            bytes[1] = masked | self.length as u8;
        } else if self.length <= 0xffff {
            bytes[1] = masked | 126;
            bytes[2..4].copy_from_slice(&(self.length as u16).to_be_bytes());
            end = 4;
        } else {
            bytes[1] = masked | 127;
            bytes[2..10].copy_from_slice(&(self.length as u64).to_be_bytes());
            end = 10;
        }
        if let Some(key) = self.key {
            bytes[end..end + 4].copy_from_slice(&key);
            end += 4;
        }
        &bytes[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(length: usize, key: Option<[u8; 4]>) -> Vec<u8> {
        let header = Header { opcode: Opcode::Text, fin: true, rsv: 0, length, key };
        header.encode(&mut [0; MAX_HEADER]).to_vec()
    }

    #[test]
    fn lengths_take_their_shortest_form() {
        assert_eq!(encode(0, None), [0x81, 0]);
        assert_eq!(encode(125, None), [0x81, 125]);
        assert_eq!(encode(126, None), [0x81, 126, 0, 126]);
        assert_eq!(encode(200, None), [0x81, 0x7e, 0x00, 0xc8]);
        assert_eq!(encode(65535, None), [0x81, 126, 0xff, 0xff]);
        assert_eq!(encode(65536, None), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_client_sends_its_key_even_with_no_payload() {
        assert_eq!(encode(0, Some([1, 2, 3, 4])), [0x81, 0x80, 1, 2, 3, 4]);
    }

    #[test]
    fn reserved_bits_lie_below_fin() {
        let mut bytes = [0; MAX_HEADER];
        Header { opcode: Opcode::Binary, fin: true, rsv: 4, length: 1, key: None }
            .encode(&mut bytes);
        assert_eq!(bytes[0], 0xc2);
    }

    #[test]
    fn fragments_but_the_last_have_no_fin() {
        let mut bytes = [0; MAX_HEADER];
        let header = Header { opcode: Opcode::Text, fin: false, rsv: 0, length: 1, key: None };
        header.encode(&mut bytes);
        assert_eq!(bytes[0], 0x01);
    }

    #[test]
    fn opcodes_outside_the_rfc_are_none() {
        for bits in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_eq!(Opcode::parse(bits), None);
        }
    }
}
