//! By which way a request comes: on this machine, or by TLS through a proxy that is believed. Purely.
//!
//! Guarantee: nobody else is served, so no cookie of the console ever travels in the clear.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use ipnet::IpNet;

use fairgate_core::fields;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A way that may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The address of whoever asks, as far as it can be believed.
    pub(super) address: IpAddr,
    /// True if it came by TLS.
    pub(super) secure: bool,
}

/// The way of a request; none for one that may not be served.
pub(super) fn way(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<Way> {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let proto = fields::list(headers, &FORWARDED_PROTO).next_back();
    match proto {
        Some(proto) if is_trusted(peer) => {
            let secure = proto.eq_ignore_ascii_case(b"https");
            secure.then(|| Way { address: forwarded(peer, headers, is_trusted), secure })
        }
        // A proxy on this machine that is not believed speaks for others: they are not on this machine.
        Some(_) => None,
        None => peer.is_loopback().then_some(Way { address: peer, secure: false }),
    }
}

/// From the right: the first address that no proxy vouches for having sent itself.
fn forwarded(peer: IpAddr, headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let parse = |hop: &[u8]| str::from_utf8(hop).ok()?.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    let mut address = peer;
    for hop in fields::list(headers, &FORWARDED_FOR).rev() {
        let Some(hop) = parse(hop) else { return address };
        address = hop;
        if !is_trusted(address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(peer: &str, fields: &[(&'static str, &str)], trusted: &[&str]) -> Option<(String, bool)> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        way(peer.parse().unwrap(), &headers, &trusted).map(|way| (way.address.to_string(), way.secure))
    }

    #[test]
    fn this_machine_is_served_and_others_by_tls_alone() {
        let https = [("x-forwarded-proto", "https"), ("x-forwarded-for", "6.6.6.6, 192.0.2.9, 10.0.0.2")];
        assert_eq!(by("127.0.0.1", &[], &[]), Some(("127.0.0.1".into(), false)));
        assert_eq!(by("::ffff:127.0.0.1", &[], &[]), Some(("127.0.0.1".into(), false)));
        assert_eq!(by("192.0.2.9", &[], &["10.0.0.0/8"]), None, "in the clear");
        assert_eq!(by("192.0.2.9", &https, &["10.0.0.0/8"]), None, "no proxy of ours");
        assert_eq!(by("10.0.0.1", &https, &["10.0.0.0/8"]), Some(("192.0.2.9".into(), true)));
        assert_eq!(by("10.0.0.1", &[("x-forwarded-proto", "http")], &["10.0.0.0/8"]), None);
        assert_eq!(by("10.0.0.1", &[], &["10.0.0.0/8"]), None, "the proxy does not say by which way");
        assert_eq!(by("127.0.0.1", &https, &["127.0.0.0/8", "10.0.0.0/8"]), Some(("192.0.2.9".into(), true)));
        assert_eq!(by("127.0.0.1", &https, &[]), None, "a proxy on this machine that nobody has named");
    }
}
