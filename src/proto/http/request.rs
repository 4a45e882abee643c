//! An upgrade request, or an extended CONNECT of HTTP/2, as an HTTP server has parsed it.

use super::headers::list_items;

/// The head of a request, not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// As sent; methods are case-sensitive.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// The absolute `ws:` or `wss:` URL; only the server knows whether its socket is TLS.
    pub url: String,
    /// Names in lower case, repeated fields joined; also `:protocol` of a request over HTTP/2.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A request. Names in `headers` are in lower case.
    pub fn new(
        method: impl Into<String>,
        target: impl Into<String>,
        url: impl Into<String>,
        headers: Vec<(String, String)>,
    ) -> Self {
        Self { method: method.into(), target: target.into(), url: url.into(), headers }
    }

    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(own, _)| own == name)?;
        Some(&field.1)
    }

    /// The value of a header, unless it is missing or empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.header(name).filter(|value| !value.is_empty())
    }

    /// Whether this is an extended CONNECT of HTTP/2 (RFC 8441 section 4), for any protocol.
    pub fn is_extended_connect(&self) -> bool {
        self.header(":protocol").is_some()
    }

    /// Whether this asks for a WebSocket (RFC 6455 section 4.2.1). As in the original, the method
    /// has to be `GET`, `Connection` a list with `upgrade`, and `Upgrade` `websocket` and nothing
    /// else, both in any case. Over HTTP/2, the method has to be `CONNECT` and `:protocol`
    /// `websocket`.
    pub fn is_websocket(&self) -> bool {
        // RFC 8441 section 5: "The :protocol pseudo-header field MUST be included in the CONNECT
        // request, and it MUST have a value of "websocket" to initiate a WebSocket connection on an
        // HTTP/2 stream." And: "[RFC6455] requires the use of Connection and Upgrade header fields
        // that are not part of HTTP/2."
        if let Some(protocol) = self.header(":protocol") {
            return self.method == "CONNECT" && protocol == "websocket";
        }
        // Section 4.2.1, steps 1, 3 and 4: "An HTTP/1.1 or higher GET request", "An |Upgrade|
        // header field containing the value "websocket", treated as an ASCII case-insensitive
        // value", and "A
        // |Connection| header field that includes the token "Upgrade", treated as an ASCII
        // case-insensitive value." The HTTP server has checked the version of HTTP.
        let connection = self.header("connection").unwrap_or_default();
        let upgrade = self.header("upgrade").unwrap_or_default();
        self.method == "GET"
            && upgrade.eq_ignore_ascii_case("websocket")
            && list_items(connection).any(|item| item.eq_ignore_ascii_case("upgrade"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(method: &str, connection: &str, upgrade: &str) -> bool {
        let headers = [("connection", connection), ("upgrade", upgrade)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Request::new(method, "/", "ws://h/", headers.to_vec()).is_websocket()
    }

    #[test]
    fn a_browser_asks_for_a_websocket() {
        assert!(upgrade("GET", "Upgrade", "websocket"));
        assert!(upgrade("GET", "keep-alive, Upgrade", "WebSocket"));
        assert!(upgrade("GET", "a,UPGRADE ,b", "websocket"));
    }

    #[test]
    fn near_misses_do_not() {
        assert!(!upgrade("get", "upgrade", "websocket"));
        assert!(!upgrade("POST", "upgrade", "websocket"));
        assert!(!upgrade("GET", "keep-alive", "websocket"));
        assert!(!upgrade("GET", "a\t,\tupgrade", "websocket"));
        assert!(!upgrade("GET", " upgrade", "websocket"));
        assert!(!upgrade("GET", "upgrade", "websocket, h2c"));
        assert!(!upgrade("GET", "upgrade", ""));
        assert!(!Request::new("GET", "/", "ws://h/", Vec::new()).is_websocket());
    }

    #[test]
    fn over_http2_the_protocol_decides() {
        let asks = |method: &str, protocol: &str| {
            let headers = vec![
                (":protocol".to_owned(), protocol.to_owned()),
                ("connection".to_owned(), "upgrade".to_owned()),
                ("upgrade".to_owned(), "websocket".to_owned()),
            ];
            Request::new(method, "/", "wss://h/", headers).is_websocket()
        };
        assert!(asks("CONNECT", "websocket"));
        assert!(!asks("GET", "websocket"));
        assert!(!asks("CONNECT", "WebSocket"));
        assert!(!asks("CONNECT", ""));
        assert!(!asks("CONNECT", "connect-udp"));
        assert!(!Request::new("CONNECT", "/", "wss://h/", Vec::new()).is_websocket());
    }

    #[test]
    fn headers_are_found_by_their_lower_case_name() {
        let headers = vec![("host".to_owned(), String::new())];
        let request = Request::new("GET", "/", "ws://h/", headers);
        assert_eq!(request.header("host"), Some(""));
        assert_eq!(request.non_empty("host"), None);
        assert_eq!(request.header("origin"), None);
    }
}
