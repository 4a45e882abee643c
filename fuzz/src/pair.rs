//! A client and a server that have opened a connection with each other.

use faye_websocket_rs::proto::Output;
use faye_websocket_rs::proto::connection::{Connection, Options};
use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::handshake::ClientHandshake;
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use libfuzzer_sys::arbitrary::{self, Arbitrary};

use crate::{Heard, KEY, Listener, Plan};

/// Most bytes of a message between the two.
pub const LIMIT: u64 = 1 << 24;

/// Options of permessage-deflate, each brought into its range.
#[derive(Arbitrary, Debug)]
pub struct Wishes {
    level: u8,
    mem_level: u8,
    strategy: u8,
    threshold: Option<u8>,
    no_context_takeover: bool,
    max_window_bits: Option<u8>,
    request_no_context_takeover: bool,
    request_max_window_bits: Option<u8>,
}

impl Wishes {
    fn proposal(&self) -> Proposal {
        let bits = |bits: Option<u8>| bits.map(|bits| 8 + i32::from(bits % 8));
        let options = DeflateOptions {
            level: i32::from(self.level % 11) - 1,
            mem_level: i32::from(self.mem_level % 9) + 1,
            strategy: i32::from(self.strategy % 5),
            threshold: self.threshold.map(usize::from),
            no_context_takeover: self.no_context_takeover,
            max_window_bits: bits(self.max_window_bits),
            request_no_context_takeover: self.request_no_context_takeover,
            request_max_window_bits: bits(self.request_max_window_bits),
            omit_full_window: false,
        };
        Proposal::new(options, ZlibPool::default()).expect("options in range")
    }
}

fn options(peer_masking: PeerMasking, masking: bool, plan: &Plan) -> Options {
    let least_landing = if plan.has(1) { u64::from(plan.small) } else { u64::MAX };
    Options {
        peer_masking,
        masking,
        max_length: LIMIT,
        max_text: u64::MAX,
        max_events: 16,
        least_landing,
    }
}

/// A client and a server, opened over the wire, each with the compression it wishes for.
pub fn pair(ours: Option<&Wishes>, theirs: Option<&Wishes>, plan: &Plan) -> (Listener, Listener) {
    let handshake = ClientHandshake::new("localhost", "/", &[], None, KEY);
    let mut client =
        Connection::client(handshake, false, options(PeerMasking::Forbidden, true, plan));
    if let Some(wishes) = ours {
        client.propose(wishes.proposal());
    }
    let mut out = Output::default();
    client.start(&Headers::new(), None, &mut out).expect("a client always starts");

    let request = String::from_utf8(out.wire).expect("a request in ASCII");
    let fields = request.lines().filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let request = Request::new("GET", "/", "ws://localhost/", headers);
    let server_options = options(PeerMasking::Required, false, plan);
    let mut server = Connection::server(request, None, false, &[], server_options);
    if let Some(wishes) = theirs {
        server.propose(wishes.proposal());
    }
    let mut out = Output::default();
    server.start(&Headers::new(), None, &mut out).expect("a request of ours");
    server.open();

    let mut client = Listener::new(client, LIMIT, 16);
    client.receive(&out.wire);
    assert_eq!(client.heard, [Heard::Answered(Ok(None), Some(101))]);
    client.heard.clear();
    assert_eq!(client.connection.is_compressed(), server.is_compressed());
    (client, Listener::new(server, LIMIT, 16))
}
