//! `Sec-WebSocket-Accept`, by which a server proves that it has read the request (RFC 6455 section
//! 4.2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for any `Sec-WebSocket-Key`.
///
/// RFC 6455 section 4.2.2: "It is not necessary for the server to base64-decode the
/// |Sec-WebSocket-Key| value."
pub fn accept_key(key: &str) -> String {
    // Section 4.2.2: the value "is constructed by concatenating /key/ [...] with the string
    // "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this concatenated value to
    // obtain a 20-byte value and base64-encoding [...] this 20-byte hash."
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys() {
        for (key, accept) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("JFBCWHksyIpXV+6Wlq/9pw==", "JdiiuafpBKRqD7eol0y4vJDTsTs="),
            ("2vBVWg4Qyk3ZoM/5d3QD9Q==", "QV3I5XUXU2CdhtjixE7QCkCcMZM="),
            ("", "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w="),
        ] {
            assert_eq!(accept_key(key), accept);
        }
    }
}
