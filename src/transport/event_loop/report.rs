//! Reports about connections, and the integers as which JavaScript gets them.

use rustix::io::Errno;

/// A report about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// `length` bytes were read into the slab, and the session has made `events` events of them.
    Chunk { length: usize, events: u32 },
    /// The last `length` bytes of a message were read into the memory that was lent for it.
    Landed { length: usize },
    /// The peer has ended its stream.
    Ended,
    /// A read of a borrowed descriptor has failed; the system reports the error only once, to that
    /// read.
    ReadFailed(Errno),
    /// A borrowed descriptor has failed; Node has to read the error from it.
    Failed,
    /// The system has not taken this number of bytes of a connection that was on the dirty list.
    Unwritten(usize),
    /// This number of bytes of memory is needed for the message that is landing.
    MemoryWanted(u32),
    /// A listener runs the loop; this report is of no connection.
    Reentered,
    /// Other events of an owned connection: bits of [`SocketEvents`].
    SocketEvents(u32),
}

/// Events of an owned connection besides those of its bytes.
pub(crate) struct SocketEvents;

impl SocketEvents {
    /// The kernel has taken the queue: a writer that waits may go on.
    pub(crate) const FLUSHED: u32 = 1;
    /// The kernel has the end of our stream.
    pub(crate) const FINISHED: u32 = 2;
    /// The connection has failed.
    pub(crate) const FAILED: u32 = 4;
    /// The socket is closed; no report will follow.
    pub(crate) const CLOSED: u32 = 8;
}

/// Instead of a byte count: the socket has failed; Node has to read the error from it.
const FAILED: i32 = i32::MIN;
/// Instead of a byte count: the system has not taken all output; the stream has to write the rest.
const UNWRITTEN: i32 = i32::MIN + 1;
/// Instead of a byte count: memory is needed for a message.
const MEMORY_WANTED: i32 = i32::MIN + 2;
/// Instead of a byte count: a listener runs the loop.
const REENTERED: i32 = i32::MIN + 3;
/// Instead of a byte count: the second integer has bits of [`SocketEvents`].
const SOCKET_EVENTS: i32 = i32::MIN + 4;
/// Bit in the count of events: the only event is in the memory that was lent for it, not in the
/// slab.
const LANDED: i32 = 1 << 16;

impl Report {
    /// Two integers: a byte count, or one of the constants above, and a count of events, or the
    /// constant's argument.
    pub(crate) fn to_integers(self) -> (i32, i32) {
        match self {
            Self::Chunk { length, events } => (length as i32, events as i32),
            Self::Landed { length } => (length as i32, LANDED | 1),
            Self::Ended => (0, 0),
            Self::ReadFailed(errno) => (-errno.raw_os_error(), 0),
            Self::Failed => (FAILED, 0),
            Self::Unwritten(rest) => (UNWRITTEN, i32::try_from(rest).unwrap_or(i32::MAX)),
            Self::MemoryWanted(bytes) => (MEMORY_WANTED, bytes as i32),
            Self::Reentered => (REENTERED, 0),
            Self::SocketEvents(events) => (SOCKET_EVENTS, events as i32),
        }
    }
}
