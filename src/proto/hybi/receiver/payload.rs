//! A frame's payload: unmasked in place, and joined with the other payloads of its message where
//! there are any.

use super::{Decoding, Mode, Receiver, State};
use crate::proto::hybi::frame::{COMPRESSED, Opcode};
use crate::proto::hybi::mask;
use crate::proto::hybi::message::{Content, Message};
use crate::proto::hybi::utf8::Utf8Stream;
use crate::proto::output::Encoding;
use crate::proto::{Event, Output, ProtocolError, Span};

/// The bytes of a frame's payload that are in the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// The byte of the input at which they begin.
    pub(super) start: usize,
    pub(super) extent: Extent,
}

/// Which part of the payload these bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The whole payload.
    Whole,
    /// Its end; the bytes before have come in earlier calls.
    End,
    /// Its beginning or middle.
    Part,
}

impl Piece<'_> {
    /// Whether these bytes complete the payload.
    pub(super) fn is_last(&self) -> bool {
        self.extent != Extent::Part
    }
}

impl Receiver {
    /// Takes the bytes of the payload that are in the input.
    #[expect(
        clippy::indexing_slicing,
        reason = "`take` is at most what the input has from `at` on"
    )]
    pub(super) fn read_payload(&mut self, input: &mut [u8], at: &mut usize, out: &mut Output) {
        let start = *at;
        let left = self.frame.length - self.seen;
        let take = left.min((input.len() - start) as u64) as usize;
        let extent = match (take as u64 == left, self.seen) {
            (true, 0) => Extent::Whole,
            (true, _) => Extent::End,
            (false, _) => Extent::Part,
        };
        *at += take;

        let is_control = self.frame.is_control();
        let is_wanted = is_control || self.mode == Mode::Strict;
        if is_wanted && self.frame.masked {
            mask::apply(&mut input[start..*at], self.frame.key, (self.seen % 4) as usize);
        }
        self.seen += take as u64;
        if extent != Extent::Part {
            self.state = State::Opcode;
        }
        let piece = Piece { bytes: &input[start..*at], start, extent };
        if is_control {
            self.on_control(piece, out);
        } else if is_wanted {
            self.on_data(piece, out);
        }
    }

    fn on_data(&mut self, piece: Piece<'_>, out: &mut Output) {
        let Some(opcode) = Opcode::parse(self.frame.opcode) else { return };
        let missing = self.frame.length - self.seen;
        let streams = self.streams(piece.bytes.len() as u64 + missing);
        if opcode.is_opening()
            && !streams
            && piece.extent == Extent::Whole
            && self.frame.fin
            && !self.inflates()
        {
            match self.event(opcode, piece) {
                Ok(event) => out.events.push(event),
                Err(error) => self.violation(error),
            }
            return;
        }
        if opcode.is_opening() && self.message.is_none() {
            if !streams && self.lands(opcode, piece.is_last()) {
                self.message = Some(Box::new(Message::new(Content::Landing, Vec::new())));
                return;
            }
            let memory = std::mem::take(&mut out.spare);
            self.message = Some(Box::new(Message::new(self.content(opcode), memory)));
        }
        let Some(message) = &mut self.message else {
            // Section 5.4: a fragmented message begins with "an opcode other than 0". Like the
            // original, this receiver reports it when the frame is complete.
            if piece.is_last() {
                self.violation(ProtocolError::UnexpectedContinuation);
            }
            return;
        };
        let complete = piece.is_last() && self.frame.fin;
        if streams && !message.is_streamed() {
            message.begin_streaming();
        }
        if message.is_streamed() {
            if message.stream(piece.bytes, piece.start, complete, out).is_err() {
                self.message = None;
                self.violation(ProtocolError::InvalidUtf8);
            } else if complete {
                self.message = None;
            }
            return;
        }
        if message.is_compressed() {
            self.inflate_next(piece.bytes, complete);
        } else if message.push(piece.bytes, self.frame.length - self.seen).is_err() {
            self.message = None;
            self.violation(ProtocolError::InvalidUtf8);
        }
        if complete && let Some(message) = self.message.take() {
            self.finish(*message, out);
        }
    }

    /// Whether the message of this frame is so long that it is delivered in parts. `coming` are the
    /// bytes of the frame that its `received` does not count yet.
    pub(super) fn streams(&self, coming: u64) -> bool {
        if self.stream_above == u64::MAX || self.decodes_outside() {
            return false;
        }
        let (received, is_compressed) = match &self.message {
            Some(message) => (message.received(), message.is_compressed()),
            None => (0, self.inflates()),
        };
        !is_compressed && received.saturating_add(coming) > self.stream_above
    }

    /// Whether a message that begins with this frame is compressed (RFC 7692 section 6.2).
    pub(super) fn inflates(&self) -> bool {
        self.frame.rsv & COMPRESSED != 0
            && matches!(self.decoding.as_deref(), Some(Decoding::Inflate(_)))
    }

    /// The event of a message that has arrived in one piece and is not compressed.
    fn event(&self, opcode: Opcode, piece: Piece<'_>) -> Result<Event, ProtocolError> {
        let span = Span::input(piece.start, piece.bytes.len());
        if self.decodes_outside() {
            return Ok(Event::Encoded { span, opcode: opcode as u8, rsv: self.frame.rsv });
        }
        if opcode == Opcode::Binary {
            return Ok(Event::Binary(span));
        }
        // Section 8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the
        // byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
        // Connection_."
        if piece.bytes.is_ascii() {
            Ok(Event::Text(span, Encoding::Ascii))
        } else if simdutf8::basic::from_utf8(piece.bytes).is_ok() {
            Ok(Event::Text(span, Encoding::Utf8))
        } else {
            Err(ProtocolError::InvalidUtf8)
        }
    }

    /// The content of a message that begins with this frame.
    fn content(&self, opcode: Opcode) -> Content {
        let compressed = self.inflates();
        if self.decodes_outside() {
            Content::Encoded { opcode, rsv: self.frame.rsv }
        } else if opcode == Opcode::Text {
            Content::Text { compressed, utf8: Utf8Stream::default() }
        } else {
            Content::Binary { compressed }
        }
    }

    fn inflate_next(&mut self, bytes: &[u8], complete: bool) {
        let Some(message) = self.message.take() else { return };
        let limit = usize::try_from(self.limit(message.is_text())).unwrap_or(usize::MAX);
        let Some(inflation) = self.inflation() else { return };
        match inflation.push(message, bytes, complete, limit) {
            Ok(message) => self.message = message,
            Err(error) => self.violation(error),
        }
    }

    /// Adds the event of a complete message.
    pub(super) fn finish(&mut self, message: Message, out: &mut Output) {
        if message.finish(out).is_err() {
            self.violation(ProtocolError::InvalidUtf8);
        }
    }
}
