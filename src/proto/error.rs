//! What a peer can do wrong once the connection is open.

use std::fmt;

use super::{CloseCode, number};

/// A violation by the peer. The texts are observable (event, close reason, logs) and are those of
/// the original, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Reserved bits no extension claims (RFC 6455 section 5.2): RSV1 is 4, RSV2 is 2, RSV3 is 1.
    ReservedBits(u8),
    /// An opcode RFC 6455 does not define.
    UnknownOpcode(u8),
    /// A control frame without FIN (section 5.5).
    FragmentedControl(u8),
    /// Text or binary in the middle of a fragmented message (section 5.4).
    UnfinishedMessage,
    /// A continuation with nothing to continue (section 5.4).
    UnexpectedContinuation,
    /// A control frame over 125 bytes (section 5.5).
    ControlTooLong(u64),
    /// A client's frame without a mask (section 5.1).
    Unmasked,
    /// A server's frame with a mask (section 5.1).
    Masked,
    /// A message over `maxLength`.
    TooLarge,
    /// A message of too many frames.
    TooManyFragments,
    /// More messages a second than were allowed.
    TooManyMessages,
    /// More pings a second than were allowed, or pongs that answer nothing.
    TooManyPings,
    /// Text that is not UTF-8 (section 8.1).
    InvalidUtf8,
    /// What an extension found, with the close code it chose.
    Extension(CloseCode, String),
}

impl ProtocolError {
    /// The code the connection is failed with.
    pub fn code(&self) -> CloseCode {
        match self {
            Self::ReservedBits(_)
            | Self::UnknownOpcode(_)
            | Self::FragmentedControl(_)
            | Self::UnfinishedMessage
            | Self::UnexpectedContinuation
            | Self::ControlTooLong(_)
            | Self::Masked => CloseCode::PROTOCOL_ERROR,
            Self::Unmasked => CloseCode::UNACCEPTABLE,
            Self::TooLarge => CloseCode::TOO_LARGE,
            Self::TooManyFragments | Self::TooManyMessages | Self::TooManyPings => {
                CloseCode::POLICY_VIOLATION
            }
            Self::InvalidUtf8 => CloseCode::ENCODING_ERROR,
            Self::Extension(code, _) => *code,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(rsv) => write!(
                f,
                "One or more reserved bits are on: reserved1 = {}, reserved2 = {}, reserved3 = {}",
                rsv >> 2 & 1,
                rsv >> 1 & 1,
                rsv & 1
            ),
            Self::UnknownOpcode(opcode) => write!(f, "Unrecognized frame opcode: {opcode}"),
            Self::FragmentedControl(opcode) => {
                write!(f, "Received fragmented control frame: opcode = {opcode}")
            }
            Self::UnfinishedMessage => {
                f.write_str("Received new data frame but previous continuous frame is unfinished")
            }
            Self::UnexpectedContinuation => f.write_str("Received unexpected continuation frame"),
            Self::ControlTooLong(length) => {
                let length = number::text_of(*length as f64);
                write!(f, "Received control frame having too long payload: {length}")
            }
            Self::Unmasked => f.write_str("Received unmasked frame but masking is required"),
            Self::Masked => f.write_str("Received masked frame but masking is not allowed"),
            Self::TooLarge => f.write_str("WebSocket frame length too large"),
            Self::TooManyFragments => f.write_str("Too many message fragments"),
            Self::TooManyMessages => f.write_str("Too many messages"),
            Self::TooManyPings => f.write_str("Too many pings"),
            Self::InvalidUtf8 => f.write_str("Could not decode a text frame as UTF-8"),
            Self::Extension(_, message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ProtocolError {}
