//! The operating system's random source behind the core's [`Entropy`](crate::proto::Entropy).

use crate::proto::BatchedEntropy;

/// Unpredictable bytes from the operating system.
pub(crate) fn os_entropy() -> BatchedEntropy {
    BatchedEntropy::new(draw)
}

#[expect(
    clippy::expect_used,
    reason = "no peer can cause it, and no key could be trusted after it"
)]
fn draw(bytes: &mut [u8]) {
    // RFC 6455 section 10.3 wants masking keys that cannot be predicted: without random bytes
    // nothing may be sent. On the supported systems this fails only in a sandbox that forbids the
    // system call.
    getrandom::fill(bytes).expect("the operating system has a random source");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Entropy;

    #[test]
    fn every_request_gets_other_bytes() {
        let mut entropy = os_entropy();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2000 {
            let mut key = [0; 16];
            entropy.fill(&mut key);
            assert!(seen.insert(key), "a key came twice");
        }
    }

    #[test]
    fn requests_of_every_size_are_filled() {
        let mut entropy = os_entropy();
        for size in [0, 1, 4, 4095, 4096, 4097, 20_000] {
            let mut bytes = vec![0; size];
            entropy.fill(&mut bytes);
            let zeros = bytes.iter().filter(|&&byte| byte == 0).count();
            assert!(zeros <= 4 + size / 64, "{zeros} zeros in {size} bytes");
        }
    }
}
