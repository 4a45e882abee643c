//! Making sessions from plain values, for a host without the types of the core.

use super::{SharedMemory, report};
use crate::proto::Connection;
use crate::proto::connection::Options;
use crate::proto::handshake::{ClientHandshake, Version};
use crate::proto::http::Request;
use crate::proto::hybi::PeerMasking;

/// Request headers that a handshake of any version reads, in the order in which [`server`] gets
/// them.
const HANDSHAKE_HEADERS: [&str; 10] = [
    "connection",
    "upgrade",
    "origin",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-key1",
    "sec-websocket-key2",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    ":protocol",
];

/// A server's flag: drafts are allowed.
const ALLOW_DRAFTS: u32 = 1;
/// A server's flag: unmasked frames of the client are an error.
const REQUIRE_MASKING: u32 = 2;
/// A server's flag: its own frames are masked.
const MASKING: u32 = 4;

/// Most bytes of a message, for any `max_length`: lengths are reported in 32 bits with a sign.
const LONGEST: u64 = i32::MAX as u64;

/// Versions by number; 0 is that which the request asks for.
const VERSIONS: [Option<Version>; 6] = [
    None,
    Some(Version::Hybi13),
    Some(Version::Hybi8),
    Some(Version::Hybi7),
    Some(Version::Hixie76),
    Some(Version::Hixie75),
];

/// The number of a version, see [`server`].
pub fn version_number(version: Version) -> u32 {
    VERSIONS.iter().position(|own| *own == Some(version)).unwrap_or_default() as u32
}

/// The server's side for a request. `head` is its method, its target, its absolute URL, and then
/// the values, or `None`, of the headers connection, upgrade, origin, Sec-WebSocket-Version, -Key,
/// -Key1, -Key2, -Protocol and -Extensions, and of `:protocol` of HTTP/2. Flags: 1 drafts are
/// allowed, 2 the client has to mask, 4 this side masks. Versions: 0 that which the request asks
/// for, 1 RFC 6455, 2 and 3 its drafts 8 and 7, 4 and 5 drafts 76 and 75. `max_length` is in bytes;
/// NaN and Infinity mean 2^31 - 1, as more does, and a negative number is 0.
pub fn server(
    memory: &impl SharedMemory,
    head: Vec<Option<String>>,
    protocols: &[String],
    max_length: f64,
    flags: u32,
    version: u32,
) -> Connection {
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
    let peer_masking =
        if flags & REQUIRE_MASKING != 0 { PeerMasking::Required } else { PeerMasking::Either };
    let options = options(memory, peer_masking, flags & MASKING != 0, max_length);
    Connection::server(request, version, allow_drafts, protocols, options)
}

/// The client's side. `max_length` as for [`server`]; `forbid_masking`: a masked frame of the
/// server is an error.
pub fn client(
    memory: &impl SharedMemory,
    handshake: ClientHandshake,
    require_protocol: bool,
    max_length: f64,
    masking: bool,
    forbid_masking: bool,
) -> Connection {
    let peer_masking = if forbid_masking { PeerMasking::Forbidden } else { PeerMasking::Either };
    let options = options(memory, peer_masking, masking, max_length);
    Connection::client(handshake, require_protocol, options)
}

fn options(
    memory: &impl SharedMemory,
    peer_masking: PeerMasking,
    masking: bool,
    max_length: f64,
) -> Options {
    Options {
        peer_masking,
        masking,
        // The cast of Infinity saturates; that of NaN would be 0.
        max_length: if max_length.is_nan() { LONGEST } else { (max_length as u64).min(LONGEST) },
        max_text: memory.longest_text(),
        max_events: report::capacity(memory.spans()),
        least_landing: memory.least_landing(),
    }
}
