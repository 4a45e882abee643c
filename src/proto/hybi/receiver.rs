//! The rules of a connection's input: RFC 6455 sections 5 and 8, in the original's order of checks.
//!
//! ```text
//!            ┌────────────────────────────── next frame ─────────────────────────────┐
//!            ▼                                                                       │
//!        Opcode ──► Length ──┬──────────────► Key ──► Payload ───────────────────────┘
//!                            └► Extended ──►
//! ```
//!
//! The state is the resume point: input may end after any byte. What the peer does wrong becomes a
//! [`Verdict`] and stops the parse, because a listener of an earlier message in the same chunk may
//! still close the connection, and from then on violations are passed over until the peer's close
//! frame arrives (as the original does).

mod control;
mod landing;

use super::frame::{COMPRESSED, FIN, MASK, MAX_CONTROL, Opcode};
use super::inflate::{InflateJob, Inflation};
use super::mask;
use super::message::Message;
use crate::proto::deflate::Decompressor;
use crate::proto::output::Encoding;
use crate::proto::progress::{Progress, Status};
use crate::proto::{CloseCode, Event, Output, ProtocolError, Span};

pub use landing::Landing;

/// Most frames one message may consist of.
pub(super) const MAX_FRAGMENTS: u32 = 131_072;

/// Whether the peer's frames have to be masked (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerMasking {
    /// A client's must.
    Required,
    /// A server's must not.
    Forbidden,
    /// Neither way is an error.
    Either,
}

/// What a receiver has to know beforehand.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverOptions {
    /// Whether frames have to be masked.
    pub masking: PeerMasking,
    /// Most bytes of one message; checked before a payload is read.
    pub max_length: u64,
    /// Most bytes of one text, where that is less; of a compressed one, when it is inflated.
    pub max_text: u64,
    /// Most events one call may add.
    pub max_events: usize,
    /// Binary messages of so many bytes, and more, are left to the caller to collect.
    pub least_landing: u64,
}

/// Why the connection must close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer sent a close frame: the code and reason to report and echo.
    PeerClose(CloseCode, String),
    /// The peer broke the protocol.
    Failure(ProtocolError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opcode,
    Length,
    Extended { width: u8 },
    Key,
    Payload,
}

/// How strictly input is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Open: violations fail the connection.
    Strict,
    /// Closing by our own wish: messages are skipped unread, violations passed over, pings still
    /// answered, until the peer's close frame.
    Lenient,
    /// Closed: everything is passed over.
    Discard,
}

/// Reads the frames of one connection.
#[derive(Debug)]
pub struct Receiver {
    options: ReceiverOptions,
    /// Reserved bits extensions claim, as in `Header::rsv`.
    claimed: u8,
    /// Messages go through extensions before they can be read.
    encoded: bool,
    /// Messages may be compressed.
    inflation: Option<Box<Inflation>>,
    mode: Mode,
    verdict: Option<Box<Verdict>>,

    state: State,
    /// Bytes of a length or key that is split between chunks.
    field: [u8; 8],
    field_len: u8,
    fin: bool,
    rsv: u8,
    opcode: u8,
    masked: bool,
    length: u64,
    /// Payload bytes of this frame seen so far.
    seen: u64,
    key: [u8; 4],

    /// A message that has begun and did not come in one piece.
    message: Option<Box<Message>>,
    /// A message that a job completed.
    inflated: Option<Box<Message>>,
    /// A control frame's payload that did not come in one piece.
    control: Vec<u8>,
}

impl Receiver {
    /// A receiver at the start of a connection's frames.
    pub fn new(options: ReceiverOptions) -> Self {
        Self {
            options,
            claimed: 0,
            encoded: false,
            inflation: None,
            mode: Mode::Strict,
            verdict: None,
            state: State::Opcode,
            field: [0; 8],
            field_len: 0,
            fin: false,
            rsv: 0,
            opcode: 0,
            masked: false,
            length: 0,
            seen: 0,
            key: [0; 4],
            message: None,
            inflated: None,
            control: Vec::new(),
        }
    }

    /// Hands messages on undecoded, as [`Event::Encoded`], and lets them use the `claimed` bits.
    pub fn decode_outside(&mut self, claimed: u8) {
        self.claimed = claimed;
        self.encoded = true;
    }

    /// permessage-deflate was agreed on: RSV1 marks messages to be inflated.
    pub fn inflate(&mut self, decompressor: Decompressor) {
        self.claimed |= COMPRESSED;
        self.inflation = Some(Box::new(Inflation::new(decompressor)));
    }

    /// Takes the work a call ended with [`Status::Busy`] for.
    pub fn take_job(&mut self) -> Option<Box<InflateJob>> {
        self.inflation.as_mut()?.take_job()
    }

    /// Takes that work back; the next call goes on.
    pub fn give_back(&mut self, job: InflateJob) {
        let Some(inflated) = self.inflation.as_mut().and_then(|own| own.give_back(job)) else {
            return;
        };
        if self.mode != Mode::Strict {
            return;
        }
        match inflated.result {
            Err(error) => self.violation(error),
            Ok(()) if inflated.complete => self.inflated = Some(inflated.message),
            Ok(()) => self.message = Some(inflated.message),
        }
    }

    /// Our side closes: nothing but control frames matters from now on.
    pub fn begin_closing(&mut self) {
        if self.mode == Mode::Strict {
            self.mode = Mode::Lenient;
            self.message = None;
            self.inflated = None;
        }
    }

    /// Ends the input: every later byte is passed over.
    pub fn discard(&mut self) {
        self.mode = Mode::Discard;
        self.message = None;
        self.inflated = None;
        self.inflation = None;
        self.control = Vec::new();
    }

    /// Takes the reason a call ended with [`Status::Verdict`].
    pub fn take_verdict(&mut self) -> Option<Verdict> {
        self.verdict.take().map(|verdict| *verdict)
    }

    /// Fails the connection for something found outside, such as by an extension.
    pub fn fail(&mut self, error: ProtocolError) {
        if self.mode == Mode::Strict {
            self.verdict = Some(Box::new(Verdict::Failure(error)));
        }
    }

    /// Judges a message that an extension outside the core has decoded; fails the connection for one
    /// that may not be delivered, and returns whether this one may.
    pub fn check_decoded(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        let error = if payload.len() as u64 > self.limit(opcode == Opcode::Text) {
            ProtocolError::TooLarge
        } else if opcode == Opcode::Text && simdutf8::basic::from_utf8(payload).is_err() {
            ProtocolError::InvalidUtf8
        } else {
            return true;
        };
        self.fail(error);
        false
    }

    /// Reads `input` from byte `from` on. Payloads are unmasked where they lie; events point into
    /// `input` and `out.scratch`.
    pub fn receive(&mut self, input: &mut [u8], from: usize, out: &mut Output) -> Progress {
        let mut at = from.min(input.len());
        let first_event = out.events.len();
        if from == 0
            && let Some(inflation) = &mut self.inflation
        {
            inflation.refill();
        }
        let status = loop {
            if self.mode == Mode::Discard {
                at = input.len();
                break Status::NeedMore;
            }
            if self.verdict.is_some() {
                break Status::Verdict;
            }
            if out.events.len() - first_event >= self.options.max_events {
                break Status::Full;
            }
            if self.inflation.as_ref().is_some_and(|inflation| inflation.is_busy()) {
                break Status::Busy;
            }
            if let Some(message) = self.inflated.take() {
                self.finish(*message, out);
                continue;
            }
            if self.is_landing() {
                break Status::Landing;
            }
            // A frame without payload is complete before its next byte is there.
            if at == input.len() && !(self.state == State::Payload && self.length == 0) {
                break Status::NeedMore;
            }
            match self.state {
                State::Opcode => {
                    self.on_opcode(input[at]);
                    at += 1;
                }
                State::Length => {
                    self.on_length(input[at]);
                    at += 1;
                }
                State::Extended { width } => {
                    if let Some(field) = self.read_field(input, &mut at, width as usize) {
                        let length = match width {
                            2 => u64::from(u16::from_be_bytes([field[0], field[1]])),
                            _ => u64::from_be_bytes(field),
                        };
                        self.on_extended_length(length);
                    }
                }
                State::Key => {
                    if let Some(field) = self.read_field(input, &mut at, 4) {
                        self.key = [field[0], field[1], field[2], field[3]];
                        self.state = State::Payload;
                    }
                }
                State::Payload => {
                    let start = at;
                    self.on_payload(input, &mut at, out);
                    if self.is_landing() {
                        at = start;
                        break Status::Landing;
                    }
                }
            }
        };
        Progress { consumed: at, status }
    }

    /// Collects `width` bytes that may be split between chunks.
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

    fn violation(&mut self, error: ProtocolError) {
        if self.mode == Mode::Strict {
            self.verdict = Some(Box::new(Verdict::Failure(error)));
        }
    }

    fn on_opcode(&mut self, byte: u8) {
        self.fin = byte & FIN != 0;
        self.rsv = byte >> 4 & 7;
        self.opcode = byte & 0x0f;
        self.seen = 0;
        self.state = State::Length;

        let opcode = Opcode::parse(self.opcode);
        // Section 5.2: a reserved bit must be 0 unless an extension gives it a meaning, and those
        // that do so mark the first frame of a message only.
        let claimed = if opcode.is_some_and(Opcode::is_opening) { self.claimed } else { 0 };
        if self.rsv & !claimed != 0 {
            return self.violation(ProtocolError::ReservedBits(self.rsv));
        }
        let Some(opcode) = opcode else {
            return self.violation(ProtocolError::UnknownOpcode(self.opcode));
        };
        if opcode.is_control() && !self.fin {
            return self.violation(ProtocolError::FragmentedControl(self.opcode));
        }
        if opcode.is_opening() && self.message.is_some() {
            return self.violation(ProtocolError::UnfinishedMessage);
        }
        if opcode == Opcode::Continuation
            && let Some(message) = &mut self.message
        {
            message.fragments += 1;
            if message.fragments > MAX_FRAGMENTS {
                self.violation(ProtocolError::TooManyFragments);
            }
        }
    }

    fn on_length(&mut self, byte: u8) {
        self.masked = byte & MASK != 0;
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
            PeerMasking::Required if !self.masked => self.violation(ProtocolError::Unmasked),
            PeerMasking::Forbidden if self.masked => self.violation(ProtocolError::Masked),
            _ => {}
        }
    }

    fn on_extended_length(&mut self, length: u64) {
        // Longer forms than necessary are taken, as by the original.
        if self.opcode >= 8 && length > MAX_CONTROL as u64 {
            self.length = length;
            self.enter_payload();
            return self.violation(ProtocolError::ControlTooLong(length));
        }
        self.on_final_length(length);
    }

    fn on_final_length(&mut self, length: u64) {
        self.length = length;
        self.enter_payload();
        // The limit counts the unfinished message and this frame, control frames included.
        let so_far = self.message.as_ref().map_or(0, |message| message.received());
        if so_far.saturating_add(length) > self.limit(self.is_plain_text()) {
            self.violation(ProtocolError::TooLarge);
        }
    }

    fn limit(&self, is_text: bool) -> u64 {
        let ReceiverOptions { max_length, max_text, .. } = self.options;
        if is_text { max_length.min(max_text) } else { max_length }
    }

    /// Whether the frame is part of a text whose bytes are those on the wire.
    fn is_plain_text(&self) -> bool {
        if self.encoded {
            return false;
        }
        match &self.message {
            Some(message) => message.is_text() && !message.is_compressed(),
            None => self.opcode == Opcode::Text as u8 && self.rsv & COMPRESSED == 0,
        }
    }

    fn enter_payload(&mut self) {
        self.state = if self.masked { State::Key } else { State::Payload };
    }

    fn on_payload(&mut self, input: &mut [u8], at: &mut usize, out: &mut Output) {
        let start = *at;
        let left = self.length - self.seen;
        let take = left.min((input.len() - start) as u64) as usize;
        let whole = self.seen == 0 && take as u64 == left;
        let last = take as u64 == left;
        *at += take;

        let wanted = self.opcode >= 8 || self.mode == Mode::Strict;
        if wanted && self.masked {
            mask::apply(&mut input[start..*at], self.key, (self.seen % 4) as usize);
        }
        self.seen += take as u64;
        if last {
            self.state = State::Opcode;
        }
        let bytes = &input[start..*at];
        if self.opcode >= 8 {
            self.on_control(bytes, start, whole, last, out);
        } else if self.mode == Mode::Strict {
            self.on_data(bytes, start, whole, last, out);
        }
    }

    fn on_data(&mut self, bytes: &[u8], start: usize, whole: bool, last: bool, out: &mut Output) {
        let Some(opcode) = Opcode::parse(self.opcode) else { return };
        let compressed = self.rsv & COMPRESSED != 0 && !self.encoded;
        if opcode.is_opening() && whole && self.fin && !compressed {
            let span = Span::input(start, bytes.len());
            out.events.push(if self.encoded {
                Event::Encoded { span, opcode: self.opcode, rsv: self.rsv }
            } else if opcode == Opcode::Binary {
                Event::Binary(span)
            } else if bytes.is_ascii() {
                Event::Text(span, Encoding::Ascii)
            } else if simdutf8::basic::from_utf8(bytes).is_ok() {
                Event::Text(span, Encoding::Utf8)
            } else {
                return self.violation(ProtocolError::InvalidUtf8);
            });
            return;
        }
        if opcode.is_opening() && self.message.is_none() {
            if self.lands(opcode, last) {
                self.message = Some(Box::new(Message::elsewhere()));
                return;
            }
            let memory = std::mem::take(&mut out.spare);
            self.message = Some(Box::new(Message::new(opcode, self.rsv, !self.encoded, memory)));
        }
        let Some(message) = &mut self.message else {
            // Found out only when the frame is complete, as by the original.
            if last {
                self.violation(ProtocolError::UnexpectedContinuation);
            }
            return;
        };
        let complete = last && self.fin;
        if message.is_compressed() && !self.encoded {
            self.inflate_next(bytes, complete);
        } else if message.push(bytes, self.length - self.seen).is_err() {
            self.message = None;
            self.violation(ProtocolError::InvalidUtf8);
        }
        if complete && let Some(message) = self.message.take() {
            self.finish(*message, out);
        }
    }

    fn inflate_next(&mut self, bytes: &[u8], complete: bool) {
        let is_text = self.message.as_ref().is_some_and(|message| message.is_text());
        let limit = usize::try_from(self.limit(is_text)).unwrap_or(usize::MAX);
        let (Some(message), Some(inflation)) = (self.message.take(), &mut self.inflation) else {
            return;
        };
        match inflation.push(message, bytes, complete, limit) {
            Ok(message) => self.message = message,
            Err(error) => self.violation(error),
        }
    }

    fn finish(&mut self, message: Message, out: &mut Output) {
        if message.finish(self.encoded, out).is_err() {
            self.violation(ProtocolError::InvalidUtf8);
        }
    }
}
