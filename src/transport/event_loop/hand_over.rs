//! Tests of dialled connections that are handed from the dialling thread to the event loop. Bytes
//! that have arrived before the loop watches the descriptor are read, whether the kernel, the TLS
//! session or the parser of the proxy's response holds them; no connection waits for an event that
//! has already occurred.

use std::cell::{Cell, RefCell, RefMut};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::DerefMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::dirty_list::DirtyList;
use super::served::Served;
use super::{Host, LoopSet, Report, Watcher, turn};
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::http::Headers;
use crate::proto::hybi::Landing;
use crate::proto::sessions::ServedSession;
use crate::proto::slots::Key;
use crate::transport::dial::Target;
use crate::transport::dialling::{DialState, Dialling};
use crate::transport::doorbell::Doorbell;
use crate::transport::route::{Proxy, Route, Tls};
use crate::transport::tls::{Connector, Setup};

/// A test that waits longer has lost a wake-up.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

fn wait(descriptor: &impl AsFd) {
    let mut fds = [PollFd::new(descriptor, PollFlags::IN)];
    let ready = poll(&mut fds, Some(&PATIENCE)).expect("poll");
    assert_eq!(ready, 1, "nobody was woken");
}

// ---- the JavaScript thread

#[derive(Default)]
struct Watch {
    has_started: Cell<bool>,
}

impl Watcher for Watch {
    fn start(&self) -> bool {
        self.has_started.set(true);
        true
    }
    fn stop(&self) {
        self.has_started.set(false);
    }
    fn set_ref(&self, _: bool) {}
    fn enter(&self) {}
    fn leave(&self) {}
}

/// There are no sessions: chunks are reported unparsed.
enum NoSession {}

impl ServedSession for NoSession {
    fn receive(&mut self, _: &mut [u8]) -> u32 {
        match *self {}
    }
    fn landing(&self) -> Option<Landing> {
        match *self {}
    }
    fn landed(&mut self, _: &mut [u8], _: usize) -> u32 {
        match *self {}
    }
    fn cancel_landing(&mut self, _: &[u8]) {
        match *self {}
    }
    fn wire(&mut self) -> &mut Vec<u8> {
        match *self {}
    }
    fn forget_wire(&mut self) {
        match *self {}
    }
}

/// What the loop has reported of a connection.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    bytes: Vec<u8>,
    has_ended: bool,
}

struct Script {
    set: RefCell<LoopSet<Self>>,
    /// The descriptor that the event loop would watch.
    awaited: OwnedFd,
    /// Of each connection, by its number.
    heard: RefCell<Vec<Heard>>,
}

impl Host for Script {
    type Tag = RefCell<Vec<u8>>;
    type Scope = ();
    type Memory = Box<[u8]>;
    type Watcher = Watch;
    type Session<'a> = NoSession;

    fn set<R>(&self, act: impl FnOnce(&mut LoopSet<Self>) -> R) -> Option<R> {
        Some(act(&mut self.set.borrow_mut()))
    }
    fn session<R>(&self, _: u32, _: impl FnOnce(&mut NoSession) -> R) -> Option<R> {
        None
    }
    fn slab(tag: &Self::Tag) -> impl DerefMut<Target = [u8]> {
        RefMut::map(tag.borrow_mut(), Vec::as_mut_slice)
    }
    fn report(&self, (): &(), key: Key, report: Report) {
        let heard = &mut self.heard.borrow_mut()[key.number as usize];
        match report {
            Report::Chunk { length, .. } => {
                let mut set = self.set.borrow_mut();
                let served = set.get(key).expect("the connection");
                heard.bytes.extend_from_slice(&served.tag.borrow()[..length]);
            }
            Report::Ended => heard.has_ended = true,
            other => unreachable!("{other:?}"),
        }
    }
    fn report_reentry(&self) {}
    fn dirty_lists(&self, _: impl FnMut(DirtyList<'_>)) {}
}

impl Script {
    fn new() -> Self {
        let mut awaited = None;
        let set = LoopSet::open(|descriptor: BorrowedFd<'_>| {
            awaited = descriptor.try_clone_to_owned().ok();
            Some(Watch::default())
        });
        Self {
            set: RefCell::new(set.expect("a set")),
            awaited: awaited.expect("a descriptor"),
            heard: RefCell::default(),
        }
    }

    /// Adds an established connection to the loop, and returns its number.
    fn take_over(&self, dialling: &Dialling) -> u32 {
        let established = dialling.take_connection().expect("a connection");
        // A short slab, so that long input takes several turns.
        let slab = RefCell::new(vec![0; 4096]);
        let served = Served::owned(slab, established.stream, true);
        let number = self.set.borrow_mut().insert(served).expect("a loop");
        let mut heard = self.heard.borrow_mut();
        let length = heard.len().max(number as usize + 1);
        heard.resize_with(length, Heard::default);
        number
    }

    fn read(&self, number: u32) {
        assert!(self.set.borrow_mut().set_reading(number, true));
    }

    /// Runs the loop until `bytes` bytes have been reported, and with `has_ended` also the end.
    fn run_until(&self, number: u32, bytes: usize, has_ended: bool) {
        loop {
            {
                let heard = &self.heard.borrow()[number as usize];
                if heard.bytes.len() >= bytes && (heard.has_ended || !has_ended) {
                    return;
                }
            }
            wait(&self.awaited);
            turn(self, &());
        }
    }
}

// ---- the dialling thread

struct Bell(Sender<()>);

impl Doorbell for Bell {
    fn ring(&self) {
        // Fails once the test is over and has dropped the receiver.
        let _ = self.0.send(());
    }
}

/// Dials, consents to the certificate, and returns once the connection is established.
fn dial(route: Route) -> Dialling {
    let (bell, rung): (_, Receiver<()>) = channel();
    let mut dialling = Dialling::new(route, Box::new(Bell(bell)));
    dialling.begin();
    loop {
        let waited = rung.recv_timeout(std::time::Duration::from_secs(20));
        waited.expect("nobody has rung");
        match dialling.state() {
            DialState::Nothing => {}
            DialState::Credentials => {
                dialling.take_credentials().expect("a certificate");
                dialling.give_consent();
            }
            DialState::Connection => return dialling,
            DialState::Failure => {
                unreachable!("{:?}", dialling.take_failure());
            }
            DialState::End => unreachable!("the end"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Layers {
    Plain,
    Tls(&'static str),
    /// Through a proxy, which sends the first bytes of the server together with its response.
    Tunnel,
}

const LAYERS: [Layers; 4] =
    [Layers::Plain, Layers::Tls("TLSv1.2"), Layers::Tls("TLSv1.3"), Layers::Tunnel];

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("__test__/fixtures/tls").join(name)
}

fn route(layers: Layers, address: SocketAddr) -> Route {
    let target = Target::Host { host: address.ip().to_string(), port: address.port() };
    let mut route = Route { target, proxy: None, tls: None, timeout: None };
    match layers {
        Layers::Plain => {}
        Layers::Tls(version) => {
            let roots = std::fs::read(fixture("ca.crt")).expect("certificates");
            let connector = Connector::new(&Setup {
                roots: &roots,
                identity: None,
                verify: true,
                sni: true,
                min_version: "TLSv1.2",
                max_version: version,
                ciphers: "DEFAULT",
                suites: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
                security_level: 1,
                groups: None,
                signatures: None,
            });
            let connector = connector.unwrap_or_else(|_| unreachable!("options of ours"));
            route.tls = Some(Tls { connector, name: "localhost".to_owned() });
        }
        Layers::Tunnel => {
            let mut handshake = ProxyHandshake::new("server", 80, "server", "ws://server/", None);
            let mut request = Vec::new();
            handshake.request(&Headers::new(), &mut request);
            let target = Target::Host { host: "server".to_owned(), port: 80 };
            let target = std::mem::replace(&mut route.target, target);
            route.proxy = Some(Proxy { target, tls: None, handshake, request });
        }
    }
    route
}

// ---- the server

/// What a server does after it has accepted a connection.
#[derive(Clone, Copy, Debug)]
enum Manners {
    /// Sends so many bytes and keeps the connection open.
    Greets(usize),
    /// Sends so many bytes and ends its direction.
    GreetsAndLeaves(usize),
    /// Sends so many bytes after it has received a request.
    Answers(usize),
}

fn words(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8).collect()
}

fn speak(stream: &mut (impl Read + Write), manners: Manners, before: &[u8]) {
    if let Manners::Answers(_) = manners {
        stream.write_all(before).expect("a reader");
        stream.read_exact(&mut [0; 5]).expect("a question");
    }
    let (Manners::Greets(length) | Manners::GreetsAndLeaves(length) | Manners::Answers(length)) =
        manners;
    let is_first = !matches!(manners, Manners::Answers(_));
    let before = if is_first { before } else { &[] };
    stream.write_all(&[before, &words(length)].concat()).expect("a reader");
}

/// Serves one connection. `has_spoken` receives once all bytes are written; the connection is kept
/// until `leave` is called.
struct Server {
    address: SocketAddr,
    has_spoken: Receiver<()>,
    leave: Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    fn new(layers: Layers, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (spoken, has_spoken) = channel();
        let (leave, told_to_leave): (_, Receiver<()>) = channel();
        let thread = thread::spawn(move || {
            let (socket, _) = listener.accept().expect("a client");
            socket.set_nodelay(true).expect("a setting");
            serve(socket, layers, manners, &spoken, &told_to_leave);
        });
        Self { address, has_spoken, leave, thread }
    }

    fn leave(self) {
        let _ = self.leave.send(());
        self.thread.join().expect("a server without a fault");
    }
}

fn serve(
    mut socket: TcpStream,
    layers: Layers,
    manners: Manners,
    spoken: &Sender<()>,
    told_to_leave: &Receiver<()>,
) {
    let leaves = matches!(manners, Manners::GreetsAndLeaves(_));
    match layers {
        Layers::Plain => speak(&mut socket, manners, b""),
        Layers::Tunnel => {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).expect("a request");
                request.push(byte[0]);
            }
            speak(&mut socket, manners, b"HTTP/1.1 200 OK\r\n\r\n");
        }
        Layers::Tls(_) => {
            let acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server());
            let mut acceptor = acceptor.expect("an acceptor");
            acceptor.set_certificate_chain_file(fixture("server.crt")).expect("a certificate");
            acceptor.set_private_key_file(fixture("server.key"), SslFiletype::PEM).expect("a key");
            let mut stream = acceptor.build().accept(socket).expect("a handshake");
            speak(&mut stream, manners, b"");
            if leaves {
                stream.shutdown().expect("close_notify");
                stream.get_ref().shutdown(Shutdown::Write).expect("an end");
            }
            let _ = spoken.send(());
            let _ = told_to_leave.recv();
            return;
        }
    }
    if leaves {
        socket.shutdown(Shutdown::Write).expect("an end");
    }
    let _ = spoken.send(());
    let _ = told_to_leave.recv();
}

/// Less than a TLS record, more than one record, and more than one turn reads.
const LENGTHS: [usize; 4] = [1, 129, 20_000, 150_000];

/// Runs `act` with a loop without other connections, and with one that has a silent connection.
fn alone_and_beside_another(act: impl Fn(&Script)) {
    act(&Script::new());
    let script = Script::new();
    let silent = Server::new(Layers::Plain, Manners::Greets(0));
    let other = script.take_over(&dial(route(Layers::Plain, silent.address)));
    script.read(other);
    act(&script);
    silent.leave();
}

#[test]
fn bytes_that_arrived_before_the_hand_over_are_read() {
    for layers in LAYERS {
        for length in LENGTHS {
            for leaves in [false, true] {
                alone_and_beside_another(|script| {
                    let manners = if leaves {
                        Manners::GreetsAndLeaves(length)
                    } else {
                        Manners::Greets(length)
                    };
                    let server = Server::new(layers, manners);
                    let dialling = dial(route(layers, server.address));
                    // The server can write the shorter ones without a reader.
                    if length < 50_000 {
                        server.has_spoken.recv().expect("a server");
                    }
                    let number = script.take_over(&dialling);
                    script.read(number);
                    script.run_until(number, length, leaves);
                    let heard = &script.heard.borrow()[number as usize];
                    let expected = Heard { bytes: words(length), has_ended: leaves };
                    assert!(*heard == expected, "{layers:?} {length} {leaves}");
                    server.leave();
                });
            }
        }
    }
}

#[test]
fn bytes_that_arrive_during_a_pause_are_read_afterwards() {
    for layers in LAYERS {
        alone_and_beside_another(|script| {
            let server = Server::new(layers, Manners::GreetsAndLeaves(20_000));
            let number = script.take_over(&dial(route(layers, server.address)));
            server.has_spoken.recv().expect("a server");
            script.read(number);
            assert!(script.set.borrow_mut().set_reading(number, false));
            script.read(number);
            script.run_until(number, 20_000, true);
            assert!(script.heard.borrow()[number as usize].bytes == words(20_000), "{layers:?}");
            server.leave();
        });
    }
}

/// As in a handshake: the request is written when the connection is handed over, and the response
/// arrives before the first read, or after it.
#[test]
fn the_response_to_a_request_of_the_hand_over_is_read() {
    for layers in LAYERS {
        for waits in [false, true] {
            for length in LENGTHS {
                alone_and_beside_another(|script| {
                    let server = Server::new(layers, Manners::Answers(length));
                    let number = script.take_over(&dial(route(layers, server.address)));
                    script.read(number);
                    let pushed = script.set.borrow_mut().with(number, |served| {
                        served.as_owned().map(|owned| owned.push(&[b"hello"]))
                    });
                    assert_eq!(pushed, Some(Some(true)));
                    if waits && length < 50_000 {
                        server.has_spoken.recv().expect("a server");
                    }
                    script.run_until(number, length, false);
                    assert!(
                        script.heard.borrow()[number as usize].bytes == words(length),
                        "{layers:?} {length}"
                    );
                    server.leave();
                });
            }
        }
    }
}

/// Many connections at a time.
#[test]
fn connections_handed_over_together_all_receive_their_response() {
    for layers in LAYERS {
        let script = Script::new();
        let dialled: Vec<_> = (0..24)
            .map(|_| {
                let server = Server::new(layers, Manners::Answers(129));
                (
                    thread::spawn({
                        let address = server.address;
                        move || dial(route(layers, address))
                    }),
                    server,
                )
            })
            .collect();
        let mut numbers = Vec::new();
        for (dialling, server) in dialled {
            let number = script.take_over(&dialling.join().expect("a connection"));
            script.read(number);
            script
                .set
                .borrow_mut()
                .with(number, |served| served.as_owned().map(|owned| owned.push(&[b"hello"])));
            numbers.push((number, server));
        }
        for (number, server) in numbers {
            script.run_until(number, 129, false);
            server.leave();
        }
    }
}
