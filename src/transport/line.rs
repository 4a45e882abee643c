//! An established connection that its owner serves from an event loop: reads and writes never wait,
//! and nobody is woken. The owner watches the descriptor and comes back when it is ready.

use std::io;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::{Failure, Step};
use super::ground::{Ground, Loose};
use super::route::Stream;
use super::tls::is_truncation;
use super::wire;

/// Memory of the queue beyond this is given back when the queue is empty.
const KEPT: usize = 16 * 1024;

/// How far one [`Line::read`] got.
#[derive(Debug)]
pub(crate) enum Reach {
    /// Nothing more is there.
    Drained,
    /// More may be there; the descriptor need not be ready for it.
    More,
    /// The peer's last byte was read.
    Ended,
    /// Reading has failed.
    Failed(Box<Failure>),
}

/// Bytes in order, both ways, over whatever layers the route has put on the socket.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    queue: Vec<u8>,
    sent: usize,
    /// Layers may hold bytes that were read from the socket already.
    is_hungry: bool,
}

impl Line {
    /// Takes a stream away from tokio, together with its socket. `is_bare`: there are no layers.
    ///
    /// # Errors
    ///
    /// When the system does not let the socket go.
    pub(super) fn new(mut stream: Box<dyn Stream>, is_bare: bool) -> io::Result<Self> {
        stream.ground().leave()?;
        Ok(Self { stream, queue: Vec::new(), sent: 0, is_hungry: !is_bare })
    }

    fn loose(&mut self) -> Option<&mut Loose> {
        match self.stream.ground() {
            Ground::Loose(socket) => Some(socket),
            Ground::Reactor(_) | Ground::Gone => None,
        }
    }

    /// What to wait for.
    pub(crate) fn descriptor(&mut self) -> Option<RawFd> {
        self.loose().map(|socket| socket.descriptor())
    }

    /// Whether there may be bytes that the descriptor does not announce.
    pub(crate) fn is_hungry(&self) -> bool {
        self.is_hungry
    }

    /// Whether to come back when the descriptor can be written, be it for the sake of a read.
    pub(crate) fn is_congested(&mut self) -> bool {
        self.loose().is_some_and(|socket| socket.is_congested())
    }

    /// Bytes that [`Line::push`] has kept and the kernel has not taken.
    pub(crate) fn backlog(&self) -> usize {
        self.queue.len() - self.sent
    }

    /// The descriptor may be ready. Before every round of reading and writing this has to be said.
    pub(crate) fn refresh(&mut self) {
        if let Some(socket) = self.loose() {
            socket.refresh();
        }
    }

    /// Fills `space` as far as possible.
    pub(crate) fn read(&mut self, space: &mut [u8]) -> (usize, Reach) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = ReadBuf::new(space);
        let reach = loop {
            let before = buffer.filled().len();
            if buffer.remaining() == 0 {
                break Reach::More;
            }
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
                Poll::Pending => break Reach::Drained,
                Poll::Ready(Ok(())) if buffer.filled().len() == before => break Reach::Ended,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) if is_truncation(&error) => break Reach::Ended,
                Poll::Ready(Err(error)) => {
                    break Reach::Failed(Box::new(Failure::io(Step::Read, &error, None)));
                }
            }
        };
        self.is_hungry = matches!(reach, Reach::More);
        (buffer.filled().len(), reach)
    }

    /// Writes as much as the kernel takes at once, and nothing past a queue.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Box<Failure>> {
        if self.backlog() > 0 {
            return Ok(0);
        }
        write_some(&mut self.stream, bytes)
    }

    /// Writes `parts` in order and keeps what the kernel does not take; whether that is nothing.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) -> Result<bool, Box<Failure>> {
        if let [only] = parts {
            let taken = self.write(only)?;
            self.queue.extend_from_slice(&only[taken..]);
        } else {
            parts.iter().for_each(|part| self.queue.extend_from_slice(part));
            self.flush()?;
        }
        Ok(self.backlog() == 0)
    }

    /// Writes what was kept, as far as the kernel takes it.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn flush(&mut self) -> Result<(), Box<Failure>> {
        if self.backlog() == 0 {
            return Ok(());
        }
        self.sent += write_some(&mut self.stream, &self.queue[self.sent..])?;
        if self.backlog() == 0 {
            self.sent = 0;
            self.queue.clear();
            if self.queue.capacity() > KEPT {
                self.queue = Vec::new();
            }
        }
        Ok(())
    }

    /// Ends our direction of the stream; false when the kernel has no room for the goodbye yet.
    pub(crate) fn finish(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let said = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
        if said.is_pending() && self.is_congested() {
            return false;
        }
        // A peer that is already gone got our end in its own way. TLS says goodbye and leaves the
        // socket as it is.
        if let Some(socket) = self.loose() {
            let _ = socket.shut();
        }
        true
    }

    /// Switches Nagle's algorithm.
    pub(crate) fn set_no_delay(&mut self, no_delay: bool) {
        if let Some(socket) = self.loose() {
            // It fails on a Unix socket, which has nothing to switch.
            let _ = socket.socket().set_tcp_nodelay(no_delay);
        }
    }

    /// Switches keep-alive probes: off, or on after `delay` of silence.
    pub(crate) fn set_keep_alive(&mut self, delay: Option<Duration>) {
        if let Some(socket) = self.loose() {
            let _ = wire::set_keep_alive(socket.socket(), delay);
        }
    }
}

fn write_some(stream: &mut Box<dyn Stream>, bytes: &[u8]) -> Result<usize, Box<Failure>> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = 0;
    while taken < bytes.len() {
        match Pin::new(&mut *stream).poll_write(&mut cx, &bytes[taken..]) {
            Poll::Pending => break,
            Poll::Ready(Ok(0)) => {
                let error = io::ErrorKind::WriteZero.into();
                return Err(Box::new(Failure::io(Step::Write, &error, None)));
            }
            Poll::Ready(Ok(count)) => taken += count,
            Poll::Ready(Err(error)) => {
                return Err(Box::new(Failure::io(Step::Write, &error, None)));
            }
        }
    }
    Ok(taken)
}
