//! Makes rooms of their configurations, when the edge starts and while it runs.
//!
//! Guarantee: a room is made whole before any request comes to it, or not at all.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::EdgeError;
use crate::config::{Config, Host, RoomConfig};
use crate::edge::context::{EdgeParts, Served};
use crate::edge::draw_log::live::LiveLog;
use crate::edge::entry::setup::DeskSetup;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::workers::RoomWorkers;
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::edge::upstream::handle::Upstream;
use fairgate_core::request::route::{RoomRoutes, RouteTable};
use fairgate_telemetry::clock::Clock;
use fairgate_token::KeySet;

/// What the rooms of an edge have in common.
pub(crate) struct RoomMaker {
    prefix: String,
    /// Where lists of codes are.
    codes: PathBuf,
    /// The store's directory on this edge's disk.
    store: PathBuf,
    /// With the address of each: two names of one address are one shop.
    shops: Vec<(String, Arc<Upstream>)>,
    pub(super) log: Option<Arc<LiveLog>>,
}

/// A room of which all that may fail or take time is done.
pub(crate) struct PreparedRoom {
    live: LiveRoom,
    workers: RoomWorkers,
    desk: Option<DeskSetup>,
}

impl RoomMaker {
    pub(super) fn new(config: &Config, upstreams: Vec<Arc<Upstream>>, log: Option<Arc<LiveLog>>) -> Self {
        let address = |upstream: &Arc<Upstream>| {
            let named = config.upstream(upstream.name());
            named.map_or_else(String::new, |shop| format!("{}:{}", shop.host, shop.port))
        };
        Self {
            prefix: config.edge.prefix.clone(),
            codes: config.edge.codes.clone(),
            store: config.store.path.clone(),
            shops: upstreams.into_iter().map(|upstream| (address(&upstream), upstream)).collect(),
            log,
        }
    }

    /// The shops that rooms may stand in front of.
    pub(super) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.shops.iter().map(|(_, upstream)| upstream)
    }

    /// Builds what fans see of a room, and looks up what it needs. This takes a while: pages are compressed.
    ///
    /// # Errors
    /// What is missing, or cannot be used.
    pub(crate) fn prepare(&self, room: &RoomConfig) -> Result<PreparedRoom, EdgeError> {
        let upstream = self.upstreams().find(|upstream| upstream.name() == room.upstream);
        let missing = || EdgeError::NoUpstream { room: room.name.clone(), upstream: room.upstream.clone() };
        let upstream = upstream.map(Arc::clone).ok_or_else(missing)?;
        let (live, workers) = LiveRoom::build(room, &self.prefix, upstream, self.log.clone(), &self.store)?;
        let desk = DeskSetup::resolve(room, &self.prefix, &self.codes)?;
        Ok(PreparedRoom { live, workers, desk })
    }

    /// The rooms with the routes to them, in this order.
    pub(crate) fn serve(&self, rooms: Vec<Arc<LiveRoom>>) -> Served {
        let routes = RouteTable::new(&self.prefix, rooms.iter().map(|room| self.routes(&room.config)).collect());
        let routes = match &self.log {
            Some(log) => routes.with_log(&log.path()),
            None => routes,
        };
        Served { routes, rooms }
    }

    fn routes(&self, room: &RoomConfig) -> RoomRoutes {
        let host = |host: &Host| match host {
            Host::Any => "*".to_owned(),
            Host::Name(name) => name.clone(),
        };
        let shop = self.shops.iter().find(|(_, upstream)| upstream.name() == room.upstream);
        RoomRoutes {
            shop: shop.map_or_else(String::new, |(address, _)| address.clone()),
            well_known: room.well_known.clone(),
            case_insensitive: room.case_insensitive,
            name: room.name.clone(),
            hosts: room.hosts.iter().map(host).collect(),
            paths: room.paths.clone(),
            exempt: room.exempt.clone(),
        }
    }
}

impl PreparedRoom {
    /// The room, and what keeps it going.
    pub(crate) fn open(
        self,
        keys: &KeySet,
        parts: &EdgeParts,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Arc<LiveRoom>, Heartbeat), EdgeError> {
        let Self { mut live, workers, desk } = self;
        live.entry = desk.map(|setup| setup.open(parts.metrics.entry(), clock.now_ms())).transpose()?;
        let unusable = live.entry.as_ref().map(|desk| desk.look_for_codes(keys)).unwrap_or_default();
        unusable.iter().for_each(|error| tracing::error!("codes do not count yet: {error}"));
        let live = Arc::new(live);
        let ticker = Heartbeat::new(Arc::clone(&live), workers, parts, Arc::clone(clock))?;
        Ok((live, ticker))
    }
}
