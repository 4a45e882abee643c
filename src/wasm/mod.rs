//! The other edge to JavaScript: the core as WebAssembly, for systems where the addon does not
//! load.
//!
//! Exported is what lib/native.d.ts declares, as far as the addon has it where Node's loop cannot
//! be watched: sessions, extensions, CONNECT and EventSource; sockets are Node's. WebAssembly sees
//! no memory of JavaScript's, so that what the addon reads and writes in place is copied here, and
//! it has one thread, so that what the addon leaves to others is done at once. Each copy of the
//! JavaScript layer has an instance of its own.

pub mod deflate;
mod entropy;
pub mod eventsource;
pub mod extension;
pub mod http2;
pub mod session;
pub mod sessions;
mod shared_memory;
pub mod tunnel;
mod values;
