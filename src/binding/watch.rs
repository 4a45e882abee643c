//! One server connection that is read and written by its descriptor.

use std::os::fd::RawFd;

use napi::bindgen_prelude::Buffer;
use rustix::io;

use super::callback::AsyncContext;
use super::shared;
use super::table::{self, Entry};
use crate::proto::hybi::Landing;
use crate::transport::descriptor::{receive_some, send_some};
use crate::transport::readiness::Ready;

/// In the count of events: the one there is lies in the memory lent for it, not in the slab.
pub(super) const LANDED: i32 = 1 << 16;

/// What has to have arrived of a message, and be missing, for it to get memory of its own.
const LEAST_HELD: usize = 32 * 1024;
/// Shorter messages are collected in memory that is in the cache already, and copied once.
const LEAST_LANDED: usize = 192 * 1024;
/// Longer messages are collected by the core.
const MOST_LANDED: usize = 1 << 30;

/// One connection.
pub(super) struct Watch {
    pub(super) descriptor: RawFd,
    pub(super) channel: u32,
    pub(super) session: u32,
    pub(super) context: AsyncContext,
    /// Tells this connection from an earlier one of the same number.
    pub(super) generation: u32,
    pub(super) is_reading: bool,
    /// Bytes go to JavaScript unparsed: it has events of an earlier chunk to dispatch first.
    pub(super) is_raw: bool,
    /// Bytes read and bytes written.
    pub(super) received: f64,
    pub(super) written: f64,
    /// Bytes of memory that are wanted for the message being read, or 0.
    pub(super) wanted: u32,
    /// Memory lent for that message.
    landing: Option<Box<Buffer>>,
}

impl Watch {
    pub(super) fn new(
        descriptor: RawFd,
        channel: u32,
        session: u32,
        context: AsyncContext,
        generation: u32,
    ) -> Self {
        Self {
            descriptor,
            channel,
            session,
            context,
            generation,
            is_reading: false,
            is_raw: false,
            received: 0.0,
            written: 0.0,
            wanted: 0,
            landing: None,
        }
    }

    /// What the connection of this number is watched under.
    pub(super) fn key(&self, number: u32) -> u64 {
        u64::from(self.generation) << 32 | u64::from(number)
    }

    /// Whether the connection that is ready is this one, and is to be read.
    pub(super) fn is(&self, ready: Ready) -> bool {
        self.generation == (ready.key >> 32) as u32 && self.is_reading
    }

    /// Reads a chunk and parses it: bytes read, of which there are 0 at the end of the stream, and
    /// events.
    ///
    /// # Errors
    ///
    /// The system's; `Errno::AGAIN` where nothing is there.
    pub(super) fn receive(&mut self, slab: &mut [u8]) -> io::Result<(usize, i32)> {
        if !self.is_raw && self.landing.is_some() {
            let landed = table::with(self.session, |entry, _| self.land(entry)).flatten();
            if let Some(landed) = landed {
                return landed;
            }
        }
        let length = receive_some(self.descriptor, slab)?;
        if length == 0 || self.is_raw {
            return Ok((length, 0));
        }
        let count = table::with(self.session, |entry, _| {
            let Entry { channel, connection, output, .. } = entry;
            output.clear_events();
            let progress = connection.receive(&mut slab[..length], 0, output);
            shared::report(*channel, progress, output.wire.len(), &output.events);
            // A chunk that is full has more behind it.
            let is_full = length == slab.len();
            self.wanted = if is_full { wanted(connection.landing(), 0) } else { 0 };
            output.events.len()
        });
        Ok((length, count.unwrap_or_default() as i32))
    }

    /// Takes memory that was wanted; what has arrived of the message moves there.
    pub(super) fn take_memory(&mut self, mut memory: Box<Buffer>) {
        let before = self.landing.take();
        let taken = table::with(self.session, |entry, _| {
            let Entry { connection, output, .. } = entry;
            let Landing { held, .. } = connection.landing()?;
            if memory.len() <= held {
                // Not what was asked for.
                connection.give_back_landed(
                    before.as_deref().map(|before| &**before).unwrap_or_default(),
                );
                return None;
            }
            match before {
                Some(before) => memory.get_mut(..held)?.copy_from_slice(before.get(..held)?),
                None => connection.land(&mut memory, output),
            }
            Some(memory)
        });
        self.landing = taken.flatten();
    }

    /// Reads the rest of a message into the memory lent for it, if that is what comes next: bytes
    /// read and events.
    fn land(&mut self, entry: &mut Entry<'_>) -> Option<io::Result<(usize, i32)>> {
        let Entry { channel, connection, output, .. } = entry;
        // Abandoned when the message is: because our side has closed.
        let mut memory = self.landing.take()?;
        let Landing { held, missing } = connection.landing()?;
        let end = memory.len().min(held.saturating_add(missing));
        let Some(room) = memory.get_mut(held..end).filter(|room| !room.is_empty()) else {
            connection.give_back_landed(&memory);
            return None;
        };
        let length = match receive_some(self.descriptor, room) {
            Ok(length) if length > 0 => length,
            ended => {
                self.landing = Some(memory);
                return Some(ended.map(|length| (length, 0)));
            }
        };
        output.clear_events();
        let progress = connection.landed(&mut memory, length, output);
        shared::report(*channel, progress, output.wire.len(), &output.events);
        if !output.events.is_empty() {
            return Some(Ok((length, LANDED | 1)));
        }
        self.wanted = wanted(connection.landing(), memory.len());
        self.landing = Some(memory);
        Some(Ok((length, 0)))
    }

    /// Gives what has landed back to the session: the rest comes another way.
    pub(super) fn give_back_landed(&mut self) {
        self.wanted = 0;
        if let Some(memory) = self.landing.take() {
            table::with(self.session, |entry, _| entry.connection.give_back_landed(&memory));
        }
    }

    /// Writes the session's output; returns what is left in it.
    pub(super) fn write(&mut self, entry: &mut Entry<'_>) -> u32 {
        self.write_with(entry, &[])
    }

    /// Writes the session's output and `more` behind it; returns how many bytes are left of both. Of
    /// `more` nothing is kept.
    pub(super) fn write_with(&mut self, entry: &mut Entry<'_>, more: &[u8]) -> u32 {
        let wire = &mut entry.output.wire;
        if wire.is_empty() && more.is_empty() {
            return 0;
        }
        // Whatever goes wrong is told again to Node's socket, which then writes the rest.
        let taken = send_some(self.descriptor, wire, more).unwrap_or_default();
        self.written += taken as f64;
        let total = wire.len() + more.len();
        if taken >= wire.len() {
            table::clear_output(entry);
        } else {
            wire.drain(..taken);
        }
        (total - taken) as u32
    }
}

/// Bytes of memory to read the rest of a message to that has `given` bytes of it, or 0: four times
/// what has arrived, so that no header alone can claim any.
fn wanted(landing: Option<Landing>, given: usize) -> u32 {
    let Some(Landing { held, missing }) = landing else { return 0 };
    let total = held.saturating_add(missing);
    if held < given || held < LEAST_HELD || missing < LEAST_HELD {
        return 0;
    }
    if !(LEAST_LANDED..=MOST_LANDED).contains(&total) {
        return 0;
    }
    total.min(held.saturating_mul(4)) as u32
}
