//! Many connections by number, for a host that shares memory with the core: what the addon and the
//! WebAssembly build are made of.
//!
//! A host that calls in from another language pays for every call and for every object. Here a
//! connection is a small number, what a chunk has brought is written into integers that both sides can
//! see ([`report`]), and short messages are left in memory until the next call of any kind
//! ([`send_queue`]). Event lists and spare memory are lent to whichever connection is called; between
//! calls a connection has its unsent bytes and what its listeners have not read yet, and nothing else.

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

/// Output memory beyond this is given back once it has been taken.
const KEPT_BYTES: usize = 4096;

/// What the host shares with the core. All of it may be empty when the host is about to go.
pub trait SharedMemory {
    /// Where calls that receive are reported, see [`report`].
    fn spans(&self) -> &[Cell<i32>];

    /// Which messages wait to be framed, see [`send_queue`].
    fn send_queue(&self) -> &[Cell<i32>];

    /// The payloads of these messages, one behind the other.
    fn payloads(&self) -> &[u8];

    /// Most bytes of UTF-8 that the host can make a string of.
    fn longest_text(&self) -> u64;

    /// Shorter messages are joined in the core and copied, see [`Landing`](super::hybi::Landing).
    fn least_landing(&self) -> u64 {
        4096
    }
}

/// A connection and what it has produced and the host has not taken yet.
struct Session<M> {
    memory: M,
    connection: Connection,
    wire: Vec<u8>,
    scratch: Vec<u8>,
    /// Nothing was taken of the output yet: it has memory for an opening handshake, which is more
    /// than many a connection will ever need again.
    is_new: bool,
}

/// A connection while it is called: with all of the output, of which it keeps a part.
pub struct Entry<'a, T> {
    memory: &'a T,
    /// The connection.
    pub connection: &'a mut Connection,
    /// Its output.
    pub output: &'a mut Output,
    is_new: &'a mut bool,
    clock: fn() -> f64,
}

/// The connections. `M` leads to the memory that the host shares for one of them.
pub struct Sessions<M, E> {
    slots: Slots<Box<Session<M>>>,
    /// Lent to whichever session is called: its memory for events and its spare memory are shared.
    output: Output,
    /// For masking keys, and whoever needs unpredictable bytes outside a session.
    pub entropy: E,
    clock: fn() -> f64,
}

impl<M: Deref<Target: SharedMemory + Sized>> Session<M> {
    /// Calls `act` with `output`, which is every session's, as this one's.
    fn with<R>(
        &mut self,
        output: &mut Output,
        clock: fn() -> f64,
        act: impl FnOnce(&mut Entry<'_, M::Target>) -> R,
    ) -> R {
        let Self { memory, connection, wire, scratch, is_new } = self;
        // What a panic leaves behind is dropped here: it is no other session's output.
        output.wire = mem::take(wire);
        output.scratch = mem::take(scratch);
        let result = act(&mut Entry { memory, connection, output, is_new, clock });
        *wire = mem::take(&mut output.wire);
        *scratch = mem::take(&mut output.scratch);
        result
    }
}

impl<M: Deref<Target: SharedMemory + Sized>, E: Entropy> Sessions<M, E> {
    /// No sessions. `clock` counts seconds from any time.
    pub fn new(entropy: E, clock: fn() -> f64) -> Self {
        Self { slots: Slots::default(), output: Output::default(), entropy, clock }
    }

    /// Adds a session; its number is free for others once it was removed.
    pub fn insert(&mut self, memory: M, connection: Connection) -> u32 {
        let (wire, scratch) = Default::default();
        let session = Session { memory, connection, wire, scratch, is_new: true };
        self.slots.insert(Box::new(session)).number
    }

    /// Frames what the host has queued in `memories`: before anything else happens to any session.
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

    /// Frees a session. [`Sessions::send_queued`] comes first.
    pub fn remove(&mut self, number: u32) {
        self.slots.remove(number);
    }

    /// Runs `act` on a session, if there is one of that number. [`Sessions::send_queued`] comes first.
    pub fn with<R>(
        &mut self,
        number: u32,
        act: impl FnOnce(&mut Entry<'_, M::Target>, &mut E) -> R,
    ) -> Option<R> {
        let Self { slots, entropy, output, clock } = self;
        let session = slots.at(number)?;
        Some(session.with(output, *clock, |entry| act(entry, entropy)))
    }

    /// As [`Sessions::with`], for what writes: returns how many bytes wait for the peer then, 0 without such a
    /// session.
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

    /// Appends the same message to many sessions; it is framed once where it goes out as it is.
    /// [`Sessions::send_queued`] comes first.
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
    /// Parses a chunk from byte `from` on and reports to the shared memory; returns the number of events.
    pub fn receive(&mut self, chunk: &mut [u8], from: usize) -> u32 {
        self.output.clear_events();
        // A connection that counts what its peer sends in a second has to know the time.
        if let Some(rates) = self.connection.rates() {
            rates.set_time((self.clock)());
        }
        let progress = self.connection.receive(chunk, from, self.output);
        self.report(progress)
    }

    /// Takes the next `length` bytes of a message that is landing, which are in `memory` behind those that
    /// came before; reports as `receive` does.
    pub fn landed(&mut self, memory: &mut [u8], length: usize) -> u32 {
        self.output.clear_events();
        let progress = self.connection.landed(memory, length, self.output);
        self.report(progress)
    }

    fn report(&mut self, progress: Progress) -> u32 {
        report::write(self.memory.spans(), progress, self.connection, self.output);
        self.output.events.len() as u32
    }

    /// Appends a message; returns what has to be written behind the bytes that wait for the peer: the payload,
    /// where it goes out as it is, which is not copied then.
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

    /// How many bytes wait for the peer.
    pub fn unsent(&self) -> usize {
        self.output.wire.len()
    }

    /// Moves the bytes that wait for the peer to `target`, if it is exactly as long; returns how many there
    /// are.
    pub fn take_unsent(&mut self, target: &mut [u8]) -> usize {
        let unsent = self.unsent();
        if unsent == target.len() {
            target.copy_from_slice(&self.output.wire);
            self.forget_unsent();
        }
        unsent
    }

    /// Forgets the bytes that waited for the peer, and gives large memory back.
    pub fn forget_unsent(&mut self) {
        let wire = &mut self.output.wire;
        wire.clear();
        if mem::take(self.is_new) || wire.capacity() > KEPT_BYTES {
            *wire = Vec::new();
        }
    }

    /// Makes a frame of a message where it lies, see
    /// [`Connection::frame_around`]; `None` also where output waits, which goes out before it.
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

    /// Reads the payload of an event that lies in the session's scratch memory, which is given back as soon
    /// as the last one was read, where it is large. A payload that is not there is empty.
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    struct Memory {
        spans: [Cell<i32>; 16],
        send_queue: [Cell<i32>; 10],
        payloads: Vec<u8>,
    }

    impl SharedMemory for Memory {
        fn spans(&self) -> &[Cell<i32>] {
            &self.spans
        }

        fn send_queue(&self) -> &[Cell<i32>] {
            &self.send_queue
        }

        fn payloads(&self) -> &[u8] {
            &self.payloads
        }

        fn longest_text(&self) -> u64 {
            1000
        }
    }

    struct Zero;

    impl Entropy for Zero {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn memory(queue: &[i32], payloads: &[u8]) -> Rc<Memory> {
        let memory = Memory {
            spans: Default::default(),
            send_queue: Default::default(),
            payloads: payloads.to_vec(),
        };
        memory.send_queue.iter().zip(queue).for_each(|(cell, value)| cell.set(*value));
        Rc::new(memory)
    }

    fn none() -> Sessions<Rc<Memory>, Zero> {
        Sessions::new(Zero, || 0.0)
    }

    /// A server's session that is open, by its number.
    fn open(sessions: &mut Sessions<Rc<Memory>, Zero>, memory: &Rc<Memory>) -> u32 {
        let head =
            ["GET", "/", "ws://h/", "upgrade", "websocket", "", "13", "dGhlIHNhbXBsZSBub25jZQ=="];
        let head = head.map(|value| Some(value.to_owned())).to_vec();
        let connection = setup::server(&**memory, head, &[], f64::INFINITY, 0, 0);
        assert_eq!(setup::version_number(connection.version()), 1);
        let number = sessions.insert(Rc::clone(memory), connection);
        sessions.with(number, |entry, _| {
            entry.connection.start(&Default::default(), None, entry.output).unwrap();
            entry.connection.open();
            entry.forget_unsent();
        });
        number
    }

    fn unsent(sessions: &mut Sessions<Rc<Memory>, Zero>, number: u32) -> Vec<u8> {
        sessions.with(number, |entry, _| entry.output.wire.clone()).unwrap()
    }

    #[test]
    fn queued_messages_are_framed_in_order_for_the_sessions_that_are_there() {
        let mut sessions = none();
        let queue = memory(&[3, 0, 1, 2, 7, 1, 1, 0, 2 | 4 << 4, 3], b"abxcde");
        let number = open(&mut sessions, &queue);
        sessions.send_queued([&*queue].into_iter());
        assert_eq!(unsent(&mut sessions, number), b"\x81\x02ab\xc2\x03cde");
        sessions.send_queued([&*queue].into_iter());
        assert_eq!(sessions.with(number, |entry, _| entry.unsent()), Some(9));
    }

    #[test]
    fn a_queue_that_says_more_than_there_is_is_read_no_further() {
        let mut sessions = none();
        let queue = memory(&[9, 0, 1, 1, 0, 1, 50], b"ab");
        let number = open(&mut sessions, &queue);
        sessions.send_queued([&*queue].into_iter());
        assert_eq!(unsent(&mut sessions, number), b"\x81\x01a");
    }

    #[test]
    fn a_chunk_is_reported_with_the_places_of_its_payloads() {
        let mut sessions = none();
        let memory = memory(&[], &[]);
        let number = open(&mut sessions, &memory);
        let mut chunk = *b"\x81\x02hi\x01\x01a";
        let events = sessions.with(number, |entry, _| entry.receive(&mut chunk, 0));
        let report: Vec<i32> = memory.spans[..7].iter().map(Cell::get).collect();
        assert_eq!((events, report), (Some(1), vec![0, 7, 0, 0, 0, 2, 2]));
        let mut chunk = *b"\x80\x01b";
        let events = sessions.with(number, |entry, _| entry.receive(&mut chunk, 0));
        let report: Vec<i32> = memory.spans[..7].iter().map(Cell::get).collect();
        assert_eq!((events, report), (Some(1), vec![0, 3, 0, 0, 8, 0, 2]));
        let text = sessions.with(number, |entry, _| entry.read_scratch(0, 2, <[u8]>::to_vec));
        assert_eq!(text.unwrap(), b"ab");
        let beyond = sessions.with(number, |entry, _| entry.read_scratch(1, 9, <[u8]>::to_vec));
        assert_eq!(beyond.unwrap(), b"");
    }

    #[test]
    fn output_is_taken_by_whoever_has_as_much_room() {
        let mut sessions = none();
        let memory = memory(&[], &[]);
        let numbers = [open(&mut sessions, &memory), open(&mut sessions, &memory)];
        sessions.broadcast(&[numbers[0], 9, numbers[1]], Opcode::Text, b"x");
        for number in numbers {
            let mut target = [0; 3];
            let taken = sessions.with(number, |entry, _| {
                [entry.take_unsent(&mut []), entry.take_unsent(&mut target), entry.unsent()]
            });
            assert_eq!((taken, &target), (Some([3, 3, 0]), b"\x81\x01x"));
        }
    }

    #[test]
    fn a_frame_is_not_made_in_place_before_output_that_waits() {
        let mut sessions = none();
        let memory = memory(&[], &[]);
        let number = open(&mut sessions, &memory);
        let mut message = [0; 20];
        let starts = sessions.with(number, |entry, entropy| {
            let first = entry.frame_around(Opcode::Binary, &mut message, entropy);
            entry.output.wire.push(0);
            (first, entry.frame_around(Opcode::Binary, &mut message, entropy))
        });
        assert_eq!(starts, Some((Some(12), None)));
    }

    #[test]
    fn a_number_that_was_given_back_means_nothing() {
        let mut sessions = none();
        let memory = memory(&[], &[]);
        let number = open(&mut sessions, &memory);
        sessions.remove(number);
        assert!(sessions.with(number, |_, _| ()).is_none());
        assert_eq!(open(&mut sessions, &memory), number);
    }
}
