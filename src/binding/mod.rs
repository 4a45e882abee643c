//! The edge to JavaScript: conversions and nothing else. A rule found here is a bug.
//!
//! JavaScript calls in with plain numbers and bytes, at most once a chunk, and reads what happened
//! from memory it shares with us (see `proto::sessions`). No listener ever runs inside a native call, so
//! it may do whatever it likes with the connection it was called for. Only extension plug-ins are
//! called from within one, which then holds nothing of any connection.

pub mod attach;
pub mod deflate;
#[cfg(has_loop)]
pub mod dialler;
mod doorbell;
#[expect(unsafe_code, reason = "napi-rs looks instance data up in a table")]
pub mod env;
pub mod eventsource;
pub mod extension;
pub mod http2;
mod js_copy;
#[cfg(has_loop)]
mod loop_host;
#[cfg(has_loop)]
pub mod served;
pub mod session;
pub mod sessions;
#[cfg(has_loop)]
pub mod socket_failure;
#[cfg(has_loop)]
pub mod tls_connector;
pub mod topics;
pub mod tunnel;

/// What async hooks and traces see connections and doorbells as.
const ASYNC_NAME: &str = "FAYE_WEBSOCKET";
