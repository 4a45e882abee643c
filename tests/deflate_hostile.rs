//! What a peer may send compressed, and what must come of it: an error or a message, never a panic,
//! and never memory past the limit.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/random.rs"]
mod random;

use faye_websocket_rs::proto::deflate::{
    Agreement, Codec, DeflateOptions, Direction, InflateError, ZlibPool,
};
use random::Random;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting::new();

const MIB: usize = 1 << 20;
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

fn session(context_takeover: bool) -> Codec {
    let direction = Direction { context_takeover, window_bits: 15 };
    let agreed = Agreement { own: direction, peer: direction };
    let options = DeflateOptions { threshold: Some(0), ..DeflateOptions::default() };
    Codec::new(agreed, &options, &ZlibPool::default())
}

/// A message of `mib` MiB of zeros, about a thousandth of that on the wire.
fn bomb(mib: usize) -> Vec<u8> {
    let mut sender = session(true);
    let zeros = vec![0; MIB];
    let mut wire = Vec::new();
    for _ in 0..mib {
        sender.compress(&zeros, &mut wire);
        wire.extend(TAIL);
    }
    wire.truncate(wire.len() - TAIL.len());
    wire
}

/// Runs `work` alone and tells how far the heap grew meanwhile.
fn growth<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HEAP.measure(work)
}

#[test]
fn a_bomb_stops_at_the_limit_whole_and_in_fragments() {
    let wire = bomb(512);
    assert!(wire.len() < MIB);

    for limit in [MIB, 10_000_000, 64 * MIB - 1] {
        let (result, grown) = growth(|| {
            let mut out = Vec::new();
            session(true).decompress(&wire, limit, &mut out)
        });
        assert_eq!(result, Err(InflateError::TooLarge));
        assert!(grown <= limit + 64 * 1024, "{grown} for a limit of {limit}");

        let (result, grown) = growth(|| {
            let mut out = Vec::new();
            let mut session = session(true);
            wire.chunks(100).find_map(|fragment| {
                session.decompressor.feed(fragment, false, limit, &mut out).err()
            })
        });
        assert_eq!(result, Some(InflateError::TooLarge));
        // Fragments need the window from one to the next.
        assert!(grown <= limit + (64 + 32) * 1024, "{grown} for a limit of {limit}");
    }
}

/// zlib-rs does not tell how much memory its states take: what the pool says of them is held against
/// the heap.
#[test]
fn the_pool_knows_what_its_states_take() {
    for (window_bits, mem_level) in [(9, 1), (9, 9), (12, 5), (15, 1), (15, 8), (15, 9)] {
        let direction = Direction { context_takeover: false, window_bits };
        let agreed = Agreement { own: direction, peer: direction };
        let options = DeflateOptions { threshold: Some(0), mem_level, ..DeflateOptions::default() };

        let pool = ZlibPool::default();
        let mut codec = Codec::new(agreed, &options, &pool);
        let mut wire = Vec::with_capacity(256);
        let (compressed, grown) = growth(|| codec.compress(b"x", &mut wire));
        assert!(compressed);
        let compressor = pool.reserved_bytes();
        let settings = format!("window {window_bits}, memLevel {mem_level}");
        assert!(grown.abs_diff(compressor) < 2048, "{compressor} said, {grown} taken: {settings}");

        let mut out = Vec::with_capacity(2048);
        let (result, grown) = growth(|| codec.decompress(&wire, 1, &mut out));
        assert_eq!((result, out.as_slice()), (Ok(()), b"x".as_slice()));
        let inflater = pool.reserved_bytes() - compressor;
        assert!(grown.abs_diff(inflater) < 2048, "{inflater} said, {grown} taken: {settings}");
    }
}

#[test]
fn a_bomb_takes_no_memory_the_caller_has_already_emptied() {
    let wire = bomb(64);
    let (result, grown) = growth(|| {
        let mut out = Vec::new();
        let mut session = session(true);
        wire.chunks(16).find_map(|fragment| {
            out.clear();
            session.decompressor.feed(fragment, false, 64 * MIB - 1, &mut out).err()
        })
    });
    assert_eq!(result, Some(InflateError::TooLarge));
    assert!(grown < MIB, "{grown}");
}

#[test]
fn a_message_of_exactly_the_limit_passes() {
    let wire = bomb(3);
    let mut out = Vec::new();
    assert_eq!(session(true).decompress(&wire, 3 * MIB, &mut out), Ok(()));
    assert_eq!(out.len(), 3 * MIB);
    out.clear();
    assert_eq!(session(true).decompress(&wire, 3 * MIB - 1, &mut out), Err(InflateError::TooLarge));
}

#[test]
fn a_message_cut_short_gives_what_it_holds_or_an_error() {
    let text = Random(1).text(3000);
    let mut wire = Vec::new();
    session(true).compress(&text, &mut wire);
    for length in 0..wire.len() {
        let mut receiver = session(true);
        let mut out = Vec::new();
        match receiver.decompress(&wire[..length], 4000, &mut out) {
            // The tail may be read as a symbol or two.
            Ok(()) => assert!(out.len() <= 4000 && common(&out, &text) + 1200 >= out.len()),
            Err(_) => assert!(out.is_empty()),
        }
        // A whole message after it does no harm either.
        let _ = receiver.decompress(&wire, 4000, &mut out);
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[test]
fn flipped_bits_never_pass_the_limit() {
    let mut random = Random(2);
    let (mut errors, mut messages) = (0, 0);
    for round in 0..3000 {
        let options = DeflateOptions {
            threshold: Some(0),
            level: random.below(10) as i32,
            strategy: random.below(5) as i32,
            ..DeflateOptions::default()
        };
        let direction = Direction { context_takeover: true, window_bits: 15 };
        let agreed = Agreement { own: direction, peer: direction };
        let mut sender = Codec::new(agreed, &options, &ZlibPool::default());
        let mut receiver = session(true);
        for _ in 0..3 {
            let length = random.below(3000);
            let mut wire = Vec::new();
            sender.compress(&random.text(length), &mut wire);
            for _ in 0..=random.below(4) {
                let at = random.below(wire.len());
                wire[at] ^= 1 << random.below(8);
            }
            let limit = random.below(4000);
            let mut out = b"kept".to_vec();
            let whole = round % 2 == 0;
            let result = if whole {
                receiver.decompress(&wire, limit, &mut out)
            } else {
                let (first, second) = wire.split_at(random.below(wire.len() + 1));
                receiver
                    .decompressor
                    .feed(first, false, limit, &mut out)
                    .and_then(|()| receiver.decompressor.feed(second, true, limit, &mut out))
            };
            match result {
                Ok(()) => {
                    messages += 1;
                    assert!(out.len() <= limit + 4);
                }
                Err(_) => {
                    errors += 1;
                    assert!(!whole || out == b"kept");
                }
            }
            assert!(out.capacity() <= 2 * limit + 8192);
        }
    }
    assert!(errors > 1000 && messages > 1000, "{errors} errors, {messages} messages");
}

#[test]
fn noise_never_passes_the_limit() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        let length = random.below(200);
        let noise = random.bytes(length);
        let mut out = Vec::new();
        let mut receiver = session(random.below(2) == 0);
        for piece in noise.chunks(1 + random.below(60)) {
            let last = random.below(5) == 0;
            if receiver.decompressor.feed(piece, last, 1000, &mut out).is_err() {
                break;
            }
            if last {
                assert!(out.len() <= 1000);
                out.clear();
            }
        }
    }
}

#[test]
fn a_failed_session_stays_harmless() {
    let mut receiver = session(true);
    let mut out = Vec::new();
    for _ in 0..3 {
        assert!(receiver.decompressor.feed(&[0x06], false, 100, &mut out).is_err());
        assert!(receiver.decompress(&[0x06], 100, &mut out).is_err());
        assert_eq!((out.len(), receiver.reserved_bytes()), (0, 0));
    }
}

#[test]
fn trailing_garbage_after_a_final_block_is_data_too() {
    // "Hello" in a final block, then a block type that does not exist.
    let wire = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x06, 0x06];
    let mut out = Vec::new();
    let error = session(true).decompress(&wire, 100, &mut out);
    assert_eq!(error, Err(InflateError::Data("invalid block type")));
}

#[test]
fn final_blocks_by_the_hundred_thousand_are_served() {
    // Each would cost 32 KiB of copying if the window were carried over every one of them.
    let mut receiver = session(true);
    let mut first = Vec::new();
    session(true).compress(&Random(4).bytes(40_000), &mut first);
    receiver.decompress(&first, MIB, &mut Vec::new()).unwrap();

    let mut out = Vec::new();
    let empty_blocks = [0x03, 0x00].repeat(500_000);
    assert_eq!(receiver.decompress(&empty_blocks, 64 * MIB, &mut out), Ok(()));
    assert_eq!(out.len(), 0);
}

#[test]
fn a_budget_bounds_every_step() {
    let wire = [bomb(20).as_slice(), &TAIL, &[0x03, 0x00].repeat(20_000)].concat();
    let mut receiver = session(true);
    let mut out = Vec::new();
    let (mut rest, mut steps) = (wire.as_slice(), 0);
    while !rest.is_empty() {
        let before = out.len();
        let taken = receiver.decompressor.step(rest, true, 64 * MIB, MIB, &mut out).unwrap();
        assert!(out.len() - before <= MIB + 256 * 1024);
        rest = &rest[taken..];
        steps += 1;
    }
    assert_eq!(out.len(), 20 * MIB);
    assert!((20..40).contains(&steps), "{steps}");
    assert_eq!(receiver.reserved_bytes(), 32 * 1024);
}

#[test]
fn empty_fragments_cost_nothing() {
    let mut receiver = session(true);
    let mut out = Vec::new();
    let (result, grown) = growth(|| {
        for _ in 0..100_000 {
            receiver.decompressor.feed(&[], false, 100, &mut out)?;
        }
        receiver.decompressor.feed(&[0x00], true, 100, &mut out)
    });
    assert_eq!(result, Ok(()));
    assert!(grown < 64 * 1024, "{grown}");
}
