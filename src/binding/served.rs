//! Connections on Node's loop (see `transport::event_loop`), as JavaScript handles them: by number, for
//! servers' sockets and dialled ones alike.

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

/// Bits that say what has happened to a dialled connection since the last.
#[napi]
pub enum SocketEvents {
    /// What was written has reached the kernel: a writer that waits may go on.
    Flushed = 1,
    /// The end of our stream has reached the kernel.
    Finished = 2,
    /// A failure waits to be taken.
    Failed = 4,
    /// The socket is closed, and nothing will follow.
    Closed = 8,
}

const _: () = assert!(
    SocketEvents::Flushed as u32 == event_loop::SocketEvents::FLUSHED
        && SocketEvents::Finished as u32 == event_loop::SocketEvents::FINISHED
        && SocketEvents::Failed as u32 == event_loop::SocketEvents::FAILED
        && SocketEvents::Closed as u32 == event_loop::SocketEvents::CLOSED
);

/// Does something to a connection, if it is still there.
fn with<R>(env: Env, number: u32, act: impl FnOnce(&mut Served<Environment>) -> R) -> Option<R> {
    Environment::of(&env).set(|set| set.with(number, act)).flatten()
}

/// Does something to a dialled connection, if it is still there.
fn with_owned<R>(env: Env, number: u32, act: impl FnOnce(&mut Owned) -> R) -> Option<R> {
    with(env, number, |served| served.as_owned().map(act)).flatten()
}

// ---- every connection

/// Takes `dispatch(number, length, count)`, which is called for each chunk of a copy's connections:
/// `length` bytes are in the slab and, when they were parsed for a session, `count` events in the
/// spans; bit 16 of `count`: the event is in memory that was lent. `length` 0 is the end of the
/// stream, and a small negative number an error number, negated. The least integers: of the socket,
/// +0 has failed; +1 did not take `count` bytes of the output of the dirty list; +2 should be given `count` bytes of
/// memory with `servedLand`; +4 has the events `count`, bits of `SocketEvents`. +3, of no connection: a
/// listener is running the event loop, so that the slab is about to be overwritten, and output that
/// waits for the listener must leave. False where Node's loop cannot be watched.
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

/// Reads `descriptor` for a session from now on. `resource` is the resource of its async context, and
/// must be kept until the connection is released; the descriptor must stay open as long. Returns the
/// connection's number, or -1 when the system refuses.
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

/// Reads no more, or goes on reading; false when the system refuses.
#[napi(catch_unwind)]
pub fn served_read(env: Env, number: u32, on: bool) -> bool {
    Environment::of(&env).set(|set| set.set_reading(number, on)).unwrap_or_default()
}

/// Parses chunks for a session from now on, or with -1 hands them over as they are.
#[napi(catch_unwind)]
pub fn served_session(env: Env, number: u32, session: i32) {
    with(env, number, |served| {
        served.set_session(Environment::of(&env), u32::try_from(session).ok());
    });
}

/// Hands chunks over unparsed for a while, or parses them again.
#[napi(catch_unwind)]
pub fn served_raw(env: Env, number: u32, on: bool) {
    with(env, number, |served| served.set_raw(Environment::of(&env), on));
}

/// Lends memory for the message that is being read, as asked for; what has arrived of it moves
/// there. The memory is JavaScript's again when its event is reported, or the connection released.
#[napi(catch_unwind)]
pub fn served_land(env: Env, number: u32, memory: Buffer) {
    with(env, number, |served| served.lend(Environment::of(&env), Box::new(memory)));
}

/// Forgets a connection. Its descriptor is not touched any more and may be closed.
#[napi(catch_unwind)]
pub fn served_release(env: Env, number: u32) {
    let environment = Environment::of(&env);
    let released = environment.set(|set| set.remove(environment, number));
    // Destroying the async context may call into JavaScript's hooks: nothing is borrowed then.
    drop(released);
}

/// Bytes read.
#[napi(catch_unwind)]
pub fn served_received(env: Env, number: u32) -> f64 {
    let received = Environment::of(&env).set(|set| Some(set.at(number)?.received()));
    received.flatten().unwrap_or_default()
}

/// Bytes written for a session.
#[napi(catch_unwind)]
pub fn served_written(env: Env, number: u32) -> f64 {
    let written = Environment::of(&env).set(|set| Some(set.at(number)?.written()));
    written.flatten().unwrap_or_default()
}

/// Writes what the session holds for the peer and then a message, without copying it first where it
/// goes out as it is; returns how many bytes the system did not take. What is left of the session's
/// output stays there; what is left of an uncopied payload is the caller's to send.
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

/// Writes what the session holds for the peer; returns how many bytes the system did not take. They
/// stay in the session.
#[napi(catch_unwind)]
pub fn served_write(env: Env, number: u32) -> f64 {
    let environment = Environment::of(&env);
    environment.set(|set| set.write(environment, number)).unwrap_or_default() as f64
}

/// Writes what the connections on the dirty list hold; returns the numbers of those of which the system did not
/// take everything. What is left stays in the sessions.
#[napi(catch_unwind)]
pub fn served_write_dirty(env: Env) -> Option<Vec<u32>> {
    let environment = Environment::of(&env);
    let unwritten = environment.set(|set| set.write_dirty(environment))?;
    (!unwritten.is_empty()).then(|| unwritten.into_iter().map(|(key, _)| key.number).collect())
}

// ---- dialled connections

/// Copies what the kernel does not take at once. `true` when more may follow; otherwise later events
/// say `Flushed`, and nothing may be written before.
#[napi(catch_unwind)]
pub fn served_push(env: Env, number: u32, chunk: &[u8]) -> bool {
    with_owned(env, number, |owned| owned.push(&[chunk])).unwrap_or_default()
}

/// Like `servedPush`, for several chunks.
#[napi(catch_unwind)]
pub fn served_push_all(env: Env, number: u32, chunks: Vec<BufferSlice>) -> bool {
    let parts: Vec<&[u8]> = chunks.iter().map(|chunk| &chunk[..]).collect();
    with_owned(env, number, |owned| owned.push(&parts)).unwrap_or_default()
}

/// Ends our direction after what was written; later events say `Finished`.
#[napi(catch_unwind)]
pub fn served_finish(env: Env, number: u32) {
    with_owned(env, number, Owned::finish);
}

/// Closes the socket in whatever state it is; later events say `Closed`.
#[napi(catch_unwind)]
pub fn served_destroy(env: Env, number: u32) {
    with_owned(env, number, Owned::close);
}

/// What went wrong, after events said `Failed`.
#[napi(catch_unwind)]
pub fn served_failure(env: Env, number: u32) -> Option<SocketFailure> {
    with_owned(env, number, |owned| owned.failure().cloned()).flatten().map(SocketFailure::from)
}

/// Nagle's algorithm off (`true`) or on.
#[napi(catch_unwind)]
pub fn served_no_delay(env: Env, number: u32, no_delay: bool) {
    with_owned(env, number, |owned| owned.set(|stream| stream.set_no_delay(no_delay)));
}

/// Keep-alive probes, the first after `delay` seconds; 0 keeps the system's delay.
#[napi(catch_unwind)]
pub fn served_keep_alive(env: Env, number: u32, enable: bool, delay: u32) {
    let delay = enable.then(|| Duration::from_secs(delay.into()));
    with_owned(env, number, |owned| owned.set(|stream| stream.set_keep_alive(delay)));
}

/// Whether a connection keeps the process alive.
#[napi(catch_unwind)]
pub fn served_ref(env: Env, number: u32, keep_alive: bool) {
    Environment::of(&env).set(|set| set.set_keeps_alive(number, keep_alive));
}
