//! The dirty list: connections whose output is ready, in memory that JavaScript shares with the
//! event loop. They are written one behind the other, without a call for each.
//!
//! Layout, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | how many entries there are |
//! | 1 | how often the list was written; wraps |
//! | 2 | 1 while the event loop is serving connections, and writes the list when it is done |
//! | 3 + n | number of a connection, or -1 |

use std::cell::Cell;

const SERVING: usize = 2;
const HEADER_INTS: usize = 3;

/// The list in its memory.
pub(crate) struct DirtyList<'a>(pub(crate) &'a [Cell<i32>]);

impl DirtyList<'_> {
    /// Moves the numbers on the list to `numbers`, and begins another round.
    pub(crate) fn take(&self, numbers: &mut Vec<u32>) {
        let Some(([count, round, _], list)) = self.0.split_first_chunk::<HEADER_INTS>() else {
            return;
        };
        if count.get() <= 0 {
            return;
        }
        let dirty = list.iter().take(count.get() as usize);
        numbers.extend(dirty.filter_map(|number| u32::try_from(number.get()).ok()));
        count.set(0);
        round.set(round.get().wrapping_add(1));
    }

    /// Says whether the event loop is serving connections.
    pub(crate) fn set_serving(&self, is_serving: bool) {
        if let Some(cell) = self.0.get(SERVING) {
            cell.set(i32::from(is_serving));
        }
    }
}
