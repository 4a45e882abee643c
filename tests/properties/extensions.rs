//! `Sec-WebSocket-Extensions`: what is written is what is read, and nothing is agreed on that was not
//! offered.

use std::convert::Infallible;

use faye_websocket_rs::proto::deflate::{
    ClientNegotiation, ClientWindow, DeflateOptions, Params as DeflateParams, ServerNegotiation,
};
use faye_websocket_rs::proto::extension::header::{self, Offer, ParamValue, Params};
use faye_websocket_rs::proto::extension::negotiate::{self, Candidate, NegotiationError};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{cases, text};

const NAMES: [&str; 4] = ["a", "b", "x-webkit-frame", "permessage-deflate"];

fn token() -> impl Strategy<Value = String> {
    let byte = prop::sample::select(b"!#$%&'*+-.^_`|~09azAZ".to_vec());
    vec(byte, 1..8).prop_map(|bytes| String::from_utf8(bytes).expect("ASCII"))
}

/// Whether a value is one that the grammar of ours takes for a number.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    digits.starts_with(|first: char| first.is_ascii_digit()) && value.parse::<f64>().is_ok()
}

fn value() -> impl Strategy<Value = ParamValue> {
    // Neither of these survives a quoted string: backslashes, by the original's choice, and what no
    // line can hold.
    let plain = |text: &String| {
        !is_number(text)
            && !text.chars().any(|character| character == '\\' || character.is_ascii_control())
    };
    prop_oneof![
        Just(ParamValue::True),
        any::<u32>().prop_map(|number| ParamValue::Number(f64::from(number), number.to_string())),
        (-1000_i32..1000)
            .prop_map(|number| f64::from(number) / 4.0)
            .prop_map(|number| ParamValue::Number(number, number.to_string())),
        token().prop_filter("no number", |token| !is_number(token)).prop_map(ParamValue::Text),
        text(12).prop_filter("can be quoted", plain).prop_map(ParamValue::Text),
    ]
}

fn params() -> impl Strategy<Value = Params> {
    vec((token(), vec(value(), 1..3)), 0..4).prop_map(|mut params| {
        let mut names = Vec::new();
        params.retain(|(name, _)| {
            let is_new = !names.contains(name);
            names.push(name.clone());
            is_new
        });
        params
    })
}

fn offer(name: impl Strategy<Value = String>) -> impl Strategy<Value = Offer> {
    (name, params()).prop_map(|(name, params)| Offer { name, params })
}

fn known_name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn write(offers: &[Offer]) -> String {
    let offers = offers.iter().map(|Offer { name, params }| header::serialize(name, params));
    offers.collect::<Vec<_>>().join(", ")
}

fn candidates() -> impl Strategy<Value = Vec<(&'static str, u8)>> {
    (Just(NAMES.to_vec()).prop_shuffle(), vec(0_u8..8, 4), 0_usize..5)
        .prop_map(|(names, bits, count)| names.into_iter().zip(bits).take(count).collect())
}

fn deflate_options() -> impl Strategy<Value = DeflateOptions> {
    let bits = || prop::option::of(8..=15);
    (any::<[bool; 2]>(), bits(), bits()).prop_map(|([own, request], own_bits, request_bits)| {
        DeflateOptions {
            no_context_takeover: own,
            request_no_context_takeover: request,
            max_window_bits: own_bits,
            request_max_window_bits: request_bits,
            ..DeflateOptions::default()
        }
    })
}

fn deflate_params() -> impl Strategy<Value = DeflateParams> {
    let window = prop_oneof![Just(ClientWindow::Any), (8_u8..=15).prop_map(ClientWindow::Bits)];
    (any::<[bool; 2]>(), prop::option::of(8_u8..=15), prop::option::of(window)).prop_map(
        |([server, client], server_bits, client_window)| DeflateParams {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_window,
        },
    )
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn what_is_written_is_read(offers in vec(offer(token()), 0..4)) {
        let written = write(&offers);
        prop_assert_eq!(header::parse(&written), Ok(offers), "{}", written);
    }

    #[test]
    fn white_space_around_separators_says_nothing(
        offers in vec(offer(token()), 1..4),
        blanks in vec(prop::sample::select(vec!["", " ", "\t ", "\r\n ", " \r\n\t\r\n  "]), 1..8),
    ) {
        let written = write(&offers);
        // Outside of quotes, which hold anything.
        let mut spaced = String::new();
        let mut blanks = blanks.iter().cycle();
        let mut is_quoted = false;
        let mut is_escaped = false;
        for character in written.chars() {
            let was_escaped = std::mem::take(&mut is_escaped);
            match character {
                '"' if !was_escaped => is_quoted = !is_quoted,
                '\\' => is_escaped = true,
                ',' | ';' | '=' if !is_quoted => {
                    spaced.extend(blanks.next().copied());
                    spaced.push(character);
                    spaced.extend(blanks.next().copied());
                    continue;
                }
                ' ' if !is_quoted => continue,
                _ => {}
            }
            spaced.push(character);
        }
        prop_assert_eq!(header::parse(&spaced), Ok(offers), "{}", spaced);
    }

    #[test]
    fn any_text_is_read_or_refused_as_a_whole(text in text(40)) {
        if let Err(error) = header::parse(&text) {
            prop_assert_eq!(error.header, text);
        }
    }

    #[test]
    fn a_server_agrees_only_to_what_was_offered_and_to_each_bit_once(
        offers in vec(offer(known_name()), 0..5),
        candidates in candidates(),
        declines in any::<[bool; 4]>(),
    ) {
        let candidates: Vec<_> =
            candidates.iter().map(|&(name, rsv)| Candidate { name, rsv }).collect();
        let mut asked = Vec::new();
        let answered = negotiate::answer(&write(&offers), &candidates, |place, given| {
            let own = offers.iter().filter(|offer| offer.name == candidates[place].name);
            let own: Vec<_> = own.map(|offer| &offer.params).collect();
            asked.push((place, given == own));
            Ok::<_, Infallible>((!declines[place]).then(|| given[0].clone()))
        });
        let (agreed, answer) = answered.expect("offers of ours");
        prop_assert!(asked.iter().all(|(place, is_own)| *is_own && offers.iter().any(|offer| offer.name == candidates[*place].name)));
        let mut bits = 0;
        for place in &agreed.members {
            prop_assert!(!declines[*place] && asked.contains(&(*place, true)));
            prop_assert_eq!(bits & candidates[*place].rsv, 0);
            bits |= candidates[*place].rsv;
        }
        prop_assert_eq!(bits, agreed.rsv);
        prop_assert!(agreed.members.is_sorted());
        // Whoever was not asked was not offered, or wants a bit that was taken.
        for (place, candidate) in candidates.iter().enumerate() {
            let is_offered = offers.iter().any(|offer| offer.name == candidate.name);
            if is_offered && !asked.iter().any(|(asked, _)| *asked == place) {
                let earlier = agreed.members.iter().filter(|member| **member < place);
                prop_assert!(earlier.map(|member| candidates[*member].rsv).any(|rsv| rsv & candidate.rsv != 0));
            }
        }
        let answer = header::parse(&answer.unwrap_or_default()).expect("a header of ours");
        let names: Vec<_> = answer.iter().map(|offer| offer.name.as_str()).collect();
        let members: Vec<_> = agreed.members.iter().map(|place| candidates[*place].name).collect();
        prop_assert_eq!(names, members);
        // A client that has offered the same takes the answer.
        let accepted = negotiate::accept(&write(&answer), &candidates, |_, _| Ok::<_, Infallible>(true));
        prop_assert_eq!(accepted, Ok(agreed));
    }

    #[test]
    fn a_client_accepts_only_what_it_has_offered_and_takes(
        answer in vec(offer(known_name()), 0..4),
        candidates in candidates(),
        refuses in any::<[bool; 4]>(),
    ) {
        let candidates: Vec<_> =
            candidates.iter().map(|&(name, rsv)| Candidate { name, rsv }).collect();
        let outcome = negotiate::accept(&write(&answer), &candidates, |place, _| {
            Ok::<_, Infallible>(!refuses[place])
        });
        let place = |offer: &Offer| candidates.iter().position(|candidate| candidate.name == offer.name);
        match outcome {
            Ok(agreed) => {
                let places: Option<Vec<_>> = answer.iter().map(place).collect();
                prop_assert_eq!(places, Some(agreed.members.clone()));
                prop_assert!(!agreed.members.iter().any(|place| refuses[*place]));
                let rsv = agreed.members.iter().map(|place| candidates[*place].rsv);
                prop_assert_eq!(rsv.clone().fold(0, |bits, rsv| bits | rsv), agreed.rsv);
                prop_assert_eq!(rsv.map(u8::count_ones).sum::<u32>(), agreed.rsv.count_ones());
            }
            Err(NegotiationError::Unknown(name)) => {
                prop_assert!(answer.iter().any(|offer| offer.name == name && place(offer).is_none()));
            }
            Err(NegotiationError::Unacceptable(_)) => {
                prop_assert!(answer.iter().filter_map(place).any(|place| refuses[place]));
            }
            Err(NegotiationError::Clash { holder, name, .. }) => {
                for name in [&holder, &name] {
                    prop_assert!(answer.iter().any(|offer| offer.name == **name && place(offer).is_some()));
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn parameters_of_deflate_say_what_was_put_into_them(params in deflate_params()) {
        prop_assert_eq!(DeflateParams::from_offer(&params.to_offer()), Some(params));
        let answer = DeflateParams::from_answer(&params.to_answer());
        let may_answer = params.client_max_window_bits != Some(ClientWindow::Any);
        prop_assert_eq!(answer, may_answer.then_some(params));
    }

    /// RFC 7692 sections 7.1.1 and 7.1.2.
    #[test]
    fn a_server_grants_what_a_client_asks_and_asks_for_nothing_it_was_not_offered(
        offer in deflate_params(), options in deflate_options(),
    ) {
        let server = ServerNegotiation::new(&options).expect("options in range");
        let (agreement, answer) = server.answer([offer.to_offer().as_slice()]).expect("a good offer");
        let answer = DeflateParams::from_answer(&answer).expect("a good answer");
        prop_assert!(answer.server_no_context_takeover || !offer.server_no_context_takeover);
        prop_assert!(answer.client_no_context_takeover || !offer.client_no_context_takeover);
        match (offer.server_max_window_bits, answer.server_max_window_bits) {
            (Some(asked), Some(granted)) => prop_assert!(granted <= asked),
            (asked, granted) => prop_assert_eq!(asked, granted),
        }
        match (offer.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) | (Some(ClientWindow::Any), Some(_)) => {}
            (Some(ClientWindow::Bits(offered)), Some(ClientWindow::Bits(asked))) => prop_assert!(asked <= offered),
            (offered, asked) => prop_assert!(false, "{offered:?} {asked:?}"),
        }
        // What is said is what is done.
        prop_assert_eq!(agreement.own.context_takeover, !answer.server_no_context_takeover);
        prop_assert_eq!(agreement.peer.context_takeover, !answer.client_no_context_takeover);
        prop_assert!(agreement.own.window_bits <= answer.server_max_window_bits.unwrap_or(15));
    }

    #[test]
    fn a_client_takes_no_answer_that_grants_less_than_it_asked_for(
        answer in deflate_params(), options in deflate_options(),
    ) {
        let client = ClientNegotiation::new(&options).expect("options in range");
        let agreement = client.accept(&answer.to_answer());
        let is_granted = (!options.request_no_context_takeover || answer.server_no_context_takeover)
            && options.request_max_window_bits.is_none_or(|asked| {
                answer.server_max_window_bits.is_some_and(|granted| i32::from(granted) <= asked)
            })
            && match answer.client_max_window_bits {
                None => true,
                Some(ClientWindow::Any) => false,
                Some(ClientWindow::Bits(bits)) => options.max_window_bits.is_none_or(|most| i32::from(bits) <= most),
            };
        prop_assert_eq!(agreement.is_some(), is_granted);
        if let Some(agreement) = agreement {
            prop_assert_eq!(
                agreement.own.context_takeover,
                !options.no_context_takeover && !answer.client_no_context_takeover
            );
            prop_assert!(i32::from(agreement.own.window_bits) <= options.max_window_bits.unwrap_or(15));
            prop_assert_eq!(agreement.peer.context_takeover, !answer.server_no_context_takeover);
            prop_assert_eq!(agreement.peer.window_bits, answer.server_max_window_bits.unwrap_or(15));
        }
    }
}
