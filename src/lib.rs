//! faye-websocket for Node.js with its protocol in Rust, in three rings that only look inwards:
//!
//! - [`proto`]: bytes and rules. No I/O, clock, thread, randomness, Node-API or tokio.
//! - `transport`: sockets. Knows nothing of WebSocket.
//! - `binding`: conversions between the two and JavaScript; `wasm`, where there is the core alone.
//!
//! `cargo test --no-default-features` builds the first ring alone, which is what keeps it pure.

// No panic is reachable from the network: whatever can panic stands beside the reason why it does not.
// Tests, which say what they expect by panicking, are left out.
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::todo,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod proto;

#[cfg(feature = "addon")]
#[doc(hidden)]
pub mod binding;
#[cfg(feature = "addon")]
mod transport;
#[cfg(feature = "wasm")]
#[doc(hidden)]
pub mod wasm;

/// The code of the guide for integrators, which `cargo test` compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../docs/core.md")]
pub struct CoreGuide;
