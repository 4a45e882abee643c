//! Reading and writing sockets by descriptor, without blocking.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, RawFd};

use rustix::io::{Errno, Result};
use rustix::net::{self, RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

/// To write to a socket whose peer is gone is an error, not a signal. macOS has no such flag, but
/// Node ignores SIGPIPE.
#[cfg(not(target_os = "macos"))]
const FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_os = "macos")]
const FLAGS: SendFlags = SendFlags::empty();

/// A descriptor whose owner, a socket of Node's, the compiler does not see. It is no duplicate,
/// which would keep the connection open after its owner has closed it, and need another descriptor
/// for each connection.
#[derive(Debug)]
pub(crate) struct LentDescriptor(RawFd);

impl LentDescriptor {
    /// `None` for a negative number, which is no descriptor.
    ///
    /// # Safety
    ///
    /// The descriptor must stay open for as long as the result lives.
    #[expect(unsafe_code, reason = "only the caller knows how long the descriptor stays open")]
    pub(crate) unsafe fn new(descriptor: RawFd) -> Option<Self> {
        (descriptor >= 0).then_some(Self(descriptor))
    }
}

impl AsFd for LentDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        #[expect(unsafe_code, reason = "the compiler does not see the owner")]
        // SAFETY: open for as long as `self` lives, as promised to `new`, and not negative.
        unsafe {
            BorrowedFd::borrow_raw(self.0)
        }
    }
}

/// Reads once; `Ok(0)` at the end of the stream. Calls here are `recv` and `send`, which take the
/// kernel less time than `read` and `write`, which are for any file.
///
/// # Errors
///
/// That of the system; `Errno::AGAIN` where there is nothing to read.
pub(super) fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> Result<usize> {
    loop {
        match recv(socket, &mut *into, RecvFlags::empty()) {
            Err(Errno::INTR) => {}
            result => return result.map(|(length, _)| length),
        }
    }
}

/// Writes the two parts, one after the other, in one call; returns how many bytes the system has
/// taken.
///
/// # Errors
///
/// That of the system; `Errno::AGAIN` where it takes none.
pub(super) fn send(socket: BorrowedFd<'_>, first: &[u8], second: &[u8]) -> Result<usize> {
    loop {
        let sent = if second.is_empty() {
            net::send(socket, first, FLAGS)
        } else {
            let parts = [IoSlice::new(first), IoSlice::new(second)];
            sendmsg(socket, &parts, &mut SendAncillaryBuffer::default(), FLAGS)
        };
        match sent {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
#[cfg(not(model))]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    impl LentDescriptor {
        /// Of a socket that the test keeps open.
        pub(in crate::transport) fn of(socket: &impl AsRawFd) -> Self {
            Self(socket.as_raw_fd())
        }
    }

    #[test]
    fn both_ways_and_to_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(receive(ours.as_fd(), &mut bytes), Err(Errno::AGAIN));
        assert_eq!(send(theirs.as_fd(), b"ab", b"cde"), Ok(5));
        assert_eq!(send(theirs.as_fd(), b"f", b""), Ok(1));
        assert_eq!(receive(ours.as_fd(), &mut bytes), Ok(6));
        assert_eq!(&bytes[..6], b"abcdef");
        drop(theirs);
        assert_eq!(receive(ours.as_fd(), &mut bytes), Ok(0));
    }

    #[test]
    fn a_full_socket_takes_a_part() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let lots = vec![0; 16 << 20];
        let taken = send(ours.as_fd(), &lots, b"").unwrap();
        assert!(0 < taken && taken < lots.len());
    }
}
