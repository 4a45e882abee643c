//! Where the core gets unpredictable bytes: from its caller, so that tests are deterministic.

/// A source of unpredictable bytes: masking keys (RFC 6455 section 5.3) and handshake nonces
/// (section 4.1).
pub trait Entropy {
    /// Fills `bytes` with unpredictable values.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// Bytes of one batch: a thousand masking keys.
const BATCH: usize = 4096;

/// Unpredictable bytes from a source that is asked for 4 KiB at a time, since each call of an
/// operating system's source costs more than the bytes of a key.
pub struct BatchedEntropy {
    draw: fn(&mut [u8]),
    batch: Box<[u8; BATCH]>,
    /// Bytes of the batch that were handed out.
    used: usize,
}

impl BatchedEntropy {
    /// Calls `draw`, which fills its argument with unpredictable values, when bytes are first
    /// needed.
    pub fn new(draw: fn(&mut [u8])) -> Self {
        Self { draw, batch: Box::new([0; BATCH]), used: BATCH }
    }
}

impl Entropy for BatchedEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > BATCH.saturating_sub(self.used) {
            (self.draw)(self.batch.as_mut_slice());
            self.used = 0;
        }
        let rest = self.batch.get_mut(self.used..).unwrap_or_default();
        let Some((taken, _)) = rest.split_at_mut_checked(bytes.len()) else {
            // Longer than a batch.
            return (self.draw)(bytes);
        };
        bytes.copy_from_slice(taken);
        // A key must not be found in memory after it was handed out.
        taken.fill(0);
        self.used += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Calls of `draw`, and the number written last.
        static DRAWN: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }

    /// Fills `bytes` with numbers of four bytes, each one only once.
    fn draw(bytes: &mut [u8]) {
        let (calls, mut number) = DRAWN.get();
        for word in bytes.chunks_mut(4) {
            number += 1;
            word.copy_from_slice(&number.to_be_bytes()[..word.len()]);
        }
        DRAWN.set((calls + 1, number));
    }

    fn key(entropy: &mut BatchedEntropy) -> u32 {
        let mut key = [0; 4];
        entropy.fill(&mut key);
        u32::from_be_bytes(key)
    }

    /// RFC 6455 section 5.3: "Each masking key MUST be unpredictable", so no byte is given twice.
    #[test]
    fn a_batch_is_handed_out_to_its_last_byte_and_once() {
        let mut entropy = BatchedEntropy::new(draw);
        assert_eq!(DRAWN.get().0, 0);
        for number in 1..=3072 {
            assert_eq!(key(&mut entropy), number);
        }
        assert_eq!(DRAWN.get().0, 3);
        assert_eq!(key(&mut entropy), 3073);
        assert_eq!(DRAWN.get().0, 4);
    }

    #[test]
    fn what_is_longer_than_a_batch_is_drawn_for_itself() {
        let mut entropy = BatchedEntropy::new(draw);
        let mut long = vec![0; BATCH + 4];
        entropy.fill(&mut long);
        let numbers: Vec<u32> =
            long.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        let first = numbers[0];
        assert_eq!(numbers, (first..first + numbers.len() as u32).collect::<Vec<_>>());
        assert!(!numbers.contains(&key(&mut entropy)));
    }

    #[test]
    fn a_key_that_was_handed_out_is_not_kept() {
        let mut entropy = BatchedEntropy::new(draw);
        let mut keys = [0; 8];
        entropy.fill(&mut keys);
        assert_eq!(entropy.batch[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    }
}
