//! Messages whose rest is read to where they stay: the same comes out as through `receive` alone.

use faye_websocket_rs::proto::hybi::{Landing, PeerMasking, Receiver, ReceiverOptions, Verdict};
use faye_websocket_rs::proto::{Encoding, Event, Output, ProtocolError, Span, Status};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn receiver() -> Receiver {
    Receiver::new(ReceiverOptions {
        masking: PeerMasking::Required,
        max_length: 1 << 20,
        max_events: 8,
    })
}

/// A masked frame of up to 65,535 bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 126];
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Receives `input` up to `at`, then lands the rest in pieces of `step` bytes.
fn land(mut input: Vec<u8>, at: usize, step: usize) -> (Vec<u8>, Vec<Event>, Option<Verdict>) {
    let mut receiver = receiver();
    let mut out = Output::default();
    let (head, rest) = input.split_at_mut(at);
    assert_eq!(receiver.receive(head, 0, &mut out).status, Status::NeedMore);
    let Landing { held, missing } = receiver.landing().expect("a message of known length");
    assert_eq!(missing, rest.len());
    let mut memory = vec![0; held + missing];
    receiver.land(&mut memory, &mut out);
    let mut at = held;
    for piece in rest.chunks(step) {
        memory[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
        if receiver.landed(&mut memory, piece.len(), &mut out).status == Status::Verdict {
            break;
        }
    }
    (memory, out.events, receiver.take_verdict())
}

#[test]
fn the_message_is_whole_and_unmasked_wherever_it_was_cut() {
    let text: Vec<u8> = "größer 𝄞 ".repeat(20).into_bytes();
    let input = frame(0x81, &text);
    for at in 9..input.len() {
        for step in [1, 7, 1000] {
            let (memory, events, verdict) = land(input.clone(), at, step);
            assert_eq!(memory, text);
            assert_eq!(events, [Event::Text(Span::input(0, text.len()), Encoding::Utf8)]);
            assert_eq!(verdict, None);
        }
    }
}

#[test]
fn the_last_fragment_lands_behind_the_others() {
    let mut input = frame(0x02, &[1; 300]);
    input.extend(frame(0x80, &[2; 200]));
    let (memory, events, _) = land(input, 308 + 8 + 3, 50);
    assert_eq!(events, [Event::Binary(Span::input(0, 500))]);
    assert_eq!((&memory[..300], &memory[300..]), (&[1; 300][..], &[2; 200][..]));
}

#[test]
fn ill_formed_text_fails_at_its_first_bad_byte() {
    let mut text = vec![b'a'; 400];
    text[300] = 0xff;
    let (_, events, verdict) = land(frame(0x81, &text), 100, 10);
    assert_eq!(events, []);
    assert_eq!(verdict, Some(Verdict::Failure(ProtocolError::InvalidUtf8)));
    text.truncate(300);
    text.push(0xc3);
    let (_, events, verdict) = land(frame(0x81, &text), 100, 10);
    assert_eq!(events, []);
    assert_eq!(verdict, Some(Verdict::Failure(ProtocolError::InvalidUtf8)));
}

#[test]
fn nothing_lands_that_has_no_known_end() {
    for (first, what) in [(0x01, "a first fragment"), (0x89, "a ping")] {
        let mut receiver = receiver();
        let mut input = frame(first, &[b'a'; 100]);
        if first == 0x89 {
            input = vec![0x89, 0x80 | 100, 0, 0, 0, 0];
            input.resize(106, 0);
        }
        receiver.receive(&mut input[..50], 0, &mut Output::default());
        assert_eq!(receiver.landing(), None, "{what}");
    }
}

#[test]
fn what_has_landed_can_be_given_back() {
    let payload: Vec<u8> = (0..=255).collect();
    let mut input = frame(0x82, &payload);
    let mut receiver = receiver();
    let mut out = Output::default();
    receiver.receive(&mut input[..108], 0, &mut out);
    let mut memory = vec![0; 256];
    receiver.land(&mut memory, &mut out);
    memory[100..150].copy_from_slice(&input[108..158]);
    receiver.landed(&mut memory, 50, &mut out);
    receiver.give_back_landed(&memory);
    receiver.receive(&mut input[158..], 0, &mut out);
    assert_eq!(out.events, [Event::Binary(Span::scratch(0, 256))]);
    assert_eq!(out.scratch, payload);
}

#[test]
fn a_message_that_we_close_in_the_middle_of_is_skipped() {
    let mut input = frame(0x82, &[7; 256]);
    input.extend(frame(0x88, &[]));
    let mut receiver = receiver();
    let mut out = Output::default();
    receiver.receive(&mut input[..108], 0, &mut out);
    let mut memory = vec![0; 256];
    receiver.land(&mut memory, &mut out);
    receiver.begin_closing();
    assert_eq!(receiver.landing(), None);
    assert_eq!(receiver.receive(&mut input[108..], 0, &mut out).status, Status::Verdict);
    assert_eq!(out.events, []);
}
