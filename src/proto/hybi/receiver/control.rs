//! Control frames, which may come between the fragments of a message (RFC 6455 section 5.4).

use super::payload::{Extent, Piece};
use super::{Receiver, Verdict};
use crate::proto::hybi::close;
use crate::proto::hybi::frame::Opcode;
use crate::proto::{CloseCode, Event, Output, Span};

/// Longest payload of a control frame that is read; longer ones, which come only while violations
/// are ignored, are skipped.
const MAX_KEPT_CONTROL: u64 = 0xffff;

impl Receiver {
    pub(super) fn on_control(&mut self, piece: Piece<'_>, out: &mut Output) {
        let is_whole = piece.extent == Extent::Whole;
        // More than 125 bytes only after our side has begun to close, when violations are ignored.
        let is_kept = self.frame.length <= MAX_KEPT_CONTROL;
        if !is_whole && is_kept {
            self.control.extend_from_slice(piece.bytes);
        }
        if !piece.is_last() {
            return;
        }
        let collected = std::mem::take(&mut self.control);
        let payload = if is_whole { piece.bytes } else { &collected };
        match Opcode::parse(self.frame.opcode) {
            Some(Opcode::Close) if !is_kept => {
                self.on_close(CloseCode::PROTOCOL_ERROR, String::new());
            }
            Some(Opcode::Close) => {
                let (code, reason) = close::parse(payload);
                self.on_close(code, reason);
            }
            Some(opcode @ (Opcode::Ping | Opcode::Pong)) if is_kept => {
                let span = if is_whole {
                    Span::input(piece.start, payload.len())
                } else {
                    out.scratch.extend_from_slice(payload);
                    Span::scratch(out.scratch.len() - payload.len(), payload.len())
                };
                // Section 5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame
                // in response, unless it already received a Close frame." The caller sends it, so
                // that the pong keeps its place in the output.
                out.events.push(match opcode {
                    Opcode::Ping => Event::Ping(span),
                    _ => Event::Pong(span),
                });
            }
            _ => {}
        }
    }

    /// Section 5.5.1: "If an endpoint receives a Close frame and did not previously send a Close
    /// frame, the endpoint MUST send a Close frame in response." Whether we have sent one, the
    /// connection decides when the listeners of the events before have run.
    fn on_close(&mut self, code: CloseCode, reason: String) {
        self.verdict = Some(Box::new(Verdict::PeerClose(code, reason)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::hybi::{PeerMasking, ReceiverOptions};

    #[test]
    fn nothing_is_kept_of_a_control_frame_that_is_not_looked_at() {
        let options = ReceiverOptions {
            masking: PeerMasking::Either,
            max_length: 1000,
            max_text: u64::MAX,
            max_events: 1,
            least_landing: u64::MAX,
        };
        for (header, kept) in
            [(&[0x89, 126, 0xff, 0xff][..], 1000), (&[0x89, 127, 0, 0, 0, 0, 0, 1, 0, 0], 0)]
        {
            let mut receiver = Receiver::new(options);
            receiver.begin_closing();
            let mut out = Output::default();
            receiver.receive(&mut header.to_vec(), 0, &mut out);
            receiver.receive(&mut [b'a'; 1000], 0, &mut out);
            assert_eq!(receiver.control.len(), kept);
        }
    }
}
