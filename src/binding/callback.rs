//! Calling JavaScript from the event loop: what Node's own sockets do when bytes arrive, with the
//! async context of the code that made the connection and with ticks and microtasks run after it.

use std::ptr;

use napi::bindgen_prelude::{Function, FunctionRef, JsValue, Object, Result, check_status};
use napi::{Env, sys};

/// Arguments of the function: plain numbers.
pub(super) type Arguments = (i32, i32, i32);

/// A function to be called from the event loop.
pub(super) struct Callback {
    env: Env,
    // Dropped by the end of the environment only, together with everything that refers to it.
    function: std::mem::ManuallyDrop<FunctionRef<Arguments, ()>>,
}

/// The async context of one connection.
pub(super) struct AsyncContext {
    env: sys::napi_env,
    context: sys::napi_async_context,
}

impl AsyncContext {
    /// The context of the code that is running. `resource` stands for it, which saves Node making an
    /// object that does; it must live as long.
    pub(super) fn current(env: &Env, resource: &Object<'_>, name: &str) -> Result<Self> {
        let name = env.create_string(name)?;
        let mut context = ptr::null_mut();
        // SAFETY: the environment is calling us, and resource and name are values of it.
        check_status!(unsafe {
            sys::napi_async_init(env.raw(), resource.raw(), name.raw(), &mut context)
        })?;
        Ok(Self { env: env.raw(), context })
    }

    pub(super) fn raw(&self) -> sys::napi_async_context {
        self.context
    }
}

impl Drop for AsyncContext {
    fn drop(&mut self) {
        // SAFETY: made in `current` and destroyed once; connections are dropped before their
        // environment is (see `event_loop`).
        unsafe { sys::napi_async_destroy(self.env, self.context) };
    }
}

/// A stay in JavaScript, for one call or for many: what they make is given back when it ends.
pub(super) struct Visit {
    env: sys::napi_env,
    scope: sys::napi_handle_scope,
}

impl Visit {
    fn begin(env: sys::napi_env) -> Option<Self> {
        let mut scope = ptr::null_mut();
        // SAFETY: called by the event loop on the environment's thread, before it ends.
        let status = unsafe { sys::napi_open_handle_scope(env, &mut scope) };
        (status == sys::Status::napi_ok).then_some(Self { env, scope })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // SAFETY: opened in `begin` and closed once; visits end in the order of their nesting.
        unsafe { sys::napi_close_handle_scope(self.env, self.scope) };
    }
}

impl Callback {
    pub(super) fn new(env: Env, function: &Function<'_, Arguments, ()>) -> Result<Self> {
        Ok(Self { env, function: std::mem::ManuallyDrop::new(function.create_ref()?) })
    }

    /// Begins a stay in this function's JavaScript.
    pub(super) fn visit(&self) -> Option<Visit> {
        Visit::begin(self.env.raw())
    }

    /// Calls the function. What it throws goes where Node's own callbacks send it: to
    /// `uncaughtException`.
    pub(super) fn call(&self, _: &Visit, context: sys::napi_async_context, arguments: Arguments) {
        let env = self.env.raw();
        let Ok(function) = self.function.borrow_back(&self.env) else { return };
        let mut values = [ptr::null_mut(); 3];
        for (value, number) in values.iter_mut().zip([arguments.0, arguments.1, arguments.2]) {
            // SAFETY: a handle scope is open.
            if unsafe { sys::napi_create_int32(env, number, value) } != sys::Status::napi_ok {
                return;
            }
        }
        let (function, mut result) = (function.raw(), ptr::null_mut());
        // SAFETY: all values are of this environment and of the scope that is open. `this` has to be
        // an object, and the function is the one at hand.
        let status = unsafe {
            let (count, values) = (values.len(), values.as_ptr());
            sys::napi_make_callback(env, context, function, function, count, values, &mut result)
        };
        if status == sys::Status::napi_pending_exception {
            let mut error = ptr::null_mut();
            // SAFETY: a handle scope is open.
            let cleared = unsafe { sys::napi_get_and_clear_last_exception(env, &mut error) };
            if cleared == sys::Status::napi_ok {
                // SAFETY: the error is a value of the scope that is open.
                unsafe { sys::napi_fatal_exception(env, error) };
            }
        }
    }
}
