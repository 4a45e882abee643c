//! permessage-deflate: options, work on other threads, and its use as one plug-in among others.

use napi::bindgen_prelude::{AsyncTask, BufferSlice, Error, Result, Status, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use super::env::Environment;
use super::extension::{ParamList, read_params, write_params};
use super::sessions;
use crate::proto::deflate::{DeflateOptions, PluginSession, Proposal, ZlibPool};
use crate::proto::hybi::frame::Opcode;
use crate::proto::hybi::{DeflateJob, InflateJob};

/// Options of permessage-deflate, in range.
#[napi(object)]
pub struct DeflateSettings {
    pub level: Option<i32>,
    pub mem_level: Option<i32>,
    pub strategy: Option<i32>,
    /// Bytes.
    pub threshold: Option<u32>,
    pub no_context_takeover: Option<bool>,
    pub max_window_bits: Option<i32>,
    pub request_no_context_takeover: Option<bool>,
    pub request_max_window_bits: Option<i32>,
    /// Whether to answer offers as the npm package does, see `proto::deflate::DeflateOptions`.
    pub omit_full_window: Option<bool>,
}

impl DeflateSettings {
    /// The proposal to negotiate, with the zlib states of an environment.
    pub(super) fn proposal(self, pool: &ZlibPool) -> Result<Proposal> {
        let defaults = DeflateOptions::default();
        let options = DeflateOptions {
            level: self.level.unwrap_or(defaults.level),
            mem_level: self.mem_level.unwrap_or(defaults.mem_level),
            strategy: self.strategy.unwrap_or(defaults.strategy),
            threshold: self.threshold.map(|bytes| bytes as usize),
            no_context_takeover: self.no_context_takeover.unwrap_or_default(),
            max_window_bits: self.max_window_bits,
            request_no_context_takeover: self.request_no_context_takeover.unwrap_or_default(),
            request_max_window_bits: self.request_max_window_bits,
            omit_full_window: self.omit_full_window.unwrap_or_default(),
        };
        Proposal::new(options, pool.clone())
            .map_err(|error| Error::new(Status::InvalidArg, error.to_string()))
    }
}

/// Frees the zlib states that were not used since the last call; returns the bytes of those that
/// remain.
#[napi(catch_unwind)]
pub fn sweep_deflate(env: Env) -> f64 {
    let pool = &Environment::of(&env).zlib_pool;
    pool.sweep();
    pool.reserved_bytes() as f64
}

/// Inflates the rest of a session's frame on another thread.
pub struct Inflating {
    id: u32,
    job: Option<Box<InflateJob>>,
}

impl Task for Inflating {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        if let Some(job) = &mut self.job {
            job.run();
        }
        Ok(())
    }

    fn resolve(&mut self, env: Env, (): ()) -> Result<()> {
        if let Some(job) = self.job.take() {
            // It is dropped if the session was released meanwhile.
            sessions::with(Environment::of(&env), self.id, |entry, _| {
                entry.connection.inflated(*job)
            });
        }
        Ok(())
    }
}

/// Runs the job for which `receive` has stopped; it can go on when the promise is resolved.
#[napi(catch_unwind)]
pub fn inflate_async(env: Env, id: u32) -> AsyncTask<Inflating> {
    let job =
        sessions::with(Environment::of(&env), id, |entry, _| entry.connection.take_inflation())
            .flatten();
    AsyncTask::new(Inflating { id, job })
}

/// Compresses a message on another thread.
pub struct Deflating {
    id: u32,
    job: Option<DeflateJob>,
}

impl Task for Deflating {
    type Output = ();
    type JsValue = f64;

    fn compute(&mut self) -> Result<()> {
        if let Some(job) = &mut self.job {
            job.run();
        }
        Ok(())
    }

    fn resolve(&mut self, env: Env, (): ()) -> Result<f64> {
        let Some(job) = self.job.take() else { return Ok(0.0) };
        Ok(sessions::write(env, self.id, |entry, entropy| {
            entry.connection.deflated(job, entropy, entry.output);
        }))
    }
}

/// Sends a long message, of opcode 1 or 2, which is compressed on another thread. Resolves with the
/// number of bytes that wait for the peer when it was framed; no other message may be sent before.
#[napi(catch_unwind)]
pub fn send_async(env: Env, id: u32, opcode: u32, payload: BufferSlice) -> AsyncTask<Deflating> {
    let job = Opcode::parse(opcode as u8).and_then(|opcode| {
        sessions::with(Environment::of(&env), id, |entry, _| {
            entry.connection.take_deflation(opcode, payload.to_vec())
        })
    });
    AsyncTask::new(Deflating { id, job: job.flatten() })
}

/// One side of permessage-deflate without a connection, for the session of a plug-in.
#[napi]
pub struct DeflateCodec(PluginSession);

#[napi]
impl DeflateCodec {
    /// `limit`: most bytes of one message of the peer; NaN and Infinity mean no limit, and a
    /// negative number is 0.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, settings: DeflateSettings, limit: f64) -> Result<Self> {
        let proposal = settings.proposal(&Environment::of(&env).zlib_pool)?;
        Ok(Self(PluginSession::new(proposal, limit)))
    }

    /// A client's offer; parameters here and below are keys and values in turn.
    #[napi(catch_unwind)]
    pub fn offer(&self) -> ParamList {
        write_params(self.0.offer())
    }

    /// A server's answer to offers; null declines.
    #[napi(catch_unwind)]
    pub fn answer(&mut self, offers: Vec<ParamList>) -> Option<ParamList> {
        let offers: Vec<_> = offers.into_iter().map(read_params).collect();
        self.0.answer(&offers).map(write_params)
    }

    /// Whether a client accepts the server's answer.
    #[napi(catch_unwind)]
    pub fn accept(&mut self, answer: ParamList) -> bool {
        self.0.accept(&read_params(answer))
    }

    /// A compressed message; null if it is to be sent uncompressed.
    #[napi(catch_unwind)]
    pub fn compress(&mut self, payload: BufferSlice) -> Option<Uint8Array> {
        self.0.compress(&payload).map(Uint8Array::from)
    }

    /// An inflated message of the peer; null if it is too large. Throws zlib's error.
    #[napi(catch_unwind)]
    pub fn inflate(&mut self, payload: BufferSlice) -> Result<Option<Uint8Array>> {
        Ok(self.0.inflate(&payload).map_err(Error::from_reason)?.map(Uint8Array::from))
    }
}
