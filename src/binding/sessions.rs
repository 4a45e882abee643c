//! The sessions of an environment, by number. Plain functions on numbers cost a third of what methods
//! of native classes cost, and these are called for every chunk and every message.

use std::mem;
use std::sync::LazyLock;
use std::time::Instant;

use napi::bindgen_prelude::{BufferSlice, Error, Result, Status as NapiStatus, Uint32Array};
use napi::{Env, JsString};
use napi_derive::napi;

use super::env::Environment;
use super::js_copy::{Copies, JsCopy, Lease};
use super::report;
use crate::proto::hybi::frame::Opcode;
use crate::proto::{Connection, Output, growth};
use crate::transport::OsEntropy;
use crate::transport::slots::Slots;

/// Output memory beyond this is given back once it has been taken.
const KEPT_BYTES: usize = 4096;

/// A connection and what it has produced and JavaScript has not taken yet.
struct Slot {
    copy: Lease,
    connection: Connection,
    wire: Vec<u8>,
    scratch: Vec<u8>,
    /// Nothing was taken of the output yet: it has memory for an opening handshake, which is more
    /// than many a connection will ever need again.
    is_new: bool,
}

/// A connection while it is called: with all of its output, of which it keeps a part.
pub(super) struct Entry<'a> {
    pub(super) copy: &'a JsCopy,
    pub(super) connection: &'a mut Connection,
    pub(super) output: &'a mut Output,
    is_new: &'a mut bool,
}

impl Slot {
    /// Calls `act` with `output`, which is every session's, as this one's.
    fn with<R>(&mut self, output: &mut Output, act: impl FnOnce(&mut Entry<'_>) -> R) -> R {
        let Self { copy, connection, wire, scratch, is_new } = self;
        // What a panic leaves behind is dropped here: it is no other session's output.
        output.wire = mem::take(wire);
        output.scratch = mem::take(scratch);
        let result = act(&mut Entry { copy, connection, output, is_new });
        *wire = mem::take(&mut output.wire);
        *scratch = mem::take(&mut output.scratch);
        result
    }
}

impl Entry<'_> {
    /// Parses a chunk from byte `from` on and reports to JavaScript's memory; returns the number of
    /// events.
    pub(super) fn receive(&mut self, chunk: &mut [u8], from: usize) -> u32 {
        let Self { copy, connection, output, .. } = self;
        output.clear_events();
        // A connection that counts what its peer sends in a second has to know the time.
        if let Some(rates) = connection.rates() {
            rates.set_time(START.elapsed().as_secs_f64());
        }
        let progress = connection.receive(chunk, from, output);
        report::report(copy, progress, connection, output);
        output.events.len() as u32
    }

    /// Takes the next `length` bytes of a message that is landing, which are in `memory` behind those that
    /// came before; reports as `receive` does.
    pub(super) fn landed(&mut self, memory: &mut [u8], length: usize) -> u32 {
        let Self { copy, connection, output, .. } = self;
        output.clear_events();
        let progress = connection.landed(memory, length, output);
        report::report(copy, progress, connection, output);
        output.events.len() as u32
    }

    /// Forgets the bytes that waited for the peer, and gives large memory back.
    pub(super) fn clear_output(&mut self) {
        let wire = &mut self.output.wire;
        wire.clear();
        if mem::take(self.is_new) || wire.capacity() > KEPT_BYTES {
            *wire = Vec::new();
        }
    }
}

/// What the seconds of a connection count from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[derive(Default)]
pub(super) struct Sessions {
    slots: Slots<Box<Slot>>,
    entropy: OsEntropy,
    /// Lent to whichever session is called: its memory for events and its spare memory are shared.
    output: Output,
}

impl Sessions {
    /// Frames the messages in the send queue, before anything else happens to any session.
    fn send_queued(&mut self, copies: &Copies) {
        let Self { slots, entropy, output, .. } = self;
        report::take_queued(copies, |id, opcode_bits, payload| {
            let Some(slot) = slots.at(id) else { return };
            let Ok(opcode) = opcode(opcode_bits) else { return };
            let rsv = (opcode_bits >> 4 & 7) as u8;
            slot.with(output, |entry| {
                entry.connection.send(opcode, rsv, payload, entropy, entry.output);
            });
        });
    }
}

/// Adds a session; its number is free for others once it was removed. `None` when there is no copy of
/// the JavaScript layer with that number.
pub(super) fn insert(
    environment: &Environment,
    copy: u32,
    make: impl FnOnce(&JsCopy) -> Connection,
) -> Option<u32> {
    let copy = environment.copies.borrow().lease(copy)?;
    let connection = make(&copy);
    let (wire, scratch) = Default::default();
    let slot = Box::new(Slot { copy, connection, wire, scratch, is_new: true });
    Some(environment.sessions.borrow_mut().slots.insert(slot).number)
}

/// Frees a session.
pub(super) fn remove(environment: &Environment, id: u32) {
    let mut sessions = environment.sessions.borrow_mut();
    sessions.send_queued(&environment.copies.borrow());
    sessions.slots.remove(id);
}

/// Runs `act` on a session, if there is one of that number.
pub(super) fn with<R>(
    environment: &Environment,
    id: u32,
    act: impl FnOnce(&mut Entry<'_>, &mut OsEntropy) -> R,
) -> Option<R> {
    let mut sessions = environment.sessions.borrow_mut();
    sessions.send_queued(&environment.copies.borrow());
    let Sessions { slots, entropy, output, .. } = &mut *sessions;
    let slot = slots.at(id)?;
    Some(slot.with(output, |entry| act(entry, entropy)))
}

/// Unpredictable bytes for whoever needs some outside a session.
pub(super) fn with_entropy<R>(
    environment: &Environment,
    act: impl FnOnce(&mut OsEntropy) -> R,
) -> R {
    act(&mut environment.sessions.borrow_mut().entropy)
}

pub(super) fn opcode(bits: u32) -> Result<Opcode> {
    Opcode::parse((bits & 15) as u8)
        .ok_or_else(|| Error::new(NapiStatus::InvalidArg, format!("no opcode: {bits}")))
}

/// Parses a chunk from byte `from` on and reports into the memory of the session's copy; returns the number
/// of events. The chunk's payloads are unmasked in place.
#[napi(catch_unwind)]
pub fn receive(env: Env, id: u32, mut chunk: BufferSlice, from: u32) -> u32 {
    with(Environment::of(&env), id, |entry, _| entry.receive(&mut chunk, from as usize))
        .unwrap_or_default()
}

/// Takes the next `length` bytes of a message that is landing, which are in `memory` behind those
/// that came before; reports as `receive` does, and returns the number of events: 1 for the complete
/// message.
#[napi(catch_unwind)]
pub fn landed(env: Env, id: u32, mut memory: BufferSlice, length: u32) -> u32 {
    with(Environment::of(&env), id, |entry, _| entry.landed(&mut memory, length as usize))
        .unwrap_or_default()
}

/// Bytes of memory for a message of which `arrived` bytes are there and `missing` others are not.
#[napi(catch_unwind)]
pub fn message_capacity(arrived: u32, missing: u32) -> u32 {
    growth::capacity(arrived as usize, missing.into()) as u32
}

/// Has a message that is landing collected natively after all; what has arrived of it is at the
/// beginning of `memory`.
#[napi(catch_unwind)]
pub fn cancel_landing(env: Env, id: u32, memory: BufferSlice) {
    with(Environment::of(&env), id, |entry, _| entry.connection.cancel_landing(&memory));
}

/// Appends one frame: `opcode` in the low four bits, reserved bits above. Returns how many bytes
/// wait for the peer.
#[napi(catch_unwind)]
pub fn send(env: Env, id: u32, opcode_bits: u32, payload: BufferSlice) -> Result<u32> {
    let opcode = opcode(opcode_bits)?;
    let rsv = (opcode_bits >> 4 & 7) as u8;
    Ok(with(Environment::of(&env), id, |entry, entropy| {
        entry.connection.send(opcode, rsv, &payload, entropy, entry.output);
        entry.output.wire.len() as u32
    })
    .unwrap_or_default())
}

/// Makes a frame of a message where it lies: behind 14 bytes of room for the header. Returns where
/// the frame begins, or -1 where only [`send`] can make one. Output that waits goes out before it.
#[napi(catch_unwind)]
pub fn frame_around(env: Env, id: u32, opcode_bits: u32, mut memory: BufferSlice) -> Result<i32> {
    let opcode = opcode(opcode_bits)?;
    let start = with(Environment::of(&env), id, |entry, entropy| {
        if !entry.output.wire.is_empty() {
            return None;
        }
        entry.connection.frame_around(opcode, &mut memory, entropy)
    });
    Ok(start.flatten().map_or(-1, |start| start as i32))
}

/// Appends the same message to many sessions; it is framed once where it goes out as it is.
#[napi(catch_unwind)]
pub fn broadcast(env: Env, ids: Uint32Array, opcode_bits: u32, payload: BufferSlice) -> Result<()> {
    let opcode = opcode(opcode_bits)?;
    let environment = Environment::of(&env);
    let mut sessions = environment.sessions.borrow_mut();
    sessions.send_queued(&environment.copies.borrow());
    let Sessions { slots, entropy, output, .. } = &mut *sessions;
    for &id in &*ids {
        let Some(slot) = slots.at(id) else { continue };
        let Slot { connection, wire, .. } = &mut **slot;
        match connection.plain_header(opcode, payload.len()) {
            Some(header) => {
                wire.reserve(header.as_bytes().len() + payload.len());
                wire.extend_from_slice(header.as_bytes());
                wire.extend_from_slice(&payload);
            }
            None => slot.with(output, |entry| {
                entry.connection.send(opcode, 0, &payload, entropy, entry.output);
            }),
        }
    }
    Ok(())
}

/// Frames what is in the send queue; returns how many bytes wait for the session's peer.
#[napi(catch_unwind)]
pub fn pending(env: Env, id: u32) -> u32 {
    with(Environment::of(&env), id, |entry, _| entry.output.wire.len() as u32).unwrap_or_default()
}

/// Moves the bytes that wait for the peer into `target`, if it is exactly as long; returns how many
/// there are.
#[napi(catch_unwind)]
pub fn take_output(env: Env, id: u32, mut target: BufferSlice) -> u32 {
    let held = with(Environment::of(&env), id, |entry, _| {
        let wire = &mut entry.output.wire;
        let held = wire.len();
        if held == target.len() {
            target.copy_from_slice(wire);
            entry.clear_output();
        }
        held as u32
    });
    held.unwrap_or_default()
}

/// The text of an event whose payload lies in the session's scratch memory.
#[napi(catch_unwind)]
pub fn scratch_text<'env>(
    env: &'env Env,
    id: u32,
    offset: u32,
    length: u32,
) -> Result<JsString<'env>> {
    let range = offset as usize..(offset as usize).saturating_add(length as usize);
    with(Environment::of(env), id, |entry, _| {
        let bytes = entry.output.scratch.get(range).unwrap_or_default();
        // Only text of drafts 75 and 76 can be ill-formed here.
        let text = if bytes.is_ascii() {
            env.create_string_latin1(bytes)
        } else {
            env.create_string(String::from_utf8_lossy(bytes))
        };
        give_back(entry.output, offset, length);
        text
    })
    .unwrap_or_else(|| env.create_string(""))
}

/// Copies the payload of an event that lies in the session's scratch memory into `target`.
#[napi(catch_unwind)]
pub fn scratch_bytes(env: Env, id: u32, offset: u32, mut target: BufferSlice) {
    let length = target.len();
    with(Environment::of(&env), id, |entry, _| {
        let range = offset as usize..(offset as usize).saturating_add(length);
        if let Some(bytes) = entry.output.scratch.get(range) {
            target.copy_from_slice(bytes);
        }
        give_back(entry.output, offset, length as u32);
    });
}

/// Frees large scratch memory as soon as its last payload has been read.
fn give_back(output: &mut Output, offset: u32, length: u32) {
    let end = (offset as usize).saturating_add(length as usize);
    if end == output.scratch.len() && output.scratch.capacity() > KEPT_BYTES {
        let memory = mem::take(&mut output.scratch);
        output.recycle(memory);
    }
}

/// Whether the bytes are well-formed UTF-8.
#[napi(catch_unwind)]
pub fn is_utf8(bytes: BufferSlice) -> bool {
    simdutf8::basic::from_utf8(&bytes).is_ok()
}
