//! UTF-8 as it arrives: the verdict is the standard library's, at the first byte that settles it.

use std::str;

use faye_websocket_rs::proto::hybi::utf8::Utf8Stream;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{Cuts, cases, cuts, text};

/// Texts, some with bytes that do not belong there.
fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
    let suspect =
        prop_oneof![Just(0x80), Just(0xbf), Just(0xc0), Just(0xed), Just(0xf4), any::<u8>()];
    (text(40), vec((any::<prop::sample::Index>(), suspect, any::<bool>()), 0..3)).prop_map(
        |(text, changes)| {
            let mut bytes = text.into_bytes();
            for (place, byte, is_added) in changes {
                let place = place.index(bytes.len() + 1);
                if is_added || place == bytes.len() {
                    bytes.insert(place, byte);
                } else {
                    bytes[place] = byte;
                }
            }
            bytes
        },
    )
}

/// What the standard library says of the beginning of a text: whether more can still make it right.
fn may_go_on(beginning: &[u8]) -> bool {
    str::from_utf8(beginning).map_or_else(|error| error.error_len().is_none(), |_| true)
}

fn check(bytes: &[u8], cuts: &Cuts) -> Result<(), TestCaseError> {
    let mut stream = Utf8Stream::default();
    let mut taken = 0;
    for piece in cuts.apply(bytes) {
        taken += piece.len();
        let pushed = stream.push(piece);
        prop_assert_eq!(pushed.is_ok(), may_go_on(&bytes[..taken]));
        if pushed.is_err() {
            return Ok(());
        }
    }
    let is_ascii = stream.finish().ok();
    prop_assert_eq!(is_ascii, str::from_utf8(bytes).ok().map(str::is_ascii));
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn utf_8_is_what_the_standard_library_takes_for_it(bytes in nearly_text(), cuts in cuts()) {
        check(&bytes, &cuts)?;
    }

    #[test]
    fn arbitrary_bytes_are_judged_like_the_standard_library(
        bytes in vec(any::<u8>(), 0..8),
        cuts in cuts(),
    ) {
        check(&bytes, &cuts)?;
    }
}

#[test]
fn every_sequence_of_two_bytes_is_judged_like_the_standard_library() {
    for pair in 0..=u16::MAX {
        let bytes = pair.to_be_bytes();
        let mut stream = Utf8Stream::default();
        let outcome =
            bytes.iter().try_for_each(|byte| stream.push(&[*byte])).and_then(|()| stream.finish());
        assert_eq!(outcome.is_ok(), str::from_utf8(&bytes).is_ok(), "{bytes:x?}");
    }
}
