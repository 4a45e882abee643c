//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1): parsing and writing.
//!
//! ```text
//! list  = offer *( "," offer )
//! offer = token *( ";" param )
//! param = token [ "=" ( token / quoted-string ) ]
//! ```
//! Spaces, tabs and folded lines may be around `,` `;` and `=` only. Every byte is read once, so
//! that the time for a header of any length is proportional to its length.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use crate::proto::number;

/// One element of the list: an extension with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The extension.
    pub name: String,
    /// Parameters in the order in which their names come first, each with all of its values.
    pub params: Params,
}

/// Parameters by name, in order; a repeated one has several values.
pub type Params = Vec<(String, Vec<ParamValue>)>;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// The parameter has a name and no value.
    True,
    /// A decimal number without leading zeros, quoted or not: its numerical value, and its text in
    /// the header.
    Number(f64, String),
    /// Anything else, without quotes and backslashes.
    Text(String),
}

/// A header that violates the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// The header.
    pub header: String,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid Sec-WebSocket-Extensions header: {}", self.header)
    }
}

impl std::error::Error for HeaderError {}

/// The elements of a header, in order; none if it is empty.
///
/// # Errors
///
/// The header violates the grammar; none of its elements is used then.
pub fn parse(header: &str) -> Result<Vec<Offer>, HeaderError> {
    if header.is_empty() {
        return Ok(Vec::new());
    }
    Cursor { rest: header }.list().ok_or_else(|| HeaderError { header: header.to_owned() })
}

/// The rest of a header that is being parsed. Each method takes from its beginning the part that it
/// is named after, or returns `None`, and then the header violates the grammar.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    // RFC 6455 section 9.1: "If a value is received by either the client or the server during
    // negotiation that does not conform to the ABNF below, the recipient of such malformed data
    // MUST immediately _Fail the WebSocket Connection_."

    fn list(mut self) -> Option<Vec<Offer>> {
        let mut offers = vec![self.offer()?];
        while !self.rest.is_empty() {
            self.separator(',').then_some(())?;
            offers.push(self.offer()?);
        }
        Some(offers)
    }

    fn offer(&mut self) -> Option<Offer> {
        let name = self.token()?.to_owned();
        let mut params = Params::new();
        let mut places = BTreeMap::new();
        while self.separator(';') {
            let (key, value) = self.param()?;
            match places.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(params.len());
                    params.push((key.to_owned(), vec![value]));
                }
                Entry::Occupied(place) => {
                    if let Some((_, values)) = params.get_mut(*place.get()) {
                        values.push(value);
                    }
                }
            }
        }
        Some(Offer { name, params })
    }

    fn param(&mut self) -> Option<(&'a str, ParamValue)> {
        let key = self.token()?;
        let value = if !self.separator('=') {
            ParamValue::True
        } else if self.rest.starts_with('"') {
            value_of(self.quoted()?)
        } else {
            value_of(self.token()?.to_owned())
        };
        Some((key, value))
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.rest.bytes().position(|byte| !is_token_byte(byte));
        let (token, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A quoted string, without its quotes and without all backslashes, escaped ones included.
    ///
    /// RFC 6455 section 9.1 adds to the grammar: "the value after quoted-string unescaping MUST
    /// conform to the 'token' ABNF." Like the original, this parser leaves that check to the
    /// extension.
    fn quoted(&mut self) -> Option<String> {
        let quoted = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => {
                    self.rest = characters.as_str();
                    return Some(text);
                }
                '\\' => match characters.next()? {
                    '\\' => {}
                    escaped if escaped.is_ascii() => text.push(escaped),
                    _ => return None,
                },
                '\t' => text.push(character),
                _ if character.is_ascii_control() => return None,
                _ => text.push(character),
            }
        }
        None
    }

    /// Whether the separator is next; then takes it, with the white space around it.
    fn separator(&mut self, separator: char) -> bool {
        let Some(rest) = skip_white_space(self.rest).strip_prefix(separator) else { return false };
        self.rest = skip_white_space(rest);
        true
    }
}

/// Skips spaces and tabs, and line ends that are followed by spaces or tabs.
fn skip_white_space(text: &str) -> &str {
    let mut rest = text.trim_start_matches([' ', '\t']);
    while let Some(next) = rest.strip_prefix("\r\n").filter(|next| next.starts_with([' ', '\t'])) {
        rest = next.trim_start_matches([' ', '\t']);
    }
    rest
}

/// Whether a text may be written without quotes. An empty text may not: the original writes
/// `name=`, which no parser accepts, its own included.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn value_of(text: String) -> ParamValue {
    match text.parse() {
        Ok(number) if is_number(&text) => ParamValue::Number(number, text),
        _ => ParamValue::Text(text),
    }
}

/// Whether a text is a number: an optional minus, digits without leading zeros, optionally a point
/// and digits.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits)
}

/// One element of the list as text: `name; bare; number=1; text=token; text="quoted"`.
pub fn serialize(name: &str, params: &[(String, Vec<ParamValue>)]) -> String {
    let mut text = name.to_owned();
    for (key, values) in params {
        for value in values {
            text.push_str("; ");
            text.push_str(key);
            match value {
                ParamValue::True => {}
                ParamValue::Number(number, _) => {
                    text.push('=');
                    text.push_str(&number::text_of(*number));
                }
                ParamValue::Text(value) if is_token(value) => {
                    text.push('=');
                    text.push_str(value);
                }
                ParamValue::Text(value) => {
                    text.push_str("=\"");
                    text.push_str(&value.replace('"', "\\\""));
                    text.push('"');
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> ParamValue {
        ParamValue::Text(value.to_owned())
    }

    fn number(value: f64, text: &str) -> ParamValue {
        ParamValue::Number(value, text.to_owned())
    }

    /// The names and parameters of every offer.
    fn parsed(header: &str) -> Vec<(String, Params)> {
        let offers = parse(header).unwrap();
        offers.into_iter().map(|offer| (offer.name, offer.params)).collect()
    }

    /// The values of parameter `b` in `a; b=<value>`.
    fn value(written: &str) -> ParamValue {
        let mut offers = parsed(&format!("a; b={written}"));
        assert_eq!(offers[0].1[0].1.len(), 1);
        offers.remove(0).1.remove(0).1.remove(0)
    }

    #[test]
    fn nothing_is_offered() {
        assert_eq!(parsed(""), []);
    }

    #[test]
    fn offers_and_parameters_in_order() {
        assert_eq!(
            parsed("a, b; x; y=1;z = t,a"),
            [
                ("a".to_owned(), vec![]),
                (
                    "b".to_owned(),
                    vec![
                        ("x".to_owned(), vec![ParamValue::True]),
                        ("y".to_owned(), vec![number(1.0, "1")]),
                        ("z".to_owned(), vec![text("t")]),
                    ]
                ),
                ("a".to_owned(), vec![]),
            ]
        );
    }

    #[test]
    fn repeated_parameters_collect_their_values() {
        assert_eq!(
            parsed("a; b=1; c; b; b=x"),
            [(
                "a".to_owned(),
                vec![
                    ("b".to_owned(), vec![number(1.0, "1"), ParamValue::True, text("x")]),
                    ("c".to_owned(), vec![ParamValue::True]),
                ]
            )]
        );
    }

    #[test]
    fn white_space_may_surround_separators() {
        let params = vec![("x".to_owned(), vec![number(1.0, "1")])];
        let expected = [("a".to_owned(), params), ("b".to_owned(), vec![])];
        for header in ["a;x=1,b", "a ;\tx = 1 , b", "a\r\n ; x\t\r\n\t =\r\n  1,\r\n \r\n b"] {
            assert_eq!(parsed(header), expected, "{header:?}");
        }
    }

    #[test]
    fn numbers_are_recognised() {
        assert_eq!(value("12"), number(12.0, "12"));
        assert_eq!(value("-0.50"), number(-0.5, "-0.50"));
        assert_eq!(value("\"8\""), number(8.0, "8"));
        for written in ["012", "1.", "1e1", "0x1", "--1", "+1", "-", "1.2.3", "inf", "NaN"] {
            assert_eq!(value(written), text(written));
        }
    }

    #[test]
    fn quoted_strings_lose_their_backslashes() {
        assert_eq!(value(r#""a b,;=\"c""#), text("a b,;=\"c"));
        assert_eq!(value(r#""\\\\""#), text(""));
        assert_eq!(value("\"\""), text(""));
        assert_eq!(value("\"a\tb\\\r\u{e9}\u{1f600}\""), text("a\tb\r\u{e9}\u{1f600}"));
    }

    #[test]
    fn names_of_javascript_properties_are_names_like_others() {
        assert_eq!(
            parsed("__proto__; hasOwnProperty; hasOwnProperty"),
            [(
                "__proto__".to_owned(),
                vec![("hasOwnProperty".to_owned(), vec![ParamValue::True; 2])]
            )]
        );
    }

    #[test]
    fn everything_else_is_invalid() {
        for header in [
            " ",
            " a",
            "a ",
            "a,",
            ",a",
            "a,,b",
            "a;",
            "a; ",
            "a;;b",
            "a=1",
            "a; b=",
            "a; =1",
            "a; b=1 2",
            "a b",
            "a; b=\"c",
            "a; b=\"c\"d",
            "a; b=\"\n\"",
            "a; b=\"\x7f\"",
            "a; b=\"\\\u{e9}\"",
            "a; b=\"c\\",
            "x-webkit- -frame",
            "a\r\n, b\r\n",
            "a\n, b",
            "\u{e9}",
        ] {
            let error = parse(header).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("Invalid Sec-WebSocket-Extensions header: {header}")
            );
        }
    }

    #[test]
    fn elements_as_text() {
        let params = vec![
            ("x".to_owned(), vec![number(1.0, "1.0")]),
            ("s".to_owned(), vec![text("a\"b")]),
            ("t".to_owned(), vec![text("tok")]),
            ("arr".to_owned(), vec![number(1.0, "1"), ParamValue::True]),
        ];
        assert_eq!(serialize("a", &params), r#"a; x=1; s="a\"b"; t=tok; arr=1; arr"#);
        assert_eq!(serialize("a", &[]), "a");
    }

    #[test]
    fn every_value_that_needs_quotes_has_them() {
        let params: Vec<_> = [("x", "p q"), ("y", "r s"), ("z", "t u")]
            .map(|(key, value)| (key.to_owned(), vec![text(value)]))
            .to_vec();
        assert_eq!(serialize("a", &params), r#"a; x="p q"; y="r s"; z="t u""#);
    }

    #[test]
    fn an_empty_value_is_written_so_that_it_can_be_read() {
        let header = "a; x=\"\"";
        let params = vec![("x".to_owned(), vec![text("")])];
        assert_eq!(serialize("a", &params), header);
        assert_eq!(parsed(header), [("a".to_owned(), params)]);
    }
}
