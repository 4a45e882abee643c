//! A CONNECT through a proxy, for clients that Node dials.

use napi::bindgen_prelude::{Buffer, BufferSlice};
use napi_derive::napi;

use super::session::Answer;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::sessions::reply;

/// Options of a tunnel.
#[napi(object)]
pub struct TunnelOptions {
    /// The server behind the proxy.
    pub hostname: String,
    pub port: u16,
    /// The server's value of `Host`.
    pub host: String,
    /// The server's address, for the text of errors.
    pub url: String,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<String>,
}

/// One CONNECT request and its response, without a socket.
#[napi]
pub struct Tunnel(reply::Tunnel);

#[napi]
impl Tunnel {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: TunnelOptions) -> Self {
        let TunnelOptions { hostname, port, host, url, authorization } = options;
        let handshake = ProxyHandshake::new(&hostname, port, &host, &url, authorization.as_deref());
        Self(reply::Tunnel::new(handshake))
    }

    /// The bytes of the request; `custom` are headers of the application, names and values in turn.
    #[napi(catch_unwind)]
    pub fn request(&mut self, custom: Vec<String>) -> Buffer {
        self.0.request(custom).into()
    }

    /// Takes bytes of the proxy; returns how many of them are of its response, or null while that
    /// is incomplete.
    #[napi(catch_unwind)]
    pub fn receive(&mut self, chunk: BufferSlice) -> Option<u32> {
        self.0.receive(&chunk)
    }

    /// The proxy's response, once it is complete.
    #[napi(catch_unwind)]
    pub fn answer(&self) -> Answer {
        self.0.reply().into()
    }
}
