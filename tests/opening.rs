//! A connection's opening handshake from outside, in every version and both roles, and how it ends.

use faye_websocket_rs::proto::connection::{Connection, Options, State};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::handshake::{ClientHandshake, HandshakeError, Version};
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::{CloseCode, Entropy, Event, Output, Progress, Status};

/// RFC 6455 section 1.3.
const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("sec-websocket-version", "13");
/// Keys with the numbers 906,585,445 and 179,922,739 in them.
const KEY1: (&str, &str) = ("sec-websocket-key1", "4 @1  46546xW%0l 1 5");
const KEY2: (&str, &str) = ("sec-websocket-key2", "12998 5 Y3 1  .P00");

const OPTIONS: Options = Options {
    peer_masking: PeerMasking::Either,
    masking: false,
    max_length: 1000,
    max_events: 8,
    max_text: u64::MAX,
    least_landing: u64::MAX,
};

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&[1, 2, 3, 4][..bytes.len()]);
    }
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Request::new(method, "/", "ws://localhost/", headers.collect())
}

/// A server's connection for an upgrade with these headers.
fn server(headers: &[(&str, &str)]) -> Connection {
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
    Connection::server(request("GET", &[&upgrade, headers].concat()), None, true, &[], OPTIONS)
}

/// The same over HTTP/2.
fn http2_server(headers: &[(&str, &str)]) -> Connection {
    let connect = [(":protocol", "websocket")];
    Connection::server(request("CONNECT", &[&connect, headers].concat()), None, true, &[], OPTIONS)
}

/// A client that has sent its request.
fn client(options: Options) -> Connection {
    let handshake = ClientHandshake::new("localhost", "/", &[], None, KEY.1);
    let mut client = Connection::client(handshake, false, options);
    client.start(&Headers::new(), None, &mut Output::default()).expect("a client always starts");
    client
}

fn started(mut server: Connection) -> Connection {
    server.start(&Headers::new(), None, &mut Output::default()).expect("a valid request");
    server
}

fn proposal() -> Proposal {
    Proposal::new(DeflateOptions::default(), ZlibPool::default()).expect("options in range")
}

#[test]
fn what_is_wrong_with_a_request_is_found_before_it_is_answered() {
    for (what, connection, version, expected) in [
        ("RFC 6455", server(&[VERSION, KEY]), Version::Hybi13, None),
        ("no key", server(&[VERSION]), Version::Hybi13, Some(HandshakeError::MissingKey)),
        ("draft 75", server(&[]), Version::Hixie75, None),
        ("draft 76", server(&[KEY1, KEY2]), Version::Hixie76, None),
        (
            "draft 76, a key without a number",
            server(&[KEY1, ("sec-websocket-key2", "none")]),
            Version::Hixie76,
            Some(HandshakeError::InvalidKeys),
        ),
    ] {
        assert_eq!(connection.version(), version, "{what}");
        assert_eq!(connection.check().err(), expected, "{what}");
        // An answer that has been refused beforehand is refused as well.
        let mut connection = connection;
        let mut out = Output::default();
        let answered = connection.start(&Headers::new(), None, &mut out);
        assert_eq!((answered.err(), out.wire.is_empty()), (expected.clone(), expected.is_some()));
    }
    let extensions = server(&[VERSION, KEY, ("sec-websocket-extensions", "a;;")]);
    assert!(matches!(extensions.check(), Err(HandshakeError::Extensions(_))));
}

#[test]
fn what_is_no_upgrade_is_refused_in_every_version() {
    for (version, headers) in [
        (Version::Hybi13, &[VERSION, KEY][..]),
        (Version::Hixie75, &[]),
        (Version::Hixie76, &[KEY1, KEY2]),
    ] {
        let connection = Connection::server(request("GET", headers), None, true, &[], OPTIONS);
        assert_eq!(connection.version(), version);
        assert_eq!(connection.check(), Err(HandshakeError::NotWebSocket));
    }
}

#[test]
fn only_a_client_and_draft_76_wait_for_the_peer() {
    assert!(!server(&[VERSION, KEY]).awaits_peer());
    assert!(!server(&[]).awaits_peer());
    assert!(server(&[KEY1, KEY2]).awaits_peer());
    assert!(client(OPTIONS).awaits_peer());
}

#[test]
fn draft_76_is_open_once_its_body_has_been_signed() {
    let mut server = started(server(&[KEY1, KEY2]));
    let mut out = Output::default();
    let mut input = *b"^n:ds[4U\x00a\xff";
    let progress = server.receive(&mut input, 0, &mut out);
    assert_eq!(progress, Progress { consumed: 8, status: Status::Handshake });
    assert_eq!(out.wire, b"8jKS'y:G*Co,Wxa-");
    server.open();
    server.receive(&mut input, 8, &mut out);
    assert!(matches!(out.events[..], [Event::Text(..)]));
}

#[test]
fn a_clients_handshake_ends_where_the_response_does() {
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mut client = client(OPTIONS);
    // What stands in front of it, as behind a proxy's response, was read before.
    let mut input = format!("before{response}\u{1}").into_bytes();
    let progress = client.receive(&mut input, 6, &mut Output::default());
    let status = Status::Handshake;
    assert_eq!(progress, Progress { consumed: 6 + response.len(), status });
    assert_eq!(client.take_answer().map(|answer| answer.outcome), Some(Ok(None)));
    client.open();
    assert_eq!(client.state(), State::Open);
}

#[test]
fn compression_is_proposed_before_the_handshake_only() {
    let offer = ("sec-websocket-extensions", "permessage-deflate");
    let mut early = server(&[VERSION, KEY, offer]);
    early.propose(proposal());
    assert!(started(early).is_compressed());
    let mut late = server(&[VERSION, KEY, offer]);
    late.propose(proposal());
    let mut late = started(late);
    late.open();
    late.propose(proposal());
    assert!(late.is_compressed());
    // A draft knows no extensions, and goes on as if nothing had been proposed.
    let mut draft = server(&[offer]);
    draft.propose(proposal());
    assert!(!started(draft).is_compressed());
}

#[test]
fn over_http2_the_answer_is_fields() {
    let fields = |headers: Headers| {
        headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    let mut accepted = http2_server(&[VERSION]);
    let answer = accepted.start_http2(&Headers::new(), None).expect("a valid request");
    assert_eq!(fields(answer), [":status: 200"]);
    let mut other = http2_server(&[]);
    assert!(other.start_http2(&Headers::new(), None).is_err());
    let refusal = other.refuse_http2("no");
    assert_eq!(fields(refusal), [":status: 400", "content-type: text/plain", "content-length: 2"]);
    assert_eq!(other.state(), State::Closed);
}

#[test]
fn a_refusal_ends_the_connection() {
    let mut server = server(&[VERSION]);
    let mut out = Output::default();
    server.refuse("no", &mut out);
    assert!(out.wire.starts_with(b"HTTP/1.1 400 ") && out.wire.ends_with(b"\r\n\r\nno"));
    assert_eq!(server.state(), State::Closed);
    let mut late = Output::default();
    server.send_close(CloseCode::NORMAL, b"", &mut Fixed, &mut late);
    assert!(!server.send(Opcode::Text, 0, b"late", &mut Fixed, &mut late));
    assert_eq!(late.wire, []);
}

#[test]
fn drafts_end_each_in_its_own_way() {
    // Draft 76 has a closing handshake of two bytes, if the connection was open; draft 75 has none.
    for (headers, opens, expected) in [
        (&[KEY1, KEY2][..], true, &[0xff, 0x00][..]),
        (&[KEY1, KEY2], false, &[]),
        (&[], true, &[]),
        (&[VERSION, KEY], true, &[]),
    ] {
        let mut server = started(server(headers));
        if opens {
            server.open();
        }
        let mut out = Output::default();
        server.conclude(&mut Fixed, &mut out);
        assert_eq!(out.wire, expected);
        // It ends once.
        server.conclude(&mut Fixed, &mut out);
        assert_eq!(out.wire, expected);
    }
}

#[test]
fn no_draft_has_close_frames() {
    for headers in [&[KEY1, KEY2][..], &[]] {
        let mut server = started(server(headers));
        server.open();
        let mut out = Output::default();
        server.send_close(CloseCode::NORMAL, b"bye", &mut Fixed, &mut out);
        assert_eq!(out.wire, []);
    }
}

#[test]
fn a_clients_frames_are_masked_with_keys_of_the_callers() {
    let mut client = client(Options { masking: true, ..OPTIONS });
    client.open();
    let mut out = Output::default();
    assert!(client.send(Opcode::Binary, 0, &[0, 0, 0, 0, 5], &mut Fixed, &mut out));
    assert_eq!(out.wire, [0x82, 0x85, 1, 2, 3, 4, 1, 2, 3, 4, 5 ^ 1]);
}

/// The header that a message shares with those of other connections, in the states where it may not.
#[test]
fn only_an_open_servers_plain_messages_share_a_header() {
    let header = |connection: &Connection, opcode| {
        connection.plain_header(opcode, 3).map(|header| header.as_bytes().to_vec())
    };
    let mut plain = started(server(&[VERSION, KEY]));
    assert_eq!(header(&plain, Opcode::Text), None);
    plain.open();
    assert_eq!(header(&plain, Opcode::Text), Some(vec![0x81, 3]));
    assert_eq!(header(&plain, Opcode::Ping), None);
    plain.begin_closing();
    assert_eq!(header(&plain, Opcode::Text), None);

    for mut other in
        [started(server(&[])), client(Options { masking: true, ..OPTIONS }), compressed()]
    {
        other.open();
        assert_eq!(header(&other, Opcode::Text), None);
    }
}

fn compressed() -> Connection {
    let mut server = server(&[VERSION, KEY, ("sec-websocket-extensions", "permessage-deflate")]);
    server.propose(proposal());
    started(server)
}

#[test]
fn frames_are_made_where_messages_lie_unless_something_else_has_to_be_done() {
    let framed = |connection: &Connection, opcode| {
        let mut memory = [[0; 14].as_slice(), b"abc"].concat();
        let start = connection.frame_around(opcode, &mut memory, &mut Fixed)?;
        Some(memory[start..].to_vec())
    };
    let mut plain = started(server(&[VERSION, KEY]));
    assert_eq!(framed(&plain, Opcode::Text), None);
    plain.open();
    assert_eq!(framed(&plain, Opcode::Text), Some(b"\x81\x03abc".to_vec()));
    assert_eq!(framed(&plain, Opcode::Ping), None);
    plain.begin_closing();
    assert_eq!(framed(&plain, Opcode::Text), None);
    for mut other in [started(server(&[])), compressed()] {
        other.open();
        assert_eq!(framed(&other, Opcode::Text), None);
    }
}

#[test]
fn only_messages_are_compressed_aside() {
    let mut server = compressed();
    server.open();
    let long = vec![b'a'; 1 << 20];
    assert!(server.take_deflation(Opcode::Ping, long.clone()).is_none());
    assert!(server.take_deflation(Opcode::Continuation, long.clone()).is_none());
    assert!(server.take_deflation(Opcode::Text, long).is_some());
}
