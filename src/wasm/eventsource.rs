//! Server-sent events, as texts.

use wasm_bindgen::prelude::*;

use crate::proto::eventsource;
use crate::proto::http::Headers;

/// A comment, which keeps the connection open.
#[wasm_bindgen(js_name = eventSourceComment)]
pub fn comment() -> String {
    eventsource::COMMENT.into()
}

/// Whether a value of `Accept` asks for an event stream.
#[wasm_bindgen(js_name = isEventSource)]
pub fn is_event_source(accept: &str) -> bool {
    eventsource::is_accepted(accept)
}

/// The response's head and the first field.
#[wasm_bindgen(js_name = eventSourceHead)]
pub fn event_source_head(custom: Vec<String>, retry: f64) -> String {
    eventsource::head(&Headers::of_list(custom), retry)
}

/// One event.
#[wasm_bindgen(js_name = eventSourceEvent)]
pub fn event_source_event(name: Option<String>, id: Option<String>, data: &str) -> String {
    eventsource::event(name.as_deref(), id.as_deref(), data)
}
