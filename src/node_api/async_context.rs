//! Async contexts, by which `AsyncLocalStorage` and async hooks know which code has made a
//! connection.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{JsValue, Object, Result, check_status};
use napi::{Env, sys};

/// The calls of the event loop into JavaScript that have not returned yet, of one environment.
pub(crate) struct Calls {
    env: sys::napi_env,
    depth: Cell<usize>,
    /// Contexts that were dropped during a call, and may be in use by it.
    retired: RefCell<Vec<sys::napi_async_context>>,
}

impl Calls {
    /// It must be dropped before its environment is freed, and so must everything that refers to
    /// it.
    pub(crate) fn new(env: Env) -> Self {
        Self { env: env.raw(), depth: Cell::new(0), retired: RefCell::default() }
    }

    pub(super) fn env(&self) -> sys::napi_env {
        self.env
    }

    /// Runs `call`; contexts that are dropped meanwhile are destroyed afterwards.
    pub(super) fn during<R>(&self, call: impl FnOnce() -> R) -> R {
        self.depth.set(self.depth.get() + 1);
        let result = call();
        self.depth.set(self.depth.get() - 1);
        if self.depth.get() == 0 {
            for context in self.retired.take() {
                self.destroy(context);
            }
        }
        result
    }

    fn destroy(&self, context: sys::napi_async_context) {
        // SAFETY: made in `AsyncContext::current` and destroyed once, outside of any call in it,
        // and the environment is still there (see `new`).
        unsafe { sys::napi_async_destroy(self.env, context) };
    }
}

/// The async context of one connection.
pub(crate) struct AsyncContext {
    calls: Rc<Calls>,
    context: sys::napi_async_context,
}

impl AsyncContext {
    /// The async context of the code that is running. `resource` is its async resource, so that
    /// Node need not make one; it must live as long.
    pub(crate) fn current(calls: &Rc<Calls>, resource: &Object<'_>, name: &str) -> Result<Self> {
        let env = Env::from_raw(calls.env);
        let name = env.create_string(name)?;
        let mut context = ptr::null_mut();
        // SAFETY: the environment is calling us, and resource and name are values of it.
        check_status!(unsafe {
            sys::napi_async_init(calls.env, resource.raw(), name.raw(), &mut context)
        })?;
        Ok(Self { calls: Rc::clone(calls), context })
    }

    /// The context for [`Callback::call`](super::Callback::call), which must follow before anything
    /// else is called or dropped.
    pub(crate) fn handle(&self) -> ContextHandle {
        ContextHandle(self.context)
    }
}

/// An async context for one call, without a borrow of its owner.
#[derive(Clone, Copy)]
pub(crate) struct ContextHandle(sys::napi_async_context);

impl ContextHandle {
    /// No context.
    pub(crate) const ROOT: Self = Self(ptr::null_mut());

    pub(super) fn raw(self) -> sys::napi_async_context {
        self.0
    }
}

impl Drop for AsyncContext {
    fn drop(&mut self) {
        if self.calls.depth.get() > 0 {
            self.calls.retired.borrow_mut().push(self.context);
        } else {
            self.calls.destroy(self.context);
        }
    }
}
