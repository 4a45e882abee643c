//! Connections that are read and written on somebody else's event loop, in its thread: what is
//! watched, who is served when, and when output is written.
//!
//! A connection's descriptor is borrowed (a server's: Node owns the socket, keeps its life cycle
//! and has stopped reading) or owned (a dialled client's, with TLS perhaps); see [`served`]. One
//! set serves both. The [`Host`] parses what was read and calls JavaScript; nothing of the set is
//! borrowed while JavaScript runs, which may do anything to any connection.
//!
//! **Watching.** All descriptors are in one [`poller`], whose own descriptor the event loop
//! watches. TCP sockets that are borrowed are edge-triggered: after a read that was shorter than
//! its room nothing is left, so that telling the system so, or asking again, would be a waste.
//! Those that are owned are level-triggered: layers above the socket decide whether it is read, and
//! what is waited for changes. While a single connection is waited for, the poller is not asked who
//! is ready.
//!
//! **Fairness.** A turn of the loop serves each ready connection one chunk, then those that may
//! have more another one, at most [`ROUNDS`] times; what is left then is served in the next turn,
//! behind whatever else the loop has to do. Reading takes at most [`READ_BUDGET`] bytes at once, a
//! slab's length unless a long message is being read. A connection that may have more without its
//! descriptor saying so (the edge was seen; TLS has bytes buffered; a report waits) is on the
//! revisit list, and while that is not empty a descriptor that can always be read is in the poller.
//!
//! **Writing.** What listeners send goes out when some connections have been served, one behind the
//! other, and at the latest when the turn ends: a peer that is woken by each write on its own costs
//! more than the writing. Connections with output are on a dirty list that the host keeps; it is
//! written once [`PATIENCE`] has passed, looked at after every [`LOOK_EVERY`] connections as the
//! clock costs something too.
//!
//! **Re-entry.** A listener may run the event loop before it returns. Connections that were
//! reported and not served yet then go to the revisit list, so that the inner turn finds them.

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

/// How long output waits for the listeners of other connections, give or take some of them.
const PATIENCE: Duration = Duration::from_micros(200);
/// Chunks of one connection that are read in a turn of the loop.
const ROUNDS: usize = 4;
/// Connections that are served before somebody looks at the clock.
const LOOK_EVERY: u32 = 4;
/// Most bytes that are read of one connection at once.
const READ_BUDGET: usize = 1 << 20;

/// The watch of the event loop on the descriptor of a set.
pub(crate) trait Watcher {
    /// Has the loop call whenever the descriptor can be read; false when the system refuses.
    fn start(&self) -> bool;
    /// Has it call no more.
    fn stop(&self);
    /// Whether the watch keeps the loop going while it has started.
    fn set_ref(&self, keep_alive: bool);
    /// A turn begins: from now on the loop says so when somebody runs it from within.
    fn enter(&self);
    /// The turn ends.
    fn leave(&self);
}

/// Who has the set, and knows the sessions and JavaScript.
pub(crate) trait Host: Sized {
    /// What the host keeps with each connection.
    type Tag;
    /// What JavaScript is called in: a handle scope.
    type Scope;
    /// Memory that is lent for a long message.
    type Memory: DerefMut<Target = [u8]>;
    /// The watch on the set.
    type Watcher: Watcher;
    /// Who parses the bytes of a connection and has bytes for its peer.
    type Session<'a>: ServedSession;

    /// Borrows the set, if there still is one.
    fn set<R>(&self, act: impl FnOnce(&mut LoopSet<Self>) -> R) -> Option<R>;
    /// Borrows a session, if there still is one of that number. The set may be borrowed.
    fn session<R>(&self, number: u32, act: impl FnOnce(&mut Self::Session<'_>) -> R) -> Option<R>;
    /// Where chunks are read to.
    fn slab(tag: &Self::Tag) -> impl DerefMut<Target = [u8]>;
    /// Calls JavaScript. Nothing may be borrowed.
    fn report(&self, scope: &Self::Scope, key: Key, report: Report);
    /// A listener runs the loop: says so to JavaScript, outside of any connection.
    fn report_reentry(&self);
    /// Shows the dirty lists, one for each copy of the JavaScript layer.
    fn dirty_lists(&self, act: impl FnMut(DirtyList<'_>));
}

/// A turn: the loop's callback when the set can be read. Nothing unwinds out of it. A panic of the
/// parser costs its connection.
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

/// A listener runs the loop that has called it, and the loop is about to wait.
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
            // Dropping the host's part of it may call into JavaScript.
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

/// Writes what the connections on the dirty list have for their peers.
fn write_dirty<H: Host>(host: &H, scope: &H::Scope) {
    let unwritten = host.set(|set| set.write_dirty(host));
    for (key, rest) in unwritten.unwrap_or_default() {
        host.report(scope, key, Report::Unwritten(rest));
    }
}
