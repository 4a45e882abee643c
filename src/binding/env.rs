//! The native state of one Node-API environment.
//!
//! Node makes an environment whenever it loads the addon: for the main thread, for each worker, and
//! another one in the same thread when the addon is loaded again after it was deleted from
//! `require.cache`. Each has a state, as its instance data: calls of JavaScript find it by their
//! environment, callbacks of libuv by their handle.
//!
//! When Node ends the environment, its state ends in this order:
//!
//! 1. tasks are aborted;
//! 2. connections on the loop are dropped: sockets of clients are closed, those of servers are left
//!    to Node, and async contexts are destroyed;
//! 3. the libuv handles are closed;
//! 4. sessions are dropped, then the references to JavaScript's memory;
//! 5. when libuv has closed the last handle, Node's cleanup hook is removed;
//! 6. Node frees the environment, and with it the instance data.

#[cfg(has_loop)]
use std::cell::Cell;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::LazyLock;
use std::time::Instant;

use napi::bindgen_prelude::{Object, Result, check_status};
use napi::{Env, sys};
use napi_derive::napi;
#[cfg(has_loop)]
use tokio::task::AbortHandle;

use super::js_copy::{Copies, Lease};
#[cfg(has_loop)]
use crate::node_api::{Calls, CleanupHook};
use crate::proto::deflate::ZlibPool;
use crate::proto::{BatchedEntropy, sessions};
use crate::transport::os_entropy;
#[cfg(has_loop)]
use crate::transport::{event_loop::LoopSet, tasks::Tasks};

/// The sessions of an environment.
pub(super) type Sessions = sessions::Sessions<Lease, BatchedEntropy>;

fn no_sessions() -> Sessions {
    /// The time from which the clock of sessions counts.
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Sessions::new(os_entropy(), || START.elapsed().as_secs_f64())
}

/// The state of one environment.
pub(super) struct Environment {
    me: Weak<Self>,
    #[cfg(has_loop)]
    env: sys::napi_env,
    #[cfg(has_loop)]
    tasks: RefCell<Option<Tasks>>,
    #[cfg(has_loop)]
    pub(super) calls: Rc<Calls>,
    #[cfg(has_loop)]
    pub(super) connections: RefCell<Option<LoopSet<Self>>>,
    #[cfg(has_loop)]
    pub(super) cleanup: CleanupHook,
    #[cfg(has_loop)]
    has_ended: Cell<bool>,
    pub(super) sessions: RefCell<Sessions>,
    pub(super) copies: RefCell<Copies>,
    /// The zlib states that its sessions share.
    pub(super) zlib_pool: ZlibPool,
}

impl Environment {
    /// The state of the calling environment.
    #[inline]
    pub(super) fn of(env: &Env) -> &Self {
        let mut data = ptr::null_mut();
        // SAFETY: the environment is calling us.
        let status = unsafe { sys::napi_get_instance_data(env.raw(), &mut data) };
        debug_assert!(status == sys::Status::napi_ok && !data.is_null());
        // SAFETY: `create` has put the state there, or the addon would not have been loaded; it is
        // freed by `free` only, after which the environment calls nothing.
        unsafe { &*data.cast::<Self>() }
    }

    fn create(env: Env) -> Result<()> {
        let state = Rc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            #[cfg(has_loop)]
            env: env.raw(),
            #[cfg(has_loop)]
            tasks: RefCell::default(),
            #[cfg(has_loop)]
            calls: Rc::new(Calls::new(env)),
            #[cfg(has_loop)]
            connections: RefCell::default(),
            #[cfg(has_loop)]
            cleanup: CleanupHook::default(),
            #[cfg(has_loop)]
            has_ended: Cell::new(false),
            sessions: RefCell::new(no_sessions()),
            copies: RefCell::default(),
            zlib_pool: ZlibPool::default(),
        });
        let data = Rc::into_raw(state);
        // SAFETY: the environment is calling us; the state is its own until `free` takes it back.
        let status = unsafe {
            sys::napi_set_instance_data(
                env.raw(),
                data.cast_mut().cast(),
                Some(free),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: made above, and nobody else has it.
            drop(unsafe { Rc::from_raw(data) });
        }
        check_status!(status)
    }

    #[cfg(has_loop)]
    pub(super) fn env(&self) -> Env {
        Env::from_raw(self.env)
    }

    /// A reference for objects that outlive the call.
    pub(super) fn share(&self) -> Weak<Self> {
        Weak::clone(&self.me)
    }

    /// Ends the state, in the order above.
    pub(super) fn end(&self) {
        #[cfg(has_loop)]
        {
            self.abort_tasks();
            self.has_ended.set(true);
            self.close_loop();
        }
        let sessions = self.sessions.replace(no_sessions());
        drop(sessions);
        let copies = self.copies.take();
        drop(copies);
    }

    /// Has `task` aborted when the environment ends, also by `worker.terminate()` or
    /// `process.exit()`.
    #[cfg(has_loop)]
    pub(super) fn adopt(&self, task: AbortHandle) -> Result<()> {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.is_none() {
            // By a hook that is called earlier: Node waits for the doorbells of tasks before it
            // calls the other one.
            self.env().add_env_cleanup_hook(self.share(), |environment| {
                environment.upgrade().inspect(|environment| environment.abort_tasks());
            })?;
        }
        tasks.get_or_insert_default().adopt(task);
        Ok(())
    }

    /// Removes a task that has ended.
    #[cfg(has_loop)]
    pub(super) fn release(&self, task: &AbortHandle) {
        if let Some(tasks) = &mut *self.tasks.borrow_mut() {
            tasks.release(task.id());
        }
    }

    #[cfg(has_loop)]
    fn abort_tasks(&self) {
        let tasks = self.tasks.take();
        drop(tasks);
    }

    /// Closes the loop set; the next connection opens another.
    #[cfg(has_loop)]
    pub(super) fn close_loop(&self) {
        let connections = self.connections.take();
        drop(connections);
    }

    /// Has the end of the environment wait for libuv handles. False when the environment is ending.
    #[cfg(has_loop)]
    pub(super) fn wait_for_handles(&self) -> bool {
        let me = self.share();
        let end = move || {
            me.upgrade().inspect(|environment| environment.end());
        };
        !self.has_ended.get() && self.cleanup.add(self.env(), end)
    }
}

unsafe extern "C" fn free(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `create` has made it of an `Rc`, and Node calls this once.
    let state = unsafe { Rc::from_raw(data.cast::<Environment>()) };
    state.end();
}

/// Called when Node loads the addon.
#[napi(module_exports)]
pub fn init(_exports: Object<'_>, env: Env) -> Result<()> {
    Environment::create(env)
}
