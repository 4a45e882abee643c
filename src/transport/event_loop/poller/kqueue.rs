//! [`Poller`](super::Poller) on macOS. Every socket is level-triggered.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use rustix::buffer::{Buffer, spare_capacity};
use rustix::event::kqueue::{self, EventFilter, EventFlags};
use rustix::io::Result;

use super::{AT_ONCE, Interest, Ready, Trigger};

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
    // SAFETY: the descriptors of changes are borrowed while this runs, and kqueue forgets closed
    // descriptors by itself; nothing is dereferenced here.
    unsafe {
        kqueue::kevent_timespec(queue, changes, events, Some(&AT_ONCE))
    }
}

pub(super) fn change(
    queue: &OwnedFd,
    socket: BorrowedFd<'_>,
    key: u64,
    _: Trigger,
    from: Interest,
    to: Interest,
) -> Result<()> {
    let socket = socket.as_raw_fd();
    let sides = [
        (EventFilter::Read(socket), from.read, to.read),
        (EventFilter::Write(socket), from.write, to.write),
    ];
    for (filter, _, is) in sides.into_iter().filter(|(_, was, is)| was != is) {
        let flags = if is { EventFlags::ADD } else { EventFlags::DELETE };
        let key = ptr::without_provenance_mut(key as usize);
        // Without room for events, a failure is returned instead of being one of them.
        kevent(queue, &[Event::new(filter, flags, key)], &mut [] as &mut [Event])?;
    }
    Ok(())
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
