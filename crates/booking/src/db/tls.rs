//! TLS to Postgres, by rustls: whom to believe, and the binding of the password to the channel.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs::default_provider};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::{TlsConnector, client};

use super::DbError;
use super::address::{Address, SslMode};

/// The roots of trust for the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Nobody is asked: everybody is believed.
    Nobody,
    /// The roots in a PEM file.
    File(PathBuf),
    /// The roots that this machine trusts.
    System,
}

/// The files that the URL names.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    pub(super) roots: Roots,
    /// Our own certificate, for servers that ask for one.
    pub(super) cert: Option<PathBuf>,
    /// The certificate's key.
    pub(super) key: Option<PathBuf>,
}

/// How TLS is spoken.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files that the URL names.
    pub(super) fn new(address: &Address) -> Result<Self, DbError> {
        let Certificates { roots, cert, key } = &address.certificates;
        let provider = Arc::new(default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let anchors = match roots {
            _ if address.sslmode == SslMode::Disable => None,
            Roots::Nobody => None,
            Roots::File(file) => Some(Anchors::of(read_certificates("sslrootcert", file)?, Some(file))?),
            Roots::System => Some(Anchors::of(rustls_native_certs::load_native_certs().certs, None)?),
        };
        let verifier = Verifier { anchors, checks_name: address.sslmode == SslMode::VerifyFull, algorithms };
        let builder = versions(provider)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match (cert, key) {
            (Some(cert), Some(key)) if address.sslmode != SslMode::Disable => {
                let chain = read_certificates("sslcert", cert)?;
                let read = PrivateKeyDer::from_pem_file(key);
                let read = read.map_err(|error| wrong(format!("sslkey: {}: {error}", key.display())))?;
                let paired = builder.with_client_auth_cert(chain, read);
                paired.map_err(|error| wrong(format!("sslcert and sslkey: {}: {error}", cert.display())))?
            }
            (Some(cert), None) if address.sslmode != SslMode::Disable => {
                return Err(wrong(format!("sslcert={} needs its key: name it with sslkey", cert.display())));
            }
            _ => builder.with_no_client_auth(),
        };
        if address.direct_tls {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(Self(Arc::new(config)))
    }
}

fn wrong(what: String) -> DbError {
    DbError::Address(what)
}

fn versions(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, DbError> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))
}

fn read_certificates(parameter: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, DbError> {
    let told = |what: String| wrong(format!("{parameter}: {}: {what}", file.display()));
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| told(error.to_string()))?.collect();
    let certificates = certificates.map_err(|error| told(error.to_string()))?;
    if certificates.is_empty() {
        return Err(told("there is no certificate in it (PEM)".to_owned()));
    }
    Ok(certificates)
}

/// Who vouches for servers.
#[derive(Debug)]
struct Anchors {
    store: RootCertStore,
    /// A server that shows one of these is believed, as when its own certificate, signed by nobody else, is the root.
    pinned: Vec<CertificateDer<'static>>,
}

impl Anchors {
    fn of(certificates: Vec<CertificateDer<'static>>, file: Option<&PathBuf>) -> Result<Self, DbError> {
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
        if added == 0 {
            return Err(wrong(file.map_or_else(
                || {
                    "sslrootcert=system: this machine has no root certificates (Debian's package is `ca-certificates`)"
                        .to_owned()
                },
                |file| format!("sslrootcert: {}: no certificate in it can be used", file.display()),
            )));
        }
        Ok(Self { store, pinned: if file.is_some() { certificates } else { Vec::new() } })
    }
}

/// Believes as much as `sslmode` asks for.
#[derive(Debug)]
struct Verifier {
    anchors: Option<Anchors>,
    checks_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(anchors) = &self.anchors else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(shown)?;
        if anchors.pinned.contains(shown) {
            check_dates(shown, now)?;
        } else {
            let (store, algorithms) = (&anchors.store, self.algorithms.all);
            verify_server_cert_signed_by_trust_anchor(&parsed, store, intermediates, now, algorithms)?;
        }
        if self.checks_name {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, shown, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, shown, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn check_dates(shown: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (_, certificate) = x509_parser::parse_x509_certificate(shown).map_err(|_| CertificateError::BadEncoding)?;
    let (now_s, validity) = (i64::try_from(now.as_secs()).unwrap_or(i64::MAX), certificate.validity());
    if now_s > validity.not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    if now_s < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    Ok(())
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = TlsStream<S>;
    type TlsConnect = TlsTo;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<TlsTo> {
        // A Unix socket has no name, and no TLS.
        let name = if host.is_empty() { "localhost".to_owned() } else { host.to_owned() };
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        Ok(TlsTo { config: Arc::clone(&self.0), name })
    }
}

/// TLS to one host.
pub(super) struct TlsTo {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl<S> TlsConnect<S> for TlsTo
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = TlsStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = TlsConnector::from(self.config).connect(self.name, stream);
        Box::pin(async move { connecting.await.map(|stream| TlsStream(Box::new(stream))) })
    }
}

/// A connection under TLS.
pub(super) struct TlsStream<S>(Box<client::TlsStream<S>>);

impl<S> tokio_postgres::tls::TlsStream for TlsStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let shown = session.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
        shown.and_then(end_point).map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// What a server proves to know besides the password: its certificate, by the hash of the certificate's own signature
/// (RFC 5929). A signature without such a hash (Ed25519) binds nothing.
fn end_point(shown: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = x509_parser::parse_x509_certificate(shown).ok()?;
    let algorithm = match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
        // With MD5 and SHA-1, and with SHA-256: RSA, ECDSA.
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.113549.1.1.11" => &digest::SHA256,
        "1.2.840.10045.4.1" | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, shown).as_ref().to_vec())
}

impl<S> AsyncRead for TlsStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(task, to)
    }
}

impl<S> AsyncWrite for TlsStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(task, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(task)
    }
}
