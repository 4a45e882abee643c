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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Function, Int32Array, Object, Result};
use napi_derive::napi;
use rustix::io::Errno;

use super::callback::{Arguments, AsyncContext, Callback, Visit};
use super::event_loop::{LoopWatch, REENTERED};
use super::marks::Marks;
use super::table;
use super::table::Entry;
use super::watch::Watch;
use crate::transport::OsEntropy;
use crate::transport::readiness::{Readiness, Ready};

/// Instead of a byte count: the socket has failed, and Node should find out how.
const FAILED: i32 = i32::MIN;
/// Instead of a byte count: what the system did not take of the output is to go through Node.
const UNWRITTEN: i32 = i32::MIN + 1;
/// Instead of a byte count: memory is wanted for a message.
const WANTED: i32 = i32::MIN + 2;
/// How long output waits for the listeners of other connections, give or take some of them.
const PATIENCE: Duration = Duration::from_micros(200);
/// Chunks of one connection that are read in a turn of the loop.
const ROUNDS: usize = 4;
/// Connections that are served before somebody looks at the clock.
const LOOK_EVERY: u32 = 4;

/// One copy of the JavaScript layer, as in [`shared`].
struct Channel {
    // Not dropped with the thread: the environment is gone by then.
    slab: ManuallyDrop<Buffer>,
    marks: Marks,
    dispatch: Rc<Callback>,
}

/// The connections of one environment.
struct Kernel {
    readiness: Readiness,
    event_loop: LoopWatch,
    channels: Vec<Channel>,
    watches: Vec<Option<Watch>>,
    free: Vec<u32>,
    generation: u32,
    /// Connections that are being read, and the only one.
    reading: usize,
    sole: Option<u64>,
    /// Connections that are ready, of which the first `served` have been served.
    ready: Vec<Ready>,
    served: usize,
    /// Connections that were served and may have more.
    unfinished: Vec<Ready>,
    /// Callbacks of the event loop that are running: more than one where a listener runs the loop.
    depth: u32,
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
            sole: None,
            ready: Vec::new(),
            served: 0,
            unfinished: Vec::new(),
            depth: 0,
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
            if self.readiness.add_once(watch.descriptor, watch.key(number)).is_err() {
                return false;
            }
        } else {
            self.readiness.remove(watch.descriptor);
        }
        watch.is_reading = on;
        let before = self.reading;
        self.reading = if on { before + 1 } else { before - 1 };
        self.sole = None;
        if self.reading == 1 {
            let watches = (0..).zip(&self.watches).filter_map(|(n, it)| Some((n, it.as_ref()?)));
            let mut reading = watches.filter(|(_, watch)| watch.is_reading);
            self.sole = reading.next().map(|(number, watch)| watch.key(number));
        }
        match (before, self.reading) {
            (0, 1) => self.event_loop.start(on_ready),
            (1, 0) => {
                self.event_loop.stop();
                true
            }
            _ => true,
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
        let slab = &mut self.channels.get_mut(watch.channel as usize)?.slab;
        match watch.receive(slab) {
            Ok((length, count)) => {
                watch.received += length as f64;
                if length > 0 && (watch.is_full || ready.more) {
                    self.unfinished.push(ready);
                }
                Some((number as i32, length as i32, count))
            }
            Err(Errno::AGAIN) => None,
            // A pipe, say: Node knows how to read it.
            Err(Errno::NOTSOCK) => Some((number as i32, FAILED, 0)),
            Err(error) => Some((number as i32, -error.raw_os_error(), 0)),
        }
    }

    /// The next connection to be served.
    fn next_ready(&mut self) -> Option<Ready> {
        let next = self.ready.get(self.served).copied();
        self.served += usize::from(next.is_some());
        next
    }

    /// Moves the connections that may have more to `ready`, all of which were served; in the last round
    /// of a turn they are left for the next. Returns whether there is one to serve.
    fn take_unfinished(&mut self, is_last: bool) -> bool {
        self.ready.clear();
        self.served = 0;
        mem::swap(&mut self.ready, &mut self.unfinished);
        if is_last {
            self.leave_ready();
        }
        !self.ready.is_empty()
    }

    /// Has the connections that were not served yet reported once more, by the next turn of the loop.
    fn leave_ready(&mut self) {
        let mut left = mem::take(&mut self.ready);
        let unserved = left.drain(..).skip(self.served);
        for Ready { key, .. } in unserved.chain(self.unfinished.drain(..)) {
            let watch = self.watches.get(key as u32 as usize).and_then(Option::as_ref);
            if let Some(watch) = watch.filter(|watch| watch.is(Ready::of(key))) {
                self.readiness.ask_again(watch.descriptor, key);
            }
        }
        self.ready = left;
        self.served = 0;
    }

    /// Memory to ask JavaScript for before a connection is read, or 0.
    fn wanted(&mut self, ready: Ready) -> u32 {
        let watch = self.watch(ready.key as u32).filter(|watch| watch.is(ready) && !watch.is_raw);
        watch.map_or(0, |watch| mem::take(&mut watch.wanted))
    }

    /// A callback of the event loop begins.
    fn enter(&mut self) {
        self.depth += 1;
        if self.depth == 1 {
            self.event_loop.enter(on_reentry);
            self.set_serving(true);
        }
    }

    /// It ends; output that is marked from now on is written by whoever marks it.
    fn leave(&mut self) {
        self.depth -= 1;
        if self.depth == 0 {
            self.set_serving(false);
            self.event_loop.leave();
        }
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
        act: impl FnOnce(&mut Watch, &mut Entry<'_>, &mut OsEntropy) -> u32,
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
            let rest = self.write(number, |watch, entry, _| watch.write(entry));
            if rest > 0 {
                unwritten.push((number, rest));
            }
        }
        self.marked = marked;
        unwritten
    }
}

/// The loop's callback: every connection that can be read, one chunk each, and some more of those that
/// have more.
extern "C" fn on_ready(_: *mut c_void, _: c_int, _: c_int) {
    let Some(Some(visit)) = with(|kernel| {
        let visit = kernel.channels.first()?.dispatch.visit()?;
        match kernel.sole {
            // Nobody else can have made the set ready: a system call less to ask. If the socket has
            // failed, reading says so.
            Some(key) => kernel.ready.push(Ready::of(key)),
            None => kernel.readiness.wait(&mut kernel.ready),
        }
        kernel.enter();
        Some(visit)
    }) else {
        return;
    };
    // Nothing may unwind into libuv. A panic of the parser costs its connection, as it does when
    // Node's stream has called it.
    let guarded = |act: &mut dyn FnMut()| _ = catch_unwind(AssertUnwindSafe(act));
    let mut since = Instant::now();
    let mut served = 0;
    for round in 1..=ROUNDS {
        while let Some(Some(one)) = with(Kernel::next_ready) {
            guarded(&mut || serve(&visit, one));
            served += 1;
            if served % LOOK_EVERY == 0 && since.elapsed() > PATIENCE {
                guarded(&mut || write_marked(&visit));
                since = Instant::now();
            }
        }
        if with(|kernel| kernel.take_unfinished(round == ROUNDS)) != Some(true) {
            break;
        }
    }
    with(Kernel::leave);
    guarded(&mut || write_marked(&visit));
}

/// Called when a listener runs the loop that has called it, before that waits: connections that are
/// ready are its to find, and JavaScript moves what it still needs of the slab.
extern "C" fn on_reentry(_: *mut c_void) {
    let dispatches = with(|kernel| {
        kernel.leave_ready();
        kernel.channels.iter().map(|channel| Rc::clone(&channel.dispatch)).collect::<Vec<_>>()
    });
    for dispatch in dispatches.unwrap_or_default() {
        let Some(visit) = dispatch.visit() else { return };
        dispatch.call(&visit, ptr::null_mut(), (0, REENTERED, 0));
    }
}

fn serve(visit: &Visit, ready: Ready) {
    let number = ready.key as u32;
    let wanted = with(|kernel| kernel.wanted(ready)).unwrap_or_default();
    if wanted > 0 {
        tell(visit, number, (number as i32, WANTED, wanted as i32));
    }
    let arguments = with(|kernel| {
        catch_unwind(AssertUnwindSafe(|| kernel.receive(ready))).unwrap_or(Some((
            number as i32,
            FAILED,
            0,
        )))
    });
    if let Some(Some(arguments)) = arguments {
        tell(visit, number, arguments);
    }
}

fn write_marked(visit: &Visit) {
    for (number, rest) in with(Kernel::write_marked).unwrap_or_default() {
        tell(visit, number, (number as i32, UNWRITTEN, rest as i32));
    }
}

/// Calls JavaScript in the async context of a connection.
fn tell(visit: &Visit, number: u32, arguments: Arguments) {
    let told = with(|kernel| {
        let watch = kernel.watch(number)?;
        let (context, channel) = (watch.context.raw(), watch.channel);
        let dispatch = &kernel.channels.get(channel as usize)?.dispatch;
        Some((Rc::clone(dispatch), context))
    });
    // JavaScript may do anything to the connections, this one included: nothing is borrowed.
    if let Some(Some((dispatch, context))) = told {
        dispatch.call(visit, context, arguments);
    }
}

/// Takes the memory that chunks are read into, that of `marks`, and
/// `dispatch(number, length, count)`, which is called for each chunk: `length` bytes are in the slab
/// and `count` events in the spans. `length` 0 is the end of the stream, below it an error number,
/// negated. The least integer says that the socket has failed; the next that `count` bytes of marked
/// output were not taken by the system; the next that `kernelLand` should be given `count` bytes of
/// memory; the next that a listener is running the event loop: the slab is about to be overwritten, and
/// output that waits for the listener must leave. Bit 16 of `count`: the event is in that memory. Returns the number to `kernel_watch` with, or -1
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

/// Reads `descriptor` for a session from now on. `resource` is the resource of its async context, and
/// must be kept until it is released. Returns the connection's number, or -1 when the system refuses.
#[napi(catch_unwind)]
pub fn kernel_watch(
    env: Env,
    channel: u32,
    descriptor: i32,
    session: u32,
    resource: Object<'_>,
) -> i32 {
    if descriptor < 0 {
        return -1;
    }
    let Ok(context) = AsyncContext::current(&env, &resource, "FAYE_WEBSOCKET") else { return -1 };
    with(|kernel| {
        kernel.generation = kernel.generation.wrapping_add(1);
        let generation = kernel.generation;
        let watch = Watch::new(descriptor, channel, session, context, generation);
        let number = kernel.insert(watch);
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
pub fn kernel_land(number: u32, memory: Buffer) {
    with(|kernel| {
        let watch = kernel.watch(number)?;
        watch.take_memory(Box::new(memory));
        Some(())
    });
}

/// Forgets a connection. Its descriptor is not touched any more and may be closed.
#[napi(catch_unwind)]
pub fn kernel_release(number: u32) {
    // Destroying the async context may call into JavaScript's hooks: nothing is borrowed then.
    let watch = with(|kernel| kernel.remove(number));
    drop(watch);
}

/// Bytes read past Node's stream.
#[napi(catch_unwind)]
pub fn kernel_received(number: u32) -> f64 {
    with(|kernel| kernel.watch(number).map(|watch| watch.received)).flatten().unwrap_or_default()
}

/// Bytes written past Node's stream.
#[napi(catch_unwind)]
pub fn kernel_written(number: u32) -> f64 {
    with(|kernel| kernel.watch(number).map(|watch| watch.written)).flatten().unwrap_or_default()
}

/// Writes what the session holds for the peer and then a message, without copying it first;
/// returns how many bytes the system did not take. What is left of the session's output stays there;
/// what is left of the payload is the caller's to send.
#[napi(catch_unwind)]
pub fn kernel_send(number: u32, opcode_bits: u32, payload: BufferSlice) -> Result<u32> {
    let opcode = table::opcode(opcode_bits)?;
    let rest = with(|kernel| {
        kernel.write(number, |watch, entry, entropy| {
            match entry.connection.plain_header(opcode, payload.len()) {
                Some(header) => {
                    entry.output.wire.extend_from_slice(header.as_bytes());
                    watch.write_with(entry, &payload)
                }
                None => {
                    let Entry { connection, output, .. } = entry;
                    connection.send(opcode, 0, &payload, entropy, output);
                    watch.write(entry)
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
    with(|kernel| kernel.write(number, |watch, entry, _| watch.write(entry))).unwrap_or_default()
}

/// Writes what the marked connections hold. What the system did not take stays in the sessions:
/// numbers and bytes left, in turn.
#[napi(catch_unwind)]
pub fn kernel_write_marked() -> Option<Vec<u32>> {
    let unwritten = with(Kernel::write_marked)?;
    (!unwritten.is_empty())
        .then(|| unwritten.into_iter().flat_map(|(number, rest)| [number, rest]).collect())
}
