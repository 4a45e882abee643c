//! The opening handshake of both roles: requests, responses, and the checks of both.

pub mod accept_key;
pub mod client;
pub mod error;
pub mod http2;
pub mod proxy;
pub mod server;
pub mod subprotocol;

pub use accept_key::accept_key;
pub use client::{ClientHandshake, Rejection};
pub use error::HandshakeError;
pub use proxy::{ProxyError, ProxyHandshake};

use super::http::Request;

/// The versions of the protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 6455.
    Hybi13,
    /// draft-ietf-hybi-thewebsocketprotocol-08 to -12, framed as RFC 6455.
    Hybi8,
    /// draft-ietf-hybi-thewebsocketprotocol-07, framed as RFC 6455.
    Hybi7,
    /// draft-hixie-thewebsocketprotocol-76.
    Hixie76,
    /// draft-hixie-thewebsocketprotocol-75.
    Hixie75,
}

impl Version {
    /// The version that a request asks for. For a version that is not spoken, and for every draft
    /// when `allow_drafts` is false, this is [`Version::Hybi13`]: [`server::check`] then refuses
    /// the request, because its `Sec-WebSocket-Version` is another. Over HTTP/2 there are no
    /// drafts: RFC 8441 section 1: "This document extends the HTTP CONNECT method, as specified for
    /// HTTP/2 in RFC 7540, to allow the use of RFC 6455".
    pub fn choose(request: &Request, allow_drafts: bool) -> Self {
        if !allow_drafts || request.is_extended_connect() {
            return Self::Hybi13;
        }
        match request.non_empty("sec-websocket-version") {
            Some("8") => Self::Hybi8,
            Some("7") => Self::Hybi7,
            Some(_) => Self::Hybi13,
            None if request.non_empty("sec-websocket-key").is_some() => Self::Hybi13,
            None if request.non_empty("sec-websocket-key1").is_some()
                || request.non_empty("sec-websocket-key2").is_some() =>
            {
                Self::Hixie76
            }
            None => Self::Hixie75,
        }
    }

    /// The value of `Sec-WebSocket-Version`; drafts 75 and 76 have no such header.
    pub fn number(self) -> Option<&'static str> {
        match self {
            Self::Hybi13 => Some("13"),
            Self::Hybi8 => Some("8"),
            Self::Hybi7 => Some("7"),
            Self::Hixie76 | Self::Hixie75 => None,
        }
    }

    /// Whether frames are those of RFC 6455.
    pub fn is_hybi(self) -> bool {
        self.number().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(headers: &[(&str, &str)], allow_drafts: bool) -> Version {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Version::choose(&Request::new("GET", "/", "ws://h/", headers), allow_drafts)
    }

    #[test]
    fn the_version_header_or_the_key_means_hybi() {
        assert_eq!(choose(&[("sec-websocket-version", "13")], true), Version::Hybi13);
        assert_eq!(choose(&[("sec-websocket-version", "8")], true), Version::Hybi8);
        assert_eq!(choose(&[("sec-websocket-version", "7")], true), Version::Hybi7);
        assert_eq!(choose(&[("sec-websocket-version", "99")], true), Version::Hybi13);
        assert_eq!(choose(&[("sec-websocket-key", "k")], true), Version::Hybi13);
    }

    #[test]
    fn without_them_it_is_a_hixie_draft() {
        assert_eq!(choose(&[], true), Version::Hixie75);
        assert_eq!(choose(&[("sec-websocket-key1", "1 2")], true), Version::Hixie76);
        assert_eq!(choose(&[("sec-websocket-key2", "1 2")], true), Version::Hixie76);
    }

    #[test]
    fn an_empty_header_counts_as_none() {
        let empty = [("sec-websocket-version", ""), ("sec-websocket-key", "")];
        assert_eq!(choose(&empty, true), Version::Hixie75);
        assert_eq!(choose(&[("sec-websocket-key1", "")], true), Version::Hixie75);
    }

    #[test]
    fn drafts_can_be_switched_off() {
        assert_eq!(choose(&[], false), Version::Hybi13);
        assert_eq!(choose(&[("sec-websocket-version", "8")], false), Version::Hybi13);
        assert_eq!(choose(&[("sec-websocket-key1", "1 2")], false), Version::Hybi13);
    }

    #[test]
    fn only_hybi_versions_have_a_number() {
        for version in [Version::Hybi13, Version::Hybi8, Version::Hybi7] {
            assert!(version.is_hybi() && version.number().is_some());
        }
        for version in [Version::Hixie76, Version::Hixie75] {
            assert!(!version.is_hybi() && version.number().is_none());
        }
    }
}
