//! `TlsConnector`: made once of TLS options, and used for many connections.

use napi::bindgen_prelude::Buffer;
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::transport::tls::{Connector, Own, Setup};

/// The settings of a connector.
#[napi(object)]
pub struct TlsSetup {
    /// PEM certificates to trust.
    pub roots: Buffer,
    /// Our certificate chain, leaf first, PEM; with `key`, its PKCS#8 key, PEM.
    pub cert: Option<Buffer>,
    pub key: Option<Buffer>,
    /// A PKCS#12 container with both, instead of `cert` and `key`.
    pub pfx: Option<Buffer>,
    pub passphrase: Option<String>,
    /// Whether to refuse servers whose certificate is not trusted.
    pub verify: bool,
    /// Whether to send the server's name in the ClientHello (SNI).
    pub sni: bool,
    /// `TLSv1` to `TLSv1.3`.
    pub min_version: String,
    pub max_version: String,
    /// Ciphers up to TLS 1.2, and suites of TLS 1.3, in OpenSSL's notation.
    pub ciphers: String,
    pub suites: String,
    /// OpenSSL's security level.
    pub security_level: u32,
    /// Groups and signature algorithms; undefined for the defaults of the addon's OpenSSL.
    pub groups: Option<String>,
    pub signatures: Option<String>,
}

/// Makes TLS handshakes for `Dialler`.
#[napi]
pub struct TlsConnector {
    connector: Connector,
}

#[napi]
impl TlsConnector {
    #[napi(constructor, catch_unwind)]
    pub fn new(setup: TlsSetup) -> Result<Self> {
        let identity = match (&setup.pfx, &setup.cert, &setup.key) {
            (Some(container), ..) => {
                let passphrase = setup.passphrase.as_deref().unwrap_or_default();
                Some(Own::Pfx { container, passphrase })
            }
            (None, Some(chain), Some(key)) => Some(Own::Pem { chain, key }),
            _ => None,
        };
        let connector = Connector::new(&Setup {
            roots: &setup.roots,
            identity,
            verify: setup.verify,
            sni: setup.sni,
            min_version: &setup.min_version,
            max_version: &setup.max_version,
            ciphers: &setup.ciphers,
            suites: &setup.suites,
            security_level: setup.security_level,
            groups: setup.groups.as_deref(),
            signatures: setup.signatures.as_deref(),
        });
        connector
            .map(|connector| Self { connector })
            .map_err(|error| Error::new(Status::InvalidArg, error.to_string()))
    }

    pub(super) fn connector(&self) -> Connector {
        self.connector.clone()
    }
}
