//! Sessions as a host uses them: a number for each, integers in shared memory for what they receive.

use std::cell::Cell;
use std::rc::Rc;

use faye_websocket_rs::proto::hybi::Landing;
use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::sessions::{ServedSession, Sessions, SharedMemory, report, setup};
use faye_websocket_rs::proto::{Connection, Entropy, Rates};

const MOST_EVENTS: usize = 5;
const SPANS: usize = report::HEADER_INTS + MOST_EVENTS * report::EVENT_INTS;

const REQUIRE_MASKING: u32 = 2;
const MASKING: u32 = 4;

const NEED_MORE: i32 = 0;
const FULL: i32 = 1;
const VERDICT: i32 = 3;
const LANDING: i32 = 5;

struct Memory {
    spans: [Cell<i32>; SPANS],
    send_queue: [Cell<i32>; 10],
    payloads: &'static [u8],
}

/// Memory with a send queue of `queue` and then nothing.
fn memory(queue: &[i32], payloads: &'static [u8]) -> Rc<Memory> {
    let memory = Memory { spans: Default::default(), send_queue: Default::default(), payloads };
    memory.send_queue.iter().zip(queue).for_each(|(cell, value)| cell.set(*value));
    Rc::new(memory)
}

impl SharedMemory for Memory {
    fn spans(&self) -> &[Cell<i32>] {
        &self.spans
    }

    fn send_queue(&self) -> &[Cell<i32>] {
        &self.send_queue
    }

    fn payloads(&self) -> &[u8] {
        self.payloads
    }

    fn longest_text(&self) -> u64 {
        1 << 20
    }
}

struct Ones;

impl Entropy for Ones {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

thread_local! {
    static SECONDS: Cell<f64> = const { Cell::new(0.0) };
}

/// A single session, with the host's memory.
struct Host {
    memory: Rc<Memory>,
    sessions: Sessions<Rc<Memory>, Ones>,
    number: u32,
}

fn head(version: Option<&str>) -> Vec<Option<String>> {
    let key = version.map(|_| "dGhlIHNhbXBsZSBub25jZQ==");
    let values = ["GET", "/", "ws://h/", "upgrade", "websocket", "ws://h"].map(Some);
    values.into_iter().chain([version, key]).map(|value| value.map(str::to_owned)).collect()
}

fn connection(memory: &Memory, max_length: f64, flags: u32, version: u32) -> Connection {
    setup::server(memory, head(Some("13")), &[], max_length, flags, version)
}

impl Host {
    fn new(max_length: f64, flags: u32) -> Self {
        Self::over(memory(&[], b"a"), max_length, flags)
    }

    fn over(memory: Rc<Memory>, max_length: f64, flags: u32) -> Self {
        let mut sessions = Sessions::new(Ones, || SECONDS.get());
        let connection = connection(&memory, max_length, flags, 0);
        let number = sessions.insert(Rc::clone(&memory), connection);
        let mut host = Self { memory, sessions, number };
        host.open(number);
        host
    }

    /// Another session, that is open, by its number.
    fn add(&mut self, flags: u32) -> u32 {
        let connection = connection(&self.memory, f64::INFINITY, flags, 0);
        let number = self.sessions.insert(Rc::clone(&self.memory), connection);
        self.open(number);
        number
    }

    fn open(&mut self, number: u32) {
        let opened = self.sessions.with(number, |entry, _| {
            entry
                .connection
                .start(&Default::default(), None, entry.output)
                .expect("a request that is accepted");
            entry.connection.open();
            entry.forget_unsent();
        });
        opened.expect("a session");
    }

    /// Frames the messages of the send queue; the bytes that wait for the peer then.
    fn send_queued(&mut self) -> Vec<u8> {
        let memory = Rc::clone(&self.memory);
        self.sessions.send_queued([&*memory].into_iter());
        self.with(|entry| entry.output.wire.clone())
    }

    fn with<R>(
        &mut self,
        act: impl FnOnce(&mut faye_websocket_rs::proto::sessions::Entry<'_, Memory>) -> R,
    ) -> R {
        self.sessions.with(self.number, |entry, _| act(entry)).expect("a session")
    }

    /// The header of the report, and its events.
    fn receive(&mut self, chunk: &[u8]) -> ([i32; 4], Vec<[i32; 3]>) {
        let mut chunk = chunk.to_vec();
        let events = self.with(|entry| entry.receive(&mut chunk, 0));
        self.report(events)
    }

    fn report(&self, events: u32) -> ([i32; 4], Vec<[i32; 3]>) {
        let spans: Vec<i32> = self.memory.spans.iter().map(Cell::get).collect();
        let (header, rest) = spans.split_first_chunk().expect("a header");
        (*header, rest.as_chunks().0[..events as usize].to_vec())
    }
}

fn open() -> Host {
    Host::new(f64::INFINITY, 0)
}

#[test]
fn each_kind_of_event_has_its_code_and_place() {
    let chunk = b"\x81\x02\xc3\xa9\x89\x01p\x8a\x01q\x82\x01\0\x81\x01a";
    let events = vec![[1, 2, 2], [4, 6, 1], [5, 9, 1], [3, 12, 1], [0, 15, 1]];
    assert_eq!(open().receive(chunk).1, events);
}

#[test]
fn the_event_loop_hears_how_many_events_a_chunk_has() {
    let mut chunk = *b"\x89\x00\x81\x01a";
    let events = open().with(|entry| ServedSession::receive(entry, &mut chunk));
    assert_eq!(events, 2);
}

#[test]
fn a_report_that_is_full_says_from_where_to_go_on() {
    let (header, events) = open().receive(&b"\x81\x01a".repeat(6));
    assert_eq!((header, events.len()), ([FULL, 15, 0, 0], MOST_EVENTS));
}

#[test]
fn a_message_for_extensions_outside_has_its_opcode_and_reserved_bits() {
    let mut host = open();
    host.with(|entry| entry.connection.decode_outside(0b101));
    assert_eq!(host.receive(b"\xd2\x01a").1, [[6 | 2 << 4 | 5 << 8, 2, 1]]);
}

#[test]
fn the_parts_of_a_message_say_which_is_the_first_and_which_the_last() {
    let mut host = open();
    host.with(|entry| entry.connection.stream_above(3));
    assert_eq!(host.receive(b"\x81\x06ab").1, [[7 | 1 << 4 | 1 << 8, 2, 2]]);
    assert_eq!(host.receive(b"cd").1, [[7 | 1 << 4, 0, 2]]);
    assert_eq!(host.receive(b"ef").1, [[7 | 1 << 4 | 2 << 8, 0, 2]]);
}

#[test]
fn a_message_of_4096_bytes_lands_and_a_shorter_one_does_not() {
    let frame = |length: u16| [&[0x82, 126][..], &length.to_be_bytes(), b"x"].concat();
    assert_eq!(open().receive(&frame(4095)), ([NEED_MORE, 5, 0, 0], vec![]));

    let mut host = open();
    assert_eq!(host.receive(&frame(4096)), ([LANDING, 4, 0, 4095], vec![]));
    let mut memory = vec![b'x'; 4096];
    let events = host.with(|entry| {
        assert_eq!(ServedSession::landing(entry), Some(Landing { held: 1, missing: 4095 }));
        ServedSession::landed(entry, &mut memory, 4000)
    });
    assert_eq!(host.report(events), ([NEED_MORE, 4000, 0, 0], vec![]));
    let events = host.with(|entry| entry.landed(&mut memory, 95));
    assert_eq!(host.report(events), ([NEED_MORE, 95, 0, 0], vec![[3, 0, 4096]]));
}

#[test]
fn a_message_that_was_landing_goes_on_through_receive() {
    let mut host = open();
    host.receive(b"\x82\x7e\x10\x00abc");
    host.with(|entry| ServedSession::cancel_landing(entry, b"abc"));
    let (header, events) = host.receive(&[b'd'; 4093]);
    assert_eq!((header, events), ([NEED_MORE, 4093, 0, 0], vec![[3 | 8, 0, 4096]]));
    let (first, length) =
        host.with(|entry| entry.read_scratch(0, 4096, |bytes| (bytes[..4].to_vec(), bytes.len())));
    assert_eq!((first.as_slice(), length), (b"abcd".as_slice(), 4096));
}

#[test]
fn what_is_written_waits_and_is_counted() {
    let mut host = open();
    let (number, absent) = (host.number, host.number + 1);
    let say = |host: &mut Host, number, text: &str| {
        host.sessions.write(number, |entry, entropy| {
            entry.connection.send(Opcode::Text, 0, text.as_bytes(), entropy, entry.output);
        })
    };
    assert_eq!(say(&mut host, number, "ab"), 4);
    assert_eq!(say(&mut host, absent, "ab"), 0);
    host.with(|entry| assert_eq!(ServedSession::wire(entry), b"\x81\x02ab"));
    host.with(|entry| ServedSession::forget_wire(entry));
    assert_eq!(say(&mut host, number, ""), 2);
    let (header, _) = host.receive(b"");
    assert_eq!(header, [NEED_MORE, 0, 2, 0]);
}

#[test]
fn a_payload_that_is_sent_as_it_is_needs_no_copy() {
    for (flags, left, wire) in
        [(0, "x", &b"\x82\x01"[..]), (MASKING, "", b"\x82\x81\x01\x01\x01\x01y")]
    {
        let mut host = Host::new(f64::INFINITY, flags);
        let number = host.number;
        host.sessions.with(number, |entry, entropy| {
            assert_eq!(entry.append(Opcode::Binary, b"x", entropy), left.as_bytes());
            assert_eq!(entry.output.wire, wire);
        });
    }
}

#[test]
fn a_broadcast_reaches_those_that_mask_too() {
    let payload = [0; 300];
    let mut host = open();
    let other = host.add(MASKING);
    host.sessions.broadcast(&[host.number, other], Opcode::Binary, &payload);
    host.with(|entry| assert_eq!(entry.output.wire, [&b"\x82\x7e\x01\x2c"[..], &payload].concat()));
    let masked = [&b"\x82\xfe\x01\x2c\x01\x01\x01\x01"[..], &[1; 300]].concat();
    host.sessions.with(other, |entry, _| assert_eq!(entry.output.wire, masked));
}

/// An idle connection holds no more than 4 KiB for its output.
#[test]
fn large_output_memory_is_freed_and_small_is_kept() {
    let mut host = open();
    let number = host.number;
    for (length, kept) in [(100, true), (4096, true), (4097, false)] {
        host.sessions.with(number, |entry, _| {
            entry.output.wire = Vec::with_capacity(length);
            entry.output.wire.push(1);
            let mut target = [0];
            assert_eq!(entry.take_unsent(&mut target), 1);
            assert_eq!((entry.unsent(), target), (0, [1]));
            assert_eq!(entry.output.wire.capacity() > 0, kept, "{length}");
        });
    }
}

#[test]
fn large_scratch_memory_is_freed_once_the_last_payload_was_read() {
    let mut host = open();
    let fragments = |length: u16| {
        let mut bytes = [&b"\x02\x7e"[..], &length.to_be_bytes()].concat();
        bytes.resize(bytes.len() + usize::from(length), 7);
        [bytes.as_slice(), b"\x80\x01\x08"].concat()
    };
    let both = [fragments(3000), fragments(3000)].concat();
    assert_eq!(host.receive(&both).1, [[11, 0, 3001], [11, 3001, 3001]]);
    host.with(|entry| {
        assert_eq!(entry.read_scratch(0, 3001, |bytes| bytes.len()), 3001);
        assert!(entry.output.scratch.len() == 6002);
        assert_eq!(entry.read_scratch(3001, 3001, |bytes| bytes[3000]), 8);
        assert_eq!(entry.output.scratch.capacity(), 0);
    });
    for (capacity, kept) in [(101, 101), (4096, 4096), (4097, 0)] {
        host.with(|entry| {
            entry.output.scratch = Vec::with_capacity(capacity);
            entry.output.scratch.extend([0; 101]);
            entry.read_scratch(0, 101, |_| ());
            assert_eq!(entry.output.scratch.capacity(), kept);
        });
    }
}

#[test]
fn queued_messages_are_framed_in_order_for_the_sessions_that_are_there() {
    let queue = memory(&[3, 0, 1, 2, 7, 1, 1, 0, 2 | 4 << 4, 3], b"abxcde");
    let mut host = Host::over(queue, f64::INFINITY, 0);
    assert_eq!(host.send_queued(), b"\x81\x02ab\xc2\x03cde");
    assert_eq!(host.send_queued().len(), 9);
}

#[test]
fn a_queue_that_says_more_than_there_is_is_read_no_further() {
    let queue = memory(&[9, 0, 1, 1, 0, 1, 50], b"ab");
    assert_eq!(Host::over(queue, f64::INFINITY, 0).send_queued(), b"\x81\x01a");
}

#[test]
fn a_queue_of_less_than_nothing_sends_nothing() {
    let mut host = open();
    for (cell, value) in host.memory.send_queue.iter().zip([-1, host.number as i32, 1, 1]) {
        cell.set(value);
    }
    assert_eq!(host.send_queued(), b"");
    host.memory.send_queue[0].set(1);
    assert_eq!(host.send_queued(), b"\x81\x01a");
    assert_eq!(host.memory.send_queue[0].get(), 0);
}

#[test]
fn limits_by_the_second_go_by_the_clock_of_the_host() {
    let mut host = open();
    SECONDS.set(100.0);
    host.with(|entry| entry.connection.restrict(None, Rates::new(Some(1.0), None)));
    assert_eq!(host.receive(b"\x81\x01a").0[0], NEED_MORE);
    SECONDS.set(101.0);
    assert_eq!(host.receive(b"\x81\x01a").0[0], NEED_MORE);
    assert_eq!(host.receive(b"\x81\x01a").0[0], VERDICT);
}

#[test]
fn flags_of_a_server_say_who_masks() {
    let unmasked = b"\x81\x01a";
    let masked = b"\x81\x81\0\0\0\0a";
    for (flags, chunk, status) in [
        (0, &unmasked[..], NEED_MORE),
        (0, masked, NEED_MORE),
        (REQUIRE_MASKING, unmasked, VERDICT),
        (REQUIRE_MASKING, masked, NEED_MORE),
        (MASKING, unmasked, NEED_MORE),
    ] {
        assert_eq!(Host::new(f64::INFINITY, flags).receive(chunk).0[0], status, "{flags}");
    }
}

/// Lengths are reported in 32 bits with a sign, whatever is allowed.
#[test]
fn the_most_that_a_message_may_have() {
    for (allowed, length, status) in [
        (10.0, 10, NEED_MORE),
        (10.0, 11, VERDICT),
        (f64::INFINITY, i32::MAX as u64, NEED_MORE),
        (f64::INFINITY, 1 << 31, VERDICT),
        (f64::NAN, i32::MAX as u64, NEED_MORE),
        (f64::NAN, 1 << 31, VERDICT),
        (1e300, 1 << 31, VERDICT),
        (-1.0, 1, VERDICT),
        (f64::NEG_INFINITY, 1, VERDICT),
    ] {
        let announced = [&b"\x82\x7f"[..], &u64::to_be_bytes(length)].concat();
        let (header, _) = Host::new(allowed, 0).receive(&announced);
        assert_eq!(header[0], status, "{length} of {allowed}");
    }
}

#[test]
fn versions_by_number_and_as_the_request_asks() {
    let Host { memory, .. } = open();
    for number in 1..=5 {
        let version = connection(&memory, f64::INFINITY, 0, number).version();
        assert_eq!(setup::version_number(version), number);
    }
    let asks = |version, flags| {
        let connection = setup::server(&*memory, head(version), &[], f64::INFINITY, flags, 0);
        setup::version_number(connection.version())
    };
    assert_eq!([asks(Some("13"), 1), asks(Some("8"), 1), asks(Some("7"), 1)], [1, 2, 3]);
    assert_eq!([asks(None, 1), asks(None, 0), asks(Some("8"), 0)], [5, 1, 1]);
}

#[test]
fn a_chunk_is_reported_with_the_places_of_its_payloads() {
    let mut host = open();
    assert_eq!(host.receive(b"\x81\x02hi\x01\x01a"), ([0, 7, 0, 0], vec![[0, 2, 2]]));
    assert_eq!(host.receive(b"\x80\x01b"), ([0, 3, 0, 0], vec![[8, 0, 2]]));
    host.with(|entry| {
        assert_eq!(entry.read_scratch(0, 2, <[u8]>::to_vec), b"ab");
        assert_eq!(entry.read_scratch(1, 9, <[u8]>::to_vec), b"");
    });
}

#[test]
fn output_is_taken_by_whoever_has_as_much_room() {
    let mut host = open();
    let numbers = [host.number, host.add(0)];
    host.sessions.broadcast(&[numbers[0], 9, numbers[1]], Opcode::Text, b"x");
    for number in numbers {
        let mut target = [0; 3];
        let taken = host.sessions.with(number, |entry, _| {
            [entry.take_unsent(&mut []), entry.take_unsent(&mut target), entry.unsent()]
        });
        assert_eq!((taken, &target), (Some([3, 3, 0]), b"\x81\x01x"));
    }
}

#[test]
fn a_frame_is_not_made_in_place_before_output_that_waits() {
    let mut host = open();
    let mut message = [0; 20];
    let starts = host.sessions.with(host.number, |entry, entropy| {
        let first = entry.frame_around(Opcode::Binary, &mut message, entropy);
        entry.output.wire.push(0);
        (first, entry.frame_around(Opcode::Binary, &mut message, entropy))
    });
    assert_eq!(starts, Some((Some(12), None)));
}

#[test]
fn a_number_that_was_given_back_means_nothing() {
    let mut host = open();
    host.sessions.remove(host.number);
    assert!(host.sessions.with(host.number, |_, _| ()).is_none());
    assert_eq!(host.add(0), host.number);
}
