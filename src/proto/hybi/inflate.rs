//! Compressed messages of the peer (RFC 7692 section 6.2), inflated frame by frame as they arrive.
//!
//! One call into a receiver does no more than a slice of work. What is left of a frame then becomes
//! an [`InflateJob`], which may run on any thread; nothing is read until it is back.

use std::sync::Arc;

use super::message::Message;
use crate::proto::ProtocolError;
use crate::proto::deflate::Decompressor;

/// What one chunk may cost before the rest is left to a job, in inflated bytes: 2 to 5 ms.
const BUDGET: usize = 2 << 20;

/// What a message costs whatever its length: an inflater has to be given its window.
const MESSAGE_COST: usize = 4 << 10;

/// How much a job inflates before it looks at the text it made.
const STRIDE: usize = 1 << 20;

/// The receiving half of a connection's compression.
#[derive(Debug)]
pub(super) struct Inflation {
    state: Job,
    /// What is left of this chunk's budget.
    budget: usize,
}

#[derive(Debug)]
enum Job {
    /// None: the decompressor is here.
    Idle(Box<Decompressor>),
    /// One waits to be taken.
    Queued(Box<InflateJob>),
    /// One has been taken; it is known again by this.
    Running(Arc<()>),
    /// Only while one state becomes another.
    Lost,
}

impl Inflation {
    pub(super) fn new(decompressor: Decompressor) -> Self {
        Self { state: Job::Idle(Box::new(decompressor)), budget: BUDGET }
    }

    /// A new chunk has come.
    pub(super) fn refill(&mut self) {
        self.budget = BUDGET;
    }

    /// Whether reading has to wait for a job.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, Job::Queued(_) | Job::Running(_))
    }

    /// Inflates the next bytes of `message`; `last` ends it. Returns the message, unless what is
    /// left of `bytes` has become a job.
    pub(super) fn push(
        &mut self,
        mut message: Box<Message>,
        bytes: &[u8],
        last: bool,
        limit: usize,
    ) -> Result<Option<Box<Message>>, ProtocolError> {
        let Job::Idle(decompressor) = &mut self.state else { return Ok(Some(message)) };
        let before = message.held();
        let taken = message.inflate(decompressor, bytes, last, limit, self.budget)?;
        // Every message is charged something, or a peer could have an inflater primed with 32 KiB for
        // each message of three bytes and the budget never be used up.
        let cost = message.held() - before + if last { MESSAGE_COST } else { 0 };
        self.budget = self.budget.saturating_sub(cost);
        if taken == bytes.len() {
            return Ok(Some(message));
        }
        if let Job::Idle(decompressor) = std::mem::replace(&mut self.state, Job::Lost) {
            self.state = Job::Queued(Box::new(InflateJob {
                decompressor,
                message,
                payload: bytes.get(taken..).unwrap_or_default().to_vec(),
                last,
                limit,
                result: Ok(()),
                tag: Arc::default(),
            }));
        }
        Ok(None)
    }

    /// Hands the job out.
    pub(super) fn take_job(&mut self) -> Option<Box<InflateJob>> {
        match std::mem::replace(&mut self.state, Job::Lost) {
            Job::Queued(job) => {
                self.state = Job::Running(Arc::clone(&job.tag));
                Some(job)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Takes a job back: the message and whether it is complete. `None` for a job of another
    /// connection.
    pub(super) fn return_job(&mut self, job: InflateJob) -> Option<Inflated> {
        match &self.state {
            Job::Running(tag) if Arc::ptr_eq(tag, &job.tag) => {}
            _ => return None,
        }
        self.state = Job::Idle(job.decompressor);
        self.refill();
        Some(Inflated { message: job.message, complete: job.last, result: job.result })
    }
}

/// What a job made.
pub(super) struct Inflated {
    pub(super) message: Box<Message>,
    pub(super) complete: bool,
    pub(super) result: Result<(), ProtocolError>,
}

/// Inflating that would take too long where it came up. Taken from a connection, [run](Self::run)
/// anywhere, and given back.
#[derive(Debug)]
pub struct InflateJob {
    decompressor: Box<Decompressor>,
    message: Box<Message>,
    payload: Vec<u8>,
    last: bool,
    limit: usize,
    result: Result<(), ProtocolError>,
    tag: Arc<()>,
}

impl InflateJob {
    /// Does the work, up to the connection's limit on a message.
    pub fn run(&mut self) {
        let payload = std::mem::take(&mut self.payload);
        let mut rest = payload.as_slice();
        loop {
            let (decompressor, message) = (&mut self.decompressor, &mut self.message);
            match message.inflate(decompressor, rest, self.last, self.limit, STRIDE) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(error) => {
                    self.result = Err(error);
                    return;
                }
            }
            if rest.is_empty() {
                return;
            }
        }
    }
}
