//! A CONNECT through a proxy, for clients that are dialled through Node.

use napi::bindgen_prelude::{Buffer, BufferSlice};
use napi_derive::napi;

use super::session::Answer;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::sessions::reply;

/// What a tunnel needs to know.
#[napi(object)]
pub struct TunnelOptions {
    /// The server behind the proxy.
    pub hostname: String,
    pub port: u16,
    /// The server's value of `Host`.
    pub host: String,
    /// The server's address, as errors show it.
    pub url: String,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<String>,
}

/// One CONNECT, without its socket.
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

    /// The bytes of the request, with headers of the application: names and values in turn.
    #[napi(catch_unwind)]
    pub fn request(&mut self, custom: Vec<String>) -> Buffer {
        self.0.request(custom).into()
    }

    /// Takes bytes of the proxy; returns how many of them belonged to its answer, or null while it
    /// is incomplete.
    #[napi(catch_unwind)]
    pub fn receive(&mut self, chunk: BufferSlice) -> Option<u32> {
        self.0.receive(&chunk)
    }

    /// The proxy's answer, once it is complete.
    #[napi(catch_unwind)]
    pub fn answer(&self) -> Answer {
        self.0.reply().into()
    }
}
