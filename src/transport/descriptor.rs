//! Reading and writing sockets that belong to somebody else, by descriptor.

use std::io::IoSlice;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{Errno, Result, read, writev};

/// Calls `use_it` with a descriptor that its owner keeps open meanwhile.
pub(super) fn lend<R>(descriptor: RawFd, use_it: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
    #[expect(unsafe_code, reason = "the owner is JavaScript's socket, out of the compiler's sight")]
    // SAFETY: the owner calls from the thread that would close the descriptor and gives it up
    // before it does, so that it is open for as long as this call takes; a negative number never
    // gets here (see `Watch`).
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    use_it(borrowed)
}

/// Reads what is there, once. `Ok(0)` at the end of the stream.
///
/// # Errors
///
/// The system's; `Errno::AGAIN` where nothing is there.
pub(crate) fn read_some(descriptor: RawFd, into: &mut [u8]) -> Result<usize> {
    loop {
        match lend(descriptor, |socket| read(socket, &mut *into)) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Writes the two parts, one behind the other, once; returns how many bytes the system took.
///
/// # Errors
///
/// The system's; `Errno::AGAIN` where it takes none.
pub(crate) fn write_some(descriptor: RawFd, first: &[u8], second: &[u8]) -> Result<usize> {
    loop {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        let parts = if second.is_empty() { &parts[..1] } else { &parts[..] };
        match lend(descriptor, |socket| writev(socket, parts)) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
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
        assert_eq!(read_some(ours.as_raw_fd(), &mut bytes), Err(Errno::AGAIN));
        assert_eq!(write_some(theirs.as_raw_fd(), b"ab", b"cde"), Ok(5));
        assert_eq!(write_some(theirs.as_raw_fd(), b"f", b""), Ok(1));
        assert_eq!(read_some(ours.as_raw_fd(), &mut bytes), Ok(6));
        assert_eq!(&bytes[..6], b"abcdef");
        drop(theirs);
        assert_eq!(read_some(ours.as_raw_fd(), &mut bytes), Ok(0));
    }

    #[test]
    fn a_full_socket_takes_a_part() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let lots = vec![0; 16 << 20];
        let taken = write_some(ours.as_raw_fd(), &lots, b"").unwrap();
        assert!(0 < taken && taken < lots.len());
    }
}
