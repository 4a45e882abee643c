//! The interface of a session for an event loop that reads and writes its socket.

use super::{Entry, SharedMemory};
use crate::proto::hybi::Landing;

/// Parses the bytes of a connection, and has bytes for its peer.
pub trait ServedSession {
    /// Parses a chunk, in which payloads are unmasked in place; returns the number of events.
    fn receive(&mut self, chunk: &mut [u8]) -> u32;

    /// The message that is landing: its rest can be read straight to the memory in which it is
    /// delivered.
    fn landing(&self) -> Option<Landing>;

    /// Takes the next `length` bytes of that message, which are in `memory` behind the earlier
    /// ones; returns the number of events, 1 when the message is complete.
    fn landed(&mut self, memory: &mut [u8], length: usize) -> u32;

    /// Takes the bytes of that message that have arrived back: its rest comes through `receive`.
    fn cancel_landing(&mut self, memory: &[u8]);

    /// Bytes for the peer.
    fn wire(&mut self) -> &mut Vec<u8>;

    /// The system has taken all bytes for the peer.
    fn forget_wire(&mut self);
}

impl<T: SharedMemory> ServedSession for Entry<'_, T> {
    fn receive(&mut self, chunk: &mut [u8]) -> u32 {
        Entry::receive(self, chunk, 0)
    }

    fn landing(&self) -> Option<Landing> {
        self.connection.landing()
    }

    fn landed(&mut self, memory: &mut [u8], length: usize) -> u32 {
        Entry::landed(self, memory, length)
    }

    fn cancel_landing(&mut self, memory: &[u8]) {
        self.connection.cancel_landing(memory);
    }

    fn wire(&mut self) -> &mut Vec<u8> {
        &mut self.output.wire
    }

    fn forget_wire(&mut self) {
        self.forget_unsent();
    }
}
