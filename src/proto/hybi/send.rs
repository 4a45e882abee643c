//! Outgoing frames: header and payload together, masked in place. A message is one frame, unless
//! the caller sends it in fragments.

use super::close::truncate_reason;
use super::frame::{Header, MAX_HEADER, Opcode};
use super::mask;
use crate::proto::CloseCode;

/// Appends one whole message, or a control frame, to `wire`. `rsv` and `key` are as in [`Header`].
pub fn frame(opcode: Opcode, rsv: u8, payload: &[u8], key: Option<[u8; 4]>, wire: &mut Vec<u8>) {
    append(Header { opcode, fin: true, rsv, length: payload.len(), key }, payload, wire);
}

/// Appends one fragment of a message; `last` ends it.
pub fn fragment(
    opcode: Opcode,
    last: bool,
    payload: &[u8],
    key: Option<[u8; 4]>,
    wire: &mut Vec<u8>,
) {
    append(Header { opcode, fin: last, rsv: 0, length: payload.len(), key }, payload, wire);
}

fn append(header: Header, payload: &[u8], wire: &mut Vec<u8>) {
    let key = header.key;
    let mut bytes = [0; MAX_HEADER];
    let header = header.encode(&mut bytes);
    wire.reserve(header.len() + payload.len());
    wire.extend_from_slice(header);
    let start = wire.len();
    wire.extend_from_slice(payload);
    if let Some(key) = key {
        mask::apply(wire.get_mut(start..).unwrap_or_default(), key, 0);
    }
}

/// Makes a frame in the memory of its payload: `memory` is [`MAX_HEADER`] bytes of room for the
/// header, and then the payload. Returns where in `memory` the frame begins; it ends where `memory`
/// ends. `None` where `memory` has no room for a header.
pub fn frame_around(opcode: Opcode, key: Option<[u8; 4]>, memory: &mut [u8]) -> Option<usize> {
    let (room, payload) = memory.split_first_chunk_mut::<MAX_HEADER>()?;
    let header = Header { opcode, fin: true, rsv: 0, length: payload.len(), key };
    let mut bytes = [0; MAX_HEADER];
    let header = header.encode(&mut bytes);
    let start = MAX_HEADER - header.len();
    room.get_mut(start..)?.copy_from_slice(header);
    if let Some(key) = key {
        mask::apply(payload, key, 0);
    }
    Some(start)
}

/// The header of an unmasked frame that is a whole message.
#[derive(Clone, Copy, Debug)]
pub struct PlainHeader {
    bytes: [u8; MAX_HEADER],
    length: usize,
}

impl PlainHeader {
    /// For a message of `length` bytes.
    pub fn new(opcode: Opcode, length: usize) -> Self {
        let mut bytes = [0; MAX_HEADER];
        let header = Header { opcode, fin: true, rsv: 0, length, key: None };
        let length = header.encode(&mut bytes).len();
        Self { bytes, length }
    }

    /// The bytes on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Appends a close frame. The reason is cut to what a control frame holds (RFC 6455 section 5.5).
pub fn close(code: CloseCode, reason: &[u8], key: Option<[u8; 4]>, wire: &mut Vec<u8>) {
    // Section 5.5: "All control frames MUST have a payload length of 125 bytes or less". The
    // original sends longer ones, for which its peer fails the connection.
    let payload = [&code.0.to_be_bytes(), truncate_reason(reason)].concat();
    frame(Opcode::Close, 0, &payload, key, wire);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(opcode: Opcode, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
        let mut wire = Vec::new();
        frame(opcode, 0, payload, key, &mut wire);
        wire
    }

    #[test]
    fn frames_of_a_server() {
        assert_eq!(sent(Opcode::Text, b"Hi", None), [0x81, 0x02, 0x48, 0x69]);
        assert_eq!(sent(Opcode::Binary, &[1, 2, 3], None), [0x82, 0x03, 1, 2, 3]);
        assert_eq!(sent(Opcode::Ping, b"p", None), [0x89, 0x01, 0x70]);
    }

    #[test]
    fn a_frame_takes_the_memory_that_it_needs() {
        let wire = sent(Opcode::Binary, &[0; 10_000], Some([1, 2, 3, 4]));
        assert!(wire.capacity() < 11_000, "{}", wire.capacity());
    }

    #[test]
    fn frames_of_a_client_are_masked() {
        let wire = sent(Opcode::Text, b"Hello", Some([0x37, 0xfa, 0x21, 0x3d]));
        assert_eq!(wire, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn frames_around_a_payload_are_the_same() {
        for key in [None, Some([0x37, 0xfa, 0x21, 0x3d])] {
            for length in [0, 1, 125, 126, 65535, 65536] {
                let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
                let mut memory = vec![0; MAX_HEADER];
                memory.extend_from_slice(&payload);
                let start = frame_around(Opcode::Binary, key, &mut memory);
                let start = start.expect("there is room");
                assert_eq!(memory[start..], sent(Opcode::Binary, &payload, key), "{length}");
            }
        }
        assert_eq!(frame_around(Opcode::Binary, None, &mut [0; MAX_HEADER - 1]), None);
    }

    #[test]
    fn a_message_in_fragments() {
        // RFC 6455 section 5.4: "the first frame with a FIN bit clear and an opcode other than 0,
        // followed by zero or more frames with the FIN bit clear and the opcode set to 0, and
        // terminated by a single frame with the FIN bit set and an opcode of 0."
        let mut wire = Vec::new();
        fragment(Opcode::Text, false, b"Hel", None, &mut wire);
        fragment(Opcode::Continuation, false, b"", None, &mut wire);
        fragment(Opcode::Continuation, true, b"lo", None, &mut wire);
        assert_eq!(wire, [0x01, 3, 0x48, 0x65, 0x6c, 0x00, 0, 0x80, 2, 0x6c, 0x6f]);
    }

    #[test]
    fn close_frames() {
        let mut wire = Vec::new();
        close(CloseCode::NORMAL, b"", None, &mut wire);
        close(CloseCode(3000), b"x", None, &mut wire);
        assert_eq!(wire, [0x88, 0x02, 0x03, 0xe8, 0x88, 0x03, 0x0b, 0xb8, 0x78]);
    }

    #[test]
    fn no_close_frame_is_longer_than_a_control_frame() {
        let mut wire = Vec::new();
        close(CloseCode::NORMAL, &[b'r'; 1000], None, &mut wire);
        assert_eq!(&wire[..4], [0x88, 125, 0x03, 0xe8]);
        assert_eq!(wire.len(), 127);
    }
}
