//! A message that has begun and is not complete: its fragments are joined as they arrive.

use std::mem;

use super::frame::Opcode;
use super::utf8::{InvalidUtf8, Utf8Stream};
use crate::proto::deflate::Decompressor;
use crate::proto::output::Encoding;
use crate::proto::{Event, Output, ProtocolError, Span, growth};

/// A message that does not arrive in one piece.
#[derive(Debug)]
pub(super) struct Message {
    content: Content,
    /// Frames of the message whose header has begun.
    pub(super) fragments: u32,
    /// Bytes of the payload that have arrived, before inflation.
    received: u64,
    /// The bytes that have arrived, inflated if the message is compressed.
    bytes: Vec<u8>,
}

/// The kind of a message, and how its bytes are treated.
#[derive(Debug)]
pub(super) enum Content {
    /// Text, which is checked to be UTF-8 as it arrives or is inflated.
    Text { compressed: bool, utf8: Utf8Stream },
    /// Any bytes.
    Binary { compressed: bool },
    /// A message that extensions outside the core will decode.
    Encoded { opcode: Opcode, rsv: u8 },
    /// A binary message that is joined in the caller's memory.
    Landing,
    /// A message that is delivered in parts while it arrives.
    Streamed { opcode: Opcode, utf8: Option<Utf8Stream>, has_begun: bool },
}

impl Message {
    /// A message that has begun; its bytes are joined in `memory`.
    pub(super) fn new(content: Content, memory: Vec<u8>) -> Self {
        Self { content, fragments: 1, received: 0, bytes: memory }
    }

    /// Whether the message is joined in the caller's memory.
    pub(super) fn is_landing(&self) -> bool {
        matches!(self.content, Content::Landing)
    }

    /// Bytes of the payload that have arrived, before inflation, as the headers count them.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that have arrived, inflated if the message is compressed.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether this is a text that is delivered whole, and that no extension outside the core has
    /// to decode.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.content, Content::Text { .. })
    }

    /// Whether the message is delivered in parts while it arrives.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self.content, Content::Streamed { .. })
    }

    /// Has the message delivered in parts from now on; the first part has the bytes that have
    /// arrived before.
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

    /// Delivers the next bytes, which begin at byte `start` of the input; `last` completes the
    /// message.
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
        // At most one event for each frame, as the caller has memory for `max_events` only.
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

    /// Takes the next unmasked bytes; at least `missing` others follow.
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

    /// Takes the bytes that the caller has kept: the message is joined here from now on.
    pub(super) fn take_over(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.received = bytes.len() as u64;
        self.content = Content::Binary { compressed: false };
    }

    /// Inflates the next unmasked bytes of a compressed message; `last` ends it. Stops when about
    /// `budget` bytes were inflated, and returns how many of `bytes` were used.
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

    /// The message is complete: its bytes move to the output's scratch, and its event is added.
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
