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
