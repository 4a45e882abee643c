//! A second opinion on DEFLATE (RFC 1951): walks a raw stream block by block, independent of the
//! library under test, and tells how far back its references reach.

/// The longest distance in a stream of whole blocks. Panics if it is not DEFLATE.
pub(crate) fn farthest(stream: &[u8]) -> usize {
    let mut bits = Bits { stream, position: 0 };
    let mut farthest = 0;
    while bits.position < stream.len() * 8 {
        assert_eq!(bits.take(1), 0, "a final block");
        match bits.take(2) {
            0 => {
                bits.position = bits.position.next_multiple_of(8);
                let length = bits.take(16);
                assert_eq!(bits.take(16), length ^ 0xffff, "stored block lengths");
                bits.position += length * 8;
            }
            1 => {
                let literals: Vec<usize> = (0..288)
                    .map(|symbol| match symbol {
                        144..=255 => 9,
                        256..=279 => 7,
                        _ => 8,
                    })
                    .collect();
                block(&mut bits, &Code::new(&literals), &Code::new(&[5; 30]), &mut farthest);
            }
            2 => {
                let (literals, distances) = dynamic(&mut bits);
                block(&mut bits, &literals, &distances, &mut farthest);
            }
            _ => unreachable!("block type 3"),
        }
    }
    farthest
}

struct Bits<'a> {
    stream: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        (0..count).fold(0, |value, n| {
            let bit = self.stream[self.position / 8] >> (self.position % 8) & 1;
            self.position += 1;
            value | usize::from(bit) << n
        })
    }
}

/// A canonical Huffman code: symbols by length, in order.
struct Code(Vec<Vec<usize>>);

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut by_length = vec![Vec::new(); 16];
        for (symbol, length) in lengths.iter().enumerate() {
            if *length > 0 {
                by_length[*length].push(symbol);
            }
        }
        Self(by_length)
    }

    fn read(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first) = (0, 0);
        for symbols in &self.0[1..] {
            code |= bits.take(1);
            if code - first < symbols.len() {
                return symbols[code - first];
            }
            first = (first + symbols.len()) << 1;
            code <<= 1;
        }
        unreachable!("no such code");
    }
}

fn dynamic(bits: &mut Bits<'_>) -> (Code, Code) {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances) = (bits.take(5) + 257, bits.take(5) + 1);
    let used = bits.take(4) + 4;
    let mut lengths = [0; 19];
    for symbol in &ORDER[..used] {
        lengths[*symbol] = bits.take(3);
    }
    let code = Code::new(&lengths);

    let mut lengths: Vec<usize> = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match code.read(bits) {
            16 => (*lengths.last().expect("a length to repeat"), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    (Code::new(&lengths[..literals]), Code::new(&lengths[literals..]))
}

fn block(bits: &mut Bits<'_>, literals: &Code, distances: &Code, farthest: &mut usize) {
    loop {
        match literals.read(bits) {
            0..=255 => {}
            256 => return,
            symbol => {
                // Lengths themselves do not matter, only how many extra bits they have.
                bits.take(match symbol {
                    257..=264 | 285 => 0,
                    symbol => (symbol - 261) / 4,
                });
                let symbol = distances.read(bits);
                let extra = (symbol / 2).saturating_sub(1);
                let base = if symbol < 2 { symbol } else { (2 + symbol % 2) << extra };
                *farthest = (*farthest).max(base + bits.take(extra) + 1);
            }
        }
    }
}
