//! Violations of the protocol by the peer of an open connection.

use std::fmt;

use super::{CloseCode, number};

/// A violation by the peer. Its text is observable ('error' event, close reason, logs), and is that
/// of the original, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Reserved bits that no extension uses (RFC 6455 section 5.2): RSV1 is 4, RSV2 is 2, RSV3 is
    /// 1.
    ReservedBits(u8),
    /// An opcode RFC 6455 does not define.
    UnknownOpcode(u8),
    /// A control frame without FIN (section 5.5).
    FragmentedControl(u8),
    /// A text or binary frame before the last fragment of the message before it (section 5.4).
    UnfinishedMessage,
    /// A continuation frame without a message to continue (section 5.4).
    UnexpectedContinuation,
    /// A control frame with a payload of more than 125 bytes (section 5.5).
    ControlTooLong(u64),
    /// A client's frame without a mask (section 5.1).
    Unmasked,
    /// A server's frame with a mask (section 5.1).
    Masked,
    /// A message of more than `max_length` bytes, or a text of more than `max_text`.
    TooLarge,
    /// A message of more frames than are allowed.
    TooManyFragments,
    /// More messages a second than are allowed.
    TooManyMessages,
    /// More pings a second than are allowed; pongs that answer no ping of ours count as pings.
    TooManyPings,
    /// Text that is not UTF-8 (section 8.1).
    InvalidUtf8,
    /// An error of an extension, with its close code.
    Extension(CloseCode, String),
}

impl ProtocolError {
    /// The close code with which the connection fails.
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
