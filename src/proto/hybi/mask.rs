//! Masking: RFC 6455 section 5.3.

/// XORs `bytes` with `key`, the first byte with `key[phase % 4]`. Masking twice is unmasking.
///
/// Words of eight bytes are taken in groups of eight, for which the compiler uses vector registers.
/// Each group begins with the same byte of the key, because its size is a multiple of four.
pub fn apply(bytes: &mut [u8], key: [u8; 4], phase: usize) {
    // RFC 6455 section 5.3: "Octet i of the transformed data ("transformed-octet-i") is the XOR of
    // octet i of the original data ("original-octet-i") with octet at index i modulo 4 of the
    // masking key".
    let key = rotate(key, phase);
    let word = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (groups, tail) = bytes.as_chunks_mut::<64>();
    for group in groups {
        for lane in group.as_chunks_mut::<8>().0 {
            *lane = (u64::from_ne_bytes(*lane) ^ word).to_ne_bytes();
        }
    }
    let (lanes, tail) = tail.as_chunks_mut::<8>();
    for lane in lanes {
        *lane = (u64::from_ne_bytes(*lane) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

fn rotate(key: [u8; 4], phase: usize) -> [u8; 4] {
    let mut key = key;
    key.rotate_left(phase % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_by_one(bytes: &[u8], key: [u8; 4], phase: usize) -> Vec<u8> {
        bytes.iter().enumerate().map(|(i, byte)| byte ^ key[(i + phase) % 4]).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn every_length_alignment_and_phase_equals_the_byte_loop() {
        let source: Vec<u8> = (0..300u32).map(|i| (i * 7 + 3) as u8).collect();
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..=200 {
            for start in 0..9 {
                for phase in 0..4 {
                    let mut bytes = source[start..start + length].to_vec();
                    let expected = one_by_one(&bytes, key, phase);
                    apply(&mut bytes, key, phase);
                    assert_eq!(bytes, expected, "length {length} start {start} phase {phase}");
                }
            }
        }
    }

    #[test]
    fn the_rfc_example() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }
}
