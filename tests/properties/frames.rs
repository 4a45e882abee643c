//! Bits of frames: what is written is what is read, and masking undoes itself.

use faye_websocket_rs::proto::CloseCode;
use faye_websocket_rs::proto::hybi::frame::{Header, MAX_HEADER, Opcode};
use faye_websocket_rs::proto::hybi::{close, mask, send};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{bytes, cases, key, text};

/// The fields of RFC 6455 section 5.2 in a header: FIN, RSV1 to RSV3, opcode, length, key, and how
/// many bytes it has.
type Fields = (bool, u8, u8, u64, Option<[u8; 4]>, usize);

/// A second reading of that section. Fails for a length that is not in its shortest form.
fn read(header: &[u8]) -> Option<Fields> {
    let (first, second) = (*header.first()?, *header.get(1)?);
    let (length, mut end) = match second & 0x7f {
        126 => {
            let length = u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?));
            (Some(length).filter(|length| *length > 125)?, 4)
        }
        127 => {
            let length = u64::from_be_bytes(header.get(2..10)?.try_into().ok()?);
            (Some(length).filter(|length| *length > 0xffff)?, 10)
        }
        short => (u64::from(short), 2),
    };
    let mut key = None;
    if second >= 0x80 {
        key = Some(header.get(end..end + 4)?.try_into().ok()?);
        end += 4;
    }
    Some((first >= 0x80, first >> 4 & 7, first & 15, length, key, end))
}

fn opcode() -> impl Strategy<Value = Opcode> {
    let all = [
        Opcode::Continuation,
        Opcode::Text,
        Opcode::Binary,
        Opcode::Close,
        Opcode::Ping,
        Opcode::Pong,
    ];
    prop::sample::select(all.to_vec())
}

/// Lengths of every form, and those at their ends.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..200, 65_500_usize..65_600, 0_usize..1 << 32, any::<usize>()]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_header_says_what_was_put_into_it_in_the_shortest_form(
        opcode in opcode(), fin in any::<bool>(), rsv in 0_u8..8, length in length(), key in key(),
    ) {
        let mut header = [0xaa; MAX_HEADER];
        let end = Header { opcode, fin, rsv, length, key }.encode(&mut header).len();
        prop_assert_eq!(read(&header), Some((fin, rsv, opcode as u8, length as u64, key, end)));
        prop_assert!(header[end..].iter().all(|byte| *byte == 0xaa));
        prop_assert_eq!(Opcode::parse(header[0] & 15), Some(opcode));
        if key.is_none() && fin && rsv == 0 {
            let plain = send::PlainHeader::new(opcode, length);
            prop_assert_eq!(plain.as_bytes(), &header[..end]);
        }
    }

    #[test]
    fn a_frame_is_its_header_and_its_payload_masked(
        opcode in opcode(), rsv in 0_u8..8, payload in bytes(), key in key(),
    ) {
        let mut wire = b"before".to_vec();
        send::frame(opcode, rsv, &payload, key, &mut wire);
        prop_assert!(wire.starts_with(b"before"));
        let (.., length, read_key, end) = read(&wire[6..]).expect("a header");
        prop_assert_eq!((length, read_key), (payload.len() as u64, key));
        let key = key.unwrap_or_default();
        let unmasked: Vec<u8> =
            wire[6 + end..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        prop_assert_eq!(unmasked, payload);
    }

    #[test]
    fn masking_twice_is_unmasking(bytes in bytes(), key: [u8; 4], phase: usize) {
        let mut masked = bytes.clone();
        mask::apply(&mut masked, key, phase);
        mask::apply(&mut masked, key, phase);
        prop_assert_eq!(masked, bytes);
    }

    #[test]
    fn masking_in_parts_is_masking_the_whole(
        bytes in bytes(), key: [u8; 4], phase in 0_usize..8, at: prop::sample::Index,
    ) {
        let mut whole = bytes.clone();
        mask::apply(&mut whole, key, phase);
        let at = at.index(bytes.len() + 1);
        let mut parts = bytes;
        mask::apply(&mut parts[..at], key, phase);
        mask::apply(&mut parts[at..], key, phase + at);
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn a_close_frame_carries_as_much_of_its_reason_as_fits(
        code in 0_u16..5000, reason in text(150), key in key(),
    ) {
        let mut wire = Vec::new();
        send::close(CloseCode(code), reason.as_bytes(), key, &mut wire);
        let (is_final, rsv, opcode, length, _, end) = read(&wire).expect("a header");
        prop_assert_eq!((is_final, rsv, opcode), (true, 0, 8));
        prop_assert!(length <= 125);
        mask::apply(&mut wire[end..], key.unwrap_or_default(), 0);
        prop_assert_eq!(&wire[end..end + 2], &code.to_be_bytes()[..]);
        let carried = std::str::from_utf8(&wire[end + 2..]).expect("cut between code points");
        prop_assert!(reason.starts_with(carried));
        if let Some(next) = reason[carried.len()..].chars().next() {
            prop_assert!(carried.len() + next.len_utf8() > close::MAX_REASON);
        }
        let (read_code, read_reason) = close::parse(&wire[end..]);
        let is_valid = CloseCode(code).is_valid_on_wire();
        prop_assert_eq!(read_code.0, if is_valid { code } else { 1002 });
        prop_assert_eq!(read_reason, carried);
    }

    #[test]
    fn whatever_a_close_frame_holds_is_reported_as_a_code_that_may_be_echoed(
        payload in vec(any::<u8>(), 0..130),
    ) {
        let (code, reason) = close::parse(&payload);
        prop_assert!(code.is_valid_on_wire());
        prop_assert!(payload.ends_with(reason.as_bytes()));
        if payload.len() > 125 {
            prop_assert_eq!(code, CloseCode::PROTOCOL_ERROR);
        }
    }
}

#[test]
fn close_codes_are_those_of_section_7_4_and_of_the_registry() {
    for code in 0..=u16::MAX {
        // 1004 to 1006 and 1015 are reserved; 1012 to 1014 were registered later.
        let is_defined = (1000..=1014).contains(&code) && !(1004..=1006).contains(&code);
        let is_for_applications = (3000..=4999).contains(&code);
        assert_eq!(CloseCode(code).is_valid_on_wire(), is_defined || is_for_applications, "{code}");
    }
}
