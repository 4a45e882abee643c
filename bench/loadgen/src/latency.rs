//! Open loop: messages leave on a schedule, and an answer's latency counts from the moment its
//! message was due, so a server that stalls cannot hide it by slowing the generator down.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use mio::{Events, Poll};

use crate::{
    connection::{self, Connection},
    frame::Block,
    report::{self, Tally},
    spec::{Limit, Spec},
};

pub fn run(spec: &Spec) -> io::Result<()> {
    let measure = spec.measure().map_err(io::Error::other)?;
    let block = Block::new(spec.size, spec.binary, 1);
    let mut poll = Poll::new()?;
    let mut connections = Connection::open_all(spec, &poll, &block)?;
    let [connection] = connections.as_mut_slice() else {
        return Err(io::Error::other("latency is measured on one connection"));
    };
    let interval = Duration::from_micros(spec.interval);
    if let Some(limit) = spec.warm_up {
        drive(connection, &mut poll, &block, interval, limit, &mut Tally::start())?;
    }
    report::ready()?;
    let mut tally = Tally::start();
    drive(connection, &mut poll, &block, interval, measure, &mut tally)?;
    tally.finish()
}

fn drive(
    connection: &mut Connection,
    poll: &mut Poll,
    block: &Block,
    interval: Duration,
    limit: Limit,
    tally: &mut Tally,
) -> io::Result<()> {
    let mut events = Events::with_capacity(8);
    let mut buffer = connection::read_buffer();
    let mut due = Instant::now();
    let (deadline, mut allowed) = limit.bounds(due);
    let mut in_flight = VecDeque::new();
    loop {
        let now = Instant::now();
        let more = allowed > 0 && deadline.is_none_or(|deadline| due < deadline);
        if more && now >= due {
            connection.queue(1, block);
            in_flight.push_back(due);
            allowed -= 1;
            due += interval;
        }
        if !more && in_flight.is_empty() {
            return Ok(());
        }
        connection.flush(block)?;
        // Never sleeps: waking up would cost more than what is measured.
        poll.poll(&mut events, Some(Duration::ZERO))?;
        if !events.is_empty() {
            let complete = connection.receive(&mut buffer, None)?;
            let now = Instant::now();
            for due in in_flight.drain(..complete.min(in_flight.len())) {
                tally.record(now - due);
            }
            tally.messages += complete as u64;
        }
    }
}
