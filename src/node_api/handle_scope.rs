//! Handle scopes: the values of calls from the event loop into JavaScript are released with them.

use std::ptr;

use napi::{Env, sys};

/// An open handle scope, for one or several calls.
pub(crate) struct HandleScope {
    env: sys::napi_env,
    scope: sys::napi_handle_scope,
}

impl HandleScope {
    /// Opens a scope, for the event loop, on the environment's thread. `None` where the environment
    /// is ending.
    pub(crate) fn open(env: Env) -> Option<Self> {
        let (env, mut scope) = (env.raw(), ptr::null_mut());
        // SAFETY: called by the event loop on the environment's thread, before it ends.
        let status = unsafe { sys::napi_open_handle_scope(env, &mut scope) };
        (status == sys::Status::napi_ok).then_some(Self { env, scope })
    }
}

impl Drop for HandleScope {
    fn drop(&mut self) {
        // SAFETY: opened in `open` and closed once; scopes end in the order of their nesting.
        unsafe { sys::napi_close_handle_scope(self.env, self.scope) };
    }
}
