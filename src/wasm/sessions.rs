//! Functions for chunks and messages: as `crate::binding::sessions`.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::entropy::node_entropy;
use super::shared_memory::{CopiedMemory, LentMemory, Owner};
use super::values::failed;
use crate::proto::deflate::ZlibPool;
use crate::proto::hybi::frame::Opcode;
use crate::proto::{BatchedEntropy, Connection, Event, Source, Span, sessions};

/// Bytes of memory for chunks that are kept at most.
const KEPT_CHUNK: usize = 65536;

#[wasm_bindgen]
extern "C" {
    /// Milliseconds.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

type Sessions = sessions::Sessions<Rc<CopiedMemory>, BatchedEntropy>;
/// A session during a call.
pub(super) type Entry<'a> = sessions::Entry<'a, CopiedMemory>;

/// The state of this instance.
struct State {
    sessions: Sessions,
    /// `None` before `attach`.
    lent: Option<LentMemory>,
    reports: Rc<CopiedMemory>,
    /// Memory into which chunks are copied to be parsed.
    chunk: Vec<u8>,
    zlib_pool: ZlibPool,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State {
        sessions: Sessions::new(node_entropy(), || now() / 1000.0),
        lent: None,
        reports: Rc::default(),
        chunk: Vec::new(),
        zlib_pool: ZlibPool::default(),
    });
}

/// Calls `act` when the messages in the send queue were framed.
fn with_state<R>(act: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(|state| {
        let queue = state.lent.as_ref().and_then(LentMemory::take_queue);
        state.sessions.send_queued(queue.iter());
        act(state)
    })
}

/// Adds a session.
pub(super) fn insert(make: impl FnOnce(&CopiedMemory) -> Connection) -> u32 {
    STATE.with_borrow_mut(|State { sessions, reports, .. }| {
        let connection = make(reports);
        sessions.insert(Rc::clone(reports), connection)
    })
}

/// Frees a session.
pub(super) fn remove(id: u32) {
    with_state(|state| state.sessions.remove(id));
}

/// Calls `act` with a session, if there is one under this number.
pub(super) fn with<R>(
    id: u32,
    act: impl FnOnce(&mut Entry<'_>, &mut BatchedEntropy) -> R,
) -> Option<R> {
    with_state(|state| state.sessions.with(id, act))
}

/// As [`with`], for calls that write: returns how many bytes wait for the peer afterwards.
pub(super) fn write(id: u32, act: impl FnOnce(&mut Entry<'_>, &mut BatchedEntropy)) -> usize {
    with_state(|state| state.sessions.write(id, act))
}

/// Calls `act` with the source of unpredictable bytes.
pub(super) fn with_entropy<R>(act: impl FnOnce(&mut BatchedEntropy) -> R) -> R {
    STATE.with_borrow_mut(|state| act(&mut state.sessions.entropy))
}

/// The zlib states that all sessions share.
pub(super) fn zlib_pool() -> ZlibPool {
    STATE.with_borrow(|state| state.zlib_pool.clone())
}

/// The opcode in the low four bits, and the reserved bits above it.
pub(super) fn opcode(bits: u32) -> Result<(Opcode, u8), JsError> {
    Opcode::with_reserved(bits).ok_or_else(|| failed(format_args!("no opcode: {bits}")))
}

/// Sets the memory of the JavaScript layer, of which there is one copy.
#[wasm_bindgen]
pub fn attach(owner: &Owner, longest_text: u32) -> u32 {
    let lent = LentMemory::new(owner, longest_text);
    STATE.with_borrow_mut(|state| {
        state.reports = Rc::new(lent.for_reports());
        state.lent = Some(lent);
    });
    0
}

/// Payloads are unmasked in a copy, and copied back to the chunk.
#[wasm_bindgen]
pub fn receive(id: u32, chunk: &Uint8Array, from: u32) -> u32 {
    with_state(|State { sessions, lent, reports, chunk: memory, .. }| {
        let length = chunk.length();
        let from = from.min(length);
        memory.resize(length as usize, 0);
        let parsed = memory.get_mut(from as usize..).unwrap_or_default();
        chunk.subarray(from, length).copy_to(parsed);
        let count = sessions.with(id, |entry, _| {
            let count = entry.receive(memory, from as usize);
            if let Some((start, end)) = extent(&entry.output.events) {
                let unmasked = memory.get(start..end).unwrap_or_default();
                chunk.subarray(start as u32, end as u32).copy_from(unmasked);
            }
            count
        });
        if memory.capacity() > KEPT_CHUNK {
            *memory = Vec::new();
        }
        let (Some(count), Some(lent)) = (count, lent) else { return 0 };
        lent.show(reports, count);
        count
    })
}

/// The part of a chunk into which events point.
fn extent(events: &[Event]) -> Option<(usize, usize)> {
    let spans = events.iter().map(|event| match event {
        Event::Text(span, _)
        | Event::Binary(span)
        | Event::Ping(span)
        | Event::Pong(span)
        | Event::Encoded { span, .. }
        | Event::Part { span, .. } => span,
    });
    let spans = spans.filter(|span| span.source == Source::Input);
    let ends = |span: &Span| (span.offset, span.offset + span.length);
    spans.map(ends).reduce(|(start, end), (from, to)| (start.min(from), end.max(to)))
}

#[wasm_bindgen]
pub fn send(id: u32, opcode_bits: u32, payload: &[u8]) -> Result<usize, JsError> {
    let (opcode, rsv) = opcode(opcode_bits)?;
    Ok(write(id, |entry, entropy| {
        entry.connection.send(opcode, rsv, payload, entropy, entry.output);
    }))
}

#[wasm_bindgen(js_name = sendFragment)]
pub fn send_fragment(
    id: u32,
    opcode_bits: u32,
    last: bool,
    payload: &[u8],
) -> Result<usize, JsError> {
    let (opcode, _) = opcode(opcode_bits)?;
    Ok(write(id, |entry, entropy| {
        entry.connection.send_fragment(opcode, last, payload, entropy, entry.output);
    }))
}

/// Not possible, as JavaScript's memory is not shared.
#[wasm_bindgen(js_name = frameAround)]
pub fn frame_around() -> i32 {
    -1
}

#[wasm_bindgen]
pub fn broadcast(ids: &[u32], opcode_bits: u32, payload: &[u8]) -> Result<(), JsError> {
    let (opcode, _) = opcode(opcode_bits)?;
    with_state(|state| state.sessions.broadcast(ids, opcode, payload));
    Ok(())
}

#[wasm_bindgen]
pub fn pending(id: u32) -> usize {
    with(id, |entry, _| entry.unsent()).unwrap_or_default()
}

#[wasm_bindgen(js_name = takeOutput)]
pub fn take_output(id: u32, target: &Uint8Array) -> usize {
    with(id, |entry, _| {
        let unsent = entry.unsent();
        if unsent == target.length() as usize {
            target.copy_from(&entry.output.wire);
            entry.forget_unsent();
        }
        unsent
    })
    .unwrap_or_default()
}

#[wasm_bindgen(js_name = scratchText)]
pub fn scratch_text(id: u32, offset: u32, length: u32) -> String {
    with(id, |entry, _| {
        entry.read_scratch(offset, length, |bytes| String::from_utf8_lossy(bytes).into_owned())
    })
    .unwrap_or_default()
}

#[wasm_bindgen(js_name = scratchBytes)]
pub fn scratch_bytes(id: u32, offset: u32, target: &Uint8Array) {
    with(id, |entry, _| {
        entry.read_scratch(offset, target.length(), |bytes| {
            if bytes.len() as u32 == target.length() {
                target.copy_from(bytes);
            }
        });
    });
}

#[wasm_bindgen(js_name = isUtf8)]
pub fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}
