//! A message in the making: fragments joined as they arrive.

use std::mem;

use super::frame::Opcode;
use super::utf8::{InvalidUtf8, Utf8Stream};
use crate::proto::deflate::Decompressor;
use crate::proto::output::Encoding;
use crate::proto::{Event, Output, ProtocolError, Span, growth};

/// What has arrived of a message that did not come in one piece.
#[derive(Debug)]
pub(super) struct Message {
    content: Content,
    /// Frames begun so far.
    pub(super) fragments: u32,
    /// Payload that has arrived so far, before inflation.
    received: u64,
    /// The message so far.
    bytes: Vec<u8>,
}

/// What a message is made of.
#[derive(Debug)]
pub(super) enum Content {
    /// Text, which is checked as it arrives or is inflated.
    Text { compressed: bool, utf8: Utf8Stream },
    /// Anything.
    Binary { compressed: bool },
    /// What extensions outside the core will decode.
    Encoded { opcode: Opcode, rsv: u8 },
    /// A binary message whose bytes are the caller's to keep.
    Landing,
    /// A message that is handed on while it arrives, in parts.
    Streamed { opcode: Opcode, utf8: Option<Utf8Stream>, has_begun: bool },
}

impl Message {
    /// A message that begins, to be collected in `memory`.
    pub(super) fn new(content: Content, memory: Vec<u8>) -> Self {
        Self { content, fragments: 1, received: 0, bytes: memory }
    }

    /// Whether the bytes are the caller's to keep.
    pub(super) fn is_landing(&self) -> bool {
        matches!(self.content, Content::Landing)
    }

    /// Bytes that have arrived so far, as the frames' headers count them.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the message so far, inflated if it is compressed.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is a text, to be handed on whole, that no extension outside the core has to decode.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.content, Content::Text { .. })
    }

    /// Whether it is handed on while it arrives.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self.content, Content::Streamed { .. })
    }

    /// Hands on from now on what arrives; what has been collected is part of the first part.
    pub(super) fn begin_streaming(&mut self) {
        let (opcode, utf8) = match mem::replace(&mut self.content, Content::Landing) {
            Content::Text { compressed: false, utf8 } => (Opcode::Text, Some(utf8)),
            Content::Binary { compressed: false } => (Opcode::Binary, None),
            other => {
                self.content = other;
                return;
            }
        };
        self.content = Content::Streamed { opcode, utf8, has_begun: false };
    }

    /// Hands on what has arrived, which begins at `start` of the input; `last` completes the message.
    pub(super) fn stream(
        &mut self,
        bytes: &[u8],
        start: usize,
        last: bool,
        out: &mut Output,
    ) -> Result<(), InvalidUtf8> {
        let Content::Streamed { opcode, utf8, has_begun } = &mut self.content else {
            return Ok(());
        };
        if let Some(utf8) = utf8 {
            utf8.push(bytes)?;
            if last {
                mem::take(utf8).finish()?;
            }
        }
        self.received += bytes.len() as u64;
        let first = !mem::replace(has_begun, true);
        // A frame adds one event at most: that is what callers count on.
        let span = if self.bytes.is_empty() {
            Span::input(start, bytes.len())
        } else {
            let collected = mem::take(&mut self.bytes);
            let span = Span::scratch(out.scratch.len(), collected.len() + bytes.len());
            out.scratch.extend_from_slice(&collected);
            out.scratch.extend_from_slice(bytes);
            span
        };
        out.events.push(Event::Part { span, opcode: *opcode as u8, first, last });
        Ok(())
    }

    /// Whether the message has to be inflated.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(
            self.content,
            Content::Text { compressed: true, .. } | Content::Binary { compressed: true }
        )
    }

    /// Takes the next unmasked bytes; so many are `missing` behind them, as far as is known.
    pub(super) fn push(&mut self, bytes: &[u8], missing: u64) -> Result<(), InvalidUtf8> {
        if let Content::Text { utf8, .. } = &mut self.content {
            utf8.push(bytes)?;
        }
        self.received += bytes.len() as u64;
        let held = self.bytes.len();
        self.bytes.reserve(growth::capacity(held + bytes.len(), missing) - held);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes over the bytes that the caller has kept.
    pub(super) fn take_over(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.received = bytes.len() as u64;
        self.content = Content::Binary { compressed: false };
    }

    /// Takes the next unmasked bytes of a compressed message; `last` ends it. Stops when about
    /// `budget` bytes have come of them, and tells how many it took.
    pub(super) fn inflate(
        &mut self,
        decompressor: &mut Decompressor,
        bytes: &[u8],
        last: bool,
        limit: usize,
        budget: usize,
    ) -> Result<usize, ProtocolError> {
        let from = self.bytes.len();
        let taken = decompressor.step(bytes, last, limit, budget, &mut self.bytes)?;
        self.received += taken as u64;
        if let Content::Text { utf8, .. } = &mut self.content {
            let inflated = self.bytes.get(from..).unwrap_or_default();
            utf8.push(inflated).map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        Ok(taken)
    }

    /// Ends the message: its bytes move to the output's scratch.
    pub(super) fn finish(mut self, out: &mut Output) -> Result<(), InvalidUtf8> {
        let span = Span::scratch(out.scratch.len(), self.bytes.len());
        let event = match self.content {
            Content::Text { utf8, .. } if utf8.finish()? => Event::Text(span, Encoding::Ascii),
            Content::Text { .. } => Event::Text(span, Encoding::Utf8),
            Content::Binary { .. } | Content::Landing => Event::Binary(span),
            Content::Encoded { opcode, rsv } => Event::Encoded { span, opcode: opcode as u8, rsv },
            Content::Streamed { .. } => return Ok(()),
        };
        if out.scratch.is_empty() {
            out.scratch = mem::take(&mut self.bytes);
        } else {
            out.scratch.append(&mut self.bytes);
        }
        out.events.push(event);
        Ok(())
    }
}
