//! What is told of a client's connection on the loop, besides its bytes.

use napi_derive::napi;

/// Bits of a report: what has happened since the last.
#[napi]
pub enum SocketReport {
    /// What was written has reached the kernel: a writer that waits may go on.
    Flushed = 1,
    /// The end of our stream has reached the kernel.
    Finished = 2,
    /// A failure waits to be taken.
    Failed = 4,
    /// The socket is closed, and nothing will follow.
    Closed = 8,
}
