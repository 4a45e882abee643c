//! The dirty list: the numbers of connections with output, in memory that JavaScript shares with
//! the event loop. Their output is written for one connection after the other, without a call of
//! JavaScript for each.
//!
//! Layout, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | the number of entries |
//! | 1 | the round: how often the list was written; wraps |
//! | 2 | 1 while the event loop serves connections, after which it writes the list |
//! | 3 + n | number of a connection, or -1 for one that was taken off |

use std::cell::Cell;

const SERVING: usize = 2;
const HEADER_INTS: usize = 3;

/// The list, in the memory of JavaScript.
pub(crate) struct DirtyList<'a>(pub(crate) &'a [Cell<i32>]);

impl DirtyList<'_> {
    /// Moves the numbers on the list to `numbers`, and begins the next round.
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

    /// Notes whether the event loop is serving connections.
    pub(crate) fn set_serving(&self, is_serving: bool) {
        if let Some(cell) = self.0.get(SERVING) {
            cell.set(i32::from(is_serving));
        }
    }
}
