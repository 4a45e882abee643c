//! The zlib states, shared by all codecs of a process or of a thread.
//!
//! A compressor's state has about 375 KiB and an inflater's 47 KiB, and a codec needs either only
//! for the microseconds that a message takes. So codecs borrow them from a pool:
//!
//! - An inflater can continue any codec when it has been given the codec's history, which costs no
//!   more than to copy that. Between two messages, inflaters therefore belong to no codec.
//! - A compressor has to hash the history as well. With context takeover it therefore stays warm:
//!   it keeps the state of the codec that has used it last, until the pool is full and it is the
//!   one that has not been used for the longest time, or until [`ZlibPool::sweep`] finds that it
//!   was not used. The pool is small on purpose: a state fills a third of a processor's
//!   second-level cache, and to prime one that is in the cache takes less time than to continue one
//!   that has to be fetched from memory.
//! - Without context takeover the same payload gives the same bytes for every codec with the same
//!   settings. The last such message is remembered, so that a broadcast is compressed once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zlib_rs::{Deflate, Inflate};

use super::history::History;
use super::settings::Settings;

/// Limits on what [`ZlibPool`] keeps between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Compressors kept, warm or free; about 375 KiB each with zlib's default `memLevel`. At least
    /// 1.
    pub max_compressors: usize,
    /// Idle inflaters kept; about 47 KiB each.
    pub max_inflaters: usize,
    /// Most bytes of a message without context takeover that is remembered.
    pub max_remembered: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { max_compressors: 8, max_inflaters: 8, max_remembered: 256 * 1024 }
    }
}

/// Bytes zlib-rs allocates for one inflater, whatever the negotiated window.
pub(super) const INFLATER_BYTES: usize = 32 * 1024 + 15 * 1024;

/// The codec to which a warm compressor belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u64);

/// A compressor that is not in use.
struct Shelved {
    owner: Option<Owner>,
    settings: Settings,
    used: u64,
    deflate: Box<Deflate>,
}

/// The last message that was compressed without context takeover.
struct Remembered {
    settings: Settings,
    payload: Vec<u8>,
    compressed: Vec<u8>,
}

struct Shelf {
    limits: PoolLimits,
    compressors: Vec<Shelved>,
    #[expect(clippy::vec_box, reason = "as compressors are; see `Settings::compressor`")]
    inflaters: Vec<Box<Inflate>>,
    remembered: Option<Remembered>,
    /// The number of uses so far, which gives the order of last uses.
    clock: u64,
    swept: u64,
    owners: u64,
}

/// A handle to the shared states; clones share them. Its lock is held only while a state is taken
/// or put back, never while a message is compressed or inflated.
#[derive(Clone)]
pub struct ZlibPool(Arc<Mutex<Shelf>>);

impl ZlibPool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self(Arc::new(Mutex::new(Shelf {
            limits,
            compressors: Vec::new(),
            inflaters: Vec::new(),
            remembered: None,
            clock: 0,
            swept: 0,
            owners: 0,
        })))
    }

    /// Frees the states that were not used since the last sweep. Meant to be called by a slow
    /// timer; without it only the limits of [`PoolLimits`] apply.
    pub fn sweep(&self) {
        let mut shelf = self.lock();
        let swept = shelf.swept;
        shelf.compressors.retain(|shelved| shelved.used > swept);
        if shelf.clock == swept {
            shelf.inflaters = Vec::new();
            shelf.remembered = None;
        }
        shelf.swept = shelf.clock;
    }

    /// Bytes that are held for all codecs together.
    pub fn reserved_bytes(&self) -> usize {
        let shelf = self.lock();
        let compressors: usize =
            shelf.compressors.iter().map(|shelved| shelved.settings.compressor_bytes()).sum();
        let remembered = shelf.remembered.as_ref().map_or(0, |remembered| {
            remembered.payload.capacity() + remembered.compressed.capacity()
        });
        compressors + shelf.inflaters.len() * INFLATER_BYTES + remembered
    }

    /// An owner for a new codec, by which it finds its warm compressor again.
    pub(super) fn new_owner(&self) -> Owner {
        let mut shelf = self.lock();
        shelf.owners += 1;
        Owner(shelf.owners)
    }

    /// A compressor that refers to `history` and nothing else. `owner` is `None` without context
    /// takeover.
    pub(super) fn take_compressor(
        &self,
        owner: Option<Owner>,
        settings: Settings,
        history: &History,
    ) -> Box<Deflate> {
        let found = self.lock().take_compressor(owner, settings);
        let mut deflate = match found {
            Some((deflate, Warmth::Warm)) => return deflate,
            Some((mut deflate, Warmth::Cold)) => {
                deflate.reset();
                deflate
            }
            None => settings.compressor(),
        };
        for piece in history.pieces() {
            // Cannot fail for a raw stream without pending input, and this one is new or was reset.
            // If it did, the compressor would find fewer matches, and its output would still be
            // right.
            let _ = deflate.set_dictionary(piece);
        }
        deflate
    }

    /// Puts a compressor back, warm for `owner`.
    pub(super) fn put_compressor(
        &self,
        owner: Option<Owner>,
        settings: Settings,
        deflate: Box<Deflate>,
    ) {
        let mut shelf = self.lock();
        shelf.clock += 1;
        let used = shelf.clock;
        if shelf.compressors.len() < shelf.limits.max_compressors.max(1) {
            shelf.compressors.push(Shelved { owner, settings, used, deflate });
        }
    }

    /// The codec `owner` was dropped: its warm compressor may be given to any other.
    pub(super) fn disown(&self, owner: Owner) {
        for shelved in &mut self.lock().compressors {
            if shelved.owner == Some(owner) {
                shelved.owner = None;
            }
        }
    }

    /// A raw inflater with an empty window.
    pub(super) fn take_inflater(&self) -> Box<Inflate> {
        let found = self.lock().inflaters.pop();
        match found {
            Some(mut inflate) => {
                inflate.reset(false);
                inflate
            }
            // Always the largest window, which zlib-rs allocates in any case: a peer with a smaller
            // one sees no difference.
            None => Box::new(Inflate::new(false, 15)),
        }
    }

    /// Puts an inflater back, in any state.
    pub(super) fn put_inflater(&self, inflate: Box<Inflate>) {
        let mut shelf = self.lock();
        shelf.clock += 1;
        if shelf.inflaters.len() < shelf.limits.max_inflaters {
            shelf.inflaters.push(inflate);
        }
    }

    /// Appends the compressed bytes of `payload`, if they are remembered.
    pub(super) fn recall(&self, settings: Settings, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let shelf = self.lock();
        match &shelf.remembered {
            Some(last) if last.settings == settings && last.payload == payload => {
                out.extend_from_slice(&last.compressed);
                true
            }
            _ => false,
        }
    }

    /// Remembers the compressed bytes of `payload`.
    pub(super) fn remember(&self, settings: Settings, payload: &[u8], compressed: &[u8]) {
        let mut shelf = self.lock();
        if payload.len().max(compressed.len()) > shelf.limits.max_remembered {
            return;
        }
        let last = shelf.remembered.get_or_insert_with(|| Remembered {
            settings,
            payload: Vec::new(),
            compressed: Vec::new(),
        });
        last.settings = settings;
        payload.clone_into(&mut last.payload);
        compressed.clone_into(&mut last.compressed);
    }

    /// How often a state was put back.
    #[cfg(test)]
    pub(super) fn uses(&self) -> u64 {
        self.lock().clock
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // A poisoned lock is no reason to stop: no code panics while it changes the shelf.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ZlibPool {
    fn default() -> Self {
        Self::new(PoolLimits::default())
    }
}

impl fmt::Debug for ZlibPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelf = self.lock();
        f.debug_struct("ZlibPool")
            .field("compressors", &shelf.compressors.len())
            .field("inflaters", &shelf.inflaters.len())
            .finish_non_exhaustive()
    }
}

enum Warmth {
    /// Has the state of its owner's last message.
    Warm,
    /// Has to be reset.
    Cold,
}

impl Shelf {
    /// The owner's warm compressor, else one without an owner, else, if the shelf is full, the one
    /// that has not been used for the longest time. `None` where a new one has to be made, for
    /// which there is room then.
    fn take_compressor(
        &mut self,
        owner: Option<Owner>,
        settings: Settings,
    ) -> Option<(Box<Deflate>, Warmth)> {
        let own = |shelved: &Shelved| owner.is_some() && shelved.owner == owner;
        if let Some(index) = self.compressors.iter().position(own) {
            return Some((self.compressors.swap_remove(index).deflate, Warmth::Warm));
        }

        let free = |shelved: &Shelved| shelved.owner.is_none() && shelved.settings == settings;
        if let Some(index) = self.compressors.iter().position(free) {
            return Some((self.compressors.swap_remove(index).deflate, Warmth::Cold));
        }

        if self.compressors.len() < self.limits.max_compressors.max(1) {
            return None;
        }
        let (index, _) =
            self.compressors.iter().enumerate().min_by_key(|(_, shelved)| shelved.used)?;
        let oldest = self.compressors.swap_remove(index);
        (oldest.settings == settings).then_some((oldest.deflate, Warmth::Cold))
    }
}

#[cfg(test)]
mod tests {
    use zlib_rs::{DeflateFlush, Strategy};

    use super::*;

    const SETTINGS: Settings =
        Settings { level: -1, mem_level: 8, strategy: Strategy::Default, window_bits: 15 };

    fn shelf(max_compressors: usize) -> ZlibPool {
        ZlibPool::new(PoolLimits { max_compressors, ..PoolLimits::default() })
    }

    fn shelved(pool: &ZlibPool) -> usize {
        pool.lock().compressors.len()
    }

    fn use_once(pool: &ZlibPool, owner: Option<Owner>, settings: Settings) {
        let deflate = pool.take_compressor(owner, settings, &History::default());
        pool.put_compressor(owner, settings, deflate);
    }

    #[test]
    fn codecs_without_takeover_share_one_compressor() {
        let pool = shelf(4);
        for _ in 0..10 {
            use_once(&pool, None, SETTINGS);
        }
        assert_eq!(shelved(&pool), 1);
    }

    #[test]
    fn the_shelf_never_grows_past_its_limit() {
        let pool = shelf(3);
        for bits in [9, 12, 15] {
            for _ in 0..5 {
                let settings = Settings { window_bits: bits, ..SETTINGS };
                use_once(&pool, Some(pool.new_owner()), settings);
                assert!(shelved(&pool) <= 3);
            }
        }
    }

    #[test]
    fn the_compressor_that_rested_longest_goes_first() {
        let pool = shelf(2);
        let owners = [pool.new_owner(), pool.new_owner(), pool.new_owner()];
        use_once(&pool, Some(owners[0]), SETTINGS);
        use_once(&pool, Some(owners[1]), SETTINGS);
        use_once(&pool, Some(owners[0]), SETTINGS);
        use_once(&pool, Some(owners[2]), SETTINGS);

        let held: Vec<_> = pool.lock().compressors.iter().map(|s| s.owner).collect();
        assert!(held.contains(&Some(owners[0])) && held.contains(&Some(owners[2])));
    }

    #[test]
    fn a_compressor_whose_owner_is_gone_is_reused() {
        let pool = shelf(4);
        let owner = pool.new_owner();
        use_once(&pool, Some(owner), SETTINGS);
        pool.disown(owner);
        use_once(&pool, Some(pool.new_owner()), SETTINGS);
        assert_eq!(shelved(&pool), 1);
    }

    #[test]
    fn a_sweep_takes_what_was_not_used_since_the_last() {
        let pool = shelf(4);
        let (idle, busy) = (pool.new_owner(), pool.new_owner());
        use_once(&pool, Some(idle), SETTINGS);
        use_once(&pool, Some(busy), SETTINGS);
        pool.put_inflater(pool.take_inflater());
        pool.sweep();
        assert_eq!(pool.reserved_bytes(), 2 * SETTINGS.compressor_bytes() + INFLATER_BYTES);
        use_once(&pool, Some(busy), SETTINGS);
        pool.sweep();
        assert_eq!(shelved(&pool), 1);
        pool.sweep();
        assert_eq!(pool.reserved_bytes(), 0);
    }

    #[test]
    fn inflaters_in_use_outlive_every_sweep() {
        let pool = shelf(4);
        for _ in 0..3 {
            pool.put_inflater(pool.take_inflater());
            pool.sweep();
            assert_eq!(pool.reserved_bytes(), INFLATER_BYTES);
        }
        pool.sweep();
        assert_eq!(pool.reserved_bytes(), 0);
    }

    #[test]
    fn only_the_same_payload_and_settings_are_recalled() {
        let pool = shelf(1);
        let mut out = Vec::new();
        pool.remember(SETTINGS, b"payload", b"bytes");
        assert!(!pool.recall(SETTINGS, b"Payload", &mut out));
        assert!(!pool.recall(Settings { level: 1, ..SETTINGS }, b"payload", &mut out));
        assert!(pool.recall(SETTINGS, b"payload", &mut out));
        assert_eq!(out, b"bytes");
    }

    #[test]
    fn all_that_is_kept_is_counted() {
        let pool = shelf(4);
        let small = Settings { window_bits: 9, ..SETTINGS };
        use_once(&pool, Some(pool.new_owner()), SETTINGS);
        use_once(&pool, Some(pool.new_owner()), small);
        let inflaters = [pool.take_inflater(), pool.take_inflater(), pool.take_inflater()];
        inflaters.into_iter().for_each(|inflate| pool.put_inflater(inflate));
        let states = SETTINGS.compressor_bytes() + small.compressor_bytes() + 3 * INFLATER_BYTES;
        assert_eq!(pool.reserved_bytes(), states);
        pool.remember(SETTINGS, &[1; 100], &[2; 50]);
        assert_eq!(pool.reserved_bytes(), states + 150);
    }

    #[test]
    fn no_more_is_kept_than_the_limits_say() {
        let limits = PoolLimits { max_compressors: 0, max_inflaters: 1, max_remembered: 5 };
        let pool = ZlibPool::new(limits);
        let owners = [pool.new_owner(), pool.new_owner()];
        assert_ne!(owners[0], owners[1]);
        let taken =
            owners.map(|owner| pool.take_compressor(Some(owner), SETTINGS, &History::default()));
        for (deflate, owner) in taken.into_iter().zip(owners) {
            pool.put_compressor(Some(owner), SETTINGS, deflate);
        }
        assert_eq!(shelved(&pool), 1);

        let inflaters = [pool.take_inflater(), pool.take_inflater()];
        inflaters.into_iter().for_each(|inflate| pool.put_inflater(inflate));
        let states = SETTINGS.compressor_bytes() + INFLATER_BYTES;
        assert_eq!(pool.reserved_bytes(), states);

        let mut out = Vec::new();
        pool.remember(SETTINGS, b"longer", b"b");
        pool.remember(SETTINGS, b"l", b"longer");
        assert!(!pool.recall(SETTINGS, b"longer", &mut out));
        assert!(!pool.recall(SETTINGS, b"l", &mut out));
        pool.remember(SETTINGS, b"plain", b"bytes");
        assert!(pool.recall(SETTINGS, b"plain", &mut out));
    }

    #[test]
    fn a_compressor_of_other_settings_is_never_handed_out() {
        let pool = shelf(2);
        let small = Settings { window_bits: 9, ..SETTINGS };
        use_once(&pool, None, small);
        use_once(&pool, None, SETTINGS);
        assert_eq!(shelved(&pool), 2);
        // Whoever has rested longest makes room, and is not used.
        let other = Settings { window_bits: 12, ..SETTINGS };
        use_once(&pool, None, other);
        let held: Vec<_> = pool.lock().compressors.iter().map(|s| s.settings).collect();
        assert_eq!(held, [SETTINGS, other]);
    }

    #[test]
    fn a_full_pool_compresses_with_the_settings_that_were_asked_for() {
        let compress = |pool: &ZlibPool, settings| {
            let mut deflate = pool.take_compressor(None, settings, &History::default());
            let mut out = [0; 64];
            deflate.compress(&[b'x'; 32], &mut out, DeflateFlush::SyncFlush).unwrap();
            pool.put_compressor(None, settings, deflate);
            out
        };
        let uncompressed = Settings { level: 0, ..SETTINGS };
        let full = shelf(1);
        for settings in [uncompressed, SETTINGS, uncompressed] {
            assert_eq!(compress(&full, settings), compress(&shelf(1), settings));
        }
    }

    /// A message that was compressed for one codec must not be referred to by another.
    #[test]
    fn a_warm_compressor_is_its_owners_alone() {
        let pool = shelf(1);
        let (first, second) = (pool.new_owner(), pool.new_owner());
        let compress = |owner, history: &History| {
            let mut deflate = pool.take_compressor(Some(owner), SETTINGS, history);
            let mut out = [0; 64];
            deflate.compress(b"the same again", &mut out, DeflateFlush::SyncFlush).unwrap();
            pool.put_compressor(Some(owner), SETTINGS, deflate);
            out
        };
        let alone = compress(first, &History::default());
        assert_eq!(compress(second, &History::default()), alone);
        assert_ne!(compress(second, &History::default()), alone);
    }
}
