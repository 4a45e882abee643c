//! A connection's rarer calls: those of its opening and its end. As in [`sessions`], a session is a
//! number; whoever makes one has to give it back with [`release_session`].

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Error, Result, Status};
use napi_derive::napi;

use super::deflate::DeflateSettings;
use super::env::Environment;
use super::js_copy::JsCopy;
use super::report;
use super::sessions::{self, Entry};
use crate::proto::connection::{Options, Settlement};
use crate::proto::handshake::{ClientHandshake, Version, client};
use crate::proto::http::{self, Headers, Request};
use crate::proto::hybi::PeerMasking;
use crate::proto::hybi::frame::MAX_CONTROL;
use crate::proto::{CloseCode, Connection, ProtocolError, Rates};

/// Request headers a handshake of any version looks at, in the order of [`create_server_session`].
const HANDSHAKE_HEADERS: [&str; 9] = [
    "connection",
    "upgrade",
    "origin",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-key1",
    "sec-websocket-key2",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

/// Bits of a server's flags.
const ALLOW_DRAFTS: u32 = 1;
const REQUIRE_MASKING: u32 = 2;
const MASKING: u32 = 4;

/// Longer messages are refused, whatever the application would take.
const LONGEST: u64 = i32::MAX as u64;

/// Shorter messages are joined natively and copied.
const LEAST_LANDING: u64 = 4096;

/// Version by number; 0 is what the request asks for.
const VERSIONS: [Option<Version>; 6] = [
    None,
    Some(Version::Hybi13),
    Some(Version::Hybi8),
    Some(Version::Hybi7),
    Some(Version::Hixie76),
    Some(Version::Hixie75),
];

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

/// The server's side for a request: `head` is its method, its target, its absolute URL and then
/// the headers of a handshake, where they are there. Strings and numbers only: converting an
/// object costs more than the handshake.
#[napi(catch_unwind)]
pub fn create_server_session(
    env: Env,
    copy: u32,
    head: Vec<Option<String>>,
    protocols: Vec<String>,
    max_length: f64,
    flags: u32,
    version: u32,
) -> Result<u32> {
    let mut head = head.into_iter();
    let mut next = || head.next().flatten().unwrap_or_default();
    let (method, target, url) = (next(), next(), next());
    let headers = HANDSHAKE_HEADERS
        .into_iter()
        .zip(head)
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    let request = Request::new(method, target, url, headers);
    let version = VERSIONS.get(version as usize).copied().flatten();
    let allow_drafts = flags & ALLOW_DRAFTS != 0;
    insert(env, copy, |copy| {
        let settings = Options {
            peer_masking: masking(flags & REQUIRE_MASKING != 0, false),
            masking: flags & MASKING != 0,
            max_length: limit(max_length),
            max_text: copy.longest_text(),
            max_events: report::capacity(copy),
            least_landing: LEAST_LANDING,
        };
        Connection::server(request, version, allow_drafts, &protocols, settings)
    })
}

/// The client's side.
#[napi(catch_unwind)]
pub fn create_client_session(env: Env, copy: u32, options: ClientOptions) -> Result<u32> {
    let handshake = ClientHandshake::new(
        &options.host,
        &options.target,
        &options.protocols,
        options.authorization.as_deref(),
        &options.key,
    );
    insert(env, copy, |copy| {
        let settings = Options {
            peer_masking: masking(false, options.forbid_masking),
            masking: options.masking,
            max_length: limit(options.max_length),
            max_text: copy.longest_text(),
            max_events: report::capacity(copy),
            least_landing: LEAST_LANDING,
        };
        Connection::client(handshake, options.require_protocol, settings)
    })
}

/// Adds a connection, made for a copy of the JavaScript layer.
fn insert(env: Env, copy: u32, make: impl FnOnce(&JsCopy) -> Connection) -> Result<u32> {
    sessions::insert(Environment::of(&env), copy, make)
        .ok_or_else(|| Error::new(Status::InvalidArg, "no such copy of the JavaScript layer"))
}

/// Bounds what the peer may send: frames in one message, messages a second and pings a second.
#[napi(catch_unwind)]
pub fn restrict_session(
    env: Env,
    id: u32,
    max_fragments: Option<u32>,
    message_rate: Option<f64>,
    ping_rate: Option<f64>,
) {
    let rates = Rates::new(message_rate, ping_rate);
    sessions::with(Environment::of(&env), id, |entry, _| {
        entry.connection.restrict(max_fragments, rates)
    });
}

/// Allows for what the peer may have sent while nothing was read for so many seconds.
#[napi(catch_unwind)]
pub fn credit_session(env: Env, id: u32, seconds: f64) {
    sessions::with(Environment::of(&env), id, |entry, _| {
        if let Some(rates) = entry.connection.rates() {
            rates.credit(seconds);
        }
    });
}

/// The version of the protocol, by number as for [`create_server_session`].
#[napi(catch_unwind)]
pub fn session_version(env: Env, id: u32) -> u32 {
    let version = sessions::with(Environment::of(&env), id, |entry, _| entry.connection.version());
    VERSIONS.iter().position(|own| *own == version).unwrap_or_default() as u32
}

/// A server's choice of subprotocol.
#[napi(catch_unwind)]
pub fn chosen_protocol(env: Env, id: u32) -> Option<String> {
    sessions::with(Environment::of(&env), id, |entry, _| {
        entry.connection.protocol().map(str::to_owned)
    })
    .flatten()
}

/// Has the handshake negotiate permessage-deflate, instead of any extension given to
/// [`start_handshake`].
#[napi(catch_unwind)]
pub fn propose_deflate(env: Env, id: u32, settings: DeflateSettings) -> Result<()> {
    let environment = Environment::of(&env);
    let proposal = settings.proposal(&environment.zlib_pool)?;
    sessions::with(environment, id, |entry, _| entry.connection.propose(proposal));
    Ok(())
}

/// Whether permessage-deflate was agreed on.
#[napi(catch_unwind)]
pub fn is_compressed(env: Env, id: u32) -> bool {
    sessions::with(Environment::of(&env), id, |entry, _| entry.connection.is_compressed())
        .unwrap_or_default()
}

/// Why a server must refuse the request, or null.
#[napi(catch_unwind)]
pub fn refusal(env: Env, id: u32) -> Option<String> {
    sessions::with(Environment::of(&env), id, |entry, _| {
        entry.connection.check().err().map(|error| error.to_string())
    })
    .flatten()
}

/// Writes the response that refuses the request; returns how many bytes wait for the peer.
#[napi(catch_unwind)]
pub fn refuse(env: Env, id: u32, message: String) -> u32 {
    sessions::with(Environment::of(&env), id, |entry, _| {
        entry.connection.refuse(&message, entry.output);
        entry.output.wire.len() as u32
    })
    .unwrap_or_default()
}

/// Writes our half of the handshake, with the application's headers (names and values in turn)
/// and the value of Sec-WebSocket-Extensions. True when nothing of the peer is awaited.
#[napi(catch_unwind)]
pub fn start_handshake(
    env: Env,
    id: u32,
    custom: Option<Vec<String>>,
    extensions: Option<String>,
) -> Result<bool> {
    let custom = headers(custom.unwrap_or_default());
    sessions::with(Environment::of(&env), id, |entry, _| {
        let started = entry.connection.start(&custom, extensions.as_deref(), entry.output);
        started.map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        Ok(!entry.connection.awaits_peer())
    })
    .unwrap_or(Ok(false))
}

/// What became of a client's handshake.
#[napi(catch_unwind)]
pub fn answer(env: Env, id: u32) -> Option<Answer> {
    sessions::with(Environment::of(&env), id, |entry, _| {
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
    .flatten()
}

/// The handshake succeeded.
#[napi(catch_unwind)]
pub fn open_session(env: Env, id: u32) {
    sessions::with(Environment::of(&env), id, |entry, _| entry.connection.open());
}

/// Messages go through extensions written in JavaScript, which claim these reserved bits.
#[napi(catch_unwind)]
pub fn decode_outside(env: Env, id: u32, claimed: u32) {
    sessions::with(Environment::of(&env), id, |entry, _| {
        entry.connection.decode_outside((claimed & 7) as u8)
    });
}

/// Judges a message that extensions written in JavaScript have decoded: opcode 1 or 2. False fails
/// the connection; [`settle`] must follow.
#[napi(catch_unwind)]
pub fn check_decoded(env: Env, id: u32, opcode: u32, payload: BufferSlice) -> Result<bool> {
    let opcode = sessions::opcode(opcode)?;
    let checked = sessions::with(Environment::of(&env), id, |entry, _| {
        entry.connection.check_decoded(opcode, &payload)
    });
    Ok(checked.unwrap_or(true))
}

/// Most bytes of a control frame's payload.
#[napi]
pub const MAX_CONTROL_BYTES: u32 = MAX_CONTROL as u32;

/// An extension fails the connection; [`settle`] must follow.
#[napi(catch_unwind)]
pub fn fail_session(env: Env, id: u32, code: u32, message: String) {
    let error = ProtocolError::Extension(CloseCode(code as u16), message);
    sessions::with(Environment::of(&env), id, |entry, _| entry.connection.fail(error));
}

/// What a verdict means by now, or null when it means nothing any more.
#[napi(catch_unwind)]
pub fn settle(env: Env, id: u32) -> Option<Verdict> {
    sessions::with(Environment::of(&env), id, |entry, _| {
        let (closing, failed) = match entry.connection.settle() {
            Settlement::PassedOver => return None,
            Settlement::Close(closing) => (closing, false),
            Settlement::Fail(error) => (Some((error.code(), error.to_string())), true),
        };
        let (code, reason) = closing.map(|(code, reason)| (u32::from(code.0), reason)).unzip();
        Some(Verdict { code, reason, failed })
    })
    .flatten()
}

/// Our side says goodbye; the close frame is [`send_close`]'s.
#[napi(catch_unwind)]
pub fn begin_closing(env: Env, id: u32) {
    sessions::with(Environment::of(&env), id, |entry, _| entry.connection.begin_closing());
}

/// Writes a close frame; returns how many bytes wait for the peer.
#[napi(catch_unwind)]
pub fn send_close(env: Env, id: u32, code: u32, reason: BufferSlice) -> u32 {
    sessions::with(Environment::of(&env), id, |entry, entropy| {
        let Entry { connection, output, .. } = entry;
        connection.send_close(CloseCode(code as u16), &reason, entropy, output);
        output.wire.len() as u32
    })
    .unwrap_or_default()
}

/// Ends the connection with the close frame that is still due; returns how many bytes wait.
#[napi(catch_unwind)]
pub fn conclude(env: Env, id: u32) -> u32 {
    sessions::with(Environment::of(&env), id, |entry, entropy| {
        entry.connection.conclude(entropy, entry.output);
        entry.output.wire.len() as u32
    })
    .unwrap_or_default()
}

/// Gives the session's memory back; its number means nothing until another session gets it.
#[napi(catch_unwind)]
pub fn release_session(env: Env, id: u32) {
    sessions::remove(Environment::of(&env), id);
}

/// A fresh value for Sec-WebSocket-Key.
#[napi(catch_unwind)]
pub fn generate_key(env: Env) -> String {
    sessions::with_entropy(Environment::of(&env), |entropy| client::generate_key(entropy))
}

/// Whether a text fits a line of a head: it has no CR, LF or NUL.
#[napi(catch_unwind)]
pub fn is_single_line(text: String) -> bool {
    http::headers::is_single_line(&text)
}

/// Whether a request asks for a WebSocket.
#[napi(catch_unwind)]
pub fn is_web_socket(method: String, connection: String, upgrade: String) -> bool {
    let headers = vec![("connection".into(), connection), ("upgrade".into(), upgrade)];
    Request::new(method, "", "", headers).is_websocket()
}

fn masking(required: bool, forbidden: bool) -> PeerMasking {
    match (required, forbidden) {
        (true, _) => PeerMasking::Required,
        (false, true) => PeerMasking::Forbidden,
        (false, false) => PeerMasking::Either,
    }
}

/// JavaScript compares lengths with whatever number it was given: NaN and Infinity never are less.
/// No message may be longer than the 32 bits, with a sign, in which its length is reported.
fn limit(max_length: f64) -> u64 {
    if max_length.is_nan() { LONGEST } else { (max_length as u64).min(LONGEST) }
}

/// Headers of names and values in turn.
pub(super) fn headers(list: Vec<String>) -> Headers {
    let mut headers = Headers::new();
    let mut list = list.into_iter();
    while let (Some(name), Some(value)) = (list.next(), list.next()) {
        headers.set(&name, &value);
    }
    headers
}
