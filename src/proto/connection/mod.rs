//! One connection, from its opening handshake to its end: every version, both roles.
//!
//! ```text
//! Connecting ──open──► Open ──begin_closing──► Closing ──┐
//!     │                 │  └──────────settle────────────►│
//!     └──────────────────────────conclude────────────────┴──► Closed
//! ```
//!
//! Where the peer closes the connection or violates the protocol, [`receive`](Connection::receive)
//! stops with [`Status::Verdict`]. The caller then delivers the events before that point, whose
//! listeners may close the connection, and asks [`settle`](Connection::settle) what follows in the
//! state of now. If the connection ends, [`conclude`](Connection::conclude) appends the last frame.

mod handshake;

pub use handshake::Answer;
use handshake::{DeflateState, Role};

use super::handshake::Version;
use super::hixie::{self, HixieReceiver, draft76};
use super::hybi::frame::{COMPRESSED, MAX_CONTROL, Opcode};
use super::hybi::{
    DeflateJob, InflateJob, Landing, PeerMasking, PlainHeader, Receiver, Verdict, send,
};
use super::{CloseCode, Entropy, Output, Progress, ProtocolError, Rates, Status};

/// Options of both roles.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the peer's frames have to be masked.
    pub peer_masking: PeerMasking,
    /// Whether our frames are masked.
    pub masking: bool,
    /// Most bytes of one message.
    pub max_length: u64,
    /// Most bytes of one text, where that is less: the longest string that the host can make.
    pub max_text: u64,
    /// Most events one call to `receive` may add.
    pub max_events: usize,
    /// Binary messages of at least this many bytes are joined in the caller's memory: see
    /// [`Landing`].
    pub least_landing: u64,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The opening handshake is under way.
    Connecting,
    /// Messages go both ways.
    Open,
    /// One side has begun the closing handshake.
    Closing,
    /// Nothing is read or written any more.
    Closed,
}

/// What the caller has to do about a [`Status::Verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing: a listener has closed the connection meanwhile. Call `receive` again.
    PassedOver,
    /// Close with this code and reason; `None` in drafts 75 and 76, which have neither.
    Close(Option<(CloseCode, String)>),
    /// Fail with this error.
    Fail(ProtocolError),
}

#[derive(Debug)]
enum Input {
    Hybi(Receiver),
    Hixie(Box<HixieReceiver>),
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    version: Version,
    masking: bool,
    role: Role,
    input: Input,
    state: State,
    /// Our close frame was appended to the output.
    close_sent: bool,
    /// The code and reason of a close frame that is still to be sent.
    due_close: Option<Box<(CloseCode, String)>>,
    compression: DeflateState,
}

impl Connection {
    /// The version of the protocol.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.state
    }

    /// Messages are to be decoded by extensions outside the core, and arrive as
    /// [`Event::Encoded`](super::Event::Encoded); `claimed` are the reserved bits that the
    /// extensions use (RSV1 is 4, RSV2 is 2, RSV3 is 1).
    pub fn decode_outside(&mut self, claimed: u8) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.decode_outside(claimed);
        }
    }

    /// Limits what the peer may send: `max_fragments` frames in one message (drafts 75 and 76 have
    /// no fragments), and messages and pings in a second.
    pub fn restrict(&mut self, max_fragments: Option<u32>, rates: Option<Rates>) {
        match &mut self.input {
            Input::Hybi(receiver) => receiver.restrict(max_fragments, rates),
            Input::Hixie(receiver) => receiver.restrict(rates),
        }
    }

    /// Messages longer than `bytes` are delivered while they arrive, as
    /// [`Event::Part`](super::Event::Part)s, unless they are compressed, or decoded outside the
    /// core, or of drafts 75 and 76.
    pub fn stream_above(&mut self, bytes: u64) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.stream_above(bytes);
        }
    }

    /// The limits on what the peer sends in a second, where there are any: the caller sets their
    /// time before each [`receive`](Self::receive).
    pub fn rates(&mut self) -> Option<&mut Rates> {
        match &mut self.input {
            Input::Hybi(receiver) => receiver.rates(),
            Input::Hixie(receiver) => receiver.rates(),
        }
    }

    // ---- input

    /// Reads `input` from byte `from` on; see [`Progress`]. Payloads are unmasked where they lie.
    pub fn receive(&mut self, input: &mut [u8], from: usize, out: &mut Output) -> Progress {
        if self.state == State::Closed {
            return Progress { consumed: input.len(), status: Status::NeedMore };
        }
        if let Role::Client(Some(handshake)) = &mut self.role {
            return handshake.receive(input, from);
        }
        match &mut self.input {
            Input::Hybi(receiver) => receiver.receive(input, from, out),
            Input::Hixie(receiver) => receiver.receive(input, from, out),
        }
    }

    /// The message that is joined in the caller's memory; see [`Receiver::landing`].
    pub fn landing(&self) -> Option<Landing> {
        let Input::Hybi(receiver) = &self.input else { return None };
        receiver.landing().filter(|_| self.state != State::Closed)
    }

    /// See [`Receiver::landed`].
    pub fn landed(&mut self, memory: &mut [u8], length: usize, out: &mut Output) -> Progress {
        match &mut self.input {
            Input::Hybi(receiver) => receiver.landed(memory, length, out),
            Input::Hixie(_) => Progress { consumed: length, status: Status::NeedMore },
        }
    }

    /// See [`Receiver::cancel_landing`].
    pub fn cancel_landing(&mut self, memory: &[u8]) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.cancel_landing(memory);
        }
    }

    /// Fails the connection for an error that was found outside the core; [`settle`](Self::settle)
    /// must follow.
    pub fn fail(&mut self, error: ProtocolError) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.fail(error);
        }
    }

    /// Whether a message that [extensions outside the core](Self::decode_outside) have decoded may
    /// be delivered: it is not too long, and its text is UTF-8. Otherwise the connection fails, and
    /// [`settle`](Self::settle) must follow.
    pub fn check_decoded(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        match &mut self.input {
            Input::Hybi(receiver) => receiver.check_decoded(opcode, payload),
            Input::Hixie(_) => true,
        }
    }

    /// Decides what a [`Status::Verdict`] means, in the state that the connection has now.
    pub fn settle(&mut self) -> Settlement {
        let Input::Hybi(receiver) = &mut self.input else {
            return Settlement::Close(None);
        };
        let Some(verdict) = receiver.take_verdict() else { return Settlement::PassedOver };
        let was_open = self.state == State::Open;
        // RFC 6455 section 7.1.7: "If _The WebSocket Connection is Established_ prior to the point
        // where the endpoint is required to _Fail the WebSocket Connection_, the endpoint SHOULD
        // send a Close frame with an appropriate status code (Section 7.4) before proceeding to
        // _Close the WebSocket Connection_."
        let settlement = match verdict {
            Verdict::PeerClose(code, reason) => Settlement::Close(Some((code, reason))),
            Verdict::Failure(error) if was_open => Settlement::Fail(error),
            // Once our side has begun to close, violations are ignored until the peer's close frame
            // comes.
            Verdict::Failure(_) => return Settlement::PassedOver,
        };
        // Section 7.1.7: "An endpoint MUST NOT continue to attempt to process data (including a
        // responding Close frame) from the remote endpoint after being instructed to _Fail the
        // WebSocket Connection_."
        receiver.discard();
        if was_open {
            self.state = State::Closing;
            self.due_close = Some(Box::new(match &settlement {
                Settlement::Close(Some((code, reason))) => (*code, reason.clone()),
                Settlement::Fail(error) => (error.code(), error.to_string()),
                Settlement::Close(None) | Settlement::PassedOver => return settlement,
            }));
        }
        settlement
    }

    // ---- output

    /// Appends one message or control frame. Drafts 75 and 76 send text only. False, and nothing is
    /// appended, for a frame that must not be sent: a control frame of more than 125 bytes, a
    /// message after our close frame, any frame once the connection is closed.
    pub fn send(
        &mut self,
        opcode: Opcode,
        rsv: u8,
        payload: &[u8],
        entropy: &mut dyn Entropy,
        out: &mut Output,
    ) -> bool {
        if !self.may_send(opcode, payload.len()) {
            return false;
        }
        match &mut self.input {
            Input::Hybi(receiver) => {
                if opcode == Opcode::Ping
                    && let Some(rates) = receiver.rates()
                {
                    rates.expect_pong();
                }
                let compressed = match &mut self.compression {
                    DeflateState::Agreed(deflation) if opcode.is_opening() => {
                        deflation.compress(payload)
                    }
                    _ => None,
                };
                let key = self.masking_key(entropy);
                match compressed {
                    Some(payload) => {
                        send::frame(opcode, COMPRESSED, &payload, key, &mut out.wire);
                    }
                    None => send::frame(opcode, rsv, payload, key, &mut out.wire),
                }
                true
            }
            Input::Hixie(_) if opcode == Opcode::Text => {
                hixie::encode_text(payload, &mut out.wire);
                true
            }
            Input::Hixie(_) => false,
        }
    }

    /// Appends one fragment of a message, uncompressed. `opcode` is text or binary for the first
    /// fragment, and continuation for the others; `last` ends the message. The caller must send no
    /// other message before the last fragment: RFC 6455 section 5.4, "The fragments of one message
    /// MUST NOT be interleaved between the fragments of another message". False, and nothing is
    /// appended, where no message may be sent, and in drafts 75 and 76, which have no fragments.
    pub fn send_fragment(
        &mut self,
        opcode: Opcode,
        last: bool,
        payload: &[u8],
        entropy: &mut dyn Entropy,
        out: &mut Output,
    ) -> bool {
        let is_hybi = matches!(self.input, Input::Hybi(_));
        if opcode.is_control() || !is_hybi || !self.may_send(opcode, payload.len()) {
            return false;
        }
        send::fragment(opcode, last, payload, self.masking_key(entropy), &mut out.wire);
        true
    }

    fn may_send(&self, opcode: Opcode, length: usize) -> bool {
        if self.state == State::Closed {
            return false;
        }
        if !opcode.is_control() {
            // RFC 6455 section 5.5.1: "The application MUST NOT send any more data frames after
            // sending a Close frame."
            return !self.close_sent;
        }
        // RFC 6455 section 5.5: "All control frames MUST have a payload length of 125 bytes or less
        // and MUST NOT be fragmented." While our side is closing, violations of the peer are
        // ignored: like the original, we answer even a ping of more than 125 bytes.
        length <= MAX_CONTROL || (self.state == State::Closing && opcode == Opcode::Pong)
    }

    /// The header of a message whose payload is sent as it is, neither masked nor compressed: its
    /// bytes are the same for every such connection. `None` where only [`send`](Self::send) can
    /// make the frame.
    pub fn plain_header(&self, opcode: Opcode, length: usize) -> Option<PlainHeader> {
        let compresses = matches!(self.compression, DeflateState::Agreed(_));
        let plain =
            self.state == State::Open && !self.masking && !compresses && !opcode.is_control();
        (plain && matches!(self.input, Input::Hybi(_))).then(|| PlainHeader::new(opcode, length))
    }

    /// Makes a frame in the memory of its payload, see [`send::frame_around`]; `None` where only
    /// [`send`](Self::send) can make the frame.
    pub fn frame_around(
        &self,
        opcode: Opcode,
        memory: &mut [u8],
        entropy: &mut dyn Entropy,
    ) -> Option<usize> {
        let compresses = matches!(self.compression, DeflateState::Agreed(_));
        let is_hybi = matches!(self.input, Input::Hybi(_));
        if self.state != State::Open || compresses || opcode.is_control() || !is_hybi {
            return None;
        }
        send::frame_around(opcode, self.masking_key(entropy), memory)
    }

    /// Takes the job for which [`receive`](Self::receive) has returned [`Status::Busy`]. Nothing is
    /// read until the job has been [given back](Self::inflated).
    pub fn take_inflation(&mut self) -> Option<Box<InflateJob>> {
        match &mut self.input {
            Input::Hybi(receiver) => receiver.take_job(),
            Input::Hixie(_) => None,
        }
    }

    /// Takes that job back; `receive` can go on.
    pub fn inflated(&mut self, job: InflateJob) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.return_job(job);
        }
    }

    /// A job that compresses a long message. Messages that are sent before the job has been [given
    /// back](Self::deflated) are sent at once, and uncompressed, since the job has the compressor.
    pub fn take_deflation(&mut self, opcode: Opcode, payload: Vec<u8>) -> Option<DeflateJob> {
        match &mut self.compression {
            DeflateState::Agreed(deflation) if opcode.is_opening() => {
                deflation.take_job(opcode, payload)
            }
            _ => None,
        }
    }

    /// Takes a job back, with the compressor, and sends its message.
    pub fn deflated(&mut self, job: DeflateJob, entropy: &mut dyn Entropy, out: &mut Output) {
        let DeflateState::Agreed(deflation) = &mut self.compression else { return };
        let Some((opcode, rsv, payload)) = deflation.return_job(job) else { return };
        if self.may_send(opcode, payload.len()) {
            let key = self.masking_key(entropy);
            send::frame(opcode, rsv, &payload, key, &mut out.wire);
        }
    }

    /// Our side begins to close: from now on the peer's messages are skipped, its violations
    /// ignored, and its pings still answered, until its close frame comes. Our close frame is sent
    /// by [`send_close`](Self::send_close): the caller may have to wait first for messages inside
    /// extensions.
    pub fn begin_closing(&mut self) {
        if self.state == State::Open {
            self.state = State::Closing;
        }
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.begin_closing();
        }
    }

    /// Appends a close frame. The reason is cut to 123 bytes, between two characters.
    pub fn send_close(
        &mut self,
        code: CloseCode,
        reason: &[u8],
        entropy: &mut dyn Entropy,
        out: &mut Output,
    ) {
        if self.state != State::Closed && matches!(self.input, Input::Hybi(_)) {
            let key = self.masking_key(entropy);
            send::close(code, reason, key, &mut out.wire);
            self.close_sent = true;
        }
    }

    /// Ends the connection, and appends the close frame if it has not been sent.
    pub fn conclude(&mut self, entropy: &mut dyn Entropy, out: &mut Output) {
        if let Some((code, reason)) = self.due_close.take().map(|due_close| *due_close) {
            self.send_close(code, reason.as_bytes(), entropy, out);
        }
        if self.version == Version::Hixie76 && self.state == State::Open {
            out.wire.extend_from_slice(&draft76::CLOSE_FRAME);
        }
        self.state = State::Closed;
    }

    fn masking_key(&self, entropy: &mut dyn Entropy) -> Option<[u8; 4]> {
        // RFC 6455 section 5.3: "When preparing a masked frame, the client MUST pick a fresh
        // masking key from the set of allowed 32-bit values." A frame without payload has one as
        // well.
        self.masking.then(|| {
            let mut key = [0; 4];
            entropy.fill(&mut key);
            key
        })
    }
}
