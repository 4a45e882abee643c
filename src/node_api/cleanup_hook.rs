//! A hook by which Node waits, at the end of an environment, until libuv has closed our handles.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::{Env, sys};

/// The hook: Node calls it when the environment ends, and waits until it is removed.
#[derive(Default)]
pub(crate) struct CleanupHook {
    is_added: Cell<bool>,
    progress: Rc<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Handles that libuv has not closed yet.
    handles: Cell<usize>,
    /// The handle with which Node has called the hook, and for whose removal it waits.
    running: Cell<Option<sys::napi_async_cleanup_hook_handle>>,
}

/// The argument of the hook.
struct Hook<F> {
    progress: Rc<Progress>,
    end: F,
}

impl CleanupHook {
    /// Adds the hook, unless it was added before: `end` is called once, on the environment's
    /// thread, before Node frees the environment. False where Node refuses.
    pub(crate) fn add<F: FnOnce() + 'static>(&self, env: Env, end: F) -> bool {
        if !self.is_added.get() {
            let hook = Box::into_raw(Box::new(Hook { progress: Rc::clone(&self.progress), end }));
            // SAFETY: the environment is calling us; `run` gets the hook, once.
            let status = unsafe {
                let (env, hook) = (env.raw(), hook.cast());
                sys::napi_add_async_cleanup_hook(env, Some(run::<F>), hook, ptr::null_mut())
            };
            self.is_added.set(status == sys::Status::napi_ok);
            if status != sys::Status::napi_ok {
                // SAFETY: made above, and nobody else has it.
                drop(unsafe { Box::from_raw(hook) });
            }
        }
        self.is_added.get()
    }

    /// A handle was opened, which has to be closed before the environment is freed.
    pub(crate) fn opened(&self) {
        self.progress.handles.set(self.progress.handles.get() + 1);
    }

    /// libuv has closed a handle.
    pub(crate) fn closed(&self) {
        self.progress.handles.set(self.progress.handles.get() - 1);
        self.progress.remove_if_done();
    }
}

impl Progress {
    fn remove_if_done(&self) {
        if self.handles.get() > 0 {
            return;
        }
        if let Some(hook) = self.running.take() {
            // SAFETY: given to `run` by Node, which waits for this call.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
    }
}

unsafe extern "C" fn run<F: FnOnce()>(
    handle: sys::napi_async_cleanup_hook_handle,
    hook: *mut c_void,
) {
    // SAFETY: `add` has made it, and Node calls this once.
    let Hook { progress, end } = *unsafe { Box::from_raw(hook.cast::<Hook<F>>()) };
    end();
    progress.running.set(Some(handle));
    progress.remove_if_done();
}
