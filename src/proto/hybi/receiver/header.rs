//! A frame's header (RFC 6455 section 5.2), read byte by byte; each rule is checked as soon as its
//! bytes have arrived.

use super::{PeerMasking, Receiver, State};
use crate::proto::hybi::frame::{FIN, MASK, MAX_CONTROL, Opcode};
use crate::proto::{ProtocolError, Status};

/// Most frames of one message, unless [`Receiver::restrict`] sets another limit. The RFC has none;
/// but an empty frame costs its sender two bytes, and adds nothing to the length that `max_length`
/// limits.
pub(super) const MAX_FRAGMENTS: u32 = 131_072;

/// Most bytes of one message, for any `max_length`. RFC 6455 section 5.2, of lengths in 64 bits:
/// "the most significant bit MUST be 0".
pub(super) const MAX_LENGTH: u64 = u64::MAX >> 1;

/// The header of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    /// The last frame of its message.
    pub(super) fin: bool,
    /// Whether the payload is masked, with `key`.
    pub(super) masked: bool,
    /// Reserved bits, as in [`Header::rsv`](crate::proto::hybi::frame::Header::rsv).
    pub(super) rsv: u8,
    /// As in the header: RFC 6455 may not define it.
    pub(super) opcode: u8,
    /// Bytes of the payload.
    pub(super) length: u64,
    pub(super) key: [u8; 4],
}

impl Frame {
    /// RFC 6455 section 5.5: "Control frames are identified by opcodes where the most significant
    /// bit of the opcode is 1."
    pub(super) fn is_control(&self) -> bool {
        self.opcode >= 8
    }
}

impl Receiver {
    /// Reads the header up to the frame's payload. `Some` where that is not reached: the input
    /// ends, or the header violates a rule.
    pub(super) fn read_header(&mut self, input: &[u8], at: &mut usize) -> Option<Status> {
        while self.state != State::Payload {
            let Some(&byte) = input.get(*at) else { return Some(Status::NeedMore) };
            match self.state {
                State::Opcode => {
                    *at += 1;
                    self.on_opcode(byte);
                }
                State::Length => {
                    *at += 1;
                    self.on_length(byte);
                }
                State::Extended { width } => {
                    if let Some(field) = self.read_field(input, at, usize::from(width)) {
                        self.on_extended_length(match width {
                            2 => u64::from(u16::from_be_bytes([field[0], field[1]])),
                            _ => u64::from_be_bytes(field),
                        });
                    }
                }
                State::Key => {
                    if let Some(field) = self.read_field(input, at, 4) {
                        self.frame.key = [field[0], field[1], field[2], field[3]];
                        self.state = State::Payload;
                    }
                }
                State::Payload => {}
            }
            if self.verdict.is_some() {
                return Some(Status::Verdict);
            }
        }
        None
    }

    /// Reads `width` bytes, which may be divided between chunks; `None` while some are missing.
    #[expect(
        clippy::indexing_slicing,
        reason = "`take` is at most what is missing and what has come"
    )]
    fn read_field(&mut self, input: &[u8], at: &mut usize, width: usize) -> Option<[u8; 8]> {
        let have = usize::from(self.field_len);
        let take = (width - have).min(input.len() - *at);
        self.field[have..have + take].copy_from_slice(&input[*at..*at + take]);
        *at += take;
        if have + take < width {
            self.field_len = (have + take) as u8;
            return None;
        }
        self.field_len = 0;
        Some(self.field)
    }

    fn on_opcode(&mut self, byte: u8) {
        self.frame.fin = byte & FIN != 0;
        self.frame.rsv = byte >> 4 & 7;
        self.frame.opcode = byte & 0x0f;
        self.seen = 0;
        self.state = State::Length;
        if let Err(error) = self.check_opcode() {
            self.violation(error);
        }
    }

    fn check_opcode(&mut self) -> Result<(), ProtocolError> {
        let opcode = Opcode::parse(self.frame.opcode);
        // Section 5.2: "If a nonzero value is received and none of the negotiated extensions
        // defines the meaning of such a nonzero value, the receiving endpoint MUST _Fail the
        // WebSocket Connection_." Extensions that give one a meaning mark the first frame of a
        // message with it; RFC 7692 section 6 forbids RSV1 on every other frame.
        let claimed = if opcode.is_some_and(Opcode::is_opening) { self.claimed() } else { 0 };
        if self.frame.rsv & !claimed != 0 {
            return Err(ProtocolError::ReservedBits(self.frame.rsv));
        }
        // Section 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the
        // WebSocket Connection_."
        let Some(opcode) = opcode else {
            return Err(ProtocolError::UnknownOpcode(self.frame.opcode));
        };
        // Section 5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST
        // NOT be fragmented."
        if opcode.is_control() && !self.frame.fin {
            return Err(ProtocolError::FragmentedControl(self.frame.opcode));
        }
        // Section 5.4: "The fragments of one message MUST NOT be interleaved between the fragments
        // of another message unless an extension has been negotiated that can interpret the
        // interleaving."
        if opcode.is_opening() && self.message.is_some() {
            return Err(ProtocolError::UnfinishedMessage);
        }
        if opcode == Opcode::Continuation
            && let Some(message) = &mut self.message
        {
            if message.fragments >= self.max_fragments {
                return Err(ProtocolError::TooManyFragments);
            }
            message.fragments += 1;
        }
        match &mut self.rates {
            Some(rates) => rates.admit(opcode),
            None => Ok(()),
        }
    }

    fn on_length(&mut self, byte: u8) {
        self.frame.masked = byte & MASK != 0;
        match byte & !MASK {
            126 => self.state = State::Extended { width: 2 },
            127 => self.state = State::Extended { width: 8 },
            length => {
                self.on_final_length(u64::from(length));
                if self.verdict.is_some() {
                    return;
                }
            }
        }
        match self.options.masking {
            // Section 5.1: "The server MUST close the connection upon receiving a frame that is not
            // masked."
            PeerMasking::Required if !self.frame.masked => self.violation(ProtocolError::Unmasked),
            // Section 5.1: "A client MUST close a connection if it detects a masked frame."
            PeerMasking::Forbidden if self.frame.masked => self.violation(ProtocolError::Masked),
            _ => {}
        }
    }

    fn on_extended_length(&mut self, length: u64) {
        // Section 5.2: "the minimal number of bytes MUST be used to encode the length". Like the
        // original, and other receivers, this one accepts longer forms too.
        if self.frame.is_control() && length > MAX_CONTROL as u64 {
            self.frame.length = length;
            self.enter_payload();
            return self.violation(ProtocolError::ControlTooLong(length));
        }
        self.on_final_length(length);
    }

    fn on_final_length(&mut self, length: u64) {
        self.frame.length = length;
        self.enter_payload();
        // Section 10.4: an implementation "SHOULD impose a limit on frame sizes and the total
        // message size after reassembly from multiple frames". As in the original, a control frame
        // within an unfinished message counts as if it were part of it.
        let so_far = self.message.as_ref().map_or(0, |message| message.received());
        if so_far.saturating_add(length) > self.limit(self.is_plain_text()) {
            self.violation(ProtocolError::TooLarge);
        }
    }

    /// Whether the frame is of a text that is delivered whole, and whose bytes need no inflation or
    /// decoding: `max_text` can be compared with its length before it is read.
    fn is_plain_text(&self) -> bool {
        if self.streams(self.frame.length) {
            return false;
        }
        match &self.message {
            Some(message) => message.is_text() && !message.is_compressed(),
            None => {
                self.frame.opcode == Opcode::Text as u8
                    && !self.inflates()
                    && !self.decodes_outside()
            }
        }
    }

    fn enter_payload(&mut self) {
        self.state = if self.frame.masked { State::Key } else { State::Payload };
    }
}
