//! Host and path to room: which gate, if any, a request stands at.
//!
//! Guarantees:
//! - the longest matching path wins, then a named host over `*`, then the order of the configuration
//! - paths match whole segments only, so `/tickets` covers `/tickets/1` and `/tickets;v=1` but not `/ticketsale`
//!
//! Protected prefixes match generously, in every reading that a shop may make of a path. Upper and lower case count as
//! the same where the room says so. Exempt ones exactly, and only where there is one reading: in doubt a request is
//! held at the gate. A host that nobody named reaches no page that the same shop protects for a named one.

use fairgate_draw::log::LogPath;

use super::entry_script::EntryScript;
use super::fan_call::FanCall;
use super::path::Target;
use super::prefix::Reading;
use super::tell_script::TellScript;
use super::well_known;

/// What a room protects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRoutes {
    /// The room's name, as in `/.fairgate/{room}/`.
    pub name: String,
    /// Canonical hosts; `*` is every host.
    pub hosts: Vec<String>,
    /// Decoded path prefixes that need a pass.
    pub paths: Vec<String>,
    /// Decoded path prefixes under them that do not.
    pub exempt: Vec<String>,
    /// Well-known files that need no pass either ([`well_known`]).
    pub well_known: Vec<String>,
    /// True if the shop takes `/Tickets` for `/tickets`.
    pub case_insensitive: bool,
    /// Whose pages they are: rooms with the same shop have the same.
    pub shop: String,
}

/// Where a request is going. Rooms are given by their position in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A fan's call to a room.
    Fan {
        /// The room.
        room: usize,
        /// The call.
        call: FanCall,
    },
    /// The public keys.
    Jwks,
    /// The JSON Schema of a draw's record.
    RecordSchema,
    /// The JSON Schema of the record of a draw with tiers.
    TierRecordSchema,
    /// A script by which fans show who they are.
    EntryScript(EntryScript),
    /// A script that tells fans of their turn.
    TellScript(TellScript),
    /// A file of the draw log, whatever the host.
    Log(LogPath),
    /// The sessions of a room that ended early, for programs that judge passes; whatever the host.
    Ended {
        /// Index into the table's rooms.
        room: usize,
    },
    /// A page of the shop that needs a pass.
    Protected {
        /// The room.
        room: usize,
    },
    /// A page of the shop that needs none; `room` is whose shop it is.
    Open {
        /// The room.
        room: usize,
    },
    /// Under the gate's own prefix, but nothing is there.
    NoSuchCall,
    /// No room knows this host.
    UnknownHost,
}

impl Route {
    /// The room that a request is about, as an index into the table's rooms.
    #[inline]
    #[must_use]
    pub fn room(self) -> Option<usize> {
        match self {
            Self::Fan { room, .. } | Self::Ended { room } | Self::Protected { room } | Self::Open { room } => {
                Some(room)
            }
            Self::Jwks
            | Self::RecordSchema
            | Self::TierRecordSchema
            | Self::EntryScript(_)
            | Self::TellScript(_)
            | Self::Log(_)
            | Self::NoSuchCall
            | Self::UnknownHost => None,
        }
    }
}

/// All rooms of an edge.
#[derive(Clone, Debug)]
pub struct RouteTable {
    prefix: String,
    rooms: Vec<RoomRoutes>,
    /// Where the draw log is served, with a slash behind it. Its name fixes that, wherever the fans' calls live.
    log: Option<String>,
}

impl RouteTable {
    /// A table of rooms. `prefix` is where the fans' calls live, as `/.fairgate`.
    #[must_use]
    pub fn new(prefix: &str, rooms: Vec<RoomRoutes>) -> Self {
        Self { prefix: prefix.trim_end_matches('/').to_owned(), rooms, log: None }
    }

    /// The same table with a draw log at a path, as `/.fairgate/draw.log`.
    #[must_use]
    pub fn with_log(mut self, path: &str) -> Self {
        self.log = Some(format!("{path}/"));
        self
    }

    /// The rooms, in order.
    #[inline]
    #[must_use]
    pub fn rooms(&self) -> &[RoomRoutes] {
        &self.rooms
    }

    /// Where a request for a canonical host is going.
    #[must_use]
    pub fn route(&self, host: &str, target: &Target<'_>) -> Route {
        let path = target.decoded_path();
        if target.doubts().is_empty() {
            return self.route_plain(host, path);
        }
        let readings = || target.doubts().iter().map(|doubt| Reading::Names(doubt));
        let is_ours = |reading: Reading<'_>| {
            let is_log = self.log.as_deref().is_some_and(|log| reading.is_under(log, false));
            is_log || reading.is_under(&self.prefix, false)
        };
        if readings().any(is_ours) {
            return Route::NoSuchCall;
        }
        match readings().find_map(|reading| self.protecting(host, reading)) {
            Some(room) => Route::Protected { room },
            None => self.beside(host, readings),
        }
    }

    /// The same for a path that has one reading.
    #[must_use]
    pub fn route_plain(&self, host: &str, path: &str) -> Route {
        if let Some(file) = self.log.as_deref().and_then(|log| path.strip_prefix(log)) {
            return LogPath::parse(file).map_or(Route::NoSuchCall, Route::Log);
        }
        if let Some(rest) = path.strip_prefix(&*self.prefix)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return self.fan_route(host, rest);
        }
        match self.protecting(host, Reading::Path(path)) {
            Some(room) if self.rooms[room].is_exempt(path) => Route::Open { room },
            Some(room) => Route::Protected { room },
            None => self.beside(host, || std::iter::once(Reading::Path(path))),
        }
    }

    /// A page beside the protected ones belongs to the shop of the first room that knows the host.
    fn beside<'p, R: Iterator<Item = Reading<'p>>>(&self, host: &str, readings: impl Fn() -> R) -> Route {
        let named = self.rooms.iter().position(|room| room.hosts.iter().any(|known| known == host));
        if let Some(room) = named {
            return Route::Open { room };
        }
        let Some(room) = self.rooms.iter().position(|room| room.knows(host)) else { return Route::UnknownHost };
        // The shop may well answer a host of the client's invention with the page that another host's room protects.
        let is_anothers = |other: &RoomRoutes| {
            let holds = |reading: Reading<'_>| {
                other.covered(reading).is_some() && !matches!(reading, Reading::Path(path) if other.is_exempt(path))
            };
            other.shop == self.rooms[room].shop && !other.knows(host) && readings().any(holds)
        };
        if self.rooms.iter().any(is_anothers) { Route::UnknownHost } else { Route::Open { room } }
    }

    fn fan_route(&self, host: &str, rest: &str) -> Route {
        match rest {
            "/jwks.json" => return Route::Jwks,
            "/draw-record.schema.json" => return Route::RecordSchema,
            "/draw-record-v2.schema.json" => return Route::TierRecordSchema,
            _ => {}
        }
        if let Some(script) = EntryScript::of(rest) {
            return Route::EntryScript(script);
        }
        if let Some(script) = TellScript::of(rest) {
            return Route::TellScript(script);
        }
        if let Some(name) = rest.strip_prefix("/ended/").and_then(|file| file.strip_suffix(".json")) {
            let room = self.rooms.iter().position(|room| room.name == name);
            return room.map_or(Route::NoSuchCall, |room| Route::Ended { room });
        }
        let mut parts = rest.trim_start_matches('/').splitn(2, '/');
        let (Some(name), Some(call)) = (parts.next(), parts.next()) else { return Route::NoSuchCall };
        let room = self.rooms.iter().position(|room| room.name == name && room.knows(host));
        match (room, FanCall::of(call)) {
            (Some(room), Some(call)) => Route::Fan { room, call },
            _ => Route::NoSuchCall,
        }
    }

    fn protecting(&self, host: &str, reading: Reading<'_>) -> Option<usize> {
        let mut best: Option<((usize, bool), usize)> = None;
        for (index, room) in self.rooms.iter().enumerate() {
            let Some(named) = room.hosts.iter().filter(|known| covers(known, host)).map(|known| known != "*").max()
            else {
                continue;
            };
            if let Some(longest) = room.covered(reading)
                && best.is_none_or(|(rank, _)| (longest, named) > rank)
            {
                best = Some(((longest, named), index));
            }
        }
        best.map(|(_, index)| index)
    }
}

impl RoomRoutes {
    fn knows(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| covers(known, host))
    }

    /// How long the longest of its paths is that a path lies under.
    fn covered(&self, reading: Reading<'_>) -> Option<usize> {
        let is_over = |prefix: &&String| reading.is_under(prefix, self.case_insensitive);
        self.paths.iter().filter(is_over).map(String::len).max()
    }

    fn is_exempt(&self, path: &str) -> bool {
        self.exempt.iter().any(|prefix| is_exempt_by(prefix, path)) || well_known::is_one_of(&self.well_known, path)
    }
}

fn covers(known: &str, host: &str) -> bool {
    known == "*" || known == host
}

fn is_exempt_by(prefix: &str, path: &str) -> bool {
    let stem = prefix.trim_end_matches('/');
    path.strip_prefix(stem).is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && !prefix.ends_with('/')))
}

#[cfg(test)]
mod tests;
