//! Events as a browser reads them: what was sent arrives, and no value becomes a field of its own.

use faye_websocket_rs::proto::eventsource::{event, head};
use faye_websocket_rs::proto::http::Headers;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{cases, text};

/// What one event says: its name, the last id set, and its data.
#[derive(Debug, PartialEq)]
struct Said {
    name: String,
    id: Option<String>,
    data: String,
}

/// Lines by "end-of-line = ( cr lf / cr / lf )".
fn lines(stream: &str) -> Vec<String> {
    let unified = stream.replace("\r\n", "\n").replace('\r', "\n");
    unified.split('\n').map(str::to_owned).collect()
}

/// A second reading of the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream".
fn read(stream: &str) -> Vec<Said> {
    let mut events = Vec::new();
    let (mut name, mut id, mut data) = (String::new(), None, String::new());
    for line in lines(stream) {
        if line.is_empty() {
            if data.is_empty() {
                name.clear();
                continue;
            }
            data.pop();
            events.push(Said {
                name: std::mem::take(&mut name),
                id: id.clone(),
                data: std::mem::take(&mut data),
            });
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}

fn one_line(value: &str) -> String {
    value.replace(['\r', '\n', '\0'], "")
}

/// Texts full of what separates lines and fields.
fn tricky() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => prop::sample::select(vec!["\r", "\n", "\r\n", "\0", ":", " ", "data: ", "id: 1", "event:", "\u{2028}", "\u{feff}"])
            .prop_map(str::to_owned),
        2 => text(4),
    ];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn a_browser_reads_what_was_sent(
        events in vec((prop::option::of(tricky()), prop::option::of(tricky()), tricky()), 1..4),
    ) {
        let mut stream = String::new();
        let mut sent = Vec::new();
        let mut last_id = None;
        for (name, id, data) in &events {
            stream.push_str(&event(name.as_deref(), id.as_deref(), data));
            last_id = id.as_deref().map(one_line).or(last_id);
            sent.push(Said {
                name: name.as_deref().map(one_line).unwrap_or_default(),
                id: last_id.clone(),
                data: lines(data).join("\n"),
            });
        }
        prop_assert_eq!(read(&stream), sent);
    }

    #[test]
    fn the_time_to_reconnect_reads_back_as_the_number_it_was(retry in any::<f64>()) {
        let head = head(&Headers::new(), retry);
        let (_, written) = head.trim_end().rsplit_once("retry: ").expect("the field");
        let size = retry.abs();
        if size == 0.0 {
            prop_assert_eq!(written, "0");
        } else {
            prop_assert_eq!(written.parse(), Ok(retry));
            // ECMA-262, Number::toString.
            prop_assert_eq!(written.contains('e'), size.is_finite() && !(1e-6..1e21).contains(&size));
        }
    }
}
