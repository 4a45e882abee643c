//! The edge to JavaScript: conversions and nothing else. A rule found here is a bug.
//!
//! JavaScript calls in with plain numbers and bytes, at most once a chunk, and reads what happened
//! from memory it shares with us (see [`shared`]). No listener ever runs inside a native call, so
//! it may do whatever it likes with the connection it was called for.

pub mod client_socket;
pub mod deflate;
pub mod extension;
pub mod session;
pub mod shared;
pub mod table;
mod tasks;
pub mod tls_connector;
pub mod tunnel;
