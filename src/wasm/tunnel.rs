//! A CONNECT through a proxy.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::session::answer_object;
use super::values::or_null;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::http::Headers;

#[wasm_bindgen]
extern "C" {
    /// What a tunnel needs to know: as `TunnelOptions` in lib/native.d.ts.
    pub type TunnelOptions;
    #[wasm_bindgen(method, getter)]
    fn hostname(this: &TunnelOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn port(this: &TunnelOptions) -> u16;
    #[wasm_bindgen(method, getter)]
    fn host(this: &TunnelOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn url(this: &TunnelOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn authorization(this: &TunnelOptions) -> Option<String>;
}

/// One CONNECT, without its socket.
#[wasm_bindgen]
pub struct Tunnel {
    handshake: ProxyHandshake,
    failure: Option<String>,
}

#[wasm_bindgen]
impl Tunnel {
    /// Begins nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &TunnelOptions) -> Self {
        let authorization = options.authorization();
        let handshake = ProxyHandshake::new(
            &options.hostname(),
            options.port(),
            &options.host(),
            &options.url(),
            authorization.as_deref(),
        );
        Self { handshake, failure: None }
    }

    /// The bytes of the request.
    pub fn request(&mut self, custom: Vec<String>) -> Uint8Array {
        let mut bytes = Vec::new();
        self.handshake.request(&Headers::of_list(custom), &mut bytes);
        Uint8Array::from(bytes.as_slice())
    }

    /// Takes bytes of the proxy; null while its answer is incomplete.
    pub fn receive(&mut self, chunk: &[u8]) -> JsValue {
        or_null(match self.handshake.receive(chunk) {
            Ok(consumed) => consumed.map(|consumed| consumed as u32),
            Err(error) => {
                self.failure = Some(error.to_string());
                Some(chunk.len() as u32)
            }
        })
    }

    /// The proxy's answer, once it is complete.
    pub fn answer(&self) -> JsValue {
        let response = self.handshake.response();
        let status = (response.status > 0).then_some(response.status);
        answer_object(status, &response.headers, self.failure.as_deref(), None)
    }
}
