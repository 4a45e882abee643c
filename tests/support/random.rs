//! Reproducible bytes for tests.

/// xorshift64*; the same seed gives the same test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    /// Incompressible bytes.
    #[allow(dead_code, reason = "not every test that includes this file needs them")]
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// Text made of a few hundred distinct words, as JSON is.
    pub(crate) fn text(&mut self, length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 16);
        while text.len() < length {
            let word = self.below(300);
            text.extend_from_slice(format!("\"w{}\":{},", word * word, word % 7).as_bytes());
        }
        text.truncate(length);
        text
    }
}
