//! Host and path to room: which gate, if any, a request stands at.
//!
//! Guarantees: the longest matching path wins, then a named host over `*`, then the order of the configuration; paths
//! match whole segments only, so `/tickets` covers `/tickets/1` and `/tickets;v=1` but not `/ticketsale`. Protected
//! prefixes match generously, exempt ones exactly: in doubt a request is held at the gate.

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
}

/// The calls that fans make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanCall {
    /// How the room stands.
    Status,
    /// Enter the pool or the line.
    Join,
    /// Be let in.
    Claim,
    /// Give the place up.
    Leave,
    /// The draw's record.
    Draw,
    /// The roster's bytes.
    Roster,
    /// The list of claims.
    Claims,
    /// Hand in the round of public randomness.
    Beacon,
    /// One entry's inclusion proof.
    Proof(u64),
    /// The page that checks the draw.
    Check,
}

impl FanCall {
    /// The methods it answers, as in `Allow`.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Join | Self::Claim | Self::Leave | Self::Beacon => "POST, OPTIONS",
            Self::Status | Self::Draw | Self::Roster | Self::Claims | Self::Proof(_) | Self::Check => {
                "GET, HEAD, OPTIONS"
            }
        }
    }
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

/// All rooms of an edge.
#[derive(Clone, Debug)]
pub struct RouteTable {
    prefix: String,
    rooms: Vec<RoomRoutes>,
}

impl RouteTable {
    /// A table of rooms. `prefix` is where the fans' calls live, as `/.fairgate`.
    #[must_use]
    pub fn new(prefix: &str, rooms: Vec<RoomRoutes>) -> Self {
        Self { prefix: prefix.trim_end_matches('/').to_owned(), rooms }
    }

    /// The rooms, in order.
    #[must_use]
    pub fn rooms(&self) -> &[RoomRoutes] {
        &self.rooms
    }

    /// Where a request for a canonical host and decoded path is going.
    #[must_use]
    pub fn route(&self, host: &str, decoded_path: &str) -> Route {
        if let Some(rest) = decoded_path.strip_prefix(&*self.prefix)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return self.fan_route(host, rest);
        }
        if let Some(room) = self.protecting(host, decoded_path) {
            let exempt = self.rooms[room].exempt.iter().any(|prefix| is_exempt_by(prefix, decoded_path));
            return if exempt { Route::Open { room } } else { Route::Protected { room } };
        }
        // A page beside the protected ones belongs to the shop of the first room that knows the host.
        let named = self.rooms.iter().position(|room| room.hosts.iter().any(|known| known == host));
        named
            .or_else(|| self.rooms.iter().position(|room| room.knows(host)))
            .map_or(Route::UnknownHost, |room| Route::Open { room })
    }

    fn fan_route(&self, host: &str, rest: &str) -> Route {
        match rest {
            "/jwks.json" => return Route::Jwks,
            "/draw-record.schema.json" => return Route::RecordSchema,
            _ => {}
        }
        let mut parts = rest.trim_start_matches('/').splitn(2, '/');
        let (Some(name), Some(call)) = (parts.next(), parts.next()) else { return Route::NoSuchCall };
        let room = self.rooms.iter().position(|room| room.name == name && room.knows(host));
        match (room, fan_call(call)) {
            (Some(room), Some(call)) => Route::Fan { room, call },
            _ => Route::NoSuchCall,
        }
    }

    fn protecting(&self, host: &str, path: &str) -> Option<usize> {
        let mut best: Option<((usize, bool), usize)> = None;
        for (index, room) in self.rooms.iter().enumerate() {
            let Some(named) = room.hosts.iter().filter(|known| covers(known, host)).map(|known| known != "*").max()
            else {
                continue;
            };
            let longest = room.paths.iter().filter(|prefix| is_under(prefix, path)).map(|prefix| prefix.len()).max();
            if let Some(longest) = longest
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
}

fn covers(known: &str, host: &str) -> bool {
    known == "*" || known == host
}

/// Whole segments; `;parameters` do not make another segment, since many shops drop them.
pub(crate) fn is_under(prefix: &str, path: &str) -> bool {
    let stem = prefix.trim_end_matches('/');
    path.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ';']))
}

fn is_exempt_by(prefix: &str, path: &str) -> bool {
    let stem = prefix.trim_end_matches('/');
    path.strip_prefix(stem).is_some_and(|rest| {
        let under = rest.starts_with('/') || (rest.is_empty() && !prefix.ends_with('/'));
        under && !path.contains(';')
    })
}

fn fan_call(call: &str) -> Option<FanCall> {
    Some(match call {
        "status" => FanCall::Status,
        "join" => FanCall::Join,
        "claim" => FanCall::Claim,
        "leave" => FanCall::Leave,
        "draw" => FanCall::Draw,
        "draw/roster" => FanCall::Roster,
        "draw/claims" => FanCall::Claims,
        "draw/beacon" => FanCall::Beacon,
        "check" => FanCall::Check,
        proof => {
            let index = proof.strip_prefix("draw/proof/")?;
            let plain = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            FanCall::Proof(plain.then(|| index.parse().ok()).flatten()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str, hosts: &[&str], paths: &[&str], exempt: &[&str]) -> RoomRoutes {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        RoomRoutes { name: name.to_owned(), hosts: owned(hosts), paths: owned(paths), exempt: owned(exempt) }
    }

    fn table() -> RouteTable {
        RouteTable::new(
            "/.fairgate",
            vec![
                room("all", &["*"], &["/tickets"], &["/tickets/img/", "/tickets/robots.txt"]),
                room("final", &["shop.example"], &["/tickets/final"], &[]),
                room("cup", &["cup.example"], &["/"], &["/assets"]),
                room("named", &["shop.example"], &["/tickets"], &[]),
            ],
        )
    }

    #[test]
    fn finds_the_room() {
        let table = table();
        let protected = |room| Route::Protected { room };
        let open = |room| Route::Open { room };
        for (host, path, route) in [
            ("other", "/tickets", protected(0)),
            ("other", "/tickets/", protected(0)),
            ("other", "/tickets;v=1", protected(0)),
            ("other", "/tickets/1/2", protected(0)),
            ("other", "/ticketsale", open(0)),
            ("other", "/", open(0)),
            ("other", "/tickets/img/a.png", open(0)),
            ("other", "/tickets/img", protected(0)),
            ("other", "/tickets/img;a/b", protected(0)),
            ("other", "/tickets/img/a;b", protected(0)),
            ("other", "/tickets/imgs/a", protected(0)),
            ("other", "/tickets/robots.txt", open(0)),
            ("shop.example", "/tickets/final/1", protected(1)),
            ("shop.example", "/tickets/finale", protected(3)),
            ("shop.example", "/about", open(1)),
            ("cup.example", "/", protected(2)),
            ("cup.example", "/tickets/1", protected(0)),
            ("cup.example", "/assets/x", open(2)),
            ("cup.example", "/assets", open(2)),
            ("cup.example", "/assetsx", protected(2)),
        ] {
            assert_eq!(table.route(host, path), route, "{host}{path}");
        }
    }

    #[test]
    fn finds_the_calls_of_fans() {
        let table = table();
        let fan = |room, call| Route::Fan { room, call };
        for (host, path, route) in [
            ("x", "/.fairgate/all/status", fan(0, FanCall::Status)),
            ("x", "/.fairgate/all/join", fan(0, FanCall::Join)),
            ("x", "/.fairgate/all/claim", fan(0, FanCall::Claim)),
            ("x", "/.fairgate/all/leave", fan(0, FanCall::Leave)),
            ("x", "/.fairgate/all/draw", fan(0, FanCall::Draw)),
            ("x", "/.fairgate/all/draw/roster", fan(0, FanCall::Roster)),
            ("x", "/.fairgate/all/check", fan(0, FanCall::Check)),
            ("x", "/.fairgate/all/draw/claims", fan(0, FanCall::Claims)),
            ("x", "/.fairgate/all/draw/beacon", fan(0, FanCall::Beacon)),
            ("x", "/.fairgate/all/draw/proof/12", fan(0, FanCall::Proof(12))),
            ("x", "/.fairgate/jwks.json", Route::Jwks),
            ("x", "/.fairgate/draw-record.schema.json", Route::RecordSchema),
            ("x", "/.fairgate/all/draw/proof/+12", Route::NoSuchCall),
            ("x", "/.fairgate/all/draw/proof/", Route::NoSuchCall),
            ("x", "/.fairgate/all/draw/proof/99999999999999999999", Route::NoSuchCall),
            ("x", "/.fairgate/all/status/", Route::NoSuchCall),
            ("x", "/.fairgate/final/status", Route::NoSuchCall),
            ("shop.example", "/.fairgate/final/status", fan(1, FanCall::Status)),
            ("x", "/.fairgate", Route::NoSuchCall),
            ("x", "/.fairgate/", Route::NoSuchCall),
            ("x", "/.fairgates", Route::Open { room: 0 }),
        ] {
            assert_eq!(table.route(host, path), route, "{host}{path}");
        }
    }

    #[test]
    fn an_unknown_host_is_nobodys() {
        let table = RouteTable::new("/.fairgate", vec![room("cup", &["cup.example"], &["/"], &[])]);
        assert_eq!(table.route("evil.example", "/"), Route::UnknownHost);
        assert_eq!(table.route("evil.example", "/.fairgate/cup/status"), Route::NoSuchCall);
    }
}
