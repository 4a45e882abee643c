//! The WebSocket protocol as bytes and rules: every version, both roles.
//!
//! This ring refuses to know sockets, clocks, threads, randomness, Node-API and tokio. Input is lent
//! to it, output is appended to an [`Output`] the caller lends, and whatever a peer sends is an
//! event or a verdict, never a panic and never an error the caller has to understand.

pub mod close_code;
pub mod connection;
pub mod deflate;
pub mod entropy;
pub mod error;
pub mod eventsource;
pub mod extension;
pub mod growth;
pub mod handshake;
pub mod hixie;
pub mod http;
pub mod hybi;
mod number;
pub mod output;
pub mod progress;
pub mod rate;
pub mod sessions;
pub mod slots;

pub use close_code::CloseCode;
pub use connection::Connection;
pub use entropy::{BatchedEntropy, Entropy};
pub use error::ProtocolError;
pub use output::{Encoding, Event, Output, Source, Span};
pub use progress::{Progress, Status};
pub use rate::{Rates, TokenBucket};
