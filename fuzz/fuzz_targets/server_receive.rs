//! A server's connection and arbitrary bytes in arbitrary pieces, in every version: whatever they are
//! cut into, the same is heard.

#![no_main]

use faye_websocket_rs::proto::Output;
use faye_websocket_rs::proto::connection::{Connection, Options};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::handshake::Version;
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs_fuzz::{Heard, KEY, Listener, Plan};
use libfuzzer_sys::fuzz_target;

const VERSION: u8 = 7;
const MASKING: u8 = 24;
const LEAVES_EARLY: u8 = 32;
const NO_TAKEOVER: u8 = 64;

fn is_deflated(plan: &Plan) -> bool {
    plan.choices & VERSION == 5
}

fn server(plan: &Plan, max_events: usize, least_landing: u64) -> Listener {
    let version = match plan.choices & VERSION {
        1 => Version::Hybi8,
        2 => Version::Hybi7,
        3 => Version::Hixie75,
        4 => Version::Hixie76,
        _ => Version::Hybi13,
    };
    let number = match version {
        Version::Hybi8 => "8",
        Version::Hybi7 => "7",
        _ => "13",
    };
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", number),
        ("sec-websocket-key", KEY),
        ("sec-websocket-key1", "1   38 wZ3f9 23O0 3l 0r"),
        ("sec-websocket-key2", "27   0E 6 2  1665:< ;U 1H"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = Request::new("GET", "/", "ws://localhost/", headers);
    let peer_masking = match plan.choices & MASKING {
        0 => PeerMasking::Either,
        8 => PeerMasking::Forbidden,
        _ => PeerMasking::Required,
    };
    // Compressed messages always have a limit, or a few bytes would keep the fuzzer busy for long.
    let max_length = if is_deflated(plan) { plan.limit().min(1 << 20) } else { plan.limit() };
    let options = Options {
        peer_masking,
        masking: false,
        max_length,
        max_text: u64::MAX,
        max_events,
        least_landing,
    };
    let mut connection = Connection::server(request, Some(version), true, &[], options);
    if is_deflated(plan) {
        let wishes = DeflateOptions {
            request_no_context_takeover: plan.has(NO_TAKEOVER),
            ..DeflateOptions::default()
        };
        let proposal = Proposal::new(wishes, ZlibPool::default());
        connection.propose(proposal.expect("options in range"));
    }
    let mut out = Output::default();
    connection.start(&Headers::new(), None, &mut out).expect("a request that nobody refuses");
    if !connection.awaits_peer() {
        connection.open();
    }
    if plan.choices & VERSION == 6 {
        connection.decode_outside(7);
    }
    let mut listener = Listener::new(connection, max_length, max_events);
    listener.leaves_early = plan.has(LEAVES_EARLY);
    listener
}

fn play(mut server: Listener, plan: &Plan, pieces: &[&[u8]]) -> (Vec<Heard>, Vec<u8>) {
    for piece in pieces {
        server.receive(piece);
    }
    if is_deflated(plan) {
        // Of a compressed message with more than one fault the first one that is met counts, and of
        // zlib's texts the likeliest where the message cannot be looked at again.
        for heard in &mut server.heard {
            if let Heard::Failed(code, text) = heard {
                (*code, *text) = (0, String::new());
            }
        }
        server.wire.clear();
    }
    (server.heard, server.wire)
}

fuzz_target!(|data: &[u8]| {
    let Some((plan, bytes)) = Plan::split(data) else { return };
    let pieces = plan.cut(bytes);
    let whole = play(server(&plan, 256, u64::MAX), &plan, &[bytes]);
    let cut = play(server(&plan, 1 + usize::from(plan.small % 3), u64::MAX), &plan, &pieces);
    assert_eq!(cut, whole, "in pieces");
    let joining = server(&plan, 256, u64::from(plan.small % 32));
    assert_eq!(play(joining, &plan, &pieces), whole, "joined by us");
});
