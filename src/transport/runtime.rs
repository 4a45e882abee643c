//! The tokio runtime all clients of this process share.

use std::io;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// Name lookups block their thread; like libuv's pool, at most four at a time.
const LOOKUP_THREADS: usize = 4;

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// A handle on the runtime, which the first caller starts.
///
/// It is never shut down: a `static` is not dropped, and joining its threads while the process exits
/// is what crashes some C libraries.
///
/// # Errors
///
/// When the operating system refuses the threads or the event queue.
pub(crate) fn handle() -> io::Result<&'static Handle> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle());
    }
    let built = Builder::new_multi_thread()
        .worker_threads(workers())
        .max_blocking_threads(LOOKUP_THREADS)
        .thread_keep_alive(Duration::from_secs(2))
        .thread_name("faye-websocket")
        .enable_io()
        .enable_time()
        .build()?;
    // Two JavaScript threads may race for the first client: the loser's runtime has no task yet.
    if let Err(spare) = RUNTIME.set(built) {
        spare.shutdown_background();
    }
    Ok(RUNTIME.get_or_init(|| unreachable!("set above")).handle())
}

/// JavaScript has a core to itself; a second worker pays only where there are cores to spare.
fn workers() -> usize {
    available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, 2)
}
