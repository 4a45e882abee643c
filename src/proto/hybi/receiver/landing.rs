//! Landing: long binary messages are joined in the memory in which the caller delivers them.
//!
//! A receiver joins a message of many chunks in memory of its own, and the caller copies it to the
//! memory that the application gets. With landing, the receiver leaves the payload in the chunks,
//! and the caller copies or reads it into the application's memory at once: one copy less.

use super::{Receiver, State};
use crate::proto::hybi::frame::Opcode;
use crate::proto::hybi::mask;
use crate::proto::progress::{Progress, Status};
use crate::proto::{Event, Output, Span};

/// Longer messages do not land: callers may count the bytes in 32 bits.
const MOST_LANDING: u64 = 1 << 30;

/// A message of a single frame that is being joined in the caller's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Bytes that have arrived, which the caller keeps.
    pub held: usize,
    /// Bytes that have not arrived.
    pub missing: usize,
}

impl Receiver {
    /// The message that is landing; `None` without one, also after our side has begun to close. Its
    /// next bytes have to come through [`landed`](Self::landed), or those that have arrived have to
    /// be [given back](Self::cancel_landing) first.
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

    /// Whether the message that begins with this frame is to land.
    pub(super) fn lands(&self, opcode: Opcode, last: bool) -> bool {
        let is_plain = !self.inflates() && !self.decodes_outside();
        let lengths = self.options.least_landing..=MOST_LANDING;
        let is_long = lengths.contains(&self.frame.length);
        opcode == Opcode::Binary && self.frame.fin && !last && is_plain && is_long
    }

    /// Gives the bytes that have arrived back: they are the first of `memory`. The message is
    /// joined by the receiver from now on, and its rest comes through [`receive`](Self::receive).
    pub fn cancel_landing(&mut self, memory: &[u8]) {
        let Some(Landing { held, .. }) = self.landing() else { return };
        if let (Some(message), Some(bytes)) = (&mut self.message, memory.get(..held)) {
            message.take_over(bytes);
        }
    }

    /// Takes the next `length` bytes of the payload, at most as many as are missing. `memory` has
    /// all bytes that have arrived, these at the end. They are unmasked there, and the event of the
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
            // The frame has FIN, or it would not have landed: the message is complete.
            self.state = State::Opcode;
            self.message = None;
            out.events.push(Event::Binary(Span::input(0, held + missing)));
        }
        Progress { consumed, status: Status::NeedMore }
    }
}
