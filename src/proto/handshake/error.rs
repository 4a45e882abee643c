//! Why a server refuses a request.

use std::fmt;

/// Why a server refuses an opening handshake. The text is observable (body of the 400 response,
/// 'error' event, close reason), and is that of the original, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Not an upgrade to `websocket`.
    NotWebSocket,
    /// A `Sec-WebSocket-Version` this server does not speak, or none.
    UnsupportedVersion(Option<String>),
    /// A header that the version needs is missing: its name.
    MissingHeader(&'static str),
    /// `Sec-WebSocket-Key` is missing.
    MissingKey,
    /// A key of draft 76 has no valid number.
    InvalidKeys,
    /// The negotiation of extensions has failed: the text of its error.
    Extensions(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWebSocket => f.write_str("Not a WebSocket request"),
            Self::UnsupportedVersion(version) => write!(
                f,
                "Unsupported WebSocket version: {}",
                version.as_deref().unwrap_or("undefined")
            ),
            Self::MissingHeader(name) => write!(f, "Missing required header: {name}"),
            Self::MissingKey => f.write_str("Missing handshake request header: Sec-WebSocket-Key"),
            Self::InvalidKeys => f.write_str("Client sent invalid Sec-WebSocket-Key headers"),
            Self::Extensions(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for HandshakeError {}
