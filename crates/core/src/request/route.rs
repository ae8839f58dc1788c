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

use super::entry_call::EntryCall;
use super::path::Target;
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
    /// Prove the key of a bound pass, and get another.
    Renew,
    /// Let the browser keep a bound pass alive by itself, with a key of its device.
    Device,
    /// The browser does so.
    DeviceRefresh,
    /// Offer the place to another device; or the page on which another device takes it.
    Move,
    /// Take a place that is offered.
    MoveAccept,
    /// Let the device have it that has accepted.
    MoveConfirm,
    /// The draw's record.
    Draw,
    /// The roster's bytes.
    Roster,
    /// The list of claims.
    Claims,
    /// What the draw has asked of its fans, in numbers.
    Counts,
    /// Hand in the round of public randomness.
    Beacon,
    /// One entry's inclusion proof.
    Proof(u64),
    /// The bytes of a tier's roster.
    TierRoster(u8),
    /// The bytes of a tier's tags.
    TierTags(u8),
    /// The inclusion proofs of one entry of a tier, and of its tag: the tier, and the index in its roster.
    TierProof(u8, u64),
    /// The proof that the draw log has a statement of the draw.
    LogProof(LogStatement),
    /// The page that checks the draw.
    Check,
    /// The script that checks the round's signature for that page.
    RoundScript,
    /// The script that reads the draw log's proof of a freeze for the waiting page.
    SeenScript,
    /// The script that keeps a bound pass alive in the shop's pages.
    KeepScript,
    /// The draws of the room, those of sales that are over included.
    Draws,
    /// What is published of a draw, by the digest of its descriptor.
    Past([u8; 32], PastFile),
    /// The public keys, beside those draws.
    PastKeys,
    /// Show who one is.
    Entry(EntryCall),
}

/// What is published of a draw that is named by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastFile {
    /// Its record.
    Record,
    /// The roster's bytes.
    Roster,
    /// The list of claims.
    Claims,
    /// The bytes of a tier's roster.
    TierRoster(u8),
    /// The bytes of a tier's tags.
    TierTags(u8),
    /// What it has asked of its fans, in numbers.
    Counts,
    /// The proof that the draw log has a statement of it.
    LogProof(LogStatement),
}

impl PastFile {
    /// The same of the room's present draw.
    #[must_use]
    pub fn of_present(self) -> FanCall {
        match self {
            Self::Record => FanCall::Draw,
            Self::Roster => FanCall::Roster,
            Self::Claims => FanCall::Claims,
            Self::TierRoster(tier) => FanCall::TierRoster(tier),
            Self::TierTags(tier) => FanCall::TierTags(tier),
            Self::Counts => FanCall::Counts,
            Self::LogProof(statement) => FanCall::LogProof(statement),
        }
    }

    fn of(call: FanCall) -> Option<Self> {
        Some(match call {
            FanCall::Draw => Self::Record,
            FanCall::Roster => Self::Roster,
            FanCall::Claims => Self::Claims,
            FanCall::TierRoster(tier) => Self::TierRoster(tier),
            FanCall::TierTags(tier) => Self::TierTags(tier),
            FanCall::Counts => Self::Counts,
            FanCall::LogProof(statement) => Self::LogProof(statement),
            _ => return None,
        })
    }
}

/// A script of the entry's page, the same for every room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryScript {
    /// Solves the puzzle, in a worker.
    Birthday,
    /// The screen before the join, with its words in a language.
    Language(LanguageTag),
    /// What is filled in or pressed there.
    Forms,
    /// What binds a place to the browser.
    Key,
    /// What offers the place to another device.
    Move,
}

/// A language's tag as a script's address has it: 2 to 11 letters and hyphens (BCP 47), lower and upper case told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanguageTag {
    bytes: [u8; 11],
    length: usize,
}

impl LanguageTag {
    /// Reads a tag; `None` where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_tag = text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let mut bytes = [0; 11];
        bytes.get_mut(..text.len()).filter(|_| is_tag && text.len() >= 2)?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() })
    }

    /// The tag.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// A statement of a draw in the draw log, which a proof is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStatement {
    /// Its descriptor.
    Draw,
    /// Its freeze.
    Freeze,
    /// Its end.
    Reveal,
}

impl FanCall {
    /// The methods it answers, as in `Allow`.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Join
            | Self::Claim
            | Self::Leave
            | Self::Renew
            | Self::Device
            | Self::DeviceRefresh
            | Self::Beacon => "POST, OPTIONS",
            Self::MoveAccept | Self::MoveConfirm => "POST, OPTIONS",
            Self::Move => "GET, HEAD, POST, OPTIONS",
            Self::Status
            | Self::Draw
            | Self::Roster
            | Self::Claims
            | Self::Counts
            | Self::Proof(_)
            | Self::TierRoster(_)
            | Self::TierTags(_)
            | Self::TierProof(..)
            | Self::LogProof(_)
            | Self::Check
            | Self::RoundScript
            | Self::SeenScript
            | Self::Draws
            | Self::Past(..)
            | Self::PastKeys
            | Self::KeepScript => "GET, HEAD, OPTIONS",
            Self::Entry(call) => call.allow(),
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
    /// The JSON Schema of the record of a draw with tiers.
    TierRecordSchema,
    /// A script by which fans show who they are.
    EntryScript(EntryScript),
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
        if let Some(script) = entry_script(rest) {
            return Route::EntryScript(script);
        }
        if let Some(name) = rest.strip_prefix("/ended/").and_then(|file| file.strip_suffix(".json")) {
            let room = self.rooms.iter().position(|room| room.name == name);
            return room.map_or(Route::NoSuchCall, |room| Route::Ended { room });
        }
        let mut parts = rest.trim_start_matches('/').splitn(2, '/');
        let (Some(name), Some(call)) = (parts.next(), parts.next()) else { return Route::NoSuchCall };
        let room = self.rooms.iter().position(|room| room.name == name && room.knows(host));
        match (room, fan_call(call)) {
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

/// What a shop may make of a path.
#[derive(Clone, Copy, Debug)]
enum Reading<'p> {
    /// The path.
    Path(&'p str),
    /// Names, any of which it may drop.
    Names(&'p str),
}

impl Reading<'_> {
    fn is_under(self, prefix: &str, case_insensitive: bool) -> bool {
        match self {
            Self::Path(path) => lies_under(prefix, path, case_insensitive),
            Self::Names(names) => are_among(prefix, names, case_insensitive),
        }
    }
}

/// True if the names of a prefix are among others, in their order.
fn are_among(prefix: &str, names: &str, case_insensitive: bool) -> bool {
    let mut names = names.split('/');
    let mut wanted = prefix.split(['/', ':']).filter(|name| !name.is_empty());
    wanted.all(|wanted| names.any(|name| is_segment(wanted, name, case_insensitive)))
}

/// True if a path lies under a prefix, in whole segments, as a shop may see it.
#[must_use]
pub fn is_under(prefix: &str, path: &str) -> bool {
    lies_under(prefix, path, false)
}

fn lies_under(prefix: &str, path: &str, case_insensitive: bool) -> bool {
    let mut segments = path.split('/');
    let mut wanted = prefix.trim_end_matches('/').split('/');
    wanted.all(|wanted| segments.next().is_some_and(|segment| is_segment(wanted, segment, case_insensitive)))
}

/// True if a shop may take one segment for another.
///
/// Many shops drop `;parameters`. Some take what was an escaped `?` or `#` for the end of the path. Windows drops dots
/// and spaces at the end, and what follows a colon.
fn is_segment(wanted: &str, segment: &str, case_insensitive: bool) -> bool {
    let bare = |text: &'_ str| text.trim_end_matches(['.', ' ']).len();
    let wanted = &wanted[..bare(wanted)];
    let ends = [segment.len(), segment.find([';', '?', '#']).unwrap_or(segment.len())];
    let ends = ends.into_iter().chain(segment.find(':'));
    ends.map(|end| &segment[..end]).any(|name| same(wanted, &name[..bare(name)], case_insensitive))
}

fn same(a: &str, b: &str, case_insensitive: bool) -> bool {
    let lower = |text: &'_ str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    match case_insensitive {
        false => a == b,
        true if a.is_ascii() && b.is_ascii() => a.eq_ignore_ascii_case(b),
        true => lower(a) == lower(b),
    }
}

fn is_exempt_by(prefix: &str, path: &str) -> bool {
    let stem = prefix.trim_end_matches('/');
    path.strip_prefix(stem).is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && !prefix.ends_with('/')))
}

fn fan_call(call: &str) -> Option<FanCall> {
    if let Some(entry) = call.strip_prefix("entry/") {
        return EntryCall::of(entry).map(FanCall::Entry);
    }
    if let Some((digest, of_draw)) = call.strip_prefix("draws/").and_then(|past| past.split_once('/')) {
        // Nothing else has a draw's name in its address.
        let of_draw = Some(of_draw).filter(|of_draw| *of_draw == "draw" || of_draw.starts_with("draw/"))?;
        return Some(FanCall::Past(digest_of(digest)?, PastFile::of(fan_call(of_draw)?)?));
    }
    Some(match call {
        "status" => FanCall::Status,
        "join" => FanCall::Join,
        "claim" => FanCall::Claim,
        "leave" => FanCall::Leave,
        "renew" => FanCall::Renew,
        "dbsc" => FanCall::Device,
        "dbsc/refresh" => FanCall::DeviceRefresh,
        "move" => FanCall::Move,
        "move/accept" => FanCall::MoveAccept,
        "move/confirm" => FanCall::MoveConfirm,
        "draw" => FanCall::Draw,
        "draw/roster" => FanCall::Roster,
        "draw/claims" => FanCall::Claims,
        "draw/entry" => FanCall::Counts,
        "draw/beacon" => FanCall::Beacon,
        "draw/round.js" => FanCall::RoundScript,
        "draw/seen.js" => FanCall::SeenScript,
        "draw/draw.tlog-proof" => FanCall::LogProof(LogStatement::Draw),
        "draw/freeze.tlog-proof" => FanCall::LogProof(LogStatement::Freeze),
        "draw/reveal.tlog-proof" => FanCall::LogProof(LogStatement::Reveal),
        "check" => FanCall::Check,
        "keep.js" => FanCall::KeepScript,
        "draws" => FanCall::Draws,
        "draws/jwks.json" => FanCall::PastKeys,
        of_draw => numbered_call(of_draw.strip_prefix("draw/")?)?,
    })
}

/// A call that names a list of a tier, or an entry.
fn numbered_call(call: &str) -> Option<FanCall> {
    let (what, rest) = call.split_once('/')?;
    Some(match (what, rest.split_once('/')) {
        ("proof", None) => FanCall::Proof(number(rest)?),
        ("proof", Some((tier, index))) => FanCall::TierProof(number(tier)?, number(index)?),
        ("roster", None) => FanCall::TierRoster(number(rest)?),
        ("tags", None) => FanCall::TierTags(number(rest)?),
        _ => return None,
    })
}

/// A digest as 64 hex digits in lower case.
fn digest_of(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digest = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(digest)
}

/// A number in decimal digits.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn entry_script(rest: &str) -> Option<EntryScript> {
    let name = rest.strip_prefix("/entry/")?.strip_suffix(".js")?;
    Some(match name {
        "birthday" => EntryScript::Birthday,
        "forms" => EntryScript::Forms,
        "key" => EntryScript::Key,
        "move" => EntryScript::Move,
        tag => EntryScript::Language(LanguageTag::read(tag)?),
    })
}

#[cfg(test)]
mod tests;
