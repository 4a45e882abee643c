//! permessage-deflate on whole connections: what is negotiated, what goes over the wire, what a peer
//! may not do, and work that is done elsewhere.

#[path = "support/random.rs"]
mod random;

use faye_websocket_rs::proto::connection::{Connection, Options, Settlement};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::handshake::ClientHandshake;
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::{CloseCode, Entropy, Event, Output, Status};
use random::Random;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const LIMIT: u64 = 1 << 26;

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x37);
    }
}

fn always() -> DeflateOptions {
    DeflateOptions { threshold: Some(0), ..DeflateOptions::default() }
}

fn options(peer_masking: PeerMasking, masking: bool, max_length: u64) -> Options {
    Options {
        peer_masking,
        masking,
        max_length,
        max_events: 64,
        max_text: u64::MAX,
        least_landing: u64::MAX,
    }
}

fn proposal(options: &DeflateOptions) -> Proposal {
    Proposal::new(options.clone(), ZlibPool::default()).expect("options in range")
}

fn server(offer: &str, deflate: Option<&DeflateOptions>, max_length: u64) -> (Connection, String) {
    server_with(offer, deflate, options(PeerMasking::Either, false, max_length))
}

fn server_with(
    offer: &str,
    deflate: Option<&DeflateOptions>,
    options: Options,
) -> (Connection, String) {
    let mut headers = vec![
        ("connection".to_owned(), "Upgrade".to_owned()),
        ("upgrade".to_owned(), "websocket".to_owned()),
        ("sec-websocket-version".to_owned(), "13".to_owned()),
        ("sec-websocket-key".to_owned(), KEY.to_owned()),
    ];
    if !offer.is_empty() {
        headers.push(("sec-websocket-extensions".to_owned(), offer.to_owned()));
    }
    let request = Request::new("GET", "/", "ws://localhost/", headers);
    let mut server = Connection::server(request, None, true, &[], options);
    if let Some(deflate) = deflate {
        server.propose(proposal(deflate));
    }
    let mut out = Output::default();
    server.start(&Headers::new(), None, &mut out).expect("a valid request");
    server.open();
    (server, String::from_utf8(out.wire).expect("a response in ASCII"))
}

fn compressed_server(max_length: u64) -> Connection {
    server("permessage-deflate", Some(&always()), max_length).0
}

/// A client that has sent its request, which is returned as well.
fn client(deflate: &DeflateOptions) -> (Connection, String) {
    let handshake = ClientHandshake::new("localhost", "/", &[], None, KEY);
    let mut client =
        Connection::client(handshake, false, options(PeerMasking::Forbidden, true, LIMIT));
    client.propose(proposal(deflate));
    let mut out = Output::default();
    client.start(&Headers::new(), None, &mut out).expect("a client always starts");
    (client, String::from_utf8(out.wire).expect("a request in ASCII"))
}

fn extensions(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
}

/// Both ends of a connection between these options, opened over the wire.
fn pair(ours: &DeflateOptions, theirs: &DeflateOptions) -> (Connection, Connection) {
    let (mut client, request) = client(ours);
    let offer = extensions(&request).expect("an offer");
    let (server, response) = server(offer, Some(theirs), LIMIT);
    let failure = answer(&mut client, response);
    assert_eq!(failure, None);
    client.open();
    assert!(client.is_compressed() && server.is_compressed());
    (client, server)
}

/// What the client finds wrong with a response.
fn answer(client: &mut Connection, response: String) -> Option<String> {
    let progress = client.receive(&mut response.into_bytes(), 0, &mut Output::default());
    assert_eq!(progress.status, Status::Handshake);
    client.take_answer().expect("an answer").outcome.err()
}

fn send(connection: &mut Connection, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Output::default();
    assert!(connection.send(opcode, 0, payload, &mut Fixed, &mut out));
    out.wire
}

/// Everything a peer's bytes become, jobs done on the spot: messages, then the failure if any.
fn receive(
    connection: &mut Connection,
    bytes: &[u8],
    step: usize,
) -> (Vec<Vec<u8>>, Option<String>) {
    let mut messages = Vec::new();
    for chunk in bytes.chunks(step.max(1)) {
        let mut chunk = chunk.to_vec();
        let mut out = Output::default();
        let mut at = 0;
        loop {
            let progress = connection.receive(&mut chunk, at, &mut out);
            at = progress.consumed;
            for event in &out.events {
                let (Event::Text(span, _) | Event::Binary(span)) = event else { continue };
                messages.push(span.bytes(&chunk, &out).to_vec());
            }
            out.clear_events();
            match progress.status {
                Status::NeedMore => break,
                Status::Busy => {
                    let mut job = connection.take_inflation().expect("a job");
                    job.run();
                    connection.inflated(*job);
                }
                Status::Verdict => match connection.settle() {
                    Settlement::Fail(error) => {
                        return (messages, Some(format!("{} {error}", error.code().0)));
                    }
                    other => return (messages, Some(format!("{other:?}"))),
                },
                Status::Full | Status::Handshake | Status::Landing => {}
            }
        }
    }
    (messages, None)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8], payload].concat()
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn off_unless_both_sides_want_it() {
    let (connection, response) = server("permessage-deflate", None, LIMIT);
    assert_eq!(extensions(&response), None);
    assert!(!connection.is_compressed());

    let (connection, response) = server("", Some(&always()), LIMIT);
    assert_eq!(extensions(&response), None);
    assert!(!connection.is_compressed());
    let (messages, failure) = receive(&mut { connection }, &frame(0xc1, &HELLO), 100);
    assert_eq!(messages, [b""; 0]);
    let text = "1002 One or more reserved bits are on: reserved1 = 1, reserved2 = 0, reserved3 = 0";
    assert_eq!(failure.as_deref(), Some(text));
}

#[test]
fn a_client_fails_the_handshake_over_an_answer_it_cannot_take() {
    for (header, text) in [
        ("permessage-deflate; server_max_window_bits=16", "Server sent unacceptable extension"),
        ("x-other", "Server sent an extension response for unknown extension \"x-other\""),
        (";", "Invalid Sec-WebSocket-Extensions header: ;"),
    ] {
        let (mut client, _) = client(&always());
        let (_, response) = server("", None, LIMIT);
        let field = format!("\r\nSec-WebSocket-Extensions: {header}\r\n\r\n");
        let failure = answer(&mut client, response.replace("\r\n\r\n", &field)).expect(header);
        assert!(failure.starts_with(text), "{failure}");
        assert!(!client.is_compressed());
    }
}

#[test]
fn a_server_that_declines_leaves_a_plain_connection() {
    let (mut client, _) = client(&always());
    let (_, response) = server("", None, LIMIT);
    assert_eq!(answer(&mut client, response), None);
    client.open();
    assert!(!client.is_compressed());
    assert_eq!(send(&mut client, Opcode::Text, b"Hello")[0], 0x81);
}

#[test]
fn the_wire_is_that_of_the_original() {
    let mut server = compressed_server(LIMIT);
    let wire = send(&mut server, Opcode::Text, b"hello hello hello hello");
    let expected = [0xc1, 0x0b, 0xca, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01, 0x00];
    assert_eq!(wire, expected);
    assert_eq!(send(&mut server, Opcode::Ping, b"hello"), frame(0x89, b"hello"));
}

#[test]
fn messages_go_both_ways_under_every_agreement() {
    let mut random = Random(7);
    for flags in 0..4 {
        for bits in [None, Some(8), Some(12)] {
            let options = DeflateOptions {
                no_context_takeover: flags & 1 != 0,
                request_no_context_takeover: flags & 2 != 0,
                max_window_bits: bits,
                request_max_window_bits: bits,
                ..always()
            };
            let (mut client, mut server) = pair(&options, &always());
            for length in [0, 1, 100, 5000, 100_000] {
                let text = random.text(length);
                let wire = send(&mut client, Opcode::Text, &text);
                assert_eq!(receive(&mut server, &wire, 999), (vec![text.clone()], None));
                let wire = send(&mut server, Opcode::Binary, &text);
                assert_eq!(receive(&mut client, &wire, 1 << 20), (vec![text], None));
            }
        }
    }
}

#[test]
fn short_messages_may_stay_as_they_are() {
    let options = DeflateOptions { threshold: Some(6), ..always() };
    let (mut server, _) = server("permessage-deflate", Some(&options), LIMIT);
    assert_eq!(send(&mut server, Opcode::Text, b"Hello"), frame(0x81, b"Hello"));
    assert_eq!(send(&mut server, Opcode::Text, b"Hello!")[0], 0xc1);
}

#[test]
fn fragments_with_control_frames_and_plain_messages_between() {
    let bytes = [
        frame(0x41, &HELLO[..3]),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x80, &HELLO[3..]),
        frame(0x81, b"plain"),
        frame(0x01, b"pl"),
        frame(0x80, b"ain"),
        frame(0xc2, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
        frame(0xc1, &[0]),
        frame(0xc1, b""),
    ]
    .concat();
    for step in 1..=bytes.len() {
        let (messages, failure) = receive(&mut compressed_server(LIMIT), &bytes, step);
        assert_eq!(failure, None);
        let expected: [&[u8]; 6] = [b"Hello", b"plain", b"plain", b"Hello", b"", b""];
        assert_eq!(messages, expected, "step {step}");
    }
}

#[test]
fn rsv1_belongs_on_the_first_frame_of_a_message_only() {
    let bits = |rsv: &str| Some(format!("1002 One or more reserved bits are on: {rsv}"));
    let first = "reserved1 = 1, reserved2 = 0, reserved3 = 0";
    let second = "reserved1 = 1, reserved2 = 1, reserved3 = 0";
    for (bytes, expected) in [
        ([frame(0x41, &HELLO[..3]), frame(0xc0, &HELLO[3..])].concat(), bits(first)),
        (frame(0xc9, b"ping"), bits(first)),
        (frame(0xc8, b""), bits(first)),
        (frame(0xe1, &HELLO), bits(second)),
    ] {
        assert_eq!(receive(&mut compressed_server(LIMIT), &bytes, 100), (vec![], expected));
    }
}

#[test]
fn bad_data_and_bad_text_fail_in_the_originals_words() {
    let mut server = compressed_server(LIMIT);
    let (_, failure) = receive(&mut server, &frame(0xc1, &[0x06, 0x00]), 100);
    assert_eq!(failure.as_deref(), Some("1010 permessage-deflate: invalid block type"));

    for split in [false, true] {
        let wire = send(&mut compressed_server(LIMIT), Opcode::Text, b"caf\xc3");
        let payload = &wire[2..];
        let bytes = if split {
            [frame(0x41, &payload[..2]), frame(0x80, &payload[2..])].concat()
        } else {
            frame(0xc1, payload)
        };
        let (_, failure) = receive(&mut compressed_server(LIMIT), &bytes, 100);
        assert_eq!(failure.as_deref(), Some("1007 Could not decode a text frame as UTF-8"));
    }
}

#[test]
fn a_message_is_too_large_by_its_inflated_size() {
    let zeros = vec![0; 1_000_000];
    let wire = send(&mut compressed_server(LIMIT), Opcode::Binary, &zeros);
    assert!(wire.len() < 2000);
    let (messages, failure) = receive(&mut compressed_server(1_000_000), &wire, 1 << 20);
    assert_eq!((messages.len(), failure), (1, None));
    let too_large = Some("1009 WebSocket frame length too large".to_owned());
    for step in [10, 1 << 20] {
        let outcome = receive(&mut compressed_server(999_999), &wire, step);
        assert_eq!(outcome, (vec![], too_large.clone()));
    }
}

/// Blocks that hold nothing: what is inflated says nothing of what was sent.
#[test]
fn a_message_is_too_large_by_what_was_sent_of_it() {
    let nothing = [0x00, 0x00, 0x00, 0xff, 0xff];
    let begun = [frame(0x42, &nothing), frame(0x00, &nothing)].concat();
    let end = frame(0x80, &[0x00]);
    let fits = [begun.clone(), end.clone()].concat();
    assert_eq!(receive(&mut compressed_server(11), &fits, 100), (vec![vec![]], None));
    let beyond = [begun, frame(0x00, b""), frame(0x80, &nothing)].concat();
    let failure = Some("1009 WebSocket frame length too large".to_owned());
    assert_eq!(receive(&mut compressed_server(11), &beyond, 100), (vec![], failure));
}

#[test]
fn a_compressed_text_is_too_large_by_the_limit_on_text() {
    let options = Options { max_text: 1000, ..options(PeerMasking::Either, false, 5000) };
    for (opcode, failure) in [
        (Opcode::Binary, None),
        (Opcode::Text, Some("1009 WebSocket frame length too large".to_owned())),
    ] {
        let (mut client, _) = pair(&always(), &always());
        let (mut server, _) = server_with("permessage-deflate", Some(&always()), options);
        let wire = send(&mut client, opcode, &[b'a'; 1001]);
        assert_eq!(receive(&mut server, &wire, wire.len()).1, failure);
    }
}

#[test]
fn long_messages_are_left_to_jobs_and_keep_their_place() {
    let (mut client, mut server) = pair(&always(), &always());
    let text = Random(3).text(10 << 20);
    let mut wire = send(&mut client, Opcode::Text, &text);
    wire.extend(send(&mut client, Opcode::Text, b"after"));

    let mut out = Output::default();
    let progress = server.receive(&mut wire.clone(), 0, &mut out);
    assert_eq!(progress.status, Status::Busy);
    assert!(out.events.is_empty());
    // No job, no progress.
    let mut job = server.take_inflation().expect("a job");
    assert!(server.take_inflation().is_none());
    let from = progress.consumed;
    assert_eq!(server.receive(&mut wire.clone(), from, &mut out).status, Status::Busy);
    std::thread::spawn(move || {
        job.run();
        server.inflated(*job);
        // The rest of the chunk is still masked as it came.
        let (messages, failure) = receive(&mut server, &wire[from..], 1 << 30);
        assert_eq!(failure, None);
        assert_eq!(messages, [text, b"after".to_vec()]);
    })
    .join()
    .expect("the messages in order");
}

/// How many of the messages in one chunk are inflated where they come, and how it ends.
fn inflated_in_place(server: &mut Connection, chunk: &[u8]) -> (usize, Status) {
    let mut chunk = chunk.to_vec();
    let mut out = Output::default();
    let (mut at, mut count) = (0, 0);
    loop {
        let progress = server.receive(&mut chunk, at, &mut out);
        at = progress.consumed;
        count += out.events.len();
        out.clear_events();
        if progress.status != Status::Full {
            return (count, progress.status);
        }
    }
}

#[test]
fn a_chunk_costs_no_more_than_inflating_2_mib_where_it_comes() {
    let mut peer = compressed_server(LIMIT);
    let mut message = |length| send(&mut peer, Opcode::Binary, &vec![0; length]);
    let mut server = compressed_server(LIMIT);
    // Each chunk anew.
    for _ in 0..3 {
        let outcome = inflated_in_place(&mut server, &message(1 << 20));
        assert_eq!(outcome, (1, Status::NeedMore));
    }
    assert_eq!(inflated_in_place(&mut server, &message(3 << 20)), (0, Status::Busy));
    // All that a chunk holds together.
    let mut peer = compressed_server(LIMIT);
    let thrice = (0..3).flat_map(|_| send(&mut peer, Opcode::Binary, &vec![0; 1 << 20]));
    let thrice: Vec<u8> = thrice.collect();
    let outcome = inflated_in_place(&mut compressed_server(LIMIT), &thrice);
    assert_eq!(outcome, (1, Status::Busy));
    // And no byte twice, where a message comes in fragments.
    let wire = send(&mut compressed_server(LIMIT), Opcode::Binary, &vec![0; 1 << 20]);
    let payload: Vec<&[u8]> = wire[4..].chunks(100).collect();
    let mut fragments = frame(0x42, payload[0]);
    payload[1..].iter().for_each(|part| fragments.extend(frame(0x00, part)));
    fragments.extend(frame(0x80, b""));
    let outcome = inflated_in_place(&mut compressed_server(LIMIT), &fragments);
    assert_eq!(outcome, (1, Status::NeedMore));
    // However short, each is charged for the inflater that it needs: 512 of 4 KiB.
    let short = frame(0xc1, &[0]).repeat(1000);
    let (count, status) = inflated_in_place(&mut compressed_server(LIMIT), &short);
    assert_eq!(status, Status::Busy);
    assert!((400..600).contains(&count), "{count}");
}

#[test]
fn only_plain_messages_are_left_to_the_caller_to_join() {
    let options = Options { least_landing: 100, ..options(PeerMasking::Either, false, LIMIT) };
    let (mut compressing, _) = server_with("permessage-deflate", Some(&always()), options);
    let (mut outside, _) = server_with("", None, options);
    outside.decode_outside(4);
    let noise = Random(9).bytes(3000);
    let compressed = send(&mut compressed_server(LIMIT), Opcode::Binary, &noise);
    let plain = send(&mut server("", None, LIMIT).0, Opcode::Binary, &noise);
    for (server, wire, lands) in [
        (&mut compressing, &compressed, false),
        (&mut outside, &compressed, false),
        (&mut server_with("permessage-deflate", Some(&always()), options).0, &plain, true),
    ] {
        let status = server.receive(&mut wire.clone()[..1000], 0, &mut Output::default()).status;
        assert_eq!(status, if lands { Status::Landing } else { Status::NeedMore });
        assert_eq!(server.landing().is_some(), lands);
    }
}

#[test]
fn a_job_may_end_in_the_middle_of_a_message() {
    let zeros = vec![0; 5 << 20];
    let wire = send(&mut compressed_server(LIMIT), Opcode::Binary, &zeros);
    let mut fragments = frame(0x42, b"");
    wire[4..].chunks(100).for_each(|part| fragments.extend(frame(0x00, part)));
    fragments.extend(frame(0x80, b""));
    let mut server = compressed_server(LIMIT);
    assert_eq!(inflated_in_place(&mut server, &fragments), (0, Status::Busy));
    for step in [500, fragments.len()] {
        let (heard, failure) = receive(&mut compressed_server(LIMIT), &fragments, step);
        assert_eq!(failure, None);
        assert!(heard == [zeros.clone()], "step {step}");
    }
}

#[test]
fn a_job_of_another_connection_changes_nothing() {
    let zeros = vec![0; 8 << 20];
    let wire = send(&mut compressed_server(LIMIT), Opcode::Binary, &zeros);
    let busy = || {
        let mut server = compressed_server(LIMIT);
        let status = server.receive(&mut wire.clone(), 0, &mut Output::default()).status;
        assert_eq!(status, Status::Busy);
        server
    };
    let (mut one, mut other) = (busy(), busy());
    let (first, second) = (one.take_inflation(), other.take_inflation());
    let (mut first, second) = (first.expect("a job"), second.expect("a job"));
    first.run();
    one.inflated(*second);
    assert_eq!(one.receive(&mut [], 0, &mut Output::default()).status, Status::Busy);
    one.inflated(*first);
    assert_eq!(receive(&mut one, &frame(0x81, b"after"), 100).0, [zeros, b"after".to_vec()]);
}

#[test]
fn closing_while_a_job_is_out_drops_the_message() {
    let zeros = vec![0; 8 << 20];
    let wire = send(&mut compressed_server(LIMIT), Opcode::Binary, &zeros);
    let mut server = compressed_server(LIMIT);
    server.receive(&mut wire.clone(), 0, &mut Output::default());
    let mut job = server.take_inflation().expect("a job");
    server.begin_closing();
    job.run();
    server.inflated(*job);
    let mut out = Output::default();
    let progress = server.receive(&mut frame(0x88, &[0x0b, 0xb8]), 0, &mut out);
    assert_eq!((progress.status, out.events.len()), (Status::Verdict, 0));
    assert_eq!(server.settle(), Settlement::Close(Some((CloseCode(3000), String::new()))));
}

#[test]
fn a_message_compressed_elsewhere_is_the_same_on_the_wire() {
    let text = Random(5).text(300_000);
    let (mut here, mut there) = (compressed_server(LIMIT), compressed_server(LIMIT));
    let mut out = Output::default();
    let mut job = there.take_deflation(Opcode::Text, text.clone()).expect("a job");
    assert!(there.take_deflation(Opcode::Text, text.clone()).is_none());
    // What is sent meanwhile need not be compressed.
    assert_eq!(send(&mut there, Opcode::Text, b"now"), frame(0x81, b"now"));
    job.run();
    there.deflated(job, &mut Fixed, &mut out);
    assert_eq!(out.wire, send(&mut here, Opcode::Text, &text));
    assert_eq!(send(&mut there, Opcode::Text, b"x"), send(&mut here, Opcode::Text, b"x"));
}

#[test]
fn a_message_that_another_connection_has_compressed_is_not_sent() {
    let text = Random(6).text(3000);
    let (mut one, mut other) = (compressed_server(LIMIT), compressed_server(LIMIT));
    let job = |server: &mut Connection| {
        let mut job = server.take_deflation(Opcode::Text, text.clone()).expect("a job");
        job.run();
        job
    };
    let (own, strange) = (job(&mut one), job(&mut other));
    let mut out = Output::default();
    one.deflated(strange, &mut Fixed, &mut out);
    assert_eq!(out.wire, b"");
    // Its own is still away.
    assert!(one.take_deflation(Opcode::Text, text.clone()).is_none());
    one.deflated(own, &mut Fixed, &mut out);
    let (heard, failure) = receive(&mut compressed_server(LIMIT), &out.wire, 100);
    assert_eq!((heard, failure), (vec![text.clone()], None));
    // With none away there is none to take back.
    let strange = job(&mut compressed_server(LIMIT));
    one.deflated(strange, &mut Fixed, &mut out);
    assert!(one.take_deflation(Opcode::Text, text.clone()).is_some());
}
