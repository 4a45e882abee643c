//! A CONNECT through a proxy, for clients that are dialled through Node.

use napi::bindgen_prelude::{Buffer, BufferSlice};
use napi_derive::napi;

use super::session::Answer;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::proto::http::Headers;

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
pub struct Tunnel {
    handshake: ProxyHandshake,
    failure: Option<String>,
}

#[napi]
impl Tunnel {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: TunnelOptions) -> Self {
        let TunnelOptions { hostname, port, host, url, authorization } = options;
        let handshake = ProxyHandshake::new(&hostname, port, &host, &url, authorization.as_deref());
        Self { handshake, failure: None }
    }

    /// The bytes of the request, with headers of the application: names and values in turn.
    #[napi(catch_unwind)]
    pub fn request(&mut self, custom: Vec<String>) -> Buffer {
        let mut bytes = Vec::new();
        self.handshake.request(&Headers::of_list(custom), &mut bytes);
        bytes.into()
    }

    /// Takes bytes of the proxy; returns how many of them belonged to its answer, or null while it
    /// is incomplete.
    #[napi(catch_unwind)]
    pub fn receive(&mut self, chunk: BufferSlice) -> Option<u32> {
        match self.handshake.receive(&chunk) {
            Ok(consumed) => consumed.map(|consumed| consumed as u32),
            Err(error) => {
                self.failure = Some(error.to_string());
                Some(chunk.len() as u32)
            }
        }
    }

    /// The proxy's answer, once it is complete.
    #[napi(catch_unwind)]
    pub fn answer(&self) -> Answer {
        let response = self.handshake.response();
        let headers = response.headers.iter();
        Answer {
            status_code: (response.status > 0).then_some(u32::from(response.status)),
            headers: headers.flat_map(|(name, value)| [name.clone(), value.clone()]).collect(),
            failure: self.failure.clone(),
            protocol: None,
        }
    }
}
