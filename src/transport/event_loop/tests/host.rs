//! A host of the event loop that records its reports.

use super::super::dirty_list::DirtyList;
use super::super::served::Served;
use super::super::{Host, LoopSet, Report, Watcher, turn};
use crate::proto::hybi::Landing;
use crate::proto::sessions::ServedSession;
use crate::proto::slots::Key;
use crate::transport::descriptor::LentDescriptor;
use crate::transport::non_blocking_stream::NonBlockingStream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::any::Any;
use std::cell::{Cell, RefCell, RefMut};
use std::ops::DerefMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

/// Bytes of the slab.
pub(super) const SLAB: usize = 1024;

/// The calls of the watcher.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) is_started: Cell<bool>,
    pub(super) keeps_alive: Cell<bool>,
    pub(super) turns: Cell<i32>,
}

impl Watcher for Rc<Watch> {
    fn start(&self) -> bool {
        self.is_started.set(true);
        true
    }

    fn stop(&self) {
        self.is_started.set(false);
    }

    fn set_ref(&self, keep_alive: bool) {
        self.keeps_alive.set(keep_alive);
    }

    fn enter(&self) {
        self.turns.set(self.turns.get() + 1);
    }

    fn leave(&self) {
        self.turns.set(self.turns.get() - 1);
    }
}

#[derive(Default)]
pub(super) struct FakeSession {
    pub(super) received: Vec<u8>,
    pub(super) unsent: Vec<u8>,
    pub(super) landing: Option<Landing>,
    /// The bytes that had arrived of a landing when it was cancelled.
    pub(super) cancelled: Option<Vec<u8>>,
    pub(super) panics: bool,
}

impl ServedSession for &mut FakeSession {
    fn receive(&mut self, chunk: &mut [u8]) -> u32 {
        assert!(!self.panics, "a fault in the parser, on purpose");
        self.received.extend_from_slice(chunk);
        1
    }

    fn landing(&self) -> Option<Landing> {
        self.landing
    }

    fn landed(&mut self, memory: &mut [u8], length: usize) -> u32 {
        let Some(Landing { held, missing }) = &mut self.landing else { return 0 };
        *held += length;
        *missing -= length;
        if *missing > 0 {
            return 0;
        }
        self.received.extend_from_slice(&memory[..*held]);
        self.landing = None;
        1
    }

    fn cancel_landing(&mut self, memory: &[u8]) {
        self.cancelled = self.landing.take().map(|landing| memory[..landing.held].to_vec());
    }

    fn wire(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    fn forget_wire(&mut self) {
        self.unsent.clear();
    }
}

pub(super) type Slab = Rc<RefCell<Vec<u8>>>;
pub(super) type Listener = Rc<dyn Fn(&FakeHost, Key, Report)>;

pub(super) struct FakeHost {
    pub(super) connections: RefCell<Option<LoopSet<Self>>>,
    pub(super) sessions: RefCell<Vec<FakeSession>>,
    pub(super) dirty_list: [Cell<i32>; 3 + 8],
    pub(super) slab: Slab,
    pub(super) watch: Rc<Watch>,
    /// The set's descriptor, which the event loop would watch.
    pub(super) descriptor: OwnedFd,
    pub(super) told: RefCell<Vec<(u32, Report)>>,
    pub(super) reentries: Cell<u32>,
    pub(super) listener: RefCell<Option<Listener>>,
    /// The first panic of the listener.
    pub(super) panic: RefCell<Option<Box<dyn Any + Send>>>,
}

impl Host for FakeHost {
    type Tag = Slab;
    type Scope = ();
    type Memory = Vec<u8>;
    type Watcher = Rc<Watch>;
    type Session<'a> = &'a mut FakeSession;

    fn set<R>(&self, act: impl FnOnce(&mut LoopSet<Self>) -> R) -> Option<R> {
        self.connections.borrow_mut().as_mut().map(act)
    }

    fn session<R>(&self, number: u32, act: impl FnOnce(&mut &mut FakeSession) -> R) -> Option<R> {
        self.sessions.borrow_mut().get_mut(number as usize).map(|mut session| act(&mut session))
    }

    fn slab(tag: &Slab) -> impl DerefMut<Target = [u8]> {
        RefMut::map(tag.borrow_mut(), Vec::as_mut_slice)
    }

    fn report(&self, (): &(), key: Key, report: Report) {
        self.told.borrow_mut().push((key.number, report));
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            // The loop catches panics and continues; `turn` makes the test fail.
            let panic = catch_unwind(AssertUnwindSafe(|| listener(self, key, report))).err();
            let mut first = self.panic.borrow_mut();
            *first = first.take().or(panic);
        }
    }

    fn report_reentry(&self) {
        self.reentries.set(self.reentries.get() + 1);
    }

    fn dirty_lists(&self, mut act: impl FnMut(DirtyList<'_>)) {
        act(DirtyList(&self.dirty_list));
    }
}

impl FakeHost {
    pub(super) fn new() -> Self {
        let watch = Rc::new(Watch::default());
        let mut descriptor = None;
        let connections = LoopSet::open(|watched| {
            descriptor = watched.try_clone_to_owned().ok();
            Some(Rc::clone(&watch))
        });
        assert!(connections.is_some());
        Self {
            connections: RefCell::new(connections),
            sessions: RefCell::default(),
            dirty_list: Default::default(),
            slab: Rc::new(RefCell::new(vec![0; SLAB])),
            watch,
            descriptor: descriptor.unwrap(),
            told: RefCell::default(),
            reentries: Cell::new(0),
            listener: RefCell::default(),
            panic: RefCell::default(),
        }
    }

    pub(super) fn insert(&self, make: impl FnOnce(Slab, u32) -> Served<Self>) -> u32 {
        let session = self.sessions.borrow().len() as u32;
        self.sessions.borrow_mut().push(FakeSession::default());
        let served = make(Rc::clone(&self.slab), session);
        let number = self.set(|set| set.insert(served)).unwrap().unwrap();
        assert!(self.read(number, true));
        number
    }

    /// Adds a borrowed socket, and reads it. Returns its number, which is also that of its session
    /// until a connection is removed.
    pub(super) fn borrow(&self, socket: &impl AsRawFd) -> u32 {
        self.insert(|slab, session| Served::borrowed(slab, LentDescriptor::of(socket), session))
    }

    /// Adds an owned socket, without a session.
    pub(super) fn own(&self, socket: UnixStream) -> u32 {
        socket.set_nonblocking(true).unwrap();
        self.insert(|slab, _| Served::owned(slab, NonBlockingStream::over(socket), true))
    }

    pub(super) fn read(&self, number: u32, on: bool) -> bool {
        self.set(|set| set.set_reading(number, on)).unwrap()
    }

    pub(super) fn remove(&self, number: u32) {
        drop(self.set(|set| set.remove(self, number)));
    }

    /// Calls `listener` for each report.
    pub(super) fn listen(&self, listener: impl Fn(&Self, Key, Report) + 'static) {
        *self.listener.borrow_mut() = Some(Rc::new(listener));
    }

    /// Whether the descriptor of the set becomes readable within so many seconds.
    pub(super) fn is_ready(&self, seconds: i64) -> bool {
        let mut watched = [PollFd::new(&self.descriptor, PollFlags::IN)];
        poll(&mut watched, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap() > 0
    }

    /// Waits until the descriptor of the set is readable, and runs a turn. Returns its reports.
    pub(super) fn turn(&self) -> Vec<(u32, Report)> {
        assert!(self.is_ready(10), "nothing is ready");
        turn(self, &());
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        assert_eq!(self.watch.turns.get(), 0);
        self.told.take()
    }

    pub(super) fn received(&self, session: u32) -> Vec<u8> {
        self.sessions.borrow()[session as usize].received.clone()
    }

    pub(super) fn unsent(&self, session: u32, bytes: &[u8]) {
        self.sessions.borrow_mut()[session as usize].unsent.extend_from_slice(bytes);
    }

    /// Puts connections on the dirty list.
    pub(super) fn mark_dirty(&self, numbers: &[i32]) {
        let [count, _, _, list @ ..] = &self.dirty_list;
        for number in numbers {
            list[count.get() as usize].set(*number);
            count.set(count.get() + 1);
        }
    }
}
