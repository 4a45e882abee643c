//! Checking UTF-8 as it arrives: the check fails at the first byte that no valid text could have
//! there.

use std::str;

/// Ill-formed UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8;

/// A check of a text that arrives in pieces, which may end within a code point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Stream {
    /// The bytes of a code point of which the rest has not arrived; `held` of them are used.
    tail: [u8; 4],
    held: usize,
    non_ascii: bool,
}

impl Utf8Stream {
    /// Takes the next bytes of the text.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), InvalidUtf8> {
        // RFC 6455 section 5.6: "Note that a particular text frame might include a partial UTF-8
        // sequence; however, the whole message MUST contain valid UTF-8."
        while self.held > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            // Four bytes are a whole code point or ill-formed, so that `held` is less than four
            // here.
            *self.tail.get_mut(self.held).ok_or(InvalidUtf8)? = byte;
            self.held += 1;
            match str::from_utf8(self.tail.get(..self.held).unwrap_or_default()) {
                Ok(_) => self.held = 0,
                Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
                Err(_) => {}
            }
        }
        if bytes.is_ascii() {
            return Ok(());
        }
        self.non_ascii = true;
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(InvalidUtf8),
            Err(error) => {
                // At most three bytes, as a whole code point would be no error.
                let tail = bytes.get(error.valid_up_to()..).unwrap_or_default();
                let places = self.tail.iter_mut().zip(tail);
                self.held = places.map(|(place, byte)| *place = *byte).count();
                Ok(())
            }
        }
    }

    /// Ends the text, which is ill-formed if it ends within a code point. Returns whether every
    /// byte is ASCII.
    pub fn finish(&self) -> Result<bool, InvalidUtf8> {
        if self.held > 0 { Err(InvalidUtf8) } else { Ok(!self.non_ascii) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]]) -> Result<bool, InvalidUtf8> {
        let mut stream = Utf8Stream::default();
        for piece in pieces {
            stream.push(piece)?;
        }
        stream.finish()
    }

    const VALID: [&str; 6] = ["", "plain", "héllo", "日本語", "🎉\u{0} nul", "\u{feff}\u{10ffff}"];
    const INVALID: [&[u8]; 12] = [
        b"\xc3\x28",
        b"\xa0\xa1",
        b"\xe2\x28\xa1",
        b"\xe2\x82\x28",
        b"\xf0\x28\x8c\xbc",
        b"\xf0\x90\x28\xbc",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"H\xff",
        b"\xf8\xa1\xa1\xa1\xa1",
    ];

    #[test]
    fn every_split_of_a_valid_text_passes() {
        for text in VALID {
            for at in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(at);
                assert_eq!(check(&[a, b]), Ok(text.is_ascii()), "{text:?} at {at}");
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(check(&bytes), Ok(text.is_ascii()), "{text:?} byte by byte");
        }
    }

    #[test]
    fn every_split_of_an_invalid_text_fails() {
        for bytes in INVALID {
            for at in 0..=bytes.len() {
                let (a, b) = bytes.split_at(at);
                assert_eq!(check(&[a, b]), Err(InvalidUtf8), "{bytes:x?} at {at}");
            }
        }
    }

    #[test]
    fn fails_at_the_byte_that_cannot_be_right() {
        let mut stream = Utf8Stream::default();
        assert_eq!(stream.push(b"ok \xf4"), Ok(()));
        assert_eq!(stream.push(b"\x90"), Err(InvalidUtf8));
        for bytes in INVALID {
            assert_eq!(Utf8Stream::default().push(bytes), Err(InvalidUtf8), "{bytes:x?}");
        }
    }

    #[test]
    fn a_text_may_not_end_inside_a_code_point() {
        assert_eq!(check(&[b"caf\xc3"]), Err(InvalidUtf8));
    }
}
