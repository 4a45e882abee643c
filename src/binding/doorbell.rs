//! The doorbells of `transport`: threadsafe functions.

use napi::Env;
use napi::bindgen_prelude::{Function, Result};

use super::ASYNC_NAME;
use crate::node_api::ThreadsafeFunction;
use crate::transport::doorbell::Doorbell;

/// A doorbell that has `function` called, in the async context of the code that is running.
pub(super) fn doorbell(env: Env, function: &Function<'_, (), ()>) -> Result<ThreadsafeFunction> {
    ThreadsafeFunction::new(env, function, ASYNC_NAME)
}

impl Doorbell for ThreadsafeFunction {
    fn ring(&self) {
        self.call();
    }
}
