//! The load generator of the benchmark: one thread, one poll loop, frames built beforehand.
//!
//! It is started once per round with one JSON argument (see [`spec::Spec`]) and talks to the
//! harness over its standard streams: it prints `{"event":"ready"}` when the server has nothing
//! left to do, waits for a line, drives the server until every answer is back, and prints
//! `{"event":"result", ...}`. The harness reads the server's CPU clock at those two quiet moments,
//! so the CPU time belongs to the counted messages and to nothing else.
//!
//! It measures and judges nothing: medians and ratios are made in JavaScript.

mod broadcast;
mod churn;
mod connection;
mod echo;
mod frame;
mod idle;
mod latency;
mod report;
mod spec;
mod stream;

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use crate::spec::{Mode, Spec};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("certificate"), Some(directory)) => write_certificate(Path::new(&directory)),
        (Some(json), None) => {
            let spec: Spec = serde_json::from_str(json)?;
            // Thousands of sockets; a refusal shows up as a failed connect.
            let _ = rlimit::increase_nofile_limit(u64::MAX);
            match spec.mode {
                Mode::Echo => echo::run(&spec)?,
                Mode::Latency => latency::run(&spec)?,
                Mode::Broadcast => broadcast::run(&spec)?,
                Mode::Churn => churn::run(&spec)?,
                Mode::Idle => idle::run(&spec)?,
            }
            Ok(())
        }
        _ => Err("usage: loadgen '<spec as JSON>' | loadgen certificate <directory>".into()),
    }
}

/// Writes a self-signed `cert.pem` and `key.pem` for the wss workloads.
fn write_certificate(directory: &Path) -> Result<(), Box<dyn Error>> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::create_dir_all(directory)?;
    fs::write(directory.join("cert.pem"), certified.cert.pem())?;
    fs::write(directory.join("key.pem"), certified.signing_key.serialize_pem())?;
    Ok(())
}
