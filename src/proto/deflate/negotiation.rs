//! Offer, answer and agreement, for both roles (RFC 7692 sections 5 and 7.1).
//!
//! Where the RFC allows several answers, that of the npm package `permessage-deflate` is given, so
//! that the headers on the wire are the same.

use super::params::{ClientWindow, Params};
use super::{DeflateOptions, OptionsError};
use crate::proto::extension::ParamValue;
use crate::proto::extension::header::Params as ParamList;

const MAX_BITS: u8 = 15;

/// The parameters of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Whether a message may refer to earlier ones.
    pub context_takeover: bool,
    /// The window is at most 2^n bytes; 8 to 15.
    pub window_bits: u8,
}

/// What client and server have agreed on, as seen by one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Messages this side sends.
    pub own: Direction,
    /// Messages the peer sends.
    pub peer: Direction,
}

/// The options of the negotiation, all in range.
#[derive(Clone, Copy, Debug)]
struct Wishes {
    no_context_takeover: bool,
    max_window_bits: Option<u8>,
    request_no_context_takeover: bool,
    request_max_window_bits: Option<u8>,
    omit_full_window: bool,
}

impl Wishes {
    fn new(options: &DeflateOptions) -> Result<Self, OptionsError> {
        options.validate()?;
        let bits = |bits: Option<i32>| bits.and_then(|bits| u8::try_from(bits).ok());
        Ok(Self {
            no_context_takeover: options.no_context_takeover,
            max_window_bits: bits(options.max_window_bits),
            request_no_context_takeover: options.request_no_context_takeover,
            request_max_window_bits: bits(options.request_max_window_bits),
            omit_full_window: options.omit_full_window,
        })
    }
}

/// The client's half.
#[derive(Clone, Copy, Debug)]
pub struct ClientNegotiation(Wishes);

impl ClientNegotiation {
    /// # Errors
    ///
    /// An option is out of range.
    pub fn new(options: &DeflateOptions) -> Result<Self, OptionsError> {
        Wishes::new(options).map(Self)
    }

    /// The parameters to offer. `client_max_window_bits` is always among them: without it the
    /// server could not ask for a smaller window (RFC 7692 section 7.1.2.2).
    pub fn offer(&self) -> ParamList {
        Params {
            server_no_context_takeover: self.0.request_no_context_takeover,
            client_no_context_takeover: self.0.no_context_takeover,
            server_max_window_bits: self.0.request_max_window_bits,
            client_max_window_bits: Some(
                self.0.max_window_bits.map_or(ClientWindow::Any, ClientWindow::Bits),
            ),
        }
        .to_offer()
    }

    /// Judges the server's answer to [`offer`](Self::offer). `None` fails the handshake: the answer
    /// is malformed, or does not grant what was offered.
    pub fn accept(&self, answer: &[(String, Vec<ParamValue>)]) -> Option<Agreement> {
        let answer = Params::from_answer(answer)?;
        let wishes = &self.0;

        let client_bits = match answer.client_max_window_bits {
            None => MAX_BITS,
            Some(ClientWindow::Any) => return None,
            Some(ClientWindow::Bits(bits))
                if wishes.max_window_bits.is_some_and(|max| bits > max) =>
            {
                return None;
            }
            Some(ClientWindow::Bits(bits)) => bits,
        };
        if wishes.request_no_context_takeover && !answer.server_no_context_takeover {
            return None;
        }
        // RFC 7692 section 7.1.2.1: a server grants an offered limit by answering with the same or
        // a smaller one.
        if let Some(requested) = wishes.request_max_window_bits
            && answer.server_max_window_bits.is_none_or(|granted| granted > requested)
        {
            return None;
        }

        Some(Agreement {
            own: Direction {
                context_takeover: !wishes.no_context_takeover && !answer.client_no_context_takeover,
                window_bits: client_bits.min(wishes.max_window_bits.unwrap_or(MAX_BITS)),
            },
            peer: Direction {
                context_takeover: !answer.server_no_context_takeover,
                window_bits: answer.server_max_window_bits.unwrap_or(MAX_BITS),
            },
        })
    }
}

/// The server's half.
#[derive(Clone, Copy, Debug)]
pub struct ServerNegotiation(Wishes);

impl ServerNegotiation {
    /// # Errors
    ///
    /// An option is out of range.
    pub fn new(options: &DeflateOptions) -> Result<Self, OptionsError> {
        Wishes::new(options).map(Self)
    }

    /// Takes the first well-formed offer, in the client's order of preference, and answers it.
    /// `None` declines the extension.
    pub fn answer<'a, I>(&self, offers: I) -> Option<(Agreement, ParamList)>
    where
        I: IntoIterator<Item = &'a [(String, Vec<ParamValue>)]>,
    {
        let offer = offers.into_iter().find_map(Params::from_offer)?;
        let wishes = &self.0;

        let own = Direction {
            context_takeover: !wishes.no_context_takeover && !offer.server_no_context_takeover,
            window_bits: wishes
                .max_window_bits
                .unwrap_or(MAX_BITS)
                .min(offer.server_max_window_bits.unwrap_or(MAX_BITS)),
        };
        // RFC 7692 section 7.1.2.2: "If a received extension negotiation offer doesn't have the
        // "client_max_window_bits" extension parameter, the corresponding extension negotiation
        // response to the offer MUST NOT include the "client_max_window_bits" extension parameter."
        // Such a client cannot be asked for a smaller window.
        let peer_bits = offer.client_max_window_bits.map_or(MAX_BITS, |window| {
            let offered = match window {
                ClientWindow::Any => MAX_BITS,
                ClientWindow::Bits(bits) => bits,
            };
            offered.min(wishes.request_max_window_bits.unwrap_or(MAX_BITS))
        });
        let peer = Direction {
            context_takeover: !wishes.request_no_context_takeover
                && !offer.client_no_context_takeover,
            window_bits: peer_bits,
        };

        let answer = Params {
            server_no_context_takeover: !own.context_takeover,
            client_no_context_takeover: !peer.context_takeover,
            // Only where it was offered: Firefox closes the connection otherwise.
            server_max_window_bits: offer
                .server_max_window_bits
                .map(|_| own.window_bits)
                .filter(|bits| *bits < MAX_BITS || !wishes.omit_full_window),
            client_max_window_bits: (peer_bits < MAX_BITS).then_some(ClientWindow::Bits(peer_bits)),
        };
        Some((Agreement { own, peer }, answer.to_answer()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::deflate::NAME;
    use crate::proto::extension::header;

    fn list(params: &str) -> ParamList {
        let header = if params.is_empty() { NAME.to_owned() } else { format!("{NAME}; {params}") };
        header::parse(&header).unwrap().remove(0).params
    }

    fn text(list: &ParamList) -> String {
        let header = header::serialize(NAME, list);
        header[NAME.len()..].trim_start_matches("; ").to_owned()
    }

    fn options(change: impl FnOnce(&mut DeflateOptions)) -> DeflateOptions {
        let mut options = DeflateOptions::default();
        change(&mut options);
        options
    }

    fn offer(change: impl FnOnce(&mut DeflateOptions)) -> String {
        ClientNegotiation::new(&options(change))
            .map_or_else(|e| e.to_string(), |c| text(&c.offer()))
    }

    fn accept(change: impl FnOnce(&mut DeflateOptions), answer: &str) -> Option<Agreement> {
        ClientNegotiation::new(&options(change)).ok()?.accept(&list(answer))
    }

    fn answer(
        change: impl FnOnce(&mut DeflateOptions),
        offers: &[&str],
    ) -> Option<(Agreement, String)> {
        let offers: Vec<ParamList> = offers.iter().map(|offer| list(offer)).collect();
        let server = ServerNegotiation::new(&options(change)).ok()?;
        let (agreement, answer) = server.answer(offers.iter().map(Vec::as_slice))?;
        Some((agreement, text(&answer)))
    }

    fn both(own: (bool, u8), peer: (bool, u8)) -> Agreement {
        let direction =
            |(context_takeover, window_bits)| Direction { context_takeover, window_bits };
        Agreement { own: direction(own), peer: direction(peer) }
    }

    #[test]
    fn offers() {
        assert_eq!(offer(|_| {}), "client_max_window_bits");
        assert_eq!(offer(|o| o.max_window_bits = Some(8)), "client_max_window_bits=8");
        let everything = offer(|o| {
            o.no_context_takeover = true;
            o.request_no_context_takeover = true;
            o.max_window_bits = Some(10);
            o.request_max_window_bits = Some(9);
        });
        assert_eq!(
            everything,
            "client_no_context_takeover; client_max_window_bits=10; \
             server_no_context_takeover; server_max_window_bits=9"
        );
        assert_eq!(offer(|o| o.max_window_bits = Some(7)), "Invalid value for maxWindowBits");
    }

    #[test]
    fn answers_to_the_default_offer() {
        let (agreement, text) = answer(|_| {}, &["client_max_window_bits"]).unwrap();
        assert_eq!(text, "");
        assert_eq!(agreement, both((true, 15), (true, 15)));

        let (agreement, text) = answer(
            |o| {
                o.no_context_takeover = true;
                o.request_no_context_takeover = true;
                o.max_window_bits = Some(10);
                o.request_max_window_bits = Some(9);
            },
            &["client_max_window_bits"],
        )
        .unwrap();
        assert_eq!(
            text,
            "server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9"
        );
        assert_eq!(agreement, both((false, 10), (false, 9)));
    }

    #[test]
    fn what_the_client_asks_for_is_granted() {
        let (agreement, text) = answer(
            |_| {},
            &["server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; \
               client_max_window_bits=12"],
        )
        .unwrap();
        assert_eq!(
            text,
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; \
             client_max_window_bits=12"
        );
        assert_eq!(agreement, both((false, 8), (false, 12)));
    }

    #[test]
    fn a_client_that_offers_no_window_is_not_limited() {
        let (agreement, text) = answer(|o| o.request_max_window_bits = Some(9), &[""]).unwrap();
        assert_eq!(text, "");
        assert_eq!(agreement.peer.window_bits, 15);
    }

    #[test]
    fn a_full_window_is_answered_unless_the_npm_package_is_imitated() {
        let offers = ["server_max_window_bits=15"];
        assert_eq!(answer(|_| {}, &offers).unwrap().1, "server_max_window_bits=15");
        assert_eq!(answer(|o| o.omit_full_window = true, &offers).unwrap().1, "");
        let offers = ["server_max_window_bits=14"];
        let limited = answer(|o| o.omit_full_window = true, &offers).unwrap().1;
        assert_eq!(limited, "server_max_window_bits=14");
    }

    #[test]
    fn the_first_well_formed_offer_wins() {
        let offers = [
            "server_max_window_bits=7",
            "unknown",
            "client_max_window_bits=1e1x",
            "server_max_window_bits=11",
            "",
        ];
        assert_eq!(answer(|_| {}, &offers).unwrap().1, "server_max_window_bits=11");
        assert_eq!(answer(|_| {}, &["unknown"]), None);
        assert_eq!(answer(|_| {}, &[]), None);
    }

    #[test]
    fn answers_a_client_accepts() {
        assert_eq!(accept(|_| {}, ""), Some(both((true, 15), (true, 15))));
        // A server may limit either side unasked, and forbid either side its context.
        assert_eq!(
            accept(
                |_| {},
                "server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=10; client_max_window_bits=8"
            ),
            Some(both((false, 8), (false, 10)))
        );
        assert_eq!(
            accept(|o| o.max_window_bits = Some(11), ""),
            Some(both((true, 11), (true, 15)))
        );
        assert_eq!(
            accept(|o| o.request_max_window_bits = Some(12), "server_max_window_bits=12"),
            Some(both((true, 15), (true, 12)))
        );
    }

    #[test]
    fn answers_a_client_refuses() {
        for answer in [
            "client_max_window_bits",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "server_max_window_bits",
            "server_max_window_bits=99",
            "unknown",
            "server_no_context_takeover; server_no_context_takeover",
        ] {
            assert_eq!(accept(|_| {}, answer), None, "{answer}");
        }
        let limited = |o: &mut DeflateOptions| o.max_window_bits = Some(10);
        assert_eq!(accept(limited, "client_max_window_bits=11"), None);
        let limits = |o: &mut DeflateOptions| o.request_max_window_bits = Some(10);
        assert_eq!(accept(limits, "server_max_window_bits=11"), None);
        assert_eq!(accept(limits, ""), None);
        let forbids = |o: &mut DeflateOptions| o.request_no_context_takeover = true;
        assert_eq!(accept(forbids, ""), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "4,096 handshakes take too long")]
    fn every_answer_of_ours_is_accepted_by_our_client_and_both_agree() {
        let bits = [None, Some(8), Some(9), Some(15)];
        let mut wishes = Vec::new();
        for max in bits {
            for request in bits {
                for flags in 0..4 {
                    wishes.push(options(|o| {
                        o.max_window_bits = max;
                        o.request_max_window_bits = request;
                        o.no_context_takeover = flags & 1 != 0;
                        o.request_no_context_takeover = flags & 2 != 0;
                    }));
                }
            }
        }
        for client in &wishes {
            for server in &wishes {
                let client = ClientNegotiation::new(client).unwrap();
                let server = ServerNegotiation::new(server).unwrap();
                let offer = client.offer();
                let (theirs, answer) = server.answer([offer.as_slice()]).unwrap();
                let ours = client.accept(&answer).unwrap();
                // The server need not announce that it uses less than it may.
                assert!(theirs.own.window_bits <= ours.peer.window_bits, "{answer:?}");
                assert_eq!(theirs.own.context_takeover, ours.peer.context_takeover, "{answer:?}");
                assert!(ours.own.window_bits <= theirs.peer.window_bits, "{answer:?}");
                assert!(!ours.own.context_takeover || theirs.peer.context_takeover, "{answer:?}");
            }
        }
    }
}
