//! Payloads that are read to where they stay.
//!
//! A message that comes in many chunks would be copied together. Once the length of its last frame
//! is known the caller may lend memory for all of it instead and read the rest of that frame there,
//! past [`Receiver::receive`].

use super::{Mode, Receiver, State};
use crate::proto::Output;
use crate::proto::hybi::mask;
use crate::proto::progress::{Progress, Status};

/// A message whose last frame is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Bytes that have arrived.
    pub held: usize,
    /// Bytes that have not.
    pub missing: usize,
}

impl Receiver {
    /// How far the message is whose rest may be read elsewhere; `None` while there is no such
    /// message.
    pub fn landing(&self) -> Option<Landing> {
        let reads = self.state == State::Payload && self.opcode < 8 && self.fin;
        if !reads || self.mode != Mode::Strict || self.verdict.is_some() || self.encoded {
            return None;
        }
        let message = self.message.as_ref().filter(|message| !message.is_compressed())?;
        let held = usize::try_from(message.received()).ok()?;
        let missing = usize::try_from(self.length - self.seen).ok()?;
        Some(Landing { held, missing })
    }

    /// Moves what the receiver holds of that message to the beginning of `memory`, which must have
    /// room for it. From then on the message's bytes must come through [`landed`](Self::landed), or
    /// be given back to the receiver first.
    pub fn land(&mut self, memory: &mut [u8], out: &mut Output) {
        let Some(message) = &mut self.message else { return };
        let bytes = message.take_bytes();
        if let Some(place) = memory.get_mut(..bytes.len()) {
            place.copy_from_slice(&bytes);
        }
        out.recycle(bytes);
    }

    /// Gives back what has landed: the rest comes through [`receive`](Self::receive) again.
    pub fn give_back_landed(&mut self, memory: &[u8]) {
        let Some(Landing { held, .. }) = self.landing() else { return };
        if let (Some(message), Some(bytes)) = (&mut self.message, memory.get(..held)) {
            message.put_bytes(bytes);
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
