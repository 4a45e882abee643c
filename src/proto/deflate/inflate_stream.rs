//! Inflating one message, in as many calls as its frames need.

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::InflateError;
use super::history::History;
use super::pool::ZlibPool;

/// Bytes by which the output grows at most in one step.
const MAX_STEP: usize = 256 * 1024;

/// The cost of restarting the inflater after a final block, in inflated bytes.
const ENDING_COST: usize = 256;

/// The state of a message between two calls.
pub(super) struct InflateStream {
    pub(super) inflate: Box<Inflate>,
    /// Bytes that were inflated.
    pub(super) length: usize,
    /// Bytes of the payload that were used.
    consumed: usize,
    /// Final blocks after which more bytes have followed.
    pub(super) endings: usize,
    /// The last block was a final one, and no byte has followed it yet.
    pub(super) ended: bool,
}

impl fmt::Debug for InflateStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InflateStream").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The caller's buffer, which becomes longer step by step as bytes are inflated into it.
pub(super) struct Sink<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// The place of the next byte. Behind it `out` has zeros, which will be overwritten.
    end: usize,
    /// The bytes of `out` from here on are not in the history yet.
    unrecorded: usize,
    /// Most bytes of the whole message.
    limit: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        let end = out.len();
        Self { out, start: end, end, unrecorded: end, limit }
    }

    /// Cuts the zeros off, and returns the place from which on bytes are not in the history.
    pub(super) fn finish(self) -> usize {
        self.out.truncate(self.end);
        self.unrecorded
    }

    /// At least one byte to write to, if possible about `wanted`, never more than `allowed`.
    fn room(&mut self, wanted: usize, allowed: usize) -> &mut [u8] {
        if self.out.len() == self.end {
            let room = wanted.min(MAX_STEP).min(allowed);
            if self.out.capacity() - self.end < room {
                // Doubled, as `Vec` does, but not beyond the limit of the message.
                self.out.reserve_exact(room.max(self.end.min(allowed)));
            }
            self.out.resize(self.end + room, 0);
        }
        self.out.get_mut(self.end..).unwrap_or_default()
    }

    fn record(&mut self, history: &mut History, window: usize) {
        let unrecorded = self.out.get(self.unrecorded..self.end).unwrap_or_default();
        history.push(unrecorded, window);
        self.unrecorded = self.end;
    }
}

impl InflateStream {
    pub(super) fn new(pool: &ZlibPool, history: &History) -> Self {
        let mut inflate = pool.take_inflater();
        prime(&mut inflate, history);
        Self { inflate, length: 0, consumed: 0, endings: 0, ended: false }
    }

    /// Inflates `payload`, but stops when about `budget` bytes have been inflated. Returns how many
    /// bytes of `payload` were used; zlib may still hold output of them, which the next call gets.
    pub(super) fn inflate(
        &mut self,
        payload: &[u8],
        budget: usize,
        sink: &mut Sink<'_>,
        history: &mut History,
        window: usize,
    ) -> Result<usize, InflateError> {
        let endings = self.endings;
        let mut rest = payload;
        let mut wanted = payload.len().saturating_mul(4).max(1024);

        loop {
            if self.ended {
                if rest.is_empty() {
                    return Ok(payload.len());
                }
                self.restart(sink, history, window);
            }

            // A chunk of 32 MiB can have so many final blocks that their cost exceeds 32 bits.
            let spent = (sink.end - sink.start)
                .saturating_add((self.endings - endings).saturating_mul(ENDING_COST));
            if spent >= budget && !rest.is_empty() {
                return Ok(payload.len() - rest.len());
            }

            // One byte past the limit, never more, tells a message that is too large.
            let allowed = sink.limit.saturating_add(1).saturating_sub(self.length);
            if allowed == 0 {
                return Err(InflateError::TooLarge);
            }
            let room = sink.room(wanted, allowed);
            let space = room.len();
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(rest, room, InflateFlush::SyncFlush);
            let read = (self.inflate.total_in() - read) as usize;
            let written = (self.inflate.total_out() - written) as usize;

            rest = rest.get(read..).unwrap_or_default();
            sink.end += written;
            self.length += written;
            self.consumed += read;

            if self.length > sink.limit {
                return Err(InflateError::TooLarge);
            }
            match status {
                Ok(Status::StreamEnd) => self.ended = true,
                // With room left in the output, zlib has used all input; without, it may hold more
                // output.
                Ok(Status::Ok | Status::BufError) if written < space => {
                    return Ok(payload.len());
                }
                Ok(Status::Ok | Status::BufError) => wanted = wanted.saturating_mul(2),
                Err(_) => {
                    let text = self.inflate.error_message().unwrap_or("Zlib error");
                    return Err(InflateError::Data(text));
                }
            }
        }
    }

    /// Goes on after a final block (RFC 7692 section 7.2.3.4) as after any other: with the same
    /// window.
    fn restart(&mut self, sink: &mut Sink<'_>, history: &mut History, window: usize) {
        self.inflate.reset(false);
        self.ended = false;
        self.endings += 1;
        sink.record(history, window);
        // An empty final block has two bytes, and the window costs 32 KiB of copying. A peer that
        // sends thousands of them has its message inflated, unless that refers back across them.
        if self.endings <= 64 + self.consumed / 4096 {
            prime(&mut self.inflate, history);
        }
    }
}

/// Gives an inflater the window of earlier messages and frames.
pub(super) fn prime(inflate: &mut Inflate, history: &History) {
    for piece in history.pieces() {
        // Cannot fail for a raw stream; if it did, references into the window would be data errors.
        let _ = inflate.set_dictionary(piece);
    }
}
