//! Finalizers: functions that are called when an object of JavaScript was garbage-collected.

use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{JsValue, Object, Result, check_status};
use napi::{Env, sys};

/// Has `act` called once, on the environment's thread, when `object` was collected or its
/// environment ends. It must not call JavaScript.
pub(crate) fn when_collected<F: FnOnce() + 'static>(
    env: Env,
    object: &Object<'_>,
    act: F,
) -> Result<()> {
    let act = Box::into_raw(Box::new(act));
    // SAFETY: the environment is calling us, and the object is of it; `run` gets `act`, once.
    let status = unsafe {
        let (env, object, none) = (env.raw(), object.raw(), ptr::null_mut());
        sys::napi_add_finalizer(env, object, act.cast(), Some(run::<F>), none, ptr::null_mut())
    };
    if status != sys::Status::napi_ok {
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(act) });
    }
    check_status!(status)
}

unsafe extern "C" fn run<F: FnOnce()>(_: sys::napi_env, act: *mut c_void, _: *mut c_void) {
    // SAFETY: `when_collected` has made it, and Node calls this once.
    let act = unsafe { Box::from_raw(act.cast::<F>()) };
    act();
}
