//! Threadsafe functions: functions of JavaScript that other threads have the event loop call.
//!
//! Those of napi-rs are not used: with them, napi-rs opens one of its own whenever the addon is
//! loaded, and tools that look for open handles report it in every program.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Function, JsValue, Result, check_status};
use napi::{Env, sys};

use super::exception::tell_exception;

/// A threadsafe function of Node-API, whose only thread count we have.
struct Raw(sys::napi_threadsafe_function);

// SAFETY: the functions that are called with it here may be called on any thread, except for that
// of `set_ref`, which has the environment as an argument and so runs on its thread.
unsafe impl Send for Raw {}

/// `None` once it was closed, by us or by Node, and must not be used any more.
#[derive(Default)]
struct State(Mutex<Option<Raw>>);

impl State {
    fn lock(&self) -> MutexGuard<'_, Option<Raw>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self) {
        if let Some(Raw(function)) = self.lock().take() {
            // SAFETY: it is open, as Node empties the state before it is not, and we give our count
            // up once.
            unsafe {
                let mode = sys::ThreadsafeFunctionReleaseMode::release;
                sys::napi_release_threadsafe_function(function, mode);
            }
        }
    }
}

struct Owner(Arc<State>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A function that any thread can have called. It keeps the process alive until it is closed,
/// dropped, or unreferenced by `set_ref`.
#[derive(Clone)]
pub(crate) struct ThreadsafeFunction(Arc<Owner>);

impl ThreadsafeFunction {
    /// `function` will be called in the async context of the code that is running, whose type for
    /// async hooks is `name`.
    pub(crate) fn new(env: Env, function: &Function<'_, (), ()>, name: &str) -> Result<Self> {
        let name = env.create_string(name)?;
        let state = Arc::new(State::default());
        let data = Arc::into_raw(Arc::clone(&state));
        let mut made = ptr::null_mut();
        // SAFETY: the environment is calling us, and function and name are values of it; `closed`
        // gets the state.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                function.raw(),
                ptr::null_mut(),
                name.raw(),
                0,
                1,
                data.cast_mut().cast(),
                Some(closed),
                ptr::null_mut(),
                Some(call),
                &mut made,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: made above, and nobody else has it.
            drop(unsafe { Arc::from_raw(data) });
        }
        check_status!(status)?;
        *state.lock() = Some(Raw(made));
        Ok(Self(Arc::new(Owner(state))))
    }

    /// Sets whether it keeps the process alive.
    pub(crate) fn set_ref(&self, env: Env, keep_alive: bool) -> Result<()> {
        let state = self.0.0.lock();
        let Some(Raw(function)) = *state else { return Ok(()) };
        let set = if keep_alive {
            sys::napi_ref_threadsafe_function
        } else {
            sys::napi_unref_threadsafe_function
        };
        // SAFETY: the function is open, as in `State::release`, and this is its environment's
        // thread.
        check_status!(unsafe { set(env.raw(), function) })
    }

    /// Closes it: the function is not called any more.
    #[cfg(has_loop)]
    pub(crate) fn close(&self) {
        self.0.0.release();
    }

    /// Has the event loop call the function; may be called on any thread.
    pub(crate) fn call(&self) {
        let mut state = self.0.0.lock();
        let Some(Raw(function)) = *state else { return };
        // SAFETY: it is open, as in `State::release`.
        let status = unsafe {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            sys::napi_call_threadsafe_function(function, ptr::null_mut(), mode)
        };
        if status == sys::Status::napi_closing {
            // The environment is ending, and Node has taken our count.
            *state = None;
        }
    }
}

/// Node calls this before the function's memory is freed.
unsafe extern "C" fn closed(_: sys::napi_env, state: *mut c_void, _: *mut c_void) {
    // SAFETY: `new` has made it, and Node calls this once.
    let state = unsafe { Arc::from_raw(state.cast::<State>()) };
    *state.lock() = None;
}

/// Calls the function; its exception becomes an `uncaughtException`.
unsafe extern "C" fn call(
    env: sys::napi_env,
    function: sys::napi_value,
    _: *mut c_void,
    _: *mut c_void,
) {
    if env.is_null() || function.is_null() {
        return;
    }
    let mut result = ptr::null_mut();
    // SAFETY: Node calls on the environment's thread, with a handle scope open.
    let status =
        unsafe { sys::napi_call_function(env, function, function, 0, ptr::null(), &mut result) };
    tell_exception(env, status);
}
