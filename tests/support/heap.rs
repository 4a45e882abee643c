//! An allocator that counts, to see the peak of one piece of work.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes this thread holds, and the most it held since the last look. Per thread, because tests
    /// run beside each other.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator with a count.
pub(crate) struct Counting;

impl Counting {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// Runs `work` and tells how far the heap of this thread grew while it ran.
    pub(crate) fn measure<T>(&self, work: impl FnOnce() -> T) -> (T, usize) {
        let (before, _) = HELD.get();
        HELD.set((before, before));
        let result = work();
        let (_, peak) = HELD.get();
        (result, (peak - before).unsigned_abs())
    }
}

fn count(change: isize) {
    // Not there any more while the thread ends.
    let _ = HELD.try_with(|held| {
        let (now, peak) = held.get();
        held.set((now + change, peak.max(now + change)));
    });
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
