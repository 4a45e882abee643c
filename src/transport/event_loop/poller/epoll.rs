//! [`Poller`](super::Poller) on Linux.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Result;

use super::{AT_ONCE, Interest, Ready, Trigger};

pub(super) use epoll::Event;

/// Events at which a read may stop: the end, and urgent data. Asked for with edge-triggered sockets
/// only: a level-triggered one is reported again.
const MORE: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::PRI);

pub(super) fn create() -> Result<OwnedFd> {
    epoll::create(CreateFlags::CLOEXEC)
}

fn flags(trigger: Trigger, interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.read);
    flags.set(EventFlags::OUT, interest.write);
    flags.set(MORE.union(EventFlags::ET), trigger == Trigger::Edge);
    flags
}

pub(super) fn change(
    queue: &OwnedFd,
    socket: BorrowedFd<'_>,
    key: u64,
    trigger: Trigger,
    from: Interest,
    to: Interest,
) -> Result<()> {
    let data = EventData::new_u64(key);
    match (from, to) {
        (_, Interest::NONE) => epoll::delete(queue, socket),
        (Interest::NONE, _) => epoll::add(queue, socket, data, flags(trigger, to)),
        _ => epoll::modify(queue, socket, data, flags(trigger, to)),
    }
}

pub(super) fn wait(queue: &OwnedFd, events: &mut Vec<Event>) -> Result<()> {
    epoll::wait(queue, spare_capacity(events), Some(&AT_ONCE)).map(drop)
}

pub(super) fn ready(event: &Event) -> Ready {
    let Event { flags, data } = *event;
    Ready { key: data.u64(), failed: flags.contains(EventFlags::ERR), more: flags.intersects(MORE) }
}
