//! Compressing messages for the peer (RFC 7692 section 6.1).

use std::sync::Arc;

use super::frame::{COMPRESSED, Opcode};
use crate::proto::deflate::Compressor;

/// The sending half of a connection's compression.
#[derive(Debug)]
pub(crate) enum Deflation {
    /// The compressor is here.
    Idle(Box<Compressor>),
    /// A job has the compressor; it is recognised by this tag when it is given back.
    Running(Arc<()>),
}

impl Deflation {
    pub(crate) fn new(compressor: Compressor) -> Self {
        Self::Idle(Box::new(compressor))
    }

    /// The compressed payload; `None` where the message is sent uncompressed, because it is short
    /// or a job has the compressor.
    pub(crate) fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let Self::Idle(compressor) = self else { return None };
        let mut compressed = Vec::new();
        compressor.compress(payload, &mut compressed).then_some(compressed)
    }

    /// A job with the compressor and a message; `None` while another job has the compressor.
    pub(crate) fn take_job(&mut self, opcode: Opcode, payload: Vec<u8>) -> Option<DeflateJob> {
        let tag = Arc::new(());
        match std::mem::replace(self, Self::Running(Arc::clone(&tag))) {
            Self::Idle(compressor) => {
                Some(DeflateJob { compressor, opcode, payload, compressed: None, tag })
            }
            running @ Self::Running(_) => {
                *self = running;
                None
            }
        }
    }

    /// Takes the compressor back, and returns opcode, reserved bits and payload of the frame to
    /// send; `None` for a job of another connection.
    pub(crate) fn return_job(&mut self, job: DeflateJob) -> Option<(Opcode, u8, Vec<u8>)> {
        match self {
            Self::Running(tag) if Arc::ptr_eq(tag, &job.tag) => {}
            _ => return None,
        }
        *self = Self::Idle(job.compressor);
        let (rsv, payload) = match job.compressed {
            Some(compressed) => (COMPRESSED, compressed),
            None => (0, job.payload),
        };
        Some((job.opcode, rsv, payload))
    }
}

/// The compression of a message that is too long to be compressed where it is sent. The job is
/// taken from a connection, [run](Self::run) on any thread, and given back.
#[derive(Debug)]
pub struct DeflateJob {
    compressor: Box<Compressor>,
    opcode: Opcode,
    payload: Vec<u8>,
    compressed: Option<Vec<u8>>,
    tag: Arc<()>,
}

impl DeflateJob {
    /// Compresses the message.
    pub fn run(&mut self) {
        let mut compressed = Vec::new();
        if self.compressor.compress(&self.payload, &mut compressed) {
            self.compressed = Some(compressed);
        }
    }
}
