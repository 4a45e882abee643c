//! faye-websocket for Node.js with its protocol in Rust, in three rings. Each imports only from
//! those before it:
//!
//! - [`proto`], the core: bytes and rules. No I/O, clock, thread, randomness, Node-API or tokio.
//! - `transport`: sockets. It knows no frames and no events of the protocol.
//! - `binding`: conversions between the two and JavaScript. Where no addon loads, `wasm` takes its
//!   place, over the core alone.
//!
//! The module `node_api` has safe interfaces to the parts of Node-API that napi-rs lacks. It
//! imports nothing of the rings, and only `binding` uses it.
//!
//! `cargo test --no-default-features` builds the core alone, and so proves that it needs nothing
//! else.

// No panic is reachable from the network: code that can panic has an `#[expect]` with the reason
// why it does not. Tests are excluded, since a failing test panics.
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
mod node_api;
#[cfg(feature = "addon")]
mod transport;
#[cfg(feature = "wasm")]
#[doc(hidden)]
pub mod wasm;

/// The guide for integrators: `cargo test` compiles and runs its code.
#[cfg(doctest)]
#[doc = include_str!("../docs/core.md")]
pub struct CoreGuide;
