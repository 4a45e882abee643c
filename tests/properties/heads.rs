//! Heads of responses: the same however they are cut, and their fields are those that were sent.

use faye_websocket_rs::proto::http::{Headers, ResponseError, ResponseParser};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{Cuts, cases, cuts};

type Fields = Vec<(String, String)>;

/// Status, fields, and what follows the head; `None` for one that is not complete.
type Outcome = Result<Option<(u16, Fields, Vec<u8>)>, ResponseError>;

fn parse(wire: &[u8], cuts: &Cuts) -> Outcome {
    let mut parser = ResponseParser::new();
    let mut taken = 0;
    for piece in cuts.apply(wire) {
        if let Some(consumed) = parser.receive(piece)? {
            let response = parser.response();
            let rest = wire[taken + consumed..].to_vec();
            return Ok(Some((response.status, response.headers.clone(), rest)));
        }
        taken += piece.len();
    }
    Ok(None)
}

fn field() -> impl Strategy<Value = (String, String)> {
    ("[A-Za-z!#$%&'*+.^_`|~-]{1,12}", "([!-~]([ !-~]{0,20}[!-~])?)?")
}

/// Nearly a head, with any byte anywhere.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"A: b".to_vec()),
        Just(b" more".to_vec()),
        Just(b"Content-Length: 3".to_vec()),
        vec(any::<u8>(), 0..10),
    ];
    let end = prop::sample::select(vec![&b"\r\n"[..], b"\n", b"\r\n\r\n", b"\r", b""]);
    let status = prop::sample::select(vec![
        &b"HTTP/1.1 101 OK\r\n"[..],
        b"HTTP/1.1 200\n",
        b"\r\nHTTP/1.1 404 x\r\n",
        b"HTTP/1.1 1",
    ]);
    (status, vec((line, end), 0..6)).prop_map(|(status, lines)| {
        let mut wire = status.to_vec();
        for (line, end) in lines {
            wire.extend(line);
            wire.extend(end);
        }
        wire
    })
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn a_head_has_the_fields_that_were_sent(
        status in prop_oneof![Just(101_u16), 200_u16..600],
        fields in vec(field(), 0..8),
        rest in vec(any::<u8>(), 0..20),
        cuts in cuts(),
    ) {
        let mut wire = format!("HTTP/1.1 {status} Some Words\r\n").into_bytes();
        let mut expected: Fields = Vec::new();
        for (name, value) in &fields {
            wire.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            let name = name.to_ascii_lowercase();
            match expected.iter_mut().find(|(known, _)| *known == name) {
                Some((_, before)) => before.extend([", ", value]),
                None => expected.push((name, value.clone())),
            }
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(&rest);
        prop_assert_eq!(parse(&wire, &cuts), Ok(Some((status, expected, rest))));
    }

    #[test]
    fn anything_is_read_the_same_however_it_is_cut(wire in nearly_a_head(), cuts in cuts()) {
        prop_assert_eq!(parse(&wire, &cuts), parse(&wire, &Cuts::none()));
    }

    #[test]
    fn the_first_value_of_a_name_stays_unless_it_may_repeat(fields in vec(field(), 0..8)) {
        let mut headers = Headers::new();
        let mut expected = Vec::new();
        for (name, value) in &fields {
            headers.set(name, value);
            let is_new = !expected.iter().any(|(known, _): &(&str, &str)| known.eq_ignore_ascii_case(name));
            if is_new {
                expected.push((name.as_str(), value.as_str()));
            }
        }
        prop_assert_eq!(headers.iter().collect::<Vec<_>>(), expected);
        let mut written = b"HTTP/1.1 101 OK\r\n".to_vec();
        headers.encode_into(&mut written);
        written.extend_from_slice(b"\r\n");
        let read = parse(&written, &Cuts::none()).expect("a head").expect("all of it").1;
        prop_assert_eq!(read.len(), headers.iter().count());
    }
}
