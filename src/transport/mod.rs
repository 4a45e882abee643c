//! Sockets: dialling, and reading and writing descriptors that Node's event loop watches.
//!
//! This ring uses neither Node-API nor the frames and events of WebSocket. A connection is an
//! ordered stream of bytes here, with an end or a [`failure::Failure`]; of HTTP, only CONNECT is
//! needed, for tunnels.
//!
//! ```text
//!  tokio's thread                              JavaScript thread
//!  route: dial ► tunnel ► TLS ► stream ── Stage ──► dialling::Dialling ── stream ──► event_loop
//!                    certificate ──────── Stage ──► consent
//! ```
//!
//! Tokio makes connections and carries no messages: an established connection is taken away from
//! tokio, and is read and written on Node's event loop. Where that loop cannot be watched, Node
//! dials clients, and only [`entropy`] and [`topics`] are compiled.

pub(crate) mod doorbell;
pub(crate) mod entropy;
pub(crate) mod topics;

#[cfg(has_loop)]
pub(crate) mod descriptor;
#[cfg(has_loop)]
pub(crate) mod dial;
#[cfg(has_loop)]
pub(crate) mod dialling;
#[cfg(has_loop)]
pub(crate) mod event_loop;
#[cfg(has_loop)]
pub(crate) mod failure;
#[cfg(has_loop)]
mod lookup;
#[cfg(has_loop)]
mod non_blocking;
#[cfg(has_loop)]
pub(crate) mod non_blocking_stream;
#[cfg(has_loop)]
mod openssl_library;
#[cfg(has_loop)]
pub(crate) mod route;
#[cfg(has_loop)]
mod runtime;
#[cfg(has_loop)]
pub(crate) mod socket;
#[cfg(has_loop)]
mod stream;
#[cfg(has_loop)]
pub(crate) mod tasks;
#[cfg(has_loop)]
pub(crate) mod tls;
#[cfg(has_loop)]
mod tls_failure;

pub(crate) use entropy::os_entropy;
