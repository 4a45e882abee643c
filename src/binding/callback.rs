//! Calling JavaScript from the event loop: what Node's own sockets do when bytes arrive, with the
//! async context of the code that made the connection and with ticks and microtasks run after it.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{Function, JsValue, Object, Result, check_status};
use napi::{Env, sys};

use super::exception::tell_exception;
use super::reference::Reference;

/// Arguments of the function: plain numbers.
pub(super) type Arguments = (i32, i32, i32);

/// The calls of one environment that have not returned yet.
pub(super) struct Calls {
    env: sys::napi_env,
    depth: Cell<usize>,
    /// Async contexts whose connections were released meanwhile: a call may be in one of them.
    retired: RefCell<Vec<sys::napi_async_context>>,
}

impl Calls {
    pub(super) fn new(env: sys::napi_env) -> Self {
        Self { env, depth: Cell::new(0), retired: RefCell::default() }
    }

    fn destroy(&self, context: sys::napi_async_context) {
        // SAFETY: made in `AsyncContext::current` and destroyed once, outside of any call in it;
        // connections are dropped before their environment is (see `env`).
        unsafe { sys::napi_async_destroy(self.env, context) };
    }

    fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
        if self.depth.get() == 0 {
            for context in self.retired.take() {
                self.destroy(context);
            }
        }
    }
}

/// The async context of one connection.
pub(super) struct AsyncContext {
    calls: Rc<Calls>,
    context: sys::napi_async_context,
}

impl AsyncContext {
    /// The context of the code that is running. `resource` stands for it, which saves Node making an
    /// object that does; it must live as long.
    pub(super) fn current(calls: &Rc<Calls>, resource: &Object<'_>, name: &str) -> Result<Self> {
        let env = Env::from_raw(calls.env);
        let name = env.create_string(name)?;
        let mut context = ptr::null_mut();
        // SAFETY: the environment is calling us, and resource and name are values of it.
        check_status!(unsafe {
            sys::napi_async_init(calls.env, resource.raw(), name.raw(), &mut context)
        })?;
        Ok(Self { calls: Rc::clone(calls), context })
    }

    pub(super) fn raw(&self) -> sys::napi_async_context {
        self.context
    }
}

impl Drop for AsyncContext {
    /// While JavaScript is called, which may be in this context, the context stays.
    fn drop(&mut self) {
        if self.calls.depth.get() > 0 {
            self.calls.retired.borrow_mut().push(self.context);
        } else {
            self.calls.destroy(self.context);
        }
    }
}

/// A stay in JavaScript, for one call or for many: what they make is given back when it ends.
pub(super) struct HandleScope {
    env: sys::napi_env,
    scope: sys::napi_handle_scope,
}

impl HandleScope {
    pub(super) fn begin(env: Env) -> Option<Self> {
        let (env, mut scope) = (env.raw(), ptr::null_mut());
        // SAFETY: called by the event loop on the environment's thread, before it ends.
        let status = unsafe { sys::napi_open_handle_scope(env, &mut scope) };
        (status == sys::Status::napi_ok).then_some(Self { env, scope })
    }
}

impl Drop for HandleScope {
    fn drop(&mut self) {
        // SAFETY: opened in `begin` and closed once; scopes end in the order of their nesting.
        unsafe { sys::napi_close_handle_scope(self.env, self.scope) };
    }
}

/// A function to be called from the event loop. Whoever has it keeps the function alive.
pub(super) struct Callback {
    calls: Rc<Calls>,
    function: Reference,
}

impl Callback {
    pub(super) fn new(
        env: Env,
        calls: Rc<Calls>,
        function: &Function<'_, Arguments, ()>,
    ) -> Result<Self> {
        Ok(Self { calls, function: Reference::weak(env, function)? })
    }

    /// Calls the function, and tells what it throws.
    pub(super) fn call(
        &self,
        _: &HandleScope,
        context: sys::napi_async_context,
        arguments: Arguments,
    ) {
        let env = self.calls.env;
        let Some(function) = self.function.value() else { return };
        let mut values = [ptr::null_mut(); 3];
        for (value, number) in values.iter_mut().zip([arguments.0, arguments.1, arguments.2]) {
            // SAFETY: a handle scope is open.
            if unsafe { sys::napi_create_int32(env, number, value) } != sys::Status::napi_ok {
                return;
            }
        }
        let mut result = ptr::null_mut();
        self.calls.depth.set(self.calls.depth.get() + 1);
        // SAFETY: all values are of this environment and of the scope that is open, and the context
        // is destroyed when the call has returned. `this` has to be an object, and the function is
        // the one at hand.
        let status = unsafe {
            let (count, values) = (values.len(), values.as_ptr());
            sys::napi_make_callback(env, context, function, function, count, values, &mut result)
        };
        self.calls.leave();
        tell_exception(env, status);
    }
}
