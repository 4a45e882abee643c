//! References to values of JavaScript that are strong at times, and weak at others.

use std::ptr;

use napi::bindgen_prelude::{JsValue, Result, check_status};
use napi::{Env, sys};

/// A reference, weak until `hold` is called. It must be dropped before its environment is freed.
pub(crate) struct Reference {
    env: sys::napi_env,
    raw: sys::napi_ref,
}

impl Reference {
    /// A weak reference to an object or a function.
    pub(crate) fn weak<'a>(env: Env, value: &impl JsValue<'a>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the environment is calling us, and the value is one of it.
        let status = unsafe { sys::napi_create_reference(env.raw(), value.raw(), 0, &mut raw) };
        check_status!(status)?;
        Ok(Self { env: env.raw(), raw })
    }

    /// Makes the reference strong; false if the value was collected.
    pub(crate) fn hold(&self) -> bool {
        let mut count = 0;
        // SAFETY: the reference has not been deleted.
        let status = unsafe { sys::napi_reference_ref(self.env, self.raw, &mut count) };
        status == sys::Status::napi_ok && count > 0
    }

    /// Undoes one `hold`.
    pub(crate) fn let_go(&self) {
        // SAFETY: as in `hold`.
        unsafe { sys::napi_reference_unref(self.env, self.raw, ptr::null_mut()) };
    }

    /// The value, unless it was collected. A handle scope must be open.
    #[cfg(has_loop)]
    pub(crate) fn value(&self) -> Option<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: as in `hold`.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.raw, &mut value) };
        (status == sys::Status::napi_ok && !value.is_null()).then_some(value)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: made in `weak` and deleted once; the environment is still there (see `env`).
        unsafe { sys::napi_delete_reference(self.env, self.raw) };
    }
}
