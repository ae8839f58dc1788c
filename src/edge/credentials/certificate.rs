//! The certificate of a TLS listener, which is reloaded when its files change, without a restart.
//!
//! Guarantee: a broken file, or a key that does not fit, leaves the previous certificate in force.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use pingora::tls::{self, ClientHello, ResolvesServerCert, sign::CertifiedKey};

use super::fingerprint::Fingerprint;
use crate::config::TlsListener;

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the certificate {certificate} of the [[edge.tls]] listener {address}: {reason}")]
pub struct CertificateError {
    address: SocketAddr,
    certificate: String,
    reason: String,
}

impl CertificateError {
    pub(crate) fn new(listener: &TlsListener, reason: impl ToString) -> Self {
        let certificate = listener.certificate.display().to_string();
        Self { address: listener.listen, certificate, reason: reason.to_string() }
    }
}

/// The certificate of one listener, whichever it is at the moment.
pub(crate) struct LiveCertificate {
    listener: TlsListener,
    name: String,
    now: ArcSwap<Loaded>,
}

struct Loaded {
    pair: Arc<CertifiedKey>,
    files: Fingerprint,
    ends_at_s: Option<i64>,
}

impl LiveCertificate {
    /// Reads it.
    pub(crate) fn load(listener: &TlsListener) -> Result<Self, CertificateError> {
        let now = ArcSwap::from_pointee(read(listener)?);
        let name = listener.certificate.display().to_string();
        Ok(Self { listener: listener.clone(), name, now })
    }

    /// The certificate's file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// When it ends, Unix seconds; nothing where it does not say so in a way that is understood.
    pub(crate) fn ends_at_s(&self) -> Option<i64> {
        self.now.load().ends_at_s
    }

    /// Reads it again if its files are others; answers whether they were.
    pub(crate) fn reload(&self) -> Result<bool, CertificateError> {
        if fingerprint(&self.listener) == self.now.load().files {
            return Ok(false);
        }
        self.now.store(Arc::new(read(&self.listener)?));
        Ok(true)
    }
}

impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.load().pair))
    }
}

impl std::fmt::Debug for LiveCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveCertificate").field("name", &self.name).finish_non_exhaustive()
    }
}

fn files(listener: &TlsListener) -> [&PathBuf; 2] {
    [&listener.certificate, &listener.key]
}

fn fingerprint(listener: &TlsListener) -> Fingerprint {
    Fingerprint::of(files(listener).into_iter().map(PathBuf::as_path))
}

fn read(listener: &TlsListener) -> Result<Loaded, CertificateError> {
    let wrong = |reason: String| CertificateError::new(listener, reason);
    let files = fingerprint(listener);
    let (certificate, key) = (listener.certificate.to_string_lossy(), listener.key.to_string_lossy());
    let pair = tls::load_certs_and_key_files(&certificate, &key).map_err(|error| wrong(error.to_string()))?;
    let (chain, key) = pair.ok_or_else(|| wrong("there is no key of a kind that TLS knows".to_owned()))?;
    let ends_at_s = chain.first().and_then(|first| x509_parser::parse_x509_certificate(first).ok());
    let ends_at_s = ends_at_s.map(|(_, certificate)| certificate.validity().not_after.timestamp());
    tls::install_default_crypto_provider();
    let provider = tls::CryptoProvider::get_default().expect("it was just installed");
    let pair = CertifiedKey::from_der(chain, key, provider).map_err(|error| wrong(error.to_string()))?;
    Ok(Loaded { pair: Arc::new(pair), files, ends_at_s })
}
