//! Long messages that are handed on while they arrive: the same bytes as of those that are handed on whole.

use faye_websocket_rs::proto::hybi::{PeerMasking, Receiver, ReceiverOptions, Verdict};
use faye_websocket_rs::proto::{Event, Output, ProtocolError, Span, Status};

const ABOVE: u64 = 10;
const MOST_EVENTS: usize = 3;

#[derive(Debug, PartialEq)]
enum Heard {
    Whole(u8, Vec<u8>),
    /// A streamed message: its opcode and bytes, and whether it is complete.
    Streamed(u8, Vec<u8>, bool),
    Ping(Vec<u8>),
}

fn receiver(max_length: u64) -> Receiver {
    let mut receiver = Receiver::new(ReceiverOptions {
        masking: PeerMasking::Either,
        max_length,
        // Nothing of this length is made a string of.
        max_text: 50,
        max_events: MOST_EVENTS,
        least_landing: 15,
    });
    receiver.stream_above(ABOVE);
    receiver
}

/// One frame without a mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![first, 126];
    wire.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    wire.extend_from_slice(payload);
    wire
}

/// Takes one event up, joining the parts of a message.
fn take(heard: &mut Vec<Heard>, event: &Event, input: &[u8], out: &Output) {
    match event {
        Event::Text(span, _) => heard.push(Heard::Whole(1, span.bytes(input, out).to_vec())),
        Event::Binary(span) => heard.push(Heard::Whole(2, span.bytes(input, out).to_vec())),
        Event::Ping(span) => heard.push(Heard::Ping(span.bytes(input, out).to_vec())),
        Event::Part { span, opcode, first, last } => {
            if *first {
                heard.push(Heard::Streamed(*opcode, Vec::new(), false));
            }
            let open = heard.iter_mut().rev().find_map(|each| match each {
                Heard::Streamed(of, bytes, complete) if !*complete => Some((of, bytes, complete)),
                _ => None,
            });
            let (of, bytes, complete) = open.expect("a first part before the others");
            assert_eq!(of, opcode);
            bytes.extend_from_slice(span.bytes(input, out));
            *complete = *last;
        }
        other => unreachable!("{other:?}"),
    }
}

fn play(max_length: u64, pieces: &[&[u8]]) -> (Vec<Heard>, Option<Verdict>) {
    let mut receiver = receiver(max_length);
    let mut heard = Vec::new();
    for piece in pieces {
        let mut input = piece.to_vec();
        let mut out = Output::default();
        let mut from = 0;
        loop {
            let progress = receiver.receive(&mut input, from, &mut out);
            assert!(out.events.len() <= MOST_EVENTS);
            for event in &out.events {
                take(&mut heard, event, &input, &out);
            }
            out.clear_events();
            from = progress.consumed;
            match progress.status {
                Status::Full => {}
                Status::NeedMore => break,
                Status::Verdict => return (heard, receiver.take_verdict()),
                status => unreachable!("{status:?}"),
            }
        }
    }
    (heard, None)
}

/// Plays it whole, byte by byte, and cut at every place: all must agree.
fn heard(max_length: u64, wire: &[u8]) -> (Vec<Heard>, Option<Verdict>) {
    let whole = play(max_length, &[wire]);
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(play(max_length, &bytes), whole);
    for cut in 0..wire.len() {
        assert_eq!(play(max_length, &[&wire[..cut], &wire[cut..]]), whole, "cut at {cut}");
    }
    whole
}

fn streamed(opcode: u8, payload: &[u8]) -> Heard {
    Heard::Streamed(opcode, payload.to_vec(), true)
}

#[test]
fn only_longer_messages_are_streamed() {
    let wire = [frame(0x82, &[7; 10]), frame(0x82, &[8; 11]), frame(0x81, b"short")].concat();
    let expected =
        vec![Heard::Whole(2, vec![7; 10]), streamed(2, &[8; 11]), Heard::Whole(1, b"short".into())];
    assert_eq!(heard(1000, &wire), (expected, None));
}

#[test]
fn fragments_are_streamed_once_they_are_longer() {
    let text = "äöü€𝄞 and so on".repeat(3);
    let bytes = text.as_bytes();
    // Cut within characters.
    let wire = [
        frame(0x01, &bytes[..7]),
        frame(0x89, b"ping"),
        frame(0x00, &bytes[7..30]),
        frame(0x00, b""),
        frame(0x80, &bytes[30..]),
        frame(0x02, &[1; 4]),
        frame(0x80, &[2; 4]),
    ]
    .concat();
    let expected = vec![
        Heard::Ping(b"ping".into()),
        streamed(1, bytes),
        Heard::Whole(2, [[1; 4], [2; 4]].concat()),
    ];
    assert_eq!(heard(1000, &wire), (expected, None));
}

#[test]
fn an_empty_last_fragment_completes_a_message() {
    let wire = [frame(0x02, &[3; 20]), frame(0x80, b""), frame(0x82, b"x")].concat();
    let expected = vec![streamed(2, &[3; 20]), Heard::Whole(2, b"x".into())];
    assert_eq!(heard(1000, &wire), (expected, None));
}

/// Extensions outside the core get a message whole; one that arrives whole is not copied for them.
#[test]
fn what_is_decoded_outside_the_core_is_not_streamed() {
    let mut receiver = receiver(1000);
    receiver.decode_outside(4);
    let mut out = Output::default();
    let mut wire = [frame(0xc2, &[1; 30]), frame(0x42, &[2; 30]), frame(0x80, &[3; 30])].concat();
    receiver.receive(&mut wire, 0, &mut out);
    let encoded = |span| Event::Encoded { span, opcode: 2, rsv: 4 };
    assert_eq!(out.events, [encoded(Span::input(4, 30)), encoded(Span::scratch(0, 60))]);
    assert_eq!(out.scratch, [[2; 30], [3; 30]].concat());
}

#[test]
fn texts_longer_than_any_string_are_streamed() {
    let text = "x".repeat(200);
    assert_eq!(
        heard(1000, &frame(0x81, text.as_bytes())),
        (vec![streamed(1, text.as_bytes())], None)
    );
}

#[test]
fn masked_parts_are_unmasked() {
    let key = [1, 2, 3, 4];
    let payload: Vec<u8> = (0..40).collect();
    let masked: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
    let wire = [&[0x82, 0x80 | 40], &key[..], &masked].concat();
    assert_eq!(heard(1000, &wire), (vec![streamed(2, &payload)], None));
}

#[test]
fn ill_formed_text_fails_where_it_is_found() {
    for text in [&b"0123456789abc\xff and more"[..], b"0123456789 cut off \xe2\x82"] {
        let wire = frame(0x81, text);
        for cut in 0..wire.len() {
            let (_, verdict) = play(1000, &[&wire[..cut], &wire[cut..]]);
            assert_eq!(verdict, Some(Verdict::Failure(ProtocolError::InvalidUtf8)));
        }
    }
}

#[test]
fn a_streamed_message_has_a_limit_too() {
    let wire = [frame(0x02, &[1; 30]), frame(0x00, &[2; 30])].concat();
    let expected = vec![Heard::Streamed(2, vec![1; 30], false)];
    let verdict = Some(Verdict::Failure(ProtocolError::TooLarge));
    assert_eq!(heard(59, &wire), (expected, verdict));
    let (_, none) = heard(60, &wire);
    assert_eq!(none, None);
}

#[test]
fn nothing_more_comes_once_our_side_closes() {
    let mut receiver = receiver(1000);
    let mut out = Output::default();
    let mut first = frame(0x02, &[1; 30]);
    receiver.receive(&mut first, 0, &mut out);
    assert!(matches!(out.events[..], [Event::Part { first: true, last: false, .. }]));
    out.clear_events();
    receiver.begin_closing();
    let mut second = [frame(0x80, &[2; 30]), frame(0x82, &[3; 30])].concat();
    let progress = receiver.receive(&mut second, 0, &mut out);
    assert_eq!((progress.status, out.events.len()), (Status::NeedMore, 0));
}
