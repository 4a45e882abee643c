//! The copies of the JavaScript layer of an environment: adding and removing them, and the
//! functions that are called for their connections.

use napi::Env;
#[cfg(has_loop)]
use napi::bindgen_prelude::Function;
use napi::bindgen_prelude::{Error, Object, Result, Status};
use napi_derive::napi;

use super::env::Environment;
use super::js_copy::JsCopy;
use crate::node_api::when_collected;
#[cfg(has_loop)]
use crate::node_api::{Arguments, ContextHandle, HandleScope};

/// Adds a copy of the JavaScript layer with its memory: the properties `spans`, `sendQueue` and
/// `dirtyList` (`Int32Array`), `payloads` and `slab` (`Buffer`) of `owner`, which must never be
/// replaced; they are used until `owner` is collected. `longest_text` is the length of the longest
/// string of JavaScript. Returns the number of the copy, which is valid until `owner` is collected.
#[napi(catch_unwind)]
pub fn attach(env: Env, owner: Object<'_>, longest_text: u32) -> Result<u32> {
    let environment = Environment::of(&env);
    let copy = JsCopy::new(env, &owner, longest_text)?;
    let number = environment.copies.borrow_mut().insert(copy);
    let environment = environment.share();
    when_collected(env, &owner, move || {
        environment.upgrade().inspect(|environment| forget(environment, number));
    })?;
    Ok(number)
}

/// Removes a copy whose owner was collected.
fn forget(environment: &Environment, number: u32) {
    let mut copies = environment.copies.borrow_mut();
    let copy = copies.remove(number);
    let others = copies.iter().count();
    drop(copies);
    drop(copy);
    if others == 0 {
        // There are no connections, which would have leases.
        #[cfg(has_loop)]
        environment.close_loop();
    }
}

/// The error for an invalid number of a copy.
pub(super) fn no_such_copy() -> Error {
    Error::new(Status::InvalidArg, "no such copy of the JavaScript layer")
}

/// Calls the function of every copy, without an async context.
#[cfg(has_loop)]
pub(super) fn call_all(environment: &Environment, arguments: Arguments) {
    let copies = environment.copies.borrow();
    let callbacks: Vec<_> = copies.iter().filter_map(JsCopy::callback).collect();
    drop(copies);
    for callback in callbacks {
        let Some(scope) = HandleScope::open(environment.env()) else { return };
        callback.call(&scope, ContextHandle::ROOT, arguments);
    }
}

/// Sets the function that is called for the connections of a copy.
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
