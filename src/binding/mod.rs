//! The edge to JavaScript: conversions and nothing else. A rule found here is a bug.
//!
//! JavaScript calls in with plain numbers and bytes, at most once a chunk, and reads what happened
//! from memory it shares with us (see [`shared`]). No listener ever runs inside a native call, so
//! it may do whatever it likes with the connection it was called for. Only extension plug-ins are
//! called from within one, which then holds nothing of any connection.

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[expect(unsafe_code, reason = "napi-rs has no napi_make_callback and no async contexts")]
mod callback;
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub mod client_line;
pub mod client_socket;
pub mod deflate;
#[cfg(any(target_os = "linux", target_os = "macos"))]
#[expect(unsafe_code, reason = "libuv's functions are found by name")]
mod event_loop;
pub mod eventsource;
pub mod extension;
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub mod kernel_socket;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod marks;
pub mod session;
pub mod shared;
pub mod table;
mod tasks;
pub mod tls_connector;
pub mod tunnel;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod watch;
