//! The report of a call that receives, written into memory that the host shares: the spans.
//!
//! Layout of the spans, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | why the call stopped: 0 need more, 1 full, 2 handshake, 3 verdict, 4 busy, 5 landing |
//! | 1 | byte of the chunk from which to go on |
//! | 2 | bytes waiting for the peer |
//! | 3 | missing bytes of the message that is landing |
//! | 4 + 3n | code of event n |
//! | 5 + 3n | offset of its payload |
//! | 6 + 3n | length of its payload |
//!
//! An event's code: bits 0 to 2 its kind (0 ASCII text, 1 UTF-8 text, 2 unchecked text, 3 binary, 4
//! ping, 5 pong, 6 encoded, 7 part), bit 3 whether the payload lies in the session's scratch memory
//! instead of the chunk, of an encoded message the opcode from bit 4 and the reserved bits from bit
//! 8, and of a part the opcode from bit 4, in bit 8 whether it is the first and in bit 9 whether it
//! is the last.

use std::cell::Cell;

use crate::proto::{Connection, Encoding, Event, Output, Progress, Source, Span, Status};

/// Integers before the events.
pub const HEADER_INTS: usize = 4;
/// Integers of an event.
pub const EVENT_INTS: usize = 3;
const SCRATCH_BIT: i32 = 8;
const OPCODE_SHIFT: i32 = 4;
const RSV_SHIFT: i32 = 8;

/// Most events for which there is room in this memory.
pub fn capacity(spans: &[Cell<i32>]) -> usize {
    spans.len().saturating_sub(HEADER_INTS) / EVENT_INTS
}

/// Writes the report of a call.
pub fn write(spans: &[Cell<i32>], progress: Progress, connection: &Connection, output: &Output) {
    let Some((header, rest)) = spans.split_first_chunk::<HEADER_INTS>() else { return };
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
    let [consumed, unsent] = [progress.consumed, output.wire.len()].map(|bytes| bytes as i32);
    set(header, [status, consumed, unsent, missing as i32]);
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
        Event::Part { span, opcode, first, last } => {
            let bits = i32::from(*first) | i32::from(*last) << 1;
            (7 | i32::from(*opcode) << OPCODE_SHIFT | bits << RSV_SHIFT, span)
        }
    };
    let Span { source, offset, length } = *span;
    let scratch = if source == Source::Scratch { SCRATCH_BIT } else { 0 };
    [code | scratch, offset as i32, length as i32]
}
