//! Close codes: RFC 6455 section 7.4 and the IANA registry.

/// A status code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent data that this side does not accept, such as an unmasked frame.
    pub const UNACCEPTABLE: Self = Self(1003);
    /// Text that is not UTF-8.
    pub const ENCODING_ERROR: Self = Self(1007);
    /// A policy of this side was violated.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message over the size limit.
    pub const TOO_LARGE: Self = Self(1009);
    /// An extension failed.
    pub const EXTENSION_ERROR: Self = Self(1010);

    /// Whether a peer may send this code in a close frame: 1000 to 1003, 1007 to 1014 (1012, 1013
    /// and 1014 were registered after the original was written), and 3000 to 4999.
    pub fn is_valid_on_wire(self) -> bool {
        // RFC 6455 section 7.4.1, of 1005, 1006 and 1015: "a reserved value and MUST NOT be set as
        // a status code in a Close control frame by an endpoint". Section 7.4.2: 0 to 999 "are not
        // used", 1000 to 2999 "are reserved for definition by this protocol", 3000 to 3999 "for use
        // by libraries, frameworks, and applications", 4000 to 4999 "for private use".
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_a_peer_may_send() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999] {
            assert!(CloseCode(code).is_valid_on_wire(), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert!(!CloseCode(code).is_valid_on_wire(), "{code}");
        }
    }
}
