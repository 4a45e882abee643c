//! Copies of the JavaScript layer, and the memory that each lends.
//!
//! An environment may have several: test runners load JavaScript anew for each file, in a context of
//! its own, and the addon only once. A copy is kept alive while it has sessions or connections, and
//! by nothing else here; when it is collected, it is forgotten.

use std::cell::Cell;
#[cfg(has_loop)]
use std::cell::{RefCell, RefMut};
use std::ffi::c_void;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::rc::{Rc, Weak};
use std::slice;

use napi::bindgen_prelude::{
    BufferSlice, Error, Int32Array, JsObjectValue, JsValue, Object, Result, Status,
};
use napi::{Env, check_status, sys};
use napi_derive::napi;

#[cfg(has_loop)]
use super::callback::{Arguments, Callback, HandleScope};
use super::env::Environment;
use super::reference::Reference;
use crate::proto::sessions::SharedMemory;
#[cfg(has_loop)]
use crate::transport::event_loop::dirty_list::DirtyList;

/// Memory of a typed array.
struct Lent<T> {
    start: NonNull<T>,
    length: usize,
}

impl<T> Lent<T> {
    fn of(array: &mut [T]) -> Self {
        Self { start: NonNull::from(&mut *array).cast(), length: array.len() }
    }
}

/// One copy of the JavaScript layer. Its memory can be used while there are leases.
pub(super) struct JsCopy {
    /// The object that has all of this as its properties.
    owner: Reference,
    leases: Cell<usize>,
    spans: Lent<i32>,
    send_queue: Lent<i32>,
    #[cfg(has_loop)]
    dirty_list: Lent<i32>,
    payloads: Lent<u8>,
    #[cfg(has_loop)]
    slab: RefCell<Lent<u8>>,
    longest_text: u32,
    #[cfg(has_loop)]
    dispatch: RefCell<Option<Rc<Callback>>>,
}

impl JsCopy {
    /// Which connections have output to be written.
    #[cfg(has_loop)]
    pub(super) fn dirty_list(&self) -> DirtyList<'_> {
        DirtyList(self.integers(&self.dirty_list))
    }

    fn integers(&self, lent: &Lent<i32>) -> &[Cell<i32>] {
        if self.leases.get() == 0 {
            return &[];
        }
        #[expect(unsafe_code, reason = "napi-rs has no such view of an array")]
        // SAFETY: a lease keeps the array alive, by the object that has it as a property. Nothing
        // detaches its memory: no user of the package can reach it, and it is marked as untransferable
        // (which keeps it out of messages, and from Node 24 on from `ArrayBuffer.prototype.transfer`).
        // JavaScript, which writes it too, runs on this thread.
        unsafe {
            slice::from_raw_parts(lent.start.as_ptr().cast(), lent.length)
        }
    }

    /// What chunks are read into. Not to be kept while JavaScript runs.
    #[cfg(has_loop)]
    pub(super) fn slab(&self) -> RefMut<'_, [u8]> {
        RefMut::map(self.slab.borrow_mut(), |lent| {
            let length = if self.leases.get() == 0 { 0 } else { lent.length };
            #[expect(unsafe_code, reason = "as above")]
            // SAFETY: as above; and this is the only reference, as the cell is borrowed for it.
            unsafe {
                slice::from_raw_parts_mut(lent.start.as_ptr(), length)
            }
        })
    }

    /// What is called for connections.
    #[cfg(has_loop)]
    pub(super) fn callback(&self) -> Option<Rc<Callback>> {
        self.dispatch.borrow().clone()
    }
}

impl SharedMemory for JsCopy {
    fn spans(&self) -> &[Cell<i32>] {
        self.integers(&self.spans)
    }

    fn send_queue(&self) -> &[Cell<i32>] {
        self.integers(&self.send_queue)
    }

    fn payloads(&self) -> &[u8] {
        if self.leases.get() == 0 {
            return &[];
        }
        let Lent { start, length } = self.payloads;
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: as above; and JavaScript waits for the call that reads this, which calls none.
        unsafe {
            slice::from_raw_parts(start.as_ptr(), length)
        }
    }

    /// V8 refuses more bytes than a string has characters.
    fn longest_text(&self) -> u64 {
        self.longest_text.into()
    }
}

/// Keeps a copy alive.
pub(super) struct Lease(Rc<JsCopy>);

impl Lease {
    /// `None` when the copy has been collected.
    fn new(copy: &Rc<JsCopy>) -> Option<Self> {
        let leases = copy.leases.get();
        if leases == 0 && !copy.owner.hold() {
            return None;
        }
        copy.leases.set(leases + 1);
        Some(Self(Rc::clone(copy)))
    }
}

impl Deref for Lease {
    type Target = JsCopy;

    fn deref(&self) -> &JsCopy {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let leases = self.0.leases.get() - 1;
        if leases == 0 {
            // The loop may be serving, and when it is done this memory cannot be reached.
            #[cfg(has_loop)]
            self.0.dirty_list().set_serving(false);
            self.0.owner.let_go();
        }
        self.0.leases.set(leases);
    }
}

/// The copies of an environment, by number.
#[derive(Default)]
pub(super) struct Copies(Vec<Option<Rc<JsCopy>>>);

impl Copies {
    pub(super) fn iter(&self) -> impl Iterator<Item = &JsCopy> {
        self.0.iter().flatten().map(|copy| &**copy)
    }

    pub(super) fn lease(&self, number: u32) -> Option<Lease> {
        Lease::new(self.0.get(number as usize)?.as_ref()?)
    }

    fn insert(&mut self, copy: JsCopy) -> u32 {
        let copy = Some(Rc::new(copy));
        let number = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        match self.0.get_mut(number) {
            Some(place) => *place = copy,
            None => self.0.push(copy),
        }
        number as u32
    }
}

/// Takes the memory of one copy of the JavaScript layer: the properties `spans`, `sendQueue` and
/// `dirtyList` (`Int32Array`), `payloads` and `slab` (`Buffer`) of `owner`, which must stay what they are; they are used
/// as long as `owner` is there. `longest_text` is the length of the longest string there can be. Returns the
/// number of the copy, which means nothing once `owner` has been collected.
#[napi(catch_unwind)]
pub fn attach(env: Env, owner: Object<'_>, longest_text: u32) -> Result<u32> {
    let environment = Environment::of(&env);
    let integers = |name| {
        let mut array: Int32Array = owner.get_named_property(name)?;
        #[expect(
            unsafe_code,
            reason = "napi hands out JavaScript memory for writing only this way"
        )]
        // SAFETY: only its place is looked at.
        Ok::<_, Error>(Lent::of(unsafe { array.as_mut() }))
    };
    let bytes =
        |name| Ok::<_, Error>(Lent::of(&mut owner.get_named_property::<BufferSlice<'_>>(name)?));
    let copy = JsCopy {
        owner: Reference::weak(env, &owner)?,
        leases: Cell::new(0),
        spans: integers("spans")?,
        send_queue: integers("sendQueue")?,
        #[cfg(has_loop)]
        dirty_list: integers("dirtyList")?,
        payloads: bytes("payloads")?,
        #[cfg(has_loop)]
        slab: RefCell::new(bytes("slab")?),
        longest_text,
        #[cfg(has_loop)]
        dispatch: RefCell::default(),
    };
    let number = environment.copies.borrow_mut().insert(copy);
    let entry = Box::into_raw(Box::new(Entry { environment: environment.share(), number }));
    #[expect(unsafe_code, reason = "napi-rs cannot add a finalizer to any object")]
    // SAFETY: the environment is calling us, and the object is of it; `collected` gets the entry.
    let status = unsafe {
        let (raw, owner) = (env.raw(), owner.raw());
        sys::napi_add_finalizer(
            raw,
            owner,
            entry.cast(),
            Some(collected),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(entry) });
    }
    check_status!(status)?;
    Ok(number)
}

/// Where a copy is to be forgotten.
struct Entry {
    environment: Weak<Environment>,
    number: u32,
}

#[expect(unsafe_code, reason = "Node-API calls it")]
unsafe extern "C" fn collected(_: sys::napi_env, entry: *mut c_void, _: *mut c_void) {
    // SAFETY: `attach` has made it, and Node calls this once.
    let Entry { environment, number } = *unsafe { Box::from_raw(entry.cast::<Entry>()) };
    let Some(environment) = environment.upgrade() else { return };
    let mut copies = environment.copies.borrow_mut();
    let copy = copies.0.get_mut(number as usize).and_then(Option::take);
    let others = copies.iter().count();
    drop(copies);
    drop(copy);
    if others == 0 {
        // Nothing is watched: that would have a lease.
        #[cfg(has_loop)]
        environment.close_loop();
    }
}

/// For a number that means nothing.
pub(super) fn no_such_copy() -> Error {
    Error::new(Status::InvalidArg, "no such copy of the JavaScript layer")
}

/// Calls what every copy in use has for its connections, outside of any.
#[cfg(has_loop)]
pub(super) fn call_all(environment: &Environment, arguments: Arguments) {
    let copies = environment.copies.borrow();
    let callbacks: Vec<_> = copies.iter().filter_map(JsCopy::callback).collect();
    drop(copies);
    for callback in callbacks {
        let Some(scope) = HandleScope::begin(environment.env()) else { return };
        callback.call(&scope, ptr::null_mut(), arguments);
    }
}

/// Sets what is called for the connections of a copy.
#[cfg(has_loop)]
pub(super) fn set_callback(
    env: Env,
    number: u32,
    function: &napi::bindgen_prelude::Function<'_, Arguments, ()>,
) -> Result<()> {
    let environment = Environment::of(&env);
    let lease = environment.copies.borrow().lease(number);
    let lease = lease.ok_or_else(no_such_copy)?;
    let mut owner = Object::from_raw(env.raw(), lease.owner.value().ok_or_else(no_such_copy)?);
    owner.set_named_property("dispatch", *function)?;
    let callback = Callback::new(env, Rc::clone(&environment.calls), function)?;
    *lease.dispatch.borrow_mut() = Some(Rc::new(callback));
    Ok(())
}
