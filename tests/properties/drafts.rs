//! Drafts 75 and 76: the arithmetic of their keys, and texts under any cut.

use faye_websocket_rs::proto::connection::{Connection, Options, State};
use faye_websocket_rs::proto::http::{Headers, Request};
use faye_websocket_rs::proto::hybi::PeerMasking;
use faye_websocket_rs::proto::hybi::frame::Opcode;
use faye_websocket_rs::proto::{Entropy, Event, Output, Status};
use md5::{Digest, Md5};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{Cuts, cases, cuts, text};

struct Unused;

impl Entropy for Unused {
    fn fill(&mut self, _: &mut [u8]) {
        unreachable!("these drafts mask nothing");
    }
}

/// A key of draft 76: `product` with other characters between its digits, `spaces` of them blanks.
fn key(product: u64, spaces: usize, noise: &[(char, prop::sample::Index)]) -> String {
    let mut key: Vec<char> = product.to_string().chars().collect();
    let blanks = (0..spaces).map(|number| (' ', noise[number % noise.len()].1));
    for (character, place) in noise.iter().copied().chain(blanks) {
        key.insert(place.index(key.len() + 1), character);
    }
    key.into_iter().collect()
}

fn noise() -> impl Strategy<Value = Vec<(char, prop::sample::Index)>> {
    let characters: Vec<char> =
        ('!'..='~').filter(|character| !character.is_ascii_digit()).collect();
    vec((prop::sample::select(characters), any::<prop::sample::Index>()), 1..12)
}

fn server(keys: Option<[&str; 2]>) -> Connection {
    let fields = [("connection", "Upgrade"), ("upgrade", "WebSocket"), ("host", "h")];
    let keys =
        keys.map(|[first, second]| [("sec-websocket-key1", first), ("sec-websocket-key2", second)]);
    let headers = fields.into_iter().chain(keys.into_iter().flatten());
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let options = Options {
        peer_masking: PeerMasking::Either,
        masking: false,
        max_length: 1 << 20,
        max_text: u64::MAX,
        max_events: 2,
        least_landing: u64::MAX,
    };
    Connection::server(Request::new("GET", "/", "ws://h/", headers), None, true, &[], options)
}

/// Texts that are heard in pieces, the connection being opened on the way.
fn hear(server: &mut Connection, wire: &[u8], cuts: &Cuts) -> (Vec<String>, Vec<u8>) {
    let mut heard = Vec::new();
    let mut out = Output::default();
    for piece in cuts.apply(wire) {
        let mut piece = piece.to_vec();
        let mut at = 0;
        loop {
            let progress = server.receive(&mut piece, at, &mut out);
            at = progress.consumed;
            for event in &out.events {
                let Event::Text(span, _) = event else { unreachable!("{event:?}") };
                heard.push(String::from_utf8_lossy(span.bytes(&piece, &out)).into_owned());
            }
            out.clear_events();
            match progress.status {
                Status::NeedMore => break,
                Status::Handshake => server.open(),
                Status::Full => {}
                status => unreachable!("{status:?}"),
            }
        }
    }
    (heard, out.wire)
}

proptest! {
    #![proptest_config(cases(150))]

    /// Section 5.2 of draft 76: the digits of a key divided by the number of its spaces.
    #[test]
    fn keys_are_divided_by_their_spaces(
        first in 1_u32.., second in 1_u32.., spaces in any::<[prop::sample::Index; 2]>(),
        noises in [noise(), noise()], body in any::<[u8; 8]>(),
        texts in vec(text(30), 0..4), cuts in cuts(),
    ) {
        let spaces = spaces.map(|spaces| 1 + spaces.index(12));
        let keys = [
            key(u64::from(first) * spaces[0] as u64, spaces[0], &noises[0]),
            key(u64::from(second) * spaces[1] as u64, spaces[1], &noises[1]),
        ];
        let mut server = server(Some([&keys[0], &keys[1]]));
        let mut out = Output::default();
        prop_assert_eq!(server.start(&Headers::new(), None, &mut out), Ok(()));
        prop_assert_eq!(server.state(), State::Connecting);

        let mut wire = body.to_vec();
        let mut peer = Output::default();
        let mut sender = self::server(None);
        sender.open();
        for text in &texts {
            prop_assert!(sender.send(Opcode::Text, 0, text.as_bytes(), &mut Unused, &mut peer));
        }
        wire.append(&mut peer.wire);
        let signature = Md5::new()
            .chain_update(first.to_be_bytes())
            .chain_update(second.to_be_bytes())
            .chain_update(body)
            .finalize();
        let (heard, signed) = hear(&mut server, &wire, &cuts);
        prop_assert_eq!(signed, signature.to_vec());
        prop_assert_eq!(heard, texts);
        prop_assert_eq!(server.state(), State::Open);
    }

    #[test]
    fn keys_that_do_not_divide_are_refused(
        quotient in 1_u32.., spaces in 2_u64..13, excess: prop::sample::Index, noise in noise(),
    ) {
        let excess = 1 + excess.index(spaces as usize - 1) as u64;
        let good = key(u64::from(quotient) * spaces, spaces as usize, &noise);
        let bad = key(u64::from(quotient) * spaces + excess, spaces as usize, &noise);
        for keys in [[good.as_str(), &bad], [&bad, &good]] {
            let mut out = Output::default();
            let refused = server(Some(keys)).start(&Headers::new(), None, &mut out);
            prop_assert_eq!(
                refused.map_err(|error| error.to_string()),
                Err("Client sent invalid Sec-WebSocket-Key headers".to_owned())
            );
            prop_assert!(out.wire.is_empty());
        }
    }

    #[test]
    fn quotients_of_more_than_32_bits_are_refused(
        quotient in 1_u64 << 32..1 << 40, spaces in 1_usize..13, noise in noise(),
    ) {
        let bad = key(quotient * spaces as u64, spaces, &noise);
        let refused = server(Some([&bad, "1 "])).start(&Headers::new(), None, &mut Output::default());
        prop_assert!(refused.is_err());
    }

    #[test]
    fn texts_of_draft_75_are_heard(texts in vec(text(30), 0..5), cuts in cuts()) {
        let mut out = Output::default();
        let mut sender = server(None);
        sender.open();
        for text in &texts {
            sender.send(Opcode::Text, 0, text.as_bytes(), &mut Unused, &mut out);
        }
        let mut receiver = server(None);
        receiver.open();
        prop_assert_eq!(hear(&mut receiver, &out.wire, &cuts), (texts, Vec::new()));
    }
}
