//! Server connections read and written without Node's streams, in Node's thread and on its loop.
//!
//! Node keeps the socket and its life cycle; it has stopped reading and lends the descriptor. A
//! chunk is read into memory that JavaScript owns, parsed in place and reported as `receive`
//! does; then JavaScript is called once, with the number of the connection. What its listeners send
//! is written when some connections have been served, one behind the other: a peer that is woken by
//! each write on its own costs us more than the writing. Whatever is not plain reading and writing
//! is handed back to Node's socket, which sees the same end or error.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Function, Object, Result};
use napi_derive::napi;
use rustix::io::Errno;

use super::callback::{Arguments, AsyncContext, Visit};
use super::env::Environment;
use super::event_loop::{LoopWatch, REENTERED};
use super::js_copy::{Side, call_all, set_callback};
use super::marks;
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

/// The connections of one environment. Dropped in this order: the loop ceases to watch the set before
/// its descriptor is closed.
pub(super) struct Kernel {
    watches: Vec<Option<Watch>>,
    event_loop: LoopWatch,
    readiness: Readiness,
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

fn with<R>(environment: &Environment, act: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    environment.kernel.borrow_mut().as_mut().map(act)
}

impl Kernel {
    fn open(environment: &Environment) -> Option<Self> {
        let readiness = Readiness::new().ok()?;
        let event_loop =
            LoopWatch::open(environment, readiness.descriptor(), on_ready, on_reentry)?;
        Some(Self {
            watches: Vec::new(),
            event_loop,
            readiness,
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
            (0, 1) => self.event_loop.start(),
            (1, 0) => {
                self.event_loop.stop();
                true
            }
            _ => true,
        }
    }

    fn remove(&mut self, environment: &Environment, number: u32) -> Option<Watch> {
        self.set_reading(number, false);
        let mut watch = self.watches.get_mut(number as usize)?.take()?;
        watch.give_back_landed(environment);
        self.free.push(number);
        Some(watch)
    }

    /// Reads and parses one chunk of a connection; what to tell JavaScript, unless there is nothing.
    fn receive(&mut self, environment: &Environment, ready: Ready) -> Option<Arguments> {
        let number = ready.key as u32;
        let watch = self.watches.get_mut(number as usize)?.as_mut().filter(|it| it.is(ready))?;
        if ready.failed {
            return Some((number as i32, FAILED, 0));
        }
        match watch.receive(environment) {
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
    fn enter(&mut self, environment: &Environment) {
        self.depth += 1;
        if self.depth == 1 {
            self.event_loop.enter();
            marks::set_serving(&environment.copies.borrow(), true);
        }
    }

    /// It ends; output that is marked from now on is written by whoever marks it.
    fn leave(&mut self, environment: &Environment) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            marks::set_serving(&environment.copies.borrow(), false);
            self.event_loop.leave();
        }
    }

    /// Runs `act` on a connection and its session; 0 where there is none.
    fn write(
        &mut self,
        environment: &Environment,
        number: u32,
        act: impl FnOnce(&mut Watch, &mut Entry<'_>, &mut OsEntropy) -> u32,
    ) -> u32 {
        let Some(watch) = self.watch(number) else { return 0 };
        let rest =
            table::with(environment, watch.session, |entry, entropy| act(watch, entry, entropy));
        rest.unwrap_or_default()
    }

    /// Writes what every marked connection holds; returns those of which the system did not take
    /// all, with the number of bytes left.
    fn write_marked(&mut self, environment: &Environment) -> Vec<(u32, u32)> {
        let mut marked = mem::take(&mut self.marked);
        marks::take(&environment.copies.borrow(), &mut marked);
        let mut unwritten = Vec::new();
        for number in marked.drain(..) {
            let rest = self.write(environment, number, |watch, entry, _| watch.write(entry));
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
fn on_ready(environment: &Environment) {
    let Some(visit) = Visit::begin(environment.env()) else { return };
    with(environment, |kernel| {
        match kernel.sole {
            // Nobody else can have made the set ready: a system call less to ask. If the socket has
            // failed, reading says so.
            Some(key) => kernel.ready.push(Ready::of(key)),
            None => kernel.readiness.wait(&mut kernel.ready),
        }
        kernel.enter(environment);
    });
    // Nothing may unwind into libuv. A panic of the parser costs its connection, as it does when
    // Node's stream has called it.
    let guarded = |act: &mut dyn FnMut()| _ = catch_unwind(AssertUnwindSafe(act));
    let mut since = Instant::now();
    let mut served = 0;
    for round in 1..=ROUNDS {
        while let Some(Some(one)) = with(environment, Kernel::next_ready) {
            guarded(&mut || serve(environment, &visit, one));
            served += 1;
            if served % LOOK_EVERY == 0 && since.elapsed() > PATIENCE {
                guarded(&mut || write_marked(environment, &visit));
                since = Instant::now();
            }
        }
        if with(environment, |kernel| kernel.take_unfinished(round == ROUNDS)) != Some(true) {
            break;
        }
    }
    with(environment, |kernel| kernel.leave(environment));
    guarded(&mut || write_marked(environment, &visit));
}

/// Called when a listener runs the loop that has called it, before that waits: connections that are
/// ready are its to find, and JavaScript moves what it still needs of the slab.
fn on_reentry(environment: &Environment) {
    with(environment, Kernel::leave_ready);
    call_all(environment, Side::Server, (0, REENTERED, 0));
}

fn serve(environment: &Environment, visit: &Visit, ready: Ready) {
    let number = ready.key as u32;
    let wanted = with(environment, |kernel| kernel.wanted(ready)).unwrap_or_default();
    if wanted > 0 {
        tell(environment, visit, number, (number as i32, WANTED, wanted as i32));
    }
    let arguments = with(environment, |kernel| {
        catch_unwind(AssertUnwindSafe(|| kernel.receive(environment, ready))).unwrap_or(Some((
            number as i32,
            FAILED,
            0,
        )))
    });
    if let Some(Some(arguments)) = arguments {
        tell(environment, visit, number, arguments);
    }
}

fn write_marked(environment: &Environment, visit: &Visit) {
    let unwritten = with(environment, |kernel| kernel.write_marked(environment));
    for (number, rest) in unwritten.unwrap_or_default() {
        tell(environment, visit, number, (number as i32, UNWRITTEN, rest as i32));
    }
}

/// Calls JavaScript in the async context of a connection.
fn tell(environment: &Environment, visit: &Visit, number: u32, arguments: Arguments) {
    let told = with(environment, |kernel| {
        let watch = kernel.watch(number)?;
        Some((watch.copy.callback(Side::Server)?, watch.context.raw()))
    });
    // JavaScript may do anything to the connections, this one included: nothing is borrowed.
    if let Some(Some((dispatch, context))) = told {
        dispatch.call(visit, context, arguments);
    }
}

/// Takes `dispatch(number, length, count)`, which is called for each chunk of a copy's connections:
/// `length` bytes are in the slab and `count` events in the spans. `length` 0 is the end of the
/// stream, below it an error number, negated. The least integer says that the socket has failed; the
/// next that `count` bytes of marked output were not taken by the system; the next that `kernelLand`
/// should be given `count` bytes of memory; the next that a listener is running the event loop: the
/// slab is about to be overwritten, and output that waits for the listener must leave. Bit 16 of
/// `count`: the event is in that memory. False where there is no kernel path.
#[napi(catch_unwind)]
pub fn kernel_attach(
    env: Env,
    copy: u32,
    #[napi(ts_arg_type = "(number: number, length: number, count: number) => void")]
    dispatch: Function<'_, Arguments, ()>,
) -> Result<bool> {
    set_callback(env, copy, Side::Server, &dispatch)?;
    let environment = Environment::of(&env);
    let mut kernel = environment.kernel.borrow_mut();
    if kernel.is_none() {
        *kernel = Kernel::open(environment);
    }
    Ok(kernel.is_some())
}

/// Reads `descriptor` for a session from now on. `resource` is the resource of its async context, and
/// must be kept until it is released. Returns the connection's number, or -1 when the system refuses.
#[napi(catch_unwind)]
pub fn kernel_watch(
    env: Env,
    copy: u32,
    descriptor: i32,
    session: u32,
    resource: Object<'_>,
) -> i32 {
    if descriptor < 0 {
        return -1;
    }
    let environment = Environment::of(&env);
    let Some(copy) = environment.copies.borrow().lease(copy) else { return -1 };
    let context = AsyncContext::current(&environment.calls, &resource, "FAYE_WEBSOCKET");
    let Ok(context) = context else { return -1 };
    with(environment, |kernel| {
        kernel.generation = kernel.generation.wrapping_add(1);
        let generation = kernel.generation;
        let watch = Watch::new(descriptor, copy, session, context, generation);
        let number = kernel.insert(watch);
        if kernel.set_reading(number, true) {
            return number as i32;
        }
        drop(kernel.remove(environment, number));
        -1
    })
    .unwrap_or(-1)
}

/// Reads no more, or goes on reading; false when the system refuses.
#[napi(catch_unwind)]
pub fn kernel_read(env: Env, number: u32, on: bool) -> bool {
    with(Environment::of(&env), |kernel| kernel.set_reading(number, on)).unwrap_or_default()
}

/// Hands chunks over unparsed, or parses them again.
#[napi(catch_unwind)]
pub fn kernel_raw(env: Env, number: u32, on: bool) {
    let environment = Environment::of(&env);
    with(environment, |kernel| {
        let watch = kernel.watch(number)?;
        watch.give_back_landed(environment);
        watch.is_raw = on;
        Some(())
    });
}

/// Lends memory for the message that is being read, as asked for; what has arrived of it moves
/// there. The memory is JavaScript's again when its event is reported, or the connection released.
#[napi(catch_unwind)]
pub fn kernel_land(env: Env, number: u32, memory: Buffer) {
    let environment = Environment::of(&env);
    with(environment, |kernel| {
        let watch = kernel.watch(number)?;
        watch.take_memory(environment, Box::new(memory));
        Some(())
    });
}

/// Forgets a connection. Its descriptor is not touched any more and may be closed.
#[napi(catch_unwind)]
pub fn kernel_release(env: Env, number: u32) {
    // Destroying the async context may call into JavaScript's hooks: nothing is borrowed then.
    let environment = Environment::of(&env);
    let watch = with(environment, |kernel| kernel.remove(environment, number));
    drop(watch);
}

/// Bytes read past Node's stream.
#[napi(catch_unwind)]
pub fn kernel_received(env: Env, number: u32) -> f64 {
    let environment = Environment::of(&env);
    with(environment, |kernel| kernel.watch(number).map(|watch| watch.received))
        .flatten()
        .unwrap_or_default()
}

/// Bytes written past Node's stream.
#[napi(catch_unwind)]
pub fn kernel_written(env: Env, number: u32) -> f64 {
    let environment = Environment::of(&env);
    with(environment, |kernel| kernel.watch(number).map(|watch| watch.written))
        .flatten()
        .unwrap_or_default()
}

/// Writes what the session holds for the peer and then a message, without copying it first;
/// returns how many bytes the system did not take. What is left of the session's output stays there;
/// what is left of the payload is the caller's to send.
#[napi(catch_unwind)]
pub fn kernel_send(env: Env, number: u32, opcode_bits: u32, payload: BufferSlice) -> Result<u32> {
    let opcode = table::opcode(opcode_bits)?;
    let environment = Environment::of(&env);
    let rest = with(environment, |kernel| {
        kernel.write(environment, number, |watch, entry, entropy| {
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
pub fn kernel_write(env: Env, number: u32) -> u32 {
    let environment = Environment::of(&env);
    with(environment, |kernel| {
        kernel.write(environment, number, |watch, entry, _| watch.write(entry))
    })
    .unwrap_or_default()
}

/// Writes what the marked connections hold. What the system did not take stays in the sessions:
/// numbers and bytes left, in turn.
#[napi(catch_unwind)]
pub fn kernel_write_marked(env: Env) -> Option<Vec<u32>> {
    let environment = Environment::of(&env);
    let unwritten = with(environment, |kernel| kernel.write_marked(environment))?;
    (!unwritten.is_empty())
        .then(|| unwritten.into_iter().flat_map(|(number, rest)| [number, rest]).collect())
}
