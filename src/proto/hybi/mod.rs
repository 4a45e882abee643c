//! RFC 6455 framing, which hybi-07 and hybi-08 share.
//!
//! [`frame`] has the bits of a header, [`Receiver`] the rules for frames of the peer, and [`send`]
//! writes frames. The opening handshake is elsewhere.

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
