//! The rules for frames of the peer: RFC 6455 sections 5 and 8, checked in the original's order.
//!
//! ```text
//!            ┌────────────────────────────── next frame ─────────────────────────────┐
//!            ▼                                                                       │
//!        Opcode ──► Length ──┬──────────────► Key ──► Payload ───────────────────────┘
//!                            └► Extended ──►
//! ```
//!
//! Input may end after any byte: the state says where to go on. A violation becomes a [`Verdict`],
//! and stops the reading, because a listener of an earlier message in the same chunk may still
//! close the connection; from then on, as in the original, violations are ignored until the peer's
//! close frame arrives.
//!
//! This file has the states and their order. The checks of a header are in `header`, those of a
//! payload in `payload`, `control` and `landing`.

mod control;
mod header;
mod landing;
mod payload;

use super::frame::{COMPRESSED, Opcode};
use super::inflate::{InflateJob, Inflation};
use super::message::Message;
use crate::proto::deflate::Decompressor;
use crate::proto::progress::{Progress, Status};
use crate::proto::{CloseCode, Output, ProtocolError, Rates};

use header::{Frame, MAX_FRAGMENTS, MAX_LENGTH};
pub use landing::Landing;

/// Whether the peer's frames have to be masked (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerMasking {
    /// Unmasked frames are an error: a server's rule.
    Required,
    /// Masked frames are an error: a client's rule.
    Forbidden,
    /// Neither is an error.
    Either,
}

/// Options of a receiver.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverOptions {
    /// Whether frames have to be masked.
    pub masking: PeerMasking,
    /// Most bytes of one message, at most 2^63 - 1; checked before a payload is read.
    pub max_length: u64,
    /// Most bytes of one text, where that is less; of a compressed text, after inflation.
    pub max_text: u64,
    /// Most events one call may add.
    pub max_events: usize,
    /// Binary messages of at least this many bytes are joined in the caller's memory: see
    /// [`Landing`].
    pub least_landing: u64,
}

/// Why the connection must close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer sent a close frame: the code and reason to report and echo.
    PeerClose(CloseCode, String),
    /// The peer has violated the protocol.
    Failure(ProtocolError),
}

/// The part of a frame that is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first byte of a frame: FIN, reserved bits and opcode.
    Opcode,
    /// The second byte: whether the payload is masked, and its length, or how many bytes the length
    /// has.
    Length,
    /// The length in `width` bytes.
    Extended { width: u8 },
    /// The masking key.
    Key,
    /// The payload, or its rest.
    Payload,
}

/// How strictly input is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The connection is open: violations fail it.
    Strict,
    /// Our side has begun to close: messages are skipped, violations ignored, and pings still
    /// answered, until the peer's close frame comes.
    Lenient,
    /// The connection is closed: all input is ignored.
    Discard,
}

/// What happens to a message between its frames and the application.
#[derive(Debug)]
enum Decoding {
    /// A message is inflated if its first frame has RSV1.
    Inflate(Inflation),
    /// Messages are decoded by extensions outside the core, which use these reserved bits.
    Outside { rsv: u8 },
}

/// Reads the frames of one connection.
#[derive(Debug)]
pub struct Receiver {
    options: ReceiverOptions,
    /// Most frames one message may consist of.
    max_fragments: u32,
    /// Longer messages are delivered in parts while they arrive.
    stream_above: u64,
    /// The limits on what the peer sends in a second, where there are any.
    rates: Option<Box<Rates>>,
    /// Boxed, since most connections have none and should use no memory for it.
    decoding: Option<Box<Decoding>>,
    mode: Mode,
    verdict: Option<Box<Verdict>>,

    state: State,
    /// The first `field_len` bytes of a length or a key that is divided between chunks.
    field: [u8; 8],
    field_len: u8,
    /// The header of the frame that is being read, as far as it has arrived.
    frame: Frame,
    /// Bytes of its payload that have arrived.
    seen: u64,

    /// The message that has begun and does not arrive in one piece.
    message: Option<Box<Message>>,
    /// A message that an [`InflateJob`] has completed, and whose event is still to be added.
    inflated: Option<Box<Message>>,
    /// The payload of a control frame that does not arrive in one piece, as far as it has arrived.
    control: Vec<u8>,
}

impl Receiver {
    /// A receiver at the start of a connection's frames.
    pub fn new(options: ReceiverOptions) -> Self {
        let max_length = options.max_length.min(MAX_LENGTH);
        Self {
            options: ReceiverOptions { max_length, ..options },
            max_fragments: MAX_FRAGMENTS,
            stream_above: u64::MAX,
            rates: None,
            decoding: None,
            mode: Mode::Strict,
            verdict: None,
            state: State::Opcode,
            field: [0; 8],
            field_len: 0,
            frame: Frame::default(),
            seen: 0,
            message: None,
            inflated: None,
            control: Vec::new(),
        }
    }

    /// Delivers messages undecoded, as [`Event::Encoded`](crate::proto::Event::Encoded); their
    /// first frames may have the reserved bits `rsv`.
    pub fn decode_outside(&mut self, rsv: u8) {
        self.decoding = Some(Box::new(Decoding::Outside { rsv }));
    }

    /// permessage-deflate was agreed on: messages with RSV1 are inflated by `decompressor`.
    pub fn inflate(&mut self, decompressor: Decompressor) {
        self.decoding = Some(Box::new(Decoding::Inflate(Inflation::new(decompressor))));
    }

    /// Limits what the peer may send: frames in one message, and messages and pings in a second.
    pub fn restrict(&mut self, max_fragments: Option<u32>, rates: Option<Rates>) {
        self.max_fragments = max_fragments.unwrap_or(MAX_FRAGMENTS);
        self.rates = rates.map(Box::new);
    }

    /// Delivers messages longer than `bytes` while they arrive, as
    /// [`Event::Part`](crate::proto::Event::Part)s, unless they are compressed or decoded outside
    /// the core.
    pub fn stream_above(&mut self, bytes: u64) {
        self.stream_above = bytes;
    }

    /// The limits whose time the caller sets before [`receive`](Self::receive), if there are any.
    pub fn rates(&mut self) -> Option<&mut Rates> {
        self.rates.as_deref_mut()
    }

    /// Takes the job for which [`receive`](Self::receive) has returned [`Status::Busy`].
    pub fn take_job(&mut self) -> Option<Box<InflateJob>> {
        self.inflation()?.take_job()
    }

    /// Takes that job back; the next call goes on.
    pub fn return_job(&mut self, job: InflateJob) {
        let Some(inflated) = self.inflation().and_then(|own| own.return_job(job)) else {
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

    /// Our side begins to close: only control frames are read from now on.
    pub fn begin_closing(&mut self) {
        if self.mode == Mode::Strict {
            self.mode = Mode::Lenient;
            self.message = None;
            self.inflated = None;
        }
    }

    /// Ends the input: all later bytes are ignored. RFC 6455 section 1.4: "After receiving a
    /// control frame indicating the connection should be closed, a peer discards any further data
    /// received."
    pub fn discard(&mut self) {
        self.mode = Mode::Discard;
        self.message = None;
        self.inflated = None;
        self.decoding = None;
        self.control = Vec::new();
    }

    /// Takes the verdict for which a call has returned [`Status::Verdict`].
    pub fn take_verdict(&mut self) -> Option<Verdict> {
        self.verdict.take().map(|verdict| *verdict)
    }

    /// Fails the connection for an error that was found outside the core, such as by an extension.
    pub fn fail(&mut self, error: ProtocolError) {
        self.violation(error);
    }

    /// Whether a message that an extension outside the core has decoded may be delivered; otherwise
    /// the connection fails.
    pub fn check_decoded(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        let error = if payload.len() as u64 > self.limit(opcode == Opcode::Text) {
            ProtocolError::TooLarge
        } else if opcode == Opcode::Text && simdutf8::basic::from_utf8(payload).is_err() {
            ProtocolError::InvalidUtf8
        } else {
            return true;
        };
        self.violation(error);
        false
    }

    /// Reads `input` from byte `from` on. Payloads are unmasked in place; events point into `input`
    /// and `out.scratch`.
    pub fn receive(&mut self, input: &mut [u8], from: usize, out: &mut Output) -> Progress {
        if self.mode == Mode::Discard {
            return Progress { consumed: input.len(), status: Status::NeedMore };
        }
        let most_events = out.events.len().saturating_add(self.options.max_events);
        if from == 0
            && let Some(inflation) = self.inflation()
        {
            inflation.refill();
        }
        let mut at = from.min(input.len());
        let status = loop {
            if let Some(status) = self.stop(out.events.len() >= most_events) {
                break status;
            }
            if let Some(message) = self.inflated.take() {
                self.finish(*message, out);
                continue;
            }
            if let Some(status) = self.read_header(input, &mut at) {
                break status;
            }
            // A frame with an empty payload is complete with its header, also at the end of the
            // input.
            if at == input.len() && self.frame.length > 0 {
                break Status::NeedMore;
            }
            let start = at;
            self.read_payload(input, &mut at, out);
            if self.is_landing() {
                at = start;
            }
        };
        Progress { consumed: at, status }
    }

    /// Why the caller has to act before more is read, if it has to. Asked once for each frame.
    fn stop(&self, is_full: bool) -> Option<Status> {
        if self.verdict.is_some() {
            Some(Status::Verdict)
        } else if is_full {
            Some(Status::Full)
        } else if self.is_busy() {
            Some(Status::Busy)
        } else if self.is_landing() {
            Some(Status::Landing)
        } else {
            None
        }
    }

    /// Most bytes a message may have.
    fn limit(&self, is_text: bool) -> u64 {
        let ReceiverOptions { max_length, max_text, .. } = self.options;
        if is_text { max_length.min(max_text) } else { max_length }
    }

    fn is_busy(&self) -> bool {
        matches!(self.decoding.as_deref(), Some(Decoding::Inflate(inflation)) if inflation.is_busy())
    }

    fn inflation(&mut self) -> Option<&mut Inflation> {
        match self.decoding.as_deref_mut() {
            Some(Decoding::Inflate(inflation)) => Some(inflation),
            _ => None,
        }
    }

    fn decodes_outside(&self) -> bool {
        matches!(self.decoding.as_deref(), Some(Decoding::Outside { .. }))
    }

    /// The reserved bits that an extension gives a meaning: the first frame of a message may have
    /// them.
    fn claimed(&self) -> u8 {
        match self.decoding.as_deref() {
            None => 0,
            Some(Decoding::Inflate(_)) => COMPRESSED,
            Some(Decoding::Outside { rsv }) => *rsv,
        }
    }

    fn violation(&mut self, error: ProtocolError) {
        if self.mode == Mode::Strict {
            self.verdict = Some(Box::new(Verdict::Failure(error)));
        }
    }
}
