//! When Node takes an environment down, it waits for our handles on its loop to be closed.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use napi::sys;

use super::env::Environment;

/// Node's word that the environment is going to end, and ours that its handles are closed.
#[derive(Default)]
pub(super) struct CleanupHook {
    is_added: Cell<bool>,
    /// Watches of which libuv has a handle.
    watches: Cell<usize>,
    /// Given by Node, which waits for it to be removed.
    running: Cell<Option<sys::napi_async_cleanup_hook_handle>>,
}

impl CleanupHook {
    /// Adds the hook, unless it is there; false when there cannot be one.
    pub(super) fn is_added(&self, environment: &Environment) -> bool {
        if !self.is_added.get() && !environment.has_ended() {
            let argument = ptr::from_ref(environment).cast_mut().cast();
            // SAFETY: the environment is alive. The argument is its instance data, which it keeps for
            // as long as it has this hook.
            let status = unsafe {
                sys::napi_add_async_cleanup_hook(
                    environment.env().raw(),
                    Some(end),
                    argument,
                    ptr::null_mut(),
                )
            };
            self.is_added.set(status == sys::Status::napi_ok);
        }
        self.is_added.get() && !environment.has_ended()
    }

    pub(super) fn opened(&self) {
        self.watches.set(self.watches.get() + 1);
    }

    pub(super) fn closed(&self) {
        self.watches.set(self.watches.get() - 1);
        self.remove_if_done();
    }

    fn remove_if_done(&self) {
        if self.watches.get() > 0 {
            return;
        }
        if let Some(hook) = self.running.take() {
            // SAFETY: given to `end` by Node, which waits for this call.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
    }
}

unsafe extern "C" fn end(hook: sys::napi_async_cleanup_hook_handle, environment: *mut c_void) {
    // SAFETY: what was given to Node with the hook.
    let environment = unsafe { &*environment.cast::<Environment>() };
    environment.end();
    environment.cleanup.running.set(Some(hook));
    environment.cleanup.remove_if_done();
}
