//! Sockets: dialling, and reading and writing descriptors that Node's event loop watches.
//!
//! This ring refuses to know WebSocket and Node-API; of HTTP it knows that CONNECT opens a tunnel.
//! What it delivers is an ordered stream of bytes with an end or a [`failure::Failure`].
//!
//! ```text
//!  tokio's thread                              JavaScript thread
//!  route: dial ► tunnel ► TLS ► stream ── Stage ──► dialling::Dialling ── stream ──► event_loop
//!                    certificate ──────── Stage ──► consent
//! ```
//!
//! Tokio makes connections and carries no bytes: a connection that stands is taken out of it, and
//! from then on read and written on Node's loop. Where that loop cannot be watched, clients are
//! dialled through Node and nothing but [`entropy`] and [`topics`] is compiled here.

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
