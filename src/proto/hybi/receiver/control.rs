//! Control frames (RFC 6455 section 5.5): they may come between the frames of a message.

use super::{Receiver, Verdict};
use crate::proto::hybi::close;
use crate::proto::hybi::frame::Opcode;
use crate::proto::{CloseCode, Event, Output, Span};

/// Longest control payload that is looked at while closing; longer ones are skipped.
const MAX_KEPT_CONTROL: u64 = 0xffff;

impl Receiver {
    pub(super) fn on_control(
        &mut self,
        bytes: &[u8],
        start: usize,
        whole: bool,
        last: bool,
        out: &mut Output,
    ) {
        // Over 125 bytes only while closing, where the violation was passed over.
        let kept = self.length <= MAX_KEPT_CONTROL;
        if !whole && kept {
            self.control.extend_from_slice(bytes);
        }
        if !last {
            return;
        }
        let collected = std::mem::take(&mut self.control);
        match Opcode::parse(self.opcode) {
            Some(Opcode::Close) if !kept => {
                self.on_close(CloseCode::PROTOCOL_ERROR, String::new());
            }
            Some(Opcode::Close) => {
                let (code, reason) = close::parse(if whole { bytes } else { &collected });
                self.on_close(code, reason);
            }
            Some(opcode @ (Opcode::Ping | Opcode::Pong)) if kept => {
                let span = if whole {
                    Span::input(start, bytes.len())
                } else {
                    out.scratch.extend_from_slice(&collected);
                    Span::scratch(out.scratch.len() - collected.len(), collected.len())
                };
                out.events.push(match opcode {
                    Opcode::Ping => Event::Ping(span),
                    _ => Event::Pong(span),
                });
            }
            _ => {}
        }
    }

    fn on_close(&mut self, code: CloseCode, reason: String) {
        self.verdict = Some(Box::new(Verdict::PeerClose(code, reason)));
    }
}
