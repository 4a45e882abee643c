//! permessage-deflate (RFC 7692): negotiation for both roles, and the two directions of a
//! connection.
//!
//! - [`DeflateOptions`]: the options of the application.
//! - [`ClientNegotiation`], [`ServerNegotiation`]: offer, answer, and what both agreed on.
//! - [`Codec`]: a [`Compressor`] and a [`Decompressor`], independent of each other, so that either
//!   may be moved to another thread while the other stays.
//! - [`PluginSession`]: the extension as one plug-in among others.
//! - [`ZlibPool`]: the zlib states that all codecs share. A codec keeps only the plain bytes that a
//!   window may refer to, and nothing without context takeover.
//!
//! Frames, RSV1, opcodes and close codes are left to the caller.

mod compressor;
mod decompressor;
mod handshake;
mod history;
mod inflate_stream;
mod negotiation;
mod options;
mod params;
mod plugin_session;
mod pool;
mod settings;

pub use compressor::Compressor;
pub use decompressor::{Decompressor, InflateError};
pub use handshake::Proposal;
pub use negotiation::{Agreement, ClientNegotiation, Direction, ServerNegotiation};
pub use options::{DeflateOptions, OptionsError, Strategy};
pub use params::{ClientWindow, Params};
pub use plugin_session::PluginSession;
pub use pool::{PoolLimits, ZlibPool};

/// The name in `Sec-WebSocket-Extensions`.
pub const NAME: &str = "permessage-deflate";

/// The empty stored block that ends a sync flush, less its header bits. RFC 7692 section 7.2.1, of
/// a message to be sent: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
/// Section 7.2.2, of a received one: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the
/// payload of the message."
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Both directions of one connection's compression.
#[derive(Debug)]
pub struct Codec {
    /// For messages to the peer.
    pub compressor: Compressor,
    /// For messages of the peer.
    pub decompressor: Decompressor,
}

impl Codec {
    /// A codec for what was agreed on; it borrows zlib states from `pool`.
    pub fn new(agreement: Agreement, options: &DeflateOptions, pool: &ZlibPool) -> Self {
        Self {
            compressor: Compressor::new(agreement.own, options, pool.clone()),
            decompressor: Decompressor::new(agreement.peer, pool.clone()),
        }
    }

    /// See [`Compressor::compress`].
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        self.compressor.compress(payload, out)
    }

    /// See [`Decompressor::decompress`].
    pub fn decompress(
        &mut self,
        payload: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        self.decompressor.decompress(payload, limit, out)
    }

    /// Bytes that this codec holds now: the history of both directions, and the inflater of a
    /// message that is not complete. Shared states are counted by [`ZlibPool::reserved_bytes`].
    pub fn reserved_bytes(&self) -> usize {
        self.compressor.reserved_bytes() + self.decompressor.reserved_bytes()
    }
}
