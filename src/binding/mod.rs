//! The edge to JavaScript: conversions and nothing else. A rule found here is a bug.
//!
//! JavaScript calls in with plain numbers and bytes, at most once a chunk, and reads what happened
//! from memory it shares with us (see `proto::sessions`). No listener ever runs inside a native call, so
//! it may do whatever it likes with the connection it was called for. Only extension plug-ins are
//! called from within one, which then holds nothing of any connection.

pub mod attach;
#[cfg(has_loop)]
#[expect(unsafe_code, reason = "napi-rs has no napi_make_callback and no async contexts")]
mod callback;
pub mod deflate;
#[cfg(has_loop)]
pub mod dialler;
#[expect(unsafe_code, reason = "napi-rs has threadsafe functions only at a price, see there")]
mod doorbell;
#[expect(
    unsafe_code,
    reason = "napi-rs looks instance data up in a table, and has no hook that is waited for"
)]
pub mod env;
pub mod eventsource;
#[expect(unsafe_code, reason = "napi-rs has no napi_fatal_exception")]
mod exception;
pub mod extension;
pub mod http2;
mod js_copy;
#[cfg(has_loop)]
mod loop_host;
#[expect(unsafe_code, reason = "napi-rs has no references that are let go of for a while")]
mod reference;
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
