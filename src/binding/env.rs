//! Everything native that belongs to one Node-API environment.
//!
//! Node makes an environment whenever it loads the addon: one for the main thread, one for each worker,
//! and another in the same thread when the addon is loaded anew after its entry was dropped from
//! `require.cache`. Each has its own state, as its instance data: a call from JavaScript finds it by
//! the environment it comes with, an event of the loop by the handle it comes for.
//!
//! When Node takes the environment down, its state ends in this order:
//!
//! 1. tasks are aborted;
//! 2. connections on the loop are dropped: clients' sockets are closed, servers' let go of, and async
//!    contexts destroyed;
//! 3. the handles that watched for them are closed;
//! 4. sessions are dropped, then the references to JavaScript's memory;
//! 5. when libuv is done with the last handle, Node's cleanup hook is told so;
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
    /// What the seconds of a connection count from.
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
    /// The state of the environment that is calling.
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

    /// For those who outlive a call.
    pub(super) fn share(&self) -> Weak<Self> {
        Weak::clone(&self.me)
    }

    /// Ends everything, in the order that stands above.
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

    /// Ends `task` when the environment ends, be it by `worker.terminate()` or `process.exit()`.
    #[cfg(has_loop)]
    pub(super) fn adopt(&self, task: AbortHandle) -> Result<()> {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.is_none() {
            // Before the environment is: that waits for what the tasks hold.
            self.env().add_env_cleanup_hook(self.share(), |environment| {
                environment.upgrade().inspect(|environment| environment.abort_tasks());
            })?;
        }
        tasks.get_or_insert_default().adopt(task);
        Ok(())
    }

    /// Forgets a task that has ended.
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

    /// Watches for no connection any more; another one begins again.
    #[cfg(has_loop)]
    pub(super) fn close_loop(&self) {
        let connections = self.connections.take();
        drop(connections);
    }

    /// Has the end of the environment wait for handles of the loop. False when nothing may begin any more.
    #[cfg(has_loop)]
    pub(super) fn outlives_handles(&self) -> bool {
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

/// Node has loaded the addon.
#[napi(module_exports)]
pub fn init(_exports: Object<'_>, env: Env) -> Result<()> {
    Environment::create(env)
}
