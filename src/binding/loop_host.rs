//! The environment as the host of its loop set (see `transport::event_loop`).

use std::ops::DerefMut;
use std::os::fd::BorrowedFd;

use napi::bindgen_prelude::{Buffer, Object};

use super::ASYNC_NAME;
use super::attach::call_all;
use super::env::Environment;
use super::js_copy::{JsCopy, Lease};
use super::sessions::{self, Entry};
use crate::node_api::{AsyncContext, HandleScope};
use crate::proto::slots::Key;
use crate::transport::event_loop::dirty_list::DirtyList;
use crate::transport::event_loop::libuv::{LoopCallbacks, LoopWatch};
use crate::transport::event_loop::{self, Host, LoopSet, Report};

/// The data of JavaScript for a connection.
pub(super) struct Tag {
    copy: Lease,
    context: AsyncContext,
}

impl Tag {
    /// The async context is that of the code that is running; `resource` is its async resource.
    pub(super) fn new(environment: &Environment, copy: u32, resource: &Object<'_>) -> Option<Self> {
        let copy = environment.copies.borrow_mut().lease(copy)?;
        let context = AsyncContext::current(&environment.calls, resource, ASYNC_NAME).ok()?;
        Some(Self { copy, context })
    }
}

impl Host for Environment {
    type Tag = Tag;
    type Scope = HandleScope;
    type Memory = Buffer;
    type Watcher = LoopWatch;
    type Session<'a> = Entry<'a>;

    fn set<R>(&self, act: impl FnOnce(&mut LoopSet<Self>) -> R) -> Option<R> {
        self.connections.borrow_mut().as_mut().map(act)
    }

    fn session<R>(&self, number: u32, act: impl FnOnce(&mut Entry<'_>) -> R) -> Option<R> {
        sessions::with(self, number, |entry, _| act(entry))
    }

    fn slab(tag: &Tag) -> impl DerefMut<Target = [u8]> {
        tag.copy.slab()
    }

    fn report(&self, scope: &HandleScope, key: Key, report: Report) {
        let told = self.set(|set| {
            let Tag { copy, context } = &set.get(key)?.tag;
            Some((copy.callback()?, context.handle()))
        });
        // Nothing is borrowed, as JavaScript may do anything to the connections, this one included.
        if let Some(Some((dispatch, context))) = told {
            let (length, count) = report.to_integers();
            dispatch.call(scope, context, (key.number as i32, length, count));
        }
    }

    fn report_reentry(&self) {
        let (length, count) = Report::Reentered.to_integers();
        call_all(self, (0, length, count));
    }

    fn dirty_lists(&self, act: impl FnMut(DirtyList<'_>)) {
        self.copies.borrow().iter().map(JsCopy::dirty_list).for_each(act);
    }
}

impl LoopCallbacks for Environment {
    fn ready(&self) {
        if let Some(scope) = HandleScope::open(self.env()) {
            event_loop::turn(self, &scope);
        }
    }

    fn reentered(&self) {
        event_loop::reenter(self);
    }

    fn closed(&self) {
        self.cleanup.closed();
    }
}

/// Has the loop of an environment watch the set's descriptor.
pub(super) fn watch(environment: &Environment, descriptor: BorrowedFd<'_>) -> Option<LoopWatch> {
    if !environment.wait_for_handles() {
        return None;
    }
    let uv_loop = environment.env().get_uv_event_loop().ok()?;
    #[expect(unsafe_code, reason = "the loop is Node's")]
    // SAFETY: the environment is calling us, on the thread of its loop. That runs until the cleanup
    // hook is removed, which it is when the handles are closed.
    let watch =
        unsafe { LoopWatch::open(uv_loop.cast(), descriptor, environment.share().upgrade()?) };
    if watch.is_some() {
        environment.cleanup.opened();
    }
    watch
}
