//! Header fields to be sent, and comma-separated lists in header values.

/// Names that may have several values; of any other name the first value is kept.
const REPEATABLE: [&str; 4] = ["set-cookie", "set-cookie2", "warning", "www-authenticate"];

/// Header fields in the order in which they were set. Of several values for one name, in any case,
/// the first is kept: fields that are set first override those that are set later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(String, String)>,
}

impl Headers {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field, unless there is one with its name; `Set-Cookie`, `Set-Cookie2`, `Warning` and
    /// `WWW-Authenticate` may be repeated. As in the original, spaces (U+0020 only) at the ends of
    /// name and value are removed, and an empty value is kept.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = name.trim_matches(' ');
        if self.get(name).is_some() && !REPEATABLE.iter().any(|own| own.eq_ignore_ascii_case(name))
        {
            return;
        }
        self.fields.push((name.to_owned(), value.trim_matches(' ').to_owned()));
    }

    /// The fields of a list of names and values in turn.
    pub fn of_list(list: Vec<String>) -> Self {
        let mut headers = Self::new();
        let mut list = list.into_iter();
        while let (Some(name), Some(value)) = (list.next(), list.next()) {
            headers.set(&name, &value);
        }
        headers
    }

    /// Names and values in turn.
    pub fn into_list(self) -> Vec<String> {
        self.fields.into_iter().flat_map(|(name, value)| [name, value]).collect()
    }

    /// The first value of a name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(&field.1)
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds every field of `others`, under the rules of [`Headers::set`].
    pub fn set_all(&mut self, others: &Self) {
        for (name, value) in others.iter() {
            self.set(name, value);
        }
    }

    /// Appends `Name: value\r\n` for each field, as UTF-8. The caller appends the blank line.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            for part in [name, ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
}

/// Whether a text can be part of a line of a head. RFC 9110 section 5.5: "Field values containing
/// CR, LF, or NUL characters are invalid and dangerous, due to the varying ways that
/// implementations might parse and interpret those characters". Texts of an application have to be
/// checked before they are sent.
pub fn is_single_line(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// The items of a comma-separated list. As in the original, spaces around a comma are removed, and
/// tabs, and spaces at the ends of the whole list, are kept.
pub fn list_items(list: &str) -> impl Iterator<Item = &str> {
    list_items_between(list, |character| character == ' ')
}

/// As [`list_items`], for other characters around a comma.
pub(crate) fn list_items_between(
    list: &str,
    is_space: fn(char) -> bool,
) -> impl Iterator<Item = &str> {
    let last = list.bytes().filter(|byte| *byte == b',').count();
    list.split(',').enumerate().map(move |(index, item)| {
        let item = if index > 0 { item.trim_start_matches(is_space) } else { item };
        if index < last { item.trim_end_matches(is_space) } else { item }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(headers: &Headers) -> String {
        let mut out = Vec::new();
        headers.encode_into(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_keep_their_order_and_case() {
        let mut headers = Headers::new();
        headers.set("X-One", "1");
        headers.set("x-two", "2");
        assert_eq!(encoded(&headers), "X-One: 1\r\nx-two: 2\r\n");
    }

    #[test]
    fn the_first_value_of_a_name_wins() {
        let mut headers = Headers::new();
        headers.set("Upgrade", "custom");
        headers.set("UPGRADE", "websocket");
        assert_eq!(encoded(&headers), "Upgrade: custom\r\n");
        assert_eq!(headers.get("upgrade"), Some("custom"));
    }

    #[test]
    fn four_names_may_repeat() {
        let mut headers = Headers::new();
        for name in ["Set-Cookie", "Set-Cookie2", "Warning", "WWW-Authenticate"] {
            headers.set(name, "a");
            headers.set(&name.to_uppercase(), "b");
        }
        assert_eq!(headers.iter().count(), 8);
    }

    #[test]
    fn only_spaces_are_stripped() {
        let mut headers = Headers::new();
        headers.set("  Name ", "  a b\t ");
        headers.set("Empty", "");
        assert_eq!(encoded(&headers), "Name: a b\t\r\nEmpty: \r\n");
    }

    #[test]
    fn a_list_has_names_and_values_in_turn() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let headers = Headers::of_list(list(&["A", "1", "b", " 2", "a", "3", "no value"]));
        let expected: Vec<_> = list(&["A", "1", "b", "2"]);
        assert_eq!(headers.into_list(), expected);
    }

    #[test]
    fn line_ends_and_nul_do_not_fit_a_line() {
        for text in ["a\r", "\nb", "c\0d", "\r\nX: y"] {
            assert!(!is_single_line(text), "{text:?}");
        }
        for text in ["", "a: b", "tab\t", "\u{10d}"] {
            assert!(is_single_line(text), "{text:?}");
        }
    }

    #[test]
    fn lists_lose_the_spaces_around_commas_only() {
        let items = |list| list_items(list).collect::<Vec<_>>();
        assert_eq!(items("a , b,c"), ["a", "b", "c"]);
        assert_eq!(items(" a,b "), [" a", "b "]);
        assert_eq!(items("a\t,b"), ["a\t", "b"]);
        assert_eq!(items("a,,"), ["a", "", ""]);
        assert_eq!(items(""), [""]);
    }
}
