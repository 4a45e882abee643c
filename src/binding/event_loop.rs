//! Node's event loop, without linking libuv: its functions are looked up in the running process,
//! and where one is missing (Bun, Deno, an Electron that hides them) there is no watch.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::any::Any;
use std::ffi::{CStr, c_int, c_void};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use napi::{Env, sys};

/// `UV_POLL` and `UV_PREPARE` of `uv_handle_type`, part of libuv's ABI since 1.0.
const POLL: c_int = 8;
const PREPARE: c_int = 9;
/// `UV_READABLE`.
const READABLE: c_int = 1;
/// What `malloc` guarantees, which is what libuv's handles are made for.
const ALIGNMENT: usize = 16;

/// What JavaScript gets instead of a byte count when a listener runs the loop: what is in the slab will
/// be overwritten, and output that waits for the listener to return must leave.
pub(super) const REENTERED: i32 = i32::MIN + 3;

type Handle = *mut c_void;
/// Called by the loop with the handle, an error and the events.
pub(super) type OnReady = extern "C" fn(*mut c_void, c_int, c_int);
/// Called by the loop with the handle.
pub(super) type OnReentry = extern "C" fn(*mut c_void);

/// Called before a watch ends; gives up the descriptor, to be closed after it.
pub(super) type Ended = fn() -> Box<dyn Any>;

type HandleSize = unsafe extern "C" fn(c_int) -> usize;
type PollInit = unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int;
type PollStart = unsafe extern "C" fn(Handle, c_int, OnReady) -> c_int;
type PollStop = unsafe extern "C" fn(Handle) -> c_int;
type PrepareInit = unsafe extern "C" fn(*mut c_void, Handle) -> c_int;
type PrepareStart = unsafe extern "C" fn(Handle, OnReentry) -> c_int;
type PrepareStop = unsafe extern "C" fn(Handle) -> c_int;
type Close = unsafe extern "C" fn(Handle, extern "C" fn(Handle));
type SetData = unsafe extern "C" fn(Handle, *mut c_void);
type GetData = unsafe extern "C" fn(Handle) -> *mut c_void;
type Refer = unsafe extern "C" fn(Handle);

/// The part of libuv that is needed.
#[derive(Clone, Copy)]
struct Uv {
    handle_size: HandleSize,
    poll_init: PollInit,
    poll_start: PollStart,
    poll_stop: PollStop,
    prepare_init: PrepareInit,
    prepare_start: PrepareStart,
    prepare_stop: PrepareStop,
    close: Close,
    set_data: SetData,
    get_data: GetData,
    refer: Refer,
    unref: Refer,
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string, and RTLD_DEFAULT is always there.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

impl Uv {
    fn find() -> Option<Self> {
        let handle_size = symbol(c"uv_handle_size")?;
        let poll_init = symbol(c"uv_poll_init")?;
        let poll_start = symbol(c"uv_poll_start")?;
        let poll_stop = symbol(c"uv_poll_stop")?;
        let prepare_init = symbol(c"uv_prepare_init")?;
        let prepare_start = symbol(c"uv_prepare_start")?;
        let prepare_stop = symbol(c"uv_prepare_stop")?;
        let close = symbol(c"uv_close")?;
        let set_data = symbol(c"uv_handle_set_data")?;
        let get_data = symbol(c"uv_handle_get_data")?;
        let refer = symbol(c"uv_ref")?;
        let unref = symbol(c"uv_unref")?;
        #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one reason for all of them")]
        // SAFETY: these are the signatures of libuv 1.x, whose ABI does not change.
        unsafe {
            Some(Self {
                handle_size: mem::transmute::<*mut c_void, HandleSize>(handle_size),
                poll_init: mem::transmute::<*mut c_void, PollInit>(poll_init),
                poll_start: mem::transmute::<*mut c_void, PollStart>(poll_start),
                poll_stop: mem::transmute::<*mut c_void, PollStop>(poll_stop),
                prepare_init: mem::transmute::<*mut c_void, PrepareInit>(prepare_init),
                prepare_start: mem::transmute::<*mut c_void, PrepareStart>(prepare_start),
                prepare_stop: mem::transmute::<*mut c_void, PrepareStop>(prepare_stop),
                close: mem::transmute::<*mut c_void, Close>(close),
                set_data: mem::transmute::<*mut c_void, SetData>(set_data),
                get_data: mem::transmute::<*mut c_void, GetData>(get_data),
                refer: mem::transmute::<*mut c_void, Refer>(refer),
                unref: mem::transmute::<*mut c_void, Refer>(unref),
            })
        }
    }
}

/// A watch on one descriptor, kept by the loop of the environment that opened it until that ends;
/// and a watch on the loop itself while callbacks of the first run.
pub(super) struct LoopWatch {
    uv: Uv,
    poll: Handle,
    prepare: Handle,
}

/// What the end of the environment needs; the data pointer of both handles leads to it, and it goes
/// with the last of them.
struct Ending {
    poll: (Handle, Layout),
    prepare: (Handle, Layout),
    open: u32,
    hook: sys::napi_async_cleanup_hook_handle,
    before: Ended,
    kept: Option<Box<dyn Any>>,
}

/// Zeroed memory for a handle.
fn allocate(uv: &Uv, kind: c_int) -> Option<(Handle, Layout)> {
    // SAFETY: libuv answers for every type, and with 0 or -1 for one it does not know.
    let size = unsafe { (uv.handle_size)(kind) };
    let layout = Layout::from_size_align(size, ALIGNMENT).ok().filter(|_| size > 0)?;
    // SAFETY: the size is not zero.
    let handle: Handle = unsafe { alloc_zeroed(layout) }.cast();
    (!handle.is_null()).then_some((handle, layout))
}

/// Frees the memory of a handle that libuv does not know, or knows no more.
fn free((handle, layout): (Handle, Layout)) {
    // SAFETY: allocated by `allocate` with this layout, and freed once: by whoever gives it up.
    unsafe { dealloc(handle.cast(), layout) };
}

impl LoopWatch {
    /// A watch that has not started. `before_end` is called when the environment ends, before the
    /// watch does; what it returns is dropped after it.
    pub(super) fn open(env: Env, descriptor: BorrowedFd<'_>, before_end: Ended) -> Option<Self> {
        let uv = Uv::find()?;
        let mut uv_loop = ptr::null_mut();
        // SAFETY: the environment is alive, as it is calling us.
        let found = unsafe { sys::napi_get_uv_event_loop(env.raw(), &mut uv_loop) };
        if found != sys::Status::napi_ok {
            return None;
        }
        let poll = allocate(&uv, POLL)?;
        let Some(prepare) = allocate(&uv, PREPARE) else {
            free(poll);
            return None;
        };
        // SAFETY: the handle is large enough and the loop is the one of this thread.
        let failed = unsafe { (uv.poll_init)(uv_loop.cast(), poll.0, descriptor.as_raw_fd()) };
        if failed != 0 {
            free(poll);
            free(prepare);
            return None;
        }
        #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one reason for all of them")]
        // SAFETY: as above; this one cannot fail, and a handle that has not started can be told not
        // to keep the loop going.
        unsafe {
            (uv.prepare_init)(uv_loop.cast(), prepare.0);
            (uv.unref)(prepare.0);
        }
        let ending = Box::new(Ending {
            poll,
            prepare,
            open: 2,
            hook: ptr::null_mut(),
            before: before_end,
            kept: None,
        });
        let ending = Box::into_raw(ending);
        for handle in [poll.0, prepare.0] {
            // SAFETY: the handle has been initialised; its data pointer is ours.
            unsafe { (uv.set_data)(handle, ending.cast()) };
        }
        // SAFETY: the hook gets a handle that lives until the hook has closed it.
        let added = unsafe {
            sys::napi_add_async_cleanup_hook(env.raw(), Some(end), poll.0, ptr::null_mut())
        };
        if added != sys::Status::napi_ok {
            for handle in [poll.0, prepare.0] {
                // SAFETY: initialised and not closed yet.
                unsafe { (uv.close)(handle, closed) };
            }
            return None;
        }
        Some(Self { uv, poll: poll.0, prepare: prepare.0 })
    }

    /// Calls `ready` from the loop whenever the descriptor can be read, and keeps the loop going.
    pub(super) fn start(&self, ready: OnReady) -> bool {
        // SAFETY: the handles are closed only by `end`, whose `before` drops this watch.
        unsafe { (self.uv.poll_start)(self.poll, READABLE, ready) == 0 }
    }

    /// Whether the watch keeps the loop going while it has started; it does from the beginning.
    pub(super) fn set_ref(&self, keep_alive: bool) {
        let set = if keep_alive { self.uv.refer } else { self.uv.unref };
        // SAFETY: as in `start`.
        unsafe { set(self.poll) };
    }

    /// Calls no more, and lets the loop end.
    pub(super) fn stop(&self) {
        // SAFETY: as in `start`.
        unsafe { (self.uv.poll_stop)(self.poll) };
    }

    /// From the callback of the descriptor, before it calls anybody: `reentered` is called before the
    /// loop waits again, which it does before the callback is left only if somebody runs it from there.
    pub(super) fn enter(&self, reentered: OnReentry) {
        // SAFETY: as in `start`. It fails for want of a function only.
        unsafe { (self.uv.prepare_start)(self.prepare, reentered) };
    }

    /// The callback is about to be left.
    pub(super) fn leave(&self) {
        // SAFETY: as in `start`.
        unsafe { (self.uv.prepare_stop)(self.prepare) };
    }
}

unsafe extern "C" fn end(hook: sys::napi_async_cleanup_hook_handle, handle: *mut c_void) {
    let Some(uv) = Uv::find() else { return };
    // SAFETY: the handle has not been closed yet.
    let ending = unsafe { (uv.get_data)(handle) };
    // SAFETY: `open` has put an `Ending` there, and only `closed` takes it away.
    let ending = unsafe { &mut *ending.cast::<Ending>() };
    ending.hook = hook;
    ending.kept = Some((ending.before)());
    for (handle, _) in [ending.poll, ending.prepare] {
        // SAFETY: Node calls this once, on the loop's thread, while the loop is still there.
        unsafe { (uv.close)(handle, closed) };
    }
}

extern "C" fn closed(handle: Handle) {
    let Some(uv) = Uv::find() else { return };
    // SAFETY: the handle's memory is freed only below.
    let data = unsafe { (uv.get_data)(handle) }.cast::<Ending>();
    // SAFETY: `open` has put it there for both handles, and it goes with the last one, below.
    let ending = unsafe { &mut *data };
    free(if handle == ending.poll.0 { ending.poll } else { ending.prepare });
    ending.open -= 1;
    if ending.open > 0 {
        return;
    }
    // SAFETY: no other handle leads to it any more.
    let ending = unsafe { Box::from_raw(data) };
    if !ending.hook.is_null() {
        // SAFETY: given to `end` by Node, which waits for this call.
        unsafe { sys::napi_remove_async_cleanup_hook(ending.hook) };
    }
}
