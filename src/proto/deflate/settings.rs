//! What makes one compressor different from another.

use zlib_rs::{Deflate, DeflateConfig, Strategy};

/// The settings of a compressor. Two compressors without context takeover and with the same
/// settings turn the same payload into the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) level: i32,
    pub(super) mem_level: i32,
    pub(super) strategy: Strategy,
    /// 9 to 15.
    pub(super) window_bits: u8,
}

impl Settings {
    /// A new compressor. In a box, as inflaters are: a `Deflate` that is dropped by a function which
    /// received it by value frees memory that a reference argument still protects, which Rust's
    /// aliasing rules forbid (zlib-rs issue 491).
    pub(super) fn compressor(self) -> Box<Deflate> {
        Box::new(Deflate::new_with_config(DeflateConfig {
            level: self.level,
            mem_level: self.mem_level,
            strategy: self.strategy,
            // Negative asks zlib for raw DEFLATE, without its header and checksum.
            window_bits: -i32::from(self.window_bits),
            ..DeflateConfig::default()
        }))
    }

    /// Bytes zlib-rs allocates for one compressor: two windows, chain links, 2^16 hash heads,
    /// pending output and symbols, the state proper.
    pub(super) fn compressor_bytes(self) -> usize {
        let window = 1usize << self.window_bits;
        let literals = 1usize << (self.mem_level + 6);
        2 * window + 2 * window + 2 * (1 << 16) + 7 * literals + 4 * 1024
    }
}
