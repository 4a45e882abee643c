//! Extensions (RFC 6455 section 9): what their header says, and which of them a connection uses. What
//! they do is elsewhere.

pub mod header;
pub mod negotiate;

pub use header::{HeaderError, Offer, ParamValue};
pub use negotiate::{Agreed, Candidate, NegotiationError};

/// The first reserved bit of a frame (RFC 6455 section 5.2) as sets of them are written here.
pub const RSV1: u8 = 4;
/// The second.
pub const RSV2: u8 = 2;
/// The third.
pub const RSV3: u8 = 1;
