//! Long binary messages that the caller collects where they stay.
//!
//! A message that comes in many chunks would be joined here and then copied once more, to the memory
//! the application gets. Once the length of a message is known, its bytes are left where they came
//! instead, and it is the caller who joins them, in that memory.

use super::{Receiver, State};
use crate::proto::hybi::frame::Opcode;
use crate::proto::hybi::mask;
use crate::proto::progress::{Progress, Status};
use crate::proto::{Event, Output, Span};

/// Longer messages are collected by the receiver: callers may count what lands in 32 bits.
const MOST_LANDING: u64 = 1 << 30;

/// A message of a single frame that is being read past [`Receiver::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Bytes that have arrived and are the caller's to keep.
    pub held: usize,
    /// Bytes that have not.
    pub missing: usize,
}

impl Receiver {
    /// How far that message is; `None` while there is none, and when it has been abandoned because
    /// our side closed. Its next bytes must come through [`landed`](Self::landed), or what has
    /// arrived be [given back](Self::cancel_landing) first.
    pub fn landing(&self) -> Option<Landing> {
        if self.verdict.is_some() || !self.is_landing() {
            return None;
        }
        Some(Landing {
            held: usize::try_from(self.seen).ok()?,
            missing: usize::try_from(self.frame.length - self.seen).ok()?,
        })
    }

    pub(super) fn is_landing(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.is_landing())
    }

    /// Whether the frame of which the first bytes have come is such a message.
    pub(super) fn lands(&self, opcode: Opcode, last: bool) -> bool {
        let is_plain = !self.inflates() && !self.decodes_outside();
        let lengths = self.options.least_landing..=MOST_LANDING;
        let is_long = lengths.contains(&self.frame.length);
        opcode == Opcode::Binary && self.frame.fin && !last && is_plain && is_long
    }

    /// Gives back what has arrived of the message, which is at the beginning of `memory`: the rest
    /// comes through [`receive`](Self::receive) again.
    pub fn cancel_landing(&mut self, memory: &[u8]) {
        let Some(Landing { held, .. }) = self.landing() else { return };
        if let (Some(message), Some(bytes)) = (&mut self.message, memory.get(..held)) {
            message.take_over(bytes);
        }
    }

    /// Takes the next `length` bytes of the payload, which are in `memory` behind those that came
    /// before, and at most as many as are missing. They are unmasked there, and the event of the
    /// complete message points into `memory`.
    pub fn landed(&mut self, memory: &mut [u8], length: usize, out: &mut Output) -> Progress {
        let consumed = length;
        let Some(Landing { held, missing }) = self.landing() else {
            return Progress { consumed, status: Status::NeedMore };
        };
        let length = length.min(missing);
        let bytes = memory.get_mut(held..held.saturating_add(length)).unwrap_or_default();
        if self.frame.masked {
            mask::apply(bytes, self.frame.key, (self.seen % 4) as usize);
        }
        self.seen += bytes.len() as u64;
        if bytes.len() == missing {
            // A frame with FIN: the message is complete with it.
            self.state = State::Opcode;
            self.message = None;
            out.events.push(Event::Binary(Span::input(0, held + missing)));
        }
        Progress { consumed, status: Status::NeedMore }
    }
}
