//! The send queue: short messages that wait to be framed, in memory that the host shares. The next
//! call of the core, for any purpose, frames all of them, so that a turn with many messages needs
//! no call for each.
//!
//! Layout of the queue, in 32-bit integers:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | the number of messages |
//! | 1 + 3n | number of the session |
//! | 2 + 3n | opcode in the low four bits, reserved bits above |
//! | 3 + 3n | bytes of the payload; payloads are one after the other in memory of their own |

use super::SharedMemory;
use crate::proto::hybi::frame::Opcode;

/// Integers of a message.
pub const ENTRY_INTS: usize = 3;

/// Empties the queue, oldest message first: calls `send` with session, opcode and reserved bits,
/// and payload.
pub(super) fn take(memory: &impl SharedMemory, mut send: impl FnMut(u32, (Opcode, u8), &[u8])) {
    let Some((count, list)) = memory.send_queue().split_first() else { return };
    if count.get() <= 0 {
        return;
    }
    let mut payloads = memory.payloads();
    let (list, _) = list.as_chunks::<ENTRY_INTS>();
    for [session, opcode, length] in list.iter().take(count.get() as usize) {
        let Some((payload, rest)) = payloads.split_at_checked(length.get() as usize) else { break };
        if let Some(opcode) = Opcode::with_reserved(opcode.get() as u32) {
            send(session.get() as u32, opcode, payload);
        }
        payloads = rest;
    }
    count.set(0);
}
