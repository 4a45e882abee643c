//! The output of calls into the core: bytes for the peer, and events that point at payloads.

/// Bytes and events that calls into the core append. The caller owns the buffers and passes them to
/// each call, so that they are allocated once and used again.
#[derive(Debug, Default)]
pub struct Output {
    /// Bytes for the peer, in order.
    pub wire: Vec<u8>,
    /// Payloads that are not part of the caller's input, because they are of several frames or
    /// chunks, or were inflated.
    pub scratch: Vec<u8>,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Memory for the next message that does not arrive in one piece; see
    /// [`recycle`](Self::recycle).
    pub spare: Vec<u8>,
}

/// Bytes of memory that are kept at most for the next message; larger memory is freed.
const MOST_SPARE: usize = 1024 * 1024;

impl Output {
    /// Removes the events and `scratch`, which they point into; `wire` stays until the caller takes
    /// it.
    pub fn clear_events(&mut self) {
        self.events.clear();
        self.scratch.clear();
    }

    /// Keeps the memory of a message for the next one: to fault in fresh pages costs more than to
    /// write to them.
    pub fn recycle(&mut self, mut memory: Vec<u8>) {
        if (self.spare.capacity()..=MOST_SPARE).contains(&memory.capacity()) {
            memory.clear();
            self.spare = memory;
        }
    }
}

/// Which buffer a [`Span`] points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The chunk that was lent to the call.
    Input,
    /// [`Output::scratch`].
    Scratch,
}

/// Where a payload lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The buffer.
    pub source: Source,
    /// First byte.
    pub offset: usize,
    /// Bytes.
    pub length: usize,
}

impl Span {
    /// A span of the chunk that was lent to the call.
    pub fn input(offset: usize, length: usize) -> Self {
        Self { source: Source::Input, offset, length }
    }

    /// A span of [`Output::scratch`].
    pub fn scratch(offset: usize, length: usize) -> Self {
        Self { source: Source::Scratch, offset, length }
    }

    /// The bytes, given the chunk that was lent and the output that was filled.
    ///
    /// # Panics
    ///
    /// For the chunk or the output of another call.
    #[expect(clippy::indexing_slicing, reason = "a span is within the buffers of its call")]
    pub fn bytes<'a>(&self, input: &'a [u8], output: &'a Output) -> &'a [u8] {
        let buffer = match self.source {
            Source::Input => input,
            Source::Scratch => output.scratch.as_slice(),
        };
        &buffer[self.offset..self.offset + self.length]
    }
}

/// Whether the bytes of a text are known to be ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Checked: every byte is below 0x80.
    Ascii,
    /// Checked: well-formed UTF-8.
    Utf8,
    /// Not checked: ill-formed sequences become U+FFFD (drafts 75 and 76 decode leniently).
    Lenient,
}

/// A message or control frame for the caller to deliver or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole text message.
    Text(Span, Encoding),
    /// A whole binary message.
    Binary(Span),
    /// A whole message that extensions outside the core have to decode. Its text is unchecked.
    Encoded {
        /// The payload as it came.
        span: Span,
        /// 1 for text, 2 for binary.
        opcode: u8,
        /// Reserved bits of the first frame: RSV1 is 4, RSV2 is 2, RSV3 is 1.
        rsv: u8,
    },
    /// The next part of a message that is delivered while it arrives. The text of all parts is
    /// checked to be UTF-8, but a character may be divided between two parts.
    Part {
        /// The bytes of this part; none, where a frame or the message is empty.
        span: Span,
        /// 1 for text, 2 for binary.
        opcode: u8,
        /// The first of its message.
        first: bool,
        /// The last: the message is complete.
        last: bool,
    },
    /// A ping. The caller sends the pong, so that it keeps its place among the other output.
    Ping(Span),
    /// A pong.
    Pong(Span),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are kept of so many.
    fn kept(capacity: usize, before: usize) -> usize {
        let mut output = Output { spare: Vec::with_capacity(before), ..Output::default() };
        let mut memory = Vec::with_capacity(capacity);
        memory.push(1);
        output.recycle(memory);
        assert!(output.spare.is_empty());
        output.spare.capacity()
    }

    #[test]
    fn memory_of_a_message_is_kept_for_the_next_one_up_to_1_mib() {
        assert_eq!(kept(70_000, 0), 70_000);
        assert_eq!(kept(1 << 20, 0), 1 << 20);
        assert_eq!(kept((1 << 20) + 1, 10), 10);
    }

    #[test]
    fn the_larger_memory_is_kept() {
        assert_eq!(kept(10, 20), 20);
        assert_eq!(kept(20, 10), 20);
    }
}
