//! Memory that JavaScript lends, in which it marks the connections whose output is ready:
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

use super::js_copy::{Copies, JsCopy};

const SERVING: usize = 2;
const HEADER_INTS: usize = 3;

/// Appends the numbers that are marked in any copy to `numbers`, and begins another round.
pub(super) fn take(copies: &Copies, numbers: &mut Vec<u32>) {
    copies.iter().for_each(|copy| take_of(copy, numbers));
}

fn take_of(copy: &JsCopy, numbers: &mut Vec<u32>) {
    let Some(([count, round, _], list)) = copy.marks().split_first_chunk::<HEADER_INTS>() else {
        return;
    };
    if count.get() <= 0 {
        return;
    }
    let marked = list.iter().take(count.get() as usize);
    numbers.extend(marked.filter_map(|number| u32::try_from(number.get()).ok()));
    count.set(0);
    round.set(round.get().wrapping_add(1));
}

/// Tells the copies whether the event loop is serving connections.
pub(super) fn set_serving(copies: &Copies, serving: bool) {
    copies.iter().for_each(|copy| set_serving_of(copy, serving));
}

/// As [`set_serving`], for one copy.
pub(super) fn set_serving_of(copy: &JsCopy, serving: bool) {
    if let Some(slot) = copy.marks().get(SERVING) {
        slot.set(i32::from(serving));
    }
}
