//! The WebSocket protocol as bytes and rules: every version, both roles.
//!
//! This ring uses no sockets, clocks, threads, randomness, Node-API or tokio. The caller lends each
//! call the input, and an [`Output`] that the call appends to. Whatever a peer sends becomes an
//! event or a verdict: never a panic, and never an error that the caller has to interpret.

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
