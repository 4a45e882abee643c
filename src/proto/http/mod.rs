//! The part of HTTP/1.1 that opening handshakes need: heads of messages, without bodies.
//!
//! A server's request comes from Node already parsed; a client's response is parsed here.

pub mod headers;
pub mod request;
pub mod response;

pub use headers::Headers;
pub use request::Request;
pub use response::{Response, ResponseError, ResponseParser};
