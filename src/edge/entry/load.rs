//! How much work is asked: of the crowd, by how busy the store is, and of a network, by what it has entered.
//!
//! Guarantees:
//! - memory is fixed, whatever comes
//! - no address is kept: networks are counted by tags of the draw
//! - a network is compared with the crowd's own mean, so a hall full of people raises the mean with it
//! - a join makes no call for it: what came is told to the store once a second, and the answer is the fleet's
//!
//! Networks with few entries at this edge are told as a number only. From its fourth entry on a network is told by its tag.
//! Blocks of networks (/24, /48) and networks that a table names are told likewise, beside the addresses. The mean of the
//! blocks is not told: all entries by the blocks that this edge has seen, so it is never too low.
//!
//! Arrivals as if by a clock are each edge's own observation.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fairgate_entry::book::{Heat, NETWORKS_AT_ONCE, Seen, Told};
use fairgate_entry::heat::{NetworkTag, Prefix, Rhythms, Scale, Sketch};
use fairgate_entry::keys::Key;
use fairgate_entry::score::Crowding;
use fairgate_entry::work::effort::{CrowdEffort, EffortRules};

const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;
/// Codes that are none, an hour of one network, that people mistype.
const GUESSES_USUAL: u32 = 10;
/// Codes that are none, a minute of the whole room, that are guessed.
const GUESSES_A_MINUTE: u32 = 1_000;
/// Refusals an hour of one network whose references are kept.
const REFUSALS_KEPT: u16 = 60;
/// Entries of one network at this edge from which on it is told by its tag.
const TOLD_FROM: u16 = 4;
/// The kind of tag of networks that the table names.
const NAMED: &str = "network";
/// Networks that wait to be told. Entries of others are counted when there is room.
const WAITING_MAX: usize = 1 << 16;

/// Networks that are remembered to have come as if by a clock.
const REGULAR_MAX: usize = 1 << 12;

/// What is known of the crowd and of its networks.
pub(crate) struct Load {
    rules: EffortRules,
    networks: Key,
    columns: u32,
    now: Mutex<Now>,
}

/// How many entries a network has made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Crowd {
    /// In the whole draw, beside the crowd's mean.
    pub(crate) draw: Crowding,
    /// In the last 60 minutes.
    pub(crate) hour: u32,
}

struct Now {
    crowd: CrowdEffort,
    /// The draw that is counted.
    draw: [u8; 32],
    /// What the fleet has counted, as far as this edge knows.
    heat: Heat,
    /// What this edge has counted.
    own: Sketch,
    /// Entries that are to be told, and those that are being told.
    waiting: HashMap<NetworkTag, u16>,
    under_way: HashMap<NetworkTag, u16>,
    joins: u32,
    light: i32,
    /// Blocks and named networks that this edge has seen: only how many there are is asked.
    blocks: Sketch,
    named: Sketch,
    rhythms: Rhythms,
    /// Networks whose entries came as if by a clock.
    regular: HashSet<NetworkTag>,
    hour: u64,
    /// Codes that were shown and are none, of this hour.
    guesses: Sketch,
    /// Refusals of this hour.
    refusals: Sketch,
    /// The minute, and how many codes were none in it.
    guessed: (u64, u32),
}

impl Load {
    /// Nothing has happened yet, in a draw of about so many entries. `networks` makes the tags.
    pub(crate) fn new(rules: EffortRules, networks: Key, expected: u64, now_ms: u64) -> Self {
        let columns = Heat::columns_for(expected);
        let now = Now {
            crowd: CrowdEffort::new(&rules, now_ms),
            draw: [0; 32],
            heat: Heat::new(columns),
            own: Sketch::with_columns(columns as usize),
            waiting: HashMap::new(),
            under_way: HashMap::new(),
            joins: 0,
            light: 0,
            blocks: Sketch::new(0),
            named: Sketch::new(0),
            rhythms: Rhythms::default(),
            regular: HashSet::new(),
            hour: now_ms / HOUR_MS,
            guesses: Sketch::new(0),
            refusals: Sketch::new(0),
            guessed: (0, 0),
        };
        Self { rules, networks, columns, now: Mutex::new(now) }
    }

    /// Moves the crowd's effort; to be called a few times a second.
    pub(crate) fn step(&self, is_overloaded: bool, now_ms: u64) {
        self.now().crowd.step(&self.rules, is_overloaded, now_ms);
    }

    /// Tables that are asked of everybody.
    pub(crate) fn crowd(&self) -> u32 {
        self.now().crowd.tables()
    }

    /// What a network has entered beside the crowd's mean.
    pub(crate) fn crowding(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> Crowd {
        self.crowding_of(draw, &self.tag(draw, address), now_ms)
    }

    /// The same for whatever a tag stands for.
    pub(crate) fn crowding_of(&self, draw: &[u8; 32], tag: &NetworkTag, now_ms: u64) -> Crowd {
        let now = self.now();
        if now.draw != *draw {
            return Crowd { draw: Crowding { entries: 0, mean: 1.0 }, hour: 0 };
        }
        let (sums, untold) = (now.heat.sums(tag, hour_of(now_ms)), now.untold(tag));
        let left_ms = HOUR_MS - now_ms % HOUR_MS;
        let before = u64::from(sums.before) * left_ms / HOUR_MS;
        // All are below 2¹⁶.
        let hour = u32::from(sums.hour) + before as u32 + untold;
        Crowd { draw: Crowding { entries: u32::from(sums.draw) + untold, mean: now.heat.mean() }, hour }
    }

    /// A network has shown a code that is none. Answers whether the room has just seen so many in a minute that somebody is
    /// guessing.
    pub(crate) fn note_guess(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> bool {
        let tag = self.tag(draw, address);
        let mut now = self.now();
        now.turn(now_ms);
        now.guesses.add(&tag, 1);
        let minute = now_ms / MINUTE_MS;
        let before = if now.guessed.0 == minute { now.guessed.1 } else { 0 };
        now.guessed = (minute, before + 1);
        before + 1 == GUESSES_A_MINUTE
    }

    /// Tables that a network solves on top: one for each code too many that was none.
    pub(crate) fn for_guesses(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> u32 {
        let tag = self.tag(draw, address);
        let mut now = self.now();
        now.turn(now_ms);
        u32::from(now.guesses.count(&tag)).saturating_sub(GUESSES_USUAL)
    }

    /// A network was refused. Answers true if the reference is to be kept: a script must not push out those of others.
    pub(crate) fn note_refusal(&self, draw: &[u8; 32], address: IpAddr, now_ms: u64) -> bool {
        let tag = self.tag(draw, address);
        let mut now = self.now();
        now.turn(now_ms);
        now.refusals.add(&tag, 1) <= REFUSALS_KEPT
    }

    /// Tables that are asked of a network.
    pub(crate) fn asked(&self, crowd: Crowd) -> u32 {
        // A mean of entries is far below 2³².
        let mean = crowd.draw.mean.clamp(0.0, f64::from(u32::MAX)) as u32;
        self.rules.of_network(self.crowd(), crowd.hour, mean)
    }

    /// Entries an hour of one network that cost no more than the crowd's.
    pub(crate) fn free(&self) -> u32 {
        self.rules.free
    }

    /// What the block around an address has entered beside the mean of the blocks.
    pub(crate) fn crowding_of_block(&self, draw: &[u8; 32], tag: &NetworkTag, now_ms: u64) -> Crowding {
        let entries = self.crowding_of(draw, tag, now_ms).draw.entries;
        let now = self.now();
        Crowding { entries, mean: now.mean_of(&now.blocks) }
    }

    /// What a network that the table names has entered beside the mean of those networks.
    pub(crate) fn crowding_of_named(&self, draw: &[u8; 32], name: &str, now_ms: u64) -> Crowding {
        let entries = self.crowding_of(draw, &self.other_tag(draw, NAMED, name), now_ms).draw.entries;
        let now = self.now();
        Crowding { entries, mean: now.mean_of(&now.named) }
    }

    /// True if entries of the network came as if by a clock.
    pub(crate) fn is_regular(&self, draw: &[u8; 32], tag: &NetworkTag) -> bool {
        let now = self.now();
        now.draw == *draw && now.regular.contains(tag)
    }

    /// A network has entered; the table may name what it belongs to.
    pub(crate) fn count(&self, draw: &[u8; 32], address: IpAddr, named: Option<&str>, now_ms: u64) {
        let (tag, block) = (self.tag(draw, address), self.block_tag(draw, address));
        let named = named.map(|name| self.other_tag(draw, NAMED, name));
        let mut now = self.now();
        now.begin(draw, self.columns);
        now.joins = now.joins.saturating_add(1);
        match now.add(tag) {
            1 => now.light += 1,
            TOLD_FROM => now.light -= 1,
            _ => {}
        }
        now.add(block);
        now.blocks.add(&block, 1);
        if let Some(named) = named {
            now.add(named);
            now.named.add(&named, 1);
        }
        if now.rhythms.note(tag, now_ms) && now.regular.len() < REGULAR_MAX {
            now.regular.insert(tag);
        }
    }

    /// Counts something else than a network, which the mean has nothing to do with.
    pub(crate) fn count_other(&self, draw: &[u8; 32], tag: NetworkTag) {
        let mut now = self.now();
        now.begin(draw, self.columns);
        now.add(tag);
    }

    /// What stands for a network in a draw.
    pub(crate) fn tag(&self, draw: &[u8; 32], address: IpAddr) -> NetworkTag {
        NetworkTag::of(&self.networks, draw, &Prefix::of(address, Scale::Address))
    }

    /// What stands for something else in a draw, such as a mail domain.
    pub(crate) fn other_tag(&self, draw: &[u8; 32], kind: &str, name: &str) -> NetworkTag {
        NetworkTag::of_name(&self.networks, draw, kind, name)
    }

    /// Begins to count a draw, where another one was counted last, or none.
    pub(crate) fn begin(&self, draw: &[u8; 32]) {
        self.now().begin(draw, self.columns);
    }

    /// Puts into a telling what came since the last one that was answered.
    pub(crate) fn tell(&self, told: &mut Told, now_ms: u64) {
        let mut now = self.now();
        let next: Vec<NetworkTag> = now.waiting.keys().take(NETWORKS_AT_ONCE).copied().collect();
        told.networks = next.into_iter().filter_map(|tag| now.waiting.remove_entry(&tag)).collect();
        now.under_way = told.networks.iter().copied().collect();
        (told.joins, told.light) = (std::mem::take(&mut now.joins), std::mem::take(&mut now.light));
        (told.hour, told.columns) = (hour_of(now_ms), self.columns);
    }

    /// Takes in what a telling was answered.
    pub(crate) fn seen(&self, told: &Told, seen: &Seen) {
        let mut now = self.now();
        now.under_way.clear();
        if seen.is_forgotten {
            return;
        }
        for ((tag, _), sums) in told.networks.iter().zip(&seen.sums) {
            now.heat.raise(tag, *sums, told.hour);
        }
        now.heat.set_totals(seen.joins, seen.light, seen.used);
    }

    /// Forgets every network of the draw.
    pub(crate) fn forget(&self) {
        let mut now = self.now();
        let draw = std::mem::take(&mut now.draw);
        now.begin(&draw, self.columns);
        (now.guesses, now.refusals) = (Sketch::new(0), Sketch::new(0));
    }

    /// Takes over what the fleet has counted.
    pub(crate) fn take(&self, draw: &[u8; 32], heat: Option<Heat>) {
        let mut now = self.now();
        if now.draw == *draw
            && let Some(heat) = heat
        {
            now.heat = heat;
        }
    }

    /// The tag of the block of networks around an address: /24, or /48.
    pub(crate) fn block_tag(&self, draw: &[u8; 32], address: IpAddr) -> NetworkTag {
        NetworkTag::of(&self.networks, draw, &Prefix::of(address, Scale::Block))
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hour_of(now_ms: u64) -> u32 {
    u32::try_from(now_ms / HOUR_MS).unwrap_or(u32::MAX)
}

impl Now {
    /// Begins to count a draw, where it is another one.
    fn begin(&mut self, draw: &[u8; 32], columns: u32) {
        if self.draw != *draw {
            self.draw = *draw;
            (self.heat, self.own) = (Heat::new(columns), Sketch::with_columns(columns as usize));
            (self.joins, self.light) = (0, 0);
            (self.blocks, self.named) = (Sketch::new(0), Sketch::new(0));
            (self.rhythms, self.regular) = (Rhythms::default(), HashSet::new());
            self.waiting.clear();
            self.under_way.clear();
        }
    }

    /// Counts an entry; answers how many this edge has seen of the tag.
    fn add(&mut self, tag: NetworkTag) -> u16 {
        let before = self.own.count(&tag);
        let count = self.own.add(&tag, 1);
        let more = match count {
            _ if before >= TOLD_FROM => 1,
            TOLD_FROM.. => count,
            _ => 0,
        };
        if more > 0 && (self.waiting.len() < WAITING_MAX || self.waiting.contains_key(&tag)) {
            let waiting = self.waiting.entry(tag).or_default();
            *waiting = waiting.saturating_add(more);
        }
        count
    }

    /// Entries that the fleet does not know of.
    fn untold(&self, tag: &NetworkTag) -> u32 {
        let own = self.own.count(tag);
        if own < TOLD_FROM {
            return own.into();
        }
        let of = |map: &HashMap<NetworkTag, u16>| u32::from(map.get(tag).copied().unwrap_or(0));
        of(&self.waiting) + of(&self.under_way)
    }

    /// All entries by the networks that this edge has seen in a sketch. Others have seen more, so this is not below the mean.
    fn mean_of(&self, seen: &Sketch) -> f64 {
        let entries = self.heat.joins() + u64::from(self.joins);
        (entries as f64 / seen.networks().max(1.0)).max(1.0)
    }

    /// Begins another hour where one is over. A clock that was set back stays in its hour.
    fn turn(&mut self, now_ms: u64) {
        let hour = now_ms / HOUR_MS;
        if hour > self.hour {
            (self.guesses, self.refusals) = (Sketch::new(0), Sketch::new(0));
            self.hour = hour;
        }
    }
}

#[cfg(test)]
mod tests;
