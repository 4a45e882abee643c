//! Server-sent events, as texts.

use napi_derive::napi;

use crate::proto::eventsource;
use crate::proto::http::Headers;

/// A comment, which keeps an idle connection open.
#[napi]
pub const EVENT_SOURCE_COMMENT: &str = eventsource::COMMENT;

/// Whether a value of `Accept` asks for an event stream.
#[napi(catch_unwind)]
pub fn is_event_source(accept: String) -> bool {
    eventsource::is_accepted(&accept)
}

/// The response's head and the first field; `custom` are names and values in turn, `retry` is in
/// milliseconds.
#[napi(catch_unwind)]
pub fn event_source_head(custom: Vec<String>, retry: f64) -> String {
    eventsource::head(&Headers::of_list(custom), retry)
}

/// One event.
#[napi(catch_unwind)]
pub fn event_source_event(name: Option<String>, id: Option<String>, data: String) -> String {
    eventsource::event(name.as_deref(), id.as_deref(), &data)
}
