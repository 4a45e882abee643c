//! Server connections read and written without Node's streams, in Node's thread and on its loop.
//!
//! Node keeps the socket and its life cycle; it has stopped reading and lends the descriptor. A
//! chunk is read into memory that JavaScript owns, parsed in place and reported as `receive`
//! does; then JavaScript is called once, with the number of the connection. What its listeners send
//! is written when some connections have been served, one behind the other: a peer that is woken by
//! each write on its own costs us more than the writing. Whatever is not plain reading and writing
//! is handed back to Node's socket, which sees the same end or error.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::mem::{self, ManuallyDrop};
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Function, Int32Array, Result};
use napi_derive::napi;
use rustix::io::{self, Errno};

use super::callback::{Arguments, AsyncContext, Callback};
use super::event_loop::LoopWatch;
use super::marks::Marks;
use super::table::Entry;
use super::{shared, table};
use crate::proto::hybi::Landing;
use crate::transport::OsEntropy;
use crate::transport::descriptor::{receive_some, send_some};
use crate::transport::readiness::{Readiness, Ready};

/// Instead of a byte count: the socket has failed, and Node should find out how.
const FAILED: i32 = i32::MIN;
/// Instead of a byte count: what the system did not take of the output is to go through Node.
const UNWRITTEN: i32 = i32::MIN + 1;
/// Instead of a byte count: memory is wanted for a message.
const WANTED: i32 = i32::MIN + 2;
/// In the count of events: the one there is lies in the memory lent for it, not in the slab.
const LANDED: i32 = 1 << 16;

/// What has to have arrived of a message, and be missing, for it to get memory of its own.
const LEAST_HELD: usize = 32 * 1024;
/// Longer messages are collected by the core.
const MOST_LANDED: usize = 1 << 30;

/// How long output waits for the listeners of other connections, give or take one of them.
const PATIENCE: Duration = Duration::from_micros(200);

/// One copy of the JavaScript layer, as in [`shared`].
struct Channel {
    // Not dropped with the thread: the environment is gone by then.
    slab: ManuallyDrop<Buffer>,
    marks: Marks,
    dispatch: Rc<Callback>,
}

/// One connection.
struct Watch {
    descriptor: RawFd,
    channel: usize,
    session: u32,
    context: AsyncContext,
    /// Tells this connection from an earlier one of the same number.
    generation: u32,
    is_reading: bool,
    /// Bytes go to JavaScript unparsed: it has events of an earlier chunk to dispatch first.
    is_raw: bool,
    /// Bytes written.
    written: f64,
    /// Bytes of memory that are wanted for the message being read, or 0.
    wanted: usize,
    /// Memory lent for that message.
    landing: Option<Buffer>,
}

/// The connections of one environment.
struct Kernel {
    readiness: Readiness,
    event_loop: LoopWatch,
    channels: Vec<Channel>,
    watches: Vec<Option<Watch>>,
    free: Vec<u32>,
    generation: u32,
    reading: usize,
    ready: Vec<Ready>,
    /// Memory for the numbers of one round.
    marked: Vec<u32>,
}

thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

fn with<R>(act: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    // A finalizer may run when the thread's state is already gone.
    KERNEL.try_with(|kernel| kernel.borrow_mut().as_mut().map(act)).ok().flatten()
}

impl Watch {
    /// Whether the connection that is ready is this one, and is to be read.
    fn is(&self, ready: Ready) -> bool {
        self.generation == (ready.key >> 32) as u32 && self.is_reading
    }

    /// Reads the rest of a message into the memory lent for it, if that is what comes next: bytes
    /// read and events.
    fn land(&mut self, entry: &mut Entry) -> Option<io::Result<(usize, i32)>> {
        let Entry { channel, connection, output } = entry;
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
    fn give_back_landed(&mut self) {
        self.wanted = 0;
        if let Some(memory) = self.landing.take() {
            table::with(self.session, |entry, _| entry.connection.give_back_landed(&memory));
        }
    }

    /// Writes the session's output and `more` behind it; returns what is left in the output.
    fn write(&mut self, entry: &mut Entry, more: &[u8]) -> u32 {
        let wire = &mut entry.output.wire;
        if wire.is_empty() && more.is_empty() {
            return 0;
        }
        // Whatever goes wrong is told again to Node's socket, which then writes the rest.
        let taken = send_some(self.descriptor, wire, more).unwrap_or_default();
        self.written += taken as f64;
        let (queued, total) = (wire.len(), wire.len() + more.len());
        if taken == total {
            table::clear_output(entry);
            return 0;
        }
        wire.drain(..taken.min(queued));
        wire.extend_from_slice(more.get(taken.saturating_sub(queued)..).unwrap_or_default());
        (total - taken) as u32
    }
}

/// Bytes of memory to read the rest of a message to that has `given` bytes of it, or 0: four times
/// what has arrived, so that no header alone can claim any.
fn wanted(landing: Option<Landing>, given: usize) -> usize {
    let Some(Landing { held, missing }) = landing else { return 0 };
    let total = held.saturating_add(missing);
    if held < given || held < LEAST_HELD || missing < LEAST_HELD || total > MOST_LANDED {
        return 0;
    }
    total.min(held.saturating_mul(4))
}

/// What to tell JavaScript about a read that failed.
fn failure(number: u32, error: Errno) -> Option<Arguments> {
    match error {
        Errno::AGAIN => None,
        // A pipe, say: Node knows how to read it.
        Errno::NOTSOCK => Some((number as i32, FAILED, 0)),
        error => Some((number as i32, -error.raw_os_error(), 0)),
    }
}

impl Kernel {
    fn open(env: Env) -> Option<Self> {
        let readiness = Readiness::new().ok()?;
        let event_loop = LoopWatch::open(env, readiness.descriptor(), || Box::new(KERNEL.take()))?;
        Some(Self {
            readiness,
            event_loop,
            channels: Vec::new(),
            watches: Vec::new(),
            free: Vec::new(),
            generation: 0,
            reading: 0,
            ready: Vec::new(),
            marked: Vec::new(),
        })
    }

    fn watch(&mut self, number: u32) -> Option<&mut Watch> {
        self.watches.get_mut(number as usize)?.as_mut()
    }

    fn insert(&mut self, watch: Watch) -> u32 {
        let number = self.free.pop().unwrap_or(self.watches.len() as u32);
        if number as usize == self.watches.len() {
            self.watches.push(None);
        }
        self.watches[number as usize] = Some(watch);
        number
    }

    fn set_reading(&mut self, number: u32, on: bool) -> bool {
        let Some(Some(watch)) = self.watches.get_mut(number as usize) else { return false };
        if watch.is_reading == on {
            return true;
        }
        if on {
            let key = u64::from(watch.generation) << 32 | u64::from(number);
            if self.readiness.add(watch.descriptor, key).is_err() {
                return false;
            }
        } else {
            self.readiness.remove(watch.descriptor);
        }
        watch.is_reading = on;
        if on {
            self.reading += 1;
            self.reading > 1 || self.event_loop.start(on_ready)
        } else {
            self.reading -= 1;
            if self.reading == 0 {
                self.event_loop.stop();
            }
            true
        }
    }

    fn remove(&mut self, number: u32) -> Option<Watch> {
        self.set_reading(number, false);
        let mut watch = self.watches.get_mut(number as usize)?.take()?;
        watch.give_back_landed();
        self.free.push(number);
        Some(watch)
    }

    /// Reads and parses one chunk of a connection; what to tell JavaScript, unless there is nothing.
    fn receive(&mut self, ready: Ready) -> Option<Arguments> {
        let number = ready.key as u32;
        let watch = self.watches.get_mut(number as usize)?.as_mut().filter(|it| it.is(ready))?;
        if ready.failed {
            return Some((number as i32, FAILED, 0));
        }
        if !watch.is_raw && watch.landing.is_some() {
            match table::with(watch.session, |entry, _| watch.land(entry)).flatten() {
                Some(Ok((length, count))) => return Some((number as i32, length as i32, count)),
                Some(Err(error)) => return failure(number, error),
                None => {}
            }
        }
        let slab = &mut self.channels.get_mut(watch.channel)?.slab;
        let length = match receive_some(watch.descriptor, slab) {
            Ok(length) => length,
            Err(error) => return failure(number, error),
        };
        if length == 0 || watch.is_raw {
            return Some((number as i32, length as i32, 0));
        }
        let count = table::with(watch.session, |entry, _| {
            let Entry { channel, connection, output } = entry;
            output.clear_events();
            let progress = connection.receive(&mut slab[..length], 0, output);
            shared::report(*channel, progress, output.wire.len(), &output.events);
            // A chunk that is full has more behind it.
            watch.wanted = if length == slab.len() { wanted(connection.landing(), 0) } else { 0 };
            output.events.len()
        })?;
        Some((number as i32, length as i32, count as i32))
    }

    /// Memory to ask JavaScript for before a connection is read, or 0.
    fn wanted(&mut self, ready: Ready) -> usize {
        let watch = self.watch(ready.key as u32).filter(|watch| watch.is(ready) && !watch.is_raw);
        watch.map_or(0, |watch| mem::take(&mut watch.wanted))
    }

    fn set_serving(&mut self, serving: bool) {
        for channel in &mut self.channels {
            channel.marks.set_serving(serving);
        }
    }

    /// Runs `act` on a connection and its session; 0 where there is none.
    fn write(
        &mut self,
        number: u32,
        act: impl FnOnce(&mut Watch, &mut Entry, &mut OsEntropy) -> u32,
    ) -> u32 {
        let Some(watch) = self.watch(number) else { return 0 };
        let rest = table::with(watch.session, |entry, entropy| act(watch, entry, entropy));
        rest.unwrap_or_default()
    }

    /// Writes what every marked connection holds; returns those of which the system did not take
    /// all, with the number of bytes left.
    fn write_marked(&mut self) -> Vec<(u32, u32)> {
        let mut marked = mem::take(&mut self.marked);
        for channel in &mut self.channels {
            channel.marks.take(&mut marked);
        }
        let mut unwritten = Vec::new();
        for number in marked.drain(..) {
            let rest = self.write(number, |watch, entry, _| watch.write(entry, &[]));
            if rest > 0 {
                unwritten.push((number, rest));
            }
        }
        self.marked = marked;
        unwritten
    }
}

/// The loop's callback: every connection that can be read, one chunk each.
extern "C" fn on_ready(_: *mut c_void, _: c_int, _: c_int) {
    let Some(mut ready) = with(|kernel| {
        let mut ready = mem::take(&mut kernel.ready);
        kernel.readiness.wait(&mut ready);
        kernel.set_serving(true);
        ready
    }) else {
        return;
    };
    // Nothing may unwind into libuv. A panic of the parser costs its connection, as it does when
    // Node's stream has called it.
    let guarded = |act: &mut dyn FnMut()| _ = catch_unwind(AssertUnwindSafe(act));
    let mut since = Instant::now();
    for one in ready.drain(..) {
        guarded(&mut || serve(one));
        if since.elapsed() > PATIENCE {
            guarded(&mut write_marked);
            since = Instant::now();
        }
    }
    with(|kernel| {
        kernel.ready = ready;
        kernel.set_serving(false);
    });
    guarded(&mut write_marked);
}

fn serve(ready: Ready) {
    let number = ready.key as u32;
    let wanted = with(|kernel| kernel.wanted(ready)).unwrap_or_default();
    if wanted > 0 {
        tell(number, (number as i32, WANTED, wanted as i32));
    }
    let arguments = with(|kernel| {
        catch_unwind(AssertUnwindSafe(|| kernel.receive(ready))).unwrap_or(Some((
            number as i32,
            FAILED,
            0,
        )))
    });
    if let Some(Some(arguments)) = arguments {
        tell(number, arguments);
    }
}

fn write_marked() {
    for (number, rest) in with(Kernel::write_marked).unwrap_or_default() {
        tell(number, (number as i32, UNWRITTEN, rest as i32));
    }
}

/// Calls JavaScript in the async context of a connection.
fn tell(number: u32, arguments: Arguments) {
    let told = with(|kernel| {
        let watch = kernel.watch(number)?;
        let (context, channel) = (watch.context.raw(), watch.channel);
        let dispatch = &kernel.channels.get(channel)?.dispatch;
        Some((Rc::clone(dispatch), context))
    });
    // JavaScript may do anything to the connections, this one included: nothing is borrowed.
    if let Some(Some((dispatch, context))) = told {
        dispatch.call(context, arguments);
    }
}

/// Takes the memory that chunks are read into, that of [`marks`](super::marks), and
/// `dispatch(number, length, count)`, which is called for each chunk: `length` bytes are in the slab
/// and `count` events in the spans. `length` 0 is the end of the stream, below it an error number,
/// negated. The least integer says that the socket has failed; the next that `count` bytes of marked
/// output were not taken by the system; the next that `kernelLand` should be given `count` bytes of
/// memory. Bit 16 of `count`: the event is in that memory. Returns the number to `kernel_watch` with, or -1
/// where there is no kernel path.
#[napi(catch_unwind)]
pub fn kernel_attach(
    env: Env,
    slab: Buffer,
    marks: Int32Array,
    dispatch: Function<'_, Arguments, ()>,
) -> i32 {
    let Ok(dispatch) = Callback::new(env, &dispatch) else { return -1 };
    KERNEL.with_borrow_mut(|kernel| {
        if kernel.is_none() {
            *kernel = Kernel::open(env);
        }
        let Some(kernel) = kernel else { return -1 };
        kernel.channels.push(Channel {
            slab: ManuallyDrop::new(slab),
            marks: Marks::new(marks),
            dispatch: Rc::new(dispatch),
        });
        kernel.channels.len() as i32 - 1
    })
}

/// Reads `descriptor` for a session from now on. Returns the connection's number, or -1 when the
/// system refuses.
#[napi(catch_unwind)]
pub fn kernel_watch(env: Env, channel: u32, descriptor: i32, session: u32) -> i32 {
    if descriptor < 0 {
        return -1;
    }
    let Ok(context) = AsyncContext::current(&env, "FAYE_WEBSOCKET") else { return -1 };
    with(|kernel| {
        kernel.generation = kernel.generation.wrapping_add(1);
        let number = kernel.insert(Watch {
            descriptor,
            channel: channel as usize,
            session,
            context,
            generation: kernel.generation,
            is_reading: false,
            is_raw: false,
            written: 0.0,
            wanted: 0,
            landing: None,
        });
        if kernel.set_reading(number, true) {
            return number as i32;
        }
        drop(kernel.remove(number));
        -1
    })
    .unwrap_or(-1)
}

/// Reads no more, or goes on reading; false when the system refuses.
#[napi(catch_unwind)]
pub fn kernel_read(number: u32, on: bool) -> bool {
    with(|kernel| kernel.set_reading(number, on)).unwrap_or_default()
}

/// Hands chunks over unparsed, or parses them again.
#[napi(catch_unwind)]
pub fn kernel_raw(number: u32, on: bool) {
    with(|kernel| {
        let watch = kernel.watch(number)?;
        watch.give_back_landed();
        watch.is_raw = on;
        Some(())
    });
}

/// Lends memory for the message that is being read, as asked for; what has arrived of it moves
/// there. The memory is JavaScript's again when its event is reported, or the connection released.
#[napi(catch_unwind)]
pub fn kernel_land(number: u32, mut memory: Buffer) {
    with(|kernel| {
        let watch = kernel.watch(number)?;
        let before = watch.landing.take();
        table::with(watch.session, |entry, _| {
            let Landing { held, .. } = entry.connection.landing()?;
            if memory.len() <= held {
                // Not what was asked for.
                entry.connection.give_back_landed(before.as_deref().unwrap_or_default());
                return Some(());
            }
            match before {
                Some(before) => memory.get_mut(..held)?.copy_from_slice(before.get(..held)?),
                None => entry.connection.land(&mut memory, &mut entry.output),
            }
            watch.landing = Some(memory);
            Some(())
        })
    });
}

/// Forgets a connection. Its descriptor is not touched any more and may be closed.
#[napi(catch_unwind)]
pub fn kernel_release(number: u32) {
    // Destroying the async context may call into JavaScript's hooks: nothing is borrowed then.
    let watch = with(|kernel| kernel.remove(number));
    drop(watch);
}

/// Bytes written past Node's stream.
#[napi(catch_unwind)]
pub fn kernel_written(number: u32) -> f64 {
    with(|kernel| kernel.watch(number).map(|watch| watch.written)).flatten().unwrap_or_default()
}

/// Writes what the session holds for the peer and then a message, without copying it first;
/// returns how many bytes the system did not take. They stay in the session.
#[napi(catch_unwind)]
pub fn kernel_send(number: u32, opcode_bits: u32, payload: BufferSlice) -> Result<u32> {
    let opcode = table::opcode(opcode_bits)?;
    let rest = with(|kernel| {
        kernel.write(number, |watch, entry, entropy| {
            match entry.connection.plain_header(opcode, payload.len()) {
                Some(header) => {
                    entry.output.wire.extend_from_slice(header.as_bytes());
                    watch.write(entry, &payload)
                }
                None => {
                    let Entry { connection, output, .. } = entry;
                    connection.send(opcode, 0, &payload, entropy, output);
                    watch.write(entry, &[])
                }
            }
        })
    });
    Ok(rest.unwrap_or_default())
}

/// Writes what the session holds for the peer; returns how many bytes the system did not take. They
/// stay in the session.
#[napi(catch_unwind)]
pub fn kernel_write(number: u32) -> u32 {
    with(|kernel| kernel.write(number, |watch, entry, _| watch.write(entry, &[])))
        .unwrap_or_default()
}

/// Writes what the marked connections hold. What the system did not take stays in the sessions:
/// numbers and bytes left, in turn.
#[napi(catch_unwind)]
pub fn kernel_write_marked() -> Option<Vec<u32>> {
    let unwritten = with(Kernel::write_marked)?;
    (!unwritten.is_empty())
        .then(|| unwritten.into_iter().flat_map(|(number, rest)| [number, rest]).collect())
}
