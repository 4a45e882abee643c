//! Closed loop: every connection keeps `depth` messages in flight.

use std::{collections::VecDeque, io, time::Instant};

use mio::{Events, Poll};

use crate::{
    connection::{self, Connection},
    frame::Block,
    report::{self, Tally},
    spec::{Limit, Spec},
};

pub fn run(spec: &Spec) -> io::Result<()> {
    let measure = spec.measure().map_err(io::Error::other)?;
    let block = Block::new(spec.size, spec.binary, spec.depth);
    let poll = Poll::new()?;
    let connections = Connection::open_all(spec, &poll, &block)?;
    let mut load = Load {
        in_flight: vec![VecDeque::with_capacity(spec.depth); connections.len()],
        connections,
        block,
        depth: spec.depth,
        poll,
        events: Events::with_capacity(1024),
        buffer: connection::read_buffer(),
    };
    if let Some(limit) = spec.warm_up {
        load.drive(limit, true, &mut Tally::start())?;
    }
    report::ready()?;
    let mut tally = Tally::start();
    load.drive(measure, false, &mut tally)?;
    tally.finish()
}

struct Load {
    connections: Vec<Connection>,
    /// Per connection, when each unanswered message was sent.
    in_flight: Vec<VecDeque<Instant>>,
    block: Block,
    depth: usize,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
}

impl Load {
    /// Sends until `limit`, then returns when the last answer has come.
    fn drive(&mut self, limit: Limit, verify: bool, tally: &mut Tally) -> io::Result<()> {
        let start = Instant::now();
        let (deadline, mut allowed) = limit.bounds(start);
        let mut outstanding = 0_u64;
        for (connection, sent_at) in self.connections.iter_mut().zip(&mut self.in_flight) {
            let count = allowed.min(self.depth as u64);
            allowed -= count;
            outstanding += count;
            sent_at.extend((0..count).map(|_| Instant::now()));
            connection.queue(count as usize, &self.block);
            connection.flush(&self.block)?;
        }
        while outstanding > 0 {
            poll(&mut self.poll, &mut self.events)?;
            for event in &self.events {
                let index = event.token().0;
                let connection = &mut self.connections[index];
                if event.is_readable() || event.is_error() {
                    let expected = verify.then_some(self.block.payload.as_slice());
                    let complete = connection.receive(&mut self.buffer, expected)?;
                    let now = Instant::now();
                    let sent_at = &mut self.in_flight[index];
                    for _ in 0..complete {
                        let sent = sent_at.pop_front();
                        let sent = sent.ok_or_else(|| io::Error::other("an answer too many"))?;
                        tally.record(now - sent);
                    }
                    tally.messages += complete as u64;
                    outstanding -= complete as u64;
                    if complete > 0 && deadline.is_none_or(|deadline| now < deadline) {
                        let count = allowed.min(complete as u64);
                        allowed -= count;
                        outstanding += count;
                        sent_at.extend((0..count).map(|_| now));
                        connection.queue(count as usize, &self.block);
                    }
                }
                connection.flush(&self.block)?;
            }
        }
        Ok(())
    }
}

/// Waits for events; a signal is no reason to stop.
pub fn poll(poll: &mut Poll, events: &mut Events) -> io::Result<()> {
    const STUCK: std::time::Duration = std::time::Duration::from_secs(20);
    loop {
        match poll.poll(events, Some(STUCK)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(()) if events.is_empty() => {
                return Err(io::Error::other("nothing came back for 20 seconds"));
            }
            result => return result,
        }
    }
}
