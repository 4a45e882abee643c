//! A CONNECT request to an HTTP proxy.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::session::answer_object;
use super::values::or_null;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::sessions::reply;

#[wasm_bindgen]
extern "C" {
    /// The target and the proxy's credentials: `TunnelOptions` in lib/native.d.ts.
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

/// One CONNECT request and its response, without a socket.
#[wasm_bindgen]
pub struct Tunnel(reply::Tunnel);

#[wasm_bindgen]
impl Tunnel {
    /// Keeps the options; [`request`](Self::request) makes the bytes to send.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &TunnelOptions) -> Self {
        let authorization = options.authorization();
        Self(reply::Tunnel::new(ProxyHandshake::new(
            &options.hostname(),
            options.port(),
            &options.host(),
            &options.url(),
            authorization.as_deref(),
        )))
    }

    /// The bytes of the request.
    pub fn request(&mut self, custom: Vec<String>) -> Uint8Array {
        Uint8Array::from(&*self.0.request(custom))
    }

    /// Parses bytes of the proxy. Returns how many of them belong to its response; null while the
    /// response is incomplete.
    pub fn receive(&mut self, chunk: &[u8]) -> JsValue {
        or_null(self.0.receive(chunk))
    }

    /// The proxy's response, once it is complete.
    pub fn answer(&self) -> JsValue {
        answer_object(self.0.reply())
    }
}
