//! Randomness comes in from outside, so that the core stays deterministic under test.

/// A source of unpredictable bytes: masking keys (RFC 6455 section 5.3) and handshake nonces
/// (section 4.1).
pub trait Entropy {
    /// Fills `bytes` with unpredictable values.
    fn fill(&mut self, bytes: &mut [u8]);
}
