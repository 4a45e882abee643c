//! Compressed messages of ours (RFC 7692 section 6.1).

use std::sync::Arc;

use super::frame::{COMPRESSED, Opcode};
use crate::proto::deflate::Compressor;

/// The sending half of a connection's compression.
#[derive(Debug)]
pub(crate) enum Deflation {
    /// The compressor is here.
    Idle(Box<Compressor>),
    /// A job has been taken with it, and is known again by this.
    Running(Arc<()>),
}

impl Deflation {
    pub(crate) fn new(compressor: Compressor) -> Self {
        Self::Idle(Box::new(compressor))
    }

    /// The payload as it leaves. `None`: uncompressed, because it is short or the compressor away.
    pub(crate) fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let Self::Idle(compressor) = self else { return None };
        let mut compressed = Vec::new();
        compressor.compress(payload, &mut compressed).then_some(compressed)
    }

    /// Hands the compressor out with a message, unless it is out already.
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

    /// Takes the compressor back; the frame to send. `None` for a job of another connection.
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

/// A message whose compression would take too long where it is sent. Taken from a connection,
/// [run](Self::run) anywhere, and given back.
#[derive(Debug)]
pub struct DeflateJob {
    compressor: Box<Compressor>,
    opcode: Opcode,
    payload: Vec<u8>,
    compressed: Option<Vec<u8>>,
    tag: Arc<()>,
}

impl DeflateJob {
    /// Does the work.
    pub fn run(&mut self) {
        let mut compressed = Vec::new();
        if self.compressor.compress(&self.payload, &mut compressed) {
            self.compressed = Some(compressed);
        }
    }
}
