//! Many connections by number, for a host that shares memory with the core: the addon and the
//! WebAssembly build are such hosts.
//!
//! For a host in another language, each call and each object costs time. Here a connection is a
//! small number; the events of a chunk are written as integers into memory that both sides share
//! ([`report`]); short messages are left in shared memory until the next call of any kind frames
//! them ([`send_queue`]). The list of events and spare memory are lent to the connection that is
//! called. Between calls a connection has only its unsent bytes, and payloads that the host has not
//! read yet.

pub mod reply;
pub mod report;
pub mod send_queue;
mod served;
pub mod setup;

pub use served::ServedSession;

use std::cell::Cell;
use std::mem;
use std::ops::Deref;

use super::hybi::frame::Opcode;
use super::slots::Slots;
use super::{Connection, Entropy, Output, Progress};

/// Bytes of output memory that a session keeps at most when the host has taken its content.
const KEPT_BYTES: usize = 4096;

/// The memory that the host shares with the core. All of it may be empty while the host ends.
pub trait SharedMemory {
    /// Memory for reports of received events, see [`report`].
    fn spans(&self) -> &[Cell<i32>];

    /// The messages that wait to be framed, see [`send_queue`].
    fn send_queue(&self) -> &[Cell<i32>];

    /// The payloads of these messages, one after the other.
    fn payloads(&self) -> &[u8];

    /// Most bytes of UTF-8 of which the host can make a string.
    fn longest_text(&self) -> u64;

    /// The least length, in bytes, of messages that land, see [`Landing`](super::hybi::Landing).
    fn least_landing(&self) -> u64 {
        4096
    }
}

/// A connection, and its output that the host has not taken yet.
struct Session<M> {
    memory: M,
    connection: Connection,
    wire: Vec<u8>,
    scratch: Vec<u8>,
    /// Nothing was taken of the output yet: its memory is for an opening handshake, which is more
    /// than most connections need afterwards.
    is_new: bool,
}

/// A connection during a call, with the output that all connections share.
pub struct Entry<'a, T> {
    memory: &'a T,
    /// The connection.
    pub connection: &'a mut Connection,
    /// Its output.
    pub output: &'a mut Output,
    is_new: &'a mut bool,
    clock: fn() -> f64,
}

/// The sessions. `M` is a pointer to the memory that the host shares for a session.
pub struct Sessions<M, E> {
    slots: Slots<Box<Session<M>>>,
    /// Lent to the session that is called: all sessions share its list of events and its spare
    /// memory.
    output: Output,
    /// For masking keys, and for a host that needs unpredictable bytes.
    pub entropy: E,
    clock: fn() -> f64,
}

impl<M: Deref<Target: SharedMemory + Sized>> Session<M> {
    /// Calls `act` with the shared `output`, with this session's bytes in it.
    fn with<R>(
        &mut self,
        output: &mut Output,
        clock: fn() -> f64,
        act: impl FnOnce(&mut Entry<'_, M::Target>) -> R,
    ) -> R {
        let Self { memory, connection, wire, scratch, is_new } = self;
        // Bytes that another session has left there, because `act` panicked, are dropped.
        output.wire = mem::take(wire);
        output.scratch = mem::take(scratch);
        let result = act(&mut Entry { memory, connection, output, is_new, clock });
        *wire = mem::take(&mut output.wire);
        *scratch = mem::take(&mut output.scratch);
        result
    }
}

impl<M: Deref<Target: SharedMemory + Sized>, E: Entropy> Sessions<M, E> {
    /// No sessions. `clock` returns seconds, from any point in time that stays the same.
    pub fn new(entropy: E, clock: fn() -> f64) -> Self {
        Self { slots: Slots::default(), output: Output::default(), entropy, clock }
    }

    /// Adds a session, and returns its number, which is used again after the session was removed.
    pub fn insert(&mut self, memory: M, connection: Connection) -> u32 {
        let (wire, scratch) = Default::default();
        let session = Session { memory, connection, wire, scratch, is_new: true };
        self.slots.insert(Box::new(session)).number
    }

    /// Frames the messages that the host has queued in `memories`. Every call of the host has to
    /// begin with it, as the messages were sent before that call.
    pub fn send_queued<'m>(&mut self, memories: impl Iterator<Item = &'m M::Target>)
    where
        M: 'm,
    {
        let Self { slots, entropy, output, clock } = self;
        for memory in memories {
            send_queue::take(memory, |number, (opcode, rsv), payload| {
                let Some(session) = slots.at(number) else { return };
                session.with(output, *clock, |entry| {
                    entry.connection.send(opcode, rsv, payload, entropy, entry.output);
                });
            });
        }
    }

    /// Removes a session; after [`Sessions::send_queued`].
    pub fn remove(&mut self, number: u32) {
        self.slots.remove(number);
    }

    /// Calls `act` with a session, if there is one under this number; after
    /// [`Sessions::send_queued`].
    pub fn with<R>(
        &mut self,
        number: u32,
        act: impl FnOnce(&mut Entry<'_, M::Target>, &mut E) -> R,
    ) -> Option<R> {
        let Self { slots, entropy, output, clock } = self;
        let session = slots.at(number)?;
        Some(session.with(output, *clock, |entry| act(entry, entropy)))
    }

    /// As [`Sessions::with`], for calls that write: returns how many bytes wait for the peer
    /// afterwards, 0 without such a session.
    pub fn write(
        &mut self,
        number: u32,
        act: impl FnOnce(&mut Entry<'_, M::Target>, &mut E),
    ) -> usize {
        let unsent = self.with(number, |entry, entropy| {
            act(entry, entropy);
            entry.unsent()
        });
        unsent.unwrap_or_default()
    }

    /// Appends the same message to many sessions; after [`Sessions::send_queued`]. Its header is
    /// made once for all sessions that neither mask nor compress.
    pub fn broadcast(&mut self, numbers: &[u32], opcode: Opcode, payload: &[u8]) {
        let Self { slots, entropy, output, clock } = self;
        for &number in numbers {
            let Some(session) = slots.at(number) else { continue };
            let Session { connection, wire, .. } = &mut **session;
            match connection.plain_header(opcode, payload.len()) {
                Some(header) => {
                    wire.reserve(header.as_bytes().len() + payload.len());
                    wire.extend_from_slice(header.as_bytes());
                    wire.extend_from_slice(payload);
                }
                None => session.with(output, *clock, |entry| {
                    entry.connection.send(opcode, 0, payload, entropy, entry.output);
                }),
            }
        }
    }
}

impl<T: SharedMemory> Entry<'_, T> {
    /// Reads a chunk from byte `from` on, and writes a report into the shared memory; returns the
    /// number of events.
    pub fn receive(&mut self, chunk: &mut [u8], from: usize) -> u32 {
        self.output.clear_events();
        // Limits on what the peer sends in a second need the time.
        if let Some(rates) = self.connection.rates() {
            rates.set_time((self.clock)());
        }
        let progress = self.connection.receive(chunk, from, self.output);
        self.report(progress)
    }

    /// Takes the next `length` bytes of a message that is landing, see [`Connection::landed`];
    /// reports as `receive` does.
    pub fn landed(&mut self, memory: &mut [u8], length: usize) -> u32 {
        self.output.clear_events();
        let progress = self.connection.landed(memory, length, self.output);
        self.report(progress)
    }

    fn report(&mut self, progress: Progress) -> u32 {
        report::write(self.memory.spans(), progress, self.connection, self.output);
        self.output.events.len() as u32
    }

    /// Appends a message, except for a payload that is neither masked nor compressed: this is
    /// returned, and the caller has to write it after the bytes that wait for the peer. It needs no
    /// copy then.
    pub fn append<'p>(
        &mut self,
        opcode: Opcode,
        payload: &'p [u8],
        entropy: &mut dyn Entropy,
    ) -> &'p [u8] {
        if let Some(header) = self.connection.plain_header(opcode, payload.len()) {
            self.output.wire.extend_from_slice(header.as_bytes());
            return payload;
        }
        self.connection.send(opcode, 0, payload, entropy, self.output);
        &[]
    }

    /// The number of bytes that wait for the peer.
    pub fn unsent(&self) -> usize {
        self.output.wire.len()
    }

    /// Moves the bytes that wait for the peer to `target`, if it has exactly their length; returns
    /// their number.
    pub fn take_unsent(&mut self, target: &mut [u8]) -> usize {
        let unsent = self.unsent();
        if unsent == target.len() {
            target.copy_from_slice(&self.output.wire);
            self.forget_unsent();
        }
        unsent
    }

    /// Drops the bytes that wait for the peer, which were written, and frees large memory.
    pub fn forget_unsent(&mut self) {
        let wire = &mut self.output.wire;
        wire.clear();
        if mem::take(self.is_new) || wire.capacity() > KEPT_BYTES {
            *wire = Vec::new();
        }
    }

    /// Makes a frame in the memory of its payload, see [`Connection::frame_around`]; `None` also
    /// while other bytes wait for the peer, which have to be written first.
    pub fn frame_around(
        &mut self,
        opcode: Opcode,
        memory: &mut [u8],
        entropy: &mut dyn Entropy,
    ) -> Option<usize> {
        if !self.output.wire.is_empty() {
            return None;
        }
        self.connection.frame_around(opcode, memory, entropy)
    }

    /// Calls `read` with the payload of an event in the session's scratch memory, which is empty
    /// where there is no such payload. Large scratch memory is freed when the last payload was
    /// read.
    pub fn read_scratch<R>(
        &mut self,
        offset: u32,
        length: u32,
        read: impl FnOnce(&[u8]) -> R,
    ) -> R {
        let end = (offset as usize).saturating_add(length as usize);
        let scratch = &self.output.scratch;
        let result = read(scratch.get(offset as usize..end).unwrap_or_default());
        if end == scratch.len() && scratch.capacity() > KEPT_BYTES {
            let memory = mem::take(&mut self.output.scratch);
            self.output.recycle(memory);
        }
        result
    }
}
