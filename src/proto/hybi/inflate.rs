//! Inflating messages of the peer (RFC 7692 section 6.2), frame by frame as they arrive.
//!
//! One call of a receiver inflates about [`BUDGET`] bytes at most. The bytes of the frame that
//! remain then become an [`InflateJob`], which may run on any thread; nothing is read until it is
//! given back.

use std::sync::Arc;

use super::message::Message;
use crate::proto::ProtocolError;
use crate::proto::deflate::Decompressor;

/// The most a chunk may cost, in inflated bytes, before the rest of it becomes a job: so many take
/// 2 to 5 ms.
const BUDGET: usize = 2 << 20;

/// The cost of a message beside its length, in inflated bytes: the window is copied to an inflater.
const MESSAGE_COST: usize = 4 << 10;

/// Bytes that a job inflates before it checks that they are UTF-8.
const STRIDE: usize = 1 << 20;

/// The receiving half of a connection's compression.
#[derive(Debug)]
pub(super) struct Inflation {
    state: Job,
    /// The part of [`BUDGET`] that this chunk has not used.
    budget: usize,
}

#[derive(Debug)]
enum Job {
    /// No job.
    Idle(Box<Decompressor>),
    /// A job waits to be taken.
    Queued(Box<InflateJob>),
    /// A job was taken; it is recognised by this tag when it is given back.
    Running(Arc<()>),
    /// Only while one state is replaced by another.
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

    /// Whether nothing may be read before a job is given back.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, Job::Queued(_) | Job::Running(_))
    }

    /// Inflates the next bytes of `message`; `last` ends it. Returns the message, unless the rest
    /// of `bytes` has become a job, which has the message then.
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
        // Without a cost for each message, a peer could send messages of three bytes, for each of
        // which 32 KiB are copied into an inflater, and never use the budget up.
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

    /// Takes the job that waits, if there is one.
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

    /// Takes a job back; `None` for a job of another connection.
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

/// The result of a job.
pub(super) struct Inflated {
    pub(super) message: Box<Message>,
    pub(super) complete: bool,
    pub(super) result: Result<(), ProtocolError>,
}

/// The rest of a frame whose inflation takes too long where frames are read. The job is taken from
/// a connection, [run](Self::run) on any thread, and given back.
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
    /// Inflates the rest of the frame, up to the connection's limit on a message.
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
