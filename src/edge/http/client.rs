//! The client of a request: its address and whether it uses TLS, from the socket or from trusted proxies.
//!
//! Guarantee: no field that a client writes makes it a trusted proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;
use pingora::protocols::SocketDigest;

use fairgate_core::fields;

/// Who comes by a trusted proxy that does not say from where. It is in no network, so no list of trusted or unlimited ones has
/// it, and all such clients share one quota.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) tls: bool,
}

impl Peer {
    /// Only Unix sockets have no address; there are no such listeners.
    pub(crate) fn new(address: Option<IpAddr>, tls: bool) -> Self {
        Self { address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), tls }
    }
}

/// The address of a socket's other end.
pub(crate) fn peer_address(socket: Option<Arc<SocketDigest>>) -> Option<IpAddr> {
    socket?.peer_addr()?.as_inet().map(SocketAddr::ip)
}

/// A client, as far as it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// True if the request came by TLS, here or at a trusted proxy.
    pub(crate) secure: bool,
}

/// The client's address, for fuzzing.
#[cfg(any(test, fuzzing))]
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    client(Peer { address: peer, tls: false }, headers, trusted).address
}

/// Reads the client of a connection.
pub(crate) fn client(Peer { address, tls }: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
    let peer = address.to_canonical();
    if !is_trusted(peer, trusted) {
        return Client { address: peer, secure: tls };
    }
    let proto = fields::list(headers, &X_FORWARDED_PROTO).next_back();
    let forwarded_tls = proto.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"));
    Client { address: forwarded_address(peer, headers, trusted), secure: tls || forwarded_tls }
}

/// From the right: the first address that no trusted proxy vouches for having sent itself. A proxy that passes on what is
/// no address speaks for somebody, and not for itself: [`NOBODY`].
fn forwarded_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in fields::list(headers, &X_FORWARDED_FOR).rev() {
        address = parse_address(hop).unwrap_or(NOBODY);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    address
}

/// An address, with or without a port.
fn parse_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|with_port: SocketAddr| with_port.ip());
    let address: Option<IpAddr> = text.parse().ok().or_else(with_port).or_else(bare);
    address.map(|address| address.to_canonical())
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn address(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(field));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn believes_trusted_proxies_only_and_from_the_right() {
        assert_eq!(address("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.7"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6", "198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6", "", " 198.51.100.1 ,"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(address("fd00::1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(address("::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_a_client_writes_never_makes_it_a_proxy() {
        let behind = |field: &[u8]| {
            let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, HeaderValue::from_bytes(field).unwrap())]);
            client_address("10.0.0.1".parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
        };
        // As nginx passes it on, with the address that it sees at the end.
        assert_eq!(behind(b"\xff, 198.51.100.1"), "198.51.100.1");
        assert_eq!(behind(b"\xff, 10.0.0.7"), "0.0.0.0", "10.0.0.7 does not say for whom it speaks");
        for garbage in [&b"\xff"[..], b"garbage", b"unknown", b"10.0.0.7:", b"[10.0.0.7]x", b"1.2.3"] {
            assert_eq!(behind(garbage), "0.0.0.0", "{}", garbage.escape_ascii());
        }
    }

    #[test]
    fn tls_may_end_at_a_trusted_proxy() {
        let headers = HeaderMap::from_iter([(X_FORWARDED_PROTO, HeaderValue::from_static("https"))]);
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let is_secure = |peer: &str| client(Peer::new(peer.parse().ok(), false), &headers, &trusted).secure;
        assert!(is_secure("10.0.0.1") && !is_secure("203.0.113.9"));
    }
}
