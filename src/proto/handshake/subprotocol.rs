//! Subprotocols (RFC 6455 section 1.9): lists of them, and the server's choice.

use crate::proto::http::headers::list_items;

/// The names in a list such as `a, b`. Names are not checked.
pub fn parse(list: &str) -> Vec<String> {
    if list.is_empty() { Vec::new() } else { list_items(list).map(str::to_owned).collect() }
}

/// The server's choice: the first name in the client's list `offered`, which is "ordered by
/// preference" (RFC 6455 section 4.2.1), that the server supports. Without any such name the
/// connection has no subprotocol, which is no error.
pub fn choose<'a>(offered: &'a str, supported: &[String]) -> Option<&'a str> {
    // RFC 6455 section 4.2.2: "The empty string is not the same as the null value for these
    // purposes and is not a legal value for this field." Where an empty name matches, the
    // connection has no subprotocol: the original does not look at later names either.
    list_items(offered)
        .find(|name| supported.iter().any(|own| own == name))
        .filter(|name| !name.is_empty())
}

/// Whether a client may accept what the server chose.
pub fn is_offered(chosen: &str, offered: &[String]) -> bool {
    offered.iter().any(|own| own == chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_on_commas_with_spaces() {
        assert_eq!(parse("a,b , c"), ["a", "b", "c"]);
        assert_eq!(parse("echo"), ["echo"]);
        assert!(parse("").is_empty());
    }

    #[test]
    fn the_clients_order_wins() {
        let supported = parse("x, b, a");
        assert_eq!(choose("a, b", &supported), Some("a"));
        assert_eq!(choose("c,b,a", &supported), Some("b"));
    }

    #[test]
    fn nothing_in_common_is_none() {
        assert_eq!(choose("c, A", &parse("a")), None);
        assert_eq!(choose("a", &[]), None);
        assert_eq!(choose("", &parse("a")), None);
        assert_eq!(choose("", &[String::new()]), None);
    }

    #[test]
    fn a_client_accepts_what_it_offered() {
        assert!(is_offered("b", &parse("a, b")));
        assert!(!is_offered("c", &parse("a, b")));
        assert!(!is_offered("b", &[]));
    }
}
