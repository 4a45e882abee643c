//! A driver of a connection, as the JavaScript layer is one: it opens what is ready to be opened, does the jobs
//! it is given on the spot, settles verdicts, and writes down what a listener would hear.

use faye_websocket_rs::proto::connection::{Connection, Settlement, State};
use faye_websocket_rs::proto::hybi::{Landing, frame::Opcode};
use faye_websocket_rs::proto::{CloseCode, Encoding, Event, Output, Progress, Status};

use crate::Fixed;

/// What happened, with a copy of every payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Encoded {
        payload: Vec<u8>,
        opcode: u8,
        rsv: u8,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A client's handshake: the subprotocol, or what is wrong, and the response's status.
    Answered(Result<Option<String>, String>, Option<u16>),
    Closed(Option<(u16, String)>),
    Failed(u16, String),
}

/// A connection and what was heard on it.
pub struct Listener {
    pub connection: Connection,
    pub heard: Vec<Heard>,
    /// What the connection wrote by itself.
    pub wire: Vec<u8>,
    /// Says goodbye when the first message has come.
    pub leaves_early: bool,
    max_length: u64,
    max_events: usize,
    out: Output,
    landing: Option<Vec<u8>>,
}

impl Listener {
    pub fn new(connection: Connection, max_length: u64, max_events: usize) -> Self {
        Self {
            connection,
            heard: Vec::new(),
            wire: Vec::new(),
            leaves_early: false,
            max_length,
            max_events,
            out: Output::default(),
            landing: None,
        }
    }

    /// Takes one chunk of the peer's.
    pub fn receive(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some(length) = self.land(rest) {
            rest = &rest[length..];
            if rest.is_empty() && self.landing.is_some() {
                return;
            }
        }
        self.parse(rest);
        assert!(self.out.wire.is_empty());
        assert!(self.wire.len() <= 16 + 2 + 127, "{} bytes that nobody asked for", self.wire.len());
    }

    fn parse(&mut self, chunk: &[u8]) {
        let mut chunk = chunk.to_vec();
        let mut at = 0;
        loop {
            let progress = self.connection.receive(&mut chunk, at, &mut self.out);
            assert!((at..=chunk.len()).contains(&progress.consumed), "{progress:?} from {at}");
            assert!(self.out.events.len() <= self.max_events);
            at = progress.consumed;
            if progress.status == Status::Landing {
                self.collect(&chunk[at..]);
            }
            if !self.react(progress, &chunk) {
                break;
            }
        }
    }

    /// Whether there is more to be parsed.
    fn react(&mut self, progress: Progress, chunk: &[u8]) -> bool {
        self.wire.append(&mut self.out.wire);
        for event in std::mem::take(&mut self.out.events) {
            self.hear(event, chunk);
        }
        self.out.clear_events();
        match progress.status {
            Status::NeedMore | Status::Landing => return false,
            Status::Full => {}
            Status::Busy => {
                let mut job = self.connection.take_inflation().expect("a job");
                job.run();
                self.connection.inflated(*job);
            }
            Status::Handshake => self.open(),
            Status::Verdict => self.settle(),
        }
        true
    }

    fn hear(&mut self, event: Event, chunk: &[u8]) {
        let bytes = |span: faye_websocket_rs::proto::Span| span.bytes(chunk, &self.out).to_vec();
        let is_open = self.connection.state() == State::Open;
        let heard = match event {
            Event::Text(span, encoding) => {
                let payload = bytes(span);
                match encoding {
                    Encoding::Ascii => assert!(payload.is_ascii()),
                    Encoding::Utf8 => assert!(std::str::from_utf8(&payload).is_ok()),
                    Encoding::Lenient => {}
                }
                Heard::Text(payload)
            }
            Event::Binary(span) => Heard::Binary(bytes(span)),
            Event::Encoded { span, opcode, rsv } => {
                Heard::Encoded { payload: bytes(span), opcode, rsv }
            }
            Event::Part { .. } => unreachable!("nobody has asked for parts"),
            Event::Ping(span) => Heard::Ping(bytes(span)),
            Event::Pong(span) => Heard::Pong(bytes(span)),
        };
        match &heard {
            Heard::Ping(_) | Heard::Pong(_) => self.heard.push(heard),
            // What was parsed ahead of our goodbye is dropped by the driver.
            _ if !is_open => {}
            Heard::Text(payload) | Heard::Binary(payload) | Heard::Encoded { payload, .. } => {
                assert!(payload.len() as u64 <= self.max_length);
                self.heard.push(heard);
                if self.leaves_early {
                    self.connection.begin_closing();
                }
            }
            _ => unreachable!("events are messages, pings and pongs"),
        }
    }

    fn open(&mut self) {
        if let Some(answer) = self.connection.take_answer() {
            let status = answer.response.map(|response| response.status);
            let failed = answer.outcome.is_err();
            self.heard.push(Heard::Answered(answer.outcome, status));
            if failed {
                return self.conclude();
            }
        }
        self.connection.open();
    }

    fn settle(&mut self) {
        let heard = match self.connection.settle() {
            Settlement::PassedOver => return,
            Settlement::Close(closing) => {
                Heard::Closed(closing.map(|(CloseCode(code), reason)| (code, reason)))
            }
            Settlement::Fail(error) => Heard::Failed(error.code().0, error.to_string()),
        };
        self.heard.push(heard);
        self.conclude();
    }

    fn conclude(&mut self) {
        self.connection.conclude(&mut Fixed, &mut self.out);
        self.wire.append(&mut self.out.wire);
        let sent = self.connection.send(Opcode::Text, 0, b"late", &mut Fixed, &mut self.out);
        assert!(!sent, "a message after the end");
    }

    // ---- memory of ours

    /// Keeps the first bytes of a message that is ours to join.
    fn collect(&mut self, bytes: &[u8]) {
        let Landing { held, missing } = self.connection.landing().expect("it lands");
        assert_eq!(held, bytes.len());
        let mut memory = bytes.to_vec();
        memory.resize(held.saturating_add(missing.min(1 << 16)), 0);
        self.landing = Some(memory);
    }

    /// Takes bytes of that message; returns how many.
    fn land(&mut self, rest: &[u8]) -> Option<usize> {
        let mut memory = self.landing.take()?;
        // Abandoned when the message is.
        let Landing { held, missing } = self.connection.landing()?;
        if memory.len() == held {
            // Larger than is worth the memory here.
            self.connection.cancel_landing(&memory);
            return None;
        }
        let length = rest.len().min(missing).min(memory.len() - held);
        if length == 0 {
            self.landing = Some(memory);
            return Some(0);
        }
        memory[held..held + length].copy_from_slice(&rest[..length]);
        let progress = self.connection.landed(&mut memory, length, &mut self.out);
        let is_complete = !self.out.events.is_empty();
        self.react(progress, &memory);
        // Half of the time the driver has to have it back.
        if !is_complete && held % 2 == 1 {
            self.connection.cancel_landing(&memory);
        } else if !is_complete {
            self.landing = Some(memory);
        }
        Some(length)
    }
}
