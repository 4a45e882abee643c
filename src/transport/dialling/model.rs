//! Every interleaving of the dialling task and the JavaScript thread, by loom: for each state that
//! the JavaScript thread has to handle it is called, and the last state it handles is the outcome
//! of the connection.
//!
//! `RUSTFLAGS="--cfg model" cargo test --lib model` compiles the module with loom's locks.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::*;
use crate::transport::non_blocking_stream::NonBlockingStream;
use crate::transport::socket::Endpoints;

/// The queued calls of the JavaScript thread, as a threadsafe function keeps them: none is lost,
/// and none is merged with another.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// Takes a call from the queue; false if it is empty.
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

/// The JavaScript thread. It reads the state only when it is called.
struct Script {
    dialling: Dialling,
    calls: Calls,
    /// The states it has read, in order.
    seen: Vec<DialState>,
    taken: Option<Established>,
}

impl Script {
    /// Handles the queued calls.
    fn turn(&mut self) {
        while self.calls.take() {
            let state = self.dialling.state();
            if state != DialState::Nothing {
                self.seen.push(state);
            }
            match state {
                DialState::Nothing | DialState::End => {}
                DialState::Credentials => {
                    // `None` in the second of two calls for the same certificate.
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

/// The task that waits for consent. Returns false if it is aborted before it has it.
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
fn an_established_connection_is_taken() {
    loom::model(|| {
        let (mut script, end) = open();
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            end.0.advance(Stage::Established(established));
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
fn a_failure_is_reported() {
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
fn the_end_of_a_task_without_an_outcome_is_reported() {
    loom::model(|| {
        let (mut script, end) = open();
        let task = thread::spawn(move || drop(end));
        script.turn();
        task.join().expect("no panic");
        script.turn();
        assert_eq!(script.seen, [DialState::End]);
    });
}

/// Where the task is aborted while it waits for consent, the end is reported.
#[test]
fn consent_reaches_the_task_and_the_connection_reaches_javascript() {
    loom::model(|| {
        let (mut script, end) = open();
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            let is_given = ask(&end);
            if is_given {
                end.0.advance(Stage::Established(established));
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

/// At whatever moment the attempt is abandoned, the connection is closed before the end is
/// reported.
#[test]
fn an_abandoned_connection_is_closed_before_the_end_is_reported() {
    loom::model(|| {
        let (mut script, end) = open();
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            end.0.advance(Stage::Established(established));
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
                    state => unreachable!("{state:?} after the attempt was abandoned"),
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

/// The same while JavaScript checks a certificate.
#[test]
fn an_attempt_abandoned_instead_of_consent_ends() {
    loom::model(|| {
        let (script, end) = open();
        let Script { mut dialling, calls, .. } = script;
        let (established, peer) = connection();
        let task = thread::spawn(move || {
            // Abandoned before, while or after the task waits for consent.
            let is_given = ask(&end);
            assert!(!is_given, "there was no consent");
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
