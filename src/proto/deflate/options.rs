//! The options of permessage-deflate.

use std::fmt;

pub use zlib_rs::Strategy;

/// Options of the extension; names, defaults and meaning are those of the npm package
/// `permessage-deflate`, plus `threshold`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    /// zlib's compression level: -1 (zlib's default) to 9.
    pub level: i32,
    /// zlib's `memLevel`: 1 to 9.
    pub mem_level: i32,
    /// zlib's strategy: 0 to 4, see [`Strategy`].
    pub strategy: i32,
    /// Messages of fewer bytes are sent uncompressed. `None` is 1,024 without context takeover, and
    /// 0 with it, as even a short message usually becomes shorter then.
    pub threshold: Option<usize>,
    /// This side compresses each message without reference to earlier ones.
    pub no_context_takeover: bool,
    /// This side compresses with a window of at most 2^n bytes, 8 to 15.
    pub max_window_bits: Option<i32>,
    /// The peer is asked to compress each message without reference to earlier ones.
    pub request_no_context_takeover: bool,
    /// The peer is asked to compress with a window of at most 2^n bytes, 8 to 15.
    pub request_max_window_bits: Option<i32>,
    /// Answers offers exactly as the npm package does: `server_max_window_bits` is left out of an
    /// answer when the value is 15, although RFC 7692 section 7.1.2.1 wants an offered
    /// `server_max_window_bits` answered, and the client of the package itself refuses such an
    /// answer.
    pub omit_full_window: bool,
}

impl Default for DeflateOptions {
    fn default() -> Self {
        Self {
            level: -1,
            mem_level: 8,
            strategy: 0,
            threshold: None,
            no_context_takeover: false,
            max_window_bits: None,
            request_no_context_takeover: false,
            request_max_window_bits: None,
            omit_full_window: false,
        }
    }
}

impl DeflateOptions {
    /// Whether every value is in range.
    ///
    /// # Errors
    ///
    /// The first option that is not.
    pub fn validate(&self) -> Result<(), OptionsError> {
        let bits_ok = |bits: Option<i32>| bits.is_none_or(|bits| (8..=15).contains(&bits));

        if !(-1..=9).contains(&self.level) {
            return Err(OptionsError::Level);
        }
        if !(1..=9).contains(&self.mem_level) {
            return Err(OptionsError::MemLevel);
        }
        if !(0..=4).contains(&self.strategy) {
            return Err(OptionsError::Strategy);
        }
        if !bits_ok(self.max_window_bits) {
            return Err(OptionsError::MaxWindowBits);
        }
        if !bits_ok(self.request_max_window_bits) {
            return Err(OptionsError::RequestMaxWindowBits);
        }
        Ok(())
    }
}

/// An option outside its range. The texts of the window bits are the npm package's; those of the
/// first three follow its pattern (there Node's zlib complains, once the first message is sent).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// `level` is not -1 to 9.
    Level,
    /// `memLevel` is not 1 to 9.
    MemLevel,
    /// `strategy` is not 0 to 4.
    Strategy,
    /// `maxWindowBits` is not 8 to 15.
    MaxWindowBits,
    /// `requestMaxWindowBits` is not 8 to 15.
    RequestMaxWindowBits,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalid value for ")?;
        f.write_str(match self {
            Self::Level => "level",
            Self::MemLevel => "memLevel",
            Self::Strategy => "strategy",
            Self::MaxWindowBits => "maxWindowBits",
            Self::RequestMaxWindowBits => "requestMaxWindowBits",
        })
    }
}

impl std::error::Error for OptionsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(change: impl FnOnce(&mut DeflateOptions)) -> Option<String> {
        let mut options = DeflateOptions::default();
        change(&mut options);
        options.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn defaults_are_valid() {
        assert_eq!(error(|_| {}), None);
    }

    #[test]
    fn window_bits_run_from_8_to_15() {
        for bits in 8..=15 {
            assert_eq!(error(|o| o.max_window_bits = Some(bits)), None);
            assert_eq!(error(|o| o.request_max_window_bits = Some(bits)), None);
        }
        for bits in [-15, 0, 7, 16, 99] {
            let text = error(|o| o.max_window_bits = Some(bits));
            assert_eq!(text.as_deref(), Some("Invalid value for maxWindowBits"));
            let text = error(|o| o.request_max_window_bits = Some(bits));
            assert_eq!(text.as_deref(), Some("Invalid value for requestMaxWindowBits"));
        }
    }

    #[test]
    fn compressor_settings_are_those_of_zlib() {
        assert_eq!(error(|o| o.level = 10).as_deref(), Some("Invalid value for level"));
        assert_eq!(error(|o| o.level = -2).as_deref(), Some("Invalid value for level"));
        assert_eq!(error(|o| o.mem_level = 0).as_deref(), Some("Invalid value for memLevel"));
        assert_eq!(error(|o| o.strategy = 5).as_deref(), Some("Invalid value for strategy"));
        assert_eq!(error(|o| o.level = 0), None);
        assert_eq!(error(|o| o.mem_level = 9), None);
        assert_eq!(error(|o| o.strategy = 4), None);
    }
}
