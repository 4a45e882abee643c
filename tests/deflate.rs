//! permessage-deflate as its user sees it: what one side compresses the other inflates, whatever was
//! agreed, however it is cut, whoever else shares the pool.

#[path = "support/distances.rs"]
mod distances;
#[path = "support/random.rs"]
mod random;

use faye_websocket_rs::proto::deflate::{
    Agreement, Codec, DeflateOptions, Direction, PoolLimits, ZlibPool,
};
use random::Random;

const LIMIT: usize = 1 << 26;

fn agreement(context_takeover: bool, window_bits: u8) -> Agreement {
    let direction = Direction { context_takeover, window_bits };
    Agreement { own: direction, peer: direction }
}

fn always() -> DeflateOptions {
    DeflateOptions { threshold: Some(0), ..DeflateOptions::default() }
}

fn message(random: &mut Random) -> Vec<u8> {
    let length = [0, 1, 2, 100, 500, 5000, 50_000][random.below(7)];
    let length = random.below(length + 1);
    if random.below(4) == 0 { random.bytes(length) } else { random.text(length) }
}

fn compress(session: &mut Codec, message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    assert!(session.compress(message, &mut wire));
    wire
}

#[test]
fn every_setting_round_trips() {
    let mut random = Random(1);
    for level in -1..=9 {
        for strategy in 0..=4 {
            let mem_level = 1 + random.below(9) as i32;
            let window_bits = 8 + random.below(8) as u8;
            let options = DeflateOptions { level, strategy, mem_level, ..always() };
            let agreed = agreement(random.below(2) == 0, window_bits);
            let pool = ZlibPool::default();
            let mut sender = Codec::new(agreed, &options, &pool);
            let mut receiver = Codec::new(agreed, &options, &pool);
            for _ in 0..8 {
                let message = message(&mut random);
                let wire = compress(&mut sender, &message);
                let mut out = Vec::new();
                assert_eq!(receiver.decompress(&wire, LIMIT, &mut out), Ok(()));
                assert!(out == message, "{options:?} {agreed:?}");
            }
        }
    }
}

#[test]
fn settings_of_the_compressor_are_zlibs() {
    let text = Random(2).text(50_000);
    let length = |options: DeflateOptions| {
        let mut codec = Codec::new(agreement(true, 15), &options, &ZlibPool::default());
        compress(&mut codec, &text).len()
    };
    let default = length(always());
    // 0 stores; 1 is quick; 9 tries hardest.
    assert!(length(DeflateOptions { level: 0, ..always() }) > text.len());
    assert!(length(DeflateOptions { level: 1, ..always() }) > default);
    // Huffman's code alone finds no repetition.
    assert!(length(DeflateOptions { strategy: 2, ..always() }) > default * 3 / 2);
    // Short blocks have a code of their own each.
    assert_ne!(length(DeflateOptions { mem_level: 1, ..always() }), default);
}

#[test]
fn sessions_that_take_each_others_compressors_do_not_disturb_each_other() {
    for max_compressors in [1, 2, 3, 10] {
        let pool = ZlibPool::new(PoolLimits { max_compressors, ..PoolLimits::default() });
        let mut random = Random(max_compressors as u64);
        let mut pairs: Vec<_> = (0..4)
            .map(|n| {
                let agreed = agreement(n != 3, [15, 15, 9, 15][n]);
                let session = || Codec::new(agreed, &always(), &pool);
                (session(), session())
            })
            .collect();
        for round in 0..100 {
            let (sender, receiver) = &mut pairs[random.below(4)];
            let message = message(&mut random);
            let wire = compress(sender, &message);
            let mut out = Vec::new();
            assert_eq!(receiver.decompress(&wire, LIMIT, &mut out), Ok(()), "round {round}");
            assert!(out == message, "round {round}");
            if round % 10 == 0 {
                pool.sweep();
            }
        }
    }
}

#[test]
fn a_message_may_be_cut_anywhere_between_other_sessions_messages() {
    let pool = ZlibPool::default();
    let mut random = Random(3);
    let mut sender = Codec::new(agreement(true, 15), &always(), &pool);
    let mut receiver = Codec::new(agreement(true, 15), &always(), &pool);
    let mut other = Codec::new(agreement(true, 15), &always(), &pool);

    for _ in 0..200 {
        let message = message(&mut random);
        let wire = compress(&mut sender, &message);
        let mut out = Vec::new();
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.below(rest.len()) + 1);
            rest = after;
            let fed = receiver.decompressor.feed(piece, rest.is_empty(), LIMIT, &mut out);
            assert_eq!(fed, Ok(()));
            assert_eq!(other.decompress(&[0x00], LIMIT, &mut Vec::new()), Ok(()));
        }
        assert!(out == message);
    }
}

#[test]
fn a_better_ratio_is_what_context_takeover_is_for() {
    let text = Random(4).text(2000);
    let pool = ZlibPool::default();
    let mut with = Codec::new(agreement(true, 15), &always(), &pool);
    let mut without = Codec::new(agreement(false, 15), &always(), &pool);
    let alone = compress(&mut without, &text).len();
    assert_eq!(compress(&mut with, &text).len(), alone);
    assert!(compress(&mut with, &text).len() * 10 < alone);
    // It survives losing the warm compressor.
    pool.sweep();
    pool.sweep();
    assert!(compress(&mut with, &text).len() * 10 < alone);
}

#[test]
fn no_window_is_larger_than_agreed() {
    for window_bits in 8..=15u8 {
        for (level, strategy) in [(1, 0), (6, 0), (9, 0), (6, 3), (6, 4)] {
            for max_compressors in [1, 8] {
                let pool = ZlibPool::new(PoolLimits { max_compressors, ..PoolLimits::default() });
                let options = DeflateOptions { level, strategy, ..always() };
                let mut random = Random(u64::from(window_bits));
                let mut sender = Codec::new(agreement(true, window_bits), &options, &pool);
                let mut other = Codec::new(agreement(true, window_bits), &options, &pool);

                let mut stream = Vec::new();
                for _ in 0..20 {
                    let length = random.below(5000);
                    let message = random.text(length);
                    stream.extend(compress(&mut sender, &message));
                    stream.extend([0x00, 0x00, 0xff, 0xff]);
                    compress(&mut other, &message);
                }

                let farthest = distances::farthest(&stream);
                assert!(farthest <= 1 << window_bits, "{farthest} with {window_bits} bits");
                let used = if strategy == 3 { 1 } else { (1 << window_bits) / 4 };
                assert!(farthest >= used, "only {farthest} with {window_bits} bits, level {level}");
            }
        }
    }
}

#[test]
fn an_idle_session_holds_no_more_than_its_history() {
    let pool = ZlibPool::default();
    let mut random = Random(5);
    let mut with = Codec::new(agreement(true, 15), &always(), &pool);
    let mut without = Codec::new(agreement(false, 15), &always(), &pool);
    let mut small = Codec::new(agreement(true, 9), &always(), &pool);
    for session in [&mut with, &mut without, &mut small] {
        assert_eq!(session.reserved_bytes(), 0);
        for _ in 0..20 {
            let wire = compress(session, &random.text(5000));
            session.decompress(&wire, LIMIT, &mut Vec::new()).unwrap();
        }
    }
    assert_eq!(with.reserved_bytes(), (8 + 32) * 1024);
    assert_eq!(without.reserved_bytes(), 0);
    assert_eq!(small.reserved_bytes(), 512 + 512);
}

#[test]
fn either_direction_may_move_to_another_thread() {
    let pool = ZlibPool::default();
    let Codec { mut compressor, mut decompressor } =
        Codec::new(agreement(true, 15), &always(), &pool);
    let text = Random(6).text(100_000);
    let mut wire = Vec::new();
    let (compressor, wire) = std::thread::scope(|scope| {
        let there = scope.spawn(|| {
            compressor.compress(&text, &mut wire);
            (compressor, wire)
        });
        assert_eq!(decompressor.decompress(&[0x00], LIMIT, &mut Vec::new()), Ok(()));
        there.join().unwrap()
    });
    let mut out = Vec::new();
    assert_eq!(decompressor.decompress(&wire, LIMIT, &mut out), Ok(()));
    assert!(out == text);
    assert!(compressor.reserved_bytes() > 0);
}
