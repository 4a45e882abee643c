//! Functions for the opening and the end of a connection: as `crate::binding::session`, which
//! documents them.

use wasm_bindgen::prelude::*;

use super::deflate::DeflateSettings;
use super::sessions::{self, Entry};
use super::values::{failed, object, or_null};
use crate::proto::handshake::{ClientHandshake, client};
use crate::proto::http::{self, Headers, Request};
use crate::proto::hybi::frame::MAX_CONTROL;
use crate::proto::sessions::reply::{Ending, Reply};
use crate::proto::sessions::setup;
use crate::proto::{CloseCode, ProtocolError, Rates};

#[wasm_bindgen]
extern "C" {
    /// Options of a client's session: as `ClientOptions` in lib/native.d.ts.
    pub type ClientOptions;
    #[wasm_bindgen(method, getter)]
    fn host(this: &ClientOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn target(this: &ClientOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn key(this: &ClientOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn authorization(this: &ClientOptions) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn protocols(this: &ClientOptions) -> Vec<String>;
    #[wasm_bindgen(method, getter, js_name = maxLength)]
    fn max_length(this: &ClientOptions) -> f64;
    #[wasm_bindgen(method, getter, js_name = requireProtocol)]
    fn require_protocol(this: &ClientOptions) -> bool;
    #[wasm_bindgen(method, getter)]
    fn masking(this: &ClientOptions) -> bool;
    #[wasm_bindgen(method, getter, js_name = forbidMasking)]
    fn forbid_masking(this: &ClientOptions) -> bool;
}

#[wasm_bindgen(js_name = createServerSession)]
pub fn create_server_session(
    _copy: u32,
    head: Vec<JsValue>,
    protocols: Vec<String>,
    max_length: f64,
    flags: u32,
    version: u32,
) -> u32 {
    let head = head.iter().map(JsValue::as_string).collect();
    sessions::insert(|memory| setup::server(memory, head, &protocols, max_length, flags, version))
}

#[wasm_bindgen(js_name = createClientSession)]
pub fn create_client_session(_copy: u32, options: &ClientOptions) -> u32 {
    let handshake = ClientHandshake::new(
        &options.host(),
        &options.target(),
        &options.protocols(),
        options.authorization().as_deref(),
        &options.key(),
    );
    sessions::insert(|memory| {
        setup::client(
            memory,
            handshake,
            options.require_protocol(),
            options.max_length(),
            options.masking(),
            options.forbid_masking(),
        )
    })
}

/// Calls `act` with a session, if there is one under this number.
pub(super) fn with<R>(id: u32, act: impl FnOnce(&mut Entry<'_>) -> R) -> Option<R> {
    sessions::with(id, |entry, _| act(entry))
}

#[wasm_bindgen(js_name = restrictSession)]
pub fn restrict_session(
    id: u32,
    max_fragments: Option<u32>,
    message_rate: Option<f64>,
    ping_rate: Option<f64>,
) {
    let rates = Rates::new(message_rate, ping_rate);
    with(id, |entry| entry.connection.restrict(max_fragments, rates));
}

#[wasm_bindgen(js_name = streamSession)]
pub fn stream_session(id: u32, bytes: f64) {
    with(id, |entry| entry.connection.stream_above(bytes as u64));
}

#[wasm_bindgen(js_name = creditSession)]
pub fn credit_session(id: u32, seconds: f64) {
    with(id, |entry| {
        if let Some(rates) = entry.connection.rates() {
            rates.credit(seconds);
        }
    });
}

#[wasm_bindgen(js_name = sessionVersion)]
pub fn session_version(id: u32) -> u32 {
    let version = with(id, |entry| setup::version_number(entry.connection.version()));
    version.unwrap_or_default()
}

#[wasm_bindgen(js_name = chosenProtocol)]
pub fn chosen_protocol(id: u32) -> JsValue {
    or_null(with(id, |entry| entry.connection.protocol().map(JsValue::from)).flatten())
}

#[wasm_bindgen(js_name = proposeDeflate)]
pub fn propose_deflate(id: u32, settings: &DeflateSettings) -> Result<(), JsError> {
    let proposal = settings.proposal()?;
    with(id, |entry| entry.connection.propose(proposal));
    Ok(())
}

#[wasm_bindgen(js_name = isCompressed)]
pub fn is_compressed(id: u32) -> bool {
    with(id, |entry| entry.connection.is_compressed()).unwrap_or_default()
}

#[wasm_bindgen]
pub fn refusal(id: u32) -> JsValue {
    or_null(
        with(id, |entry| entry.connection.check().err().map(|error| error.to_string())).flatten(),
    )
}

#[wasm_bindgen]
pub fn refuse(id: u32, message: &str) -> usize {
    sessions::write(id, |entry, _| entry.connection.refuse(message, entry.output))
}

#[wasm_bindgen(js_name = startHandshake)]
pub fn start_handshake(
    id: u32,
    custom: Option<Vec<String>>,
    extensions: Option<String>,
) -> Result<bool, JsError> {
    let custom = Headers::of_list(custom.unwrap_or_default());
    with(id, |entry| {
        entry.connection.start(&custom, extensions.as_deref(), entry.output).map_err(failed)?;
        Ok(!entry.connection.awaits_peer())
    })
    .unwrap_or(Ok(false))
}

#[wasm_bindgen]
pub fn answer(id: u32) -> JsValue {
    let answer = with(id, |entry| entry.connection.take_answer()).flatten();
    or_null(answer.map(|answer| answer_object(answer.into())))
}

/// As `Answer` in lib/native.d.ts.
pub(super) fn answer_object(Reply { status, headers, failure, protocol }: Reply) -> JsValue {
    object([
        ("statusCode", status.map(JsValue::from)),
        ("headers", Some(headers.into())),
        ("failure", failure.map(JsValue::from)),
        ("protocol", protocol.map(JsValue::from)),
    ])
}

#[wasm_bindgen(js_name = openSession)]
pub fn open_session(id: u32) {
    with(id, |entry| entry.connection.open());
}

#[wasm_bindgen(js_name = decodeOutside)]
pub fn decode_outside(id: u32, claimed: u32) {
    with(id, |entry| entry.connection.decode_outside((claimed & 7) as u8));
}

#[wasm_bindgen(js_name = checkDecoded)]
pub fn check_decoded(id: u32, opcode: u32, payload: &[u8]) -> Result<bool, JsError> {
    let (opcode, _) = sessions::opcode(opcode)?;
    let checked = with(id, |entry| entry.connection.check_decoded(opcode, payload));
    Ok(checked.unwrap_or(true))
}

#[wasm_bindgen(js_name = failSession)]
pub fn fail_session(id: u32, code: u32, message: String) {
    let error = ProtocolError::Extension(CloseCode(code as u16), message);
    with(id, |entry| entry.connection.fail(error));
}

#[wasm_bindgen]
pub fn settle(id: u32) -> JsValue {
    let ending = with(id, |entry| Ending::of(entry.connection.settle())).flatten();
    or_null(ending.map(|Ending { code, reason, failed }| {
        object([
            ("code", code.map(JsValue::from)),
            ("reason", reason.map(JsValue::from)),
            ("failed", Some(failed.into())),
        ])
    }))
}

#[wasm_bindgen(js_name = beginClosing)]
pub fn begin_closing(id: u32) {
    with(id, |entry| entry.connection.begin_closing());
}

#[wasm_bindgen(js_name = sendClose)]
pub fn send_close(id: u32, code: u32, reason: &[u8]) -> usize {
    sessions::write(id, |entry, entropy| {
        entry.connection.send_close(CloseCode(code as u16), reason, entropy, entry.output);
    })
}

#[wasm_bindgen]
pub fn conclude(id: u32) -> usize {
    sessions::write(id, |entry, entropy| entry.connection.conclude(entropy, entry.output))
}

#[wasm_bindgen(js_name = releaseSession)]
pub fn release_session(id: u32) {
    sessions::remove(id);
}

#[wasm_bindgen(js_name = generateKey)]
pub fn generate_key() -> String {
    sessions::with_entropy(|entropy| client::generate_key(entropy))
}

#[wasm_bindgen(js_name = isSingleLine)]
pub fn is_single_line(text: &str) -> bool {
    http::headers::is_single_line(text)
}

#[wasm_bindgen(js_name = isWebSocket)]
pub fn is_web_socket(method: &str, connection: String, upgrade: String) -> bool {
    let headers = vec![("connection".into(), connection), ("upgrade".into(), upgrade)];
    Request::new(method, "", "", headers).is_websocket()
}

/// Most bytes of a control frame's payload.
#[wasm_bindgen(js_name = maxControlBytes)]
pub fn max_control_bytes() -> u32 {
    MAX_CONTROL as u32
}
