//! Requests with arbitrary headers to a server, of every version: it answers or refuses, and of a draft-76 request
//! the body says the same in pieces.

#![no_main]

use faye_websocket_rs::proto::Output;
use faye_websocket_rs::proto::connection::{Connection, Options, State};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs_fuzz::{Heard, Listener, Plan};
use libfuzzer_sys::fuzz_target;

const DRAFTS: u8 = 1;
const DEFLATE: u8 = 2;
const UPGRADE: u8 = 4;

/// The request's lines, and the body behind an empty one.
fn split(text: &str) -> (Vec<(String, String)>, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim_matches(' ').to_owned()))
    };
    (head.lines().filter_map(field).collect(), body)
}

fn server(plan: &Plan, headers: &[(String, String)]) -> Connection {
    let mut headers = headers.to_vec();
    if plan.has(UPGRADE) {
        headers.push(("connection".into(), "Upgrade".into()));
        headers.push(("upgrade".into(), "websocket".into()));
    }
    let request = Request::new("GET", "/", "ws://localhost/", headers);
    let options = Options {
        peer_masking: PeerMasking::Required,
        masking: false,
        max_length: 1 << 16,
        max_text: u64::MAX,
        max_events: 256,
        least_landing: u64::MAX,
    };
    let protocols = ["echo".to_owned(), "chat".to_owned()];
    let mut connection = Connection::server(request, None, plan.has(DRAFTS), &protocols, options);
    if plan.has(DEFLATE) {
        let proposal = Proposal::new(DeflateOptions::default(), ZlibPool::default());
        connection.propose(proposal.expect("options in range"));
    }
    connection
}

/// What is written in answer to the head, and what is heard behind it.
fn play(plan: &Plan, headers: &[(String, String)], pieces: &[&[u8]]) -> (Vec<u8>, Vec<Heard>) {
    let mut connection = server(plan, headers);
    let mut out = Output::default();
    let is_good = connection.check().is_ok();
    let started = connection.start(&Headers::new(), None, &mut out);
    // Extensions are refused later.
    assert!(is_good || started.is_err());
    let mut wire = std::mem::take(&mut out.wire);
    if let Err(error) = started {
        assert!(wire.is_empty());
        connection.refuse(&error.to_string(), &mut out);
        assert!(out.wire.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
        return (out.wire, Vec::new());
    }
    assert!(wire.starts_with(b"HTTP/1.1 101 ") && wire.ends_with(b"\r\n\r\n"));
    let fields = wire.split(|byte| *byte == b'\n').count();
    assert!(fields < 12, "{fields} lines: somebody's words broke one");
    if !connection.awaits_peer() {
        connection.open();
        assert_eq!(connection.state(), State::Open);
    }
    let mut listener = Listener::new(connection, 1 << 16, 256);
    for piece in pieces {
        listener.receive(piece);
    }
    if listener.connection.is_compressed() {
        listener.heard.retain(|heard| !matches!(heard, Heard::Failed(..)));
    } else {
        wire.append(&mut listener.wire);
    }
    (wire, listener.heard)
}

fuzz_target!(|data: &[u8]| {
    let Some((plan, bytes)) = Plan::split(data) else { return };
    // As Node gives them to us: latin1.
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let (headers, body) = split(&text);
    let body: Vec<u8> = body.chars().map(|each| each as u8).collect();
    let whole = play(&plan, &headers, &[&body]);
    assert_eq!(play(&plan, &headers, &plan.cut(&body)), whole);
});
