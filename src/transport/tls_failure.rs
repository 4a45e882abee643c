//! Failures of TLS, with Node's codes and texts.

use std::error::Error;
use std::fmt::Write;
use std::io;

use openssl::ssl;

use super::failure::{Failure, Step};

/// OpenSSL's texts for errors of verification, and Node's codes for them.
const VERDICTS: [(&str, &str); 20] = [
    ("unable to get issuer certificate", "UNABLE_TO_GET_ISSUER_CERT"),
    ("unable to get certificate CRL", "UNABLE_TO_GET_CRL"),
    ("unable to decrypt certificate's signature", "UNABLE_TO_DECRYPT_CERT_SIGNATURE"),
    ("unable to decode issuer public key", "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY"),
    ("certificate signature failure", "CERT_SIGNATURE_FAILURE"),
    ("certificate is not yet valid", "CERT_NOT_YET_VALID"),
    ("certificate has expired", "CERT_HAS_EXPIRED"),
    ("self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    ("self-signed certificate in certificate chain", "SELF_SIGNED_CERT_IN_CHAIN"),
    ("unable to get local issuer certificate", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    ("unable to verify the first certificate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("certificate chain too long", "CERT_CHAIN_TOO_LONG"),
    ("certificate revoked", "CERT_REVOKED"),
    ("invalid CA certificate", "INVALID_CA"),
    ("invalid certificate", "INVALID_CA"),
    ("path length constraint exceeded", "PATH_LENGTH_EXCEEDED"),
    ("unsuitable certificate purpose", "INVALID_PURPOSE"),
    ("certificate not trusted", "CERT_UNTRUSTED"),
    ("certificate rejected", "CERT_REJECTED"),
    ("hostname mismatch", "HOSTNAME_MISMATCH"),
];

/// The code of an error of OpenSSL; JavaScript makes Node's code of it, which has OpenSSL's reason
/// in it.
const OPENSSL: &str = "ERR_SSL";

/// A chain that is not trusted.
pub(super) fn distrust(verdict: &str) -> Failure {
    let known = VERDICTS.iter().find(|(reason, _)| *reason == verdict);
    Failure::tls(known.map_or("UNSPECIFIED", |&(_, code)| code), verdict.to_owned())
}

/// The failure of a handshake.
pub(super) fn explain(error: &ssl::Error) -> Failure {
    match (error.io_error(), text(error)) {
        (Some(error), _) => Failure::io(Step::Read, error, None),
        (None, Some(text)) if !is_end(&text) => Failure::tls(OPENSSL, text),
        _ => {
            let text =
                "Client network socket disconnected before secure TLS connection was established";
            Failure::tls("ECONNRESET", text.to_owned())
        }
    }
}

/// The failure of an established connection: of the socket, or of the TLS on it.
pub(super) fn broken(step: Step, error: &io::Error) -> Failure {
    inside(error)
        .and_then(text)
        .map_or_else(|| Failure::io(step, error, None), |text| Failure::tls(OPENSSL, text))
}

/// Whether a read has failed because the peer has closed the connection without TLS's close_notify.
/// Like Node, we take it for an ordinary end: WebSocket has a closing handshake of its own.
pub(super) fn is_truncation(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
        || inside(error).and_then(text).is_some_and(|text| is_end(&text))
}

fn inside(error: &io::Error) -> Option<&ssl::Error> {
    let inner: &(dyn Error + 'static) = error.get_ref()?;
    inner.downcast_ref()
}

fn is_end(text: &str) -> bool {
    text.contains("unexpected eof")
}

/// OpenSSL's errors, one line each, as its `ERR_print_errors` writes them and Node shows them. Each
/// line begins with the number of a thread, which is 0 here.
fn text(error: &ssl::Error) -> Option<String> {
    let mut lines = String::new();
    for error in error.ssl_error()?.errors() {
        let (library, function) = (error.library().unwrap_or(""), error.function().unwrap_or(""));
        let (reason, data) = (error.reason().unwrap_or(""), error.data().unwrap_or(""));
        let (file, line) = (error.file(), error.line());
        // Writing to a string never fails.
        let _ = writeln!(
            lines,
            "{:016X}:error:{:08X}:{library}:{function}:{reason}:{file}:{line}:{data}",
            0,
            error.code(),
        );
    }
    (!lines.is_empty()).then_some(lines)
}
