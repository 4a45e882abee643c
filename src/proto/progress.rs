//! How far a receiver got through the bytes it was lent.

/// The answer of every `receive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where in the input the receiver stopped; the caller goes on from here.
    pub consumed: usize,
    /// Why it stopped.
    pub status: Status,
}

/// Why a receiver stopped reading.
///
/// Whatever depends on what listeners do with the events before it ends the call, so that a whole
/// chunk can be parsed ahead and still mean what it would have meant event by event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The input is used up.
    NeedMore,
    /// The event list is full; call again from `consumed`.
    Full,
    /// The opening handshake is complete; the driver opens and calls again from `consumed`.
    Handshake,
    /// The connection must close, unless a listener closed it first.
    Verdict,
    /// Inflating the rest of a frame takes long: the connection has a job to hand out. Call again
    /// from `consumed` once it has been given back.
    Busy,
    /// The input ends within a long message, and what is there of it, from `consumed` on, is the
    /// caller's to keep; see [`Landing`](super::hybi::Landing).
    Landing,
}
