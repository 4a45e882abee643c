//! A session as an event loop sees it that reads and writes a socket itself.

use super::{Entry, SharedMemory};
use crate::proto::hybi::Landing;

/// Who parses the bytes of a connection and has bytes for its peer.
pub trait ServedSession {
    /// Parses a chunk in place; returns the number of events.
    fn receive(&mut self, chunk: &mut [u8]) -> u32;

    /// How far a long message is whose rest can be read to where its event will lie.
    fn landing(&self) -> Option<Landing>;

    /// Takes the next `length` bytes of that message, which are in `memory` behind those that came
    /// before; returns the number of events, 1 for the complete message.
    fn landed(&mut self, memory: &mut [u8], length: usize) -> u32;

    /// Takes what has arrived of that message back: the rest comes another way.
    fn cancel_landing(&mut self, memory: &[u8]);

    /// Bytes for the peer.
    fn wire(&mut self) -> &mut Vec<u8>;

    /// The peer's bytes have all been taken, by the system.
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
