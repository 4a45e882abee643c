//! Holds connections open while the harness weighs the server.

use std::io;

use mio::Poll;

use crate::{
    connection::Connection,
    frame::Block,
    report::{self, Tally},
    spec::Spec,
};

pub fn run(spec: &Spec) -> io::Result<()> {
    let poll = Poll::new()?;
    let connections = Connection::open_all(spec, &poll, &Block::new(0, true, 1))?;
    report::ready()?;
    let mut tally = Tally::start();
    tally.messages = connections.len() as u64;
    tally.finish()
}
