//! The tasks that belong to one environment, the main thread's or a worker's.

use std::collections::HashMap;
use std::rc::Weak;

use napi::{Env, Result};
use tokio::task::{AbortHandle, Id};

use super::env::Environment;

/// Tasks that have not ended.
#[derive(Default)]
pub(super) struct Tasks {
    running: HashMap<Id, AbortHandle>,
    has_hook: bool,
}

impl Tasks {
    pub(super) fn abort(self) {
        self.running.values().for_each(AbortHandle::abort);
    }
}

/// Ends `task` when `env` ends, be it by `worker.terminate()` or `process.exit()`.
pub(super) fn adopt(env: Env, task: AbortHandle) -> Result<()> {
    let environment = Environment::of(&env);
    let mut tasks = environment.tasks.borrow_mut();
    if !tasks.has_hook {
        // Before the environment is: that waits for what the tasks hold.
        env.add_env_cleanup_hook(environment.share(), abort_all)?;
        tasks.has_hook = true;
    }
    tasks.running.insert(task.id(), task);
    Ok(())
}

/// Forgets a task that has ended.
pub(super) fn release(env: Env, task: Id) {
    Environment::of(&env).tasks.borrow_mut().running.remove(&task);
}

fn abort_all(environment: Weak<Environment>) {
    if let Some(environment) = environment.upgrade() {
        environment.tasks.take().abort();
    }
}
