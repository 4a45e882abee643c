//! What one side compresses the other inflates, under every agreement and cut, and never past a limit.

use faye_websocket_rs::proto::deflate::{
    Agreement, Codec, DeflateOptions, Direction, InflateError, PoolLimits, ZlibPool,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{Cuts, bytes, cases, cuts};

/// Messages that compress, and messages that do not.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        bytes(),
        (vec(any::<u8>(), 1..40), 0_usize..300).prop_map(|(part, times)| part.repeat(times)),
    ]
}

fn options() -> impl Strategy<Value = DeflateOptions> {
    (-1..=9, 1..=9, 0..=4).prop_map(|(level, mem_level, strategy)| DeflateOptions {
        level,
        mem_level,
        strategy,
        threshold: Some(0),
        ..DeflateOptions::default()
    })
}

fn agreement() -> impl Strategy<Value = Agreement> {
    (any::<bool>(), 8_u8..=15).prop_map(|(context_takeover, window_bits)| {
        let direction = Direction { context_takeover, window_bits };
        Agreement { own: direction, peer: direction }
    })
}

/// Inflates a message in pieces, each in steps of a budget.
fn inflate(
    codec: &mut Codec,
    wire: &[u8],
    cuts: &Cuts,
    limit: usize,
    budget: usize,
) -> Result<Vec<u8>, InflateError> {
    let mut out = b"kept".to_vec();
    let mut pieces = cuts.apply(wire).into_iter().peekable();
    if pieces.peek().is_none() {
        codec.decompressor.feed(&[], true, limit, &mut out)?;
    }
    while let Some(mut piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        loop {
            let before = out.len();
            let step = codec.decompressor.step(piece, is_last, limit, budget, &mut out);
            assert!(out.len() - 4 <= limit);
            if step.is_err() {
                assert_eq!(out.len(), before);
            }
            piece = &piece[step?..];
            if piece.is_empty() {
                break;
            }
        }
    }
    assert!(out.starts_with(b"kept"));
    Ok(out.split_off(4))
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn what_is_deflated_is_inflated(
        options in options(), agreement in agreement(),
        messages in vec((message(), cuts()), 1..5),
        budget in prop_oneof![1_usize..5000, Just(usize::MAX)],
        compressors in 0_usize..3,
    ) {
        let limits = PoolLimits { max_compressors: compressors, ..PoolLimits::default() };
        let pool = ZlibPool::new(limits);
        let mut sender = Codec::new(agreement, &options, &pool);
        let mut receiver = Codec::new(agreement, &options, &pool);
        for (message, cuts) in messages {
            let mut wire = b"before".to_vec();
            prop_assert!(sender.compress(&message, &mut wire));
            prop_assert!(wire.starts_with(b"before"));
            let inflated = inflate(&mut receiver, &wire[6..], &cuts, message.len(), budget);
            prop_assert!(inflated == Ok(message));
        }
    }

    #[test]
    fn a_message_of_one_byte_too_many_is_too_large(
        agreement in agreement(), message in message(), cuts in cuts(),
        budget in prop_oneof![1_usize..5000, Just(usize::MAX)],
    ) {
        prop_assume!(!message.is_empty());
        let options = DeflateOptions { threshold: Some(0), ..DeflateOptions::default() };
        let pool = ZlibPool::default();
        let mut wire = Vec::new();
        Codec::new(agreement, &options, &pool).compress(&message, &mut wire);
        let mut receiver = Codec::new(agreement, &options, &pool);
        let inflated = inflate(&mut receiver, &wire, &cuts, message.len() - 1, budget);
        prop_assert_eq!(inflated, Err(InflateError::TooLarge));
    }

    #[test]
    fn whatever_comes_compressed_is_the_same_however_it_is_cut(
        agreement in agreement(), wire in vec(any::<u8>(), 0..60), limit in 0_usize..4000,
        cuts in cuts(), budget in 1_usize..5000,
    ) {
        let options = DeflateOptions::default();
        let pool = ZlibPool::default();
        let codec = || Codec::new(agreement, &options, &pool);
        let whole = inflate(&mut codec(), &wire, &Cuts::none(), limit, usize::MAX);
        let pieces = inflate(&mut codec(), &wire, &cuts, limit, budget);
        match (whole, pieces) {
            // Of two faults, pieces may meet the other first, and zlib has several words for one.
            (Err(_), Err(_)) => {}
            (whole, pieces) => prop_assert_eq!(whole, pieces),
        }
    }
}
