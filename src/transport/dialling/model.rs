//! Every interleaving of the task that dials and the JavaScript thread: whatever needs that thread
//! has rung for it, and what it does then is the last word about the connection.
//!
//! `RUSTFLAGS="--cfg model" cargo test --lib model`, with locks that are loom's.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::*;
use crate::transport::non_blocking_stream::NonBlockingStream;
use crate::transport::socket::Endpoints;

/// Calls that wait for the JavaScript thread, as a threadsafe function keeps them: none is lost,
/// and none is merged with another.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// Whether there was a call, which is over then.
    fn take(&self) -> bool {
        let taken =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |calls| calls.checked_sub(1));
        taken.is_ok()
    }
}

impl Doorbell for Calls {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// The JavaScript thread's side. It looks at the state only when it is called.
struct Script {
    dialling: Dialling,
    calls: Calls,
    /// What it has come to, in order.
    seen: Vec<DialState>,
    taken: Option<Established>,
}

impl Script {
    /// Handles the calls that wait now.
    fn turn(&mut self) {
        while self.calls.take() {
            let state = self.dialling.state();
            if state != DialState::Nothing {
                self.seen.push(state);
            }
            match state {
                DialState::Nothing | DialState::End => {}
                DialState::Credentials => {
                    // Gone when it has been called for the same certificate twice.
                    if self.dialling.take_credentials().is_some() {
                        self.dialling.give_consent();
                    }
                }
                DialState::Connection => {
                    let taken = self.dialling.take_connection();
                    assert!(self.taken.is_none(), "a connection is taken once");
                    self.taken = taken;
                }
                DialState::Failure => {
                    self.dialling.take_failure().expect("the failure");
                }
            }
        }
    }
}

fn open() -> (Script, End) {
    let calls = Calls::default();
    let shared =
        Arc::new(Shared { stage: Mutex::new(Stage::Working), doorbell: Box::new(calls.clone()) });
    let end = End(Arc::clone(&shared));
    let dialling = Dialling { shared, task: None, start: None };
    (Script { dialling, calls, seen: Vec::new(), taken: None }, end)
}

fn connection() -> (Box<Established>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    for socket in [&ours, &theirs] {
        socket.set_nonblocking(true).expect("a setting");
    }
    let endpoints = Endpoints::default();
    (Box::new(Established { stream: NonBlockingStream::over(ours), endpoints }), theirs)
}

fn is_closed(mut peer: &UnixStream) -> bool {
    match peer.read(&mut [0]) {
        Ok(0) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        other => unreachable!("{other:?}"),
    }
}

/// The task, up to the moment its future is polled no more.
fn ask(end: &End) -> bool {
    let credentials = Credentials { name: "localhost".to_owned(), certificate: Vec::new() };
    let asking = end.ask(credentials);
    let mut asking = std::pin::pin!(asking);
    for _ in 0..3 {
        let polled = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if polled == Poll::Ready(()) {
            return true;
        }
        thread::yield_now();
    }
    false
}

#[test]
fn a_connection_that_stands_is_taken() {
    loom::model(|| {
        let (mut script, end) = open();
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            end.0.advance(Stage::Standing(established));
            drop(end);
        });
        script.turn();
        task.join().expect("no panic");
        script.turn();
        assert_eq!(script.seen, [DialState::Connection]);
        assert!(!is_closed(&peer));
        drop(script.taken);
        assert!(is_closed(&peer));
    });
}

#[test]
fn a_failure_is_heard_of() {
    loom::model(|| {
        let (mut script, end) = open();
        let task = thread::spawn(move || {
            let failure = Failure::io(Step::Connect, &ErrorKind::ConnectionRefused.into(), None);
            end.0.advance(Stage::Failed(Box::new(failure)));
            drop(end);
        });
        script.turn();
        task.join().expect("no panic");
        script.turn();
        assert_eq!(script.seen, [DialState::Failure]);
    });
}

#[test]
fn a_task_that_ends_without_a_word_is_heard_of() {
    loom::model(|| {
        let (mut script, end) = open();
        let task = thread::spawn(move || drop(end));
        script.turn();
        task.join().expect("no panic");
        script.turn();
        assert_eq!(script.seen, [DialState::End]);
    });
}

/// A task that is aborted while it waits for consent ends there, which is heard of as well.
#[test]
fn consent_reaches_the_task_and_the_connection_the_script() {
    loom::model(|| {
        let (mut script, end) = open();
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            let is_given = ask(&end);
            if is_given {
                end.0.advance(Stage::Standing(established));
            }
            drop(end);
            is_given
        });
        script.turn();
        thread::yield_now();
        script.turn();
        let is_given = task.join().expect("no panic");
        script.turn();
        if is_given {
            assert_eq!(script.seen, [DialState::Credentials, DialState::Connection]);
            assert!(script.taken.is_some() && !is_closed(&peer));
        } else {
            assert_eq!(script.seen.last(), Some(&DialState::End));
            assert!(script.taken.is_none() && is_closed(&peer));
        }
    });
}

/// Given up at any moment, it is closed, and that it is closed is told when it is.
#[test]
fn what_is_abandoned_is_closed_before_the_end_is_told() {
    loom::model(|| {
        let (mut script, end) = open();
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            end.0.advance(Stage::Standing(established));
            drop(end);
        });
        script.dialling.abandon();
        let mut has_ended = false;
        for round in 0..2 {
            while script.calls.take() {
                match script.dialling.state() {
                    DialState::Nothing => {}
                    DialState::End => {
                        assert!(is_closed(&peer));
                        has_ended = true;
                    }
                    state => unreachable!("{state:?} after it was given up"),
                }
            }
            if round == 0 {
                thread::yield_now();
            }
        }
        task.join().expect("no panic");
        while script.calls.take() {
            has_ended |= script.dialling.state() == DialState::End;
        }
        assert!(has_ended && is_closed(&peer));
    });
}

/// The same while a certificate is being looked at.
#[test]
fn abandoned_instead_of_consented_to_it_ends() {
    loom::model(|| {
        let (script, end) = open();
        let Script { mut dialling, calls, .. } = script;
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            // Aborted where it waits, or before or after that.
            let is_given = ask(&end);
            assert!(!is_given, "nobody has consented");
            drop(established);
            drop(end);
        });
        if calls.take() {
            let _ = dialling.take_credentials();
        }
        dialling.abandon();
        task.join().expect("no panic");
        let mut has_ended = false;
        while calls.take() {
            has_ended |= dialling.state() == DialState::End;
        }
        assert!(has_ended && is_closed(&peer));
    });
}
