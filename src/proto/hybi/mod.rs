//! RFC 6455 framing, which hybi-07 and hybi-08 share.
//!
//! [`frame`] knows bits and no state, [`Receiver`] knows the rules of a connection's input,
//! [`send`] writes frames. None of them knows a handshake.

pub mod close;
pub(super) mod deflate;
pub mod frame;
mod inflate;
pub mod mask;
mod message;
mod receiver;
pub mod send;
pub mod utf8;

pub use deflate::DeflateJob;
pub use inflate::InflateJob;
pub use receiver::{Landing, PeerMasking, Receiver, ReceiverOptions, Verdict};
pub use send::PlainHeader;
