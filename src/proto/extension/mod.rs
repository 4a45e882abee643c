//! Extensions (RFC 6455 section 9): what their header says. What they do is elsewhere.

pub mod header;

pub use header::{HeaderError, Offer, ParamValue};
