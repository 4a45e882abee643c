//! Long messages that the caller collects where they stay.
//!
//! A message that comes in many chunks would be joined here and then copied once more, to the memory
//! the application gets. Once the length of a message is known, its bytes are left where they came
//! instead, and it is the caller who joins them, in that memory.

use super::{Message, Receiver, State};
use crate::proto::Output;
use crate::proto::hybi::frame::Opcode;
use crate::proto::hybi::inflate::COMPRESSED;
use crate::proto::hybi::mask;
use crate::proto::progress::{Progress, Status};

/// Longer messages are collected by the receiver.
const MOST_LANDING: u64 = 1 << 30;

/// A message of a single frame that is being read past [`Receiver::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Bytes that have arrived and are the caller's to keep.
    pub held: usize,
    /// Bytes that have not.
    pub missing: usize,
    /// Whether it is a text.
    pub is_text: bool,
}

impl Receiver {
    /// How far that message is; `None` while there is none, and when it has been abandoned because
    /// our side closed. Its next bytes must come through [`landed`](Self::landed), or what has
    /// arrived be [given back](Self::give_back_landed) first.
    pub fn landing(&self) -> Option<Landing> {
        if self.verdict.is_some() || !self.is_landing() {
            return None;
        }
        Some(Landing {
            held: usize::try_from(self.seen).ok()?,
            missing: usize::try_from(self.length - self.seen).ok()?,
            is_text: self.opcode == Opcode::Text as u8,
        })
    }

    pub(super) fn is_landing(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.is_elsewhere())
    }

    /// Whether the frame of which the first bytes have come is such a message.
    pub(super) fn lands(&self, last: bool) -> bool {
        let plain = !self.encoded && self.rsv & COMPRESSED == 0;
        let lengths = self.options.least_landing..=MOST_LANDING;
        self.fin && !last && plain && lengths.contains(&self.length)
    }

    pub(super) fn begin_landing(&mut self, opcode: Opcode, bytes: &[u8]) {
        let mut message = Message::elsewhere(opcode);
        match message.check(bytes) {
            Ok(()) => self.message = Some(Box::new(message)),
            Err(_) => self.violation(super::ProtocolError::InvalidUtf8),
        }
    }

    /// Gives back what has arrived of the message, which is at the beginning of `memory`: the rest
    /// comes through [`receive`](Self::receive) again.
    pub fn give_back_landed(&mut self, memory: &[u8]) {
        let Some(Landing { held, .. }) = self.landing() else { return };
        if let (Some(message), Some(bytes)) = (&mut self.message, memory.get(..held)) {
            message.bring(bytes);
        }
    }

    /// Takes the next `length` bytes of the payload, which are in `memory` behind those that came
    /// before, and at most as many as are missing. They are unmasked there, and the event of the
    /// complete message points into `memory`.
    pub fn landed(&mut self, memory: &mut [u8], length: usize, out: &mut Output) -> Progress {
        let consumed = length;
        let Some(Landing { held, missing, .. }) = self.landing() else {
            return Progress { consumed, status: Status::NeedMore };
        };
        let length = length.min(missing);
        let bytes = memory.get_mut(held..held.saturating_add(length)).unwrap_or_default();
        if self.masked {
            mask::apply(bytes, self.key, (self.seen % 4) as usize);
        }
        self.seen += bytes.len() as u64;
        let is_complete = bytes.len() == missing;
        let checked = self.message.as_mut().map(|message| message.check(bytes));
        if is_complete {
            self.state = State::Opcode;
        }
        let failed = match checked {
            Some(Err(_)) => true,
            Some(Ok(())) if is_complete => {
                self.message.take().is_some_and(|message| message.finish_landed(out).is_err())
            }
            _ => false,
        };
        if failed {
            self.message = None;
            self.violation(super::ProtocolError::InvalidUtf8);
        }
        let status = if self.verdict.is_some() { Status::Verdict } else { Status::NeedMore };
        Progress { consumed, status }
    }
}
