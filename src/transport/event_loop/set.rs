//! The connections of one host on its event loop.

use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::poller::{Interest, Poller, Ready, Trigger};
use super::served::{Descriptor, Served};
use super::{Host, Report, Watcher};
use crate::proto::slots::{Key, Slots};

/// The key of the descriptor that can always be read.
const REVISIT: u64 = u64::MAX;
const READ: Interest = Interest { read: true, write: false };

/// The connections. Fields are dropped in this order: the loop stops watching the poller before
/// that is closed.
pub(crate) struct LoopSet<H: Host> {
    connections: Slots<Served<H>>,
    watcher: H::Watcher,
    poller: Poller,
    /// The number of connections in the poller.
    polled: usize,
    /// The connection in the poller, if it is the only one.
    sole: Option<Key>,
    /// The number of connections that keep the loop alive.
    holding: usize,
    /// Connections that are ready; the first `served` of them were served.
    ready: Vec<Ready>,
    served: usize,
    /// The revisit list: connections to serve again without their descriptor being ready.
    revisit: Vec<Key>,
    /// Memory for what the poller reports while there is a revisit list.
    woken: Vec<Ready>,
    /// A descriptor that can always be read; `is_armed` while it is in the poller.
    revisit_fd: UnixStream,
    is_armed: bool,
    /// The number of turns that have begun and not ended: more than one where a listener runs the
    /// loop.
    depth: u32,
    /// Memory for the numbers on the dirty lists.
    dirty: Vec<u32>,
}

impl<H: Host> LoopSet<H> {
    /// An empty set; `watch` has the loop watch the poller's descriptor. `None` where that is not
    /// possible.
    pub(crate) fn open(watch: impl FnOnce(BorrowedFd<'_>) -> Option<H::Watcher>) -> Option<Self> {
        let poller = Poller::new().ok()?;
        // As the other end of the pair is closed, this one can always be read: there is the end.
        let (revisit_fd, _) = UnixStream::pair().ok()?;
        let watcher = watch(poller.descriptor())?;
        watcher.set_ref(false);
        Some(Self {
            connections: Slots::default(),
            watcher,
            poller,
            polled: 0,
            sole: None,
            holding: 0,
            ready: Vec::new(),
            served: 0,
            revisit: Vec::new(),
            woken: Vec::new(),
            revisit_fd,
            is_armed: false,
            depth: 0,
            dirty: Vec::new(),
        })
    }

    // ---- the connections

    /// Adds a connection, and returns its number; `None` when the loop cannot watch.
    pub(crate) fn insert(&mut self, served: Served<H>) -> Option<u32> {
        if self.connections.is_empty() && !self.watcher.start() {
            return None;
        }
        let holds = served.holds_loop();
        let key = self.connections.insert(served);
        self.hold(false, holds);
        Some(key.number)
    }

    /// Removes a connection, which the caller has to drop when nothing is borrowed.
    pub(crate) fn remove(&mut self, host: &H, number: u32) -> Option<Served<H>> {
        self.set_reading(number, false);
        let mut served = self.connections.remove(number)?;
        served.cancel_landing(host);
        self.hold(served.holds_loop(), false);
        if self.connections.is_empty() {
            self.watcher.stop();
        }
        Some(served)
    }

    /// The connection under a number.
    pub(crate) fn at(&mut self, number: u32) -> Option<&mut Served<H>> {
        self.connections.at(number)
    }

    /// The connection of a key, unless it was removed.
    pub(crate) fn get(&mut self, key: Key) -> Option<&mut Served<H>> {
        self.connections.get(key)
    }

    /// Calls `act` with the connection under a number, if there is one, and then waits for what it
    /// needs.
    pub(crate) fn with<R>(
        &mut self,
        number: u32,
        act: impl FnOnce(&mut Served<H>) -> R,
    ) -> Option<R> {
        let served = self.connections.at(number)?;
        let result = act(served);
        self.rearm(number);
        Some(result)
    }

    /// Stops or goes on reading; false when the system refuses.
    pub(crate) fn set_reading(&mut self, number: u32, on: bool) -> bool {
        let Some(served) = self.connections.at(number) else { return false };
        served.is_reading = on;
        self.rearm(number)
    }

    /// Sets whether an owned connection keeps the loop alive.
    pub(crate) fn set_keeps_alive(&mut self, number: u32, on: bool) {
        let Some(owned) = self.connections.at(number).and_then(Served::as_owned) else { return };
        let before = mem::replace(&mut owned.keeps_alive, on);
        self.hold(before, on);
    }

    fn hold(&mut self, before: bool, after: bool) {
        let holding = self.holding + usize::from(after) - usize::from(before);
        if (holding > 0) != (self.holding > 0) {
            self.watcher.set_ref(holding > 0);
        }
        self.holding = holding;
    }

    /// Tells the poller what a connection waits for now, and puts it on the revisit list if it has
    /// something to read or report already; called after every change of it. False when the system
    /// refuses.
    fn rearm(&mut self, number: u32) -> bool {
        let Some(key) = self.connections.key(number) else { return false };
        let Some(served) = self.connections.at(number) else { return false };
        let (from, to) = (served.interest, served.needed());
        let mut is_done = true;
        if from != to {
            let held = served.holds_loop();
            served.interest = to;
            // The system removes a closed descriptor from the poller by itself.
            if let Some((descriptor, trigger)) = served.descriptor.watched()
                && let Err(error) = self.poller.change(descriptor, key.to_bits(), trigger, from, to)
            {
                is_done = to == Interest::NONE;
                served.interest = Interest::NONE;
                if let Descriptor::Owned(owned) = &mut served.descriptor {
                    owned.fail_with(&error.into());
                }
            }
            let (to, holds) = (served.interest, served.holds_loop());
            self.hold(held, holds);
            self.recount(from, to);
        }
        if self.connections.at(number).is_some_and(|served| served.has_more()) {
            self.revisit(key);
        }
        is_done
    }

    fn recount(&mut self, from: Interest, to: Interest) {
        match (from == Interest::NONE, to == Interest::NONE) {
            (true, false) => self.polled += 1,
            (false, true) => self.polled -= 1,
            _ => return,
        }
        self.sole = None;
        if self.polled == 1 {
            let mut connections = self.connections.iter();
            self.sole = connections
                .find(|(_, served)| served.interest != Interest::NONE)
                .map(|(key, _)| key);
        }
    }

    // ---- turns of the loop

    /// Puts a connection on the revisit list: it is served in the next round of this turn, or in
    /// the next turn.
    fn revisit(&mut self, key: Key) {
        let Some(served) = self.connections.get(key) else { return };
        if !mem::replace(&mut served.is_on_revisit_list, true) {
            self.revisit.push(key);
        }
        if self.depth == 0 {
            self.arm(true);
        }
    }

    /// Makes the poller's descriptor readable, so that another turn begins; or undoes this.
    fn arm(&mut self, on: bool) {
        if on == self.is_armed {
            return;
        }
        let (from, to) = if on { (Interest::NONE, READ) } else { (READ, Interest::NONE) };
        let descriptor = self.revisit_fd.as_fd();
        // If it fails, the connections on the revisit list are served in the turn that the next
        // ready descriptor begins.
        let changed = self.poller.change(descriptor, REVISIT, Trigger::Level, from, to);
        self.is_armed = on && changed.is_ok();
    }

    fn take_revisit(&mut self) {
        for key in self.revisit.drain(..) {
            if let Some(served) = self.connections.get(key) {
                served.is_on_revisit_list = false;
                self.ready.push(Ready::of(key.to_bits()));
            }
        }
    }

    pub(super) fn begin_turn(&mut self, host: &H) {
        match (self.sole, &self.revisit[..]) {
            // Only this connection can have made the poller ready: asking is a system call that can
            // be saved. If the socket has failed, the read returns the error.
            (Some(key), []) => self.ready.push(Ready::of(key.to_bits())),
            (Some(key), [due]) if *due == key => {}
            (_, []) => self.poller.wait(&mut self.ready),
            _ => self.wait_beside_revisit(),
        }
        self.take_revisit();
        self.depth += 1;
        if self.depth == 1 {
            self.watcher.enter();
            host.dirty_lists(|list| list.set_serving(true));
        }
    }

    /// Asks the poller which connections are ready, besides those on the revisit list.
    fn wait_beside_revisit(&mut self) {
        self.poller.wait(&mut self.woken);
        for ready in self.woken.drain(..) {
            match self.connections.get(Key::from_bits(ready.key)) {
                Some(served) if served.is_on_revisit_list => served.note(ready),
                Some(_) => self.ready.push(ready),
                None => {}
            }
        }
    }

    /// The next connection to be served in this round.
    pub(super) fn next_ready(&mut self) -> Option<Ready> {
        let next = self.ready.get(self.served).copied();
        self.served += usize::from(next.is_some());
        next
    }

    /// All connections of a round have been served: the next round is for those on the revisit
    /// list. Returns whether there are any.
    pub(super) fn begin_round(&mut self) -> bool {
        self.ready.clear();
        self.served = 0;
        self.take_revisit();
        !self.ready.is_empty()
    }

    /// Ends a turn. From now on, JavaScript has the dirty list written at the end of its own turn.
    pub(super) fn end_turn(&mut self, host: &H) {
        self.leave_ready();
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            host.dirty_lists(|list| list.set_serving(false));
            self.watcher.leave();
        }
    }

    /// Puts the connections that were not served on the revisit list, for another turn.
    pub(super) fn leave_ready(&mut self) {
        let mut ready = mem::take(&mut self.ready);
        for ready in ready.drain(..).skip(mem::take(&mut self.served)) {
            let key = Key::from_bits(ready.key);
            if let Some(served) = self.connections.get(key) {
                served.note(ready);
                self.revisit(key);
            }
        }
        self.ready = ready;
        self.arm(!self.revisit.is_empty());
    }

    /// The report of a connection that precedes its reading, if there is one.
    pub(super) fn report_before_reading(
        &mut self,
        key: Key,
        is_first_round: bool,
    ) -> Option<Report> {
        let served = self.connections.get(key)?;
        let report = served.report_before_reading(is_first_round);
        if report.is_some() {
            self.rearm(key.number);
        }
        report
    }

    /// Reads a chunk of a connection, and returns the report. The poller is updated before the
    /// report is made, because a listener may run the loop.
    pub(super) fn receive(&mut self, host: &H, ready: Ready) -> Option<Report> {
        let key = Key::from_bits(ready.key);
        let served = self.connections.get(key)?;
        let report = served.receive(host, ready);
        if served.needed() != served.interest || served.has_more() {
            self.rearm(key.number);
        }
        report
    }

    /// The parser has panicked: fails the connection, and returns the report.
    pub(super) fn fail(&mut self, key: Key) -> Option<Report> {
        match &mut self.connections.get(key)?.descriptor {
            Descriptor::Borrowed(_) => Some(Report::Failed),
            Descriptor::Owned(owned) => {
                owned.fail_with(&io::Error::other("a fault in the parser"));
                self.rearm(key.number);
                None
            }
        }
    }

    /// Writes a session's output; returns how many bytes the system has not taken.
    pub(crate) fn write(&mut self, host: &H, number: u32) -> usize {
        let rest = self.with(number, |served| {
            host.session(served.session()?, |session| served.write(session, &[]))
        });
        rest.flatten().unwrap_or_default()
    }

    /// Writes the output of all connections on the dirty lists; returns those of which the system
    /// has not taken all, with the number of remaining bytes.
    pub(crate) fn write_dirty(&mut self, host: &H) -> Vec<(Key, usize)> {
        let mut dirty = mem::take(&mut self.dirty);
        host.dirty_lists(|list| list.take(&mut dirty));
        let mut unwritten = Vec::new();
        for number in dirty.drain(..) {
            let rest = self.write(host, number);
            if rest > 0
                && let Some(key) = self.connections.key(number)
            {
                unwritten.push((key, rest));
            }
        }
        self.dirty = dirty;
        unwritten
    }
}
