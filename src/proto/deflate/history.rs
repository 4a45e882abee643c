//! The plain bytes that the window of one direction refers to.

/// The last bytes of one direction, at most one window of them, in a ring buffer. Any idle zlib
/// state that is primed with them can continue a codec, so that no codec has to keep a zlib state
/// of its own.
#[derive(Debug, Default)]
pub(super) struct History {
    bytes: Vec<u8>,
    /// The place of the oldest byte, once `bytes` is as long as the window.
    start: usize,
}

impl History {
    /// Appends `bytes`, and forgets all but the last `window` bytes. `window` must be the same in
    /// every call until [`clear`](Self::clear).
    #[expect(
        clippy::indexing_slicing,
        reason = "`wrap` is empty unless `self.bytes` fills the window"
    )]
    pub(super) fn push(&mut self, bytes: &[u8], window: usize) {
        if bytes.len() >= window {
            self.bytes.clear();
            self.start = 0;
        }
        let bytes = bytes.get(bytes.len().saturating_sub(window)..).unwrap_or_default();

        let (grow, wrap) = bytes.split_at(bytes.len().min(window - self.bytes.len()));
        if self.bytes.capacity() - self.bytes.len() < grow.len() {
            // Doubling, as a Vec would, but not past the window.
            let double = self.bytes.len().min(window - self.bytes.len());
            self.bytes.reserve_exact(grow.len().max(double));
        }
        self.bytes.extend_from_slice(grow);

        let (to_end, to_front) = wrap.split_at(wrap.len().min(self.bytes.len() - self.start));
        self.bytes[self.start..self.start + to_end.len()].copy_from_slice(to_end);
        self.bytes[..to_front.len()].copy_from_slice(to_front);
        if !wrap.is_empty() {
            self.start = (self.start + wrap.len()) % self.bytes.len();
        }
    }

    /// All bytes, oldest first, in two pieces.
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        let (newer, older) = self.bytes.split_at(self.start);
        [older, newer]
    }

    /// Forgets all bytes, and frees the memory.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of memory held.
    pub(super) fn reserved_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_window_however_it_was_filled() {
        let window = 16;
        for step in 1..40 {
            let mut history = History::default();
            let mut all = Vec::new();
            for round in 0..20u8 {
                let bytes: Vec<u8> = (0..step).map(|i| round.wrapping_mul(41) ^ i).collect();
                history.push(&bytes, window);
                all.extend_from_slice(&bytes);
                let expected = &all[all.len().saturating_sub(window)..];
                assert_eq!(history.pieces().concat(), expected, "step {step}, round {round}");
            }
        }
    }

    #[test]
    fn memory_doubles_up_to_the_window() {
        let mut history = History::default();
        for count in 1..=200_usize {
            history.push(b"x", 100);
            assert_eq!(history.reserved_bytes(), count.next_power_of_two().min(100));
        }
    }

    #[test]
    fn takes_no_memory_before_the_first_byte_and_none_after_clear() {
        let mut history = History::default();
        assert_eq!(history.reserved_bytes(), 0);
        history.push(b"hello", 16);
        history.clear();
        assert_eq!(history.reserved_bytes(), 0);
        assert_eq!(history.pieces().concat(), b"");
    }
}
