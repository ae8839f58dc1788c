//! Everything that a seed decides beforehand: the sale, the crowd, and what breaks when.
//!
//! What breaks keeps to what `docs/operations/redis-loss.md` promises. No more than one machine burns down with its
//! disk. Between two looks of an edge fewer numbers are given out than are left out after a loss. No outage is as long
//! as a session may be idle.

use std::fmt;

use fairgate_core::room::{GAP, Late, Mode, Policy, SalePlan};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fault::Fault;
use super::network::Weather;
use super::people;

/// Paper time begins here.
pub(crate) const BEGIN_MS: u64 = 1_800_000_000_000;
pub(crate) const ROOM: &str = "the-final";
const SECOND_MS: u64 = 1_000;
/// Fans who come in a second: an edge that was away for the longest time has missed fewer numbers than the gap has.
const FANS_A_SECOND: u64 = 25;
/// The longest that an edge is away from the store.
const AWAY_MS_MAX: u64 = 12_000;
/// The longest that the store itself is, beyond a grace.
const SILENCE_MS_MAX: u64 = 20_000;

/// A sale and its misfortunes.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) edges: usize,
    pub(crate) fans: usize,
    pub(crate) plan: SalePlan,
    /// How far the store's clock and each edge's are off from the beginning, ms.
    pub(crate) clocks_off_ms: Vec<i64>,
    pub(crate) faults: Vec<(u64, Fault)>,
    /// From then on nothing is broken.
    pub(crate) heals_at_ms: u64,
    /// A session inside, on average.
    pub(crate) session_ms: u64,
    /// True if places move to second devices.
    pub(crate) moves: bool,
}

impl Scenario {
    /// The scenario of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let fans = crowd(&mut random);
        let edges = random.random_range(2..=4);
        let plan = plan(fans as u64, &mut random);
        let session_ms = random.random_range(5..30) * SECOND_MS;
        let clocks_off_ms = (0..=edges).map(|_| random.random_range(-2_000..=2_000)).collect();
        let serving_ms = fans as u64 * 60_000 / u64::from(plan.policy.rate_per_minute);
        let last_ms = plan.starts_at_ms + plan.policy.witness_ms + serving_ms / 2;
        let mut faults = faults(&plan, last_ms, edges, &mut random);
        faults.extend(more_faults(seed, &plan, last_ms, edges));
        faults.extend(hours(seed, &plan, last_ms, edges));
        faults.sort_by_key(|(at_ms, _)| *at_ms);
        let heals_at_ms =
            faults.iter().map(|(at_ms, fault)| at_ms + fault.for_ms()).max().unwrap_or(last_ms).max(last_ms);
        Self { seed, edges, fans, plan, clocks_off_ms, faults, heals_at_ms, session_ms, moves: false }
    }

    /// The same in a room with tiers and identities. All that the seed decides besides stays as it was, but for a roster that is
    /// taken away: with tiers there are several.
    pub(crate) fn with_tiers(seed: u64) -> Self {
        let mut scenario = Self::of(seed);
        scenario.plan.rules = Some(Box::new(people::rules(seed)));
        scenario.faults.retain(|(_, fault)| *fault != Fault::Evict);
        scenario
    }

    /// The same, with places that move to second devices.
    pub(crate) fn with_moves(seed: u64) -> Self {
        Self { moves: true, ..Self::with_tiers(seed) }
    }

    /// By then everybody who stays has to be inside. The time is half as much again as the rate allows for all places,
    /// those left out after losses included, room inside permitting. To it come a grace for those who stayed away, and
    /// one for each room full of places that were left out. Five of those are called for one that is expected. What
    /// clocks may stand still for comes on top.
    pub(crate) fn drains_by_ms(&self) -> u64 {
        let policy = &self.plan.policy;
        let losses = self.faults.iter().filter(|(_, fault)| fault.may_leave_gap()).count() as u64;
        // Each tier leaves out as many.
        let gap = GAP * self.plan.rules.as_ref().map_or(1, |rules| rules.tiers.len() as u64);
        let by_rate_ms = (self.fans as u64 + losses * gap) * 60_000 / u64::from(policy.rate_per_minute);
        let by_room_ms = self.fans as u64 * self.session_ms / policy.max_active;
        self.heals_at_ms
            + by_rate_ms.max(by_room_ms) * 3 / 2
            + (1 + losses * gap.div_ceil(4 * policy.max_active)) * policy.grace_ms
            + 180 * SECOND_MS
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &self.plan.policy;
        let s = |ms: u64| ms / SECOND_MS;
        write!(
            f,
            "seed {}: {} fans, {} edges; the pool opens at {} s and closes at {} s; {} a minute, burst {}, {} inside at most, \
             grace {} s, late comers: {:?}; healed at {} s, drained by {} s",
            self.seed,
            self.fans,
            self.edges,
            s(self.plan.opens_at_ms - BEGIN_MS),
            s(self.plan.starts_at_ms - BEGIN_MS),
            policy.rate_per_minute,
            policy.burst,
            policy.max_active,
            s(policy.grace_ms),
            policy.late,
            s(self.heals_at_ms - BEGIN_MS),
            s(self.drains_by_ms() - BEGIN_MS),
        )
    }
}

fn crowd(random: &mut ChaCha8Rng) -> usize {
    match random.random_range(0..10) {
        0 => random.random_range(800..2_500),
        1..4 => random.random_range(300..800),
        _ => random.random_range(60..300),
    }
}

fn plan(fans: u64, random: &mut ChaCha8Rng) -> SalePlan {
    let opens_at_ms = BEGIN_MS + random.random_range(4..8) * SECOND_MS;
    let pool_ms = (fans * SECOND_MS / FANS_A_SECOND).max(20 * SECOND_MS) + random.random_range(0..10) * SECOND_MS;
    let rate_per_minute = u32::try_from(fans * 60 / random.random_range(40..90)).unwrap_or(u32::MAX).max(120);
    let room_for_s = random.random_range(20..90);
    SalePlan {
        room: ROOM.to_owned(),
        opens_at_ms,
        starts_at_ms: opens_at_ms + pool_ms,
        ends_at_ms: None,
        secret: random.random(),
        beacon: None,
        config_version: 0,
        policy: Policy {
            rate_per_minute,
            burst: random.random_range(1..=rate_per_minute.div_ceil(20)),
            max_active: (u64::from(rate_per_minute) * room_for_s / 60).max(5),
            grace_ms: random.random_range(75..200) * SECOND_MS,
            session_idle_ms: random.random_range(300..420) * SECOND_MS,
            session_max_ms: 1_800 * SECOND_MS,
            witness_ms: random.random_range(2..5) * SECOND_MS,
            late: if random.random() { Late::Tail } else { Late::Honour },
            mode: Mode::Fixed,
            target_ms: 500,
            floor_per_minute: 1,
        },
        rules: None,
    }
}

fn faults(plan: &SalePlan, last_ms: u64, edges: usize, random: &mut ChaCha8Rng) -> Vec<(u64, Fault)> {
    let count = random.random_range(2..12);
    let mut faults: Vec<(u64, Fault)> = Vec::new();
    let mut burns = random.random_range(0..4) == 0;
    for _ in 0..count {
        let at_ms = moment(plan, last_ms, random);
        let fault = fault(edges, plan.policy.grace_ms, &mut burns, random);
        // Misfortunes seldom come alone.
        if fault.is_loss() && random.random_range(0..3) == 0 {
            let edge = random.random_range(0..edges);
            let sooner_ms = random.random_range(0..1_500);
            faults.push((at_ms.saturating_sub(sooner_ms), Fault::Kill { edge, for_ms: short(random) }));
        }
        faults.push((at_ms, fault));
    }
    faults.sort_by_key(|(at_ms, _)| *at_ms);
    faults
}

/// What also breaks in one seed of five, by a chance of its own, so that all others play as they always did.
fn more_faults(seed: u64, plan: &SalePlan, last_ms: u64, edges: usize) -> Vec<(u64, Fault)> {
    let mut random = stream(seed, 7);
    let count = if seed % 5 == 2 { random.random_range(1..4) } else { 0 };
    let more = |_| {
        let at_ms = moment(plan, last_ms, &mut random);
        let edge = random.random_range(0..edges);
        let fault = match random.random_range(0..6) {
            0 | 1 => Fault::StartAgain { for_ms: random.random_range(0..3_000) },
            2 => Fault::Tear { edge, for_ms: random.random_range(50..3_000) },
            3 => Fault::Rot { edge, at: random.random_range(0..1 << 20) },
            4 => Fault::Evict,
            _ => {
                Fault::TwoMasters { copy_age_ms: random.random_range(0..500), for_ms: random.random_range(500..4_000) }
            }
        };
        (at_ms, fault)
    };
    (0..count).map(more).collect()
}

/// In another seed of five clocks are set to another hour, for a moment or for long. Meanwhile an edge may be started
/// again, or the store be replaced by a copy on such a machine.
fn hours(seed: u64, plan: &SalePlan, last_ms: u64, edges: usize) -> Vec<(u64, Fault)> {
    let mut random = stream(seed, 8);
    let count = if seed % 5 == 3 { random.random_range(1..4) } else { 0 };
    let mut faults = Vec::new();
    for _ in 0..count {
        let at_ms = moment(plan, last_ms, &mut random);
        let (edge, by_ms) = (random.random_range(0..edges), hours_off(&mut random));
        let for_ms = if random.random() { random.random_range(200..3_000) } else { random.random_range(3_000..60_000) };
        faults.push((
            at_ms,
            match random.random_range(0..5) {
                0 | 1 => Fault::StoreHours { by_ms, for_ms },
                2 => Fault::FailOver { copy_age_ms: random.random_range(0..2_000), for_ms: 500, clock_off_ms: by_ms },
                _ => Fault::EdgeHours { edge, by_ms, for_ms },
            },
        ));
        if random.random_range(0..3) == 0 {
            let edge = random.random_range(0..edges);
            faults.push((at_ms + random.random_range(0..for_ms), Fault::Kill { edge, for_ms: short(&mut random) }));
        }
    }
    faults
}

/// One to five hours either way.
fn hours_off(random: &mut ChaCha8Rng) -> i64 {
    let by_ms = random.random_range(3_600_000..18_000_000);
    if random.random() { by_ms } else { -by_ms }
}

/// Any time, and the moments around the opening, the start and the draw more often than others.
fn moment(plan: &SalePlan, last_ms: u64, random: &mut ChaCha8Rng) -> u64 {
    let around = |at_ms: u64, random: &mut ChaCha8Rng| at_ms - 1_500 + random.random_range(0..3_500);
    match random.random_range(0..8) {
        0 => around(plan.opens_at_ms, random),
        1 => around(plan.starts_at_ms, random),
        2 => around(plan.starts_at_ms + plan.policy.witness_ms, random),
        // Every edge has seen the room by then.
        _ => random.random_range(BEGIN_MS + 2_500..last_ms),
    }
}

fn short(random: &mut ChaCha8Rng) -> u64 {
    match random.random_range(0..3) {
        0 => random.random_range(50..500),
        1 => random.random_range(500..3_000),
        _ => random.random_range(3_000..AWAY_MS_MAX),
    }
}

fn fault(edges: usize, grace_ms: u64, burns: &mut bool, random: &mut ChaCha8Rng) -> Fault {
    let edge = random.random_range(0..edges);
    let for_ms = short(random);
    match random.random_range(0..16) {
        0 if std::mem::take(burns) => Fault::Burn { edge, for_ms },
        0..3 => Fault::Kill { edge, for_ms },
        3 => Fault::Way { edge, there: Weather::CUT, back: Weather::CUT, for_ms },
        4 => Fault::Way { edge, there: Weather::FINE, back: Weather::CUT, for_ms },
        5 | 6 => Fault::Way { edge, there: Weather::STORM, back: Weather::STORM, for_ms },
        7 => Fault::Abroad { weather: Weather::STORM, for_ms },
        8 => Fault::Wipe,
        9 => Fault::Empty { for_ms: random.random_range(0..3_000) },
        10 | 11 => Fault::FailOver {
            copy_age_ms: random.random_range(0..2_000),
            for_ms: random.random_range(0..3_000),
            clock_off_ms: skew(random),
        },
        12 => Fault::FailOver {
            copy_age_ms: random.random_range(2_000..30_000),
            for_ms: random.random_range(0..3_000),
            clock_off_ms: skew(random),
        },
        13 => Fault::Silence { for_ms: silence(for_ms, grace_ms, random) },
        14 => Fault::StoreClock { by_ms: skew(random) },
        _ => Fault::EdgeClock { edge, by_ms: skew(random) },
    }
}

/// Short, or longer than any edge is cut off alone, or about as long as a grace.
fn silence(short_ms: u64, grace_ms: u64, random: &mut ChaCha8Rng) -> u64 {
    match random.random_range(0..3) {
        0 => short_ms,
        1 => random.random_range(0..SILENCE_MS_MAX),
        _ => grace_ms + random.random_range(0..SILENCE_MS_MAX),
    }
}

/// A minute either way at most, often less.
fn skew(random: &mut ChaCha8Rng) -> i64 {
    let most: i64 = if random.random() { 60_000 } else { 2_000 };
    random.random_range(-most..=most)
}

/// A stream of chance of its own for each purpose, so that one does not shift the others.
pub(crate) fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(purpose + 1);
    let _ = random.next_u64();
    random
}
