//! Client connections that stand, read and written in Node's thread and on its loop.
//!
//! Here as for servers (see `kernel_socket`) a chunk is read into memory that JavaScript owns, parsed
//! in place for a session unless JavaScript wants it raw, and reported by one call. The difference is
//! that nobody else has a hand on the socket: ends, failures and congestion are dealt with here too.

mod watch;

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Function, Object, Result};
use napi_derive::napi;

use super::callback::{Arguments, AsyncContext, Callback, Visit};
use super::env::Environment;
use super::event_loop::{LoopWatch, REENTERED};
use super::js_copy::{Side, call_all, set_callback};
use super::socket_failure::SocketFailure;
use super::socket_report::SocketReport;
use super::table;
use crate::transport::failure::{Failure, Step};
use crate::transport::line::Line;
use crate::transport::readiness::{Interest, Readiness, Ready};
use watch::{Finish, Key, NEWS, Watch};

/// Chunks of one connection after which the others get theirs.
const CHUNKS_PER_TURN: usize = 16;
/// What the descriptor that is always ready is watched under.
const AGAIN: u64 = u64::MAX;

/// The connections of one environment. Dropped in this order: the loop ceases to watch the set before
/// its descriptor is closed.
pub(super) struct Lines {
    watches: Vec<Option<Watch>>,
    event_loop: LoopWatch,
    readiness: Readiness,
    /// A descriptor that can always be read; in the set while somebody is due.
    bell: OwnedFd,
    due: Vec<Key>,
    free: Vec<u32>,
    generation: u32,
    count: usize,
    keeping_alive: usize,
    /// Connections in the set, and the only one.
    waiting: usize,
    sole: Option<Key>,
    ready: Vec<Ready>,
    /// Connections to serve in this turn, the next one last.
    queue: Vec<Key>,
    /// The one whose listeners are running.
    serving: Option<Key>,
    /// Callbacks of the event loop that are running: more than one where a listener runs the loop.
    depth: u32,
}

fn with<R>(environment: &Environment, act: impl FnOnce(&mut Lines) -> R) -> Option<R> {
    environment.lines.borrow_mut().as_mut().map(act)
}

impl Lines {
    fn open(environment: &Environment) -> Option<Self> {
        let readiness = Readiness::new().ok()?;
        // One end of a pair whose other end is closed.
        let (bell, _) = UnixStream::pair().ok()?;
        let event_loop =
            LoopWatch::open(environment, readiness.descriptor(), on_ready, on_reentry)?;
        Some(Self {
            watches: Vec::new(),
            event_loop,
            readiness,
            bell: bell.into(),
            due: Vec::new(),
            free: Vec::new(),
            generation: 0,
            count: 0,
            keeping_alive: 0,
            waiting: 0,
            sole: None,
            ready: Vec::new(),
            queue: Vec::new(),
            serving: None,
            depth: 0,
        })
    }

    fn watch(&mut self, number: u32) -> Option<&mut Watch> {
        self.watches.get_mut(number as usize)?.as_mut()
    }

    fn find(&mut self, key: Key) -> Option<&mut Watch> {
        self.watch(key.number()).filter(|watch| watch.key == key)
    }

    /// `None` where the loop does not watch.
    fn insert(&mut self, make: impl FnOnce(Key) -> Watch) -> Option<Key> {
        if self.count == 0 && !self.event_loop.start() {
            return None;
        }
        self.generation = self.generation.wrapping_add(1);
        let number = self.free.pop().unwrap_or(self.watches.len() as u32);
        if number as usize == self.watches.len() {
            self.watches.push(None);
        }
        let key = Key::new(number, self.generation);
        let watch = make(key);
        let keeps_alive = watch.keeps_alive;
        self.watches[number as usize] = Some(watch);
        self.count += 1;
        self.keep_alive(usize::from(keeps_alive), 0);
        Some(key)
    }

    fn remove(&mut self, key: Key) -> Option<Watch> {
        self.find(key)?;
        let watch = self.watches.get_mut(key.number() as usize)?.take()?;
        self.free.push(key.number());
        self.count -= 1;
        if self.count == 0 {
            self.event_loop.stop();
        }
        self.keep_alive(0, usize::from(watch.keeps_alive));
        Some(watch)
    }

    fn keep_alive(&mut self, more: usize, less: usize) {
        self.keeping_alive = self.keeping_alive + more - less;
        self.event_loop.set_ref(self.keeping_alive > 0);
    }

    /// Has a connection served again soon.
    fn serve_again(&mut self, key: Key) {
        let Some(watch) = self.find(key) else { return };
        if mem::replace(&mut watch.is_due, true) {
            return;
        }
        self.due.push(key);
        if self.due.len() == 1 {
            // It cannot fail for want of memory when there are connections; and if it does, the
            // next event of any connection serves this one.
            let _ = self.readiness.add(self.bell.as_raw_fd(), AGAIN);
        }
    }

    fn take_due(&mut self) -> Vec<Key> {
        if !self.due.is_empty() {
            self.readiness.remove(self.bell.as_raw_fd());
        }
        let due = mem::take(&mut self.due);
        for &key in &due {
            if let Some(watch) = self.find(key) {
                watch.is_due = false;
            }
        }
        due
    }

    /// After anything was done to a connection: waits for what it needs next.
    fn attend(&mut self, key: Key) {
        let Some(watch) = self.find(key) else { return };
        let (from, to) = (watch.interest, watch.wanted());
        if from != to {
            watch.interest = to;
            let descriptor = watch.descriptor;
            // A closed descriptor has left the set by itself.
            let is_open = watch.line.is_some();
            if is_open && let Err(error) = self.readiness.change(descriptor, key.0, from, to) {
                let failure = Box::new(Failure::io(Step::Read, &error.into(), None));
                if let Some(watch) = self.find(key) {
                    watch.interest = Interest::NONE;
                    watch.fail(failure);
                }
            }
            self.recount(from, to);
        }
        if self.find(key).is_some_and(|watch| watch.news != 0) {
            self.serve_again(key);
        }
    }

    fn recount(&mut self, from: Interest, to: Interest) {
        match (from == Interest::NONE, to == Interest::NONE) {
            (true, false) => self.waiting += 1,
            (false, true) => self.waiting -= 1,
            _ => return,
        }
        self.sole = None;
        if self.waiting == 1 {
            let mut watches = self.watches.iter().flatten();
            self.sole =
                watches.find(|watch| watch.interest != Interest::NONE).map(|watch| watch.key);
        }
    }

    /// What to tell JavaScript next of a connection, unless there is nothing.
    fn step(&mut self, environment: &Environment, key: Key) -> Option<(Rc<Callback>, Arguments)> {
        let number = key.number() as i32;
        let watch = self.find(key)?;
        if let Some(line) = &mut watch.line {
            line.refresh();
        }
        watch.settle_writing();
        let mut told = watch.take_news(number);
        if told.is_none() {
            told = watch.receive(environment, number);
        }
        let dispatch = told.and_then(|_| watch.copy.callback(Side::Client));
        self.attend(key);
        Some((dispatch?, told?))
    }
}

/// The loop's callback: every connection that is ready, and those that are due.
fn on_ready(environment: &Environment) {
    with(environment, |lines| {
        let mut due = lines.take_due();
        match lines.sole {
            // Nobody else can have made the set ready: a system call less to ask.
            Some(Key(key)) if due.is_empty() => lines.ready.push(Ready::of(key)),
            _ => lines.readiness.wait(&mut lines.ready),
        }
        due.extend(lines.ready.drain(..).map(|ready| Key(ready.key)));
        lines.queue.extend(due.into_iter().rev());
        lines.depth += 1;
        if lines.depth == 1 {
            lines.event_loop.enter();
        }
    });
    while let Some(Some(key)) = with(environment, |lines| lines.queue.pop()) {
        // Nothing may unwind into libuv. A panic of the parser costs its connection.
        if catch_unwind(AssertUnwindSafe(|| serve(environment, key))).is_err() {
            with(environment, |lines| {
                let error = io::Error::other("a fault in the parser");
                if let Some(watch) = lines.find(key) {
                    watch.fail(Box::new(Failure::io(Step::Read, &error, None)));
                }
                lines.attend(key);
            });
        }
    }
    with(environment, |lines| {
        lines.depth = lines.depth.saturating_sub(1);
        if lines.depth == 0 {
            lines.event_loop.leave();
        }
    });
}

/// Called when a listener runs the loop that has called it, before that waits: connections that are
/// ready are its to find, and JavaScript moves what it still needs of the slab.
fn on_reentry(environment: &Environment) {
    with(environment, |lines| {
        for key in mem::take(&mut lines.queue) {
            lines.serve_again(key);
        }
        if let Some(key) = lines.serving
            && lines.find(key).is_some_and(|watch| watch.has_more())
        {
            lines.serve_again(key);
        }
    });
    call_all(environment, Side::Client, (0, REENTERED, 0));
}

fn serve(environment: &Environment, key: Key) {
    with(environment, |lines| lines.find(key)?.line.as_mut().map(Line::begin_visit));
    for _ in 0..CHUNKS_PER_TURN {
        let told = with(environment, |lines| {
            let (dispatch, arguments) = lines.step(environment, key)?;
            let context = lines.find(key)?.context.raw();
            let outer = lines.serving.replace(key);
            Some((dispatch, context, arguments, outer))
        });
        let Some(Some((dispatch, context, arguments, outer))) = told else {
            // What was read may have yielded nothing so far.
            with(environment, |lines| {
                if lines.find(key).is_some_and(|watch| watch.has_more()) {
                    lines.serve_again(key);
                }
            });
            return;
        };
        // JavaScript may do anything to the connections, this one included: nothing is borrowed.
        let Some(visit) = Visit::begin(environment.env()) else { return };
        dispatch.call(&visit, context, arguments);
        drop(visit);
        with(environment, |lines| lines.serving = outer);
        if arguments.1 == NEWS && arguments.2 as u32 & SocketReport::Closed as u32 != 0 {
            // Destroying the async context may call into JavaScript's hooks.
            let closed = with(environment, |lines| lines.remove(key));
            drop(closed);
            return;
        }
        let has_more =
            with(environment, |lines| lines.find(key).is_some_and(|watch| watch.has_more()));
        if has_more != Some(true) {
            return;
        }
    }
    with(environment, |lines| lines.serve_again(key));
}

/// Serves `line` from now on, in the async context of the code that is running; returns its number.
/// Nothing is read yet. `None` where the loop cannot be watched, and then the connection is closed.
pub(super) fn serve_line(
    environment: &Environment,
    resource: &Object<'_>,
    copy: u32,
    mut line: Line,
    keeps_alive: bool,
) -> Option<u32> {
    let descriptor = line.descriptor()?;
    let copy = environment.copies.borrow().lease(copy)?;
    let context = AsyncContext::current(&environment.calls, resource, "FAYE_WEBSOCKET").ok()?;
    with(environment, |lines| {
        let key = lines.insert(|key| Watch {
            key,
            line: Some(line),
            descriptor,
            copy,
            context,
            interest: Interest::NONE,
            is_reading: false,
            end: None,
            is_over: false,
            session: None,
            is_raw: false,
            written: 0.0,
            is_awaited: false,
            finish: Finish::No,
            failure: None,
            news: 0,
            is_due: false,
            keeps_alive,
        })?;
        Some(key.number())
    })
    .flatten()
}

/// Does something to a connection, if it is still there, and waits for what it needs next.
fn act<R>(environment: &Environment, number: u32, act: impl FnOnce(&mut Watch) -> R) -> Option<R> {
    with(environment, |lines| {
        let watch = lines.watch(number)?;
        let key = watch.key;
        let result = act(watch);
        lines.attend(key);
        Some(result)
    })
    .flatten()
}

fn push(environment: &Environment, number: u32, parts: &[&[u8]]) -> bool {
    let done =
        act(environment, number, |watch| match watch.line.as_mut().map(|line| line.push(parts)) {
            Some(Ok(done)) => {
                watch.is_awaited = !done;
                done
            }
            Some(Err(failure)) => {
                watch.fail(failure);
                false
            }
            None => false,
        });
    done.unwrap_or_default()
}

// ---- for lib/native_socket.js

/// Copies what the kernel does not take at once. `true` when more may follow; otherwise a later
/// report says `Flushed`, and nothing may be written before.
#[napi(catch_unwind)]
pub fn line_push(env: Env, number: u32, chunk: &[u8]) -> bool {
    push(Environment::of(&env), number, &[chunk])
}

/// Like `linePush`, for several chunks.
#[napi(catch_unwind)]
pub fn line_push_all(env: Env, number: u32, chunks: Vec<BufferSlice>) -> bool {
    let parts: Vec<&[u8]> = chunks.iter().map(|chunk| &chunk[..]).collect();
    push(Environment::of(&env), number, &parts)
}

/// Ends our direction after what was written; a later report says `Finished`.
#[napi(catch_unwind)]
pub fn line_finish(env: Env, number: u32) {
    act(Environment::of(&env), number, |watch| {
        if watch.finish == Finish::No {
            watch.finish = Finish::Wanted;
        }
        watch.settle_writing();
    });
}

/// Closes the socket in whatever state it is; a later report says `Closed`.
#[napi(catch_unwind)]
pub fn line_destroy(env: Env, number: u32) {
    act(Environment::of(&env), number, |watch| {
        if let Some(mut line) = watch.line.take() {
            // Like bytes that the kernel has, what is queued gets one attempt.
            let _ = line.flush();
            watch.news |= SocketReport::Closed as u32;
        }
    });
}

/// What went wrong, after a report said `Failed`.
#[napi(catch_unwind)]
pub fn line_failure(env: Env, number: u32) -> Option<SocketFailure> {
    with(Environment::of(&env), |lines| lines.watch(number)?.failure.as_deref().cloned())
        .flatten()
        .map(SocketFailure::from)
}

/// Nagle's algorithm off (`true`) or on.
#[napi(catch_unwind)]
pub fn line_no_delay(env: Env, number: u32, no_delay: bool) {
    act(Environment::of(&env), number, |watch| {
        watch.line.as_mut().map(|line| line.set_no_delay(no_delay))
    });
}

/// Keep-alive probes, the first after `delay` seconds; 0 keeps the system's delay.
#[napi(catch_unwind)]
pub fn line_keep_alive(env: Env, number: u32, enable: bool, delay: u32) {
    let delay = enable.then(|| Duration::from_secs(delay.into()));
    act(Environment::of(&env), number, |watch| {
        watch.line.as_mut().map(|line| line.set_keep_alive(delay))
    });
}

/// Whether a connection keeps the process alive.
#[napi(catch_unwind)]
pub fn line_ref(env: Env, number: u32, keep_alive: bool) {
    with(Environment::of(&env), |lines| {
        let Some(watch) = lines.watch(number) else { return };
        if mem::replace(&mut watch.keeps_alive, keep_alive) != keep_alive {
            lines.keep_alive(usize::from(keep_alive), usize::from(!keep_alive));
        }
    });
}

// ---- for lib/client_line.js

/// Takes `dispatch(number, length, count)`, which is called for each chunk of a copy's connections:
/// `length` bytes are in the slab and, when they were parsed for a session, `count` events in the
/// spans. `length` 0 is the end of the stream; with -1 for it, `count` is a `SocketReport`; a length of
/// `REENTERED` says what it says for servers. False where Node's loop cannot be watched.
#[napi(catch_unwind)]
pub fn line_attach(
    env: Env,
    copy: u32,
    #[napi(ts_arg_type = "(number: number, length: number, count: number) => void")]
    dispatch: Function<'_, Arguments, ()>,
) -> Result<bool> {
    set_callback(env, copy, Side::Client, &dispatch)?;
    let environment = Environment::of(&env);
    let mut lines = environment.lines.borrow_mut();
    if lines.is_none() {
        *lines = Lines::open(environment);
    }
    Ok(lines.is_some())
}

/// Parses chunks for a session from now on, or with -1 hands them over as they are.
#[napi(catch_unwind)]
pub fn line_session(env: Env, number: u32, session: i32) {
    with(Environment::of(&env), |lines| {
        if let Some(watch) = lines.watch(number) {
            watch.session = u32::try_from(session).ok();
            watch.is_raw = false;
        }
    });
}

/// Hands chunks over unparsed for a while, or parses them again.
#[napi(catch_unwind)]
pub fn line_raw(env: Env, number: u32, on: bool) {
    with(Environment::of(&env), |lines| lines.watch(number).map(|watch| watch.is_raw = on));
}

/// Reads no more, or goes on reading.
#[napi(catch_unwind)]
pub fn line_read(env: Env, number: u32, on: bool) {
    act(Environment::of(&env), number, |watch| watch.is_reading = on);
    with(Environment::of(&env), |lines| {
        if let Some(key) =
            lines.watch(number).filter(|watch| watch.has_more()).map(|watch| watch.key)
        {
            lines.serve_again(key);
        }
    });
}

/// Bytes written for the session.
#[napi(catch_unwind)]
pub fn line_written(env: Env, number: u32) -> f64 {
    with(Environment::of(&env), |lines| lines.watch(number).map(|watch| watch.written))
        .flatten()
        .unwrap_or_default()
}

/// Writes what the session holds for the peer; returns how many bytes the system did not take. They
/// stay in the session.
#[napi(catch_unwind)]
pub fn line_write(env: Env, number: u32) -> u32 {
    with(Environment::of(&env), |lines| {
        let watch = lines.watch(number)?;
        let key = watch.key;
        let rest =
            table::with(Environment::of(&env), watch.session?, |entry, _| watch.write(entry));
        lines.attend(key);
        rest
    })
    .flatten()
    .unwrap_or_default()
}

/// Frames a message behind what the session holds for the peer, and does as `line_write`.
#[napi(catch_unwind)]
pub fn line_send(env: Env, number: u32, opcode_bits: u32, payload: BufferSlice) -> Result<u32> {
    let opcode = table::opcode(opcode_bits)?;
    let rest = with(Environment::of(&env), |lines| {
        let watch = lines.watch(number)?;
        let key = watch.key;
        let rest = table::with(Environment::of(&env), watch.session?, |entry, entropy| {
            entry.connection.send(opcode, 0, &payload, entropy, entry.output);
            watch.write(entry)
        });
        lines.attend(key);
        rest
    });
    Ok(rest.flatten().unwrap_or_default())
}
