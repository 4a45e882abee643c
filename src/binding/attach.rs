//! The copies of the JavaScript layer that an environment has: how they come and go, and what is called
//! for their connections.

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

/// Takes the memory of one copy of the JavaScript layer: the properties `spans`, `sendQueue` and
/// `dirtyList` (`Int32Array`), `payloads` and `slab` (`Buffer`) of `owner`, which must stay what they are; they are used
/// as long as `owner` is there. `longest_text` is the length of the longest string there can be. Returns the
/// number of the copy, which means nothing once `owner` has been collected.
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

/// Forgets a copy whose owner has been collected.
fn forget(environment: &Environment, number: u32) {
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
        let Some(scope) = HandleScope::open(environment.env()) else { return };
        callback.call(&scope, ContextHandle::ROOT, arguments);
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
