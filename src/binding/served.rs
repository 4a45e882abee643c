//! Functions on connections of Node's loop (see `transport::event_loop`), by number: of servers and
//! dialled ones.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Function, Object, Result};
use napi_derive::napi;

use super::attach::set_callback;
use super::env::Environment;
use super::loop_host::{Tag, watch};
use super::sessions;
use super::socket_failure::SocketFailure;
use crate::node_api::Arguments;
use crate::transport::descriptor::LentDescriptor;
use crate::transport::event_loop::served::{Owned, Served};
use crate::transport::event_loop::{self, Host, LoopSet};

/// Events of a dialled connection since the last report, as bits.
#[napi]
pub enum SocketEvents {
    /// The kernel has taken all output: a writer that waits may go on.
    Flushed = 1,
    /// The kernel has the end of our stream.
    Finished = 2,
    /// The connection has failed: see `servedFailure`.
    Failed = 4,
    /// The socket is closed; no report will follow.
    Closed = 8,
}

const _: () = assert!(
    SocketEvents::Flushed as u32 == event_loop::SocketEvents::FLUSHED
        && SocketEvents::Finished as u32 == event_loop::SocketEvents::FINISHED
        && SocketEvents::Failed as u32 == event_loop::SocketEvents::FAILED
        && SocketEvents::Closed as u32 == event_loop::SocketEvents::CLOSED
);

/// Calls `act` with a connection, if there is one under this number.
fn with<R>(env: Env, number: u32, act: impl FnOnce(&mut Served<Environment>) -> R) -> Option<R> {
    Environment::of(&env).set(|set| set.with(number, act)).flatten()
}

/// Calls `act` with a dialled connection, if there is one under this number.
fn with_owned<R>(env: Env, number: u32, act: impl FnOnce(&mut Owned) -> R) -> Option<R> {
    with(env, number, |served| served.as_owned().map(act)).flatten()
}

// ---- every connection

/// Sets `dispatch(number, length, count)`, which is called with reports about a copy's connections.
/// `length` above 0: so many bytes are in the slab; if they were parsed by a session, `count`
/// events are in the spans; bit 16 of `count`: the event is in memory that was lent. `length` 0:
/// the stream has ended. `length` a small negative number: reading has failed with this error
/// number, negated. `length` from -2^31 on: +0, the socket has failed; +1, the system has not taken
/// `count` bytes of output when the dirty list was written; +2, `servedLand` should lend `count`
/// bytes of memory; +4, `count` has bits of `SocketEvents`; +3, of no connection: a listener runs
/// the event loop, which will overwrite the slab, and output that waits for the return of the
/// listener has to be written. Returns false where Node's loop cannot be watched.
#[napi(catch_unwind)]
pub fn served_attach(
    env: Env,
    copy: u32,
    #[napi(ts_arg_type = "(number: number, length: number, count: number) => void")]
    dispatch: Function<'_, Arguments, ()>,
) -> Result<bool> {
    set_callback(env, copy, &dispatch)?;
    let environment = Environment::of(&env);
    let mut connections = environment.connections.borrow_mut();
    if connections.is_none() {
        *connections = LoopSet::open(|descriptor| watch(environment, descriptor));
    }
    Ok(connections.is_some())
}

/// Reads `descriptor` for a session from now on. `resource` is its async resource; it must be kept,
/// and the descriptor stay open, until the connection is released. Returns the connection's number,
/// or -1 where the system refuses.
#[napi(catch_unwind)]
pub fn served_watch(
    env: Env,
    copy: u32,
    descriptor: i32,
    session: u32,
    resource: Object<'_>,
) -> i32 {
    let environment = Environment::of(&env);
    #[expect(unsafe_code, reason = "Node owns the socket")]
    // SAFETY: JavaScript's socket keeps the descriptor open, and releases the connection before it
    // closes the handle or lets go of it, on this thread: see lib/socket/takeover.js.
    let descriptor = unsafe { LentDescriptor::new(descriptor) };
    let Some(descriptor) = descriptor else { return -1 };
    let Some(tag) = Tag::new(environment, copy, &resource) else { return -1 };
    let number = environment.set(|set| set.insert(Served::borrowed(tag, descriptor, session)));
    let Some(number) = number.flatten() else { return -1 };
    if served_read(env, number, true) {
        return number as i32;
    }
    served_release(env, number);
    -1
}

/// Stops or goes on reading; false where the system refuses.
#[napi(catch_unwind)]
pub fn served_read(env: Env, number: u32, on: bool) -> bool {
    Environment::of(&env).set(|set| set.set_reading(number, on)).unwrap_or_default()
}

/// Has chunks parsed by a session from now on; with -1, has them reported unparsed.
#[napi(catch_unwind)]
pub fn served_session(env: Env, number: u32, session: i32) {
    with(env, number, |served| {
        served.set_session(Environment::of(&env), u32::try_from(session).ok());
    });
}

/// Has chunks reported unparsed for a while, or parsed again.
#[napi(catch_unwind)]
pub fn served_raw(env: Env, number: u32, on: bool) {
    with(env, number, |served| served.set_raw(Environment::of(&env), on));
}

/// Lends memory for the message that is landing; its bytes that have arrived are copied there from
/// the memory that was lent before. The loan ends when the message's event is reported, or the
/// connection is released.
#[napi(catch_unwind)]
pub fn served_land(env: Env, number: u32, memory: Buffer) {
    with(env, number, |served| served.lend(Environment::of(&env), Box::new(memory)));
}

/// Releases a connection. Its descriptor is not used any more and may be closed.
#[napi(catch_unwind)]
pub fn served_release(env: Env, number: u32) {
    let environment = Environment::of(&env);
    let released = environment.set(|set| set.remove(environment, number));
    // Nothing may be borrowed, as destroying the async context may call async hooks.
    drop(released);
}

/// The number of bytes that were read.
#[napi(catch_unwind)]
pub fn served_received(env: Env, number: u32) -> f64 {
    let received = Environment::of(&env).set(|set| Some(set.at(number)?.received()));
    received.flatten().unwrap_or_default()
}

/// The number of bytes that were written for a session.
#[napi(catch_unwind)]
pub fn served_written(env: Env, number: u32) -> f64 {
    let written = Environment::of(&env).set(|set| Some(set.at(number)?.written()));
    written.flatten().unwrap_or_default()
}

/// Writes the session's output and then a message, whose payload is not copied if it is neither
/// masked nor compressed. Returns how many bytes the system has not taken: those of the session's
/// output stay there; those of an uncopied payload the caller has to send.
#[napi(catch_unwind)]
pub fn served_send(env: Env, number: u32, opcode_bits: u32, payload: BufferSlice) -> Result<f64> {
    let (opcode, _) = sessions::opcode(opcode_bits)?;
    let rest = with(env, number, |served| {
        sessions::with(Environment::of(&env), served.session()?, |entry, entropy| {
            let uncopied = entry.append(opcode, &payload, entropy);
            served.write(entry, uncopied)
        })
    });
    Ok(rest.flatten().unwrap_or_default() as f64)
}

/// Writes the session's output; returns how many bytes the system has not taken, which stay in the
/// session.
#[napi(catch_unwind)]
pub fn served_write(env: Env, number: u32) -> f64 {
    let environment = Environment::of(&env);
    environment.set(|set| set.write(environment, number)).unwrap_or_default() as f64
}

/// Writes the output of the connections on the dirty list; returns the numbers of those of which
/// the system has not taken all. The remaining bytes stay in the sessions.
#[napi(catch_unwind)]
pub fn served_write_dirty(env: Env) -> Option<Vec<u32>> {
    let environment = Environment::of(&env);
    let unwritten = environment.set(|set| set.write_dirty(environment))?;
    (!unwritten.is_empty()).then(|| unwritten.into_iter().map(|(key, _)| key.number).collect())
}

// ---- dialled connections

/// Writes a chunk, and queues a copy of what the kernel does not take. True when more may be
/// written; otherwise `Flushed` will be reported, and nothing may be written before.
#[napi(catch_unwind)]
pub fn served_push(env: Env, number: u32, chunk: &[u8]) -> bool {
    with_owned(env, number, |owned| owned.push(&[chunk])).unwrap_or_default()
}

/// As `servedPush`, for several chunks.
#[napi(catch_unwind)]
pub fn served_push_all(env: Env, number: u32, chunks: Vec<BufferSlice>) -> bool {
    let parts: Vec<&[u8]> = chunks.iter().map(|chunk| &chunk[..]).collect();
    with_owned(env, number, |owned| owned.push(&parts)).unwrap_or_default()
}

/// Ends our stream after the queue; `Finished` will be reported.
#[napi(catch_unwind)]
pub fn served_finish(env: Env, number: u32) {
    with_owned(env, number, Owned::finish);
}

/// Closes the socket in any state; `Closed` will be reported.
#[napi(catch_unwind)]
pub fn served_destroy(env: Env, number: u32) {
    with_owned(env, number, Owned::close);
}

/// The failure, after `Failed` was reported.
#[napi(catch_unwind)]
pub fn served_failure(env: Env, number: u32) -> Option<SocketFailure> {
    with_owned(env, number, |owned| owned.failure().cloned()).flatten().map(SocketFailure::from)
}

/// Switches Nagle's algorithm off (`true`) or on.
#[napi(catch_unwind)]
pub fn served_no_delay(env: Env, number: u32, no_delay: bool) {
    with_owned(env, number, |owned| owned.set(|stream| stream.set_no_delay(no_delay)));
}

/// Switches keep-alive probes; the first after `delay` seconds without traffic, 0 for the system's
/// delay.
#[napi(catch_unwind)]
pub fn served_keep_alive(env: Env, number: u32, enable: bool, delay: u32) {
    let delay = enable.then(|| Duration::from_secs(delay.into()));
    with_owned(env, number, |owned| owned.set(|stream| stream.set_keep_alive(delay)));
}

/// Sets whether a connection keeps the process alive.
#[napi(catch_unwind)]
pub fn served_ref(env: Env, number: u32, keep_alive: bool) {
    Environment::of(&env).set(|set| set.set_keeps_alive(number, keep_alive));
}
