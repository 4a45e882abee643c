//! A client's handshake and arbitrary bytes in place of the response, of a server or of a proxy; what
//! follows a response that is accepted is read as frames.

#![no_main]

use faye_websocket_rs::proto::Output;
use faye_websocket_rs::proto::connection::{Connection, Options};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::handshake::{ClientHandshake, ProxyHandshake};
use faye_websocket_rs::proto::http::Headers;
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs_fuzz::{Heard, KEY, Listener, Plan};
use libfuzzer_sys::fuzz_target;

const REQUIRE_PROTOCOL: u8 = 1;
const PROTOCOLS: u8 = 2;
const DEFLATE: u8 = 4;
const PROXY: u8 = 8;

const LIMIT: u64 = 1 << 16;

fn client(plan: &Plan) -> Listener {
    let protocols: &[String] =
        if plan.has(PROTOCOLS) { &["echo".to_owned(), "chat".to_owned()] } else { &[] };
    let handshake = ClientHandshake::new("localhost", "/", protocols, None, KEY);
    let options = Options {
        peer_masking: PeerMasking::Forbidden,
        masking: true,
        max_length: LIMIT,
        max_events: 256,
        max_text: u64::MAX,
        least_landing: u64::MAX,
    };
    let mut connection = Connection::client(handshake, plan.has(REQUIRE_PROTOCOL), options);
    if plan.has(DEFLATE) {
        let proposal = Proposal::new(DeflateOptions::default(), ZlibPool::default());
        connection.propose(proposal.expect("options in range"));
    }
    connection
        .start(&Headers::new(), None, &mut Output::default())
        .expect("a client always starts");
    Listener::new(connection, LIMIT, 256)
}

fn play(plan: &Plan, pieces: &[&[u8]]) -> Vec<Heard> {
    let mut client = client(plan);
    for piece in pieces {
        client.receive(piece);
    }
    if client.connection.is_compressed() {
        // See server_receive.rs.
        client.heard.retain(|heard| !matches!(heard, Heard::Failed(..)));
    }
    client.heard
}

/// Where the tunnel begins; `None` inside when more was awaited to the end.
fn tunnel(pieces: &[&[u8]]) -> Result<Option<usize>, String> {
    let mut proxy = ProxyHandshake::new("localhost", 80, "localhost", "ws://localhost/", None);
    let mut before = 0;
    for piece in pieces {
        let answer = proxy.receive(piece).map_err(|error| error.to_string())?;
        if let Some(consumed) = answer {
            assert!(consumed <= piece.len());
            assert_eq!(proxy.response().status, 200);
            return Ok(Some(before + consumed));
        }
        before += piece.len();
    }
    Ok(None)
}

/// An interim response counts as none only when the final one came with it: the original's way.
fn has_interim(heard: &[Heard]) -> bool {
    let status = |heard: &Heard| match heard {
        Heard::Answered(_, status) => *status,
        _ => None,
    };
    heard.iter().filter_map(status).any(|status| status < 200 && status != 101)
}

fuzz_target!(|data: &[u8]| {
    let Some((plan, bytes)) = Plan::split(data) else { return };
    let pieces = plan.cut(bytes);
    if plan.has(PROXY) {
        let (whole, cut) = (tunnel(&[bytes]), tunnel(&pieces));
        // An interim response, as below: here it is no consent.
        if !(cut.is_err() && whole.is_ok()) {
            assert_eq!(cut, whole);
        }
        return;
    }
    let (whole, cut) = (play(&plan, &[bytes]), play(&plan, &pieces));
    if !has_interim(&cut) {
        assert_eq!(cut, whole);
    }
});
