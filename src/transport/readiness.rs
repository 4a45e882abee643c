//! Which of many sockets can be read: epoll or kqueue, never blocking.
//!
//! The sockets stay where they are, in the hands of whoever owns them. This set has a descriptor
//! of its own, readable while any of its sockets is, so that one watch on somebody else's event
//! loop serves all of them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::io::{Errno, Result};

/// Sockets one call to [`Readiness::wait`] reports at most; the others are reported by the next.
const BATCH: usize = 256;
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A socket that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// What the socket was added under.
    pub(crate) key: u64,
    /// The socket has failed: reading would consume the error.
    pub(crate) failed: bool,
    /// Something besides bytes has arrived, the end for one: a read that is not cut short by room may
    /// be by that.
    pub(crate) more: bool,
}

impl Ready {
    /// A socket of which nothing is known but that it can be read.
    pub(crate) fn of(key: u64) -> Self {
        Self { key, failed: false, more: false }
    }
}

/// What of a socket is waited for; of nothing, it is not in the set.
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

/// A set of sockets.
pub(crate) struct Readiness {
    queue: OwnedFd,
    events: Vec<sys::Event>,
}

impl Readiness {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// No descriptor is left.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { queue: sys::create()?, events: Vec::with_capacity(BATCH) })
    }

    /// A descriptor that can be read while a socket of the set can.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// Adds a socket, which must not be in the set. One that is closed leaves it by itself.
    ///
    /// # Errors
    ///
    /// The system's limits, or a descriptor that cannot be waited for.
    pub(crate) fn add(&self, socket: RawFd, key: u64) -> Result<()> {
        sys::add(&self.queue, socket, key)
    }

    /// As [`Readiness::add`], for a TCP socket whose reader takes all there is: it is reported once for
    /// what has arrived. When something may be left, [`Readiness::ask_again`]. Elsewhere than on Linux
    /// it is reported as others are.
    ///
    /// The system looks at a socket that has been reported twice more otherwise, for nothing.
    ///
    /// # Errors
    ///
    /// As for [`Readiness::add`].
    pub(crate) fn add_once(&self, socket: RawFd, key: u64) -> Result<()> {
        sys::add_once(&self.queue, socket, key)
    }

    /// Has a socket reported once more if something is there that has been reported.
    pub(crate) fn ask_again(&self, socket: RawFd, key: u64) {
        // It fails for a socket that is not there any more.
        let _ = sys::ask_again(&self.queue, socket, key);
    }

    /// Waits for something else of a socket: it was in the set for `from` and will be for `to`.
    ///
    /// # Errors
    ///
    /// As for [`Readiness::add`].
    pub(crate) fn change(
        &self,
        socket: RawFd,
        key: u64,
        from: Interest,
        to: Interest,
    ) -> Result<()> {
        if from == to { Ok(()) } else { sys::change(&self.queue, socket, key, from, to) }
    }

    /// Takes a socket out of the set, if it is there.
    pub(crate) fn remove(&self, socket: RawFd) {
        // It fails for a socket that is not there, which is what was asked for.
        let _ = sys::remove(&self.queue, socket);
    }

    /// Appends the sockets that can be read now.
    pub(crate) fn wait(&mut self, ready: &mut Vec<Ready>) {
        self.events.clear();
        while let Err(Errno::INTR) = sys::wait(&self.queue, &mut self.events) {}
        ready.extend(self.events.iter().map(sys::ready));
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod sys {
    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
    use rustix::net::{AddressFamily, sockopt};

    use super::*;
    use crate::transport::descriptor::lend;

    pub(super) use epoll::Event;

    /// What can cut a read short: the end, and urgent data.
    const MORE: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::PRI);
    const ONCE: EventFlags = EventFlags::IN.union(MORE).union(EventFlags::ET);

    pub(super) fn create() -> Result<OwnedFd> {
        epoll::create(CreateFlags::CLOEXEC)
    }

    pub(super) fn add(queue: &OwnedFd, socket: RawFd, key: u64) -> Result<()> {
        lend(socket, |socket| epoll::add(queue, socket, EventData::new_u64(key), EventFlags::IN))
    }

    /// Whether it is told of everything that cuts a read short. A Unix socket's also ends where a
    /// descriptor was passed.
    fn is_tcp(socket: RawFd) -> bool {
        let family = lend(socket, |socket| sockopt::socket_domain(socket));
        matches!(family, Ok(AddressFamily::INET | AddressFamily::INET6))
    }

    pub(super) fn add_once(queue: &OwnedFd, socket: RawFd, key: u64) -> Result<()> {
        if !is_tcp(socket) {
            return add(queue, socket, key);
        }
        lend(socket, |socket| epoll::add(queue, socket, EventData::new_u64(key), ONCE))
    }

    pub(super) fn ask_again(queue: &OwnedFd, socket: RawFd, key: u64) -> Result<()> {
        // Others are reported as long as something is there.
        if !is_tcp(socket) {
            return Ok(());
        }
        lend(socket, |socket| epoll::modify(queue, socket, EventData::new_u64(key), ONCE))
    }

    pub(super) fn change(
        queue: &OwnedFd,
        socket: RawFd,
        key: u64,
        from: Interest,
        to: Interest,
    ) -> Result<()> {
        let data = EventData::new_u64(key);
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, to.read);
        flags.set(EventFlags::OUT, to.write);
        lend(socket, |socket| match (from, to) {
            (_, Interest::NONE) => epoll::delete(queue, socket),
            (Interest::NONE, _) => epoll::add(queue, socket, data, flags),
            _ => epoll::modify(queue, socket, data, flags),
        })
    }

    pub(super) fn remove(queue: &OwnedFd, socket: RawFd) -> Result<()> {
        lend(socket, |socket| epoll::delete(queue, socket))
    }

    pub(super) fn wait(queue: &OwnedFd, events: &mut Vec<Event>) -> Result<()> {
        epoll::wait(queue, spare_capacity(events), Some(&AT_ONCE)).map(drop)
    }

    pub(super) fn ready(event: &Event) -> Ready {
        let Event { flags, data } = *event;
        Ready {
            key: data.u64(),
            failed: flags.contains(EventFlags::ERR),
            more: flags.intersects(MORE),
        }
    }
}

#[cfg(target_os = "macos")]
mod sys {
    use std::ptr;

    use rustix::buffer::Buffer;
    use rustix::event::kqueue::{self, EventFilter, EventFlags};

    use super::*;

    pub(super) use kqueue::Event;

    pub(super) fn create() -> Result<OwnedFd> {
        kqueue::kqueue()
    }

    fn kevent<Events: Buffer<Event>>(
        queue: &OwnedFd,
        changes: &[Event],
        events: Events,
    ) -> Result<Events::Output> {
        #[expect(unsafe_code, reason = "rustix wants a promise about the descriptors")]
        // SAFETY: whoever adds a socket takes it out before closing it, and kqueue forgets closed
        // descriptors by itself; nothing is dereferenced here.
        unsafe {
            kqueue::kevent_timespec(queue, changes, events, Some(&AT_ONCE))
        }
    }

    /// Without room for events, a failure is returned instead of being one of them.
    fn apply(queue: &OwnedFd, change: Event) -> Result<()> {
        kevent(queue, &[change], &mut [] as &mut [Event]).map(drop)
    }

    pub(super) fn add(queue: &OwnedFd, socket: RawFd, key: u64) -> Result<()> {
        let key = ptr::without_provenance_mut(key as usize);
        apply(queue, Event::new(EventFilter::Read(socket), EventFlags::ADD, key))
    }

    pub(super) fn add_once(queue: &OwnedFd, socket: RawFd, key: u64) -> Result<()> {
        add(queue, socket, key)
    }

    pub(super) fn ask_again(_: &OwnedFd, _: RawFd, _: u64) -> Result<()> {
        Ok(())
    }

    pub(super) fn change(
        queue: &OwnedFd,
        socket: RawFd,
        key: u64,
        from: Interest,
        to: Interest,
    ) -> Result<()> {
        let sides = [
            (EventFilter::Read(socket), from.read, to.read),
            (EventFilter::Write(socket), from.write, to.write),
        ];
        for (filter, _, is) in sides.into_iter().filter(|(_, was, is)| was != is) {
            let flags = if is { EventFlags::ADD } else { EventFlags::DELETE };
            let key = ptr::without_provenance_mut(key as usize);
            apply(queue, Event::new(filter, flags, key))?;
        }
        Ok(())
    }

    pub(super) fn remove(queue: &OwnedFd, socket: RawFd) -> Result<()> {
        let none = ptr::null_mut();
        apply(queue, Event::new(EventFilter::Read(socket), EventFlags::DELETE, none))
    }

    pub(super) fn wait(queue: &OwnedFd, events: &mut Vec<Event>) -> Result<()> {
        kevent(queue, &[], spare_capacity(events)).map(drop)
    }

    pub(super) fn ready(event: &Event) -> Ready {
        Ready {
            key: event.udata().addr() as u64,
            failed: event.flags().contains(EventFlags::ERROR),
            more: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn keys(set: &mut Readiness) -> Vec<u64> {
        let mut ready = Vec::new();
        set.wait(&mut ready);
        ready.iter().map(|ready| ready.key).collect()
    }

    #[test]
    fn reports_what_can_be_read_until_it_was_read() {
        let mut set = Readiness::new().unwrap();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        set.add(ours.as_raw_fd(), 7).unwrap();
        assert_eq!(keys(&mut set), []);
        theirs.write_all(b"x").unwrap();
        assert_eq!(keys(&mut set), [7]);
        assert_eq!(keys(&mut set), [7]);
        ours.read_exact(&mut [0]).unwrap();
        assert_eq!(keys(&mut set), []);
        drop(theirs);
        assert_eq!(keys(&mut set), [7]);
        set.remove(ours.as_raw_fd());
        assert_eq!(keys(&mut set), []);
    }

    /// The two ends of a connection over TCP.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (ours, listener.accept().unwrap().0)
    }

    /// Waits for a report.
    fn next(set: &mut Readiness) -> Ready {
        let mut ready = Vec::new();
        while ready.is_empty() {
            set.wait(&mut ready);
        }
        ready[0]
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reports_once_what_has_arrived() {
        let mut set = Readiness::new().unwrap();
        let (mut ours, mut theirs) = connection();
        let socket = ours.as_raw_fd();
        theirs.write_all(b"xy").unwrap();
        set.add_once(socket, 7).unwrap();
        assert_eq!(next(&mut set), Ready::of(7));
        assert_eq!(keys(&mut set), []);
        ours.read_exact(&mut [0]).unwrap();
        set.ask_again(socket, 7);
        assert_eq!(next(&mut set), Ready::of(7));
        ours.read_exact(&mut [0]).unwrap();
        set.ask_again(socket, 7);
        assert_eq!(keys(&mut set), []);
        theirs.write_all(b"z").unwrap();
        drop(theirs);
        while !next(&mut set).more {}
        set.ask_again(socket, 7);
        assert_eq!(next(&mut set), Ready { more: true, ..Ready::of(7) });
    }

    #[test]
    fn other_sockets_are_reported_until_they_were_read() {
        let mut set = Readiness::new().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"x").unwrap();
        set.add_once(ours.as_raw_fd(), 7).unwrap();
        assert_eq!(keys(&mut set), [7]);
        set.ask_again(ours.as_raw_fd(), 7);
        assert_eq!(keys(&mut set), [7]);
        assert_eq!(keys(&mut set), [7]);
    }

    #[test]
    fn a_closed_socket_leaves_by_itself() {
        let mut set = Readiness::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        set.add(ours.as_raw_fd(), 1).unwrap();
        drop(theirs);
        drop(ours);
        assert_eq!(keys(&mut set), []);
    }

    #[test]
    fn waits_for_room_only_when_asked() {
        const BOTH: Interest = Interest { read: true, write: true };
        const READ: Interest = Interest { read: true, write: false };
        let mut set = Readiness::new().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let socket = ours.as_raw_fd();
        set.change(socket, 3, Interest::NONE, READ).unwrap();
        assert_eq!(keys(&mut set), []);
        set.change(socket, 3, READ, BOTH).unwrap();
        assert_eq!(keys(&mut set), [3]);
        set.change(socket, 3, BOTH, READ).unwrap();
        assert_eq!(keys(&mut set), []);
        theirs.write_all(b"x").unwrap();
        assert_eq!(keys(&mut set), [3]);
        set.change(socket, 3, READ, Interest::NONE).unwrap();
        assert_eq!(keys(&mut set), []);
    }

    #[test]
    fn a_socket_is_added_once() {
        let set = Readiness::new().unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        set.add(ours.as_raw_fd(), 1).unwrap();
        set.remove(ours.as_raw_fd());
        set.add(ours.as_raw_fd(), 2).unwrap();
    }
}
