//! permessage-deflate: its options, the compression of long messages, and its sessions for
//! connections with several plug-ins. Long messages, which the addon compresses on other threads,
//! are compressed before the call returns.

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use super::extension::{read_params, write_params};
use super::sessions;
use super::values::{failed, or_null};
use crate::proto::deflate::{DeflateOptions, PluginSession, Proposal};
use crate::proto::hybi::frame::Opcode;

#[wasm_bindgen]
extern "C" {
    /// Options, in range: as `DeflateSettings` in lib/native.d.ts.
    pub type DeflateSettings;
    #[wasm_bindgen(method, getter)]
    fn level(this: &DeflateSettings) -> Option<i32>;
    #[wasm_bindgen(method, getter, js_name = memLevel)]
    fn mem_level(this: &DeflateSettings) -> Option<i32>;
    #[wasm_bindgen(method, getter)]
    fn strategy(this: &DeflateSettings) -> Option<i32>;
    #[wasm_bindgen(method, getter)]
    fn threshold(this: &DeflateSettings) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = noContextTakeover)]
    fn no_context_takeover(this: &DeflateSettings) -> Option<bool>;
    #[wasm_bindgen(method, getter, js_name = maxWindowBits)]
    fn max_window_bits(this: &DeflateSettings) -> Option<i32>;
    #[wasm_bindgen(method, getter, js_name = requestNoContextTakeover)]
    fn request_no_context_takeover(this: &DeflateSettings) -> Option<bool>;
    #[wasm_bindgen(method, getter, js_name = requestMaxWindowBits)]
    fn request_max_window_bits(this: &DeflateSettings) -> Option<i32>;
    #[wasm_bindgen(method, getter, js_name = omitFullWindow)]
    fn omit_full_window(this: &DeflateSettings) -> Option<bool>;
}

impl DeflateSettings {
    /// The parameters to negotiate.
    pub(super) fn proposal(&self) -> Result<Proposal, JsError> {
        let defaults = DeflateOptions::default();
        let options = DeflateOptions {
            level: self.level().unwrap_or(defaults.level),
            mem_level: self.mem_level().unwrap_or(defaults.mem_level),
            strategy: self.strategy().unwrap_or(defaults.strategy),
            threshold: self.threshold().map(|bytes| bytes as usize),
            no_context_takeover: self.no_context_takeover().unwrap_or_default(),
            max_window_bits: self.max_window_bits(),
            request_no_context_takeover: self.request_no_context_takeover().unwrap_or_default(),
            request_max_window_bits: self.request_max_window_bits(),
            omit_full_window: self.omit_full_window().unwrap_or_default(),
        };
        Proposal::new(options, sessions::zlib_pool()).map_err(failed)
    }
}

/// Gives back the zlib states that were not used since the last call; returns the bytes that
/// remain.
#[wasm_bindgen(js_name = sweepDeflate)]
pub fn sweep_deflate() -> f64 {
    let pool = sessions::zlib_pool();
    pool.sweep();
    pool.reserved_bytes() as f64
}

/// Inflates the long message at which `receive` has stopped.
#[wasm_bindgen(js_name = inflateAsync)]
pub fn inflate_async(id: u32) -> Promise {
    if let Some(mut job) =
        sessions::with(id, |entry, _| entry.connection.take_inflation()).flatten()
    {
        job.run();
        sessions::with(id, |entry, _| entry.connection.inflated(*job));
    }
    Promise::resolve(&JsValue::UNDEFINED)
}

/// Sends a long message; resolves with the bytes that wait for the peer.
#[wasm_bindgen(js_name = sendAsync)]
pub fn send_async(id: u32, opcode: u32, payload: Vec<u8>) -> Promise {
    let opcode = Opcode::parse(opcode as u8);
    let pending = sessions::with(id, |entry, entropy| {
        let mut job = entry.connection.take_deflation(opcode?, payload)?;
        job.run();
        entry.connection.deflated(job, entropy, entry.output);
        Some(entry.unsent())
    });
    Promise::resolve(&JsValue::from(pending.flatten().unwrap_or_default()))
}

/// One side of permessage-deflate without a connection, for the session that lib/driver/deflate.js
/// gives to a list of plug-ins.
#[wasm_bindgen]
pub struct DeflateCodec(PluginSession);

#[wasm_bindgen]
impl DeflateCodec {
    /// `limit`: most bytes of one message of the peer; NaN and Infinity mean no limit, and a
    /// negative number is 0.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &DeflateSettings, limit: f64) -> Result<Self, JsError> {
        Ok(Self(PluginSession::new(settings.proposal()?, limit)))
    }

    /// A client's offer.
    pub fn offer(&self) -> Array {
        write_params(self.0.offer())
    }

    /// A server's response to a client's offers; null declines all of them.
    pub fn answer(&mut self, offers: Vec<Array>) -> JsValue {
        let offers: Vec<_> = offers.iter().map(read_params).collect();
        or_null(self.0.answer(&offers).map(write_params))
    }

    /// Whether a client accepts the server's response.
    pub fn accept(&mut self, answer: &Array) -> bool {
        self.0.accept(&read_params(answer))
    }

    /// The compressed message, or null if the message is to be sent uncompressed.
    pub fn compress(&mut self, payload: &[u8]) -> JsValue {
        or_null(self.0.compress(payload).as_deref().map(Uint8Array::from))
    }

    /// The inflated message of the peer, or null if it exceeds the limit. Throws zlib's error.
    pub fn inflate(&mut self, payload: &[u8]) -> Result<JsValue, JsError> {
        let message = self.0.inflate(payload).map_err(failed)?;
        Ok(or_null(message.as_deref().map(Uint8Array::from)))
    }
}
