//! Masked frames to send, and a counter for the frames that come back.
//!
//! The generator never looks at more of an answer than its headers, except while it warms up.

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;

/// A close frame with code 1000, masked.
pub const CLOSE_FRAME: [u8; 8] = [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2];

/// Several copies of a frame do not share a masking key up to this many bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// A run of equal messages, ready to be written over and over.
pub struct Block {
    pub bytes: Vec<u8>,
    pub frame_length: usize,
    pub payload: Vec<u8>,
}

impl Block {
    /// Up to `copies` frames around the same payload of `size` bytes. Text is printable ASCII.
    pub fn new(size: usize, binary: bool, copies: usize) -> Block {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // Repeated past 64 KiB: more randomness would cost the largest message seconds to make.
        let pattern: Vec<u8> = (0..size.min(64 * 1024))
            .map(|_| {
                let byte = random.next();
                if binary { byte } else { b' ' + byte % 95 }
            })
            .collect();
        let payload: Vec<u8> = pattern.iter().copied().cycle().take(size).collect();
        let mut bytes = Vec::new();
        let mut frame_length = 0;
        for _ in 0..copies.max(1) {
            if frame_length > 0 && bytes.len() + frame_length > BLOCK_BYTES {
                break;
            }
            let key = [random.next() | 1, random.next(), random.next(), random.next()];
            append_masked(&mut bytes, if binary { BINARY } else { TEXT }, &payload, key);
            if frame_length == 0 {
                frame_length = bytes.len();
            }
        }
        Block { bytes, frame_length, payload }
    }
}

fn append_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: [u8; 4]) {
    out.push(0x80 | opcode);
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// xorshift64*: payloads need variety, not secrecy, and the same ones every round.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    }
}

/// Finds message ends in a byte stream that is cut anywhere.
pub enum Answers {
    /// Unmasked frames, as a server sends them.
    Frames(Frames),
    /// Bytes without meaning: every `unit` of them is a message.
    Bytes { unit: usize, pending: usize },
}

impl Answers {
    pub fn frames() -> Answers {
        Answers::Frames(Frames::default())
    }

    pub fn bytes(unit: usize) -> Answers {
        Answers::Bytes { unit, pending: 0 }
    }

    /// Takes what was read and returns how many messages it completed. With `expected`, every
    /// message must carry exactly that payload.
    pub fn receive(&mut self, input: &[u8], expected: Option<&[u8]>) -> Result<usize, String> {
        match self {
            Answers::Bytes { unit, pending } => {
                *pending += input.len();
                let complete = *pending / *unit;
                *pending %= *unit;
                Ok(complete)
            }
            Answers::Frames(frames) => frames.receive(input, expected),
        }
    }

    /// Whether the peer has sent a close frame.
    pub fn closed(&self) -> bool {
        matches!(self, Answers::Frames(frames) if frames.closed)
    }
}

#[derive(Default)]
pub struct Frames {
    header: [u8; 10],
    header_length: usize,
    payload_left: u64,
    message_offset: usize,
    closed: bool,
}

impl Frames {
    fn receive(&mut self, mut input: &[u8], expected: Option<&[u8]>) -> Result<usize, String> {
        let mut complete = 0;
        loop {
            while self.header_length < self.header_needed() {
                let Some((&byte, rest)) = input.split_first() else { return Ok(complete) };
                self.header[self.header_length] = byte;
                self.header_length += 1;
                input = rest;
                if self.header_length == self.header_needed() {
                    self.payload_left = self.payload_length()?;
                }
            }
            let take = self.payload_left.min(input.len() as u64) as usize;
            let (payload, rest) = input.split_at(take);
            input = rest;
            self.payload_left -= take as u64;
            if !self.is_control() {
                if let Some(expected) = expected {
                    let end = self.message_offset + take;
                    if expected.get(self.message_offset..end) != Some(payload) {
                        return Err("an answer differs from what was sent".into());
                    }
                }
                self.message_offset += take;
            }
            if self.payload_left > 0 {
                return Ok(complete);
            }
            self.closed |= self.header[0] & 0x0f == CLOSE;
            if self.header[0] & 0x80 != 0 && !self.is_control() {
                if expected.is_some_and(|expected| expected.len() != self.message_offset) {
                    return Err("an answer is shorter than what was sent".into());
                }
                self.message_offset = 0;
                complete += 1;
            }
            self.header_length = 0;
        }
    }

    fn header_needed(&self) -> usize {
        match (self.header_length, self.header[1] & 0x7f) {
            (0 | 1, _) => 2,
            (_, 126) => 4,
            (_, 127) => 10,
            _ => 2,
        }
    }

    fn payload_length(&self) -> Result<u64, String> {
        let h = &self.header;
        if h[0] & 0x70 != 0 || h[1] & 0x80 != 0 {
            return Err(format!("not a plain server frame: {:02x} {:02x}", h[0], h[1]));
        }
        Ok(match h[1] {
            126 => u64::from(u16::from_be_bytes([h[2], h[3]])),
            127 => u64::from_be_bytes([h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9]]),
            n => u64::from(n),
        })
    }

    fn is_control(&self) -> bool {
        self.header[0] & 0x08 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        append_masked(&mut out, 0, payload, [0; 4]);
        let key_at = out.len() - payload.len() - 4;
        out.drain(key_at..key_at + 4);
        out[0] = first;
        out[1] &= 0x7f;
        out
    }

    #[test]
    fn counts_messages_however_the_bytes_are_cut() {
        let payload: Vec<u8> = (0..300).map(|n| n as u8).collect();
        let mut wire = server_frame(0x82, &payload);
        wire.extend(server_frame(0x02, &payload[..126]));
        wire.extend(server_frame(0x8a, b"pong"));
        wire.extend(server_frame(0x80, &payload[126..]));
        wire.extend(server_frame(0x88, &[3, 232]));
        for cut in 0..=wire.len() {
            let mut answers = Answers::frames();
            let (head, tail) = wire.split_at(cut);
            let count = answers.receive(head, Some(&payload)).unwrap()
                + answers.receive(tail, Some(&payload)).unwrap();
            assert_eq!((count, answers.closed()), (2, true), "cut at {cut}");
        }
    }

    #[test]
    fn notices_a_wrong_a_short_and_a_masked_answer() {
        let expected = b"hello".as_slice();
        for wire in [
            server_frame(0x81, b"hellO"),
            server_frame(0x81, b"hell"),
            server_frame(0x81, b"hello!"),
            Block::new(5, false, 1).bytes,
        ] {
            assert!(Answers::frames().receive(&wire, Some(expected)).is_err(), "{wire:x?}");
        }
    }

    #[test]
    fn a_block_is_whole_frames_with_keys_of_their_own() {
        for size in [0, 64, 125, 126, 65535, 65536, 1 << 20] {
            let block = Block::new(size, true, 16);
            assert_eq!(block.bytes.len() % block.frame_length, 0);
            for frame in block.bytes.chunks(block.frame_length) {
                let (header, masked) = frame.split_at(frame.len() - size);
                let key = &header[header.len() - 4..];
                let payload: Vec<u8> =
                    masked.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
                assert_eq!(payload, block.payload);
            }
        }
    }
}
