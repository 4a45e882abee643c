//! A server-sent event stream: the response's head and the grammar of its fields.
//!
//! Sections are those of the WHATWG HTML standard, "Server-sent events", which says what browsers
//! read. Where its grammar leaves a choice, such as that of line ends, the original's bytes are
//! written.

use super::handshake::http2;
use super::http::Headers;
use super::http::headers::list_items_between;
use super::number;

/// Whether a value of `Accept` asks for an event stream. The original splits the list at commas and
/// JavaScript's white space around them, and knows no quality values.
pub fn is_accepted(accept: &str) -> bool {
    list_items_between(accept, is_javascript_space).any(|item| item == "text/event-stream")
}

/// The response's head, and the first field of the stream: [`retry`], in milliseconds. A field of
/// `custom` cannot replace one of ours.
pub fn head(custom: &Headers, retry: f64) -> String {
    let mut fields = Vec::new();
    custom.encode_into(&mut fields);
    // The body ends with the connection. Section 9.2.7: "HTTP chunking can have unexpected negative
    // effects on the reliability of this protocol, in particular if the chunking is done by a
    // different layer unaware of the timing requirements."
    format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/event-stream\r\n\
         Cache-Control: no-cache, no-store\r\n\
         Connection: close\r\n\
         {}\r\n\
         {}",
        String::from_utf8_lossy(&fields),
        self::retry(retry)
    )
}

/// The header fields of a response over HTTP/2, `:status` first; its body begins with [`retry`]. As
/// in [`head`], a field of `custom` cannot replace one of ours.
pub fn fields(custom: &Headers) -> Headers {
    let mut fields = Headers::new();
    fields.set(":status", "200");
    fields.set("content-type", "text/event-stream");
    fields.set("cache-control", "no-cache, no-store");
    fields.set_all(&http2::allowed(custom));
    fields
}

/// The first field: the milliseconds after which a client that has lost the connection reconnects.
pub fn retry(milliseconds: f64) -> String {
    format!("retry: {}\r\n\r\n", number::text_of(milliseconds))
}

/// One event, with its name and its id where these are given.
pub fn event(name: Option<&str>, id: Option<&str>, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 16);
    for (field, value) in [("event: ", name), ("id: ", id)] {
        let Some(value) = value else { continue };
        text.push_str(field);
        // Section 9.2.5: "end-of-line = ( cr lf / cr / lf )": behind either character the rest of
        // the value would be read as another field. Section 9.2.6, of an id: "If the field value
        // does not contain U+0000 NULL, then set the last event ID buffer to the field value.
        // Otherwise, ignore the field."
        text.extend(value.chars().filter(|character| !matches!(character, '\r' | '\n' | '\0')));
        text.push_str("\r\n");
    }
    text.push_str("data: ");
    push_data(data, &mut text);
    text.push_str("\r\n\r\n");
    text
}

/// A comment, which keeps an idle connection open. Section 9.2.7: "To protect against such
/// proxy servers, authors can include a comment line (one starting with a ':' character) every 15
/// seconds or so."
pub const COMMENT: &str = ":\r\n\r\n";

/// Appends `data`, and behind each of its line ends the name of a `data` field: the reader joins
/// the values of all `data` fields of an event.
fn push_data(data: &str, text: &mut String) {
    let mut rest = data;
    while let Some(at) = rest.find(['\r', '\n']) {
        let is_crlf = rest.get(at..).is_some_and(|end| end.starts_with("\r\n"));
        let end = if is_crlf { at + 2 } else { at + 1 };
        let Some((line, behind)) = rest.split_at_checked(end) else { break };
        text.push_str(line);
        text.push_str("data: ");
        rest = behind;
    }
    text.push_str(rest);
}

/// What `\s` matches in a regular expression (ECMA-262, CharacterClassEscape).
fn is_javascript_space(character: char) -> bool {
    match character {
        '\u{85}' => false,
        '\u{feff}' => true,
        _ => character.is_whitespace(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_in_its_order() {
        let mut custom = Headers::new();
        custom.set("X-One", " a ");
        custom.set("x-one", "b");
        custom.set("Set-Cookie", "a=1");
        custom.set("set-cookie", "b=2");
        custom.set("Content-Type", "twice");
        assert_eq!(
            head(&custom, 2500.0),
            "HTTP/1.1 200 OK\r\n\
             Content-Type: text/event-stream\r\n\
             Cache-Control: no-cache, no-store\r\n\
             Connection: close\r\n\
             X-One: a\r\n\
             Set-Cookie: a=1\r\n\
             set-cookie: b=2\r\n\
             Content-Type: twice\r\n\
             \r\n\
             retry: 2500\r\n\r\n"
        );
    }

    #[test]
    fn over_http2_the_connections_fields_are_left_out() {
        let mut custom = Headers::new();
        custom.set("X-One", "a");
        custom.set("Connection", "close");
        custom.set("Content-Type", "twice");
        let fields = fields(&custom);
        let fields: Vec<_> = fields.iter().collect();
        assert_eq!(
            fields,
            [
                (":status", "200"),
                ("content-type", "text/event-stream"),
                ("cache-control", "no-cache, no-store"),
                ("x-one", "a")
            ]
        );
    }

    #[test]
    fn any_number_may_be_the_retry() {
        for (retry, text) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (1e21, "1e+21")] {
            assert!(
                head(&Headers::new(), retry).ends_with(&format!("\r\n\r\nretry: {text}\r\n\r\n"))
            );
        }
    }

    #[test]
    fn every_line_of_the_data_has_its_field_name() {
        for (data, written) in [
            ("", "data: \r\n\r\n"),
            ("a", "data: a\r\n\r\n"),
            ("a\nb", "data: a\ndata: b\r\n\r\n"),
            ("a\rb", "data: a\rdata: b\r\n\r\n"),
            ("a\r\nb", "data: a\r\ndata: b\r\n\r\n"),
            ("\n\r\r\n\n", "data: \ndata: \rdata: \r\ndata: \ndata: \r\n\r\n"),
            ("é\0\u{2028}x", "data: é\0\u{2028}x\r\n\r\n"),
        ] {
            assert_eq!(event(None, None, data), written, "{data:?}");
        }
    }

    #[test]
    fn name_and_id_lose_what_would_end_their_lines() {
        assert_eq!(
            event(Some("ti\r\nck\0"), Some("\n7\r"), "x"),
            "event: tick\r\nid: 7\r\ndata: x\r\n\r\n"
        );
        assert_eq!(event(Some("\0"), None, "x"), "event: \r\ndata: x\r\n\r\n");
        assert_eq!(event(None, Some("7"), "x"), "id: 7\r\ndata: x\r\n\r\n");
    }

    #[test]
    fn a_comment_is_a_line_and_a_blank_one() {
        assert_eq!(COMMENT, ":\r\n\r\n");
    }

    #[test]
    fn who_accepts_an_event_stream() {
        for accept in [
            "text/event-stream",
            "text/html, text/event-stream",
            "text/event-stream\t\u{a0},text/html",
            "text/html,\u{feff}text/event-stream",
            "a,text/event-stream,b",
        ] {
            assert!(is_accepted(accept), "{accept:?}");
        }
        for accept in [
            "",
            "*/*",
            "text/event-stream;q=1",
            " text/event-stream",
            "text/event-stream ",
            "Text/Event-Stream",
            "a,\u{85}text/event-stream",
        ] {
            assert!(!is_accepted(accept), "{accept:?}");
        }
    }
}
