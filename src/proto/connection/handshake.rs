//! The opening handshake of a connection: a server's answer to a request, a client's judgement of a
//! response, and what both agree on. Request and parser are dropped when the connection is open.

use super::{Connection, Input, Options, State};
use crate::proto::deflate::{self, Proposal};
use crate::proto::extension::header;
use crate::proto::handshake::{
    ClientHandshake, HandshakeError, Version, http2, server, subprotocol,
};
use crate::proto::hixie::{HixieReceiver, Keys, draft75, draft76};
use crate::proto::http::{Headers, Request, Response, ResponseParser};
use crate::proto::hybi::deflate::Deflation;
use crate::proto::hybi::{Receiver, ReceiverOptions};
use crate::proto::{Output, Progress, Status};

/// The result of a client's handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The subprotocol, if the server has chosen one; or the error in the response.
    pub outcome: Result<Option<String>, String>,
    /// The response's head, unless it could not be parsed.
    pub response: Option<Response>,
}

/// The role, with the state of its handshake.
#[derive(Debug)]
pub(super) enum Role {
    /// The request is dropped when the connection is open.
    Server {
        request: Option<Box<Request>>,
        protocol: Option<Box<str>>,
    },
    Client(Option<Box<Handshake>>),
}

/// A client's handshake; dropped when the response was read.
#[derive(Debug)]
pub(super) struct Handshake {
    client: ClientHandshake,
    parser: ResponseParser,
    require_protocol: bool,
    answer: Option<Answer>,
}

/// The state of permessage-deflate.
#[derive(Debug)]
pub(super) enum DeflateState {
    Off,
    Proposed(Box<Proposal>),
    Agreed(Deflation),
}

impl DeflateState {
    /// A server's response to the offers of a request, if permessage-deflate is to be negotiated.
    fn answer(&self, request: &Request) -> (Option<deflate::Codec>, Option<String>) {
        let Self::Proposed(proposal) = self else { return (None, None) };
        let offers = request.header("sec-websocket-extensions").unwrap_or_default();
        proposal.answer(offers).unzip()
    }
}

impl Connection {
    /// The server's side of a connection, for a request. `None` as `version` means the version that
    /// the request asks for.
    pub fn server(
        request: Request,
        version: Option<Version>,
        allow_drafts: bool,
        protocols: &[String],
        options: Options,
    ) -> Self {
        let version = version.unwrap_or_else(|| Version::choose(&request, allow_drafts));
        // Drafts 75 and 76 have only text messages.
        let longest = options.max_length.min(options.max_text);
        let input = match version {
            Version::Hixie75 => {
                Input::Hixie(Box::new(HixieReceiver::draft75(longest, options.max_events)))
            }
            Version::Hixie76 => Input::Hixie(Box::new(match Keys::of(&request) {
                Ok(keys) => HixieReceiver::draft76(keys, longest, options.max_events),
                // `check` refuses such a request, and nothing that follows it is read.
                Err(_) => HixieReceiver::draft75(longest, options.max_events),
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
            close_sent: false,
            due_close: None,
            compression: DeflateState::Off,
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
            close_sent: false,
            due_close: None,
            compression: DeflateState::Off,
        }
    }

    /// A server's choice of subprotocol.
    pub fn protocol(&self) -> Option<&str> {
        match &self.role {
            Role::Server { protocol, .. } => protocol.as_deref(),
            Role::Client(_) => None,
        }
    }

    /// Whether a server can accept the request, as far as can be told before extensions are
    /// negotiated.
    ///
    /// # Errors
    ///
    /// The first thing wrong with the request, in the original's order.
    pub fn check(&self) -> Result<(), HandshakeError> {
        let Role::Server { request: Some(request), .. } = &self.role else { return Ok(()) };
        match self.version {
            // Drafts 75 and 76 have neither a version header nor extensions.
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
    /// accepts no other extension.
    pub fn propose(&mut self, proposal: Proposal) {
        if self.version.is_hybi() && self.state == State::Connecting {
            self.compression = DeflateState::Proposed(Box::new(proposal));
        }
    }

    /// Whether permessage-deflate was agreed on.
    pub fn is_compressed(&self) -> bool {
        matches!(self.compression, DeflateState::Agreed(_))
    }

    /// Sends our half of the opening handshake: a server's response, a client's request.
    ///
    /// # Errors
    ///
    /// A server's are those of [`check`](Self::check), and then nothing is appended; a client has
    /// none.
    pub fn start(
        &mut self,
        custom: &Headers,
        extensions: Option<&str>,
        out: &mut Output,
    ) -> Result<(), HandshakeError> {
        match &mut self.role {
            Role::Client(Some(handshake)) => {
                let offer = match &self.compression {
                    DeflateState::Proposed(proposal) => Some(proposal.offer()),
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
                    let (codec, answer) = self.compression.answer(request);
                    server::respond(
                        version,
                        request,
                        custom,
                        protocol.as_deref(),
                        answer.as_deref().or(extensions),
                        &mut out.wire,
                    )?;
                    self.agree(codec);
                    Ok(())
                }
            },
        }
    }

    /// As [`start`](Self::start), for a server's response over HTTP/2: its header fields, `:status`
    /// first.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check).
    pub fn start_http2(
        &mut self,
        custom: &Headers,
        extensions: Option<&str>,
    ) -> Result<Headers, HandshakeError> {
        let Role::Server { request: Some(request), protocol } = &self.role else {
            return Ok(Headers::new());
        };
        let (codec, answer) = self.compression.answer(request);
        let extensions = answer.as_deref().or(extensions);
        let fields =
            http2::respond(self.version, request, custom, protocol.as_deref(), extensions)?;
        self.agree(codec);
        Ok(fields)
    }

    fn agree(&mut self, codec: Option<deflate::Codec>) {
        let Some(deflate::Codec { compressor, decompressor }) = codec else {
            self.compression = DeflateState::Off;
            return;
        };
        if let Input::Hybi(receiver) = &mut self.input {
            receiver.inflate(decompressor);
            self.compression = DeflateState::Agreed(Deflation::new(compressor));
        }
    }

    /// Refuses the request (RFC 6455 section 4.2.2): the connection ends after this response.
    pub fn refuse(&mut self, message: &str, out: &mut Output) {
        server::refuse(message, &mut out.wire);
        self.state = State::Closed;
    }

    /// As [`refuse`](Self::refuse), over HTTP/2: the response's header fields; the message is its
    /// body.
    pub fn refuse_http2(&mut self, message: &str) -> Headers {
        self.state = State::Closed;
        http2::refuse(message)
    }

    /// Whether the handshake is complete only after more bytes of the peer: a client's response, or
    /// draft 76's body.
    pub fn awaits_peer(&self) -> bool {
        match self.version {
            Version::Hixie76 => true,
            _ => matches!(self.role, Role::Client(_)),
        }
    }

    /// Takes the result of a client's handshake, after [`Status::Handshake`].
    pub fn take_answer(&mut self) -> Option<Answer> {
        let Role::Client(handshake) = &mut self.role else { return None };
        let mut answer = handshake.take()?.answer?;
        if let DeflateState::Proposed(proposal) = &self.compression
            && answer.outcome.is_ok()
        {
            let response = answer.response.as_ref();
            let header = response.and_then(|response| response.header("sec-websocket-extensions"));
            match proposal.accept(header.unwrap_or_default()) {
                Ok(codec) => self.agree(codec),
                Err(error) => answer.outcome = Err(error.to_string()),
            }
        }
        Some(answer)
    }

    /// The handshake has succeeded: the connection is open.
    pub fn open(&mut self) {
        if self.state == State::Connecting {
            self.state = State::Open;
        }
        if let Role::Server { request, .. } = &mut self.role {
            *request = None;
        }
    }
}

fn receiver(options: Options) -> Receiver {
    Receiver::new(ReceiverOptions {
        masking: options.peer_masking,
        max_length: options.max_length,
        max_text: options.max_text,
        max_events: options.max_events,
        least_landing: options.least_landing,
    })
}

impl Handshake {
    pub(super) fn receive(&mut self, input: &[u8], from: usize) -> Progress {
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
