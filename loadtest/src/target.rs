//! Whom the crowd may be sent against: this machine, or a target that somebody says is theirs.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A protected host over plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, as the `Host` header has it.
    pub authority: String,
    /// The page that the fans want to see.
    pub page: String,
    /// Where to connect to; connections are spread over all of them.
    pub addresses: Vec<SocketAddr>,
}

/// Why a target is refused.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a plain HTTP URL.
    #[error("`{0}` is not a plain http:// URL: the crowd speaks HTTP/1.1 without TLS, give it the plain listener")]
    NotHttp(String),
    /// The host has no address.
    #[error("`{authority}` cannot be resolved: {reason}")]
    Unresolved {
        /// The host and port.
        authority: String,
        /// What the resolver said.
        reason: String,
    },
    /// The host is elsewhere.
    #[error(
        "{address} is not this machine: thousands of fans hurt whoever they visit; if it is yours, say so with --i-own-this-target"
    )]
    NotLoopback {
        /// Where the host is.
        address: SocketAddr,
    },
}

impl Target {
    /// Takes a target on this machine; any other is refused.
    ///
    /// # Errors
    /// When the URL is not plain HTTP, has no address, or leads elsewhere.
    pub fn on_this_machine(url: &str) -> Result<Self, TargetError> {
        let target = Self::owned(url)?;
        match target.addresses.iter().find(|address| !address.ip().is_loopback()) {
            None => Ok(target),
            Some(address) => Err(TargetError::NotLoopback { address: *address }),
        }
    }

    /// The same target with more servers that connections are spread over, as a load balancer would; the fans go on
    /// naming the first.
    #[must_use]
    pub fn spread_over(mut self, more: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.addresses.extend(more);
        self
    }

    /// Takes a target that the caller says is theirs to load.
    ///
    /// # Errors
    /// When the URL is not plain HTTP or has no address.
    pub fn owned(url: &str) -> Result<Self, TargetError> {
        let not_http = || TargetError::NotHttp(url.to_owned());
        let uri = http::Uri::from_str(url).map_err(|_| not_http())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(not_http)?;
        let authority = uri.authority().ok_or_else(not_http)?.as_str().to_owned();
        let page = uri.path_and_query().map_or("/", |page| page.as_str()).to_owned();
        let bare_host = host.trim_start_matches('[').trim_end_matches(']');
        let unresolved = |reason: String| TargetError::Unresolved { authority: authority.clone(), reason };
        let address = (bare_host, uri.port_u16().unwrap_or(80))
            .to_socket_addrs()
            .map_err(|error| unresolved(error.to_string()))?
            .min_by_key(SocketAddr::is_ipv6)
            .ok_or_else(|| unresolved("it has no address".to_owned()))?;
        Ok(Self { authority, page, addresses: vec![address] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_taken() {
        let target = Target::on_this_machine("http://127.0.0.1:8080/tickets?day=1").unwrap();
        assert_eq!(target.authority, "127.0.0.1:8080");
        assert_eq!(target.page, "/tickets?day=1");
        assert_eq!(target.addresses, ["127.0.0.1:8080".parse().unwrap()]);
        assert!(Target::on_this_machine("http://[::1]:8080").unwrap().addresses[0].is_ipv6());
    }

    #[test]
    fn another_machine_needs_its_owners_word() {
        let refused = Target::on_this_machine("http://192.0.2.7/").unwrap_err();
        assert!(matches!(refused, TargetError::NotLoopback { .. }), "{refused}");
        assert_eq!(Target::owned("http://192.0.2.7/").unwrap().addresses, ["192.0.2.7:80".parse().unwrap()]);
    }

    #[test]
    fn only_plain_http() {
        for url in ["https://127.0.0.1/", "127.0.0.1:8080", "ftp://127.0.0.1/", "http://", ""] {
            assert!(matches!(Target::owned(url), Err(TargetError::NotHttp(_))), "{url}");
        }
    }
}
