//! What one round has to do, as the harness writes it.

use std::time::{Duration, Instant};

use serde::Deserialize;

/// One round. Field names are those of the JSON argument, in camel case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    pub mode: Mode,
    /// The server's TCP port on 127.0.0.1.
    pub port: u16,
    pub protocol: Protocol,
    /// Speak TLS. The server's certificate is not checked.
    #[serde(default)]
    pub tls: bool,
    /// Connections open at the same time.
    pub connections: usize,
    /// Messages in flight on each connection (echo).
    #[serde(default = "one")]
    pub depth: usize,
    /// Payload bytes of a message; in a broadcast, of the message the server pushes.
    #[serde(default)]
    pub size: usize,
    /// Binary messages instead of text.
    #[serde(default)]
    pub binary: bool,
    /// Messages each connection receives per request to broadcast.
    #[serde(default = "one")]
    pub per_turn: usize,
    /// Microseconds between two messages (latency).
    #[serde(default)]
    pub interval: u64,
    /// Done before the measurement, to warm the server up.
    #[serde(default)]
    pub warm_up: Option<Limit>,
    /// How long the measurement goes on.
    #[serde(default)]
    pub measure: Option<Limit>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Send, await the echo, send again.
    Echo,
    /// Send on a fixed schedule, however late the answers are.
    Latency,
    /// Ask for broadcasts and count deliveries.
    Broadcast,
    /// Open and close connections.
    Churn,
    /// Hold connections open.
    Idle,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    Websocket,
    /// No handshake: the server returns or pushes bytes it does not understand.
    Raw,
}

/// When to stop starting new work.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    Milliseconds(u64),
    /// In all, not per connection.
    Messages(u64),
}

impl Limit {
    /// The moment and the number of messages at which to stop.
    pub fn bounds(self, start: Instant) -> (Option<Instant>, u64) {
        match self {
            Limit::Milliseconds(n) => (Some(start + Duration::from_millis(n)), u64::MAX),
            Limit::Messages(n) => (None, n),
        }
    }
}

impl Spec {
    pub fn measure(&self) -> Result<Limit, &'static str> {
        self.measure.ok_or("this mode needs `measure`")
    }
}

fn one() -> usize {
    1
}
