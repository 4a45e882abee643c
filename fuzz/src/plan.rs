//! The first bytes of an input: what is chosen, and where the rest is cut. They stand in front, so
//! that a change of the rest leaves them what they are.

/// Short pieces of one input.
const MANY: usize = 1_000;

/// What is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Bits that every target reads its own way.
    pub choices: u8,
    /// A small number: a limit, or how many events fit.
    pub small: u8,
    seed: u16,
}

impl Plan {
    /// Splits an input; `None` when it is too short for a plan.
    pub fn split(input: &[u8]) -> Option<(Self, &[u8])> {
        let (&[choices, small, low, high], rest) = input.split_first_chunk()?;
        Some((Self { choices, small, seed: u16::from_le_bytes([low, high]) }, rest))
    }

    /// Whether a choice is on.
    pub fn has(&self, bit: u8) -> bool {
        self.choices & bit != 0
    }

    /// The limits of interest: none, small ones, and those around which lengths change their form.
    pub fn limit(&self) -> u64 {
        match self.small % 8 {
            0 => u64::MAX,
            1 => u64::from(self.small / 8),
            2 => 125 + u64::from(self.small / 128),
            3 => 65_535 + u64::from(self.small / 128),
            _ => 1 << (8 + self.small / 16),
        }
    }

    /// The rest in pieces, some of them empty.
    pub fn cut<'a>(&self, rest: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut rest = rest;
        let mut state = u64::from(self.seed) | 0x5eed_0001_0000;
        // The first is byte by byte.
        let longest = [1, 4, 64, 4096][usize::from(self.seed % 4)];
        while !rest.is_empty() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let random = (state >> 20) as usize;
            let length = match (longest, pieces.len()) {
                // The rest of a long input in fewer pieces: it is the beginning that has structure.
                (_, MANY..) => random % 65_537,
                (1, _) => 1,
                _ => random % (longest + 1),
            };
            let (piece, left) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        pieces
    }
}
