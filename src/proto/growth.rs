//! How much memory is reserved for a message that has not arrived yet.

/// Memory is reserved for at most this many times the bytes that have arrived: the number of
/// missing bytes is only a claim of the peer's, and a header of fourteen bytes can claim 2^63. RFC
/// 6455 section 10.4: "a malicious endpoint can try to exhaust its peer's memory or mount a
/// denial-of-service attack by sending either a single big frame (e.g., of size 2**60) or by
/// sending a long stream of small frames that are a part of a fragmented message."
const FACTOR: usize = 16;

/// Bytes of memory to reserve for a message of which `arrived` bytes have arrived and `missing`
/// others are announced: at least `arrived`, and at most the sum of both.
pub fn capacity(arrived: usize, missing: u64) -> usize {
    let missing = usize::try_from(missing).unwrap_or(usize::MAX);
    arrived.saturating_add(missing).min(arrived.saturating_mul(FACTOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_rest_is_reserved_at_once() {
        assert_eq!(capacity(100, 0), 100);
        assert_eq!(capacity(100, 1), 101);
        assert_eq!(capacity(100, 1_500), 1_600);
    }

    #[test]
    fn beyond_sixteen_times_what_arrived_nothing_is_reserved() {
        assert_eq!(capacity(100, 1_501), 1_600);
        assert_eq!(capacity(1, u64::MAX), 16);
        assert_eq!(capacity(0, u64::MAX), 0);
        assert_eq!(capacity(usize::MAX, u64::MAX), usize::MAX);
    }
}
