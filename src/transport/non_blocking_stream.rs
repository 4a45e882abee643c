//! An established connection for an event loop: reads and writes never block, and register no
//! waker. The owner watches the descriptor, and reads or writes again when it is ready.

use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::{Failure, Step};
use super::non_blocking::NonBlocking;
use super::socket::Socket;
use super::stream::Stream;
use super::tls_failure::{broken, is_truncation};

/// Bytes of memory that an empty queue keeps at most.
const KEPT: usize = 16 * 1024;

/// Why a [`NonBlockingStream::read`] has ended.
#[derive(Debug)]
pub(crate) enum ReadOutcome {
    /// Nothing more can be read before the descriptor is ready.
    Drained,
    /// More may be read, also without the descriptor being ready.
    More,
    /// The peer's last byte was read.
    Ended,
    /// Reading has failed.
    Failed(Box<Failure>),
}

/// An ordered stream of bytes in both directions, over the layers of the route.
pub(crate) struct NonBlockingStream {
    stream: Box<dyn Stream>,
    queue: Vec<u8>,
    sent: usize,
    /// Whether layers may hold bytes that were read from the socket already.
    has_buffered: bool,
}

impl NonBlockingStream {
    /// Takes a stream and its socket away from tokio. `is_bare`: there are no layers on the socket.
    ///
    /// # Errors
    ///
    /// That of the system.
    pub(super) fn new(mut stream: Box<dyn Stream>, is_bare: bool) -> io::Result<Self> {
        stream.socket().leave_tokio()?;
        Ok(Self { stream, queue: Vec::new(), sent: 0, has_buffered: !is_bare })
    }

    fn socket(&mut self) -> Option<&mut NonBlocking> {
        match self.stream.socket() {
            Socket::NonBlocking(socket) => Some(socket),
            Socket::Tcp(_) | Socket::Unix(_) | Socket::Lost => None,
        }
    }

    /// The descriptor to watch.
    pub(crate) fn descriptor(&mut self) -> Option<BorrowedFd<'_>> {
        self.socket().map(|socket| socket.descriptor())
    }

    /// Whether there may be bytes to read without the descriptor being ready.
    pub(crate) fn has_buffered(&self) -> bool {
        self.has_buffered
    }

    /// Whether the owner has to wait until the descriptor can be written; a read of TLS may need
    /// that too.
    pub(crate) fn is_congested(&mut self) -> bool {
        self.socket().is_some_and(|socket| socket.is_congested())
    }

    /// Bytes in the queue of [`NonBlockingStream::push`], which the kernel has not taken yet.
    pub(crate) fn backlog(&self) -> usize {
        self.queue.len() - self.sent
    }

    /// The descriptor may be ready: has to be called before each round of reading and writing.
    pub(crate) fn refresh(&mut self) {
        if let Some(socket) = self.socket() {
            socket.refresh();
        }
    }

    /// A new turn of the loop: the bytes that layers may take in a turn without yielding any are
    /// limited.
    pub(crate) fn begin_turn(&mut self) {
        if let Some(socket) = self.socket() {
            socket.begin_turn();
        }
    }

    /// Fills `space` as far as possible.
    pub(crate) fn read(&mut self, space: &mut [u8]) -> (usize, ReadOutcome) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = ReadBuf::new(space);
        let outcome = loop {
            let before = buffer.filled().len();
            if buffer.remaining() == 0 {
                break ReadOutcome::More;
            }
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
                Poll::Pending => {
                    let is_exhausted = self.socket().is_some_and(|socket| socket.is_exhausted());
                    break if is_exhausted { ReadOutcome::More } else { ReadOutcome::Drained };
                }
                Poll::Ready(Ok(())) if buffer.filled().len() == before => break ReadOutcome::Ended,
                Poll::Ready(Ok(())) => {
                    let count = buffer.filled().len() - before;
                    if let Some(socket) = self.socket() {
                        socket.note_yield(count);
                    }
                    if !self.stream.may_have_more() {
                        break ReadOutcome::Drained;
                    }
                }
                Poll::Ready(Err(error)) if is_truncation(&error) => break ReadOutcome::Ended,
                Poll::Ready(Err(error)) => {
                    break ReadOutcome::Failed(failure(&mut self.stream, Step::Read, &error));
                }
            }
        };
        self.has_buffered = matches!(outcome, ReadOutcome::More);
        (buffer.filled().len(), outcome)
    }

    /// Writes as much as the kernel takes at once; nothing while there is a queue, whose bytes come
    /// first.
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

    /// Writes `parts` in order, and queues the bytes that the kernel does not take. Returns whether
    /// the queue is empty.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) -> Result<bool, Box<Failure>> {
        if let [only] = parts {
            let taken = self.write(only)?;
            self.queue.extend_from_slice(only.get(taken..).unwrap_or_default());
        } else {
            parts.iter().for_each(|part| self.queue.extend_from_slice(part));
            self.flush()?;
        }
        Ok(self.backlog() == 0)
    }

    /// Writes the queue, as far as the kernel takes it.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn flush(&mut self) -> Result<(), Box<Failure>> {
        if self.backlog() == 0 {
            return Ok(());
        }
        let unsent = self.queue.get(self.sent..).unwrap_or_default();
        self.sent += write_some(&mut self.stream, unsent)?;
        if self.backlog() == 0 {
            self.sent = 0;
            self.queue.clear();
            if self.queue.capacity() > KEPT {
                self.queue = Vec::new();
            }
        }
        Ok(())
    }

    /// Ends the stream of our bytes; false while the kernel has no room for TLS's close_notify.
    pub(crate) fn finish(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let said = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
        if said.is_pending() && self.is_congested() {
            return false;
        }
        // Errors are ignored: the peer is gone then. TLS sends close_notify, and does not end the
        // socket's stream.
        if let Some(socket) = self.socket() {
            let _ = socket.shut();
        }
        true
    }

    /// Switches Nagle's algorithm.
    pub(crate) fn set_no_delay(&mut self, no_delay: bool) {
        if let Some(socket) = self.socket() {
            // It fails for a Unix socket, which has no such algorithm.
            let _ = socket.set_no_delay(no_delay);
        }
    }

    /// Switches keep-alive probes off, or on after `delay` without traffic.
    pub(crate) fn set_keep_alive(&mut self, delay: Option<Duration>) {
        if let Some(socket) = self.socket() {
            let _ = socket.set_keep_alive(delay);
        }
    }
}

/// What has ended a connection: an error of the kernel, or else of the layers above the socket.
fn failure(stream: &mut Box<dyn Stream>, step: Step, error: &io::Error) -> Box<Failure> {
    let kernel = match stream.socket() {
        Socket::NonBlocking(socket) => socket.failure(),
        Socket::Tcp(_) | Socket::Unix(_) | Socket::Lost => None,
    };
    Box::new(kernel.map_or_else(|| broken(step, error), |error| Failure::io(step, &error, None)))
}

fn write_some(stream: &mut Box<dyn Stream>, bytes: &[u8]) -> Result<usize, Box<Failure>> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = 0;
    while let Some(rest @ [_, ..]) = bytes.get(taken..) {
        match Pin::new(&mut *stream).poll_write(&mut cx, rest) {
            Poll::Pending => break,
            Poll::Ready(Ok(0)) => {
                let error = io::ErrorKind::WriteZero.into();
                return Err(Box::new(Failure::io(Step::Write, &error, None)));
            }
            Poll::Ready(Ok(count)) => taken += count,
            Poll::Ready(Err(error)) => return Err(failure(stream, Step::Write, &error)),
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    impl NonBlockingStream {
        /// A connection without layers over a socket that is non-blocking.
        pub(in crate::transport) fn over(socket: UnixStream) -> Self {
            let stream = Socket::NonBlocking(NonBlocking::new(socket.into()));
            Self::new(Box::new(stream), true).unwrap()
        }
    }

    fn pair() -> (NonBlockingStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (NonBlockingStream::over(ours), theirs)
    }

    fn read(line: &mut NonBlockingStream, space: usize) -> (Vec<u8>, ReadOutcome) {
        line.refresh();
        let mut bytes = vec![0; space];
        let (length, outcome) = line.read(&mut bytes);
        bytes.truncate(length);
        (bytes, outcome)
    }

    #[test]
    fn reads_what_is_there_and_then_the_end() {
        let (mut line, mut theirs) = pair();
        assert!(matches!(read(&mut line, 8), (bytes, ReadOutcome::Drained) if bytes.is_empty()));
        theirs.write_all(b"abc").unwrap();
        assert!(matches!(read(&mut line, 8), (bytes, ReadOutcome::Drained) if bytes == b"abc"));
        theirs.write_all(b"d").unwrap();
        drop(theirs);
        assert!(matches!(read(&mut line, 8), (bytes, _) if bytes == b"d"));
        assert!(matches!(read(&mut line, 8), (bytes, ReadOutcome::Ended) if bytes.is_empty()));
    }

    #[test]
    fn what_was_read_ahead_does_not_need_the_kernel() {
        let (mut line, mut theirs) = pair();
        theirs.write_all(b"abcdef").unwrap();
        assert!(matches!(read(&mut line, 4), (bytes, ReadOutcome::More) if bytes == b"abcd"));
        assert!(line.has_buffered());
        assert!(matches!(read(&mut line, 4), (bytes, ReadOutcome::Drained) if bytes == b"ef"));
        assert!(!line.has_buffered());
    }

    #[test]
    fn keeps_what_the_kernel_does_not_take_in_order() {
        let (mut line, mut theirs) = pair();
        let lots: Vec<u8> = (0..4 << 20).map(|at: u32| (at / 1000) as u8).collect();
        assert!(!line.push(&[&lots]).unwrap());
        assert!(line.is_congested() && 0 < line.backlog() && line.backlog() < lots.len());
        assert_eq!(line.write(b"not past the queue").unwrap(), 0);
        assert!(!line.push(&[b"tail", b"s"]).unwrap());
        let mut received = vec![0; lots.len() + 5];
        let mut at = 0;
        while at < received.len() {
            at += theirs.read(&mut received[at..]).unwrap();
            line.refresh();
            line.flush().unwrap();
        }
        assert!(!line.is_congested());
        assert_eq!(line.backlog(), 0);
        assert!(received.starts_with(&lots) && received.ends_with(b"tails"));
        assert!(line.push(&[b"x"]).unwrap());
    }

    #[test]
    fn a_peer_that_is_gone_fails_a_write() {
        let (mut line, theirs) = pair();
        drop(theirs);
        assert!(line.push(&[b"x"]).is_err());
    }

    #[test]
    fn finishes_its_own_direction_only() {
        let (mut line, mut theirs) = pair();
        assert!(line.finish());
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        theirs.write_all(b"still").unwrap();
        assert!(matches!(read(&mut line, 8), (bytes, ReadOutcome::Drained) if bytes == b"still"));
    }
}
