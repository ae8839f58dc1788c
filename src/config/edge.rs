//! `[edge]`: what fans connect to.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::limits::LimitsConfig;
use super::reader::Section;
use super::times::Span;

const PREFIX: &str = "/.fairgate";

/// Listeners, keys and limits towards the fans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeConfig {
    /// Plain HTTP listeners.
    pub listen: Vec<SocketAddr>,
    /// TLS listeners (HTTP/1.1 and HTTP/2).
    pub tls: Vec<TlsListener>,
    /// The path under which fairgate's own endpoints are, without a slash at the end.
    pub prefix: String,
    /// Peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The directory of signing keys.
    pub keys: PathBuf,
    /// The directory of campaigns: lists of codes.
    pub codes: PathBuf,
    /// What tokens name as `iss`.
    pub issuer: String,
    /// The largest request body that is passed on to a shop.
    pub body_bytes_max: u64,
    /// How long a client may keep silent within a request.
    pub client_timeout_ms: u64,
    /// How long an idle client connection is kept.
    pub keepalive_timeout_ms: u64,
    /// How long the edge goes on taking visitors when it is told to stop, while `/readyz` says no. Load balancers need
    /// so long to notice.
    pub shutdown_delay_ms: u64,
    /// How long requests may take to finish when the edge stops.
    pub shutdown_grace_ms: u64,
    /// What one client may ask.
    pub limits: LimitsConfig,
    /// What no client may say to a shop.
    pub headers: HeadersConfig,
    /// `Strict-Transport-Security` for fans who come by TLS.
    pub hsts: Option<String>,
}

/// Fields of requests that reach no shop, beside those of [`fairgate_core::request::forged`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadersConfig {
    /// More of them; a name that ends in `*` is a family.
    pub strip: Vec<String>,
    /// Those that a client, or a proxy in front, may send all the same.
    pub allow: Vec<String>,
}

/// One TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsListener {
    /// Where it listens.
    pub listen: SocketAddr,
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

impl EdgeConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let tls = section.sections("tls", TlsListener::read);
        let default_listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        // Who configures TLS only does not want a plain listener opened beside it.
        let no_tls = tls.as_ref().is_some_and(Vec::is_empty);
        let listen = section.get_or("listen", if no_tls { vec![default_listen] } else { Vec::new() });
        section.check(
            !listen.is_empty() || !no_tls,
            "listen",
            "has no address",
            r#"write ["127.0.0.1:8080"] or add [[edge.tls]]"#,
        );
        let issuer: String = section.get_or("issuer", "fairgate".into());
        section.check(!issuer.is_empty(), "issuer", "is empty", r#"name yourself, like "https://tickets.example""#);
        let limits = section.section("limits", LimitsConfig::read);
        let headers = section.section("headers", |section| Some(HeadersConfig::read(section)));
        Some(Self {
            listen,
            tls: tls?,
            prefix: read_prefix(section),
            trusted_proxies: section.get_or("trusted_proxies", Vec::new()),
            keys: section.get_or("keys", "keys".into()),
            codes: section.get_or("codes", "codes".into()),
            issuer,
            body_bytes_max: section.get_or("max_body_bytes", 1 << 20),
            client_timeout_ms: section.timeout("client_timeout", Span::seconds(15)),
            keepalive_timeout_ms: section.timeout("keepalive_timeout", Span::seconds(60)),
            shutdown_delay_ms: section.get_or("shutdown_delay", Span::seconds(0)).ms,
            shutdown_grace_ms: section.get_or("shutdown_grace", Span::seconds(10)).ms,
            limits: limits?,
            headers: headers?,
            hsts: read_hsts(section),
        })
    }
}

fn read_hsts(section: &Section<'_>) -> Option<String> {
    let hsts: Option<String> = section.get("hsts");
    let fits = |hsts: &String| {
        let mut directives = hsts.split(';').map(str::trim);
        let age = directives.next().and_then(|first| first.strip_prefix("max-age="));
        age.is_some_and(|age| !age.is_empty() && age.bytes().all(|byte| byte.is_ascii_digit()))
            && directives.all(|directive| matches!(directive, "includeSubDomains" | "preload"))
    };
    section.check(
        hsts.as_ref().is_none_or(fits),
        "hsts",
        "is not a value of Strict-Transport-Security",
        r#"write "max-age=31536000", with "; includeSubDomains" only if every host below has TLS"#,
    );
    hsts
}

fn read_prefix(section: &Section<'_>) -> String {
    let prefix: String = section.get_or("prefix", PREFIX.into());
    let segments = prefix.strip_prefix('/').unwrap_or_default();
    let clean = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~".contains(&b))
    };
    let fits = segments.split('/').all(clean);
    section.check(
        fits,
        "prefix",
        format!("{prefix:?} cannot be a prefix of our own paths"),
        r#"write a path of letters, digits and ._-~ that starts with a slash and does not end in one, like "/.fairgate""#,
    );
    // With the default in its place, what depends on the prefix can be checked all the same.
    if fits { prefix } else { PREFIX.into() }
}

impl HeadersConfig {
    fn read(section: &Section<'_>) -> Self {
        let names = |key: &'static str, may_be_family: bool| {
            let names: Vec<String> = section.get_or(key, Vec::new());
            for name in &names {
                let plain = if may_be_family { name.strip_suffix('*').unwrap_or(name) } else { name };
                let fits = !plain.is_empty()
                    && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
                let remedy = r#"write a name like "X-Shop-Admin"; in `strip`, "X-Shop-*" is all that begin so"#;
                section.check(fits, key, format!("{name:?} is not the name of a header field"), remedy);
                let is_needed =
                    ["host", "cookie", "content-length", "transfer-encoding"].contains(&&*plain.to_ascii_lowercase());
                section.check(!is_needed, key, format!("{name:?} is one that requests need"), "remove it");
            }
            names
        };
        Self { strip: names("strip", true), allow: names("allow", false) }
    }
}

impl TlsListener {
    fn read(section: &Section<'_>) -> Option<Self> {
        let listen = section.require("listen", r#""[::]:443""#);
        let certificate = section.require("certificate", r#""tls/fullchain.pem""#);
        let key = section.require("key", r#""tls/privkey.pem""#);
        Some(Self { listen: listen?, certificate: certificate?, key: key? })
    }
}
