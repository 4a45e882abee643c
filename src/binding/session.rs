//! Functions for the opening and the end of a connection. As in [`sessions`], a session is a
//! number; its maker has to release it by [`release_session`].

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Error, Result, Status};
use napi_derive::napi;

use super::attach::no_such_copy;
use super::deflate::DeflateSettings;
use super::env::Environment;
use super::js_copy::JsCopy;
use super::sessions::{self, Entry};
use crate::proto::handshake::{ClientHandshake, client};
use crate::proto::http::{self, Headers, Request};
use crate::proto::hybi::frame::MAX_CONTROL;
use crate::proto::sessions::reply::{Ending, Reply};
use crate::proto::sessions::setup;
use crate::proto::{CloseCode, Connection, ProtocolError, Rates};

/// Options of a client's session.
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
    /// Bytes; NaN and Infinity mean no limit, and a negative number is 0.
    pub max_length: f64,
    pub require_protocol: bool,
    pub masking: bool,
    /// Whether a masked frame of the server is an error.
    pub forbid_masking: bool,
}

/// The end of a connection, after a verdict.
#[napi(object)]
pub struct Settlement {
    /// Absent in drafts 75 and 76.
    pub code: Option<u32>,
    pub reason: Option<String>,
    /// Whether the peer has violated the protocol.
    pub failed: bool,
}

/// The response to a client's request, or to a CONNECT.
#[napi(object)]
pub struct Answer {
    /// Absent when the response could not be parsed.
    pub status_code: Option<u32>,
    /// Names in lower case and values, in turn.
    pub headers: Vec<String>,
    pub failure: Option<String>,
    pub protocol: Option<String>,
}

impl From<Reply> for Answer {
    fn from(Reply { status, headers, failure, protocol }: Reply) -> Self {
        Self { status_code: status.map(u32::from), headers, failure, protocol }
    }
}

/// The server's side for a request: `head` is its method, its target, its absolute URL, and then
/// the values of the handshake's headers, or undefined (see `proto::sessions::setup`). Strings and
/// numbers only, as to convert an object takes longer than the handshake.
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
    insert(env, copy, |copy| setup::server(copy, head, &protocols, max_length, flags, version))
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
    let ClientOptions { max_length, require_protocol, masking, forbid_masking, .. } = options;
    insert(env, copy, |copy| {
        setup::client(copy, handshake, require_protocol, max_length, masking, forbid_masking)
    })
}

/// Adds a connection, made for a copy of the JavaScript layer.
fn insert(env: Env, copy: u32, make: impl FnOnce(&JsCopy) -> Connection) -> Result<u32> {
    let environment = Environment::of(&env);
    let lease = environment.copies.borrow_mut().lease(copy).ok_or_else(no_such_copy)?;
    let connection = make(&lease);
    Ok(environment.sessions.borrow_mut().insert(lease, connection))
}

/// Calls `act` with a session, if there is one under this number.
pub(super) fn with<R>(env: Env, id: u32, act: impl FnOnce(&mut Entry<'_>) -> R) -> Option<R> {
    sessions::with(Environment::of(&env), id, |entry, _| act(entry))
}

/// Limits what the peer may send: frames in one message, messages and pings in a second.
#[napi(catch_unwind)]
pub fn restrict_session(
    env: Env,
    id: u32,
    max_fragments: Option<u32>,
    message_rate: Option<f64>,
    ping_rate: Option<f64>,
) {
    let rates = Rates::new(message_rate, ping_rate);
    with(env, id, |entry| entry.connection.restrict(max_fragments, rates));
}

/// Has messages of more than `bytes` bytes reported in parts while they arrive.
#[napi(catch_unwind)]
pub fn stream_session(env: Env, id: u32, bytes: f64) {
    with(env, id, |entry| entry.connection.stream_above(bytes as u64));
}

/// Nothing was read for so many seconds: the peer's frames of this time, which arrive at once, do
/// not count as too many.
#[napi(catch_unwind)]
pub fn credit_session(env: Env, id: u32, seconds: f64) {
    with(env, id, |entry| {
        if let Some(rates) = entry.connection.rates() {
            rates.credit(seconds);
        }
    });
}

/// The version of the protocol, by number as for [`create_server_session`].
#[napi(catch_unwind)]
pub fn session_version(env: Env, id: u32) -> u32 {
    with(env, id, |entry| setup::version_number(entry.connection.version())).unwrap_or_default()
}

/// The subprotocol that a server has chosen.
#[napi(catch_unwind)]
pub fn chosen_protocol(env: Env, id: u32) -> Option<String> {
    with(env, id, |entry| entry.connection.protocol().map(str::to_owned)).flatten()
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
    with(env, id, |entry| entry.connection.is_compressed()).unwrap_or_default()
}

/// Why a server must refuse the request, or null.
#[napi(catch_unwind)]
pub fn refusal(env: Env, id: u32) -> Option<String> {
    with(env, id, |entry| entry.connection.check().err().map(|error| error.to_string())).flatten()
}

/// Writes the response that refuses the request; returns how many bytes wait for the peer.
#[napi(catch_unwind)]
pub fn refuse(env: Env, id: u32, message: String) -> f64 {
    sessions::write(env, id, |entry, _| entry.connection.refuse(&message, entry.output))
}

/// Appends our half of the handshake, with the application's headers (names and values in turn) and
/// the value of Sec-WebSocket-Extensions. True if the handshake is complete without more bytes of
/// the peer.
#[napi(catch_unwind)]
pub fn start_handshake(
    env: Env,
    id: u32,
    custom: Option<Vec<String>>,
    extensions: Option<String>,
) -> Result<bool> {
    let custom = Headers::of_list(custom.unwrap_or_default());
    with(env, id, |entry| {
        let started = entry.connection.start(&custom, extensions.as_deref(), entry.output);
        started.map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        Ok(!entry.connection.awaits_peer())
    })
    .unwrap_or(Ok(false))
}

/// The result of a client's handshake.
#[napi(catch_unwind)]
pub fn answer(env: Env, id: u32) -> Option<Answer> {
    let answer = with(env, id, |entry| entry.connection.take_answer()).flatten();
    answer.map(|answer| Reply::from(answer).into())
}

/// The handshake has succeeded: the connection is open.
#[napi(catch_unwind)]
pub fn open_session(env: Env, id: u32) {
    with(env, id, |entry| entry.connection.open());
}

/// Messages have to be decoded by extensions that are written in JavaScript, and use these reserved
/// bits.
#[napi(catch_unwind)]
pub fn decode_outside(env: Env, id: u32, claimed: u32) {
    with(env, id, |entry| entry.connection.decode_outside((claimed & 7) as u8));
}

/// Whether a message that extensions in JavaScript have decoded, of opcode 1 or 2, may be
/// delivered. Otherwise the connection fails, and [`settle`] must follow.
#[napi(catch_unwind)]
pub fn check_decoded(env: Env, id: u32, opcode: u32, payload: BufferSlice) -> Result<bool> {
    let (opcode, _) = sessions::opcode(opcode)?;
    let checked = with(env, id, |entry| entry.connection.check_decoded(opcode, &payload));
    Ok(checked.unwrap_or(true))
}

/// Most bytes of a control frame's payload.
#[napi]
pub const MAX_CONTROL_BYTES: u32 = MAX_CONTROL as u32;

/// Fails the connection for an error that was found outside the core; [`settle`] must follow.
#[napi(catch_unwind)]
pub fn fail_session(env: Env, id: u32, code: u32, message: String) {
    let error = ProtocolError::Extension(CloseCode(code as u16), message);
    with(env, id, |entry| entry.connection.fail(error));
}

/// Decides about a verdict in the state of now; null if the connection goes on.
#[napi(catch_unwind)]
pub fn settle(env: Env, id: u32) -> Option<Settlement> {
    let Ending { code, reason, failed } =
        with(env, id, |entry| Ending::of(entry.connection.settle())).flatten()?;
    Some(Settlement { code: code.map(u32::from), reason, failed })
}

/// Our side begins to close; [`send_close`] sends the close frame.
#[napi(catch_unwind)]
pub fn begin_closing(env: Env, id: u32) {
    with(env, id, |entry| entry.connection.begin_closing());
}

/// Appends a close frame; returns how many bytes wait for the peer.
#[napi(catch_unwind)]
pub fn send_close(env: Env, id: u32, code: u32, reason: BufferSlice) -> f64 {
    sessions::write(env, id, |entry, entropy| {
        entry.connection.send_close(CloseCode(code as u16), &reason, entropy, entry.output);
    })
}

/// Ends the connection, and appends the close frame if it was not sent; returns how many bytes wait
/// for the peer.
#[napi(catch_unwind)]
pub fn conclude(env: Env, id: u32) -> f64 {
    sessions::write(env, id, |entry, entropy| entry.connection.conclude(entropy, entry.output))
}

/// Releases a session; its number may be used again for another one.
#[napi(catch_unwind)]
pub fn release_session(env: Env, id: u32) {
    sessions::all(Environment::of(&env)).remove(id);
}

/// A new value for Sec-WebSocket-Key.
#[napi(catch_unwind)]
pub fn generate_key(env: Env) -> String {
    client::generate_key(&mut Environment::of(&env).sessions.borrow_mut().entropy)
}

/// Whether a text can be part of a line of a head: it has no CR, LF or NUL.
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
