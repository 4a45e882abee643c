//! One connection, from its opening handshake to its end: every version, both roles.
//!
//! ```text
//! Connecting ──open──► Open ──begin_closing──► Closing ──┐
//!     │                 │  └──────────settle────────────►│
//!     └──────────────────────────conclude────────────────┴──► Closed
//! ```
//!
//! The connection never acts on its own: [`receive`](Connection::receive) stops where the peer
//! ended it or broke the protocol, and the driver, having dispatched the events before that point,
//! asks [`settle`](Connection::settle) what the stop means now and [`conclude`](Connection::conclude)s.

use super::deflate::{self, Proposal};
use super::extension::header;
use super::handshake::{ClientHandshake, HandshakeError, Version, server, subprotocol};
use super::hixie::{self, HixieReceiver, Keys, draft75, draft76};
use super::http::{Headers, Request, Response, ResponseParser};
use super::hybi::deflate::{COMPRESSED, Deflation};
use super::hybi::frame::{MAX_CONTROL, Opcode};
use super::hybi::{
    DeflateJob, InflateJob, Landing, PeerMasking, PlainHeader, Receiver, ReceiverOptions, Verdict,
    send,
};
use super::{CloseCode, Entropy, Output, Progress, ProtocolError, Status};

/// What both roles can choose.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the peer's frames have to be masked.
    pub peer_masking: PeerMasking,
    /// Whether our frames are masked.
    pub masking: bool,
    /// Most bytes of one message.
    pub max_length: u64,
    /// Most events one call to `receive` may add.
    pub max_events: usize,
    /// Binary messages of so many bytes, and more, are left to the caller to collect: see [`Landing`].
    pub least_landing: u64,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The opening handshake is under way.
    Connecting,
    /// Messages go both ways.
    Open,
    /// One side has said goodbye.
    Closing,
    /// Nothing is read or written any more.
    Closed,
}

/// What the driver has to do about a [`Status::Verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing: a listener closed the connection meanwhile. Go on reading.
    PassedOver,
    /// Close with this code and reason, `None` in drafts 75 and 76, which know neither.
    Close(Option<(CloseCode, String)>),
    /// Fail with this error.
    Fail(ProtocolError),
}

/// What a client found in the response to its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The subprotocol, if one was chosen; or what is wrong with the response.
    pub outcome: Result<Option<String>, String>,
    /// The response's head, unless it could not be parsed.
    pub response: Option<Response>,
}

#[derive(Debug)]
enum Role {
    /// The request is gone once the connection is open.
    Server {
        request: Option<Box<Request>>,
        protocol: Option<Box<str>>,
    },
    Client(Option<Box<Handshake>>),
}

/// A client's handshake; gone once it has been answered.
#[derive(Debug)]
struct Handshake {
    client: ClientHandshake,
    parser: ResponseParser,
    require_protocol: bool,
    answer: Option<Answer>,
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
    /// The code and reason of a close frame that is still to be sent.
    farewell: Option<Box<(CloseCode, String)>>,
    compression: Compression,
}

/// How far permessage-deflate is.
#[derive(Debug)]
enum Compression {
    None,
    Proposed(Box<Proposal>),
    Agreed(Deflation),
}

impl Connection {
    /// The server's side for a request, in the version it asks for or the one that is given.
    pub fn server(
        request: Request,
        version: Option<Version>,
        allow_drafts: bool,
        protocols: &[String],
        options: Options,
    ) -> Self {
        let version = version.unwrap_or_else(|| Version::choose(&request, allow_drafts));
        let input = match version {
            Version::Hixie75 => Input::Hixie(Box::new(HixieReceiver::draft75(
                options.max_length,
                options.max_events,
            ))),
            Version::Hixie76 => Input::Hixie(Box::new(match Keys::of(&request) {
                Ok(keys) => HixieReceiver::draft76(keys, options.max_length, options.max_events),
                // Such a request is refused, and nothing after it is read.
                Err(_) => HixieReceiver::draft75(options.max_length, options.max_events),
            })),
            _ => Input::Hybi(receiver(options)),
        };
        let protocol = request
            .header("sec-websocket-protocol")
            .filter(|_| version.is_hybi())
            .and_then(|offered| subprotocol::choose(offered, protocols))
            .map(Box::from);
        let role = Role::Server { request: Some(Box::new(request)), protocol };
        Self {
            version,
            masking: options.masking,
            role,
            input,
            state: State::Connecting,
            farewell: None,
            compression: Compression::None,
        }
    }

    /// The client's side of an RFC 6455 connection.
    pub fn client(client: ClientHandshake, require_protocol: bool, options: Options) -> Self {
        let parser = ResponseParser::new();
        let handshake = Handshake { client, parser, require_protocol, answer: None };
        Self {
            version: Version::Hybi13,
            masking: options.masking,
            role: Role::Client(Some(Box::new(handshake))),
            input: Input::Hybi(receiver(options)),
            state: State::Connecting,
            farewell: None,
            compression: Compression::None,
        }
    }

    /// The version of the protocol.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How far the connection is.
    pub fn state(&self) -> State {
        self.state
    }

    /// A server's choice of subprotocol.
    pub fn protocol(&self) -> Option<&str> {
        match &self.role {
            Role::Server { protocol, .. } => protocol.as_deref(),
            Role::Client(_) => None,
        }
    }

    // ---- opening handshake

    /// Why a server cannot accept the request, before its extensions are negotiated.
    ///
    /// # Errors
    ///
    /// The first thing wrong with the request, in the original's order.
    pub fn check(&self) -> Result<(), HandshakeError> {
        let Role::Server { request: Some(request), .. } = &self.role else { return Ok(()) };
        match self.version {
            Version::Hixie75 if request.is_websocket() => Ok(()),
            Version::Hixie76 if request.is_websocket() => Keys::of(request).map(drop),
            Version::Hixie75 | Version::Hixie76 => Err(HandshakeError::NotWebSocket),
            version => {
                server::check(version, request)?;
                let offers = request.header("sec-websocket-extensions").unwrap_or_default();
                match header::parse(offers) {
                    Ok(_) => Ok(()),
                    Err(error) => Err(HandshakeError::Extensions(error.to_string())),
                }
            }
        }
    }

    /// Has the handshake, which must not have started, negotiate permessage-deflate. A server then
    /// takes no other extension.
    pub fn propose(&mut self, proposal: Proposal) {
        if self.version.is_hybi() && self.state == State::Connecting {
            self.compression = Compression::Proposed(Box::new(proposal));
        }
    }

    /// Whether permessage-deflate was agreed on.
    pub fn is_compressed(&self) -> bool {
        matches!(self.compression, Compression::Agreed(_))
    }

    /// Sends our half of the opening handshake: a server's response, a client's request.
    ///
    /// # Errors
    ///
    /// A server's, those of [`check`](Self::check); nothing was sent then.
    pub fn start(
        &mut self,
        custom: &Headers,
        extensions: Option<&str>,
        out: &mut Output,
    ) -> Result<(), HandshakeError> {
        match &mut self.role {
            Role::Client(Some(handshake)) => {
                let offer = match &self.compression {
                    Compression::Proposed(proposal) => Some(proposal.offer()),
                    _ => None,
                };
                let extensions = offer.as_deref().or(extensions);
                handshake.client.request(custom, extensions, &mut out.wire);
                Ok(())
            }
            Role::Client(None) | Role::Server { request: None, .. } => Ok(()),
            Role::Server { request: Some(request), protocol } => match self.version {
                Version::Hixie75 => draft75::respond(request, custom, &mut out.wire),
                Version::Hixie76 => draft76::respond(request, custom, &mut out.wire).map(drop),
                version => {
                    let offers = request.header("sec-websocket-extensions").unwrap_or_default();
                    let agreed = match &self.compression {
                        Compression::Proposed(proposal) => proposal.answer(offers),
                        _ => None,
                    };
                    let (session, answer) = agreed.unzip();
                    server::respond(
                        version,
                        request,
                        custom,
                        protocol.as_deref(),
                        answer.as_deref().or(extensions),
                        &mut out.wire,
                    )?;
                    self.agree(session);
                    Ok(())
                }
            },
        }
    }

    fn agree(&mut self, session: Option<deflate::Session>) {
        let Some(deflate::Session { compressor, decompressor }) = session else {
            self.compression = Compression::None;
            return;
        };
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.inflate(decompressor);
            self.compression = Compression::Agreed(Deflation::new(compressor));
        }
    }

    /// Refuses the request (RFC 6455 section 4.2.2): the connection ends after this response.
    pub fn refuse(&mut self, message: &str, out: &mut Output) {
        server::refuse(message, &mut out.wire);
        self.state = State::Closed;
    }

    /// Whether the handshake still waits for bytes of the peer.
    pub fn awaits_peer(&self) -> bool {
        match self.version {
            Version::Hixie76 => true,
            _ => matches!(self.role, Role::Client(_)),
        }
    }

    /// What became of a client's handshake, after [`Status::Handshake`].
    pub fn take_answer(&mut self) -> Option<Answer> {
        let Role::Client(handshake) = &mut self.role else { return None };
        let mut answer = handshake.take()?.answer?;
        if let Compression::Proposed(proposal) = &self.compression
            && answer.outcome.is_ok()
        {
            let response = answer.response.as_ref();
            let header = response.and_then(|response| response.header("sec-websocket-extensions"));
            match proposal.accept(header.unwrap_or_default()) {
                Ok(session) => self.agree(session),
                Err(failure) => answer.outcome = Err(failure),
            }
        }
        Some(answer)
    }

    /// The handshake succeeded.
    pub fn open(&mut self) {
        if self.state == State::Connecting {
            self.state = State::Open;
        }
        if let Role::Server { request, .. } = &mut self.role {
            *request = None;
        }
    }

    /// Messages are encoded by extensions the core does not know; `claimed` are the reserved bits
    /// they use (RSV1 is 4, RSV2 is 2, RSV3 is 1).
    pub fn decode_outside(&mut self, claimed: u8) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.decode_outside(claimed);
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

    /// The message that the caller collects; see [`Receiver::landing`].
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

    /// See [`Receiver::give_back_landed`].
    pub fn give_back_landed(&mut self, memory: &[u8]) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.give_back_landed(memory);
        }
    }

    /// Fails the connection for something found outside; [`settle`](Self::settle) must follow.
    pub fn fail(&mut self, error: ProtocolError) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.fail(error);
        }
    }

    /// Decides what a [`Status::Verdict`] means in the state the connection is in by now.
    pub fn settle(&mut self) -> Settlement {
        let Input::Hybi(receiver) = &mut self.input else {
            return Settlement::Close(None);
        };
        let Some(verdict) = receiver.take_verdict() else { return Settlement::PassedOver };
        let was_open = self.state == State::Open;
        let settlement = match verdict {
            Verdict::PeerClose(code, reason) => Settlement::Close(Some((code, reason))),
            Verdict::Failure(error) if was_open => Settlement::Fail(error),
            // A violation after our own close frame changes nothing any more.
            Verdict::Failure(_) => return Settlement::PassedOver,
        };
        receiver.discard();
        if was_open {
            self.state = State::Closing;
            self.farewell = Some(Box::new(match &settlement {
                Settlement::Close(Some((code, reason))) => (*code, reason.clone()),
                Settlement::Fail(error) => (error.code(), error.to_string()),
                Settlement::Close(None) | Settlement::PassedOver => return settlement,
            }));
        }
        settlement
    }

    // ---- output

    /// Appends one message or control frame. Drafts 75 and 76 send text only. False, and nothing
    /// appended, for what may not be sent: a control frame over 125 bytes, anything when closed.
    pub fn send(
        &mut self,
        opcode: Opcode,
        rsv: u8,
        payload: &[u8],
        entropy: &mut dyn Entropy,
        out: &mut Output,
    ) -> bool {
        // While closing, the peer's violations are passed over: even an over-long ping is answered,
        // as by the original.
        let replies = self.state == State::Closing && opcode == Opcode::Pong;
        let too_long = opcode.is_control() && payload.len() > MAX_CONTROL && !replies;
        if self.state == State::Closed || too_long {
            return false;
        }
        match &self.input {
            Input::Hybi(_) => {
                let compressed = match &mut self.compression {
                    Compression::Agreed(deflation) if opcode.is_opening() => {
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

    /// The header in front of a message that goes out as it is: neither masked nor compressed, the
    /// same bytes for every connection of which this is true. `None` where only [`send`](Self::send)
    /// can build the frame.
    pub fn plain_header(&self, opcode: Opcode, length: usize) -> Option<PlainHeader> {
        let compresses = matches!(self.compression, Compression::Agreed(_));
        let plain =
            self.state == State::Open && !self.masking && !compresses && !opcode.is_control();
        (plain && matches!(self.input, Input::Hybi(_))).then(|| PlainHeader::new(opcode, length))
    }

    /// Makes a frame of a message where it lies, see [`send::frame_around`]; `None` where only
    /// [`send`](Self::send) can.
    pub fn frame_around(
        &self,
        opcode: Opcode,
        memory: &mut [u8],
        entropy: &mut dyn Entropy,
    ) -> Option<usize> {
        let compresses = matches!(self.compression, Compression::Agreed(_));
        let is_hybi = matches!(self.input, Input::Hybi(_));
        if self.state != State::Open || compresses || opcode.is_control() || !is_hybi {
            return None;
        }
        send::frame_around(opcode, self.masking_key(entropy), memory)
    }

    /// Takes the work [`receive`](Self::receive) ended with [`Status::Busy`] for. Nothing is read
    /// until it has been [given back](Self::inflated).
    pub fn take_inflation(&mut self) -> Option<Box<InflateJob>> {
        match &mut self.input {
            Input::Hybi(receiver) => receiver.take_job(),
            Input::Hixie(_) => None,
        }
    }

    /// Takes that work back; `receive` goes on.
    pub fn inflated(&mut self, job: InflateJob) {
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.give_back(job);
        }
    }

    /// Takes the compressor with a message that would take it long. Messages that are sent before
    /// it has been [given back](Self::deflated) leave at once and uncompressed.
    pub fn take_deflation(&mut self, opcode: Opcode, payload: Vec<u8>) -> Option<DeflateJob> {
        match &mut self.compression {
            Compression::Agreed(deflation) if opcode.is_opening() => {
                deflation.take_job(opcode, payload)
            }
            _ => None,
        }
    }

    /// Takes the compressor back and sends its message.
    pub fn deflated(&mut self, job: DeflateJob, entropy: &mut dyn Entropy, out: &mut Output) {
        let Compression::Agreed(deflation) = &mut self.compression else { return };
        let Some((opcode, rsv, payload)) = deflation.give_back(job) else { return };
        if self.state != State::Closed {
            let key = self.masking_key(entropy);
            send::frame(opcode, rsv, &payload, key, &mut out.wire);
        }
    }

    /// Our side says goodbye: from now on the peer's messages are skipped and only its close frame
    /// matters. The close frame itself is [`send_close`](Self::send_close)'s, which may have to wait
    /// for messages inside extensions.
    pub fn begin_closing(&mut self) {
        if self.state == State::Open {
            self.state = State::Closing;
        }
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.begin_closing();
        }
    }

    /// Appends a close frame; its reason is cut to what fits.
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
        }
    }

    /// Ends the connection, with the close frame that is still due.
    pub fn conclude(&mut self, entropy: &mut dyn Entropy, out: &mut Output) {
        if let Some((code, reason)) = self.farewell.take().map(|farewell| *farewell) {
            self.send_close(code, reason.as_bytes(), entropy, out);
        }
        if self.version == Version::Hixie76 && self.state == State::Open {
            out.wire.extend_from_slice(&draft76::CLOSE_FRAME);
        }
        self.state = State::Closed;
    }

    fn masking_key(&self, entropy: &mut dyn Entropy) -> Option<[u8; 4]> {
        self.masking.then(|| {
            let mut key = [0; 4];
            entropy.fill(&mut key);
            key
        })
    }
}

fn receiver(options: Options) -> Receiver {
    Receiver::new(ReceiverOptions {
        masking: options.peer_masking,
        max_length: options.max_length,
        max_events: options.max_events,
        least_landing: options.least_landing,
    })
}

impl Handshake {
    fn receive(&mut self, input: &[u8], from: usize) -> Progress {
        if self.answer.is_some() {
            return Progress { consumed: from, status: Status::Handshake };
        }
        let rest = input.get(from..).unwrap_or_default();
        let (consumed, answer) = match self.parser.receive(rest) {
            Ok(None) => return Progress { consumed: input.len(), status: Status::NeedMore },
            Ok(Some(consumed)) => {
                let response = self.parser.response();
                let outcome = self.client.validate(response, self.require_protocol);
                let outcome = outcome.map_err(|rejection| rejection.to_string());
                (from + consumed, Answer { outcome, response: Some(response.clone()) })
            }
            Err(error) => (input.len(), Answer { outcome: Err(error.to_string()), response: None }),
        };
        self.answer = Some(answer);
        Progress { consumed, status: Status::Handshake }
    }
}
