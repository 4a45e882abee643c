//! Copies of the JavaScript layer, and the memory that each shares.
//!
//! An environment may have several copies: test runners load JavaScript again for each file, in
//! another context, and the addon only once. A copy is kept alive while it has sessions or
//! connections; when it is garbage-collected, it is removed.

use std::cell::Cell;
#[cfg(has_loop)]
use std::cell::{RefCell, RefMut};
use std::ops::Deref;
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;

use napi::Env;
#[cfg(has_loop)]
use napi::bindgen_prelude::Function;
use napi::bindgen_prelude::{BufferSlice, Error, Int32Array, JsObjectValue, Object, Result};

use crate::node_api::Reference;
#[cfg(has_loop)]
use crate::node_api::{Arguments, Callback, Calls};
use crate::proto::sessions::SharedMemory;
use crate::proto::slots::Slots;
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
    /// The object whose properties are the arrays below.
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
    /// The memory of `owner`, see [`attach`](super::attach::attach).
    pub(super) fn new(env: Env, owner: &Object<'_>, longest_text: u32) -> Result<Self> {
        let integers = |name| {
            let mut array: Int32Array = owner.get_named_property(name)?;
            #[expect(
                unsafe_code,
                reason = "napi hands out JavaScript memory for writing only this way"
            )]
            // SAFETY: only its place is looked at.
            Ok::<_, Error>(Lent::of(unsafe { array.as_mut() }))
        };
        let bytes = |name| {
            Ok::<_, Error>(Lent::of(&mut owner.get_named_property::<BufferSlice<'_>>(name)?))
        };
        Ok(Self {
            owner: Reference::weak(env, owner)?,
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
        })
    }

    /// The dirty list: connections with output to be written.
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
        // detaches its memory: no user of the package can reach it, and it is marked as
        // untransferable (which keeps it out of messages, and from Node 24 on from
        // `ArrayBuffer.prototype.transfer`). JavaScript, which writes it too, runs on this thread.
        unsafe {
            slice::from_raw_parts(lent.start.as_ptr().cast(), lent.length)
        }
    }

    /// The slab, into which chunks are read. The reference must not be kept while JavaScript runs.
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

    /// Sets the function that is called for connections.
    #[cfg(has_loop)]
    pub(super) fn set_callback(
        &self,
        env: Env,
        calls: &Rc<Calls>,
        function: &Function<'_, Arguments, ()>,
    ) -> Result<()> {
        if let Some(owner) = self.owner.value() {
            Object::from_raw(env.raw(), owner).set_named_property("dispatch", *function)?;
        }
        let callback = Callback::new(env, Rc::clone(calls), function)?;
        *self.dispatch.borrow_mut() = Some(Rc::new(callback));
        Ok(())
    }

    /// The function that is called for connections.
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

    /// V8 makes no string of more bytes than the longest string has characters.
    fn longest_text(&self) -> u64 {
        self.longest_text.into()
    }
}

/// Keeps a copy alive.
pub(super) struct Lease(Rc<JsCopy>);

impl Lease {
    /// `None` if the copy was collected.
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
            // Without a lease, the loop cannot reset this at the end of its turn.
            #[cfg(has_loop)]
            self.0.dirty_list().set_serving(false);
            self.0.owner.let_go();
        }
        self.0.leases.set(leases);
    }
}

/// The copies of an environment, by number.
#[derive(Default)]
pub(super) struct Copies(Slots<Rc<JsCopy>>);

impl Copies {
    pub(super) fn iter(&self) -> impl Iterator<Item = &JsCopy> {
        self.0.iter().map(|(_, copy)| &**copy)
    }

    pub(super) fn lease(&mut self, number: u32) -> Option<Lease> {
        Lease::new(self.0.at(number)?)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Rc<JsCopy>> {
        self.0.remove(number)
    }

    pub(super) fn insert(&mut self, copy: JsCopy) -> u32 {
        self.0.insert(Rc::new(copy)).number
    }
}
