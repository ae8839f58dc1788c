//! A request as the gate judges it: one host, one target, one client, one route.

use std::net::{IpAddr, Ipv4Addr};

use http::Method;
use http::uri::PathAndQuery;
use pingora::proxy::Session;

use super::client::{Client, client};
use super::fan::authority;
use super::problem::Problem;
use super::state::Edge;
use crate::arrive::host::canonical_host;
use crate::arrive::path::Target;
use crate::arrive::route::Route;

/// A request that has been read and understood.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) route: Route,
    pub(crate) client: Client,
    /// The canonical target: what is forwarded.
    pub(crate) target: PathAndQuery,
    /// `Host` or `:authority`, as sent.
    pub(crate) authority: String,
}

impl Arrival {
    /// Reads a request and puts its target into the one spelling that everything after this sees.
    pub(crate) fn read(edge: &Edge, session: &mut Session) -> Result<Self, Problem> {
        let client = client_of(edge, session);
        let header = session.req_header();
        if header.method == Method::TRACE {
            return Err(Problem::Method { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" });
        }
        let authority = authority(&header.uri, &header.headers).to_owned();
        let host = canonical_host(&authority)?;
        let target = Target::parse(header.raw_path())?;
        let route = edge.routes.route(&host, target.decoded_path());
        let target: PathAndQuery = target.as_str().parse().map_err(|_| Problem::Internal)?;
        let arrival = Self { route, client, target, authority: authority.clone() };
        session.req_header_mut().set_uri(arrival.target.clone().into());
        Ok(arrival)
    }
}

fn client_of(edge: &Edge, session: &Session) -> Client {
    let peer = session.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
    // Only Unix sockets have no address; there are no such listeners.
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    client(peer, tls, &session.req_header().headers, &edge.trusted_proxies)
}
