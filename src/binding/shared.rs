//! Memory that JavaScript lends for good: where events are reported, and where text is staged.
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
//! anything: one call for all messages of a turn. Layout of the commands, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | how many there are |
//! | 1 + 3n | number of the session |
//! | 2 + 3n | opcode in the low four bits, reserved bits above |
//! | 3 + 3n | bytes of the payload; payloads lie in the stage, one behind the other |

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use napi::bindgen_prelude::{Buffer, Int32Array};
use napi_derive::napi;

use crate::proto::{Connection, Encoding, Event, Output, Progress, Source, Span, Status};

const HEADER_INTS: usize = 4;
const EVENT_INTS: usize = 3;
const COMMAND_INTS: usize = 3;
const SCRATCH_BIT: i32 = 8;
const OPCODE_SHIFT: i32 = 4;
const RSV_SHIFT: i32 = 8;

/// One copy of the JavaScript layer and its memory. A thread may hold several: test runners load
/// JavaScript anew for each file, and native code only once.
struct Channel {
    // Dropping these would call into an environment that is already gone when its thread ends.
    spans: ManuallyDrop<Int32Array>,
    stage: ManuallyDrop<Buffer>,
    commands: ManuallyDrop<Int32Array>,
    longest_text: u32,
}

thread_local! {
    static CHANNELS: RefCell<Vec<Channel>> = const { RefCell::new(Vec::new()) };
}

/// Takes the shared memory of one copy of the JavaScript layer, and the length of the longest string there
/// can be; returns the number its sessions name it by.
#[napi(catch_unwind)]
pub fn attach(spans: Int32Array, stage: Buffer, commands: Int32Array, longest_text: u32) -> u32 {
    CHANNELS.with_borrow_mut(|channels| {
        channels.push(Channel {
            spans: ManuallyDrop::new(spans),
            stage: ManuallyDrop::new(stage),
            commands: ManuallyDrop::new(commands),
            longest_text,
        });
        (channels.len() - 1) as u32
    })
}

/// Most events the channel's spans can hold.
pub(super) fn capacity(channel: u32) -> usize {
    CHANNELS.with_borrow(|channels| {
        let ints = channels.get(channel as usize).map_or(0, |channel| channel.spans.len());
        ints.saturating_sub(HEADER_INTS) / EVENT_INTS
    })
}

/// Most bytes of UTF-8 that become a string: V8 refuses more of them than a string has characters.
pub(super) fn longest_text(channel: u32) -> u64 {
    CHANNELS.with_borrow(|channels| {
        channels.get(channel as usize).map_or(u64::MAX, |channel| channel.longest_text.into())
    })
}

/// Hands out the staged messages, oldest first: session, opcode with reserved bits, payload.
pub(super) fn take_commands(mut send: impl FnMut(u32, u32, &[u8])) {
    CHANNELS.with_borrow_mut(|channels| {
        for Channel { stage, commands, .. } in channels {
            let Some((&count, list)) = commands.split_first() else { continue };
            if count <= 0 {
                continue;
            }
            let mut payloads: &[u8] = stage;
            let (list, _) = list.as_chunks::<COMMAND_INTS>();
            for &[session, opcode, length] in list.iter().take(count as usize) {
                let Some((payload, rest)) = payloads.split_at_checked(length as usize) else {
                    break;
                };
                send(session as u32, opcode as u32, payload);
                payloads = rest;
            }
            if let Some(count) = writable(commands).first_mut() {
                *count = 0;
            }
        }
    });
}

fn writable(array: &mut Int32Array) -> &mut [i32] {
    #[expect(unsafe_code, reason = "napi hands out JavaScript memory for writing only this way")]
    // SAFETY: JavaScript runs on this thread and waits for this call, so nobody else reads or
    // writes the array meanwhile.
    unsafe {
        array.as_mut()
    }
}

/// Reports what a call to `receive` produced.
pub(super) fn report(id: u32, progress: Progress, connection: &Connection, output: &Output) {
    CHANNELS.with_borrow_mut(|channels| {
        let Some(channel) = channels.get_mut(id as usize) else { return };
        let spans = writable(&mut channel.spans);
        let Some((header, rest)) = spans.split_first_chunk_mut::<HEADER_INTS>() else { return };
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
        *header = [status, consumed, pending, missing as i32];
        let (slots, _) = rest.as_chunks_mut::<EVENT_INTS>();
        for (slot, event) in slots.iter_mut().zip(&output.events) {
            *slot = encode(event);
        }
    });
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
