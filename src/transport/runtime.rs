//! The tokio runtime on which all clients of this process are dialled; it has one thread.

use std::future::pending;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};

static RUNTIME: OnceLock<Handle> = OnceLock::new();

/// Held while the runtime is started.
static STARTING: Mutex<()> = Mutex::new(());

/// A handle to the runtime, which the first call starts.
///
/// A runtime with worker threads of tokio's panics where the system refuses a thread; this one
/// returns the error. It is never shut down: to join its thread while the process exits crashes
/// with some C libraries.
///
/// # Errors
///
/// When the operating system refuses the thread or the event queue; the next caller tries again.
pub(super) fn handle() -> io::Result<&'static Handle> {
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle);
    }
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("faye-websocket".to_owned())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(RUNTIME.get_or_init(|| handle))
}
