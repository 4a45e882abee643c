//! Reading and writing sockets that belong to somebody else, by descriptor.

use std::io::IoSlice;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{Errno, Result};
use rustix::net::{self, RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

/// A peer that is gone is an error, not a signal. Where there is no such flag, Node ignores the
/// signal.
#[cfg(not(target_os = "macos"))]
const FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_os = "macos")]
const FLAGS: SendFlags = SendFlags::empty();

/// Calls `use_it` with a descriptor that its owner keeps open meanwhile.
pub(super) fn lend<R>(descriptor: RawFd, use_it: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
    #[expect(unsafe_code, reason = "the owner is JavaScript's socket, out of the compiler's sight")]
    // SAFETY: the owner calls from the thread that would close the descriptor and gives it up
    // before it does, so that it is open for as long as this call takes; a negative number never
    // gets here (see `Watch`).
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    use_it(borrowed)
}

/// Reads what is there, once. `Ok(0)` at the end of the stream. As every call here, made for sockets:
/// it takes the kernel less than one that would do for any file.
///
/// # Errors
///
/// The system's; `Errno::AGAIN` where nothing is there.
pub(super) fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> Result<usize> {
    loop {
        match recv(socket, &mut *into, RecvFlags::empty()) {
            Err(Errno::INTR) => {}
            result => return result.map(|(length, _)| length),
        }
    }
}

/// As [`receive`], by a descriptor that is only lent.
///
/// # Errors
///
/// As for [`receive`].
pub(crate) fn receive_some(descriptor: RawFd, into: &mut [u8]) -> Result<usize> {
    lend(descriptor, |socket| receive(socket, into))
}

/// Writes the two parts, one behind the other, once; returns how many bytes the system took.
///
/// # Errors
///
/// The system's; `Errno::AGAIN` where it takes none.
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

/// As [`send`], by a descriptor that is only lent.
///
/// # Errors
///
/// As for [`send`].
pub(crate) fn send_some(descriptor: RawFd, first: &[u8], second: &[u8]) -> Result<usize> {
    lend(descriptor, |socket| send(socket, first, second))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn both_ways_and_to_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(receive_some(ours.as_raw_fd(), &mut bytes), Err(Errno::AGAIN));
        assert_eq!(send_some(theirs.as_raw_fd(), b"ab", b"cde"), Ok(5));
        assert_eq!(send_some(theirs.as_raw_fd(), b"f", b""), Ok(1));
        assert_eq!(receive_some(ours.as_raw_fd(), &mut bytes), Ok(6));
        assert_eq!(&bytes[..6], b"abcdef");
        drop(theirs);
        assert_eq!(receive_some(ours.as_raw_fd(), &mut bytes), Ok(0));
    }

    #[test]
    fn a_full_socket_takes_a_part() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let lots = vec![0; 16 << 20];
        let taken = send_some(ours.as_raw_fd(), &lots, b"").unwrap();
        assert!(0 < taken && taken < lots.len());
    }
}
