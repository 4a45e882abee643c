//! Looking host names up with the system's resolver.
//!
//! `getaddrinfo` blocks its thread, so lookups have threads of their own, at most as many as
//! libuv's pool has. Tokio's pool for blocking calls is not used, as it panics where the system
//! refuses a thread.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use tokio::sync::oneshot;

use super::failure::Failure;

/// Most lookups that run at the same time; others wait.
const MAX_THREADS: usize = 4;

/// The time after which a thread without a lookup ends.
const IDLE_TIME: Duration = Duration::from_secs(5);

/// Addresses in the resolver's order; or Node's code for the failure, and its text.
type Answer = Result<Vec<SocketAddr>, (&'static str, String)>;

/// All addresses of `host`, in the resolver's order.
///
/// # Errors
///
/// That of the resolver, with Node's code for it.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (sender, receiver) = oneshot::channel();
    let job = Job { host: host.to_owned(), port, sender };
    let answer = match THREADS.submit(job) {
        Ok(()) => receiver.await.unwrap_or_else(|error| Err(("ECANCELED", error.to_string()))),
        Err(error) => Err(("EAI_MEMORY", error.to_string())),
    };
    match answer {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(Failure::lookup("ENOTFOUND", host, "no addresses".to_owned())),
        Err((code, text)) => Err(Failure::lookup(code, host, text)),
    }
}

struct Job {
    host: String,
    port: u16,
    sender: oneshot::Sender<Answer>,
}

impl Job {
    fn run(self) {
        // There is no receiver if the connection was abandoned meanwhile.
        let _ = self.sender.send(look_up(&self.host, self.port));
    }
}

/// The threads for lookups, and the lookups that wait for one.
struct Threads {
    state: Mutex<State>,
    submitted: Condvar,
}

struct State {
    waiting: VecDeque<Job>,
    running: usize,
    idle: usize,
}

static THREADS: Threads = Threads {
    state: Mutex::new(State { waiting: VecDeque::new(), running: 0, idle: 0 }),
    submitted: Condvar::new(),
};

impl Threads {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a thread run `job`: an idle one, or a new one while there are fewer than the limit.
    fn submit(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.lock();
        if state.waiting.len() >= state.idle && state.running < MAX_THREADS {
            let name = "faye-websocket-dns".to_owned();
            match thread::Builder::new().name(name).spawn(|| self.serve()) {
                Ok(_) => state.running += 1,
                // One of the running threads will take the job.
                Err(_) if state.running > 0 => {}
                Err(error) => return Err(error),
            }
        }
        state.waiting.push_back(job);
        self.submitted.notify_one();
        Ok(())
    }

    fn serve(&self) {
        while let Some(job) = self.next() {
            job.run();
        }
    }

    /// The next lookup; `None` when the calling thread has been idle for `IDLE_TIME`, and has to
    /// end.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        state.idle += 1;
        let (mut state, _) = self
            .submitted
            .wait_timeout_while(state, IDLE_TIME, |state| state.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.running -= 1;
        }
        job
    }
}

fn look_up(name: &str, port: u16) -> Answer {
    // As `net.connect` does: no addresses of a family of which this machine has none.
    let hints = AddrInfoHints {
        flags: libc::AI_ADDRCONFIG,
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        // Node's code for a name that does not exist and for a name without addresses is the same,
        // ENOTFOUND.
        let code = match error.kind() {
            LookupErrorKind::Again => "EAI_AGAIN",
            LookupErrorKind::Fail => "EAI_FAIL",
            LookupErrorKind::Family => "EAI_FAMILY",
            LookupErrorKind::Memory => "EAI_MEMORY",
            LookupErrorKind::Badflags => "EAI_BADFLAGS",
            _ => "ENOTFOUND",
        };
        (code, io::Error::from(error).to_string())
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    // Entries of other families than IP, which are errors here, are left out.
    for mut address in found.flatten().map(|entry| entry.sockaddr) {
        address.set_port(port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;
    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn many_lookups_at_once_share_the_threads_and_all_are_answered() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let mut lookups = JoinSet::new();
            for port in 1..=100 {
                lookups.spawn(async move { resolve("localhost", port).await.unwrap() });
            }
            lookups.join_all().await
        });
        assert_eq!(answers.len(), 100);
        assert!(answers.iter().flatten().all(|address| address.ip().is_loopback()));
        let State { running, idle, .. } = *THREADS.lock();
        assert!(idle <= running && running <= MAX_THREADS);
    }

    #[test]
    fn a_literal_address_needs_no_thread() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let addresses = runtime.block_on(resolve("::1", 80)).unwrap();
        assert_eq!(addresses, ["[::1]:80".parse().unwrap()]);
    }
}
