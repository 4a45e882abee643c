//! The sessions of an environment (see `proto::sessions`): functions for chunks and messages. A
//! function with a number as its argument takes a third of the time of a method of a native class.

use std::cell::RefMut;

use napi::bindgen_prelude::{BufferSlice, Error, Result, Status, Uint32Array};
use napi::{Env, JsString};
use napi_derive::napi;

use super::env::{Environment, Sessions};
use super::js_copy::JsCopy;
use crate::proto::hybi::frame::Opcode;
use crate::proto::{BatchedEntropy, growth, sessions};

/// A session during a call.
pub(super) type Entry<'a> = sessions::Entry<'a, JsCopy>;

/// All sessions; messages in the send queues are framed before.
pub(super) fn all(environment: &Environment) -> RefMut<'_, Sessions> {
    let mut sessions = environment.sessions.borrow_mut();
    sessions.send_queued(environment.copies.borrow().iter());
    sessions
}

/// Calls `act` with a session, if there is one under this number.
pub(super) fn with<R>(
    environment: &Environment,
    id: u32,
    act: impl FnOnce(&mut Entry<'_>, &mut BatchedEntropy) -> R,
) -> Option<R> {
    all(environment).with(id, act)
}

/// As [`with`], for calls that write: returns how many bytes wait for the peer afterwards.
pub(super) fn write(
    env: Env,
    id: u32,
    act: impl FnOnce(&mut Entry<'_>, &mut BatchedEntropy),
) -> f64 {
    all(Environment::of(&env)).write(id, act) as f64
}

/// The opcode in the low four bits, and the reserved bits above it.
pub(super) fn opcode(bits: u32) -> Result<(Opcode, u8)> {
    Opcode::with_reserved(bits)
        .ok_or_else(|| Error::new(Status::InvalidArg, format!("no opcode: {bits}")))
}

/// Parses a chunk from byte `from` on, and writes a report into the spans; returns the number of
/// events. Payloads are unmasked in the chunk.
#[napi(catch_unwind)]
pub fn receive(env: Env, id: u32, mut chunk: BufferSlice, from: u32) -> u32 {
    with(Environment::of(&env), id, |entry, _| entry.receive(&mut chunk, from as usize))
        .unwrap_or_default()
}

/// Takes the next `length` bytes of a message that is landing, which are in `memory` behind the
/// earlier ones. Reports as `receive` does, and returns the number of events: 1 when the message is
/// complete.
#[napi(catch_unwind)]
pub fn landed(env: Env, id: u32, mut memory: BufferSlice, length: u32) -> u32 {
    with(Environment::of(&env), id, |entry, _| entry.landed(&mut memory, length as usize))
        .unwrap_or_default()
}

/// Bytes of memory to reserve for a message of which `arrived` bytes have arrived and `missing`
/// others have not.
#[napi(catch_unwind)]
pub fn message_capacity(arrived: u32, missing: u32) -> u32 {
    growth::capacity(arrived as usize, missing.into()) as u32
}

/// Gives the bytes of a message that is landing, the first of `memory`, back to the session, which
/// joins the message from now on.
#[napi(catch_unwind)]
pub fn cancel_landing(env: Env, id: u32, memory: BufferSlice) {
    with(Environment::of(&env), id, |entry, _| entry.connection.cancel_landing(&memory));
}

/// Appends one frame; `opcodeBits` are the opcode in the low four bits, and the reserved bits
/// above. Returns how many bytes wait for the peer.
#[napi(catch_unwind)]
pub fn send(env: Env, id: u32, opcode_bits: u32, payload: BufferSlice) -> Result<f64> {
    let (opcode, rsv) = opcode(opcode_bits)?;
    Ok(write(env, id, |entry, entropy| {
        entry.connection.send(opcode, rsv, &payload, entropy, entry.output);
    }))
}

/// Appends one fragment of a message; its opcode is 0 for all but the first, and `last` ends the
/// message. Returns how many bytes wait for the peer.
#[napi(catch_unwind)]
pub fn send_fragment(
    env: Env,
    id: u32,
    opcode_bits: u32,
    last: bool,
    payload: BufferSlice,
) -> Result<f64> {
    let (opcode, _) = opcode(opcode_bits)?;
    Ok(write(env, id, |entry, entropy| {
        entry.connection.send_fragment(opcode, last, &payload, entropy, entry.output);
    }))
}

/// Makes a frame in the memory of its payload, which is behind 14 bytes of room for the header.
/// Returns where the frame begins; -1 where only [`send`] can make it, as while other output waits.
#[napi(catch_unwind)]
pub fn frame_around(env: Env, id: u32, opcode_bits: u32, mut memory: BufferSlice) -> Result<i32> {
    let (opcode, _) = opcode(opcode_bits)?;
    let start = with(Environment::of(&env), id, |entry, entropy| {
        entry.frame_around(opcode, &mut memory, entropy)
    });
    Ok(start.flatten().map_or(-1, |start| start as i32))
}

/// Appends the same message to many sessions; its header is made once for those that neither mask
/// nor compress.
#[napi(catch_unwind)]
pub fn broadcast(env: Env, ids: Uint32Array, opcode_bits: u32, payload: BufferSlice) -> Result<()> {
    let (opcode, _) = opcode(opcode_bits)?;
    all(Environment::of(&env)).broadcast(&ids, opcode, &payload);
    Ok(())
}

/// Frames the messages in the send queue; returns how many bytes wait for the session's peer.
#[napi(catch_unwind)]
pub fn pending(env: Env, id: u32) -> f64 {
    write(env, id, |_, _| {})
}

/// Moves the bytes that wait for the peer into `target`, if it has exactly their length; returns
/// their number.
#[napi(catch_unwind)]
pub fn take_output(env: Env, id: u32, mut target: BufferSlice) -> f64 {
    let unsent = with(Environment::of(&env), id, |entry, _| entry.take_unsent(&mut target));
    unsent.unwrap_or_default() as f64
}

/// The text of an event whose payload is in the session's scratch memory.
#[napi(catch_unwind)]
pub fn scratch_text<'env>(
    env: &'env Env,
    id: u32,
    offset: u32,
    length: u32,
) -> Result<JsString<'env>> {
    let text = |bytes: &[u8]| {
        // Only text of drafts 75 and 76 can be ill-formed here.
        if bytes.is_ascii() {
            env.create_string_latin1(bytes)
        } else {
            env.create_string(String::from_utf8_lossy(bytes))
        }
    };
    with(Environment::of(env), id, |entry, _| entry.read_scratch(offset, length, text))
        .unwrap_or_else(|| env.create_string(""))
}

/// Copies the payload of an event, in the session's scratch memory, into `target`.
#[napi(catch_unwind)]
pub fn scratch_bytes(env: Env, id: u32, offset: u32, mut target: BufferSlice) {
    with(Environment::of(&env), id, |entry, _| {
        entry.read_scratch(offset, target.len() as u32, |bytes| {
            if bytes.len() == target.len() {
                target.copy_from_slice(bytes);
            }
        });
    });
}

/// Whether the bytes are well-formed UTF-8.
#[napi(catch_unwind)]
pub fn is_utf8(bytes: BufferSlice) -> bool {
    simdutf8::basic::from_utf8(&bytes).is_ok()
}
