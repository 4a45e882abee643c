//! Messages through a receiver: what one end writes the other hears, under any cut, and no limit is
//! ever exceeded.

use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::hybi::{PeerMasking, Receiver, ReceiverOptions, Verdict, mask, send};
use faye_websocket_rs::proto::{Event, Output, ProtocolError, Status};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{Cuts, bytes, cases, cuts, key, text};

#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

impl Heard {
    fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
            Self::Ping(_) => Opcode::Ping,
            Self::Pong(_) => Opcode::Pong,
        }
    }

    fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }
}

fn data() -> impl Strategy<Value = Heard> {
    prop_oneof![text(60).prop_map(Heard::Text), bytes().prop_map(Heard::Binary)]
}

fn control() -> impl Strategy<Value = Heard> {
    let payload = || vec(any::<u8>(), 0..=125);
    prop_oneof![payload().prop_map(Heard::Ping), payload().prop_map(Heard::Pong)]
}

fn options(max_length: u64, max_events: usize) -> ReceiverOptions {
    ReceiverOptions {
        masking: PeerMasking::Either,
        max_length,
        max_text: u64::MAX,
        max_events,
        least_landing: u64::MAX,
    }
}

/// Everything that is heard in the pieces, and why they were the last if they were.
fn hear(options: ReceiverOptions, wire: &[u8], cuts: &Cuts) -> (Vec<Heard>, Option<Verdict>) {
    let mut receiver = Receiver::new(options);
    let mut heard = Vec::new();
    for piece in cuts.apply(wire) {
        let mut piece = piece.to_vec();
        let mut out = Output::default();
        let mut at = 0;
        loop {
            let progress = receiver.receive(&mut piece, at, &mut out);
            assert!((at..=piece.len()).contains(&progress.consumed));
            assert!(out.events.len() <= options.max_events && out.wire.is_empty());
            at = progress.consumed;
            for event in &out.events {
                heard.push(match event {
                    Event::Text(span, _) => Heard::Text(
                        String::from_utf8(span.bytes(&piece, &out).to_vec()).expect("checked"),
                    ),
                    Event::Binary(span) => Heard::Binary(span.bytes(&piece, &out).to_vec()),
                    Event::Ping(span) => Heard::Ping(span.bytes(&piece, &out).to_vec()),
                    Event::Pong(span) => Heard::Pong(span.bytes(&piece, &out).to_vec()),
                    Event::Encoded { .. } | Event::Part { .. } => unreachable!("not asked for"),
                });
            }
            out.clear_events();
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

/// One frame as a peer may write it: not final, or with its length in a longer form than it needs.
#[derive(Clone, Debug)]
struct Raw {
    first: u8,
    form: u8,
    key: Option<[u8; 4]>,
    payload: Vec<u8>,
}

impl Raw {
    fn write(&self, wire: &mut Vec<u8>) {
        let length = self.payload.len();
        let masked = if self.key.is_some() { 0x80 } else { 0 };
        wire.push(self.first);
        match (self.form, length) {
            (0, 0..=125) => wire.push(masked | length as u8),
            (0 | 1, 0..=0xffff) => {
                wire.push(masked | 126);
                wire.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                wire.push(masked | 127);
                wire.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        wire.extend(self.key.iter().flatten());
        let start = wire.len();
        wire.extend_from_slice(&self.payload);
        mask::apply(&mut wire[start..], self.key.unwrap_or_default(), 0);
    }
}

/// A message in fragments, with control frames between them: what goes over the wire, and what is heard.
fn fragmented() -> impl Strategy<Value = (Vec<Raw>, Vec<Heard>)> {
    let part = (any::<prop::sample::Index>(), 0_u8..3, key(), prop::option::of(control()));
    (data(), vec(part, 1..6)).prop_map(|(message, parts)| {
        let mut frames = Vec::new();
        let mut heard = Vec::new();
        let mut rest = message.payload();
        for (number, (cut, form, key, between)) in parts.iter().enumerate() {
            let is_last = number + 1 == parts.len();
            let length = if is_last { rest.len() } else { cut.index(rest.len() + 1) };
            let (payload, more) = rest.split_at(length);
            rest = more;
            let opcode = if number == 0 { message.opcode() as u8 } else { 0 };
            let first = if is_last { 0x80 | opcode } else { opcode };
            frames.push(Raw { first, form: *form, key: *key, payload: payload.to_vec() });
            if !is_last && let Some(control) = between {
                let first = 0x80 | control.opcode() as u8;
                frames.push(Raw { first, form: 0, key: *key, payload: control.payload().to_vec() });
                heard.push(control.clone());
            }
        }
        heard.push(message);
        (frames, heard)
    })
}

/// Frames of which each may be anything, but most of the time is nearly right.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![8 => prop::sample::select(vec![0x01_u8, 0x02, 0x00, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a]), 1 => any::<u8>()];
    let frame = (first, 0_u8..3, key(), vec(any::<u8>(), 0..40))
        .prop_map(|(first, form, key, payload)| Raw { first, form, key, payload });
    (vec(frame, 0..8), vec(any::<u8>(), 0..6)).prop_map(|(frames, rest)| {
        let mut wire = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut wire));
        wire.extend(rest);
        wire
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_was_sent_is_heard(
        messages in vec((prop_oneof![3 => data(), 1 => control()], key()), 0..6),
        most_events in 1_usize..5,
        cuts in cuts(),
    ) {
        let mut wire = Vec::new();
        for (message, key) in &messages {
            send::frame(message.opcode(), 0, message.payload(), *key, &mut wire);
        }
        let sent: Vec<Heard> = messages.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(hear(options(u64::MAX, most_events), &wire, &cuts), (sent, None));
    }

    #[test]
    fn fragments_are_joined_whatever_stands_between_them(
        messages in vec(fragmented(), 1..4),
        cuts in cuts(),
    ) {
        let mut wire = Vec::new();
        messages.iter().flat_map(|(frames, _)| frames).for_each(|frame| frame.write(&mut wire));
        let sent: Vec<Heard> = messages.into_iter().flat_map(|(_, heard)| heard).collect();
        prop_assert_eq!(hear(options(u64::MAX, 3), &wire, &cuts), (sent, None));
    }

    /// RFC 6455 section 10.4. As in the original, a control frame counts as if it were part of the
    /// message in the middle of which it comes.
    #[test]
    fn a_message_is_refused_by_the_first_frame_that_makes_it_too_long(
        messages in vec(fragmented(), 1..4),
        limit in prop_oneof![0_u64..200, 65_000_u64..66_000],
        cuts in cuts(),
    ) {
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        let mut is_refused = false;
        'messages: for (frames, heard) in &messages {
            let mut heard = heard.iter();
            let mut so_far = 0;
            for frame in frames {
                let length = frame.payload.len() as u64;
                frame.write(&mut wire);
                if so_far + length > limit {
                    is_refused = true;
                    break 'messages;
                }
                let is_control = frame.first & 0x08 != 0;
                so_far += if is_control { 0 } else { length };
                if is_control || frame.first & 0x80 != 0 {
                    expected.extend(heard.next().cloned());
                }
            }
        }
        let verdict = is_refused.then_some(Verdict::Failure(ProtocolError::TooLarge));
        // A text may be found wrong before it is found too long; those here are right.
        prop_assert_eq!(hear(options(limit, 3), &wire, &cuts), (expected, verdict));
    }

    #[test]
    fn the_same_is_heard_of_anything_however_it_is_cut(
        wire in anything(), limit in 0_u64..100, cuts in cuts(),
    ) {
        let whole = hear(options(limit, usize::MAX), &wire, &Cuts::none());
        for message in &whole.0 {
            let most = if message.opcode().is_control() { limit.min(125) } else { limit };
            prop_assert!(message.payload().len() as u64 <= most);
        }
        prop_assert_eq!(hear(options(limit, 2), &wire, &cuts), whole);
    }
}
