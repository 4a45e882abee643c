//! What is told of a connection, and as which integers JavaScript gets it.

use rustix::io::Errno;

/// What is to be told of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// So many bytes are in the slab, of which the session made so many events.
    Chunk { length: usize, events: u32 },
    /// The last `length` bytes of a message were read to the memory lent for it.
    Landed { length: usize },
    /// The peer's last byte was read before.
    Ended,
    /// Reading a borrowed descriptor has failed, and the system has forgotten why.
    ReadFailed(Errno),
    /// A borrowed descriptor has failed, and whoever owns it should find out how.
    Failed,
    /// The system did not take so many bytes of the output of a connection that was on the dirty
    /// list.
    Unwritten(usize),
    /// So many bytes of memory are wanted for the message that is being read.
    MemoryWanted(u32),
    /// A listener runs the loop: told of no connection.
    Reentered,
    /// What has happened to an owned connection besides: bits of [`SocketEvents`].
    SocketEvents(u32),
}

/// What has happened to an owned connection, besides bytes.
pub(crate) struct SocketEvents;

impl SocketEvents {
    /// What was written has reached the kernel: a writer that waits may go on.
    pub(crate) const FLUSHED: u32 = 1;
    /// The end of our stream has reached the kernel.
    pub(crate) const FINISHED: u32 = 2;
    /// There is a failure.
    pub(crate) const FAILED: u32 = 4;
    /// The socket is closed, and nothing will follow.
    pub(crate) const CLOSED: u32 = 8;
}

/// Instead of a byte count: the socket has failed, and Node should find out how.
const FAILED: i32 = i32::MIN;
/// Instead of a byte count: what the system did not take of the output is to go through the stream.
const UNWRITTEN: i32 = i32::MIN + 1;
/// Instead of a byte count: memory is wanted for a message.
const MEMORY_WANTED: i32 = i32::MIN + 2;
/// Instead of a byte count: a listener runs the loop.
const REENTERED: i32 = i32::MIN + 3;
/// Instead of a byte count: what follows are bits of [`SocketEvents`].
const SOCKET_EVENTS: i32 = i32::MIN + 4;
/// In the count of events: the one there is lies in the memory lent for it, not in the slab.
const LANDED: i32 = 1 << 16;

impl Report {
    /// Two integers: a byte count, or what comes instead of one, and a count of events, or what
    /// belongs to that.
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
