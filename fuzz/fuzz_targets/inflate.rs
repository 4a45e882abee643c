//! Arbitrary bytes as compressed messages, whole, in pieces and by the slice: the same comes out, and
//! never more than the limit.

#![no_main]

use faye_websocket_rs::proto::deflate::{Agreement, Codec, DeflateOptions, Direction, ZlibPool};
use faye_websocket_rs_fuzz::Plan;
use libfuzzer_sys::fuzz_target;

const WINDOW: u8 = 7;
const TAKEOVER: u8 = 8;
/// Two messages, the second of which may refer to the first.
const TWICE: u8 = 16;
const BY_THE_SLICE: u8 = 32;

fn session(plan: &Plan) -> Codec {
    let direction = Direction {
        context_takeover: plan.has(TAKEOVER),
        window_bits: 8 + (plan.choices & WINDOW),
    };
    let agreed = Agreement { own: direction, peer: direction };
    Codec::new(agreed, &DeflateOptions::default(), &ZlibPool::default())
}

/// The message, or nothing when there was an error.
fn inflate(session: &mut Codec, plan: &Plan, limit: usize, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let mut out = b"kept".to_vec();
    let budget = if plan.has(BY_THE_SLICE) { 1000 } else { usize::MAX };
    for (i, piece) in pieces.iter().enumerate() {
        let last = i + 1 == pieces.len();
        let mut rest = *piece;
        loop {
            let before = out.len();
            let step = session.decompressor.step(rest, last, limit, budget, &mut out);
            assert!(out.len() - 4 <= limit, "{} of {limit}", out.len() - 4);
            let Ok(taken) = step else {
                assert_eq!(out.len(), before, "an error leaves the output as it was");
                return None;
            };
            rest = &rest[taken..];
            if rest.is_empty() {
                break;
            }
        }
    }
    assert!(out.starts_with(b"kept"));
    Some(out.split_off(4))
}

fuzz_target!(|data: &[u8]| {
    let Some((plan, bytes)) = Plan::split(data) else { return };
    let limit = plan.limit().min(1 << 20) as usize;
    let messages = match bytes.len() / 2 {
        half if plan.has(TWICE) => vec![&bytes[..half], &bytes[half..]],
        _ => vec![bytes],
    };
    let (mut whole, mut cut) = (session(&plan), session(&plan));
    for message in messages {
        let mut out = Vec::new();
        let result = whole.decompress(message, limit, &mut out);
        let mut pieces = plan.cut(message);
        pieces.push(&[]);
        let pieced = inflate(&mut cut, &plan, limit, &pieces);
        match result {
            Ok(()) => assert_eq!(pieced.as_deref(), Some(out.as_slice())),
            Err(_) => {
                assert_eq!((pieced, out.len()), (None, 0));
                return;
            }
        }
    }
});
