//! What the properties are played with.

use std::env;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// So many cases, unless the environment wants another number.
pub(crate) fn cases(count: u32) -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(0x5eed);
    }
    config
}

/// Where a stream of bytes is cut: lengths of its pieces, one after the other and then from the first
/// again.
#[derive(Clone, Debug)]
pub(crate) struct Cuts(Vec<usize>);

impl Cuts {
    /// All at once.
    pub(crate) fn none() -> Self {
        Self(vec![usize::MAX])
    }

    pub(crate) fn apply<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        for length in self.0.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*length).min(rest.len()));
            pieces.push(piece);
            rest = more;
        }
        pieces
    }
}

/// Byte by byte, in short pieces, in long ones, and all at once.
pub(crate) fn cuts() -> impl Strategy<Value = Cuts> {
    prop_oneof![
        1 => Just(Cuts(vec![1])),
        4 => vec(1_usize..12, 1..6).prop_map(Cuts),
        2 => vec(1_usize..5000, 1..4).prop_map(Cuts),
        1 => Just(Cuts::none()),
    ]
}

/// Texts of code points of every length.
pub(crate) fn text(most: usize) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::char::range(' ', '~'),
        1 => prop::char::range('\0', '\u{7ff}'),
        1 => prop::char::range('\u{800}', '\u{ffff}'),
        1 => prop::char::range('\u{10000}', '\u{10ffff}'),
    ];
    vec(character, 0..=most).prop_map(String::from_iter)
}

/// Bytes whose number may be one around which a frame's length changes its form.
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let long = (prop_oneof![120_usize..132, 65_530_usize..65_542], any::<u8>());
    prop_oneof![
        6 => vec(any::<u8>(), 0..100),
        1 => long.prop_map(|(length, first)| (0..length).map(|at| first ^ at as u8).collect()),
    ]
}

/// A client's key, or a server's frame without one.
pub(crate) fn key() -> impl Strategy<Value = Option<[u8; 4]>> {
    prop::option::of(any::<[u8; 4]>())
}
