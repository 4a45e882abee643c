//! The receiver's rules from outside: whatever the input is cut into, the same comes out.

use faye_websocket_rs::proto::hybi::{PeerMasking, Receiver, ReceiverOptions, Verdict};
use faye_websocket_rs::proto::{CloseCode, Event, Output, ProtocolError, Status};

/// What one input came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    heard: Vec<String>,
    verdict: Option<Verdict>,
}

fn options(max_length: u64) -> ReceiverOptions {
    ReceiverOptions {
        masking: PeerMasking::Either,
        max_length,
        max_events: 3,
        max_text: u64::MAX,
        least_landing: u64::MAX,
    }
}

fn hear(receiver: &mut Receiver, input: &[u8], heard: &mut Vec<String>) -> Status {
    let mut input = input.to_vec();
    let mut out = Output::default();
    let mut from = 0;
    loop {
        let progress = receiver.receive(&mut input, from, &mut out);
        for event in &out.events {
            let (kind, span) = match event {
                Event::Text(span, _) => ("text", span),
                Event::Binary(span) => ("binary", span),
                Event::Encoded { span, .. } => ("encoded", span),
                Event::Part { span, .. } => ("part", span),
                Event::Ping(span) => ("ping", span),
                Event::Pong(span) => ("pong", span),
            };
            let payload = String::from_utf8_lossy(span.bytes(&input, &out)).into_owned();
            heard.push(format!("{kind} {payload}"));
        }
        out.clear_events();
        from = progress.consumed;
        if progress.status != Status::Full {
            return progress.status;
        }
    }
}

fn outcome(options: ReceiverOptions, pieces: &[&[u8]]) -> Outcome {
    let mut receiver = Receiver::new(options);
    let mut heard = Vec::new();
    for piece in pieces {
        if hear(&mut receiver, piece, &mut heard) == Status::Verdict {
            break;
        }
    }
    Outcome { heard, verdict: receiver.take_verdict() }
}

/// Plays an input whole, byte by byte and cut at every place; all must agree.
fn play(options: ReceiverOptions, input: &[u8]) -> Outcome {
    let whole = outcome(options, &[input]);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(outcome(options, &bytes), whole, "byte by byte");
    for at in 0..input.len() {
        let (a, b) = input.split_at(at);
        assert_eq!(outcome(options, &[a, b]), whole, "cut at {at}");
    }
    whole
}

fn messages(input: &[u8]) -> Vec<String> {
    let Outcome { heard, verdict } = play(options(1000), input);
    assert_eq!(verdict, None);
    heard
}

fn failure(input: &[u8]) -> ProtocolError {
    match play(options(1000), input).verdict {
        Some(Verdict::Failure(error)) => error,
        other => unreachable!("no failure: {other:?}"),
    }
}

fn close(input: &[u8]) -> (u16, String) {
    match play(options(1000), input).verdict {
        Some(Verdict::PeerClose(CloseCode(code), reason)) => (code, reason),
        other => unreachable!("no close frame: {other:?}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

#[test]
fn messages_of_every_kind() {
    assert_eq!(messages(&hex("81 02 48 69")), ["text Hi"]);
    assert_eq!(messages(&hex("81 85 37fa213d 7f9f4d5158")), ["text Hello"]);
    assert_eq!(messages(&hex("82 00")), ["binary "]);
    assert_eq!(messages(&hex("81 80 01020304")), ["text "]);
    assert_eq!(messages(&hex("89 01 70 8a 00")), ["ping p", "pong "]);
    // A key is its own frame's.
    assert_eq!(messages(&hex("81 81 01020304 60 81 01 62")), ["text a", "text b"]);
}

#[test]
fn longer_length_forms_than_necessary_are_taken() {
    assert_eq!(messages(&hex("81 7e 0002 4869")), ["text Hi"]);
    assert_eq!(messages(&hex("81 7f 0000000000000002 4869")), ["text Hi"]);
    assert_eq!(messages(&hex("89 7e 0001 70")), ["ping p"]);
    let longest = [hex("8a 7e 007d"), vec![b'a'; 125]].concat();
    assert_eq!(messages(&longest), [format!("pong {}", "a".repeat(125))]);
}

#[test]
fn fragments_are_joined_around_control_frames() {
    let input = hex("01 01 48 89 01 70 00 01 69 80 01 21");
    assert_eq!(messages(&input), ["ping p", "text Hi!"]);
    assert_eq!(messages(&hex("02 00 00 00 80 00")), ["binary "]);
}

#[test]
fn more_messages_than_one_call_reports() {
    assert_eq!(messages(&hex("81 01 61").repeat(10)).len(), 10);
}

#[test]
fn code_points_may_be_split_between_fragments() {
    assert_eq!(messages(&hex("01 01 c3 80 01 a9")), ["text é"]);
}

#[test]
fn violations() {
    use ProtocolError::*;
    assert_eq!(failure(&hex("c1 00")), ReservedBits(4));
    assert_eq!(failure(&hex("b1 00")), ReservedBits(3));
    assert_eq!(failure(&hex("83 00")), UnknownOpcode(3));
    assert_eq!(failure(&hex("8f 00")), UnknownOpcode(15));
    assert_eq!(failure(&hex("09 00")), FragmentedControl(9));
    assert_eq!(failure(&hex("01 00 81 00")), UnfinishedMessage);
    assert_eq!(failure(&hex("80 01 61")), UnexpectedContinuation);
    assert_eq!(failure(&hex("89 7e 007e")), ControlTooLong(126));
    assert_eq!(failure(&hex("81 01 ff")), InvalidUtf8);
    assert_eq!(failure(&hex("01 01 c3 80 00")), InvalidUtf8);
}

#[test]
fn sizes_are_checked_before_a_payload_is_there() {
    assert_eq!(failure(&hex("82 7e 03e9")), ProtocolError::TooLarge);
    assert_eq!(failure(&hex("82 7f 7fffffffffffffff")), ProtocolError::TooLarge);
    assert_eq!(failure(&hex("82 7f ffffffffffffffff")), ProtocolError::TooLarge);
    let within = play(options(3), &hex("02 02 6161 80 01 61"));
    assert_eq!(within, Outcome { heard: vec!["binary aaa".into()], verdict: None });
    let beyond = play(options(3), &hex("02 02 6161 80 02 6161"));
    assert_eq!(beyond.verdict, Some(Verdict::Failure(ProtocolError::TooLarge)));
}

#[test]
fn a_length_with_its_most_significant_bit_set_is_too_large_for_any_limit() {
    let heard = |input: &str| play(options(u64::MAX), &hex(input)).verdict;
    assert_eq!(heard("82 7f 7fffffffffffffff"), None);
    let too_large = Some(Verdict::Failure(ProtocolError::TooLarge));
    assert_eq!(heard("82 7f 8000000000000000"), too_large);
    assert_eq!(heard("02 01 61 80 7f 7fffffffffffffff"), too_large);
}

#[test]
fn a_text_may_have_a_limit_of_its_own() {
    let options = ReceiverOptions { max_text: 4, ..options(8) };
    let heard = |input: &str| play(options, &hex(input));
    assert_eq!(heard("81 04 61616161").heard, ["text aaaa"]);
    assert_eq!(heard("82 05 6161616161").heard, ["binary aaaaa"]);
    let too_large = Some(Verdict::Failure(ProtocolError::TooLarge));
    assert_eq!(heard("81 05").verdict, too_large);
    assert_eq!(heard("01 03 616161 80 02").verdict, too_large);
    assert_eq!(heard("01 03 616161 80 01 61").heard, ["text aaaa"]);
    assert_eq!(heard("02 03 616161 80 02 6161").heard, ["binary aaaaa"]);
}

#[test]
fn masking_rules() {
    let masked = hex("81 80 01020304");
    let bare = hex("81 00");
    let required = ReceiverOptions { masking: PeerMasking::Required, ..options(1000) };
    let forbidden = ReceiverOptions { masking: PeerMasking::Forbidden, ..options(1000) };
    assert_eq!(play(required, &masked).heard, ["text "]);
    assert_eq!(play(required, &bare).verdict, Some(Verdict::Failure(ProtocolError::Unmasked)));
    assert_eq!(play(forbidden, &bare).heard, ["text "]);
    assert_eq!(play(forbidden, &masked).verdict, Some(Verdict::Failure(ProtocolError::Masked)));
}

#[test]
fn close_frames() {
    assert_eq!(close(&hex("88 00")), (1000, String::new()));
    assert_eq!(close(&hex("88 01 03")), (1002, String::new()));
    assert_eq!(close(&hex("88 05 03e9 627965")), (1001, "bye".into()));
    assert_eq!(close(&hex("88 02 03ed")), (1002, String::new()));
}

#[test]
fn nothing_is_read_past_a_close_frame() {
    let input = hex("88 00 81 01 61");
    let mut receiver = Receiver::new(options(1000));
    let mut heard = Vec::new();
    assert_eq!(hear(&mut receiver, &input, &mut heard), Status::Verdict);
    receiver.take_verdict();
    receiver.discard();
    assert_eq!(hear(&mut receiver, &input, &mut heard), Status::NeedMore);
    assert_eq!(heard, [""; 0]);
}

#[test]
fn while_closing_only_control_frames_matter() {
    let mut receiver = Receiver::new(options(1000));
    let mut heard = Vec::new();
    hear(&mut receiver, &hex("01 01 61"), &mut heard);
    receiver.begin_closing();
    // A violation, a message over the limit, a ping, and at last the answer.
    let input = [hex("83 00 82 7e ffff"), vec![7; 0xffff], hex("89 01 70 88 02 03e8")].concat();
    assert_eq!(hear(&mut receiver, &input, &mut heard), Status::Verdict);
    assert_eq!(heard, ["ping p"]);
    let verdict = receiver.take_verdict();
    assert_eq!(verdict, Some(Verdict::PeerClose(CloseCode::NORMAL, String::new())));
}

#[test]
#[cfg_attr(miri, ignore = "131,072 fragments take too long")]
fn a_message_has_a_bounded_number_of_fragments() {
    let mut receiver = Receiver::new(options(1000));
    let mut heard = Vec::new();
    hear(&mut receiver, &hex("01 00"), &mut heard);
    let fragments = hex("00 00").repeat(131_071);
    assert_eq!(hear(&mut receiver, &fragments, &mut heard), Status::NeedMore);
    assert_eq!(hear(&mut receiver, &hex("00 00"), &mut heard), Status::Verdict);
    let verdict = receiver.take_verdict();
    assert_eq!(verdict, Some(Verdict::Failure(ProtocolError::TooManyFragments)));
    assert_eq!(heard, [""; 0]);
}

#[test]
fn a_call_adds_no_more_events_than_it_may() {
    let mut receiver = Receiver::new(options(1000));
    let mut out = Output::default();
    let mut input = [0x81, 1, b'a'].repeat(5);
    let progress = receiver.receive(&mut input, 0, &mut out);
    assert_eq!((progress.consumed, progress.status, out.events.len()), (9, Status::Full, 3));
    // What stands in the list already counts for nothing.
    let progress = receiver.receive(&mut input, 9, &mut out);
    assert_eq!((progress.consumed, progress.status, out.events.len()), (15, Status::NeedMore, 5));
}

#[test]
fn a_length_over_the_limit_is_found_before_a_missing_mask() {
    let options = ReceiverOptions { masking: PeerMasking::Required, ..options(10) };
    for (input, error) in [
        (&[0x82, 11][..], ProtocolError::TooLarge),
        (&[0x82, 10], ProtocolError::Unmasked),
        // Of a longer length only the first byte has come by then.
        (&[0x82, 126, 0, 200], ProtocolError::Unmasked),
    ] {
        assert_eq!(play(options, input).verdict, Some(Verdict::Failure(error)));
    }
}

#[test]
fn a_ping_is_unmasked_while_we_close() {
    let mut receiver = Receiver::new(options(1000));
    receiver.begin_closing();
    let mut heard = Vec::new();
    hear(&mut receiver, &[0x89, 0x81, 1, 2, 3, 4, b'p' ^ 1], &mut heard);
    assert_eq!(heard, ["ping p"]);
}

#[test]
fn a_continuation_of_nothing_is_found_out_when_it_is_complete() {
    let mut receiver = Receiver::new(options(1000));
    let mut heard = Vec::new();
    assert_eq!(hear(&mut receiver, &[0x80, 2, b'a'], &mut heard), Status::NeedMore);
    assert_eq!(hear(&mut receiver, b"b", &mut heard), Status::Verdict);
    let error = ProtocolError::UnexpectedContinuation;
    assert_eq!(receiver.take_verdict(), Some(Verdict::Failure(error)));
}

#[test]
fn the_memory_of_a_message_is_what_it_needs() {
    let mut receiver = Receiver::new(options(100_000));
    let mut out = Output::default();
    let payload = vec![7; 50_000];
    let mut input = [hex("82 7e c350"), payload.clone()].concat();
    let (first, second) = input.split_at_mut(10_000);
    receiver.receive(first, 0, &mut out);
    receiver.receive(second, 0, &mut out);
    assert_eq!(out.scratch, payload);
    assert!(out.scratch.capacity() < 60_000, "{}", out.scratch.capacity());
}

#[test]
fn control_frames_in_pieces_are_joined() {
    assert_eq!(messages(&hex("89 03 616263 8a 02 6465")), ["ping abc", "pong de"]);
    assert_eq!(close(&hex("88 08 0bb8 676f6f646279")), (3000, "goodby".into()));
}

#[test]
fn while_closing_control_frames_are_looked_at_up_to_65535_bytes() {
    for whole in [true, false] {
        let heard_of = |opcode: u8, length: u64| {
            let mut receiver = Receiver::new(options(1000));
            receiver.begin_closing();
            let mut input = vec![opcode, 127];
            input.extend_from_slice(&length.to_be_bytes());
            // A close frame's code, and its reason.
            input.extend(hex("0bb8"));
            input.resize(10 + length as usize, b'a');
            let mut heard = Vec::new();
            for piece in input.chunks(if whole { input.len() } else { 1000 }) {
                hear(&mut receiver, piece, &mut heard);
            }
            (heard.len(), receiver.take_verdict())
        };
        assert_eq!(heard_of(0x89, 65_535), (1, None));
        assert_eq!(heard_of(0x89, 65_536), (0, None));
        let reason = "a".repeat(65_533);
        let closed = |reason| Some(Verdict::PeerClose(CloseCode::PROTOCOL_ERROR, reason));
        assert_eq!(heard_of(0x88, 65_535), (0, closed(reason)));
        assert_eq!(heard_of(0x88, 65_536), (0, closed(String::new())));
    }
}
