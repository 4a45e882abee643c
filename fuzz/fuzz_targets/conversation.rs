//! Two of ours that speak in turns, with the network between them holding bytes back: messages, pings, closes from
//! either side or both, messages that are compressed aside meanwhile, extensions outside the core.

#![no_main]

use faye_websocket_rs::proto::connection::State;
use faye_websocket_rs::proto::hybi::DeflateJob;
use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::{CloseCode, Output};
use faye_websocket_rs_fuzz::{Fixed, Heard, Listener, Plan, Wishes, pair};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Scenario {
    client: Option<Wishes>,
    server: Option<Wishes>,
    /// Extensions outside the core, which claim every reserved bit; then nothing is compressed.
    outside: bool,
    plan: [u8; 4],
    steps: Vec<(Side, Step)>,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Side {
    Client,
    Server,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Text(String, u8),
    Binary(Vec<u8>, u8),
    /// A text that compresses, so many times.
    Long(String, u16),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Begins to compress aside, or ends it.
    Aside(Vec<u8>),
    Return,
    /// As many bytes as there are reach this side.
    Receive(u16),
    Close(u16, String),
}

struct End {
    listener: Listener,
    /// Bytes that have not reached the other end.
    wire: Vec<u8>,
    /// Messages that left, as the other end must hear them.
    sent: Vec<Heard>,
    job: Option<(DeflateJob, Vec<u8>)>,
    /// Its own goodbye.
    goodbye: Option<u16>,
    outside: bool,
}

impl End {
    fn new(mut listener: Listener, outside: bool) -> Self {
        if outside {
            listener.connection.decode_outside(7);
        }
        Self { listener, wire: Vec::new(), sent: Vec::new(), job: None, goodbye: None, outside }
    }

    fn send(&mut self, opcode: Opcode, rsv: u8, payload: Vec<u8>) {
        let rsv = if self.outside && opcode.is_opening() { rsv % 8 } else { 0 };
        let mut out = Output::default();
        let is_sent = self.listener.connection.send(opcode, rsv, &payload, &mut Fixed, &mut out);
        assert_eq!(is_sent, !out.wire.is_empty());
        self.wire.append(&mut out.wire);
        if is_sent && opcode.is_opening() {
            self.has_sent(opcode, rsv, payload);
        }
    }

    fn has_sent(&mut self, opcode: Opcode, rsv: u8, payload: Vec<u8>) {
        self.sent.push(match opcode {
            _ if self.outside => Heard::Encoded { payload, opcode: opcode as u8, rsv },
            Opcode::Text => Heard::Text(payload),
            _ => Heard::Binary(payload),
        });
    }

    fn compress_aside(&mut self, bytes: &[u8]) {
        if self.job.is_some() || self.outside {
            return;
        }
        if let Some(job) = self.listener.connection.take_deflation(Opcode::Binary, bytes.to_vec()) {
            self.job = Some((job, bytes.to_vec()));
        }
    }

    fn take_back(&mut self) {
        let Some((mut job, payload)) = self.job.take() else { return };
        job.run();
        let mut out = Output::default();
        self.listener.connection.deflated(job, &mut Fixed, &mut out);
        if !out.wire.is_empty() {
            self.has_sent(Opcode::Binary, 0, payload);
        }
        self.wire.append(&mut out.wire);
    }

    fn close(&mut self, code: u16, reason: &str) {
        if self.listener.connection.state() != State::Open {
            return;
        }
        // As the JavaScript layer: what is still being compressed goes first.
        self.take_back();
        let code = 3000 + code % 2000;
        let mut out = Output::default();
        self.listener.connection.begin_closing();
        self.listener.connection.send_close(
            CloseCode(code),
            reason.as_bytes(),
            &mut Fixed,
            &mut out,
        );
        self.wire.append(&mut out.wire);
        self.goodbye = Some(code);
    }

    fn receive(&mut self, chunk: &[u8]) {
        let before = self.listener.heard.len();
        self.listener.receive(chunk);
        self.wire.append(&mut self.listener.wire);
        let heard = self.listener.heard[before..].to_vec();
        for event in heard {
            match event {
                Heard::Ping(payload) => self.send(Opcode::Pong, 0, payload),
                Heard::Encoded { payload, opcode, .. } if opcode == Opcode::Text as u8 => {
                    assert!(self.listener.connection.check_decoded(Opcode::Text, &payload));
                }
                Heard::Failed(code, text) => panic!("failed with {code} {text}"),
                _ => {}
            }
        }
    }

    fn messages(&self) -> Vec<&Heard> {
        let is_message = |heard: &&Heard| {
            matches!(heard, Heard::Text(_) | Heard::Binary(_) | Heard::Encoded { .. })
        };
        self.listener.heard.iter().filter(is_message).collect()
    }

    fn closes(&self) -> Vec<u16> {
        let code = |heard: &Heard| match heard {
            Heard::Closed(Some((code, _))) => Some(*code),
            _ => None,
        };
        self.listener.heard.iter().filter_map(code).collect()
    }
}

fn step(own: &mut End, other: &mut End, step: Step) {
    match step {
        Step::Text(text, rsv) => own.send(Opcode::Text, rsv, text.into_bytes()),
        Step::Binary(bytes, rsv) => own.send(Opcode::Binary, rsv, bytes),
        Step::Long(text, times) if text.len() * usize::from(times) < 1 << 17 => {
            own.send(Opcode::Text, 0, text.repeat(times.into()).into_bytes());
        }
        Step::Long(..) => {}
        Step::Ping(bytes) => own.send(Opcode::Ping, 0, bytes),
        Step::Pong(bytes) => own.send(Opcode::Pong, 0, bytes),
        Step::Aside(bytes) => own.compress_aside(&bytes),
        Step::Return => own.take_back(),
        Step::Receive(length) => {
            let length = usize::from(length).min(other.wire.len());
            let chunk: Vec<u8> = other.wire.drain(..length).collect();
            own.receive(&chunk);
        }
        Step::Close(code, reason) => own.close(code, &reason),
    }
}

fn check(own: &End, other: &End) {
    let heard = own.messages();
    let sent: Vec<_> = other.sent.iter().collect();
    // What comes behind our own goodbye is dropped.
    if own.goodbye.is_some() {
        assert!(sent.starts_with(&heard), "{heard:?} of {sent:?}");
    } else {
        assert_eq!(heard, sent);
    }
    let expected = other.goodbye.or(own.goodbye);
    assert_eq!(own.closes(), Vec::from_iter(expected));
    let is_over = own.listener.connection.state() == State::Closed;
    assert_eq!(is_over, expected.is_some());
}

fuzz_target!(|scenario: Scenario| {
    let Some((plan, _)) = Plan::split(&scenario.plan) else { return };
    let is_inside = !scenario.outside;
    let ours = scenario.client.as_ref().filter(|_| is_inside);
    let theirs = scenario.server.as_ref().filter(|_| is_inside);
    let (client, server) = pair(ours, theirs, &plan);
    let (mut client, mut server) =
        (End::new(client, scenario.outside), End::new(server, scenario.outside));
    for (side, each) in scenario.steps {
        match side {
            Side::Client => step(&mut client, &mut server, each),
            Side::Server => step(&mut server, &mut client, each),
        }
    }
    client.take_back();
    server.take_back();
    while !client.wire.is_empty() || !server.wire.is_empty() {
        let chunk = std::mem::take(&mut client.wire);
        server.receive(&chunk);
        let chunk = std::mem::take(&mut server.wire);
        client.receive(&chunk);
    }
    check(&client, &server);
    check(&server, &client);
});
