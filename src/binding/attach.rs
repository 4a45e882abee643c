//! The copies of the JavaScript layer that an environment has: how they come and go, and what is called
//! for their connections.

use std::ffi::c_void;
use std::ptr;
use std::rc::Weak;

#[cfg(has_loop)]
use napi::bindgen_prelude::Function;
use napi::bindgen_prelude::{Error, JsValue, Object, Result, Status};
use napi::{Env, check_status, sys};
use napi_derive::napi;

#[cfg(has_loop)]
use super::callback::{Arguments, HandleScope};
use super::env::Environment;
use super::js_copy::JsCopy;

/// Takes the memory of one copy of the JavaScript layer: the properties `spans`, `sendQueue` and
/// `dirtyList` (`Int32Array`), `payloads` and `slab` (`Buffer`) of `owner`, which must stay what they are; they are used
/// as long as `owner` is there. `longest_text` is the length of the longest string there can be. Returns the
/// number of the copy, which means nothing once `owner` has been collected.
#[napi(catch_unwind)]
pub fn attach(env: Env, owner: Object<'_>, longest_text: u32) -> Result<u32> {
    let environment = Environment::of(&env);
    let copy = JsCopy::new(env, &owner, longest_text)?;
    let number = environment.copies.borrow_mut().insert(copy);
    let entry = Box::into_raw(Box::new(Entry { environment: environment.share(), number }));
    #[expect(unsafe_code, reason = "napi-rs cannot add a finalizer to any object")]
    // SAFETY: the environment is calling us, and the object is of it; `collected` gets the entry.
    let status = unsafe {
        let (raw, owner) = (env.raw(), owner.raw());
        sys::napi_add_finalizer(
            raw,
            owner,
            entry.cast(),
            Some(collected),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(entry) });
    }
    check_status!(status)?;
    Ok(number)
}

/// Where a copy is to be forgotten.
struct Entry {
    environment: Weak<Environment>,
    number: u32,
}

#[expect(unsafe_code, reason = "Node-API calls it")]
unsafe extern "C" fn collected(_: sys::napi_env, entry: *mut c_void, _: *mut c_void) {
    // SAFETY: `attach` has made it, and Node calls this once.
    let Entry { environment, number } = *unsafe { Box::from_raw(entry.cast::<Entry>()) };
    let Some(environment) = environment.upgrade() else { return };
    let mut copies = environment.copies.borrow_mut();
    let copy = copies.remove(number);
    let others = copies.iter().count();
    drop(copies);
    drop(copy);
    if others == 0 {
        // Nothing is watched: that would have a lease.
        #[cfg(has_loop)]
        environment.close_loop();
    }
}

/// For a number that means nothing.
pub(super) fn no_such_copy() -> Error {
    Error::new(Status::InvalidArg, "no such copy of the JavaScript layer")
}

/// Calls what every copy in use has for its connections, outside of any.
#[cfg(has_loop)]
pub(super) fn call_all(environment: &Environment, arguments: Arguments) {
    let copies = environment.copies.borrow();
    let callbacks: Vec<_> = copies.iter().filter_map(JsCopy::callback).collect();
    drop(copies);
    for callback in callbacks {
        let Some(scope) = HandleScope::begin(environment.env()) else { return };
        callback.call(&scope, ptr::null_mut(), arguments);
    }
}

/// Sets what is called for the connections of a copy.
#[cfg(has_loop)]
pub(super) fn set_callback(
    env: Env,
    number: u32,
    function: &Function<'_, Arguments, ()>,
) -> Result<()> {
    let environment = Environment::of(&env);
    let lease = environment.copies.borrow_mut().lease(number);
    lease.ok_or_else(no_such_copy)?.set_callback(env, &environment.calls, function)
}
