//! A set of sockets, epoll or kqueue, that is asked without blocking which of them can be read or
//! written.
//!
//! The set has a descriptor of its own, which can be read while any of its sockets is ready: libuv
//! watches this one descriptor for all of them.

#[cfg(target_os = "linux")]
mod epoll;
#[cfg(target_os = "macos")]
mod kqueue;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::Timespec;
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, getsockname};

#[cfg(target_os = "linux")]
use epoll as system;
#[cfg(target_os = "macos")]
use kqueue as system;

/// Most sockets that one call of [`Poller::wait`] reports; the next call reports the others.
const BATCH: usize = 256;
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A socket that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The key under which the socket was added.
    pub(crate) key: u64,
    /// The socket has failed; a read would return the error, and the system would then forget it.
    pub(crate) failed: bool,
    /// Something besides bytes has arrived, such as the end, at which a read may have stopped: that
    /// it has filled less than its room does not mean that nothing is left.
    pub(crate) more: bool,
}

impl Ready {
    /// A socket that may be ready, without anything else being known of it.
    pub(crate) fn of(key: u64) -> Self {
        Self { key, failed: false, more: false }
    }
}

/// The readiness to wait for. A socket without any is not in the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    /// Bytes, or the end.
    pub(crate) read: bool,
    /// Room for bytes.
    pub(crate) write: bool,
}

impl Interest {
    /// Nothing.
    pub(crate) const NONE: Self = Self { read: false, write: false };
}

/// How often a socket is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// In every call, for as long as it is ready.
    Level,
    /// Once, when something arrives: the reader has to read everything, or to remember that it has
    /// not. This costs less, as a level-triggered epoll checks each socket that it has reported
    /// twice more. With kqueue it is the same as `Level`. For TCP only: see
    /// [`Trigger::for_reading`].
    Edge,
}

impl Trigger {
    /// The cheaper one that is safe, for a reader that takes a read which has filled less than its
    /// room as a sign that nothing is left. A read of a Unix socket also stops where a descriptor
    /// was passed, which an edge-triggered epoll does not report.
    pub(crate) fn for_reading(socket: BorrowedFd<'_>) -> Self {
        match getsockname(socket).map(|address| address.address_family()) {
            Ok(AddressFamily::INET | AddressFamily::INET6) => Self::Edge,
            _ => Self::Level,
        }
    }
}

/// A set of sockets.
pub(crate) struct Poller {
    queue: OwnedFd,
    events: Vec<system::Event>,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// The process or the system has no descriptor left.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { queue: system::create()?, events: Vec::with_capacity(BATCH) })
    }

    /// The set's own descriptor, which can be read while a socket of the set is ready.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// Changes what is waited for from `from` to `to`. When a socket is added, it is reported if it
    /// is ready already. A socket that is closed is removed by the system.
    ///
    /// # Errors
    ///
    /// A limit of the system, or a descriptor that cannot be waited for.
    pub(crate) fn change(
        &self,
        socket: BorrowedFd<'_>,
        key: u64,
        trigger: Trigger,
        from: Interest,
        to: Interest,
    ) -> Result<()> {
        if from == to {
            return Ok(());
        }
        system::change(&self.queue, socket, key, trigger, from, to)
    }

    /// Appends the sockets that are ready now.
    pub(crate) fn wait(&mut self, ready: &mut Vec<Ready>) {
        self.events.clear();
        while let Err(Errno::INTR) = system::wait(&self.queue, &mut self.events) {}
        ready.extend(self.events.iter().map(system::ready));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    const READ: Interest = Interest { read: true, write: false };

    fn add(set: &Poller, socket: &impl AsFd, key: u64, trigger: Trigger) {
        set.change(socket.as_fd(), key, trigger, Interest::NONE, READ).unwrap();
    }

    fn remove(set: &Poller, socket: &impl AsFd) {
        set.change(socket.as_fd(), 0, Trigger::Level, READ, Interest::NONE).unwrap();
    }

    fn keys(set: &mut Poller) -> Vec<u64> {
        let mut ready = Vec::new();
        set.wait(&mut ready);
        ready.iter().map(|ready| ready.key).collect()
    }

    #[test]
    fn reports_what_can_be_read_until_it_was_read() {
        let mut set = Poller::new().unwrap();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        add(&set, &ours, 7, Trigger::Level);
        assert_eq!(keys(&mut set), []);
        theirs.write_all(b"x").unwrap();
        assert_eq!(keys(&mut set), [7]);
        assert_eq!(keys(&mut set), [7]);
        ours.read_exact(&mut [0]).unwrap();
        assert_eq!(keys(&mut set), []);
        drop(theirs);
        assert_eq!(keys(&mut set), [7]);
        remove(&set, &ours);
        assert_eq!(keys(&mut set), []);
        add(&set, &ours, 8, Trigger::Level);
        assert_eq!(keys(&mut set), [8]);
    }

    /// The two ends of a connection over TCP.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (ours, listener.accept().unwrap().0)
    }

    /// Waits for a report.
    #[cfg(target_os = "linux")]
    fn next(set: &mut Poller) -> Ready {
        let mut ready = Vec::new();
        while ready.is_empty() {
            set.wait(&mut ready);
        }
        ready[0]
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_edge_is_reported_once() {
        let mut set = Poller::new().unwrap();
        let (mut ours, mut theirs) = connection();
        theirs.write_all(b"xy").unwrap();
        add(&set, &ours, 7, Trigger::Edge);
        assert_eq!(next(&mut set), Ready::of(7));
        assert_eq!(keys(&mut set), []);
        ours.read_exact(&mut [0]).unwrap();
        assert_eq!(keys(&mut set), []);
        remove(&set, &ours);
        add(&set, &ours, 7, Trigger::Edge);
        assert_eq!(next(&mut set), Ready::of(7));
        ours.read_exact(&mut [0]).unwrap();
        theirs.write_all(b"z").unwrap();
        drop(theirs);
        while !next(&mut set).more {}
        assert_eq!(keys(&mut set), []);
        remove(&set, &ours);
        add(&set, &ours, 7, Trigger::Edge);
        assert_eq!(next(&mut set), Ready { more: true, ..Ready::of(7) });
    }

    #[test]
    fn only_tcp_is_edge_triggered() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert_eq!(Trigger::for_reading(ours.as_fd()), Trigger::Level);
        assert_eq!(Trigger::for_reading(connection().0.as_fd()), Trigger::Edge);
    }

    #[test]
    fn a_closed_socket_leaves_by_itself() {
        let mut set = Poller::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        add(&set, &ours, 1, Trigger::Level);
        drop(theirs);
        drop(ours);
        assert_eq!(keys(&mut set), []);
    }

    #[test]
    fn waits_for_room_only_when_asked() {
        const BOTH: Interest = Interest { read: true, write: true };
        let mut set = Poller::new().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let change = |set: &Poller, from, to| {
            set.change(ours.as_fd(), 3, Trigger::Level, from, to).unwrap();
        };
        change(&set, Interest::NONE, READ);
        assert_eq!(keys(&mut set), []);
        change(&set, READ, BOTH);
        assert_eq!(keys(&mut set), [3]);
        change(&set, BOTH, READ);
        assert_eq!(keys(&mut set), []);
        theirs.write_all(b"x").unwrap();
        assert_eq!(keys(&mut set), [3]);
        change(&set, READ, Interest::NONE);
        assert_eq!(keys(&mut set), []);
    }
}
