//! The tasks on tokio's thread that belong to one JavaScript thread.

use std::collections::HashMap;

use tokio::task::{AbortHandle, Id};

/// Tasks that have not ended. They are aborted when this is dropped.
#[derive(Default)]
pub(crate) struct Tasks(HashMap<Id, AbortHandle>);

impl Tasks {
    /// Adds a task.
    pub(crate) fn adopt(&mut self, task: AbortHandle) {
        self.0.insert(task.id(), task);
    }

    /// Removes a task that has ended.
    pub(crate) fn release(&mut self, task: Id) {
        self.0.remove(&task);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}
