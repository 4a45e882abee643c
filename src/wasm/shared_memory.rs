//! The memory that the JavaScript layer shares, and copies of it with the same layout.

use std::cell::Cell;

use js_sys::{Int32Array, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::proto::sessions::SharedMemory;
use crate::proto::sessions::report::{EVENT_INTS, HEADER_INTS};
use crate::proto::sessions::send_queue::ENTRY_INTS;

#[wasm_bindgen]
extern "C" {
    /// The object whose properties are the memory.
    pub type Owner;
    #[wasm_bindgen(method, getter)]
    fn spans(this: &Owner) -> Int32Array;
    #[wasm_bindgen(method, getter, js_name = sendQueue)]
    fn send_queue(this: &Owner) -> Int32Array;
    #[wasm_bindgen(method, getter)]
    fn payloads(this: &Owner) -> Uint8Array;
}

/// JavaScript's memory.
pub(super) struct LentMemory {
    spans: Int32Array,
    send_queue: Int32Array,
    payloads: Uint8Array,
    longest_text: u32,
}

/// A copy, which the core reads and writes.
#[derive(Default)]
pub(super) struct CopiedMemory {
    spans: Vec<Cell<i32>>,
    send_queue: Vec<Cell<i32>>,
    payloads: Vec<u8>,
    longest_text: u32,
}

impl LentMemory {
    pub(super) fn new(owner: &Owner, longest_text: u32) -> Self {
        Self {
            spans: owner.spans(),
            send_queue: owner.send_queue(),
            payloads: owner.payloads(),
            longest_text,
        }
    }

    /// Memory for reports.
    pub(super) fn for_reports(&self) -> CopiedMemory {
        CopiedMemory {
            spans: vec![Cell::new(0); self.spans.length() as usize],
            longest_text: self.longest_text,
            ..CopiedMemory::default()
        }
    }

    /// Copies the send queue of JavaScript, and empties it.
    pub(super) fn take_queue(&self) -> Option<CopiedMemory> {
        let count = u32::try_from(self.send_queue.get_index(0)).ok().filter(|count| *count > 0)?;
        let integers = 1 + ENTRY_INTS as u32 * count;
        let queue = self.send_queue.subarray(0, integers).to_vec();
        self.send_queue.set_index(0, 0);
        let (entries, _) = queue.get(1..)?.as_chunks::<ENTRY_INTS>();
        let bytes = entries.iter().map(|[_, _, length]| *length as u32).sum();
        Some(CopiedMemory {
            send_queue: queue.into_iter().map(Cell::new).collect(),
            payloads: self.payloads.subarray(0, bytes).to_vec(),
            ..CopiedMemory::default()
        })
    }

    /// Copies a report of `events` events to JavaScript.
    pub(super) fn show(&self, report: &CopiedMemory, events: u32) {
        let integers = HEADER_INTS + EVENT_INTS * events as usize;
        for (index, integer) in (0..).zip(report.spans.iter().take(integers)) {
            self.spans.set_index(index, integer.get());
        }
    }
}

impl SharedMemory for CopiedMemory {
    fn spans(&self) -> &[Cell<i32>] {
        &self.spans
    }

    fn send_queue(&self) -> &[Cell<i32>] {
        &self.send_queue
    }

    fn payloads(&self) -> &[u8] {
        &self.payloads
    }

    fn longest_text(&self) -> u64 {
        self.longest_text.into()
    }

    /// No message lands, as JavaScript's memory would be copied for each chunk.
    fn least_landing(&self) -> u64 {
        u64::MAX
    }
}
