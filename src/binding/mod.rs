//! Conversions between the inner rings and JavaScript. A rule found here is a bug.

mod client_socket;
mod tasks;
