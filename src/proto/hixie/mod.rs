//! Drafts 75 and 76 (draft-hixie-thewebsocketprotocol): text between the bytes 00 and FF; other
//! frames are skipped.

pub mod draft75;
pub mod draft76;
mod receiver;

pub use draft76::Keys;
pub use receiver::HixieReceiver;

/// Appends a text message as a frame.
pub fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len().saturating_add(2));
    out.push(0x00);
    out.extend_from_slice(text);
    out.push(0xff);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_between_00_and_ff() {
        let mut out = vec![1];
        encode_text("é".as_bytes(), &mut out);
        encode_text(b"", &mut out);
        assert_eq!(out, [1, 0x00, 0xc3, 0xa9, 0xff, 0x00, 0xff]);
    }
}
