//! One connection that writes from a [`Block`] and counts what comes back.

use std::io;

use mio::{Interest, Poll, Token};

use crate::{
    frame::{Answers, Block},
    spec::{Protocol, Spec},
    stream::{Dialer, Stream},
};

pub struct Connection {
    stream: Stream,
    answers: Answers,
    /// Where in the block the next byte comes from.
    position: usize,
    /// Bytes owed to the server.
    unsent: usize,
}

impl Connection {
    /// Dials `spec.connections` connections and registers each under its index.
    pub fn open_all(spec: &Spec, poll: &Poll, block: &Block) -> io::Result<Vec<Connection>> {
        let dialer = Dialer::new(spec).map_err(io::Error::other)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        (0..spec.connections)
            .map(|index| {
                let mut stream = dialer.dial()?;
                poll.registry().register(stream.source(), Token(index), interest)?;
                let answers = match spec.protocol {
                    Protocol::Websocket => Answers::frames(),
                    Protocol::Raw => Answers::bytes(block.frame_length),
                };
                Ok(Connection { stream, answers, position: 0, unsent: 0 })
            })
            .collect()
    }

    /// Expect frames even where there was no handshake.
    pub fn expect_frames(&mut self) {
        self.answers = Answers::frames();
    }

    /// Owes the server `count` more messages; [`Connection::flush`] writes them.
    pub fn queue(&mut self, count: usize, block: &Block) {
        self.unsent += count * block.frame_length;
    }

    /// Writes until nothing is owed or the socket is full.
    pub fn flush(&mut self, block: &Block) -> io::Result<()> {
        while self.unsent > 0 {
            let end = block.bytes.len().min(self.position + self.unsent);
            match self.stream.write(&block.bytes[self.position..end]) {
                Ok(n) => {
                    self.unsent -= n;
                    self.position = (self.position + n) % block.bytes.len();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads all there is and returns how many messages that completed.
    pub fn receive(&mut self, buffer: &mut [u8], expected: Option<&[u8]>) -> io::Result<usize> {
        let mut complete = 0;
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(complete),
                Err(error) => return Err(error),
            };
            complete += self.answers.receive(&buffer[..n], expected).map_err(io::Error::other)?;
            if self.answers.closed() {
                return Err(io::Error::other("the server sent a close frame"));
            }
            if self.stream.is_drained(n, buffer.len()) {
                return Ok(complete);
            }
        }
    }
}

/// Room for one read, shared by all connections.
pub fn read_buffer() -> Vec<u8> {
    vec![0; 1024 * 1024]
}
