//! One server connection that is read and written by its descriptor.

use std::os::fd::RawFd;

use napi::bindgen_prelude::Buffer;
use rustix::io;

use super::callback::AsyncContext;
use super::env::Environment;
use super::js_copy::Lease;
use super::shared;
use super::table::{self, Entry};
use crate::proto::growth;
use crate::proto::hybi::Landing;
use crate::transport::descriptor::{receive_some, send_some};
use crate::transport::readiness::Ready;

/// In the count of events: the one there is lies in the memory lent for it, not in the slab.
pub(super) const LANDED: i32 = 1 << 16;

/// One connection.
pub(super) struct Watch {
    pub(super) descriptor: RawFd,
    pub(super) copy: Lease,
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
    /// The last chunk took all the room there was for it: there may be more.
    pub(super) is_full: bool,
    /// Memory lent for that message.
    landing: Option<Box<Buffer>>,
}

impl Watch {
    pub(super) fn new(
        descriptor: RawFd,
        copy: Lease,
        session: u32,
        context: AsyncContext,
        generation: u32,
    ) -> Self {
        Self {
            descriptor,
            copy,
            session,
            context,
            generation,
            is_reading: false,
            is_raw: false,
            received: 0.0,
            written: 0.0,
            wanted: 0,
            is_full: false,
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
    pub(super) fn receive(&mut self, environment: &Environment) -> io::Result<(usize, i32)> {
        if !self.is_raw && self.landing.is_some() {
            let landed =
                table::with(environment, self.session, |entry, _| self.land(entry)).flatten();
            if let Some(landed) = landed {
                return landed;
            }
        }
        let slab = &mut *self.copy.slab();
        let length = receive_some(self.descriptor, slab)?;
        self.is_full = length == slab.len();
        if length == 0 || self.is_raw {
            return Ok((length, 0));
        }
        let count = table::with(environment, self.session, |entry, _| {
            let Entry { copy, connection, output, .. } = entry;
            output.clear_events();
            table::tell_time(connection);
            let progress = connection.receive(&mut slab[..length], 0, output);
            shared::report(copy, progress, connection, output);
            output.events.len()
        });
        Ok((length, count.unwrap_or_default() as i32))
    }

    /// Takes memory for the message that is landing: the first of it, which holds what has arrived,
    /// or more, as was wanted.
    pub(super) fn take_memory(&mut self, environment: &Environment, mut memory: Box<Buffer>) {
        let before = self.landing.take();
        let taken = table::with(environment, self.session, |entry, _| {
            let Landing { held, .. } = entry.connection.landing()?;
            if let Some(before) = before {
                let (Some(place), Some(bytes)) = (memory.get_mut(..held), before.get(..held))
                else {
                    // Not what was asked for.
                    entry.connection.give_back_landed(&before);
                    return None;
                };
                place.copy_from_slice(bytes);
            }
            Some(memory)
        });
        self.landing = taken.flatten();
    }

    /// Reads the rest of a message into the memory lent for it, if that is what comes next: bytes
    /// read and events.
    fn land(&mut self, entry: &mut Entry<'_>) -> Option<io::Result<(usize, i32)>> {
        let Entry { copy, connection, output, .. } = entry;
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
                self.is_full = false;
                self.landing = Some(memory);
                return Some(ended.map(|length| (length, 0)));
            }
        };
        self.is_full = length == room.len();
        output.clear_events();
        let progress = connection.landed(&mut memory, length, output);
        shared::report(copy, progress, connection, output);
        if !output.events.is_empty() {
            return Some(Ok((length, LANDED | 1)));
        }
        self.wanted = wanted(connection.landing(), memory.len());
        self.landing = Some(memory);
        Some(Ok((length, 0)))
    }

    /// Gives what has landed back to the session: the rest comes another way.
    pub(super) fn give_back_landed(&mut self, environment: &Environment) {
        self.wanted = 0;
        if let Some(memory) = self.landing.take() {
            table::with(environment, self.session, |entry, _| {
                entry.connection.give_back_landed(&memory)
            });
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

/// Bytes of memory to go on with once `given` bytes of it are full, or 0.
fn wanted(landing: Option<Landing>, given: usize) -> u32 {
    let Some(Landing { held, missing }) = landing else { return 0 };
    if held < given {
        return 0;
    }
    // A message that lands is shorter than 2 GiB.
    growth::capacity(held, missing as u64) as u32
}
