//! Frames of the peer in drafts 75 and 76, read as the original reads them.
//!
//! ```text
//!   Body ──► Lead ──┬─► Text ── FF ──► Lead
//!  (76 only)        └─► Length ──► Skip ──► Lead
//! ```

use super::draft76::{BODY_SIZE, Keys};
use crate::proto::hybi::frame::Opcode;
use crate::proto::output::Encoding;
use crate::proto::{Event, Output, Progress, Rates, Span, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Draft 76: the body of the request, of which `have` bytes have arrived.
    Body { have: usize },
    /// The first byte of a frame: its type.
    Lead,
    /// The bytes of a text, up to FF.
    Text,
    /// The length of a frame that will be skipped: seven bits in each byte; its top bit says that
    /// another follows.
    Length { length: u64 },
    /// The payload of that frame.
    Skip { left: u64 },
    /// The connection is closed: all input is ignored.
    Discard,
}

/// Reads the frames of one connection. Texts are delivered, other frames skipped.
#[derive(Debug)]
pub struct HixieReceiver {
    state: State,
    max_length: u64,
    max_events: usize,
    /// The limits on what the peer sends in a second, where there are any.
    rates: Option<Rates>,
    /// Draft 76 only, in which the frame FF 00 closes the connection; in draft 75 it is a frame to
    /// skip.
    keys: Option<Keys>,
    body: [u8; BODY_SIZE],
    /// Draft 76: a frame has begun with FF. As in the original, this stays true: from then on every
    /// empty frame closes the connection.
    closing: bool,
    /// The bytes that have arrived of a text that is divided between chunks.
    partial: Vec<u8>,
}

impl HixieReceiver {
    /// A receiver for draft 75. `max_length` is the most bytes of one message, `max_events` (at
    /// least 1) the most events one call may add.
    pub fn draft75(max_length: u64, max_events: usize) -> Self {
        Self {
            state: State::Lead,
            max_length,
            max_events,
            rates: None,
            keys: None,
            body: [0; BODY_SIZE],
            closing: false,
            partial: Vec::new(),
        }
    }

    /// A receiver for draft 76, which first waits for the request's body. Limits as in
    /// [`HixieReceiver::draft75`].
    pub fn draft76(keys: Keys, max_length: u64, max_events: usize) -> Self {
        Self {
            state: State::Body { have: 0 },
            keys: Some(keys),
            ..Self::draft75(max_length, max_events)
        }
    }

    /// Limits what the peer may send in a second.
    pub fn restrict(&mut self, rates: Option<Rates>) {
        self.rates = rates;
    }

    /// The limits whose time the caller sets before [`receive`](Self::receive), if there are any.
    pub fn rates(&mut self) -> Option<&mut Rates> {
        self.rates.as_mut()
    }

    /// Ends the input: all later bytes are ignored.
    pub fn discard(&mut self) {
        self.state = State::Discard;
        self.partial = Vec::new();
    }

    /// Reads `input` from byte `from` on. A text that arrives in one chunk is a span of `input`.
    ///
    /// [`Status::Handshake`]: the signature was appended to `out.wire`; the connection is open.
    /// [`Status::Verdict`]: the peer has closed the connection, or sent a text or announced a frame
    /// that is too long, or sent too many texts in a second. There is no error to report: the
    /// caller closes the connection as if the application had, which in draft 76 sends
    /// [`CLOSE_FRAME`](super::draft76::CLOSE_FRAME).
    pub fn receive(&mut self, input: &mut [u8], from: usize, out: &mut Output) -> Progress {
        let mut at = from.min(input.len());
        let first_event = out.events.len();
        let status = loop {
            let Some(rest @ &[first, ..]) = input.get(at..) else {
                break Status::NeedMore;
            };
            if out.events.len() - first_event >= self.max_events {
                break Status::Full;
            }
            match self.state {
                State::Body { have } => {
                    let room = self.body.iter_mut().skip(have);
                    let take = room.zip(rest).map(|(place, byte)| *place = *byte).count();
                    at += take;
                    self.state = State::Body { have: have + take };
                    if have + take == BODY_SIZE {
                        self.sign(out);
                        break Status::Handshake;
                    }
                }
                State::Lead => {
                    at += 1;
                    if self.on_lead(first) {
                        self.discard();
                        break Status::Verdict;
                    }
                }
                State::Text => {
                    let mut pieces = rest.splitn(2, |byte| *byte == 0xff);
                    let text = pieces.next().unwrap_or_default();
                    let length = (self.partial.len() as u64).saturating_add(text.len() as u64);
                    if length > self.max_length {
                        self.discard();
                        break Status::Verdict;
                    }
                    if pieces.next().is_some() {
                        self.on_text(text, at, out);
                        at += text.len() + 1;
                    } else {
                        self.partial.extend_from_slice(text);
                        at += text.len();
                    }
                }
                State::Length { length } => {
                    at += 1;
                    if self.on_length(length, first) {
                        self.discard();
                        break Status::Verdict;
                    }
                }
                State::Skip { left } => {
                    let take = left.min(rest.len() as u64);
                    at += take as usize;
                    let left = left - take;
                    self.state = if left == 0 { State::Lead } else { State::Skip { left } };
                }
                State::Discard => at = input.len(),
            }
        };
        Progress { consumed: at, status }
    }

    fn sign(&mut self, out: &mut Output) {
        if let Some(keys) = self.keys {
            out.wire.extend_from_slice(&keys.sign(self.body));
        }
        self.state = State::Lead;
    }

    /// Whether the connection must close.
    fn on_lead(&mut self, byte: u8) -> bool {
        // In the drafts the type of a text frame is 00; the original takes every byte below 80 for
        // it.
        if byte < 0x80 {
            self.state = State::Text;
            return self.rates.as_mut().is_some_and(|rates| rates.admit(Opcode::Text).is_err());
        }
        self.closing |= byte == 0xff && self.keys.is_some();
        self.state = State::Length { length: 0 };
        false
    }

    /// Whether the connection must close.
    fn on_length(&mut self, length: u64, byte: u8) -> bool {
        let length = length.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        // Such a frame is skipped; but its length must not grow without end. The original closes
        // here too.
        if length > self.max_length || (self.closing && length == 0) {
            return true;
        }
        self.state = match (byte >= 0x80, length) {
            (true, _) => State::Length { length },
            (false, 0) => State::Lead,
            (false, left) => State::Skip { left },
        };
        false
    }

    /// A text is complete, whose last bytes begin at `start` of the input.
    fn on_text(&mut self, last: &[u8], start: usize, out: &mut Output) {
        let span = if self.partial.is_empty() {
            Span::input(start, last.len())
        } else {
            let start = out.scratch.len();
            out.scratch.append(&mut self.partial);
            self.partial = Vec::new();
            out.scratch.extend_from_slice(last);
            Span::scratch(start, out.scratch.len() - start)
        };
        out.events.push(Event::Text(span, Encoding::Lenient));
        self.state = State::Lead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::Request;

    const MAX: u64 = 10;

    /// Everything that came of the pieces: texts, bytes for the peer, whether it must close.
    type Outcome = (Vec<Vec<u8>>, Vec<u8>, bool);

    fn outcome(mut receiver: HixieReceiver, pieces: &[&[u8]]) -> Outcome {
        let mut out = Output::default();
        let mut texts = Vec::new();
        let mut closes = 0;
        for piece in pieces {
            let mut input = piece.to_vec();
            let mut at = 0;
            loop {
                let progress = receiver.receive(&mut input, at, &mut out);
                assert!(progress.consumed >= at && progress.consumed <= input.len());
                at = progress.consumed;
                for event in &out.events {
                    let Event::Text(span, Encoding::Lenient) = event else {
                        panic!("{event:?}");
                    };
                    texts.push(span.bytes(&input, &out).to_vec());
                }
                out.clear_events();
                match progress.status {
                    Status::NeedMore => break assert_eq!(at, input.len()),
                    Status::Verdict => closes += 1,
                    Status::Full | Status::Handshake | Status::Busy | Status::Landing => {}
                }
            }
        }
        assert!(closes <= 1);
        (texts, out.wire, closes == 1)
    }

    /// The outcome in one piece, proven to be that of every split in two, of single bytes, and of
    /// other event capacities.
    fn receive(make: impl Fn(usize) -> HixieReceiver, input: &[u8]) -> Outcome {
        let whole = outcome(make(usize::MAX), &[input]);
        for at in 0..=input.len() {
            let (left, right) = input.split_at(at);
            assert_eq!(outcome(make(1), &[left, right]), whole, "split at {at}");
        }
        assert_eq!(outcome(make(2), &input.chunks(1).collect::<Vec<_>>()), whole, "single bytes");
        whole
    }

    fn receive75(input: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let (texts, wire, closed) = receive(|events| HixieReceiver::draft75(MAX, events), input);
        assert!(wire.is_empty());
        (texts, closed)
    }

    /// Draft 76 after its body; the bytes for the peer without the signature.
    fn receive76(input: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let keys = [("sec-websocket-key1", "1 2"), ("sec-websocket-key2", "3 4")];
        let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let keys = Keys::of(&Request::new("GET", "/", "ws://h/", keys.to_vec())).unwrap();
        let body = *b"\x00a\xff\xff\x00bcd";
        let input = [&body, input].concat();
        let (texts, wire, closed) =
            receive(|events| HixieReceiver::draft76(keys, MAX, events), &input);
        assert_eq!(wire, keys.sign(body));
        (texts, closed)
    }

    fn texts(list: &[&[u8]]) -> Vec<Vec<u8>> {
        list.iter().map(|text| text.to_vec()).collect()
    }

    #[test]
    fn texts_come_out() {
        let input = b"\x00Hello\xff\x00\xff\x7f\xc3\xa9\xff";
        assert_eq!(receive75(input), (texts(&[b"Hello", b"", b"\xc3\xa9"]), false));
        assert_eq!(receive76(input), (texts(&[b"Hello", b"", b"\xc3\xa9"]), false));
    }

    #[test]
    fn frames_with_a_length_are_skipped() {
        let input = b"\x80\x03\x00a\xff\x00b\xff\xa5\x00\x80\x80\x01x\x00c\xff";
        assert_eq!(receive75(input), (texts(&[b"b", b"c"]), false));
        assert_eq!(receive76(input), (texts(&[b"b", b"c"]), false));
    }

    #[test]
    fn ff_00_closes_draft_76_only() {
        let input = b"\x00a\xff\xff\x00\x00b\xff";
        assert_eq!(receive75(input), (texts(&[b"a", b"b"]), false));
        assert_eq!(receive76(input), (texts(&[b"a"]), true));
    }

    #[test]
    fn after_an_ff_frame_every_empty_frame_closes() {
        let input = b"\xff\x01x\x00a\xff\x80\x00\x00b\xff";
        assert_eq!(receive75(input), (texts(&[b"a", b"b"]), false));
        assert_eq!(receive76(input), (texts(&[b"a"]), true));
        assert_eq!(receive76(b"\xff\x80"), (texts(&[]), true));
    }

    #[test]
    fn a_text_may_have_the_limit_but_no_more() {
        assert_eq!(receive75(b"\x000123456789\xff"), (texts(&[b"0123456789"]), false));
        assert_eq!(receive75(b"\x00a\xff\x000123456789a"), (texts(&[b"a"]), true));
        assert_eq!(receive76(b"\x000123456789ab\xff\x00c\xff"), (texts(&[]), true));
    }

    #[test]
    fn a_length_over_the_limit_closes() {
        assert_eq!(receive75(b"\x80\x0a0123456789\x00a\xff"), (texts(&[b"a"]), false));
        assert_eq!(receive75(b"\x80\x0b"), (texts(&[]), true));
        let endless = [&[0x80][..], &[0xff; 500]].concat();
        assert_eq!(receive75(&endless), (texts(&[]), true));
        assert_eq!(receive76(&endless), (texts(&[]), true));
    }

    #[test]
    fn too_many_texts_close() {
        let limited = |events| {
            let mut receiver = HixieReceiver::draft75(MAX, events);
            receiver.restrict(Rates::new(Some(2.0), None));
            receiver
        };
        let (found, _, closed) = receive(limited, b"\x00a\xff\x80\x01x\x00b\xff\x00c\xff\x00d\xff");
        assert_eq!((found, closed), (texts(&[b"a", b"b"]), true));
    }

    #[test]
    fn a_text_in_one_chunk_is_not_copied() {
        let mut out = Output::default();
        let mut input = *b"\x00ab\xff";
        HixieReceiver::draft75(MAX, 8).receive(&mut input, 0, &mut out);
        assert_eq!(out.events, [Event::Text(Span::input(1, 2), Encoding::Lenient)]);
        assert!(out.scratch.is_empty());
    }

    #[test]
    fn a_text_of_two_chunks_is_joined_behind_what_was_joined_before() {
        let mut out = Output::default();
        out.scratch.extend_from_slice(b"before");
        let mut receiver = HixieReceiver::draft75(MAX, 8);
        receiver.receive(&mut [0x00, b'a'], 0, &mut out);
        receiver.receive(&mut [b'b', 0xff], 0, &mut out);
        assert_eq!(out.events, [Event::Text(Span::scratch(6, 2), Encoding::Lenient)]);
    }

    #[test]
    fn the_handshake_ends_a_call() {
        let mut out = Output::default();
        let mut input = *b"12345678\x00a\xff";
        let mut receiver = HixieReceiver::draft76(
            Keys::of(&Request::new(
                "GET",
                "/",
                "ws://h/",
                vec![
                    ("sec-websocket-key1".to_owned(), "1 2".to_owned()),
                    ("sec-websocket-key2".to_owned(), "3 4".to_owned()),
                ],
            ))
            .unwrap(),
            MAX,
            8,
        );
        let opened = receiver.receive(&mut input, 0, &mut out);
        assert_eq!(opened, Progress { consumed: 8, status: Status::Handshake });
        assert_eq!(out.wire.len(), 16);
        assert!(out.events.is_empty());
        receiver.receive(&mut input, 8, &mut out);
        assert_eq!(out.events, [Event::Text(Span::input(9, 1), Encoding::Lenient)]);
    }

    #[test]
    fn a_full_list_ends_a_call() {
        let mut out = Output::default();
        let mut input = *b"\x00a\xff\x00b\xff";
        let progress = HixieReceiver::draft75(MAX, 1).receive(&mut input, 0, &mut out);
        assert_eq!(progress, Progress { consumed: 3, status: Status::Full });
        assert_eq!(out.events.len(), 1);
        // Events of earlier calls do not count.
        let mut input = *b"\x00c\xff\x00d\xff";
        let progress = HixieReceiver::draft75(MAX, 2).receive(&mut input, 0, &mut out);
        assert_eq!((progress.status, out.events.len()), (Status::NeedMore, 3));
    }
}
