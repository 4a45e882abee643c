//! The interface to JavaScript: conversions only, no rules.
//!
//! JavaScript calls with plain numbers and bytes, at most once for a chunk, and reads the results
//! from shared memory (see `proto::sessions`). No listener runs within a native call, so that it
//! may do anything with its connection. Only extension plug-ins are called within one, which has
//! borrowed nothing of any connection then.

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

/// The type of our async resources, for async hooks and traces.
const ASYNC_NAME: &str = "FAYE_WEBSOCKET";
