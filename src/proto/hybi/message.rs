//! A message in the making: fragments joined as they arrive.

use super::frame::Opcode;
use super::utf8::{InvalidUtf8, Utf8Stream};
use crate::proto::output::Encoding;
use crate::proto::{Event, Output, Span};

/// What has arrived of a message that did not come in one piece.
#[derive(Debug)]
pub(super) struct Message {
    opcode: Opcode,
    rsv: u8,
    /// Frames begun so far.
    pub(super) fragments: u32,
    /// Payload so far; grows with what arrives, never with what a header claims.
    bytes: Vec<u8>,
    /// The check of a text that no extension has to decode first.
    utf8: Option<Utf8Stream>,
}

impl Message {
    /// `checked`: text is validated on arrival.
    pub(super) fn new(opcode: Opcode, rsv: u8, checked: bool) -> Self {
        let utf8 = (checked && opcode == Opcode::Text).then(Utf8Stream::default);
        Self { opcode, rsv, fragments: 1, bytes: Vec::new(), utf8 }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Takes the next unmasked bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        if let Some(utf8) = &mut self.utf8 {
            utf8.push(bytes)?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the message: its bytes move to the output's scratch.
    pub(super) fn finish(mut self, encoded: bool, out: &mut Output) -> Result<(), InvalidUtf8> {
        let ascii = self.utf8.map(|utf8| utf8.finish()).transpose()?;
        let span = Span::scratch(out.scratch.len(), self.bytes.len());
        if out.scratch.is_empty() {
            out.scratch = std::mem::take(&mut self.bytes);
        } else {
            out.scratch.append(&mut self.bytes);
        }
        out.events.push(match (encoded, ascii) {
            (true, _) => Event::Encoded { span, opcode: self.opcode as u8, rsv: self.rsv },
            (false, None) => Event::Binary(span),
            (false, Some(true)) => Event::Text(span, Encoding::Ascii),
            (false, Some(false)) => Event::Text(span, Encoding::Utf8),
        });
        Ok(())
    }
}
