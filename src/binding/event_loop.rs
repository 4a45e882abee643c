//! Node's event loop, without linking libuv: its functions are looked up in the running process,
//! and where one is missing (Bun, Deno, an Electron that hides them) there is no watch.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::any::Any;
use std::ffi::{CStr, c_int, c_void};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use napi::{Env, sys};

/// `UV_POLL` of `uv_handle_type`, part of libuv's ABI since 1.0.
const POLL: c_int = 8;
/// `UV_READABLE`.
const READABLE: c_int = 1;
/// What `malloc` guarantees, which is what libuv's handles are made for.
const ALIGNMENT: usize = 16;

type Handle = *mut c_void;
/// Called by the loop with the handle, an error and the events.
pub(super) type OnReady = extern "C" fn(*mut c_void, c_int, c_int);

/// Called before a watch ends; gives up the descriptor, to be closed after it.
pub(super) type Ended = fn() -> Box<dyn Any>;

type HandleSize = unsafe extern "C" fn(c_int) -> usize;
type PollInit = unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int;
type PollStart = unsafe extern "C" fn(Handle, c_int, OnReady) -> c_int;
type PollStop = unsafe extern "C" fn(Handle) -> c_int;
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
                close: mem::transmute::<*mut c_void, Close>(close),
                set_data: mem::transmute::<*mut c_void, SetData>(set_data),
                get_data: mem::transmute::<*mut c_void, GetData>(get_data),
                refer: mem::transmute::<*mut c_void, Refer>(refer),
                unref: mem::transmute::<*mut c_void, Refer>(unref),
            })
        }
    }
}

/// A watch on one descriptor, kept by the loop of the environment that opened it until that ends.
pub(super) struct LoopWatch {
    uv: Uv,
    handle: Handle,
}

/// What the end of the environment needs; owned by the handle's data pointer.
struct Ending {
    uv: Uv,
    layout: Layout,
    hook: sys::napi_async_cleanup_hook_handle,
    before: Ended,
    kept: Option<Box<dyn Any>>,
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
        // SAFETY: libuv answers for every type, and with 0 or -1 for one it does not know.
        let size = unsafe { (uv.handle_size)(POLL) };
        let layout = Layout::from_size_align(size, ALIGNMENT).ok().filter(|_| size > 0)?;
        // SAFETY: the size is not zero.
        let handle: Handle = unsafe { alloc_zeroed(layout) }.cast();
        if handle.is_null() {
            return None;
        }
        // SAFETY: the handle is large enough and the loop is the one of this thread.
        let failed = unsafe { (uv.poll_init)(uv_loop.cast(), handle, descriptor.as_raw_fd()) };
        if failed != 0 {
            // SAFETY: allocated above with this layout, and libuv has not taken it.
            unsafe { dealloc(handle.cast(), layout) };
            return None;
        }
        let ending =
            Box::new(Ending { uv, layout, hook: ptr::null_mut(), before: before_end, kept: None });
        // SAFETY: the handle has been initialised; its data pointer is ours.
        unsafe { (uv.set_data)(handle, Box::into_raw(ending).cast()) };
        // SAFETY: the hook gets the handle, which lives until the hook has closed it.
        let added = unsafe {
            sys::napi_add_async_cleanup_hook(env.raw(), Some(end), handle, ptr::null_mut())
        };
        if added != sys::Status::napi_ok {
            // SAFETY: initialised and not closed yet.
            unsafe { (uv.close)(handle, closed) };
            return None;
        }
        Some(Self { uv, handle })
    }

    /// Calls `ready` from the loop whenever the descriptor can be read, and keeps the loop going.
    pub(super) fn start(&self, ready: OnReady) -> bool {
        // SAFETY: the handle is closed only by `end`, whose `before` drops this watch.
        unsafe { (self.uv.poll_start)(self.handle, READABLE, ready) == 0 }
    }

    /// Whether the watch keeps the loop going while it has started; it does from the beginning.
    pub(super) fn set_ref(&self, keep_alive: bool) {
        let set = if keep_alive { self.uv.refer } else { self.uv.unref };
        // SAFETY: as in `start`.
        unsafe { set(self.handle) };
    }

    /// Calls no more, and lets the loop end.
    pub(super) fn stop(&self) {
        // SAFETY: as in `start`.
        unsafe { (self.uv.poll_stop)(self.handle) };
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
    // SAFETY: Node calls this once, on the loop's thread, while the loop is still there.
    unsafe { (ending.uv.close)(handle, closed) };
}

extern "C" fn closed(handle: Handle) {
    let Some(uv) = Uv::find() else { return };
    // SAFETY: the handle's memory is freed only below.
    let ending = unsafe { (uv.get_data)(handle) };
    // SAFETY: `open` has put it there, and a handle is closed once.
    let ending = unsafe { Box::from_raw(ending.cast::<Ending>()) };
    // SAFETY: libuv is done with the handle, which was allocated with this layout.
    unsafe { dealloc(handle.cast(), ending.layout) };
    if !ending.hook.is_null() {
        // SAFETY: given to `end` by Node, which waits for this call.
        unsafe { sys::napi_remove_async_cleanup_hook(ending.hook) };
    }
}
