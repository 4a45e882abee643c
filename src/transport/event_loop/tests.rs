//! Tests of the event loop over local sockets, with a host that records the reports.

mod host;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;

use super::{Host, ROUNDS, Report, SocketEvents, reenter, turn};
use crate::proto::hybi::Landing;

use host::{FakeHost, SLAB};

fn chunk(number: u32, length: usize) -> (u32, Report) {
    (number, Report::Chunk { length, events: 1 })
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let ours = listener.accept().unwrap().0;
    ours.set_nonblocking(true).unwrap();
    (ours, theirs)
}

fn unix() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, theirs)
}

/// Waits until poll(2) reports all of `flags` for a socket.
fn until(socket: &impl AsFd, flags: PollFlags) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut watched = [PollFd::new(socket, flags)];
        poll(&mut watched, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
        if watched[0].revents().contains(flags) {
            return;
        }
        assert!(Instant::now() < deadline, "{flags:?} never came");
    }
}

/// The flags of a socket whose peer has ended its direction.
#[cfg(target_os = "linux")]
const ENDED: PollFlags = PollFlags::RDHUP;
#[cfg(target_os = "macos")]
const ENDED: PollFlags = PollFlags::HUP;

/// Waits until so many bytes have arrived.
fn arrived(socket: &TcpStream, length: usize) {
    let mut bytes = vec![0; length];
    while socket.peek(&mut bytes).ok() != Some(length) {
        until(socket, PollFlags::IN);
    }
}

// ---- fairness

#[test]
fn a_turn_reads_a_few_chunks_of_long_input_and_other_connections_between_them() {
    let host = FakeHost::new();
    let ((much, mut much_peer), (little, mut little_peer)) = (tcp(), tcp());
    let (much_number, little_number) = (host.borrow(&much), host.borrow(&little));
    let bytes: Vec<u8> = (0..2 * ROUNDS * SLAB).map(|at| (at / 100) as u8).collect();
    much_peer.write_all(&bytes).unwrap();
    little_peer.write_all(b"little").unwrap();
    arrived(&much, bytes.len());
    arrived(&little, 6);
    let mut first = host.turn();
    first[..2].sort_by_key(|(number, _)| *number);
    let full = chunk(much_number, SLAB);
    assert_eq!(first, [full, chunk(little_number, 6), full, full, full]);
    // For the first connection nothing has arrived since; the loop reads the rest.
    little_peer.write_all(b"more").unwrap();
    arrived(&little, 4);
    let mut second = host.turn();
    second[..2].sort_by_key(|(number, _)| *number);
    assert_eq!(second, [full, chunk(little_number, 4), full, full, full]);
    // The last chunk has filled the slab, so that the loop reads once more, and finds nothing.
    assert_eq!(host.turn(), []);
    assert!(!host.is_ready(0));
    assert_eq!((host.received(0), host.received(1)), (bytes, b"littlemore".to_vec()));
}

#[test]
fn output_leaves_between_the_listeners_of_a_long_turn() {
    let host = FakeHost::new();
    let pairs: Vec<_> = (0..6).map(|_| unix()).collect();
    for (ours, _) in &pairs {
        host.borrow(ours);
    }
    for (_, theirs) in &pairs {
        (&*theirs).write_all(b"x").unwrap();
    }
    let peer = pairs[0].1.try_clone().unwrap();
    peer.set_nonblocking(true).unwrap();
    let last = Rc::new(Cell::new(0));
    let (heard, at_last) = (Rc::clone(&last), Cell::new(0));
    host.listen(move |host, _, _| {
        at_last.set(at_last.get() + 1);
        if at_last.get() == 1 {
            host.unsent(0, b"early");
            host.mark_dirty(&[0]);
            // Longer than PATIENCE.
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(1) {}
        } else if at_last.get() == 6 {
            let mut bytes = [0; 5];
            heard.set((&peer).read(&mut bytes).unwrap_or_default());
        }
    });
    assert_eq!(host.turn().len(), 6);
    assert_eq!(last.get(), 5);
}

// ---- what is watched

#[test]
fn after_an_edge_a_read_that_does_not_fill_the_slab_is_the_last() {
    let host = FakeHost::new();
    // With a second connection in the set, the loop asks the poller.
    let ((ours, mut theirs), (beside, _peer)) = (tcp(), tcp());
    let number = host.borrow(&ours);
    host.borrow(&beside);
    for text in [&b"one"[..], b"two"] {
        theirs.write_all(text).unwrap();
        assert_eq!(host.turn(), [chunk(number, 3)]);
        assert!(!host.is_ready(0));
    }
}

#[test]
fn a_paused_connection_is_not_reported_and_is_read_after_the_pause() {
    let host = FakeHost::new();
    let ((edge, mut edge_peer), (level, mut level_peer)) = (tcp(), unix());
    let numbers = [host.borrow(&edge), host.borrow(&level)];
    assert!(host.watch.keeps_alive.get());
    for number in numbers {
        host.read(number, false);
    }
    assert!(!host.watch.keeps_alive.get());
    edge_peer.write_all(b"ab").unwrap();
    level_peer.write_all(b"cde").unwrap();
    arrived(&edge, 2);
    assert!(!host.is_ready(0));
    for (number, length) in numbers.into_iter().zip([2, 3]) {
        host.read(number, true);
        assert_eq!(host.turn(), [chunk(number, length)]);
    }
    assert!(host.watch.keeps_alive.get());
}

#[test]
fn bytes_and_end_of_a_peer_that_ends_during_a_pause_are_reported_after_it() {
    let host = FakeHost::new();
    let ((ours, mut theirs), (beside, _peer)) = (tcp(), tcp());
    let number = host.borrow(&ours);
    host.borrow(&beside);
    host.read(number, false);
    theirs.write_all(b"bye").unwrap();
    drop(theirs);
    until(&ours, ENDED);
    assert!(!host.is_ready(0));
    host.read(number, true);
    assert_eq!(host.turn(), [chunk(number, 3), (number, Report::Ended)]);
    assert!(!host.is_ready(0));
}

// ---- ends

#[test]
fn bytes_and_end_that_arrive_together_are_both_reported_and_the_end_once() {
    for (ours, theirs) in [tcp(), tcp()] {
        let host = FakeHost::new();
        let number = host.borrow(&ours);
        (&theirs).write_all(b"last").unwrap();
        drop(theirs);
        until(&ours, ENDED);
        let mut told = host.turn();
        while told.len() < 2 {
            told.extend(host.turn());
        }
        assert_eq!(told, [chunk(number, 4), (number, Report::Ended)]);
        // The socket's owner handles the end; the set waits for nothing more.
        assert!(!host.is_ready(0));
        assert!(!host.watch.keeps_alive.get());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_reset_is_not_read_so_that_the_owner_of_the_socket_finds_it() {
    let host = FakeHost::new();
    let ((ours, theirs), (beside, _peer)) = (tcp(), tcp());
    let number = host.borrow(&ours);
    host.borrow(&beside);
    set_socket_linger(&theirs, Some(Duration::ZERO)).unwrap();
    drop(theirs);
    until(&ours, PollFlags::ERR);
    assert_eq!(host.turn(), [(number, Report::Failed)]);
    // The set has not read the socket: a read would have consumed the error.
    assert_eq!(
        (&ours).read(&mut [0]).unwrap_err().raw_os_error(),
        Some(Errno::CONNRESET.raw_os_error())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_only_connection_is_read_without_asking_the_poller() {
    let host = FakeHost::new();
    let (ours, theirs) = tcp();
    let number = host.borrow(&ours);
    set_socket_linger(&theirs, Some(Duration::ZERO)).unwrap();
    drop(theirs);
    until(&ours, PollFlags::ERR);
    assert_eq!(host.turn(), [(number, Report::ReadFailed(Errno::CONNRESET))]);
}

#[test]
fn the_end_and_the_closing_of_an_owned_socket_are_reported() {
    let host = FakeHost::new();
    let (ours, mut theirs) = unix();
    let number = host.own(ours);
    assert!(host.watch.is_started.get() && host.watch.keeps_alive.get());
    theirs.write_all(b"all").unwrap();
    drop(theirs);
    let mut told = host.turn();
    while told.len() < 2 {
        told.extend(host.turn());
    }
    let raw = (number, Report::Chunk { length: 3, events: 0 });
    assert_eq!(told, [raw, (number, Report::Ended)]);
    let with = |act: fn(&mut super::served::Owned)| {
        host.set(|set| set.with(number, |served| served.as_owned().map(act)));
    };
    with(|owned| assert!(!owned.push(&[b"nobody reads this"])));
    assert_eq!(host.turn(), [(number, Report::SocketEvents(SocketEvents::FAILED))]);
    with(super::served::Owned::close);
    assert_eq!(host.turn(), [(number, Report::SocketEvents(SocketEvents::CLOSED))]);
    assert!(host.set(|set| set.at(number).is_none()).unwrap());
    assert!(!host.watch.is_started.get() && !host.watch.keeps_alive.get());
}

#[test]
fn a_panic_of_the_parser_fails_one_connection_only() {
    let host = FakeHost::new();
    let ((ours, mut theirs), (other, mut other_peer)) = (unix(), unix());
    let (number, other_number) = (host.borrow(&ours), host.borrow(&other));
    host.sessions.borrow_mut()[0].panics = true;
    theirs.write_all(b"x").unwrap();
    other_peer.write_all(b"yz").unwrap();
    let mut told = host.turn();
    told.sort_by_key(|(number, _)| *number);
    assert_eq!(told, [(number, Report::Failed), chunk(other_number, 2)]);
}

// ---- output

#[test]
fn the_dirty_list_is_written_in_order_when_the_turn_ends() {
    let host = FakeHost::new();
    let ((ours, mut theirs), (other, mut other_peer)) = (unix(), unix());
    let (number, other_number) = (host.borrow(&ours), host.borrow(&other));
    host.listen(|host, _, _| {
        assert_eq!(host.dirty_list[2].get(), 1, "nobody says that a turn is going on");
        host.unsent(0, b"first ");
        host.unsent(1, b"second");
        host.mark_dirty(&[0, -1, 1]);
    });
    theirs.write_all(b"x").unwrap();
    assert_eq!(host.turn(), [chunk(number, 1)]);
    let [count, round, serving, ..] = &host.dirty_list;
    assert_eq!((count.get(), round.get(), serving.get()), (0, 1, 0));
    let mut bytes = [0; 6];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"first ");
    other_peer.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"second");
    // After the output of a session, a message that is not copied.
    host.unsent(1, b"head");
    let rest = host.set(|set| {
        set.with(other_number, |served| host.session(1, |session| served.write(session, b"er")))
    });
    assert_eq!(rest.flatten().flatten(), Some(0));
    other_peer.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"header");
    assert_eq!(host.set(|set| set.at(other_number).unwrap().written()), Some(12.0));
}

#[test]
fn output_that_the_kernel_does_not_take_stays_in_order_and_is_reported() {
    let host = FakeHost::new();
    let (ours, mut theirs) = unix();
    let number = host.borrow(&ours);
    let lots: Vec<u8> = (0..4 << 20).map(|at: u32| (at / 1000) as u8).collect();
    host.unsent(0, &lots);
    host.listen(|host, _, report| {
        if matches!(report, Report::Chunk { .. }) {
            host.mark_dirty(&[0]);
        }
    });
    theirs.write_all(b"x").unwrap();
    let told = host.turn();
    let [(_, Report::Chunk { .. }), (_, Report::Unwritten(rest))] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(host.sessions.borrow()[0].unsent.len(), rest);
    let mut received = Vec::new();
    while received.len() < lots.len() {
        let mut bytes = vec![0; 1 << 20];
        let length = theirs.read(&mut bytes).unwrap();
        received.extend_from_slice(&bytes[..length]);
        host.set(|set| set.write(&host, number));
    }
    assert!(received == lots);
}

#[test]
fn an_owned_socket_reports_when_its_queue_is_written() {
    let host = FakeHost::new();
    let (ours, mut theirs) = unix();
    let number = host.own(ours);
    let lots = vec![7; 4 << 20];
    let push = |bytes: &[u8]| {
        let pushed =
            host.set(|set| set.with(number, |served| served.as_owned().unwrap().push(&[bytes])));
        pushed.flatten().unwrap()
    };
    assert!(!push(&lots));
    assert!(!host.is_ready(0));
    let mut bytes = vec![0; lots.len()];
    let mut at = 0;
    let mut told = Vec::new();
    while at < bytes.len() {
        at += theirs.read(&mut bytes[at..]).unwrap();
        if told.is_empty() && host.is_ready(0) {
            told = host.turn();
        }
    }
    if told.is_empty() {
        told = host.turn();
    }
    assert_eq!(told, [(number, Report::SocketEvents(SocketEvents::FLUSHED))]);
    assert!(bytes == lots && push(b"x"));
}

// ---- listeners that do something to connections

#[test]
fn a_reused_number_does_not_inherit_readiness() {
    let host = FakeHost::new();
    let pairs = [unix(), unix()];
    for (ours, theirs) in &pairs {
        host.borrow(ours);
        (&*theirs).write_all(b"x").unwrap();
    }
    let (fresh, mut fresh_peer) = unix();
    fresh_peer.write_all(b"fresh").unwrap();
    let is_done = Cell::new(false);
    host.listen(move |host, key, _| {
        if !is_done.replace(true) {
            let other = 1 - key.number;
            host.remove(other);
            assert_eq!(host.borrow(&fresh), other);
        }
    });
    let told = host.turn();
    let [(first, _)] = told[..] else { panic!("{told:?}") };
    assert_eq!(host.turn(), [chunk(1 - first, 5)]);
    assert_eq!(host.received(2), b"fresh");
}

#[test]
fn a_listener_that_runs_the_loop_receives_of_the_ready_connections() {
    let host = FakeHost::new();
    // Edge-triggered: the poller reports each connection only once.
    let pairs = [tcp(), tcp(), tcp()];
    for (ours, theirs) in &pairs {
        host.borrow(ours);
        (&*theirs).write_all(b"x").unwrap();
        arrived(ours, 1);
    }
    let is_done = Cell::new(false);
    host.listen(move |host, _, _| {
        if !is_done.replace(true) {
            reenter(host);
            assert!(host.is_ready(0));
            turn(host, &());
            assert_eq!((host.told.borrow().len(), host.watch.turns.get()), (3, 1));
        }
    });
    assert_eq!(host.turn().len(), 3);
    assert_eq!(host.reentries.get(), 1);
    assert!(!host.is_ready(0));
    assert_eq!([0, 1, 2].map(|session| host.received(session)), [b"x", b"x", b"x"]);
}

#[test]
fn nothing_is_watched_after_the_last_connection_is_removed() {
    let host = FakeHost::new();
    let (ours, mut theirs) = unix();
    let number = host.borrow(&ours);
    theirs.write_all(b"x").unwrap();
    assert!(host.watch.is_started.get() && host.is_ready(0));
    host.remove(number);
    assert!(!host.watch.is_started.get() && !host.is_ready(0));
    assert!(!host.watch.keeps_alive.get());
}

// ---- landing

#[test]
fn a_long_message_is_read_to_memory_that_is_lent_piece_by_piece() {
    let host = FakeHost::new();
    let (ours, mut theirs) = unix();
    let number = host.borrow(&ours);
    let message: Vec<u8> = (0..5000).map(|at: u32| (at / 20) as u8).collect();
    host.sessions.borrow_mut()[0].landing = Some(Landing { held: 100, missing: 4900 });
    let lend = |host: &FakeHost, number, memory: Vec<u8>| {
        host.set(|set| set.with(number, |served| served.lend(host, Box::new(memory))));
    };
    let mut memory = message[..100].to_vec();
    memory.resize(200, 0);
    lend(&host, number, memory);
    host.listen(move |host, key, report| {
        if let Report::MemoryWanted(bytes) = report {
            lend(host, key.number, vec![0; bytes as usize]);
        }
    });
    theirs.write_all(&message[100..]).unwrap();
    let mut told = host.turn();
    while host.received(0).is_empty() {
        told.extend(host.turn());
    }
    assert_eq!(told[0], (number, Report::Chunk { length: 100, events: 0 }));
    // At most 16 times the bytes that have arrived.
    assert_eq!(told[1], (number, Report::MemoryWanted(3200)));
    let Some((_, Report::Landed { .. })) = told.last() else { panic!("{told:?}") };
    assert!(host.received(0) == message);
}

#[test]
fn landed_bytes_return_to_the_session_when_chunks_are_to_be_unparsed() {
    let host = FakeHost::new();
    let (ours, mut theirs) = unix();
    let number = host.borrow(&ours);
    host.sessions.borrow_mut()[0].landing = Some(Landing { held: 2, missing: 10 });
    host.set(|set| {
        set.with(number, |served| served.lend(&host, Box::new(b"ab----------".to_vec())))
    });
    theirs.write_all(b"cd").unwrap();
    assert_eq!(host.turn(), [(number, Report::Chunk { length: 2, events: 0 })]);
    host.set(|set| set.with(number, |served| served.set_raw(&host, true)));
    assert_eq!(host.sessions.borrow()[0].cancelled.as_deref(), Some(&b"abcd"[..]));
    theirs.write_all(b"efg").unwrap();
    assert_eq!(host.turn(), [(number, Report::Chunk { length: 3, events: 0 })]);
    assert_eq!(&host.slab.borrow()[..3], b"efg");
}
