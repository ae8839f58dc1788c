//! Files at addresses that standards fix, which others than fans ask for. Without them certificates are not renewed,
//! Apple Pay is not verified, apps do not open links, and crawling stops. They need no pass unless a room closes them.

/// What `well_known` holds where a room says nothing. What ends in a slash is a folder, anything else one file.
pub const OPEN: [&str; 10] = [
    // Certificate authorities look here for what proves that the host is ours (RFC 8555, 8.3).
    "/.well-known/acme-challenge/",
    "/.well-known/pki-validation/",
    // Apple Pay, before it shows its button on this host.
    "/.well-known/apple-developer-merchantid-domain-association",
    "/.well-known/apple-developer-merchantid-domain-association.txt",
    // The systems of phones, before they hand links of this host to an app.
    "/.well-known/apple-app-site-association",
    "/apple-app-site-association",
    "/.well-known/assetlinks.json",
    // Whoever has found a hole (RFC 9116).
    "/.well-known/security.txt",
    // Crawlers, before anything else (RFC 9309), and every browser.
    "/robots.txt",
    "/favicon.ico",
];

/// True if a decoded path is one of these files.
pub(super) fn is_one_of(open: &[String], path: &str) -> bool {
    open.iter().any(|known| if known.ends_with('/') { path.starts_with(&**known) } else { path == known })
}
