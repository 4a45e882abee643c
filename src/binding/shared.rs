//! Memory that JavaScript lends for good: where events are reported, and where text is staged.
//!
//! Layout of the spans, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | why the call stopped: 0 need more, 1 full, 2 handshake, 3 verdict, 4 busy |
//! | 1 | byte of the chunk to go on from |
//! | 2 | bytes waiting for the peer |
//! | 3 + 3n | code of event n |
//! | 4 + 3n | offset of its payload |
//! | 5 + 3n | length of its payload |
//!
//! An event's code: bits 0 to 2 its kind (0 ASCII text, 1 UTF-8 text, 2 unchecked text, 3 binary,
//! 4 ping, 5 pong, 6 encoded), bit 3 whether the payload lies in the session's scratch memory
//! instead of the chunk, and of an encoded message the opcode from bit 4 and the reserved bits from
//! bit 8.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use napi::bindgen_prelude::{Buffer, Int32Array};
use napi_derive::napi;

use crate::proto::{Encoding, Event, Progress, Source, Span, Status};

const HEADER_INTS: usize = 3;
const EVENT_INTS: usize = 3;
const SCRATCH_BIT: i32 = 8;
const OPCODE_SHIFT: i32 = 4;
const RSV_SHIFT: i32 = 8;

/// One copy of the JavaScript layer and its memory. A thread may hold several: test runners load
/// JavaScript anew for each file, and native code only once.
struct Channel {
    // Dropping these would call into an environment that is already gone when its thread ends.
    spans: ManuallyDrop<Int32Array>,
    stage: ManuallyDrop<Buffer>,
}

thread_local! {
    static CHANNELS: RefCell<Vec<Channel>> = const { RefCell::new(Vec::new()) };
}

/// Takes the shared memory of one copy of the JavaScript layer; returns the number its sessions
/// name it by.
#[napi(catch_unwind)]
pub fn attach(spans: Int32Array, stage: Buffer) -> u32 {
    CHANNELS.with_borrow_mut(|channels| {
        let (spans, stage) = (ManuallyDrop::new(spans), ManuallyDrop::new(stage));
        channels.push(Channel { spans, stage });
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

/// Lends the first `length` bytes of the channel's staged text.
pub(super) fn with_stage<R>(
    channel: u32,
    length: u32,
    use_it: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    CHANNELS.with_borrow(|channels| {
        let stage = &channels.get(channel as usize)?.stage;
        Some(use_it(stage.get(..length as usize)?))
    })
}

/// Reports what a call to `receive` produced.
pub(super) fn report(channel: u32, progress: Progress, pending: usize, events: &[Event]) {
    CHANNELS.with_borrow_mut(|channels| {
        let Some(channel) = channels.get_mut(channel as usize) else { return };
        #[expect(
            unsafe_code,
            reason = "napi hands out JavaScript memory for writing only this way"
        )]
        // SAFETY: JavaScript runs on this thread and waits for this call, so nobody else reads or
        // writes the array meanwhile.
        let spans = unsafe { channel.spans.as_mut() };
        let Some((header, rest)) = spans.split_first_chunk_mut::<HEADER_INTS>() else { return };
        let status = match progress.status {
            Status::NeedMore => 0,
            Status::Full => 1,
            Status::Handshake => 2,
            Status::Verdict => 3,
            Status::Busy => 4,
        };
        *header = [status, progress.consumed as i32, pending as i32];
        let (slots, _) = rest.as_chunks_mut::<EVENT_INTS>();
        for (slot, event) in slots.iter_mut().zip(events) {
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
