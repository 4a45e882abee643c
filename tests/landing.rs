//! Long messages that the caller joins: the same comes out as through `receive` alone.

use faye_websocket_rs::proto::hybi::{Landing, PeerMasking, Receiver, ReceiverOptions};
use faye_websocket_rs::proto::{Event, Output, Progress, Span, Status};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn receiver() -> Receiver {
    Receiver::new(ReceiverOptions {
        masking: PeerMasking::Required,
        max_length: 1 << 20,
        max_events: 8,
        max_text: u64::MAX,
        least_landing: 100,
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

/// Receives `input` up to `at`, where it must be within the payload, and lands the rest in pieces of
/// `step` bytes.
fn land(mut input: Vec<u8>, at: usize, step: usize) -> (Vec<u8>, Vec<Event>) {
    let mut receiver = receiver();
    let mut out = Output::default();
    let (head, rest) = input.split_at_mut(at);
    let Progress { consumed, status } = receiver.receive(head, 0, &mut out);
    assert_eq!(status, Status::Landing);
    let Landing { held, missing } = receiver.landing().expect("a message of known length");
    assert_eq!((held, missing), (head.len() - consumed, rest.len()));
    let mut memory = vec![0; held + missing];
    memory[..held].copy_from_slice(&head[consumed..]);
    let mut at = held;
    for piece in rest.chunks(step) {
        memory[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
        receiver.landed(&mut memory, piece.len(), &mut out);
    }
    (memory, out.events)
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn the_message_is_whole_and_unmasked_wherever_it_was_cut() {
    let payload: Vec<u8> = (0..=255).collect();
    let input = frame(0x82, &payload);
    for at in 9..input.len() {
        for step in [1, 7, 1000] {
            let (memory, events) = land(input.clone(), at, step);
            assert_eq!(memory, payload);
            assert_eq!(events, [Event::Binary(Span::input(0, payload.len()))]);
        }
    }
}

#[test]
fn what_came_before_it_in_the_chunk_is_reported_first() {
    let mut input = frame(0x82, &[1; 30]);
    input.extend(frame(0x82, &[2; 200]));
    let mut receiver = receiver();
    let mut out = Output::default();
    let progress = receiver.receive(&mut input[..150], 0, &mut out);
    assert_eq!(progress, Progress { consumed: 46, status: Status::Landing });
    assert_eq!(out.events, [Event::Binary(Span::input(8, 30))]);
    assert_eq!(input[46..150], [2; 104]);
}

#[test]
fn only_long_binary_messages_of_a_single_frame_land() {
    for (what, input) in [
        ("a text", frame(0x81, &[b'a'; 100])),
        ("a short message", frame(0x82, &[0; 99])),
        ("a first fragment", frame(0x01, &[b'a'; 100])),
        ("a last fragment", [frame(0x02, &[]), frame(0x80, &[0; 100])].concat()),
    ] {
        let mut receiver = receiver();
        let mut input = input;
        let some = input.len() - 10;
        let progress = receiver.receive(&mut input[..some], 0, &mut Output::default());
        assert_eq!((progress.status, receiver.landing()), (Status::NeedMore, None), "{what}");
    }
}

#[test]
fn nothing_lands_before_its_first_byte() {
    let mut input = frame(0x82, &[5; 200]);
    let mut receiver = receiver();
    let mut out = Output::default();
    assert_eq!(receiver.receive(&mut input[..8], 0, &mut out).status, Status::NeedMore);
    assert_eq!(receiver.receive(&mut input[8..], 0, &mut out).status, Status::NeedMore);
    assert_eq!(out.events, [Event::Binary(Span::input(0, 200))]);
}

#[test]
fn what_has_landed_can_be_given_back() {
    let payload: Vec<u8> = (0..=255).collect();
    let mut input = frame(0x82, &payload);
    let mut receiver = receiver();
    let mut out = Output::default();
    receiver.receive(&mut input[..108], 0, &mut out);
    let mut memory = input[8..158].to_vec();
    receiver.landed(&mut memory, 50, &mut out);
    receiver.cancel_landing(&memory);
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
    receiver.begin_closing();
    assert_eq!(receiver.landing(), None);
    assert_eq!(receiver.receive(&mut input[108..], 0, &mut out).status, Status::Verdict);
    assert_eq!(out.events, []);
}
