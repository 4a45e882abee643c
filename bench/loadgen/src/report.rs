//! What the harness is told, one JSON object per line.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// A measurement under way.
pub struct Tally {
    start: Instant,
    cpu: ProcessTime,
    /// Messages that came back or arrived, or connections opened and closed.
    pub messages: u64,
    latency: Option<Histogram<u64>>,
}

impl Tally {
    pub fn start() -> Tally {
        // Up to a minute, in nanoseconds, to three digits.
        let latency = Histogram::new_with_bounds(1, 60_000_000_000, 3).ok();
        Tally { start: Instant::now(), cpu: ProcessTime::now(), messages: 0, latency }
    }

    pub fn record(&mut self, latency: Duration) {
        if let Some(histogram) = &mut self.latency {
            histogram.saturating_record(latency.as_nanos() as u64);
        }
    }

    /// Prints the result; call it when the last answer is in.
    pub fn finish(self) -> io::Result<()> {
        let elapsed = self.start.elapsed();
        let cpu = self.cpu.elapsed();
        let latency = self.latency.filter(|histogram| !histogram.is_empty()).map(|histogram| {
            json!({
                "p50": histogram.value_at_quantile(0.5),
                "p99": histogram.value_at_quantile(0.99),
                "max": histogram.max(),
            })
        });
        print(&json!({
            "event": "result",
            "messages": self.messages,
            "elapsedNs": elapsed.as_nanos() as u64,
            "generatorCpuNs": cpu.as_nanos() as u64,
            "latencyNs": latency,
        }))
    }
}

/// Tells the harness that the server is idle, and waits for its word.
pub fn ready() -> io::Result<()> {
    print(&json!({ "event": "ready" }))?;
    match io::stdin().read_line(&mut String::new())? {
        0 => Err(io::Error::other("the harness went away")),
        _ => Ok(()),
    }
}

fn print(line: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
