//! Connections that are read and written on libuv's event loop, in its thread: which descriptors
//! are watched, in which order connections are served, and when output is written.
//!
//! A connection's descriptor is borrowed (a server's: Node owns the socket and its life cycle, and
//! has stopped reading it) or owned (a dialled client's, perhaps with TLS); see [`served`]. One set
//! has both. The [`Host`] parses the bytes and calls JavaScript, which may do anything to any
//! connection: nothing of the set is borrowed meanwhile.
//!
//! **Watching.** All descriptors are in one [`poller`], epoll or kqueue, whose own descriptor the
//! event loop watches. Borrowed TCP sockets are edge-triggered: after a read that has filled less
//! than its room nothing is left, and neither a second read nor a call to epoll is needed. Owned
//! sockets are level-triggered: layers above the socket decide whether it is read, and what is
//! waited for changes. While the poller has a single connection, it is not asked which is ready.
//!
//! **Fairness.** A turn of the loop reads one chunk of each ready connection, then another of each
//! that may have more, in at most [`ROUNDS`] rounds; the others are served in the next turn, after
//! everything else that the loop has to do. One read takes at most [`READ_BUDGET`] bytes: the
//! length of the slab, unless a long message is landing. A connection that has to be served without
//! its descriptor being reported (its edge was reported already; TLS has buffered bytes; a report
//! waits) is on the revisit list. While that is not empty, a descriptor that can always be read is
//! in the poller.
//!
//! **Writing.** What listeners send is written after some connections have been served, for one
//! connection after the other, and at the latest at the end of the turn: to wake the peer for each
//! write costs more than to write. Connections with output are on a dirty list that the host keeps.
//! It is written when [`PATIENCE`] has passed; to save time, the clock is read after every
//! [`LOOK_EVERY`] connections only.
//!
//! **Re-entry.** A listener may run the event loop before it returns. Connections that are ready
//! and were not served yet are put on the revisit list then, so that the inner turn serves them.

pub(crate) mod dirty_list;
#[cfg(test)]
#[cfg(not(model))]
mod hand_over;
#[expect(unsafe_code, reason = "libuv's functions are found by name")]
pub(crate) mod libuv;
mod owned;
pub(crate) mod poller;
mod report;
pub(crate) mod served;
mod set;
#[cfg(test)]
#[cfg(not(model))]
mod tests;

use std::ops::DerefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::proto::sessions::ServedSession;
use crate::proto::slots::Key;
use dirty_list::DirtyList;
use poller::Ready;
pub(crate) use report::{Report, SocketEvents};
pub(crate) use set::LoopSet;

/// The time that output waits while other connections are served, up to [`LOOK_EVERY`] of them
/// more.
const PATIENCE: Duration = Duration::from_micros(200);
/// Most chunks of one connection that are read in a turn of the loop.
const ROUNDS: usize = 4;
/// Connections that are served before the clock is read.
const LOOK_EVERY: u32 = 4;
/// Most bytes that are read of one connection at once.
const READ_BUDGET: usize = 1 << 20;

/// The watch of the event loop on the descriptor of a set.
pub(crate) trait Watcher {
    /// Has the loop call [`turn`] whenever the descriptor can be read; false when the system
    /// refuses.
    fn start(&self) -> bool;
    /// Has the loop call no more.
    fn stop(&self);
    /// Sets whether the started watch keeps the loop, and so the process, alive.
    fn set_ref(&self, keep_alive: bool);
    /// A turn begins: from now on the loop calls [`reenter`] if a listener runs it.
    fn enter(&self);
    /// The turn ends.
    fn leave(&self);
}

/// The owner of the set, by which the event loop reaches sessions and JavaScript.
pub(crate) trait Host: Sized {
    /// The host's data of a connection.
    type Tag;
    /// A handle scope, in which JavaScript is called.
    type Scope;
    /// Memory that is lent for a long message.
    type Memory: DerefMut<Target = [u8]>;
    /// The watch on the set.
    type Watcher: Watcher;
    /// Parses the bytes of a connection, and has bytes for its peer.
    type Session<'a>: ServedSession;

    /// Calls `act` with the set, if there still is one.
    fn set<R>(&self, act: impl FnOnce(&mut LoopSet<Self>) -> R) -> Option<R>;
    /// Calls `act` with a session, if there still is one under this number. The set may be borrowed
    /// meanwhile.
    fn session<R>(&self, number: u32, act: impl FnOnce(&mut Self::Session<'_>) -> R) -> Option<R>;
    /// The slab: memory into which chunks are read.
    fn slab(tag: &Self::Tag) -> impl DerefMut<Target = [u8]>;
    /// Calls JavaScript with a report. Nothing may be borrowed.
    fn report(&self, scope: &Self::Scope, key: Key, report: Report);
    /// Tells JavaScript that a listener runs the loop.
    fn report_reentry(&self);
    /// Calls `act` with each dirty list: every copy of the JavaScript layer has one.
    fn dirty_lists(&self, act: impl FnMut(DirtyList<'_>));
}

/// A turn: the loop's callback when the poller's descriptor can be read. No panic unwinds out of
/// it; a panic of the parser fails the connection whose bytes it has parsed.
pub(crate) fn turn<H: Host>(host: &H, scope: &H::Scope) {
    host.set(|set| set.begin_turn(host));
    let mut since = Instant::now();
    let mut served = 0;
    for round in 1..=ROUNDS {
        while let Some(Some(ready)) = host.set(LoopSet::next_ready) {
            guard(|| serve(host, scope, ready, round == 1));
            served += 1;
            if served % LOOK_EVERY == 0 && since.elapsed() > PATIENCE {
                guard(|| write_dirty(host, scope));
                since = Instant::now();
            }
        }
        if round == ROUNDS || host.set(LoopSet::begin_round) != Some(true) {
            break;
        }
    }
    host.set(|set| set.end_turn(host));
    guard(|| write_dirty(host, scope));
}

/// A listener, called by the loop, runs the loop, which is about to wait.
pub(crate) fn reenter<H: Host>(host: &H) {
    host.set(LoopSet::leave_ready);
    host.report_reentry();
}

fn guard<R>(act: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(act)).ok()
}

fn serve<H: Host>(host: &H, scope: &H::Scope, ready: Ready, is_first_round: bool) {
    let key = Key::from_bits(ready.key);
    let first = host.set(|set| set.report_before_reading(key, is_first_round)).flatten();
    if let Some(report) = first {
        host.report(scope, key, report);
        if matches!(report, Report::SocketEvents(events) if events & SocketEvents::CLOSED != 0) {
            // To drop the host's tag may call JavaScript: nothing may be borrowed.
            let closed = host.set(|set| set.remove(host, key.number));
            drop(closed);
            return;
        }
    }
    let read = guard(|| host.set(|set| set.receive(host, ready)));
    let report = read.unwrap_or_else(|| host.set(|set| set.fail(key)));
    if let Some(Some(report)) = report {
        host.report(scope, key, report);
    }
}

/// Writes the output of the connections on the dirty lists.
fn write_dirty<H: Host>(host: &H, scope: &H::Scope) {
    let unwritten = host.set(|set| set.write_dirty(host));
    for (key, rest) in unwritten.unwrap_or_default() {
        host.report(scope, key, Report::Unwritten(rest));
    }
}
