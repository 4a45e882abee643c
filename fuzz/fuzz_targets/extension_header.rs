//! Arbitrary extension headers: what follows the grammar says the same when it is written again, and
//! negotiations take any of them.

#![no_main]

use faye_websocket_rs::proto::deflate::{DeflateOptions, Proposal, ZlibPool};
use faye_websocket_rs::proto::extension::header::{self, Offer};
use faye_websocket_rs_fuzz::Plan;
use libfuzzer_sys::fuzz_target;

const NO_TAKEOVER: u8 = 1;
const REQUEST_NO_TAKEOVER: u8 = 2;
const WINDOW: u8 = 4;
const REQUEST_WINDOW: u8 = 8;
const OMIT_FULL_WINDOW: u8 = 16;

fn write(offers: &[Offer]) -> String {
    let offers = offers.iter().map(|offer| header::serialize(&offer.name, &offer.params));
    offers.collect::<Vec<_>>().join(", ")
}

fuzz_target!(|data: &[u8]| {
    let Some((plan, bytes)) = Plan::split(data) else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };

    // An escaped line end is taken, as by the original, but no header can hold what it says.
    if let Ok(offers) = header::parse(text)
        && !text.bytes().any(|byte| byte.is_ascii_control())
    {
        // Numbers are written as JavaScript writes them: after the first time nothing changes.
        let written = write(&offers);
        let again = header::parse(&written).expect("a header of ours");
        assert_eq!(write(&again), written);
        let names =
            |offers: &[Offer]| offers.iter().map(|offer| offer.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&again), names(&offers));
    }

    let bits = |choice| plan.has(choice).then_some(8 + i32::from(plan.small % 8));
    let wishes = DeflateOptions {
        no_context_takeover: plan.has(NO_TAKEOVER),
        request_no_context_takeover: plan.has(REQUEST_NO_TAKEOVER),
        max_window_bits: bits(WINDOW),
        request_max_window_bits: bits(REQUEST_WINDOW),
        omit_full_window: plan.has(OMIT_FULL_WINDOW),
        ..DeflateOptions::default()
    };
    let proposal = Proposal::new(wishes, ZlibPool::default()).expect("options in range");
    _ = proposal.accept(text);
    if let Some((_, answer)) = proposal.answer(text) {
        assert!(header::parse(text).is_ok());
        assert_eq!(header::parse(&answer).map(|offers| offers.len()), Ok(1));
    }
    let (_, answer) = proposal.answer(&proposal.offer()).expect("an offer of ours");
    // A client takes whatever a server answers to its own offer; see `omit_full_window` for who does not.
    if !plan.has(OMIT_FULL_WINDOW) {
        assert!(matches!(proposal.accept(&answer), Ok(Some(_))), "{answer}");
    }
});
