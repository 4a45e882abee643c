//! A message in the making: fragments joined as they arrive.

use super::frame::{COMPRESSED, Opcode};
use super::utf8::{InvalidUtf8, Utf8Stream};
use crate::proto::deflate::Decompressor;
use crate::proto::output::Encoding;
use crate::proto::{Event, Output, ProtocolError, Span, growth};

/// What has arrived of a message that did not come in one piece.
#[derive(Debug)]
pub(super) struct Message {
    opcode: Opcode,
    rsv: u8,
    /// Frames begun so far.
    pub(super) fragments: u32,
    /// Payload that has arrived so far, before inflation.
    received: u64,
    /// The message so far; grows with what arrives, never with what a header claims.
    bytes: Vec<u8>,
    /// The bytes are the caller's to keep.
    is_elsewhere: bool,
    /// The check of a text that no extension has to decode first.
    utf8: Option<Utf8Stream>,
}

impl Message {
    /// `checked`: text is validated on arrival. The message is collected in `memory`.
    pub(super) fn new(opcode: Opcode, rsv: u8, checked: bool, memory: Vec<u8>) -> Self {
        let utf8 = (checked && opcode == Opcode::Text).then(Utf8Stream::default);
        Self { opcode, rsv, fragments: 1, received: 0, bytes: memory, is_elsewhere: false, utf8 }
    }

    /// A binary message whose bytes are the caller's to keep.
    pub(super) fn elsewhere() -> Self {
        Self { is_elsewhere: true, ..Self::new(Opcode::Binary, 0, false, Vec::new()) }
    }

    /// Whether the bytes are kept elsewhere.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// Bytes that have arrived so far, as the frames' headers count them.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the message so far, inflated if it is compressed.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is a text.
    pub(super) fn is_text(&self) -> bool {
        self.opcode == Opcode::Text
    }

    /// Whether the message has to be inflated. An extension outside the core may use RSV1 too.
    pub(super) fn is_compressed(&self) -> bool {
        self.rsv & COMPRESSED != 0
    }

    /// Takes the next unmasked bytes; so many are `missing` behind them, as far as is known.
    pub(super) fn push(&mut self, bytes: &[u8], missing: u64) -> Result<(), InvalidUtf8> {
        if let Some(utf8) = &mut self.utf8 {
            utf8.push(bytes)?;
        }
        self.received += bytes.len() as u64;
        let held = self.bytes.len();
        self.bytes.reserve(growth::capacity(held + bytes.len(), missing) - held);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the bytes that were kept elsewhere.
    pub(super) fn bring(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.received = bytes.len() as u64;
        self.is_elsewhere = false;
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
        if let Some(utf8) = &mut self.utf8 {
            utf8.push(&self.bytes[from..]).map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        Ok(taken)
    }

    /// Ends the message: its bytes move to the output's scratch.
    pub(super) fn finish(mut self, encoded: bool, out: &mut Output) -> Result<(), InvalidUtf8> {
        let span = Span::scratch(out.scratch.len(), self.bytes.len());
        let event = self.event(span, encoded)?;
        if out.scratch.is_empty() {
            out.scratch = std::mem::take(&mut self.bytes);
        } else {
            out.scratch.append(&mut self.bytes);
        }
        out.events.push(event);
        Ok(())
    }

    fn event(&self, span: Span, encoded: bool) -> Result<Event, InvalidUtf8> {
        let ascii = self.utf8.map(|utf8| utf8.finish()).transpose()?;
        Ok(match (encoded, ascii) {
            (true, _) => Event::Encoded { span, opcode: self.opcode as u8, rsv: self.rsv },
            (false, None) => Event::Binary(span),
            (false, Some(true)) => Event::Text(span, Encoding::Ascii),
            (false, Some(false)) => Event::Text(span, Encoding::Utf8),
        })
    }
}
