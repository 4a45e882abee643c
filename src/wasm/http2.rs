//! Responses over HTTP/2: as `crate::binding::http2`.

use wasm_bindgen::prelude::*;

use super::session::with;
use super::values::failed;
use crate::proto::eventsource;
use crate::proto::http::{Headers, Request};

#[wasm_bindgen(js_name = isWebSocketConnect)]
pub fn is_web_socket_connect(method: &str, protocol: &str) -> bool {
    Request::new(method, "", "", vec![(":protocol".into(), protocol.into())]).is_websocket()
}

#[wasm_bindgen(js_name = respondHttp2)]
pub fn respond_http2(
    id: u32,
    custom: Option<Vec<String>>,
    extensions: Option<String>,
) -> Result<Vec<String>, JsError> {
    let custom = Headers::of_list(custom.unwrap_or_default());
    with(id, |entry| {
        let fields = entry.connection.start_http2(&custom, extensions.as_deref());
        Ok(fields.map_err(failed)?.into_list())
    })
    .unwrap_or_else(|| Ok(Vec::new()))
}

#[wasm_bindgen(js_name = refuseHttp2)]
pub fn refuse_http2(id: u32, message: &str) -> Vec<String> {
    with(id, |entry| entry.connection.refuse_http2(message).into_list()).unwrap_or_default()
}

#[wasm_bindgen(js_name = eventSourceFields)]
pub fn event_source_fields(custom: Vec<String>) -> Vec<String> {
    eventsource::fields(&Headers::of_list(custom)).into_list()
}

#[wasm_bindgen(js_name = eventSourceRetry)]
pub fn event_source_retry(milliseconds: f64) -> String {
    eventsource::retry(milliseconds)
}
