//! The operating system's random source behind the core's [`Entropy`].

use crate::proto::Entropy;

/// One system call serves a thousand masking keys.
const BATCH: usize = 4096;

/// Unpredictable bytes from the operating system, drawn 4 KiB at a time.
///
/// Not shared between threads: each owner draws its own batches.
pub(crate) struct OsEntropy {
    batch: Box<[u8; BATCH]>,
    used: usize,
}

impl OsEntropy {
    /// Draws nothing until the first request.
    pub(crate) fn new() -> Self {
        Self { batch: Box::new([0; BATCH]), used: BATCH }
    }
}

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > BATCH {
            return draw(bytes);
        }
        if bytes.len() > BATCH - self.used {
            draw(self.batch.as_mut_slice());
            self.used = 0;
        }
        let taken = self.used..self.used + bytes.len();
        self.used = taken.end;
        bytes.copy_from_slice(&self.batch[taken.clone()]);
        // A key must not be found in memory after it was handed out.
        self.batch[taken].fill(0);
    }
}

fn draw(bytes: &mut [u8]) {
    // A predictable masking key would break RFC 6455 section 10.3 silently; the supported systems
    // fail here only when a sandbox forbids getrandom altogether.
    getrandom::fill(bytes).expect("the operating system has a random source");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_gets_other_bytes() {
        let mut entropy = OsEntropy::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2000 {
            let mut key = [0; 16];
            entropy.fill(&mut key);
            assert!(seen.insert(key), "a key came twice");
        }
    }

    #[test]
    fn requests_of_every_size_are_filled() {
        let mut entropy = OsEntropy::new();
        for size in [0, 1, 4, 4095, 4096, 4097, 20_000] {
            let mut bytes = vec![0; size];
            entropy.fill(&mut bytes);
            let zeros = bytes.iter().filter(|&&byte| byte == 0).count();
            assert!(zeros <= 4 + size / 64, "{zeros} zeros in {size} bytes");
        }
    }
}
