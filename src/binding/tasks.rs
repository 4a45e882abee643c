//! The tasks that belong to one JavaScript environment (the main thread's, or a worker's).

use std::cell::RefCell;
use std::collections::HashMap;

use napi::{Env, Result};
use tokio::task::{AbortHandle, Id};

thread_local! {
    /// `None` until the environment of this thread has its cleanup hook.
    static TASKS: RefCell<Option<HashMap<Id, AbortHandle>>> = const { RefCell::new(None) };
}

/// Ends `task` when `env` ends, be it by `worker.terminate()` or `process.exit()`.
pub(super) fn adopt(env: Env, task: AbortHandle) -> Result<()> {
    TASKS.with_borrow_mut(|tasks| {
        let tasks = match tasks {
            Some(tasks) => tasks,
            none => {
                env.add_env_cleanup_hook((), |()| abort_all())?;
                none.insert(HashMap::new())
            }
        };
        tasks.insert(task.id(), task);
        Ok(())
    })
}

/// Forgets a task that has ended.
pub(super) fn release(task: Id) {
    TASKS.with_borrow_mut(|tasks| tasks.as_mut().and_then(|tasks| tasks.remove(&task)));
}

fn abort_all() {
    // A second environment on this thread, as test runners make them, sets its own hook again.
    if let Some(tasks) = TASKS.take() {
        tasks.values().for_each(AbortHandle::abort);
    }
}
