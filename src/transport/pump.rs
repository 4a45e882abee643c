//! Moves bytes between an established stream and its mailbox until both directions have ended.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::{Failure, Step};
use super::mailbox::{Mailbox, Order};
use super::route::Stream;
use super::tls::is_truncation;
use super::wire::Wire;

/// The most one poll reads before it delivers, in bytes.
pub(super) const SCRATCH: usize = 64 * 1024;

thread_local! {
    /// Lent to whichever connection this worker polls, so that idle ones hold no read buffer.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// Both directions of one connection. Ends when both have ended or one has failed.
pub(super) struct Pump {
    wire: Arc<Wire>,
    stream: Box<dyn Stream>,
    mailbox: Arc<Mailbox>,
    batch: Vec<u8>,
    sent: usize,
    writing: Writing,
    reading: bool,
}

/// What the write side waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Order,
    Batch,
    Flush,
    Shutdown,
    Nothing,
}

impl Pump {
    /// `stream` runs over `wire`.
    pub(super) fn new(wire: Arc<Wire>, stream: Box<dyn Stream>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            wire,
            stream,
            mailbox,
            batch: Vec::new(),
            sent: 0,
            writing: Writing::Order,
            reading: true,
        }
    }

    /// Writes until there is nothing to write or the stream takes no more.
    fn poll_writing(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let stream = Pin::new(&mut self.stream);
        match self.writing {
            Writing::Order => match self.mailbox.next_order(&mut self.batch) {
                Order::Write => self.writing = Writing::Batch,
                Order::Finish => self.writing = Writing::Shutdown,
                Order::Wait => return Poll::Pending,
            },
            Writing::Batch => match stream.poll_write(cx, &self.batch[self.sent..]) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    let error = io::ErrorKind::WriteZero.into();
                    return Poll::Ready(Err(Failure::io(Step::Write, &error, None)));
                }
                Poll::Ready(Ok(count)) => {
                    self.sent += count;
                    if self.sent == self.batch.len() {
                        self.batch = Vec::new();
                        self.sent = 0;
                        self.writing = Writing::Flush;
                    }
                }
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Failure::io(Step::Write, &error, None)));
                }
            },
            Writing::Flush => match stream.poll_flush(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {
                    self.mailbox.flushed();
                    self.writing = Writing::Order;
                }
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Failure::io(Step::Write, &error, None)));
                }
            },
            Writing::Shutdown => match stream.poll_shutdown(cx) {
                Poll::Pending => return Poll::Pending,
                // A peer that is already gone got our end in its own way.
                Poll::Ready(_) => {
                    // TLS says goodbye and leaves the socket as it is.
                    let _ = self.wire.finish();
                    self.mailbox.finished();
                    self.writing = Writing::Nothing;
                }
            },
            Writing::Nothing => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }

    /// Reads one scratch buffer's worth, if the mailbox has room.
    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if !self.reading || !self.mailbox.has_room() {
            return Poll::Pending;
        }
        READ.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let outcome = loop {
                let before = buffer.filled().len();
                if buffer.remaining() == 0 {
                    break Poll::Ready(Ok(()));
                }
                match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                    Poll::Pending => break Poll::Pending,
                    Poll::Ready(Ok(())) if buffer.filled().len() == before => {
                        self.reading = false;
                        break Poll::Ready(Ok(()));
                    }
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) if is_truncation(&error) => {
                        self.reading = false;
                        break Poll::Ready(Ok(()));
                    }
                    Poll::Ready(Err(error)) => {
                        break Poll::Ready(Err(Failure::io(Step::Read, &error, None)));
                    }
                }
            };
            if !buffer.filled().is_empty() {
                self.mailbox.deliver(buffer.filled());
            }
            if !self.reading {
                self.mailbox.end();
            }
            outcome
        })
    }
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.mailbox.register(cx);
        // Asked first: what was queued before the end still gets its attempt below.
        let doomed = this.mailbox.is_doomed();
        for step in [Self::poll_writing, Self::poll_reading] {
            while let Poll::Ready(outcome) = step(this, cx) {
                if let Err(failure) = outcome {
                    this.mailbox.fail(failure);
                    return Poll::Ready(());
                }
            }
        }
        if !this.reading && this.writing == Writing::Nothing || doomed {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
