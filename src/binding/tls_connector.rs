//! `TlsConnector`: what a set of TLS options comes to, made once and used for many connections.

use napi::bindgen_prelude::Buffer;
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::transport::tls::{Connector, Own, Protocol, Setup};

/// The options that decide how a handshake is made.
#[napi(object)]
pub struct TlsSetup {
    /// PEM certificates to trust; without them, the operating system's.
    pub roots: Option<Buffer>,
    /// Our certificate chain, leaf first, PEM; with `key`, its PKCS#8 key, PEM.
    pub cert: Option<Buffer>,
    pub key: Option<Buffer>,
    /// Instead of both, a PKCS#12 container.
    pub pfx: Option<Buffer>,
    pub passphrase: Option<String>,
    /// Whether to refuse servers that are not trusted.
    pub verify: bool,
    /// Whether to send the server's name in the hello.
    pub sni: bool,
    /// `TLSv1` to `TLSv1.3`.
    pub min_version: Option<String>,
    pub max_version: Option<String>,
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
                if setup.passphrase.as_ref().is_some_and(|passphrase| passphrase.contains('\0')) {
                    // The library takes a C string.
                    let text = "A passphrase must not contain a NUL";
                    return Err(Error::new(Status::InvalidArg, text));
                }
                let passphrase = setup.passphrase.as_deref().unwrap_or_default();
                Some(Own::Pfx { container, passphrase })
            }
            (None, Some(chain), Some(key)) => Some(Own::Pem { chain, key }),
            _ => None,
        };
        let connector = Connector::new(Setup {
            roots: setup.roots.as_deref(),
            identity,
            verify: setup.verify,
            sni: setup.sni,
            min_version: version(setup.min_version.as_deref())?,
            max_version: version(setup.max_version.as_deref())?,
        });
        connector
            .map(|connector| Self { connector })
            .map_err(|error| Error::new(Status::GenericFailure, error.to_string()))
    }

    pub(super) fn connector(&self) -> Connector {
        self.connector.clone()
    }
}

fn version(name: Option<&str>) -> Result<Option<Protocol>> {
    Ok(Some(match name {
        None => return Ok(None),
        Some("TLSv1") => Protocol::Tlsv10,
        Some("TLSv1.1") => Protocol::Tlsv11,
        Some("TLSv1.2") => Protocol::Tlsv12,
        Some("TLSv1.3") => Protocol::Tlsv13,
        Some(other) => {
            let text = format!("\"{other}\" is not a valid TLS protocol version");
            return Err(Error::new(Status::InvalidArg, text));
        }
    }))
}
