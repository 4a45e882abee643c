//! The head of a response, which may arrive in any pieces.
//!
//! Each line is checked when it is complete, so that an invalid one fails at once and no byte is
//! read twice. When the blank line has arrived, the module `fields` parses the lines before it.

mod fields;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

/// Most bytes of a head, with interim responses before it. As the original compares at the end of
/// each chunk, only the bytes of the last chunk are counted for a head that ends within a chunk.
const MAX_HEAD: usize = 81_920;

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code; 0 while there is no response.
    pub status: u16,
    /// Names in lower case, repeated fields joined with `, `. Values are ASCII: as in the original,
    /// the top bit of every byte is cleared.
    pub headers: Vec<(String, String)>,
}

impl Response {
    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(own, _)| own == name)?;
        Some(&field.1)
    }

    /// Names and values of the headers in turn.
    pub(crate) fn into_list(self) -> Vec<String> {
        self.headers.into_iter().flat_map(|(name, value)| [name, value]).collect()
    }

    /// The value of a header, empty when it is missing.
    pub(crate) fn header_or_empty(&self, name: &str) -> &str {
        self.header(name).unwrap_or_default()
    }
}

/// Why a head is invalid. The texts are those of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// The first line is no status line, a line has a CR before its end, or there are different
    /// lengths.
    Parse,
    /// The head is over 81,920 bytes.
    TooLarge,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parse => "Parse Error",
            Self::TooLarge => "max header size exceeded",
        })
    }
}

impl std::error::Error for ResponseError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StatusLine,
    Fields,
    Complete,
    Failed(ResponseError),
}

/// Reads one response head. Blank lines may come before it, and interim responses (1xx other than
/// 101) that are in the same chunk as the final one. Bodies are not read; in a 101 response,
/// `Content-Length` and `Transfer-Encoding` are ignored (RFC 9110 section 15.2).
#[derive(Debug)]
pub struct ResponseParser {
    state: State,
    /// Bytes of earlier chunks.
    size: usize,
    /// The lines of fields that have arrived; before these, the status line.
    head: Vec<u8>,
    /// Where in `head` the line begins that is being read.
    line: usize,
    /// An interim response in the chunk that is being read.
    interim: Option<Response>,
    response: Response,
}

impl Default for ResponseParser {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponseParser {
    /// A parser at the start of a response.
    pub fn new() -> Self {
        Self {
            state: State::StatusLine,
            size: 0,
            head: Vec::new(),
            line: 0,
            interim: None,
            response: Response::default(),
        }
    }

    /// Takes the next bytes. `Some` when the head is complete: how many of the bytes are of the
    /// head; the others are of the next protocol. `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// See [`ResponseError`]; every later call returns the same.
    pub fn receive(&mut self, input: &[u8]) -> Result<Option<usize>, ResponseError> {
        match self.state {
            State::Complete => return Ok(Some(0)),
            State::Failed(error) => return Err(error),
            State::StatusLine | State::Fields => {}
        }
        let received = self.receive_lines(input);
        match received {
            Ok(None) => {}
            Ok(Some(_)) => self.state = State::Complete,
            Err(error) => {
                self.state = State::Failed(error);
                self.response = Response::default();
            }
        }
        if received != Ok(None) {
            self.head = Vec::new();
        }
        received
    }

    /// The head, once [`ResponseParser::receive`] has said that it is complete.
    pub fn response(&self) -> &Response {
        &self.response
    }

    fn receive_lines(&mut self, input: &[u8]) -> Result<Option<usize>, ResponseError> {
        let mut consumed = 0;
        for line in input.split_inclusive(|byte| *byte == b'\n') {
            consumed += line.len();
            if consumed > MAX_HEAD {
                return Err(ResponseError::TooLarge);
            }
            self.head.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                break;
            }
            let complete = match self.state {
                State::StatusLine => self.on_status_line()?,
                _ => self.on_field_line()?,
            };
            if complete {
                return Ok(Some(consumed));
            }
        }
        // Without a final response in its chunk, the original takes the interim response for the
        // final one.
        if let Some(interim) = self.interim.take() {
            self.response = interim;
            return Ok(Some(input.len()));
        }
        self.size = self.size.saturating_add(consumed);
        if self.size > MAX_HEAD { Err(ResponseError::TooLarge) } else { Ok(None) }
    }

    /// `HTTP/1.1 101 Switching Protocols`, or a blank line before it.
    fn on_status_line(&mut self) -> Result<bool, ResponseError> {
        let line = fields::text_of_line(&self.head).ok_or(ResponseError::Parse)?;
        self.head.clear();
        if !line.is_empty() {
            self.response.status = status_of(&line).ok_or(ResponseError::Parse)?;
            self.state = State::Fields;
        }
        Ok(false)
    }

    /// A field, the continuation of one, or the blank line that ends the head.
    fn on_field_line(&mut self) -> Result<bool, ResponseError> {
        let line = self.head.get(self.line..).unwrap_or_default();
        let end = fields::is_blank(line).ok_or(ResponseError::Parse)?;
        self.line = self.head.len();
        if !end {
            return Ok(false);
        }
        let fields = fields::parse(&self.head);
        self.head.clear();
        self.line = 0;
        // RFC 9110 section 15.2: "A 1xx response is terminated by the end of the header section; it
        // cannot contain content or trailers." The original takes the length of a 101 response for
        // that of a body, and loses as many bytes of frames.
        if self.response.status != 101 && lengths_differ(&fields) {
            return Err(ResponseError::Parse);
        }
        self.response.headers = join_repeated(fields);
        if matches!(self.response.status, 100 | 102..=199) {
            self.interim = Some(std::mem::take(&mut self.response));
            self.state = State::StatusLine;
            return Ok(false);
        }
        Ok(true)
    }
}

/// `HTTP/<digit>.<digit> <three digits>`, then anything.
fn status_of(line: &str) -> Option<u16> {
    let shape = line.as_bytes().get(..12)?.iter().zip(b"HTTP/0.0 000");
    let fits = shape.into_iter().all(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        _ => byte == wanted,
    });
    // An LF inside a line is the byte 0x8A without its top bit.
    if !fits || line.contains('\n') { None } else { line.get(9..12)?.parse().ok() }
}

/// Joins the values of repeated names with `, `, at the place of the first. RFC 9110 section
/// 5.3: a recipient "MAY combine multiple field lines within a field section that have the same
/// field name into one field line".
fn join_repeated(fields: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::with_capacity(fields.len());
    let mut places = BTreeMap::new();
    for (name, value) in fields {
        match places.entry(name) {
            Entry::Vacant(place) => {
                joined.push((place.key().clone(), value));
                place.insert(joined.len() - 1);
            }
            Entry::Occupied(place) => {
                if let Some((_, first)) = joined.get_mut(*place.get()) {
                    first.push_str(", ");
                    first.push_str(&value);
                }
            }
        }
    }
    joined
}

/// Whether there are several values of `Content-Length` that differ, so that the end of the
/// response is ambiguous.
fn lengths_differ(fields: &[(String, String)]) -> bool {
    let mut lengths = fields
        .iter()
        .filter(|(name, _)| name == "content-length")
        .map(|(_, value)| if value.is_empty() { Some(0) } else { value.parse::<u64>().ok() });
    let Some(first) = lengths.next() else { return false };
    lengths.any(|length| length.is_none() || length != first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, fields and the bytes after the head, or the error's text.
    type Outcome = Result<(u16, Vec<(String, String)>, Vec<u8>), String>;

    /// The result of a head that arrives in these pieces.
    fn outcome(pieces: &[&[u8]]) -> Outcome {
        let mut parser = ResponseParser::new();
        let mut rest = Vec::new();
        let mut complete = false;
        for piece in pieces {
            if complete {
                rest.extend_from_slice(piece);
            } else if let Some(consumed) =
                parser.receive(piece).map_err(|error| error.to_string())?
            {
                complete = true;
                rest.extend_from_slice(&piece[consumed..]);
            }
        }
        if !complete {
            return Err("incomplete".to_owned());
        }
        Ok((parser.response().status, parser.response().headers.clone(), rest))
    }

    /// The outcome in one piece, proven to be that of each split in two and of single bytes.
    fn parse(input: &[u8]) -> Outcome {
        let whole = outcome(&[input]);
        // Miri needs a second for a head.
        let step = if cfg!(miri) { input.len() / 4 + 1 } else { 1 };
        for at in (0..=input.len()).step_by(step) {
            let (left, right) = input.split_at(at);
            assert_eq!(outcome(&[left, right]), whole, "split at {at}");
        }
        assert_eq!(outcome(&input.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
        whole
    }

    fn fields(lines: &str) -> Vec<(String, String)> {
        let (status, fields, rest) =
            parse(format!("HTTP/1.1 101 OK\r\n{lines}\r\nrest").as_bytes()).unwrap();
        assert_eq!((status, rest.as_slice()), (101, &b"rest"[..]));
        fields
    }

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn an_ordinary_head() {
        assert_eq!(
            fields("Upgrade: websocket\r\nConnection: Upgrade\r\n"),
            [field("upgrade", "websocket"), field("connection", "Upgrade")]
        );
        assert_eq!(fields(""), []);
    }

    #[test]
    fn lines_may_end_in_lf_and_blank_ones_may_come_first() {
        let (status, fields, rest) = parse(b"\r\n\n\r\nHTTP/1.0 404\nA: b\n\nbody").unwrap();
        assert_eq!(status, 404);
        assert_eq!(fields, [field("a", "b")]);
        assert_eq!(rest, b"body");
    }

    #[test]
    fn repeated_fields_are_joined() {
        assert_eq!(
            fields("Set-Cookie: a=1\r\nX: y\r\nset-cookie: b=2\r\nSET-COOKIE:\r\n"),
            [field("set-cookie", "a=1, b=2, "), field("x", "y")]
        );
    }

    #[test]
    fn folded_lines_are_joined_with_one_space() {
        assert_eq!(fields("A: b\r\n \t c \r\n\td\r\n"), [field("a", "b c d")]);
        assert_eq!(fields("A:\r\n b\r\n"), [field("a", "b")]);
        assert_eq!(fields(" b\r\nA: c\r\n"), [field("a", "c")]);
        assert_eq!(fields("A: b\r\n  \r\nC: d\r\n"), [field("a", "b"), field("c", "d")]);
    }

    #[test]
    fn lines_without_a_name_are_ignored() {
        assert_eq!(fields("no colon\r\n: x\r\na b: c\r\nD: e\r\n"), [field("d", "e")]);
        assert_eq!(fields("A : b\r\n"), []);
    }

    #[test]
    fn odd_names_and_values_are_kept() {
        assert_eq!(
            fields("(a): b\r\nC:d\r\nE: \x01 f\t\r\nG: \r\nH:: i:j\r\n"),
            [
                field("(a)", "b"),
                field("c", "d"),
                field("e", "\x01 f"),
                field("g", ""),
                field("h", ": i:j")
            ]
        );
    }

    #[test]
    fn bytes_lose_their_top_bit() {
        let (_, fields, _) =
            parse(b"HTTP/1.1 101 \xe9\r\nA: caf\xe9\r\n\xc2: \xa0x\r\n\r\n").unwrap();
        assert_eq!(fields, [field("a", "cafi"), field("b", "x")]);
    }

    #[test]
    fn more_fields_than_usual() {
        let lines: String = (0..70).map(|index| format!("X-{index}: {index}\r\n")).collect();
        let fields = fields(&lines);
        assert_eq!(fields.len(), 70);
        assert_eq!(fields[69], field("x-69", "69"));
    }

    #[test]
    fn status_lines() {
        for (line, status) in [
            ("HTTP/1.1 101 Switching Protocols", 101),
            ("HTTP/9.0 200", 200),
            ("HTTP/1.1 404 ", 404),
            ("HTTP/1.1 101OK", 101),
            ("HTTP/1.1 000 none", 0),
        ] {
            assert_eq!(parse(format!("{line}\r\n\r\n").as_bytes()).unwrap().0, status, "{line}");
        }
        for line in [
            "HTTP/1.1  101 x",
            "HTTP/1.1 10 x",
            "HTTP/1.1 1a1 x",
            "HTTP/1 101 x",
            "HTTP/11 101 x",
            "http/1.1 101 x",
            "HTTP/1.1 101 a\rb",
            " HTTP/1.1 101 x",
            "GET / HTTP/1.1",
            "x",
            "\u{81}",
        ] {
            assert_eq!(
                parse(format!("{line}\r\n").as_bytes()),
                Err("Parse Error".into()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_cr_inside_a_line_fails_when_the_line_ends() {
        assert_eq!(parse(b"HTTP/1.1 101 OK\r\nA: b\rc\r\n"), Err("Parse Error".into()));
        assert_eq!(parse(b"HTTP/1.1 101 OK\r\nA: b\r\r\n"), Err("Parse Error".into()));
        assert_eq!(parse(b"HTTP/1.1 101 OK\r\nA: b\x8dc\r\n"), Err("Parse Error".into()));
        assert_eq!(parse(b"HTTP/1.1 101 OK\r\nA: b\rc"), Err("incomplete".into()));
    }

    #[test]
    fn interim_responses_are_skipped_in_the_chunk_of_the_final_one() {
        let interim = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early\r\n\r\n";
        let last = b"HTTP/1.1 101 OK\r\nA: b\r\n\r\n\x81\0";
        let fields = vec![("a".to_owned(), "b".to_owned())];
        let both = [interim.as_slice(), last].concat();
        assert_eq!(outcome(&[&both]), Ok((101, fields, vec![0x81, 0])));
        // On its own it is the answer, and no 101.
        assert_eq!(outcome(&[interim, last]).map(|(status, ..)| status), Ok(103));
    }

    #[test]
    fn a_101_has_no_body_whatever_it_says() {
        let lines = "Content-Length: 4\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(fields(lines).len(), 2);
    }

    #[test]
    fn other_responses_must_not_contradict_themselves() {
        let head = |lengths: &str| parse(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n").as_bytes());
        assert!(head("Content-Length: 4\r\nContent-Length: 04\r\n").is_ok());
        let differ = head("Content-Length: 4\r\nContent-Length: 5\r\n");
        assert_eq!(differ, Err("Parse Error".into()));
    }

    #[test]
    fn the_limit_counts_every_byte_of_an_unfinished_head() {
        let start = b"HTTP/1.1 101 OK\r\nA: ";
        let mut parser = ResponseParser::new();
        assert_eq!(parser.receive(start), Ok(None));
        assert_eq!(parser.receive(&vec![b'a'; MAX_HEAD - start.len()]), Ok(None));
        assert_eq!(parser.receive(b"a"), Err(ResponseError::TooLarge));
        assert_eq!(parser.receive(b"\r\n\r\n"), Err(ResponseError::TooLarge));
    }

    #[test]
    #[cfg_attr(miri, ignore = "80 KiB several times take minutes")]
    fn the_limit_holds_for_one_chunk_and_for_endless_interim_responses() {
        let mut head = b"HTTP/1.1 101 OK\r\nA: ".to_vec();
        head.resize(MAX_HEAD - 4, b'a');
        head.extend_from_slice(b"\r\n\r\n");
        assert_eq!(ResponseParser::new().receive(&head), Ok(Some(MAX_HEAD)));
        head.insert(20, b'a');
        assert_eq!(ResponseParser::new().receive(&head), Err(ResponseError::TooLarge));

        let interim = b"HTTP/1.1 100 Go\r\n\r\n".repeat(5_000);
        assert_eq!(ResponseParser::new().receive(&interim), Err(ResponseError::TooLarge));
    }

    #[test]
    fn a_complete_head_takes_nothing_more() {
        let mut parser = ResponseParser::new();
        assert_eq!(parser.receive(b"HTTP/1.1 101\r\n\r\nab"), Ok(Some(16)));
        assert_eq!(parser.receive(b"cd"), Ok(Some(0)));
        assert_eq!(parser.response().status, 101);
    }
}
