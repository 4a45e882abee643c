//! Opens connections and closes them again, `connections` at a time: TCP connect, upgrade, close
//! handshake, and the server's FIN. Without WebSocket it is connect, one message, FIN both ways.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr},
    time::Instant,
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    echo,
    frame::{Answers, Block, CLOSE_FRAME},
    report::{self, Tally},
    spec::{Limit, Protocol, Spec},
    stream::{self, UPGRADE_REQUEST},
};

pub fn run(spec: &Spec) -> io::Result<()> {
    let measure = spec.measure().map_err(io::Error::other)?;
    if spec.tls {
        return Err(io::Error::other("set-up is measured without TLS"));
    }
    let mut churn = Churn {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, spec.port)),
        protocol: spec.protocol,
        message: Block::new(spec.size, true, 1).bytes,
        slots: (0..spec.connections).map(|_| None).collect(),
        poll: Poll::new()?,
    };
    if let Some(limit) = spec.warm_up {
        churn.drive(limit, &mut Tally::start())?;
    }
    report::ready()?;
    let mut tally = Tally::start();
    churn.drive(measure, &mut tally)?;
    tally.finish()
}

struct Churn {
    address: SocketAddr,
    protocol: Protocol,
    message: Vec<u8>,
    slots: Vec<Option<Visit>>,
    poll: Poll,
}

/// One connection's short life.
struct Visit {
    socket: TcpStream,
    state: State,
    started: Instant,
}

enum State {
    Connecting,
    AwaitResponse(Vec<u8>),
    AwaitClose(Answers),
    AwaitEcho(usize),
    Closing,
}

impl Churn {
    fn drive(&mut self, limit: Limit, tally: &mut Tally) -> io::Result<()> {
        let (deadline, mut allowed) = limit.bounds(Instant::now());
        let mut events = Events::with_capacity(1024);
        let mut open = 0;
        for index in 0..self.slots.len() {
            if allowed > 0 {
                self.start(index)?;
                allowed -= 1;
                open += 1;
            }
        }
        while open > 0 {
            echo::poll(&mut self.poll, &mut events)?;
            for event in &events {
                let index = event.token().0;
                let Some(visit) = &mut self.slots[index] else { continue };
                if !visit.advance(self.protocol, &self.message)? {
                    continue;
                }
                tally.record(visit.started.elapsed());
                tally.messages += 1;
                self.slots[index] = None;
                if allowed > 0 && deadline.is_none_or(|deadline| Instant::now() < deadline) {
                    self.start(index)?;
                    allowed -= 1;
                } else {
                    open -= 1;
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> io::Result<()> {
        let started = Instant::now();
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(index), interest)?;
        self.slots[index] = Some(Visit { socket, state: State::Connecting, started });
        Ok(())
    }
}

impl Visit {
    /// Goes on as far as the socket allows; `true` when the server has hung up.
    fn advance(&mut self, protocol: Protocol, message: &[u8]) -> io::Result<bool> {
        if matches!(self.state, State::Connecting) {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            match self.socket.peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error),
            }
            // A fresh socket has room for these few bytes.
            match protocol {
                Protocol::Websocket => {
                    self.socket.write_all(UPGRADE_REQUEST)?;
                    self.state = State::AwaitResponse(Vec::new());
                }
                Protocol::Raw => {
                    self.socket.write_all(message)?;
                    self.state = State::AwaitEcho(message.len());
                }
            }
        }
        let mut buffer = [0; 4096];
        loop {
            let n = match self.socket.read(&mut buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            self.receive(&buffer[..n])?;
            if n == 0 {
                return Ok(true);
            }
        }
    }

    fn receive(&mut self, input: &[u8]) -> io::Result<()> {
        let early = || io::Error::other("the server hung up too early");
        match &mut self.state {
            State::Connecting => return Err(early()),
            State::AwaitResponse(head) => {
                if input.is_empty() {
                    return Err(early());
                }
                head.extend_from_slice(input);
                if head.ends_with(b"\r\n\r\n") {
                    stream::check_upgrade(head)?;
                    self.socket.write_all(&CLOSE_FRAME)?;
                    self.state = State::AwaitClose(Answers::frames());
                }
            }
            State::AwaitClose(answers) => {
                if input.is_empty() {
                    return Err(early());
                }
                answers.receive(input, None).map_err(io::Error::other)?;
                if answers.closed() {
                    self.state = State::Closing;
                }
            }
            State::AwaitEcho(missing) => {
                if input.is_empty() {
                    return Err(early());
                }
                *missing = missing.saturating_sub(input.len());
                if *missing == 0 {
                    self.socket.shutdown(Shutdown::Write)?;
                    self.state = State::Closing;
                }
            }
            State::Closing => {}
        }
        Ok(())
    }
}
