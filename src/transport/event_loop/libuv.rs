//! Watching a [`LoopSet`](super::LoopSet) on libuv's event loop. libuv is not linked: its functions
//! are looked up in the running process. Where one is missing (Bun, Deno, an Electron that hides
//! them), the loop cannot be watched.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::sync::OnceLock;

use super::Watcher;

/// `UV_POLL` and `UV_PREPARE` of `uv_handle_type`, part of libuv's ABI since 1.0.
const POLL: c_int = 8;
const PREPARE: c_int = 9;
/// `UV_READABLE`.
const READABLE: c_int = 1;
/// The alignment that `malloc` guarantees, and that libuv's handles need at most.
const ALIGNMENT: usize = 16;

/// The functions that the loop calls, in its thread.
pub(crate) trait LoopCallbacks {
    /// The watched descriptor can be read.
    fn ready(&self);
    /// The loop is about to wait while `ready` has not returned: a listener runs the loop.
    fn reentered(&self);
    /// libuv has closed the handles of a watch.
    fn closed(&self);
}

type Handle = *mut c_void;

type HandleSize = unsafe extern "C" fn(c_int) -> usize;
type PollInit = unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int;
type PollStart = unsafe extern "C" fn(Handle, c_int, extern "C" fn(Handle, c_int, c_int)) -> c_int;
type PollStop = unsafe extern "C" fn(Handle) -> c_int;
type PrepareInit = unsafe extern "C" fn(*mut c_void, Handle) -> c_int;
type PrepareStart = unsafe extern "C" fn(Handle, extern "C" fn(Handle)) -> c_int;
type PrepareStop = unsafe extern "C" fn(Handle) -> c_int;
type Close = unsafe extern "C" fn(Handle, extern "C" fn(Handle));
type SetData = unsafe extern "C" fn(Handle, *mut c_void);
type GetData = unsafe extern "C" fn(Handle) -> *mut c_void;
type Refer = unsafe extern "C" fn(Handle);

/// The functions of libuv that are needed.
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

/// The functions of libuv in this process, looked up once.
fn uv() -> Option<&'static Uv> {
    static UV: OnceLock<Option<Uv>> = OnceLock::new();
    UV.get_or_init(Uv::find).as_ref()
}

/// Two handles of a loop: a `uv_poll_t` for one descriptor, and a `uv_prepare_t` by which a
/// listener that runs the loop is noticed. It must be dropped before the loop ends, and before the
/// descriptor is closed.
pub(crate) struct LoopWatch {
    uv: &'static Uv,
    poll: Handle,
    prepare: Handle,
}

/// The data of both handles, to which their data pointers point. It is freed when libuv has closed
/// both.
struct Data {
    callbacks: Rc<dyn LoopCallbacks>,
    poll: (Handle, Layout),
    prepare: (Handle, Layout),
    open: Cell<u32>,
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

/// Frees the memory of a handle that was not initialised, or that libuv has closed.
fn free((handle, layout): (Handle, Layout)) {
    // SAFETY: allocated by `allocate` with this layout, and freed once: by whoever gives it up.
    unsafe { dealloc(handle.cast(), layout) };
}

impl LoopWatch {
    /// A watch that has not started; `None` where the loop cannot watch.
    ///
    /// # Safety
    ///
    /// `uv_loop` must be the loop of this thread, and run until all of its handles are closed.
    pub(crate) unsafe fn open(
        uv_loop: *mut c_void,
        descriptor: BorrowedFd<'_>,
        callbacks: Rc<dyn LoopCallbacks>,
    ) -> Option<Self> {
        let uv = uv()?;
        let poll = allocate(uv, POLL)?;
        let Some(prepare) = allocate(uv, PREPARE) else {
            free(poll);
            return None;
        };
        // SAFETY: the handle is large enough, and the loop is as promised.
        let failed = unsafe { (uv.poll_init)(uv_loop, poll.0, descriptor.as_raw_fd()) };
        if failed != 0 {
            free(poll);
            free(prepare);
            return None;
        }
        #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one reason for all of them")]
        // SAFETY: as above; this one cannot fail, and a handle that has not started can be told not
        // to keep the loop going.
        unsafe {
            (uv.prepare_init)(uv_loop, prepare.0);
            (uv.unref)(prepare.0);
        }
        let open = Cell::new(2);
        let data = Box::new(Data { callbacks, poll, prepare, open });
        let data = Box::into_raw(data);
        for handle in [poll.0, prepare.0] {
            // SAFETY: the handle has been initialised; its data pointer is ours.
            unsafe { (uv.set_data)(handle, data.cast()) };
        }
        Some(Self { uv, poll: poll.0, prepare: prepare.0 })
    }
}

impl Watcher for LoopWatch {
    fn start(&self) -> bool {
        // SAFETY: the handles are closed only when this is dropped.
        unsafe { (self.uv.poll_start)(self.poll, READABLE, on_ready) == 0 }
    }

    fn stop(&self) {
        // SAFETY: as in `start`.
        unsafe { (self.uv.poll_stop)(self.poll) };
    }

    fn set_ref(&self, keep_alive: bool) {
        let set = if keep_alive { self.uv.refer } else { self.uv.unref };
        // SAFETY: as in `start`.
        unsafe { set(self.poll) };
    }

    fn enter(&self) {
        // SAFETY: as in `start`. It fails for want of a function only.
        unsafe { (self.uv.prepare_start)(self.prepare, on_reentry) };
    }

    fn leave(&self) {
        // SAFETY: as in `start`.
        unsafe { (self.uv.prepare_stop)(self.prepare) };
    }
}

impl Drop for LoopWatch {
    fn drop(&mut self) {
        for handle in [self.poll, self.prepare] {
            // SAFETY: open until now, on the loop's thread, while the loop is still there.
            // From here on libuv does not look at the descriptor.
            unsafe { (self.uv.close)(handle, on_closed) };
        }
    }
}

extern "C" fn on_ready(handle: Handle, _: c_int, _: c_int) {
    call(handle, |callbacks| callbacks.ready());
}

extern "C" fn on_reentry(handle: Handle) {
    call(handle, |callbacks| callbacks.reentered());
}

/// Calls a function of the callbacks; `handle` is open.
fn call(handle: Handle, act: impl FnOnce(&dyn LoopCallbacks)) {
    let Some(uv) = uv() else { return };
    // SAFETY: the handle is open.
    let data = unsafe { (uv.get_data)(handle) };
    // SAFETY: `open` has put it there, and only `on_closed` takes it away.
    let data = unsafe { &*data.cast::<Data>() };
    // Counted, as JavaScript may close the handle during the call.
    let callbacks = Rc::clone(&data.callbacks);
    act(&*callbacks);
}

extern "C" fn on_closed(handle: Handle) {
    let Some(uv) = uv() else { return };
    // SAFETY: the handle's memory is freed only below.
    let pointer = unsafe { (uv.get_data)(handle) }.cast::<Data>();
    // SAFETY: `open` has put it there for both handles, and it goes with the last one, below.
    let data = unsafe { &*pointer };
    free(if handle == data.poll.0 { data.poll } else { data.prepare });
    data.open.set(data.open.get() - 1);
    if data.open.get() > 0 {
        return;
    }
    // SAFETY: no other handle leads to it any more.
    let data = unsafe { Box::from_raw(pointer) };
    data.callbacks.closed();
}
