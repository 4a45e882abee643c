//! The first connection asks, the server pushes `perTurn` messages to every connection, and the
//! next request leaves when all have arrived.

use std::{io, time::Instant};

use mio::{Events, Poll};

use crate::{
    connection::{self, Connection},
    echo,
    frame::Block,
    report::{self, Tally},
    spec::{Limit, Spec},
};

/// Payload bytes of the request.
const REQUEST_SIZE: usize = 4;

pub fn run(spec: &Spec) -> io::Result<()> {
    let measure = spec.measure().map_err(io::Error::other)?;
    let request = Block::new(REQUEST_SIZE, false, 1);
    let mut poll = Poll::new()?;
    let mut connections = Connection::open_all(spec, &poll, &request)?;
    for connection in &mut connections {
        connection.expect_frames();
    }
    let per_request = spec.per_turn * connections.len();
    if let Some(limit) = spec.warm_up {
        let mut warm_up = Tally::start();
        drive(&mut connections, &mut poll, &request, per_request, limit, &mut warm_up)?;
    }
    report::ready()?;
    let mut tally = Tally::start();
    drive(&mut connections, &mut poll, &request, per_request, measure, &mut tally)?;
    tally.finish()
}

fn drive(
    connections: &mut [Connection],
    poll: &mut Poll,
    request: &Block,
    per_request: usize,
    limit: Limit,
    tally: &mut Tally,
) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut buffer = connection::read_buffer();
    let (deadline, allowed) = limit.bounds(Instant::now());
    while tally.messages < allowed && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        let asked = Instant::now();
        if let Some(first) = connections.first_mut() {
            first.queue(1, request);
            first.flush(request)?;
        }
        let mut missing = per_request;
        while missing > 0 {
            echo::poll(poll, &mut events)?;
            for event in &events {
                if event.is_readable() || event.is_error() {
                    let complete = connections[event.token().0].receive(&mut buffer, None)?;
                    missing = missing
                        .checked_sub(complete)
                        .ok_or_else(|| io::Error::other("a delivery too many"))?;
                }
            }
        }
        tally.record(asked.elapsed());
        tally.messages += per_request as u64;
    }
    Ok(())
}
