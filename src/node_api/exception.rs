//! What a function of JavaScript has thrown that was not called by JavaScript.

use std::ptr;

use napi::sys;

/// What a function of JavaScript has thrown goes where Node's own callbacks send it: to
/// `uncaughtException`. A handle scope must be open in `env`, which has answered a call with `status`.
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
