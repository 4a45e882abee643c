//! Exceptions of JavaScript functions that were not called by JavaScript.

use std::ptr;

use napi::sys;

/// Has the exception of a call become an `uncaughtException`, as those of Node's own callbacks do.
/// `env` has returned `status` from the call, and a handle scope must be open.
pub(crate) fn tell_exception(env: sys::napi_env, status: sys::napi_status) {
    if status != sys::Status::napi_pending_exception {
        return;
    }
    let mut error = ptr::null_mut();
    // SAFETY: the environment is there, as it has just answered, and a handle scope is open.
    let cleared = unsafe { sys::napi_get_and_clear_last_exception(env, &mut error) };
    if cleared == sys::Status::napi_ok {
        // SAFETY: the error is a value of the scope that is open.
        unsafe { sys::napi_fatal_exception(env, error) };
    }
}
