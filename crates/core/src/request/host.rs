//! One spelling for every host: lower case, no port, no trailing dot, IP addresses in their shortest form.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Why a `Host` (or `:authority`) is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Host header is missing, or is not a host name or address with an optional port")]
pub struct BadHost;

/// The canonical host of a `Host` header, without its port; IPv6 addresses without their brackets.
///
/// # Errors
/// [`BadHost`] where it is empty, or holds anything but letters, digits, `-`, `_`, `.` (or an IPv6 address in brackets).
pub fn canonical_host(raw: &str) -> Result<Cow<'_, str>, BadHost> {
    if let Some(rest) = raw.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(BadHost)?;
        check_port(port)?;
        let address: Ipv6Addr = address.parse().map_err(|_| BadHost)?;
        return Ok(Cow::Owned(address.to_string()));
    }
    let (name, port) = raw.find(':').map_or((raw, ""), |colon| raw.split_at(colon));
    check_port(port)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let labels_ok = name.split('.').all(|label| !label.is_empty());
    if !labels_ok || !name.bytes().all(plain) {
        return Err(BadHost);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Cow::Owned(name.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(name))
}

/// True if a canonical host is an IP address and not a name.
#[must_use]
pub fn is_address(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok()
}

fn check_port(port: &str) -> Result<(), BadHost> {
    let Some(digits) = port.strip_prefix(':') else {
        return if port.is_empty() { Ok(()) } else { Err(BadHost) };
    };
    // `Host: shop:` is legal (RFC 3986, 3.2.3).
    let fits = digits.is_empty() || digits.parse::<u16>().is_ok() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(()) } else { Err(BadHost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_hosts_in_one_way() {
        let table = [
            ("shop.example", "shop.example"),
            ("SHOP.Example:8443", "shop.example"),
            ("shop.example.", "shop.example"),
            ("shop.example.:80", "shop.example"),
            ("shop.example:", "shop.example"),
            ("127.0.0.1:8080", "127.0.0.1"),
            ("[::1]:8080", "::1"),
            ("[2001:DB8:0:0::1]", "2001:db8::1"),
            ("my_shop", "my_shop"),
        ];
        for (raw, canonical) in table {
            assert_eq!(canonical_host(raw).as_deref(), Ok(canonical), "{raw}");
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for raw in [
            "", ".", ":80", "a..b", "a b", "a/b", "a@b", "a:b", "a:99999", "a:+1", "::1", "[::1", "[::1]x", "[a]",
            "a,b", "é", "a\0", "a:80:90", ".a",
        ] {
            assert_eq!(canonical_host(raw), Err(BadHost), "{raw}");
        }
    }

    #[test]
    fn tells_addresses_from_names() {
        assert!(is_address("127.0.0.1") && is_address("::1"));
        assert!(!is_address("shop.example"));
    }
}
