//! TLS through the platform's library: OpenSSL on Linux, Security.framework, SChannel.
//!
//! The chain is verified here, against the roots the caller gives. The name is not: Node's rules for
//! it are JavaScript, so the task shows the certificate to the JavaScript thread and sends nothing
//! until that has consented ([`Consent`]).

use std::error::Error;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_native_tls::native_tls::{self, Certificate, Identity};
use tokio_native_tls::{TlsConnector, TlsStream};

use super::failure::{Failure, Step};

pub(crate) use tokio_native_tls::native_tls::Protocol;

/// What decides how a handshake is made. Building a [`Connector`] of it is expensive.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// PEM certificates to trust; `None` trusts the operating system's.
    pub(crate) roots: Option<&'a [u8]>,
    /// Our own certificate, for servers that want one.
    pub(crate) identity: Option<Own<'a>>,
    /// Whether to accept only a server whose chain leads to a root.
    pub(crate) verify: bool,
    /// Whether to name the server in the hello.
    pub(crate) sni: bool,
    pub(crate) min_version: Option<Protocol>,
    pub(crate) max_version: Option<Protocol>,
}

/// A client certificate with its key.
pub(crate) enum Own<'a> {
    /// The chain, leaf first, and the key in PKCS#8; both PEM.
    Pem { chain: &'a [u8], key: &'a [u8] },
    /// Both in one PKCS#12 container.
    Pfx { container: &'a [u8], passphrase: &'a str },
}

/// A server's certificate, on its way to whoever knows the rules for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name the server was asked by.
    pub(crate) name: String,
    /// Its certificate, in DER.
    pub(crate) certificate: Vec<u8>,
}

/// Whoever knows the rules for names.
pub(super) trait Consent: Sync {
    /// Resolves when the certificate is accepted; a refusal ends the task that waits.
    fn ask(&self, credentials: Credentials) -> impl Future<Output = ()> + Send;
}

/// Makes handshakes; cheap to clone.
#[derive(Clone)]
pub(crate) struct Connector {
    inner: TlsConnector,
    verify: bool,
}

impl Connector {
    /// # Errors
    ///
    /// Certificates or keys that cannot be read, or versions the library does not have.
    pub(crate) fn new(setup: Setup<'_>) -> Result<Self, native_tls::Error> {
        let mut builder = native_tls::TlsConnector::builder();
        if let Some(roots) = setup.roots {
            builder.disable_built_in_roots(true);
            for root in Certificate::stack_from_pem(roots)? {
                builder.add_root_certificate(root);
            }
        }
        match setup.identity {
            Some(Own::Pem { chain, key }) => {
                builder.identity(Identity::from_pkcs8(chain, key)?);
            }
            Some(Own::Pfx { container, passphrase }) => {
                builder.identity(Identity::from_pkcs12(container, passphrase)?);
            }
            None => {}
        }
        builder
            .min_protocol_version(setup.min_version)
            .max_protocol_version(setup.max_version)
            .use_sni(setup.sni)
            .danger_accept_invalid_certs(!setup.verify)
            // Not accepted: the consent described above stands for it.
            .danger_accept_invalid_hostnames(true);
        Ok(Self { inner: builder.build()?.into(), verify: setup.verify })
    }

    /// Makes the handshake with the server called `name`. With it comes the certificate to consent
    /// to, in DER, unless everything is accepted anyway.
    pub(super) async fn connect<S>(
        &self,
        name: &str,
        stream: S,
    ) -> Result<(TlsStream<S>, Option<Vec<u8>>), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.inner.connect(name, stream).await.map_err(|error| explain(&error))?;
        if !self.verify {
            return Ok((stream, None));
        }
        let certificate = match stream.get_ref().peer_certificate() {
            Ok(Some(certificate)) => certificate.to_der(),
            Ok(None) => return Err(Failure::tls("EPROTO", "no server certificate".to_owned())),
            Err(error) => Err(error),
        };
        let certificate = certificate.map_err(|error| explain(&error))?;
        Ok((stream, Some(certificate)))
    }
}

/// OpenSSL's reasons to distrust a chain, and Node's codes for them.
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

/// What went wrong in a handshake, in Node's words as far as the library tells.
fn explain(error: &native_tls::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return Failure::io(Step::Read, error, None);
        }
        cause = inner.source();
    }
    let text = error.to_string();
    // "error:0A000086:...:certificate verify failed:...: (certificate has expired)"
    if let Some((_, verdict)) = text.rsplit_once(" (") {
        let verdict = verdict.trim_end_matches(')');
        let known = VERDICTS.iter().find(|(reason, _)| *reason == verdict);
        let code = known.map_or("UNSPECIFIED", |&(_, code)| code);
        return Failure::tls(code, verdict.to_owned());
    }
    if text.to_ascii_lowercase().contains("unexpected eof") {
        let text =
            "Client network socket disconnected before secure TLS connection was established";
        return Failure::tls("ECONNRESET", text.to_owned());
    }
    Failure::tls("EPROTO", format!("write EPROTO {text}"))
}

/// Whether a read failed because the peer closed the connection without TLS's own goodbye. Node
/// takes that for an ordinary end, and the protocol above has its own close handshake.
pub(super) fn is_truncation(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
        || error.raw_os_error().is_none()
            && error.to_string().to_ascii_lowercase().contains("unexpected eof")
}
