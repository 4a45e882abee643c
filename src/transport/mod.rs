//! Sockets: dialling, and bytes in both directions between the network and the JavaScript thread.
//!
//! This ring refuses to know WebSocket and Node-API; of HTTP it knows that CONNECT opens a tunnel.
//! What it delivers is an ordered stream of bytes with an end or a [`failure::Failure`], and it
//! tells the other side through a [`Doorbell`] that there is something to collect.
//!
//! ```text
//!  tokio worker                         JavaScript thread
//!  route -> pump ─ deliver ──► Mailbox ── collect ──► Client
//!            ▲                    │  ▲                   │
//!            └── next_order ──────┘  └──── enqueue ──────┘   (or straight into the kernel)
//! ```
//!
//! Where the JavaScript thread can watch descriptors itself, there is no pump: the route's stream is
//! taken out of tokio and handed over through the mailbox, once, as a [`line::Line`].

pub(crate) mod client;
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) mod descriptor;
pub(crate) mod dial;
pub(crate) mod entropy;
pub(crate) mod failure;
mod ground;
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) mod line;
pub(crate) mod mailbox;
mod pump;
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) mod readiness;
pub(crate) mod route;
mod runtime;
pub(crate) mod tls;
pub(crate) mod wire;

pub(crate) use client::Client;
pub(crate) use dial::Target;
pub(crate) use entropy::OsEntropy;
pub(crate) use mailbox::{Doorbell, Report};
pub(crate) use route::{Proxy, Route, Tls};
