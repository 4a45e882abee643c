//! TLS with Node's library, OpenSSL, and Node's rules.
//!
//! As with Node, the handshake is completed with any certificate, and then the result of the
//! verification of its chain is checked. The server's name is compared by Node's own function, in
//! JavaScript: the task hands the certificate to the JavaScript thread, and sends nothing to the
//! server before that has consented ([`Consent`]).

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509VerifyResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_openssl::SslStream;

use super::failure::Failure;
use super::openssl_library;
use super::tls_failure::{distrust, explain};

/// The settings of a [`Connector`], which is expensive to make.
pub(crate) struct Setup<'a> {
    /// PEM certificates to trust.
    pub(crate) roots: &'a [u8],
    /// Our certificate, for servers that ask for one.
    pub(crate) identity: Option<Own<'a>>,
    /// Whether to accept only servers whose certificate chain ends at one of the roots.
    pub(crate) verify: bool,
    /// Whether to send the server's name in the ClientHello (SNI).
    pub(crate) sni: bool,
    /// `TLSv1` to `TLSv1.3`.
    pub(crate) min_version: &'a str,
    pub(crate) max_version: &'a str,
    /// Ciphers up to TLS 1.2, and suites of TLS 1.3, in OpenSSL's notation.
    pub(crate) ciphers: &'a str,
    pub(crate) suites: &'a str,
    /// OpenSSL's security level, 0 to 5.
    pub(crate) security_level: u32,
    /// Groups and signature algorithms, in OpenSSL's notation; `None` for those of this release.
    pub(crate) groups: Option<&'a str>,
    pub(crate) signatures: Option<&'a str>,
}

/// A client certificate with its key.
pub(crate) enum Own<'a> {
    /// The chain, leaf first, and the key in PKCS#8; both PEM.
    Pem { chain: &'a [u8], key: &'a [u8] },
    /// Both in one PKCS#12 container.
    Pfx { container: &'a [u8], passphrase: &'a str },
}

/// A server's certificate, whose name has to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name that it has to be valid for.
    pub(crate) name: String,
    /// Its certificate, in DER.
    pub(crate) certificate: Vec<u8>,
}

/// Compares the name of a certificate.
pub(super) trait Consent: Sync {
    /// Resolves when the certificate is accepted. Where it is refused, the task that waits is
    /// aborted.
    fn ask(&self, credentials: Credentials) -> impl Future<Output = ()> + Send;
}

/// Makes handshakes; cheap to clone.
#[derive(Clone)]
pub(crate) struct Connector {
    context: SslContext,
    verify: bool,
    sni: bool,
}

/// Why there is no [`Connector`].
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Certificates or keys are invalid, do not belong together, or are too weak.
    OpenSsl(ErrorStack),
    /// A PKCS#12 container has not exactly one certificate with its key.
    Container,
    /// A version of TLS is unknown.
    Version,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenSsl(error) => error.fmt(f),
            Self::Container => f.write_str("not one certificate and its key"),
            Self::Version => f.write_str("not a version of TLS"),
        }
    }
}

fn version(name: &str) -> Result<SslVersion, Unusable> {
    match name {
        "TLSv1" => Ok(SslVersion::TLS1),
        "TLSv1.1" => Ok(SslVersion::TLS1_1),
        "TLSv1.2" => Ok(SslVersion::TLS1_2),
        "TLSv1.3" => Ok(SslVersion::TLS1_3),
        _ => Err(Unusable::Version),
    }
}

impl From<ErrorStack> for Unusable {
    fn from(error: ErrorStack) -> Self {
        Self::OpenSsl(error)
    }
}

impl Connector {
    /// # Errors
    ///
    /// See [`Unusable`].
    pub(crate) fn new(setup: &Setup<'_>) -> Result<Self, Unusable> {
        openssl_library::initialise();
        let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
        builder.set_mode(
            SslMode::AUTO_RETRY
                | SslMode::ACCEPT_MOVING_WRITE_BUFFER
                | SslMode::ENABLE_PARTIAL_WRITE
                | SslMode::RELEASE_BUFFERS,
        );
        // Before the certificates, as OpenSSL checks ours against the level when it is set.
        builder.set_security_level(setup.security_level);
        builder.set_ciphersuites(setup.suites)?;
        builder.set_cipher_list(setup.ciphers)?;
        if let Some(groups) = setup.groups {
            builder.set_groups_list(groups)?;
        }
        if let Some(signatures) = setup.signatures {
            builder.set_sigalgs_list(signatures)?;
        }
        builder.set_min_proto_version(Some(version(setup.min_version)?))?;
        builder.set_max_proto_version(Some(version(setup.max_version)?))?;
        let mut store = X509StoreBuilder::new()?;
        for root in X509::stack_from_pem(setup.roots)? {
            store.add_cert(root)?;
        }
        builder.set_cert_store(store.build());
        if let Some(identity) = &setup.identity {
            identify(&mut builder, identity)?;
        }
        // As in Node, the handshake goes on after each error of verification; OpenSSL keeps the
        // last one.
        builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        Ok(Self { context: builder.build(), verify: setup.verify, sni: setup.sni })
    }

    /// Makes the handshake with the server `name`. Returns also its certificate in DER, for
    /// [`Consent`], unless any server is accepted.
    ///
    /// # Errors
    ///
    /// The handshake has failed, or the chain is not trusted.
    pub(super) async fn connect<S>(
        &self,
        name: &str,
        stream: S,
    ) -> Result<(SslStream<S>, Option<Vec<u8>>), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let begin = || {
            let mut ssl = Ssl::new(&self.context)?;
            // RFC 6066 section 3: addresses are not permitted.
            if self.sni && name.parse::<IpAddr>().is_err() {
                ssl.set_hostname(name)?;
            }
            SslStream::new(ssl, stream)
        };
        let mut stream = begin().map_err(|error: ErrorStack| explain(&error.into()))?;
        Pin::new(&mut stream).connect().await.map_err(|error| explain(&error))?;
        if !self.verify {
            return Ok((stream, None));
        }
        let verdict = stream.ssl().verify_result();
        if verdict != X509VerifyResult::OK {
            return Err(distrust(verdict.error_string()));
        }
        let Some(certificate) = stream.ssl().peer_certificate() else {
            return Err(distrust("unspecified certificate verification error"));
        };
        let certificate = certificate.to_der().map_err(|error| explain(&error.into()))?;
        Ok((stream, Some(certificate)))
    }
}

fn identify(builder: &mut SslContextBuilder, identity: &Own<'_>) -> Result<(), Unusable> {
    match *identity {
        Own::Pem { chain, key } => {
            let mut chain = X509::stack_from_pem(chain)?.into_iter();
            if let Some(leaf) = chain.next() {
                builder.set_certificate(&leaf)?;
            }
            for issuer in chain {
                builder.add_extra_chain_cert(issuer)?;
            }
            builder.set_private_key(&*PKey::private_key_from_pem(key)?)?;
        }
        Own::Pfx { container, passphrase } => {
            // OpenSSL takes a C string.
            if passphrase.contains('\0') {
                return Err(Unusable::Container);
            }
            let parsed = Pkcs12::from_der(container)?.parse2(passphrase)?;
            // Node would also trust the other certificates of the container.
            let is_alone = parsed.ca.is_none_or(|others| others.is_empty());
            let (true, Some(leaf), Some(key)) = (is_alone, parsed.cert, parsed.pkey) else {
                return Err(Unusable::Container);
            };
            builder.set_certificate(&leaf)?;
            builder.set_private_key(&*key)?;
        }
    }
    Ok(builder.check_private_key()?)
}
