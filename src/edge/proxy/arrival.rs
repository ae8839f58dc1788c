//! A request as the gate judges it: one host, one target, one client, one route.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use pingora::proxy::Session;

use crate::edge::context::{Edge, Served};
use crate::edge::http::client::{Client, Peer, client};
use crate::edge::http::problem::Problem;
use crate::edge::http::request::authority;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::request::host::canonical_host;
use fairgate_core::request::path::Target;
use fairgate_core::request::route::Route;

/// A request that has been read and understood.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The rooms that the route is among.
    served: Arc<Served>,
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
        let header = session.req_header();
        if header.method == Method::TRACE {
            return Err(Problem::Method { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" });
        }
        let authority = authority(&header.uri, &header.headers);
        let arrival = Self::judge(edge, peer(session), &header.headers, authority, header.raw_path())?;
        let header = session.req_header_mut();
        header.set_uri(arrival.target.clone().into());
        // The authority went with the old target, and the shop is to have the one that was judged.
        if !header.headers.contains_key(HOST) {
            header.insert_header(HOST, &*arrival.authority).map_err(|_| Problem::Internal)?;
        }
        Ok(arrival)
    }

    /// Judges a request by what was sent of it.
    pub(crate) fn judge(
        edge: &Edge,
        peer: Peer,
        headers: &HeaderMap,
        authority: &str,
        target: &[u8],
    ) -> Result<Self, Problem> {
        let client = client(peer, headers, &edge.trusted_proxies);
        let host = canonical_host(authority)?;
        let target = Target::parse(target)?;
        let served = edge.served();
        let route = served.routes.route(&host, &target);
        let target: PathAndQuery = target.as_str().parse().map_err(|_| Problem::Internal)?;
        Ok(Self { served, route, client, target, authority: authority.to_owned() })
    }

    /// A room by its number in the route.
    pub(crate) fn room(&self, room: usize) -> &Arc<LiveRoom> {
        &self.served.rooms[room]
    }
}

fn peer(session: &Session) -> Peer {
    let address = session.client_addr().and_then(|address| address.as_inet()).map(SocketAddr::ip);
    let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    Peer::new(address, tls)
}
