//! Safe interfaces over parts of Node-API that napi-rs does not wrap, or wraps in a way that costs
//! more.
//!
//! Nothing here knows WebSockets, sockets or the state of an environment: callers pass closures.
#![expect(unsafe_code, reason = "functions of Node-API are called")]

#[cfg(has_loop)]
mod async_context;
#[cfg(has_loop)]
mod callback;
#[cfg(has_loop)]
mod cleanup_hook;
mod exception;
mod finalizer;
#[cfg(has_loop)]
mod handle_scope;
mod reference;
mod threadsafe_function;

#[cfg(has_loop)]
pub(crate) use async_context::{AsyncContext, Calls, ContextHandle};
#[cfg(has_loop)]
pub(crate) use callback::{Arguments, Callback};
#[cfg(has_loop)]
pub(crate) use cleanup_hook::CleanupHook;
pub(crate) use finalizer::when_collected;
#[cfg(has_loop)]
pub(crate) use handle_scope::HandleScope;
pub(crate) use reference::Reference;
pub(crate) use threadsafe_function::ThreadsafeFunction;
