//! A connection from outside: what may be sent when, and messages decoded by an application's plug-ins.

use faye_websocket_rs::proto::connection::{Options, Settlement, State};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::handshake::Version;
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::{
    CloseCode, Connection, Entropy, Event, Output, ProtocolError, Rates, Span, Status,
};

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

const OPTIONS: Options = Options {
    peer_masking: PeerMasking::Either,
    masking: false,
    max_length: 20,
    max_events: 8,
    max_text: u64::MAX,
    least_landing: u64::MAX,
};

/// A server's connection that is open, for messages of up to 20 bytes.
fn server() -> Connection {
    server_with(OPTIONS)
}

fn server_with(options: Options) -> Connection {
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = Request::new("GET", "/", "ws://localhost/", headers.to_vec());
    let mut server = Connection::server(request, None, true, &[], options);
    server.start(&Headers::new(), None, &mut Output::default()).expect("a valid request");
    server.open();
    server
}

/// A server's connection of draft 75 that is open.
fn draft() -> Connection {
    let headers = [("connection", "Upgrade"), ("upgrade", "WebSocket")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = Request::new("GET", "/", "ws://localhost/", headers.to_vec());
    let mut server = Connection::server(request, None, true, &[], OPTIONS);
    server.start(&Headers::new(), None, &mut Output::default()).expect("a valid request");
    server.open();
    server
}

/// The frame a send makes, `None` where it is refused.
fn sent(connection: &mut Connection, opcode: Opcode, payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Output::default();
    let is_sent = connection.send(opcode, 0, payload, &mut Fixed, &mut out);
    assert_eq!(is_sent, !out.wire.is_empty());
    is_sent.then_some(out.wire)
}

/// The same of a fragment.
fn fragment(connection: &mut Connection, opcode: Opcode, last: bool) -> Option<Vec<u8>> {
    let mut out = Output::default();
    let is_sent = connection.send_fragment(opcode, last, b"f", &mut Fixed, &mut out);
    assert_eq!(is_sent, !out.wire.is_empty());
    is_sent.then_some(out.wire)
}

fn say_goodbye(connection: &mut Connection) {
    let mut out = Output::default();
    connection.begin_closing();
    connection.send_close(CloseCode::NORMAL, b"", &mut Fixed, &mut out);
    assert_eq!(out.wire, [0x88, 2, 0x03, 0xe8]);
}

#[test]
fn no_control_frame_has_more_than_125_bytes() {
    let mut server = server();
    for opcode in [Opcode::Ping, Opcode::Pong] {
        assert_eq!(sent(&mut server, opcode, &[1; 125]).map(|frame| frame.len()), Some(127));
        assert_eq!(sent(&mut server, opcode, &[1; 126]), None);
    }
    assert!(sent(&mut server, Opcode::Binary, &[1; 126]).is_some());
    assert!(sent(&mut server, Opcode::Continuation, &[1; 126]).is_some());
    // The answer to an over-long ping that came while closing.
    server.begin_closing();
    assert!(sent(&mut server, Opcode::Pong, &[1; 126]).is_some());
    assert_eq!(sent(&mut server, Opcode::Ping, &[1; 126]), None);
}

#[test]
fn no_message_follows_our_close_frame_but_control_frames_do() {
    let mut server = server();
    server.begin_closing();
    // What was inside an extension when the application said goodbye.
    assert!(sent(&mut server, Opcode::Text, b"late").is_some());
    say_goodbye(&mut server);
    for opcode in [Opcode::Text, Opcode::Binary, Opcode::Continuation] {
        assert_eq!(sent(&mut server, opcode, b"too late"), None);
    }
    assert_eq!(sent(&mut server, Opcode::Pong, b"p"), Some(vec![0x8a, 1, b'p']));
    server.conclude(&mut Fixed, &mut Output::default());
    assert_eq!(sent(&mut server, Opcode::Pong, b"p"), None);
}

#[test]
fn drafts_send_text_and_nothing_else() {
    let mut server = draft();
    assert_eq!(sent(&mut server, Opcode::Text, b"a"), Some(vec![0x00, b'a', 0xff]));
    for opcode in [Opcode::Binary, Opcode::Continuation, Opcode::Ping, Opcode::Pong] {
        assert_eq!(sent(&mut server, opcode, b"a"), None);
    }
    assert_eq!(fragment(&mut server, Opcode::Text, true), None);
}

#[test]
fn fragments_are_sent_as_messages_are() {
    let mut server = server();
    assert_eq!(fragment(&mut server, Opcode::Text, false), Some(vec![0x01, 1, b'f']));
    assert_eq!(fragment(&mut server, Opcode::Continuation, false), Some(vec![0x00, 1, b'f']));
    assert_eq!(fragment(&mut server, Opcode::Ping, true), None);
    assert_eq!(fragment(&mut server, Opcode::Continuation, true), Some(vec![0x80, 1, b'f']));
    say_goodbye(&mut server);
    assert_eq!(fragment(&mut server, Opcode::Binary, true), None);
}

#[test]
fn longer_messages_are_streamed_where_that_is_asked_for() {
    let mut server = server();
    server.stream_above(3);
    let mut out = Output::default();
    server.receive(&mut [0x82, 3, 1, 2, 3, 0x82, 4, 1, 2, 3, 4], 0, &mut out);
    let [Event::Binary(_), Event::Part { first: true, last: true, .. }] = out.events[..] else {
        panic!("{:?}", out.events);
    };
}

#[test]
fn what_has_landed_can_be_given_back() {
    let mut server = server_with(Options { least_landing: 6, ..OPTIONS });
    let mut out = Output::default();
    assert_eq!(server.receive(&mut [0x82, 6, 1, 2], 0, &mut out).status, Status::Landing);
    server.landed(&mut [1, 2, 3, 0, 0, 0], 1, &mut out);
    server.cancel_landing(&[1, 2, 3]);
    server.receive(&mut [4, 5, 6], 0, &mut out);
    assert_eq!(out.events, [Event::Binary(Span::scratch(0, 6))]);
    assert_eq!(out.scratch, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_violation_that_we_have_closed_upon_changes_nothing() {
    let mut server = server();
    server.fail(ProtocolError::TooLarge);
    say_goodbye(&mut server);
    assert_eq!(server.settle(), Settlement::PassedOver);
    let mut out = Output::default();
    server.conclude(&mut Fixed, &mut out);
    assert_eq!(out.wire, []);
}

#[test]
fn a_decoded_message_has_the_limit_and_the_encoding_of_every_message() {
    for (opcode, payload, failure) in [
        (Opcode::Text, &[b'a'; 20][..], None),
        (Opcode::Binary, &[0xff; 20], None),
        (Opcode::Text, &[b'a'; 21], Some((1009, "WebSocket frame length too large"))),
        (Opcode::Binary, &[0; 21], Some((1009, "WebSocket frame length too large"))),
        (Opcode::Text, b"\xff", Some((1007, "Could not decode a text frame as UTF-8"))),
        (Opcode::Text, "é".as_bytes(), None),
    ] {
        let mut server = server();
        server.decode_outside(4);
        assert_eq!(server.check_decoded(opcode, payload), failure.is_none());
        let settled = match server.settle() {
            Settlement::Fail(error) => Some((error.code().0, error.to_string())),
            Settlement::PassedOver => None,
            Settlement::Close(closing) => panic!("closed with {closing:?}"),
        };
        assert_eq!(settled, failure.map(|(code, text)| (code, text.to_owned())));
    }
}

#[test]
fn a_decoded_text_may_have_a_limit_of_its_own() {
    for (opcode, length, is_taken) in
        [(Opcode::Text, 7, true), (Opcode::Text, 8, false), (Opcode::Binary, 20, true)]
    {
        let mut server = server_with(Options { max_text: 7, ..OPTIONS });
        server.decode_outside(4);
        assert_eq!(server.check_decoded(opcode, &vec![b'a'; length]), is_taken);
    }
}

#[test]
fn what_an_extension_finds_fails_the_connection() {
    let mut server = server();
    let error = ProtocolError::Extension(CloseCode::EXTENSION_ERROR, "x: y".to_owned());
    server.fail(error.clone());
    assert_eq!(outcome(&mut server, &[0x81, 1, b'a']), (0, Some(Settlement::Fail(error))));
    assert_eq!(outcome(&mut server, &[0x81, 1, b'a']), (0, None));
    let mut out = Output::default();
    server.conclude(&mut Fixed, &mut out);
    assert_eq!(out.wire, [&[0x88, 6, 0x03, 0xf2][..], b"x: y"].concat());
}

#[test]
fn a_message_decoded_after_we_have_closed_fails_nothing() {
    let mut server = server();
    server.decode_outside(4);
    say_goodbye(&mut server);
    assert!(!server.check_decoded(Opcode::Text, b"\xff"));
    assert_eq!(server.settle(), Settlement::PassedOver);
    assert_eq!(server.state(), State::Closing);
}

#[test]
fn encoded_messages_are_not_judged_before_they_are_decoded() {
    let mut server = server();
    server.decode_outside(4);
    let mut out = Output::default();
    let mut input = [0xc1, 1, 0xff, 0x91, 0];
    let progress = server.receive(&mut input, 0, &mut out);
    assert!(matches!(out.events[..], [Event::Encoded { opcode: 1, rsv: 4, .. }]));
    // RSV3 is nobody's.
    assert_eq!(progress.status, Status::Verdict);
}

#[test]
fn drafts_before_hybi_know_neither_subprotocols_nor_compression() {
    for (version, header, knows) in [
        (Version::Hybi13, ("sec-websocket-version", "13"), true),
        (Version::Hybi8, ("sec-websocket-version", "8"), true),
        (Version::Hixie76, ("sec-websocket-key1", "1 2"), false),
        (Version::Hixie75, ("host", "h"), false),
    ] {
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", if knows { "dGhlIHNhbXBsZSBub25jZQ==" } else { "" }),
            ("sec-websocket-key2", "1 2"),
            ("sec-websocket-protocol", "chat"),
            ("sec-websocket-extensions", "permessage-deflate"),
            header,
        ];
        let skipped = if version == Version::Hixie75 { "sec-websocket-key2" } else { "" };
        let headers = headers.iter().filter(|(name, _)| *name != skipped);
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = Request::new("GET", "/", "ws://localhost/", headers.collect());
        let mut server = Connection::server(request, None, true, &["chat".to_owned()], OPTIONS);
        assert_eq!(server.version(), version);
        let proposal = Proposal::new(DeflateOptions::default(), ZlibPool::default());
        server.propose(proposal.expect("options in range"));
        server.start(&Headers::new(), None, &mut Output::default()).expect("a valid request");
        assert_eq!(server.protocol(), knows.then_some("chat"));
        assert_eq!(server.is_compressed(), knows);
    }
}

/// What one chunk comes to: the number of messages, and what the connection makes of the stop if it
/// stops there.
fn outcome(connection: &mut Connection, chunk: &[u8]) -> (usize, Option<Settlement>) {
    let mut out = Output::default();
    let progress = connection.receive(&mut chunk.to_vec(), 0, &mut out);
    let settlement = (progress.status == Status::Verdict).then(|| connection.settle());
    (out.events.len(), settlement)
}

#[test]
fn fragments_are_limited_as_the_application_wants() {
    let fragments =
        |count: usize| [&[0x01, 0][..], &[0x00, 0].repeat(count - 2), &[0x80, 0]].concat();
    let mut server = server();
    assert_eq!(outcome(&mut server, &fragments(100)), (1, None));
    server.restrict(Some(3), None);
    assert_eq!(outcome(&mut server, &fragments(3)), (1, None));
    let failure = Settlement::Fail(ProtocolError::TooManyFragments);
    assert_eq!(outcome(&mut server, &fragments(4)), (0, Some(failure)));
}

#[test]
fn messages_and_pings_are_limited_by_the_second() {
    let (text, ping) = ([0x81, 1, b'a'], [0x89, 0]);
    let mut server = server();
    server.restrict(None, Rates::new(Some(2.0), Some(1.0)));
    for second in 0..3 {
        server.rates().expect("limits").set_time(f64::from(second));
        let chunk = [text.repeat(2), ping.to_vec()].concat();
        assert_eq!(outcome(&mut server, &chunk), (3, None));
    }
    // Pongs are free for as many pings as were sent.
    let mut out = Output::default();
    assert!(server.send(Opcode::Ping, 0, b"", &mut Fixed, &mut out));
    assert_eq!(outcome(&mut server, &[0x8a, 0]), (1, None));
    let failure = Settlement::Fail(ProtocolError::TooManyPings);
    assert_eq!(outcome(&mut server, &[0x8a, 0]), (0, Some(failure)));
}

#[test]
fn texts_of_drafts_are_limited_by_the_second() {
    let mut server = draft();
    assert!(server.rates().is_none());
    server.restrict(Some(1), Rates::new(Some(2.0), None));
    let text = [0x00, b'a', 0xff];
    assert_eq!(outcome(&mut server, &text.repeat(2)), (2, None));
    server.rates().expect("limits").set_time(1.0);
    assert_eq!(outcome(&mut server, &text.repeat(2)), (2, None));
    assert_eq!(outcome(&mut server, &text), (0, Some(Settlement::Close(None))));
}
