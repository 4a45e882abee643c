//! The core as WebAssembly, for systems where the addon does not load.
//!
//! The exports are those of lib/native.d.ts that the addon also has where it cannot watch Node's
//! event loop: sessions, extensions, CONNECT and EventSource. The sockets are Node's. WebAssembly
//! cannot address JavaScript's memory, so that this module copies the bytes which the addon reads
//! and writes in place; and WebAssembly has one thread, so that work which the addon gives to other
//! threads is done before the call returns. Each copy of lib/ has its own instance of the module.

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
