//! A connection's rarer calls, as a class; the object owns the session it stands for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use napi::bindgen_prelude::{BufferSlice, Error, Result, Status};
use napi_derive::napi;

use super::deflate::DeflateSettings;
use super::shared;
use super::table::{self, Entry};
use crate::proto::connection::{Options, Settlement};
use crate::proto::handshake::{ClientHandshake, Version};
use crate::proto::http::{Headers, Request};
use crate::proto::hybi::PeerMasking;
use crate::proto::{CloseCode, Connection, Entropy, Output, ProtocolError};

/// What a server needs to know of a request.
#[napi(object)]
pub struct ServerOptions {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The absolute `ws:` or `wss:` URL.
    pub url: String,
    /// Names in lower case and values, in turn.
    pub headers: Vec<String>,
    pub protocols: Vec<String>,
    /// Bytes; not finite means no limit.
    pub max_length: f64,
    pub allow_drafts: bool,
    pub require_masking: bool,
    pub masking: bool,
    /// "hybi", "hixie-76" or "hixie-75"; by default what the request asks for.
    pub version: Option<String>,
}

/// What a client needs to know.
#[napi(object)]
pub struct ClientOptions {
    /// Value of `Host`.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// Value of `Sec-WebSocket-Key`.
    pub key: String,
    /// Value of `Authorization`.
    pub authorization: Option<String>,
    pub protocols: Vec<String>,
    /// Bytes; not finite means no limit.
    pub max_length: f64,
    pub require_protocol: bool,
    pub masking: bool,
    /// Whether a masked frame of the server is an error.
    pub forbid_masking: bool,
}

/// What to do about a verdict.
#[napi(object)]
pub struct Verdict {
    /// Absent in drafts 75 and 76.
    pub code: Option<u32>,
    pub reason: Option<String>,
    /// Whether the peer broke the protocol.
    pub failed: bool,
}

/// What a client found in the response.
#[napi(object)]
pub struct Answer {
    /// Absent when the response could not be parsed.
    pub status_code: Option<u32>,
    /// Names in lower case and values, in turn.
    pub headers: Vec<String>,
    pub failure: Option<String>,
    pub protocol: Option<String>,
}

/// One connection's protocol, without its socket.
#[napi]
pub struct Session {
    id: Option<u32>,
    version: Version,
}

#[napi]
impl Session {
    /// The server's side for a request.
    #[napi(factory, catch_unwind)]
    pub fn server(channel: u32, options: ServerOptions) -> Self {
        let settings = Options {
            peer_masking: masking(options.require_masking, false),
            masking: options.masking,
            max_length: limit(options.max_length),
            max_events: shared::capacity(channel),
        };
        let headers = pairs(options.headers).collect();
        let request = Request::new(options.method, options.target, options.url, headers);
        let version = match options.version.as_deref() {
            Some("hybi") => Some(Version::Hybi13),
            Some("hixie-76") => Some(Version::Hixie76),
            Some("hixie-75") => Some(Version::Hixie75),
            _ => None,
        };
        Self::new(
            channel,
            Connection::server(
                request,
                version,
                options.allow_drafts,
                &options.protocols,
                settings,
            ),
        )
    }

    /// The client's side.
    #[napi(factory, catch_unwind)]
    pub fn client(channel: u32, options: ClientOptions) -> Self {
        let settings = Options {
            peer_masking: masking(false, options.forbid_masking),
            masking: options.masking,
            max_length: limit(options.max_length),
            max_events: shared::capacity(channel),
        };
        let handshake = ClientHandshake::with_key(
            &options.host,
            &options.target,
            &options.protocols,
            options.authorization.as_deref(),
            &options.key,
        );
        Self::new(channel, Connection::client(handshake, options.require_protocol, settings))
    }

    fn new(channel: u32, connection: Connection) -> Self {
        let version = connection.version();
        let id = table::insert(Entry { channel, connection, output: Output::default() });
        Self { id: Some(id), version }
    }

    /// The number the functions of this module know the session by.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> Result<u32> {
        self.id.ok_or_else(released)
    }

    /// The version of the protocol, as applications see it.
    #[napi(getter, catch_unwind)]
    pub fn version(&self) -> &'static str {
        self.version.name()
    }

    /// A server's choice of subprotocol.
    #[napi(getter, catch_unwind)]
    pub fn protocol(&self) -> Option<String> {
        self.with(|entry, _| entry.connection.protocol().map(str::to_owned)).ok().flatten()
    }

    /// Has the handshake negotiate permessage-deflate, instead of any extension given to `start`.
    #[napi(catch_unwind)]
    pub fn propose_deflate(&self, settings: DeflateSettings) -> Result<()> {
        let proposal = settings.proposal()?;
        self.with(|entry, _| entry.connection.propose(proposal))
    }

    /// Whether permessage-deflate was agreed on.
    #[napi(getter, catch_unwind)]
    pub fn is_compressed(&self) -> bool {
        self.with(|entry, _| entry.connection.is_compressed()).unwrap_or_default()
    }

    /// Why a server must refuse the request, or null.
    #[napi(catch_unwind)]
    pub fn refusal(&self) -> Result<Option<String>> {
        self.with(|entry, _| entry.connection.check().err().map(|error| error.to_string()))
    }

    /// Writes the response that refuses the request; returns how many bytes wait for the peer.
    #[napi(catch_unwind)]
    pub fn refuse(&self, message: String) -> Result<u32> {
        self.with(|entry, _| {
            entry.connection.refuse(&message, &mut entry.output);
            entry.output.wire.len() as u32
        })
    }

    /// Writes our half of the handshake, with the application's headers (names and values in turn)
    /// and the value of Sec-WebSocket-Extensions. True when nothing of the peer is awaited.
    #[napi(catch_unwind)]
    pub fn start(&self, headers: Vec<String>, extensions: Option<String>) -> Result<bool> {
        let mut custom = Headers::new();
        for (name, value) in pairs(headers) {
            custom.set(&name, &value);
        }
        self.with(|entry, _| {
            let started = entry.connection.start(&custom, extensions.as_deref(), &mut entry.output);
            started.map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
            Ok(!entry.connection.awaits_peer())
        })?
    }

    /// How many bytes wait for the peer.
    #[napi(catch_unwind)]
    pub fn pending(&self) -> Result<u32> {
        self.with(|entry, _| entry.output.wire.len() as u32)
    }

    /// What became of a client's handshake.
    #[napi(catch_unwind)]
    pub fn answer(&self) -> Result<Option<Answer>> {
        self.with(|entry, _| {
            let answer = entry.connection.take_answer()?;
            let (failure, protocol) = match answer.outcome {
                Ok(protocol) => (None, protocol),
                Err(failure) => (Some(failure), None),
            };
            let status_code = answer.response.as_ref().map(|response| u32::from(response.status));
            let headers = answer.response.map(|response| response.headers).unwrap_or_default();
            let headers = headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
            Some(Answer { status_code, headers, failure, protocol })
        })
    }

    /// The handshake succeeded.
    #[napi(catch_unwind)]
    pub fn open(&self) -> Result<()> {
        self.with(|entry, _| entry.connection.open())
    }

    /// Messages go through extensions written in JavaScript, which claim these reserved bits.
    #[napi(catch_unwind)]
    pub fn decode_outside(&self, claimed: u32) -> Result<()> {
        self.with(|entry, _| entry.connection.decode_outside((claimed & 7) as u8))
    }

    /// An extension fails the connection; `settle` must follow.
    #[napi(catch_unwind)]
    pub fn fail(&self, code: u32, message: String) -> Result<()> {
        let error = ProtocolError::Extension(CloseCode(code as u16), message);
        self.with(|entry, _| entry.connection.fail(error))
    }

    /// What a verdict means by now, or null when it means nothing any more.
    #[napi(catch_unwind)]
    pub fn settle(&self) -> Result<Option<Verdict>> {
        self.with(|entry, _| {
            let (closing, failed) = match entry.connection.settle() {
                Settlement::PassedOver => return None,
                Settlement::Close(closing) => (closing, false),
                Settlement::Fail(error) => (Some((error.code(), error.to_string())), true),
            };
            let (code, reason) = closing.map(|(code, reason)| (u32::from(code.0), reason)).unzip();
            Some(Verdict { code, reason, failed })
        })
    }

    /// Our side says goodbye; the close frame is `sendClose`'s.
    #[napi(catch_unwind)]
    pub fn begin_closing(&self) -> Result<()> {
        self.with(|entry, _| entry.connection.begin_closing())
    }

    /// Writes a close frame; returns how many bytes wait for the peer.
    #[napi(catch_unwind)]
    pub fn send_close(&self, code: u32, reason: BufferSlice) -> Result<u32> {
        self.with(|entry, entropy| {
            let Entry { connection, output, .. } = entry;
            connection.send_close(CloseCode(code as u16), &reason, entropy, output);
            output.wire.len() as u32
        })
    }

    /// Ends the connection with the close frame that is still due; returns how many bytes wait.
    #[napi(catch_unwind)]
    pub fn conclude(&self) -> Result<u32> {
        self.with(|entry, entropy| {
            entry.connection.conclude(entropy, &mut entry.output);
            entry.output.wire.len() as u32
        })
    }

    /// Gives the session's memory back; its number means nothing from now on.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        if let Some(id) = self.id.take() {
            table::remove(id);
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Entry, &mut dyn Entropy) -> R) -> Result<R> {
        let id = self.id.ok_or_else(released)?;
        table::with(id, |entry, entropy| act(entry, entropy)).ok_or_else(released)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}

/// A fresh value for Sec-WebSocket-Key (RFC 6455 section 4.1).
#[napi(catch_unwind)]
pub fn generate_key() -> String {
    let mut nonce = [0; 16];
    table::with_entropy(|entropy| entropy.fill(&mut nonce));
    STANDARD.encode(nonce)
}

/// Whether a request asks for a WebSocket.
#[napi(catch_unwind)]
pub fn is_web_socket(method: String, connection: String, upgrade: String) -> bool {
    let headers = vec![("connection".into(), connection), ("upgrade".into(), upgrade)];
    Request::new(method, "", "", headers).is_websocket()
}

fn released() -> Error {
    Error::new(Status::GenericFailure, "The session has been released")
}

fn masking(required: bool, forbidden: bool) -> PeerMasking {
    match (required, forbidden) {
        (true, _) => PeerMasking::Required,
        (false, true) => PeerMasking::Forbidden,
        (false, false) => PeerMasking::Either,
    }
}

/// JavaScript compares lengths with whatever number it was given: NaN and Infinity never are less.
fn limit(max_length: f64) -> u64 {
    if max_length.is_nan() { u64::MAX } else { max_length as u64 }
}

pub(super) fn pairs(list: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let mut list = list.into_iter();
    std::iter::from_fn(move || Some((list.next()?, list.next()?)))
}
