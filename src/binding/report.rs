//! The layout of the memory that each copy of the JavaScript layer lends: where events are reported, and
//! where what is sent is queued.
//!
//! Layout of the spans, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | why the call stopped: 0 need more, 1 full, 2 handshake, 3 verdict, 4 busy, 5 landing |
//! | 1 | byte of the chunk to go on from |
//! | 2 | bytes waiting for the peer |
//! | 3 | bytes missing of the message that is landing |
//! | 4 + 3n | code of event n |
//! | 5 + 3n | offset of its payload |
//! | 6 + 3n | length of its payload |
//!
//! An event's code: bits 0 to 2 its kind (0 ASCII text, 1 UTF-8 text, 2 unchecked text, 3 binary,
//! 4 ping, 5 pong, 6 encoded), bit 3 whether the payload lies in the session's scratch memory
//! instead of the chunk, and of an encoded message the opcode from bit 4 and the reserved bits from
//! bit 8.
//!
//! What JavaScript sends is left here too, and framed when the native side is next called for
//! anything: one call for all messages of a turn. Layout of the send queue, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | how many there are |
//! | 1 + 3n | number of the session |
//! | 2 + 3n | opcode in the low four bits, reserved bits above |
//! | 3 + 3n | bytes of the payload; payloads lie in `payloads`, one behind the other |

use std::cell::Cell;

use super::js_copy::{Copies, JsCopy};
use crate::proto::{Connection, Encoding, Event, Output, Progress, Source, Span, Status};

const HEADER_INTS: usize = 4;
const EVENT_INTS: usize = 3;
const ENTRY_INTS: usize = 3;
const SCRATCH_BIT: i32 = 8;
const OPCODE_SHIFT: i32 = 4;
const RSV_SHIFT: i32 = 8;

/// Most events the spans of a copy can hold.
pub(super) fn capacity(copy: &JsCopy) -> usize {
    copy.spans().len().saturating_sub(HEADER_INTS) / EVENT_INTS
}

/// Hands out the messages of the send queue, oldest first: session, opcode with reserved bits, payload.
pub(super) fn take_queued(copies: &Copies, mut send: impl FnMut(u32, u32, &[u8])) {
    for copy in copies.iter() {
        let Some((count, list)) = copy.send_queue().split_first() else { continue };
        if count.get() <= 0 {
            continue;
        }
        let mut payloads = copy.payloads();
        let (list, _) = list.as_chunks::<ENTRY_INTS>();
        for [session, opcode, length] in list.iter().take(count.get() as usize) {
            let Some((payload, rest)) = payloads.split_at_checked(length.get() as usize) else {
                break;
            };
            send(session.get() as u32, opcode.get() as u32, payload);
            payloads = rest;
        }
        count.set(0);
    }
}

/// Reports what a call to `receive` produced.
pub(super) fn report(copy: &JsCopy, progress: Progress, connection: &Connection, output: &Output) {
    let Some((header, rest)) = copy.spans().split_first_chunk::<HEADER_INTS>() else { return };
    let mut missing = 0;
    let status = match progress.status {
        Status::NeedMore => 0,
        Status::Full => 1,
        Status::Handshake => 2,
        Status::Verdict => 3,
        Status::Busy => 4,
        Status::Landing => {
            missing = connection.landing().map_or(0, |landing| landing.missing);
            5
        }
    };
    let [consumed, pending] = [progress.consumed, output.wire.len()].map(|bytes| bytes as i32);
    set(header, [status, consumed, pending, missing as i32]);
    let (slots, _) = rest.as_chunks::<EVENT_INTS>();
    for (slot, event) in slots.iter().zip(&output.events) {
        set(slot, encode(event));
    }
}

fn set<const N: usize>(cells: &[Cell<i32>; N], values: [i32; N]) {
    for (cell, value) in cells.iter().zip(values) {
        cell.set(value);
    }
}

fn encode(event: &Event) -> [i32; EVENT_INTS] {
    let (code, span) = match event {
        Event::Text(span, Encoding::Ascii) => (0, span),
        Event::Text(span, Encoding::Utf8) => (1, span),
        Event::Text(span, Encoding::Lenient) => (2, span),
        Event::Binary(span) => (3, span),
        Event::Ping(span) => (4, span),
        Event::Pong(span) => (5, span),
        Event::Encoded { span, opcode, rsv } => {
            (6 | i32::from(*opcode) << OPCODE_SHIFT | i32::from(*rsv) << RSV_SHIFT, span)
        }
    };
    let Span { source, offset, length } = *span;
    let scratch = if source == Source::Scratch { SCRATCH_BIT } else { 0 };
    [code | scratch, offset as i32, length as i32]
}
