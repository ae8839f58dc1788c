//! Fields by which a client could speak for a proxy. Shops and their frameworks believe these names because, behind a
//! proxy, only the proxy writes them. None of them reaches a shop from a client.
//!
//! Guarantees:
//! - a name is known in every spelling that a shop might fold into it
//! - `X_Real_IP` is `X-Real-IP` to everything that was once CGI, and some servers fold dots, too
//! - the gate's own fields are never let through, whatever is allowed

/// Longer names are looked at by their beginning only.
const NAME_BYTES_MAX: usize = 64;

/// The gate's own.
const OURS: &str = "x-fairgate-";

/// Whole families, by how their names begin.
pub const FAMILIES: [&str; 8] = [
    "x-forwarded-",  // address, scheme, host, prefix, certificates, users
    "x-original-",   // URL, URI, host, method, forwarded for
    "x-rewrite-",    // URL
    "x-envoy-",      // path, address
    "x-middleware-", // Next.js: which checks to leave out
    "x-invoke-",     // Next.js: which page to render
    "x-ms-client-principal",
    "x-auth-request-",
];

/// Single names.
pub const NAMES: [&str; 62] = [
    // Whose address it is.
    "forwarded",
    "forwarded-for",
    "x-forwarded",
    "x-forward-for",
    "x-real-ip",
    "x-client-ip",
    "x-true-client-ip",
    "x-cluster-client-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-originating-ip",
    "x-proxyuser-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-appengine-user-ip",
    "x-nf-client-connection-ip",
    "x-vercel-forwarded-for",
    "x-sucuri-clientip",
    "client-ip",
    "cluster-client-ip",
    "remote-addr",
    "true-client-ip",
    "proxy-client-ip",
    "wl-proxy-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-ipcountry",
    "cf-visitor",
    "fastly-client-ip",
    "fastly-ssl",
    "fly-client-ip",
    "do-connecting-ip",
    "incap-client-ip",
    // Which scheme and host it asked for.
    "front-end-https",
    "x-scheme",
    "x-url-scheme",
    "x-host",
    "x-host-override",
    "x-http-host-override",
    "base-url",
    // Which address or method it really means.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-http-destinationurl",
    "x-override-url",
    "x-proxy-url",
    "x-accel-mapping",
    "x-sendfile-type",
    "x-matched-path",
    "x-now-route-matches",
    // Who it was proved to be.
    "remote-user",
    "x-remote-user",
    "x-authenticated-user",
    "x-webauth-user",
    "x-ssl-cert",
    "x-ssl-client-cert",
    "x-ssl-client-verify",
    "x-client-cert",
    "ssl-client-cert",
    "ssl-client-verify",
    // What CGI would make `HTTP_PROXY` of.
    "proxy",
];

/// What is stripped at an edge: the list above, more that its configuration names, less what it allows.
#[derive(Clone, Debug)]
pub struct Forged {
    families: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
    allowed: Vec<Vec<u8>>,
}

impl Forged {
    /// The list with what a configuration adds and allows. A name that ends in `-*` is a family.
    #[must_use]
    pub fn new(strip: &[String], allow: &[String]) -> Self {
        let (families, names): (Vec<_>, Vec<_>) = strip.iter().partition(|name| name.ends_with('*'));
        let added = families.iter().map(|name| folded(name.trim_end_matches('*')));
        let families = FAMILIES.iter().map(|family| folded(family)).chain(added).collect();
        let sorted = |mut names: Vec<Vec<u8>>| {
            names.sort();
            names
        };
        let allowed = sorted(allow.iter().map(|name| folded(name)).collect());
        let names = NAMES.iter().map(|name| folded(name)).chain(names.iter().map(|name| folded(name)));
        Self { families, names: sorted(names.collect()), allowed }
    }

    /// True if a field of this name must not reach a shop from a client.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let mut spelled = [0; NAME_BYTES_MAX];
        let bytes = name.len().min(NAME_BYTES_MAX);
        for (folded, byte) in spelled[..bytes].iter_mut().zip(name.bytes()) {
            *folded = fold(byte);
        }
        let spelled = &spelled[..bytes];
        let is_among = |names: &[Vec<u8>]| names.binary_search_by(|known| known.as_slice().cmp(spelled)).is_ok();
        if spelled.starts_with(OURS.as_bytes()) {
            return true;
        }
        let is_known = self.families.iter().any(|family| spelled.starts_with(family)) || is_among(&self.names);
        is_known && !is_among(&self.allowed)
    }
}

/// Letters in lower case, digits as they are, anything else a dash.
fn fold(byte: u8) -> u8 {
    match byte {
        byte if byte.is_ascii_alphanumeric() => byte.to_ascii_lowercase(),
        _ => b'-',
    }
}

fn folded(name: &str) -> Vec<u8> {
    name.bytes().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forged(strip: &[&str], allow: &[&str]) -> Forged {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Forged::new(&owned(strip), &owned(allow))
    }

    #[test]
    fn knows_what_a_client_must_not_say_in_every_spelling() {
        let forged = forged(&[], &[]);
        for name in NAMES.iter().chain(&FAMILIES) {
            assert!(forged.has(name), "{name}");
            assert!(forged.has(&name.replace('-', "_").to_ascii_uppercase()), "{name}");
            assert!(forged.has(&name.replacen('-', ".", 1)), "{name}");
        }
        for name in ["x-forwarded-client-cert", "x-original-url", "X-Rewrite-URL", "x-fairgate-pass", "x_fairgate_x"] {
            assert!(forged.has(name), "{name}");
        }
        for name in ["host", "cookie", "x-forward", "x-fairgate", "authorization", "x-requested-with", "cf-ray", ""] {
            assert!(!forged.has(name), "{name}");
        }
        assert!(forged.has(&format!("x-forwarded-{}", "a".repeat(100))));
        assert!(!forged.has(&format!("forwarded{}", "a".repeat(100))));
    }

    #[test]
    fn the_documentation_has_every_name() {
        let text = include_str!("../../../../docs/reference/headers.md");
        for name in NAMES.iter().map(|name| format!("`{name}`")).chain(FAMILIES.iter().map(|name| format!("`{name}*`")))
        {
            assert!(text.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_configuration_adds_and_allows_but_never_the_gates_own() {
        let forged = forged(&["X-Shop-Admin", "X-Internal-*"], &["CF-Connecting-IP", "x_fairgate_pass"]);
        assert!(forged.has("x_shop_admin") && forged.has("x-internal-user") && forged.has("x-fairgate-pass"));
        assert!(!forged.has("cf-connecting-ip") && !forged.has("CF_Connecting_IP"));
        assert!(forged.has("cf-connecting-ipv6"));
    }
}
