//! Responses over HTTP/2: header fields for Node's `respond`, names and values in turn.

use napi::Env;
use napi::bindgen_prelude::{Error, Result, Status};
use napi_derive::napi;

use super::session::with;
use crate::proto::eventsource;
use crate::proto::http::{Headers, Request};

/// Whether a request asks for a WebSocket over HTTP/2.
#[napi(catch_unwind)]
pub fn is_web_socket_connect(method: String, protocol: String) -> bool {
    Request::new(method, "", "", vec![(":protocol".into(), protocol)]).is_websocket()
}

/// The fields that accept a server's request; `custom` and `extensions` are those of
/// [`start_handshake`](super::session::start_handshake).
#[napi(catch_unwind)]
pub fn respond_http2(
    env: Env,
    id: u32,
    custom: Option<Vec<String>>,
    extensions: Option<String>,
) -> Result<Vec<String>> {
    let custom = Headers::of_list(custom.unwrap_or_default());
    with(env, id, |entry| match entry.connection.start_http2(&custom, extensions.as_deref()) {
        Ok(fields) => Ok(fields.into_list()),
        Err(error) => Err(Error::new(Status::GenericFailure, error.to_string())),
    })
    .unwrap_or_else(|| Ok(Vec::new()))
}

/// The fields that refuse a server's request; the message is the body.
#[napi(catch_unwind)]
pub fn refuse_http2(env: Env, id: u32, message: String) -> Vec<String> {
    with(env, id, |entry| entry.connection.refuse_http2(&message).into_list()).unwrap_or_default()
}

/// The fields of an event stream's response.
#[napi(catch_unwind)]
pub fn event_source_fields(custom: Vec<String>) -> Vec<String> {
    eventsource::fields(&Headers::of_list(custom)).into_list()
}

/// The first field of an event stream; in milliseconds.
#[napi(catch_unwind)]
pub fn event_source_retry(milliseconds: f64) -> String {
    eventsource::retry(milliseconds)
}
