//! Calling JavaScript from the event loop, as Node does for its own sockets: in the async context
//! of the code that has made the connection, and with ticks and microtasks run afterwards.

use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{Function, Result};
use napi::{Env, sys};

use super::async_context::{Calls, ContextHandle};
use super::exception::tell_exception;
use super::handle_scope::HandleScope;
use super::reference::Reference;

/// The arguments of the function.
pub(crate) type Arguments = (i32, i32, i32);

/// A function to be called from the event loop. The reference is weak: the owner of the callback
/// keeps the function alive.
pub(crate) struct Callback {
    calls: Rc<Calls>,
    function: Reference,
}

impl Callback {
    pub(crate) fn new(
        env: Env,
        calls: Rc<Calls>,
        function: &Function<'_, Arguments, ()>,
    ) -> Result<Self> {
        Ok(Self { calls, function: Reference::weak(env, function)? })
    }

    /// Calls the function; its exception becomes an `uncaughtException`.
    pub(crate) fn call(&self, _: &HandleScope, context: ContextHandle, arguments: Arguments) {
        let env = self.calls.env();
        let Some(function) = self.function.value() else { return };
        let mut values = [ptr::null_mut(); 3];
        for (value, number) in values.iter_mut().zip([arguments.0, arguments.1, arguments.2]) {
            // SAFETY: a handle scope is open.
            if unsafe { sys::napi_create_int32(env, number, value) } != sys::Status::napi_ok {
                return;
            }
        }
        let mut result = ptr::null_mut();
        // SAFETY: all values are of this environment and of the scope that is open, and the context
        // is not destroyed before the call has returned. `this` has to be an object, and the
        // function is the one at hand.
        let status = self.calls.during(|| unsafe {
            let (count, values) = (values.len(), values.as_ptr());
            let context = context.raw();
            sys::napi_make_callback(env, context, function, function, count, values, &mut result)
        });
        tell_exception(env, status);
    }
}
