//! The direction that inflates (RFC 7692 section 7.2.2), whole messages or frame by frame, and
//! never more than one byte past the limit.

use std::fmt;

use zlib_rs::InflateFlush;

use super::history::History;
use super::inflate_stream::{InflateStream, Sink, prime};
use super::pool::{INFLATER_BYTES, ZlibPool};
use super::{Direction, NAME, TAIL};
use crate::proto::{CloseCode, ProtocolError};

/// The text of zlib-rs for any error that its fast loop has found: it overwrites the text of the
/// error itself.
const OPAQUE: &str = "repeated call with bad state";

/// The commonest of the three texts that it has overwritten, where the message cannot be inflated
/// again.
const LIKELIEST: &str = "invalid distance too far back";

/// Inflates one connection's messages.
#[derive(Debug)]
pub struct Decompressor {
    context_takeover: bool,
    window: usize,
    /// The bytes that the peer may refer to: those of earlier messages, and of earlier frames of
    /// this message.
    history: History,
    /// The message that is not complete.
    message: Option<InflateStream>,
    pool: ZlibPool,
}

impl Decompressor {
    /// A decompressor for a direction that was agreed on.
    pub(super) fn new(direction: Direction, pool: ZlibPool) -> Self {
        Self {
            context_takeover: direction.context_takeover,
            // Peers that use zlib have a window of 9 bits where 8 were agreed on.
            window: 1 << direction.window_bits.clamp(9, 15),
            history: History::default(),
            message: None,
            pool,
        }
    }

    /// Inflates a whole message of at most `limit` bytes and appends it to `out`.
    ///
    /// # Errors
    ///
    /// See [`InflateError`]; then `out` is unchanged, and the codec must not be used again.
    pub fn decompress(
        &mut self,
        payload: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        self.feed(payload, true, limit, out)
    }

    /// Inflates the payload of one frame, or any part of it, as it arrives, and appends to `out`.
    /// `last` ends the message. `limit` is for the whole message, with the bytes of earlier calls.
    ///
    /// A message that ends within a block gives the bytes before its end, as with the original and
    /// with other users of zlib.
    ///
    /// # Errors
    ///
    /// Those of [`decompress`](Self::decompress).
    pub fn feed(
        &mut self,
        payload: &[u8],
        last: bool,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        self.step(payload, last, limit, usize::MAX, out).map(|_| ())
    }

    /// As [`feed`](Self::feed), but stops when about `budget` bytes have been inflated, 256 KiB
    /// more at most, so that the rest can be inflated on another thread. Returns how many bytes of
    /// `payload` were used: unless it is all of them, the caller has to call again with the others.
    ///
    /// # Errors
    ///
    /// Those of [`decompress`](Self::decompress).
    pub fn step(
        &mut self,
        payload: &[u8],
        last: bool,
        limit: usize,
        budget: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, InflateError> {
        let fresh = self.message.is_none();
        let mut message = match self.message.take() {
            Some(message) => message,
            None => InflateStream::new(&self.pool, &self.history),
        };
        let from = out.len();
        let mut sink = Sink::new(out, limit);

        let (history, window) = (&mut self.history, self.window);
        let mut result = message.inflate(payload, budget, &mut sink, history, window);
        let done = last && result == Ok(payload.len());
        // A message that ends with a final block has no tail to append.
        if done && !message.ended {
            let tail = message.inflate(&TAIL, usize::MAX, &mut sink, history, window);
            result = tail.map(|_| payload.len());
        }
        let unrecorded = sink.finish();

        match result {
            Err(mut error) => {
                if error == InflateError::Data(OPAQUE) {
                    let text = if fresh && message.endings == 0 {
                        self.explain(payload, out.get_mut(from..).unwrap_or_default())
                    } else {
                        LIKELIEST
                    };
                    error = InflateError::Data(text);
                }
                self.history.clear();
                self.pool.put_inflater(message.inflate);
                out.truncate(from);
                return Err(error);
            }
            // RFC 7692 section 7.2.2: unless a direction was agreed on without context takeover,
            // its receiver "MUST decompress each new message using the LZ77 sliding window used to
            // process the last compressed message."
            Ok(_) if done => {
                self.pool.put_inflater(message.inflate);
                if !self.context_takeover {
                    self.history.clear();
                    return result;
                }
            }
            Ok(_) => self.message = Some(message),
        }
        self.history.push(out.get(unrecorded..).unwrap_or_default(), self.window);
        result
    }

    /// zlib's text for the error in a message that begins with `payload`, and of which `out` was
    /// inflated before the error: the message is inflated once more, and its end in steps too small
    /// for the fast loop.
    fn explain(&self, payload: &[u8], out: &mut [u8]) -> &'static str {
        const SMALL: usize = 200;

        let mut inflate = self.pool.take_inflater();
        prime(&mut inflate, &self.history);
        let sure = out.len().saturating_sub(SMALL);
        let out = out.get_mut(..sure).unwrap_or_default();
        let mut result = inflate.decompress(payload, out, InflateFlush::SyncFlush);
        let mut small = [0; SMALL];
        for _ in 0..4 {
            if result.is_err() {
                break;
            }
            let rest = payload.get(inflate.total_in() as usize..).unwrap_or_default();
            result = inflate.decompress(rest, &mut small, InflateFlush::SyncFlush);
        }
        let text = inflate.error_message();
        self.pool.put_inflater(inflate);
        text.filter(|text| *text != OPAQUE).unwrap_or(LIKELIEST)
    }

    /// Bytes held for this connection alone.
    pub fn reserved_bytes(&self) -> usize {
        let message = if self.message.is_some() { INFLATER_BYTES } else { 0 };
        self.history.reserved_bytes() + message
    }
}

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// It has more bytes than the limit allows.
    TooLarge,
    /// It is not DEFLATE: zlib's text.
    Data(&'static str),
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ProtocolError::from(*self).fmt(f)
    }
}

impl std::error::Error for InflateError {}

impl From<InflateError> for ProtocolError {
    /// As the original reports them: 1009, or 1010 with the extension's name before zlib's text.
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge => Self::TooLarge,
            InflateError::Data(text) => {
                Self::Extension(CloseCode::EXTENSION_ERROR, format!("{NAME}: {text}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decompressor(context_takeover: bool) -> Decompressor {
        let direction = Direction { context_takeover, window_bits: 15 };
        Decompressor::new(direction, ZlibPool::default())
    }

    fn inflate(decompressor: &mut Decompressor, bytes: &[u8]) -> Result<String, InflateError> {
        let mut out = b"kept".to_vec();
        let result = decompressor.decompress(bytes, 1000, &mut out);
        assert!(out.starts_with(b"kept"));
        result.map(|()| String::from_utf8_lossy(&out[4..]).into_owned())
    }

    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

    /// RFC 7692 section 7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the
    /// payload of the message", which the end of one that was cut short takes for data, as in zlib.
    #[test]
    fn the_tail_is_appended_to_what_does_not_end() {
        assert_eq!(inflate(&mut decompressor(true), &[0xca]), Ok("h".to_owned()));
        assert_eq!(inflate(&mut decompressor(true), &[0xca, 0x48, 0xcd]), Ok("heh".to_owned()));
    }

    #[test]
    fn a_message_in_the_making_holds_an_inflater_besides() {
        let mut decompressor = decompressor(true);
        let mut out = Vec::new();
        assert_eq!(decompressor.step(&[0xca, 0x48], false, 1000, usize::MAX, &mut out), Ok(2));
        let held = decompressor.history.reserved_bytes() + INFLATER_BYTES;
        assert_eq!(decompressor.reserved_bytes(), held);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn errors_are_told_as_those_of_the_connection() {
        assert_eq!(InflateError::TooLarge.to_string(), "WebSocket frame length too large");
        assert_eq!(InflateError::Data("x").to_string(), "permessage-deflate: x");
    }

    #[test]
    fn the_examples_of_rfc_7692_section_7_2_3() {
        let hello = Ok("Hello".to_owned());
        let mut d = decompressor(true);
        assert_eq!(inflate(&mut d, &HELLO), hello);
        // 7.2.3.2: refers to the message before.
        assert_eq!(inflate(&mut d, &[0xf2, 0x00, 0x11, 0x00, 0x00]), hello);
        // 7.2.3.3: a block without compression.
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        assert_eq!(inflate(&mut d, &stored), hello);
        // 7.2.3.4: a final block.
        assert_eq!(inflate(&mut d, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]), hello);
        // 7.2.3.5: two blocks.
        let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&mut d, &two), hello);
        // 7.2.3.6: an empty message, as recommended and as others write it.
        assert_eq!(inflate(&mut d, &[0x00]), Ok(String::new()));
        assert_eq!(inflate(&mut d, &[0x02, 0x00]), Ok(String::new()));
    }

    #[test]
    fn a_message_may_come_in_any_pieces() {
        for cut in 0..=HELLO.len() {
            let mut d = decompressor(true);
            let mut out = Vec::new();
            let (first, second) = HELLO.split_at(cut);
            assert_eq!(d.feed(first, false, 1000, &mut out), Ok(()));
            assert_eq!(d.feed(&[], false, 1000, &mut out), Ok(()));
            assert_eq!(d.feed(second, true, 1000, &mut out), Ok(()));
            assert_eq!(out, b"Hello");
            assert_eq!(inflate(&mut d, &[0xf2, 0x00, 0x11, 0x00, 0x00]), Ok("Hello".to_owned()));
        }
    }

    #[test]
    fn a_final_block_anywhere_keeps_the_window() {
        // "Hello" in a final block, then a reference to it, in one message and in two.
        let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let joined = [hello.as_slice(), &again].concat();
        assert_eq!(inflate(&mut decompressor(false), &joined), Ok("HelloHello".to_owned()));

        for cut in 0..=joined.len() {
            let mut d = decompressor(false);
            let mut out = Vec::new();
            assert_eq!(d.feed(&joined[..cut], false, 1000, &mut out), Ok(()));
            assert_eq!(d.feed(&joined[cut..], true, 1000, &mut out), Ok(()));
            assert_eq!(out, b"HelloHello");
        }

        let mut d = decompressor(true);
        assert_eq!(inflate(&mut d, &hello), Ok("Hello".to_owned()));
        assert_eq!(inflate(&mut d, &again), Ok("Hello".to_owned()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn final_blocks_that_are_four_kibibytes_apart_keep_the_window_however_many_they_are() {
        // A stored final block whose data end with "Hello", a reference to that, an empty block.
        let (header, spaces) = ([0x01, 0x05, 0x10, 0xfa, 0xef], [b' '; 4096]);
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff];
        let message = [&header, spaces.as_slice(), b"Hello", &again].concat().repeat(200);
        let mut out = Vec::new();
        assert_eq!(decompressor(true).decompress(&message, 1 << 20, &mut out), Ok(()));
        assert!(out == format!("{:4096}HelloHello", "").repeat(200).into_bytes());
    }

    /// To restore the window costs far more than a final block, which takes two bytes.
    #[test]
    fn only_64_final_blocks_close_together_keep_the_window() {
        for (empty, expected) in [
            (63, Ok("HelloHello".to_owned())),
            (64, Err(InflateError::Data("invalid distance too far back"))),
        ] {
            let mut message = vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
            message.extend([0x03, 0x00].repeat(empty));
            message.extend([0xf2, 0x00, 0x11, 0x00, 0x00]);
            assert_eq!(inflate(&mut decompressor(true), &message), expected);
        }
    }

    #[test]
    fn without_takeover_nothing_is_remembered() {
        let mut d = decompressor(false);
        assert_eq!(inflate(&mut d, &HELLO), Ok("Hello".to_owned()));
        assert_eq!(d.reserved_bytes(), 0);
        let error = inflate(&mut d, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
        assert_eq!(error, Err(InflateError::Data("invalid distance too far back")));
    }

    #[test]
    fn the_limit_is_a_length_that_is_still_allowed() {
        for limit in 0..10 {
            let mut d = decompressor(true);
            let mut out = Vec::new();
            let result = d.decompress(&HELLO, limit, &mut out);
            if limit < 5 {
                assert_eq!((result, out.len()), (Err(InflateError::TooLarge), 0), "limit {limit}");
            } else {
                assert_eq!((result, out.len()), (Ok(()), 5), "limit {limit}");
            }
        }
    }

    #[test]
    fn the_limit_counts_all_frames_of_a_message() {
        let mut d = decompressor(true);
        let mut out = Vec::new();
        let block = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        assert_eq!(d.feed(&block, false, 12, &mut out), Ok(()));
        out.clear();
        assert_eq!(d.feed(&block, false, 12, &mut out), Ok(()));
        out.clear();
        assert_eq!(d.feed(&block, false, 12, &mut out), Err(InflateError::TooLarge));
    }

    /// A block with fixed codes: literals, a length, and a distance code that does not exist, all far
    /// from the ends of input and output.
    fn bad_in_the_fast_loop() -> Vec<u8> {
        let literals = "10010001".repeat(2000);
        let bits = format!("010{literals}000000111110{literals}");
        bits.as_bytes()
            .chunks(8)
            .map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | (bit - b'0')))
            .collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn errors_of_the_fast_loop_are_told_in_zlibs_words_too() {
        let mut out = Vec::new();
        let error = decompressor(true).decompress(&bad_in_the_fast_loop(), 1 << 20, &mut out);
        assert_eq!(error, Err(InflateError::Data("invalid distance code")));
        assert_eq!(out, b"");
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn errors_behind_an_earlier_frame_are_told_in_the_likeliest_words() {
        let bytes = bad_in_the_fast_loop();
        let (first, second) = bytes.split_at(700);
        let mut d = decompressor(true);
        let mut out = Vec::new();
        assert_eq!(d.feed(first, false, 1 << 20, &mut out), Ok(()));
        let error = d.feed(second, true, 1 << 20, &mut out);
        assert_eq!(error, Err(InflateError::Data(LIKELIEST)));
    }

    #[test]
    fn bad_data_is_told_in_zlibs_words() {
        let cases: [(&[u8], &str); 4] = [
            (&[0x06, 0x00], "invalid block type"),
            (&[0x00, 0x01, 0x00, 0x00, 0x00], "invalid stored block lengths"),
            (&[0xf2, 0x00, 0x11, 0x00, 0x00], "invalid distance too far back"),
            (&[0xfc, 0xff, 0xff], "too many length or distance symbols"),
        ];
        for (bytes, text) in cases {
            let error = inflate(&mut decompressor(true), bytes).expect_err(text);
            assert_eq!(error, InflateError::Data(text));
            let error = ProtocolError::from(error);
            assert_eq!(error.to_string(), format!("permessage-deflate: {text}"));
            assert_eq!(error.code(), CloseCode::EXTENSION_ERROR);
        }
    }
}
