//! How much of its input a receiver has read, and why it stopped.

/// The return value of every `receive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that were read; the next call begins there.
    pub consumed: usize,
    /// Why the receiver stopped.
    pub status: Status,
}

/// Why a receiver stopped reading.
///
/// A call ends wherever the meaning of the next bytes depends on what listeners do with the events
/// found so far: the caller can read a whole chunk before it calls listeners, and the result is the
/// same as if it had called them event by event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All of the input was read.
    NeedMore,
    /// The event list is full; call again from `consumed`.
    Full,
    /// The opening handshake is complete; the driver opens and calls again from `consumed`.
    Handshake,
    /// The connection must close, unless a listener closed it first.
    Verdict,
    /// Inflating the rest of a frame takes long, and has become a job: take the job, run it, give
    /// it back, and call again from `consumed`.
    Busy,
    /// The input ends within a long message. The bytes from `consumed` on are the first of its
    /// payload, and the caller has to keep them; see [`Landing`](super::hybi::Landing).
    Landing,
}
