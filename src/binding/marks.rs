//! Memory that JavaScript lends for good, in which it marks the connections whose output is ready:
//! they are written one behind the other, without a call for each.
//!
//! Layout, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | how many are marked |
//! | 1 | how often marked output was written; wraps |
//! | 2 | 1 while the event loop is serving connections, and writes what is marked when it is done |
//! | 3 + n | number of a connection, or -1 |

use std::mem::ManuallyDrop;

use napi::bindgen_prelude::Int32Array;

const SERVING: usize = 2;
const HEADER_INTS: usize = 3;

pub(super) struct Marks {
    // Not dropped with the thread: the environment is gone by then.
    memory: ManuallyDrop<Int32Array>,
}

impl Marks {
    pub(super) fn new(memory: Int32Array) -> Self {
        Self { memory: ManuallyDrop::new(memory) }
    }

    /// Appends the numbers that are marked to `numbers`, and begins another round.
    pub(super) fn take(&mut self, numbers: &mut Vec<u32>) {
        let memory = self.memory();
        let Some((&mut [ref mut count, ref mut round, _], list)) =
            memory.split_first_chunk_mut::<HEADER_INTS>()
        else {
            return;
        };
        if *count <= 0 {
            return;
        }
        let marked = list.iter().take(*count as usize);
        numbers.extend(marked.filter_map(|&number| u32::try_from(number).ok()));
        *count = 0;
        *round = round.wrapping_add(1);
    }

    pub(super) fn set_serving(&mut self, serving: bool) {
        if let Some(slot) = self.memory().get_mut(SERVING) {
            *slot = i32::from(serving);
        }
    }

    fn memory(&mut self) -> &mut [i32] {
        #[expect(
            unsafe_code,
            reason = "napi hands out JavaScript memory for writing only this way"
        )]
        // SAFETY: JavaScript runs on this thread and is either waiting for this call or not running,
        // so nobody else reads or writes the array meanwhile.
        unsafe {
            self.memory.as_mut()
        }
    }
}
