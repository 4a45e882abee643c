//! Extensions (RFC 6455 section 9): the grammar of their header, and the negotiation of which are
//! used. What they do with messages is elsewhere.

pub mod header;
pub mod negotiate;

pub use header::{HeaderError, Offer, ParamValue};
pub use negotiate::{Agreed, Candidate, NegotiationError};

/// The first reserved bit of a frame (RFC 6455 section 5.2), in a set of reserved bits.
pub const RSV1: u8 = 4;
/// The second reserved bit.
pub const RSV2: u8 = 2;
/// The third reserved bit.
pub const RSV3: u8 = 1;
