//! The direction that compresses (RFC 7692 section 7.2.1).

use zlib_rs::{Deflate, DeflateFlush, Status, Strategy};

use super::history::History;
use super::pool::{Owner, ZlibPool};
use super::settings::Settings;
use super::{DeflateOptions, Direction, TAIL};

/// Shorter messages are not compressed by default where they cannot refer to earlier ones, in
/// bytes.
const DEFAULT_THRESHOLD: usize = 1024;

/// Bytes of the window that a codec keeps, for a compressor that has to be primed with them. To
/// prime one with all 32 KiB costs five times what it costs to compress a short message. With the
/// last quarter it costs as little as to fetch a warm compressor from memory, and messages become
/// some 5 % longer.
const KEPT_HISTORY: usize = 8 * 1024;

/// Compresses one connection's messages.
#[derive(Debug)]
pub struct Compressor {
    settings: Settings,
    threshold: usize,
    /// `Some` with context takeover.
    memory: Option<Memory>,
    pool: ZlibPool,
}

#[derive(Debug)]
struct Memory {
    owner: Owner,
    /// The last bytes of the peer's window.
    history: History,
}

impl Compressor {
    /// A compressor for a direction that was agreed on. `options` must be those of the negotiation.
    pub(super) fn new(direction: Direction, options: &DeflateOptions, pool: ZlibPool) -> Self {
        let settings = Settings {
            level: options.level.clamp(-1, 9),
            mem_level: options.mem_level.clamp(1, 9),
            strategy: Strategy::try_from(options.strategy).unwrap_or_default(),
            // zlib has no raw DEFLATE with a window of 8 bits. With 9 bits it refers at most
            // 2^9 - 262 = 250 bytes back, within the 256 bytes of the window that was agreed on.
            window_bits: direction.window_bits.clamp(9, 15),
        };
        let memory = direction
            .context_takeover
            .then(|| Memory { owner: pool.new_owner(), history: History::default() });
        let default_threshold = if memory.is_some() { 0 } else { DEFAULT_THRESHOLD };
        Self { settings, threshold: options.threshold.unwrap_or(default_threshold), memory, pool }
    }

    /// Compresses a whole message and appends it to `out`, to be sent with RSV1. False, with `out`
    /// unchanged, for a message that is to be sent uncompressed, without RSV1: it is shorter than
    /// the threshold.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        if payload.len() < self.threshold {
            return false;
        }
        if payload.is_empty() {
            // RFC 7692 section 7.2.3.6: the header bits of an empty stored block. zlib gives no
            // output for an empty message where it has flushed just before.
            out.push(0x00);
            return true;
        }

        let Some(memory) = &mut self.memory else {
            return compress_alone(&self.pool, self.settings, payload, out);
        };

        let owner = Some(memory.owner);
        let mut deflate = self.pool.take_compressor(owner, self.settings, &memory.history);
        if !deflate_message(&mut deflate, payload, out) {
            return false;
        }
        memory.history.push(payload, KEPT_HISTORY.min(1 << self.settings.window_bits));
        self.pool.put_compressor(owner, self.settings, deflate);
        true
    }

    /// Bytes that are held for this connection alone.
    pub fn reserved_bytes(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.history.reserved_bytes())
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            self.pool.disown(memory.owner);
        }
    }
}

/// Compresses without context takeover: the result depends on settings and payload alone.
fn compress_alone(pool: &ZlibPool, settings: Settings, payload: &[u8], out: &mut Vec<u8>) -> bool {
    if pool.recall(settings, payload, out) {
        return true;
    }
    let from = out.len();
    let mut deflate = pool.take_compressor(None, settings, &History::default());
    if !deflate_message(&mut deflate, payload, out) {
        return false;
    }
    pool.put_compressor(None, settings, deflate);
    pool.remember(settings, payload, out.get(from..).unwrap_or_default());
    true
}

/// Appends the compressed message without its tail. False, with `out` unchanged, if zlib fails; no
/// input can make it fail. The message can then be sent uncompressed, and `deflate` must not be
/// used again.
fn deflate_message(deflate: &mut Deflate, payload: &[u8], out: &mut Vec<u8>) -> bool {
    let from = out.len();
    let mut rest = payload;
    // Room for all of a short message, even an incompressible one, and for half of a long one.
    let mut room = if payload.len() <= 4096 { payload.len() + 64 } else { payload.len() / 2 };

    loop {
        let start = out.len();
        out.resize(start + room, 0);
        let (read, written) = (deflate.total_in(), deflate.total_out());
        let free = out.get_mut(start..).unwrap_or_default();
        let status = deflate.compress(rest, free, DeflateFlush::SyncFlush);
        let read = (deflate.total_in() - read) as usize;
        let written = (deflate.total_out() - written) as usize;
        out.truncate(start + written);
        rest = rest.get(read..).unwrap_or_default();

        // A flush is complete once zlib leaves room in the output. Section 7.2.1: "If the resulting
        // data does not end with an empty DEFLATE block with no compression (the "BTYPE" bits are
        // set to 00), append an empty DEFLATE block with no compression to the tail end": a sync
        // flush ends with one.
        match status {
            Ok(Status::Ok | Status::BufError) if written == room => {}
            Ok(Status::Ok | Status::BufError)
                if rest.is_empty()
                    && out.get(from..).is_some_and(|compressed| compressed.ends_with(&TAIL)) =>
            {
                out.truncate(out.len() - TAIL.len());
                return true;
            }
            _ => {
                out.truncate(from);
                return false;
            }
        }
        room = (payload.len() / 4).max(4096);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressor(takeover: bool, options: &DeflateOptions) -> Compressor {
        let direction = Direction { context_takeover: takeover, window_bits: 15 };
        Compressor::new(direction, options, ZlibPool::default())
    }

    fn compress(compressor: &mut Compressor, payload: &[u8]) -> Option<Vec<u8>> {
        let mut out = b"kept".to_vec();
        let compressed = compressor.compress(payload, &mut out);
        assert!(out.starts_with(b"kept"));
        compressed.then(|| out.split_off(4)).or_else(|| {
            assert_eq!(out, b"kept");
            None
        })
    }

    #[test]
    fn a_text_on_the_wire() {
        // The bytes of the original with its permessage-deflate.
        let mut compressor = compressor(true, &DeflateOptions::default());
        assert_eq!(
            compress(&mut compressor, b"hello hello hello hello").as_deref(),
            Some(&[0xca, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01, 0x00][..])
        );
    }

    #[test]
    fn the_state_of_a_codec_that_is_gone_is_the_next_ones() {
        let pool = ZlibPool::default();
        let direction = Direction { context_takeover: true, window_bits: 15 };
        let options = DeflateOptions { threshold: Some(0), ..DeflateOptions::default() };
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut compressor = Compressor::new(direction, &options, pool.clone());
            assert!(compress(&mut compressor, b"some text").is_some());
            drop(compressor);
            held.push(pool.reserved_bytes());
        }
        assert_eq!(held, [held[0]; 3]);
    }

    #[test]
    fn the_example_of_rfc_7692_section_7_2_3_2() {
        let mut compressor = compressor(true, &DeflateOptions::default());
        let first = compress(&mut compressor, b"Hello");
        assert_eq!(first.as_deref(), Some(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..]));
        let second = compress(&mut compressor, b"Hello");
        assert_eq!(second.as_deref(), Some(&[0xf2, 0x00, 0x11, 0x00, 0x00][..]));
    }

    #[test]
    fn without_takeover_every_message_stands_alone() {
        let options = DeflateOptions { threshold: Some(0), ..DeflateOptions::default() };
        let mut compressor = compressor(false, &options);
        let first = compress(&mut compressor, b"Hello");
        assert_ne!(compress(&mut compressor, b"World"), first);
        assert_eq!(compress(&mut compressor, b"Hello"), first);
        assert_eq!(compressor.reserved_bytes(), 0);
    }

    #[test]
    fn an_empty_message_is_one_zero_byte_every_time() {
        for takeover in [true, false] {
            let options = DeflateOptions { threshold: Some(0), ..DeflateOptions::default() };
            let mut compressor = compressor(takeover, &options);
            for _ in 0..3 {
                assert_eq!(compress(&mut compressor, b"").as_deref(), Some(&[0][..]));
            }
        }
    }

    #[test]
    fn the_threshold_is_1024_without_takeover_and_0_with_it() {
        let options = DeflateOptions::default();
        assert!(compress(&mut compressor(false, &options), &[b'x'; 1023]).is_none());
        assert!(compress(&mut compressor(false, &options), &[b'x'; 1024]).is_some());
        assert!(compress(&mut compressor(true, &options), b"x").is_some());
        let options = DeflateOptions { threshold: Some(5), ..options };
        assert!(compress(&mut compressor(true, &options), b"1234").is_none());
        assert!(compress(&mut compressor(true, &options), b"12345").is_some());
    }

    #[test]
    fn a_broadcast_is_compressed_once_for_all_codecs_without_takeover() {
        let pool = ZlibPool::default();
        let direction = Direction { context_takeover: false, window_bits: 15 };
        let options = DeflateOptions::default();
        let text = vec![b'x'; 5000];
        let mut outs = Vec::new();
        for _ in 0..10 {
            let mut compressor = Compressor::new(direction, &options, pool.clone());
            let mut out = Vec::new();
            assert!(compressor.compress(&text, &mut out));
            outs.push(out);
        }
        outs.dedup();
        assert_eq!(outs.len(), 1);
        // One use of a compressor, whatever the number of codecs.
        assert_eq!(pool.uses(), 1);
    }
}
