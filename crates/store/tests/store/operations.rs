//! Generated histories: operations over a small world, so that retries, races and refusals happen all the time.

use std::ops::Range;

use fairgate_core::room::{
    Arrival, Claimant, CodeUse, Command, Control, Entry, Holder, Late, Limit, Mode, Move, Policy, Ramp, Replaced,
    Rules, SILENCE_MS, SalePlan, Spot, Steering, TierClaimant, TierRoots, TierView, View,
};
use fairgate_draw::BeaconSignature;
use fairgate_draw::v2::{Method, Methods, NO_TAG, Tag, Tier, Tiers};
use proptest::prelude::*;

/// The room that every history is about.
pub(crate) const ROOM: &str = "arena";
/// When histories begin.
pub(crate) const START_MS: u64 = 1_000_000;
const MINUTE_MS: u64 = 60_000;

/// One step of a history. What depends on how the room stands is worked out when the step is taken.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Time passes.
    Wait(u64),
    /// The clock is set back; the room must not mind.
    SetBack(u64),
    /// A plan: which times, which policy, and of which version of the configuration.
    Schedule { times: u8, policy: Policy, version: u8 },
    /// Fans come.
    Enter(Vec<u8>),
    /// Two hundred fans come who are not among the others, one of many such crowds.
    Crowd(u16),
    /// Somebody publishes a root, of the right number of entries or not.
    Freeze { off_by: u8, root: u8 },
    /// Somebody wants the secret out.
    Reveal { beacon: bool },
    /// Fans want in: places counted back from the last one called.
    Claim(Vec<u8>),
    /// Fans want in: places counted from the first.
    ClaimFrom(Range<u64>),
    /// Sessions are used.
    Renew(Vec<u8>),
    /// Sessions end.
    Release(Vec<u8>),
    /// Fans give up.
    Leave(Vec<u8>),
    /// A look at the room.
    Tick,
    /// People change something.
    Control(Vec<Control>),
    /// People change something if nobody else did, knowing so many changes fewer than there were.
    ControlFrom { behind: u8, controls: Vec<Control> },
    /// An edge steers.
    Steer(Steering),
    /// The shop sells out, or gets something back.
    Stock(bool),
    /// A plan of a room with tiers: which times and policy, whether an identity is asked for, and how many tiers.
    ScheduleTiers { times: u8, policy: Policy, asks_identity: bool, tiers: u8 },
    /// Fans come into a room with tiers.
    Arrive(Vec<Comer>),
    /// Somebody publishes the roots of all tiers, of the right numbers of entries or not.
    FreezeTiers { off_by: u8, root: u8 },
    /// Fans of a room with tiers want in: places counted back from the last one called.
    ClaimTiers(Vec<u8>),
    /// Somebody holds a receipt for an index of a tier, so far beyond the last one that the room knows, or below it.
    LearnTier(u8, i64),
    /// Somebody holds a receipt for a number, so far beyond the last one that the room knows, or below it.
    Learn(i64),
    /// A position moves from one key to another, which it may do so often: counted back from the last place called.
    Move { back: u8, from: u8, to: u8, most: u8 },
    /// Fans want in, or use their sessions, each with a key that was proved (0: none).
    ByKey { wanted: Wanted, fans: Vec<(u8, u8)> },
}

/// What fans who have proved a key want.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Claim,
    ClaimTiers,
    Renew,
}

impl Op {
    /// The command of this step, for a room that stands like this; none for those that only move the clock.
    pub(crate) fn command(&self, view: Option<&View>) -> Option<Command> {
        let serving = view.map_or(0, |view| view.serving);
        let near = |backs: &[u8]| -> Vec<u64> {
            backs.iter().map(|back| (serving + 8).saturating_sub(u64::from(*back))).collect()
        };
        Some(match self {
            Self::Wait(_) | Self::SetBack(_) => return None,
            Self::Schedule { times, policy, version } => {
                Command::Schedule(SalePlan { config_version: (*version).into(), ..plan(*times, policy.clone()) })
            }
            Self::Enter(fans) => Command::Enter(fans.iter().map(|fan| entry(*fan)).collect()),
            Self::Crowd(crowd) => Command::Enter((crowd * 200..(crowd + 1) * 200).map(one_of_many).collect()),
            Self::Freeze { off_by, root } => {
                let entries = view.map_or(0, |view| view.pool_size) + u64::from(*off_by);
                Command::Freeze { entries, root: [*root; 32] }
            }
            Self::Reveal { beacon } => Command::Reveal { beacon: beacon.then_some(BeaconSignature([9; 48])) },
            Self::Claim(backs) => Command::Claim(near(backs).into_iter().map(claimant).collect()),
            Self::ClaimFrom(places) => Command::Claim(places.clone().map(claimant).collect()),
            Self::Renew(backs) => Command::Renew(near(backs)),
            Self::Release(backs) => Command::Release(near(backs)),
            Self::Leave(backs) => Command::Leave(near(backs)),
            Self::Tick => Command::Tick,
            Self::Control(controls) => Command::Control(controls.clone()),
            Self::ControlFrom { behind, controls } => {
                let known = view.map_or(0, |view| view.control_revision);
                let revision = known.saturating_sub(u64::from(*behind));
                Command::ControlFrom { revision, controls: controls.clone() }
            }
            Self::Steer(steering) => Command::Steer(*steering),
            Self::Stock(left) => Command::Stock { left: *left },
            Self::ScheduleTiers { times, policy, asks_identity, tiers } => {
                let rules = Some(Box::new(rules(*asks_identity, *tiers)));
                Command::Schedule(SalePlan { rules, ..plan(*times, policy.clone()) })
            }
            Self::Arrive(comers) => Command::Arrive(comers.iter().map(|comer| comer.arrival(view)).collect()),
            Self::FreezeTiers { off_by, root } => {
                let roots = |tier: &TierView| TierRoots {
                    entries: tier.entries + u64::from(*off_by),
                    root: [*root; 32],
                    tags_root: [1; 32],
                };
                Command::FreezeTiers(view.iter().flat_map(|view| &view.tiers).map(roots).collect())
            }
            Self::ClaimTiers(backs) => Command::ClaimTiers(near(backs).into_iter().map(tier_claimant).collect()),
            Self::LearnTier(tier, beyond) => {
                let known = view.and_then(|view| view.tiers.get(usize::from(*tier))).map_or(0, |tier| tier.entries);
                Command::LearnTier { tier: *tier, end: known.saturating_add_signed(*beyond), left_out: 7 }
            }
            Self::Learn(beyond) => {
                let end = view.map_or(0, |view| view.pool_size.max(view.line_size));
                Command::Learn { end: end.saturating_add_signed(*beyond), left_out: 30 }
            }
            Self::Move { back, from, to, most } => {
                let at = spot(near(&[*back])[0]);
                Command::Move(Move { at, from: [*from; 16], to: [*to; 16], most: *most })
            }
            Self::ByKey { wanted, fans } => {
                let (backs, keys): (Vec<u8>, Vec<u8>) = fans.iter().copied().unzip();
                let places = near(&backs);
                let holder = |(place, key): (&u64, u8)| (key > 0).then(|| Holder { at: spot(*place), key: [key; 16] });
                let holders = places.iter().zip(keys).map(holder).collect();
                let command = match wanted {
                    Wanted::Claim => Command::Claim(places.into_iter().map(claimant).collect()),
                    Wanted::ClaimTiers => Command::ClaimTiers(places.into_iter().map(tier_claimant).collect()),
                    Wanted::Renew => Command::Renew(places),
                };
                Command::ByKey { holders, command: Box::new(command) }
            }
        })
    }

    /// The time after this step.
    pub(crate) fn now_ms(&self, now_ms: u64) -> u64 {
        match self {
            Self::Wait(ms) => now_ms + ms,
            Self::SetBack(ms) => now_ms - ms,
            _ => now_ms,
        }
    }
}

/// A fan who comes into a room with tiers; few tags, so that they meet all the time.
#[derive(Clone, Debug)]
pub(crate) struct Comer {
    pub(crate) tier: u8,
    pub(crate) device: u8,
    /// Who it is; 0 is nobody, as in a room that asks for no identity.
    pub(crate) person: u8,
    /// Entries of a code with so many uses instead of the person's own; 0: none.
    pub(crate) several: u8,
    pub(crate) others: Vec<u8>,
    pub(crate) code: Option<(u8, u8)>,
    /// How many minutes ago the work was begun.
    pub(crate) work: Option<u8>,
    pub(crate) replaces: Option<(Spot, u64)>,
}

impl Comer {
    /// A person with one device and nothing else.
    pub(crate) fn plain(tier: u8, device: u8, person: u8) -> Self {
        Self { tier, device, person, several: 0, others: Vec::new(), code: None, work: None, replaces: None }
    }

    fn arrival(&self, view: Option<&View>) -> Arrival {
        // Those of a code are nobody's own.
        let of_code = (0..self.several).map(|number| 200 + number % 4);
        let people: Vec<u8> = if self.several > 0 { of_code.collect() } else { vec![self.person] };
        let minute = view.map_or(START_MS, |view| view.now_ms) / MINUTE_MS;
        let until_s = |ago: u8| u32::try_from((minute.saturating_sub(ago.into()) + 2) * 60).expect("an early time");
        let code = |(rank, uses)| CodeUse { campaign: "spring".to_owned(), rank, uses };
        Arrival {
            tier: self.tier,
            entries: people.iter().map(|person| (tier_entry(self.tier, self.device, *person), tag(*person))).collect(),
            several: self.several > 0,
            others: self.others.iter().map(|person| tag(*person)).collect(),
            code: self.code.map(|(rank, uses)| code((rank.into(), uses.max(1)))),
            until_s: self.work.map(until_s),
            replaces: self.replaces.map(|(at, place)| Replaced { at, place }),
        }
    }
}

/// The entry of a person who came into a tier with a device.
pub(crate) fn tier_entry(tier: u8, device: u8, person: u8) -> Entry {
    let mut entry = [device; 32];
    (entry[0], entry[1]) = (tier, person);
    entry
}

/// A person's tag. All stand in one place of an index, and many have one mark there.
pub(crate) fn tag(person: u8) -> Tag {
    let mut tag = [9; 16];
    (tag[4], tag[5]) = (person % 2, person);
    if person == 0 { NO_TAG } else { tag }
}

/// The rules of a room with so many tiers.
pub(crate) fn rules(asks_identity: bool, tiers: u8) -> Rules {
    let methods = if asks_identity { vec![Method::mail()] } else { Vec::new() };
    let tier = |tier: u8| Tier { band: tier, name: format!("tier-{tier}"), share: 1 };
    Rules {
        identity: Methods::new(methods).expect("they ascend"),
        tiers: Tiers::new((0..tiers).map(tier).collect()).expect("as the protocol has them"),
        retry: None,
        expected: 1_000,
    }
}

/// Whoever asks for a place in a room with tiers.
pub(crate) fn tier_claimant(place: u64) -> TierClaimant {
    let u = (!place.is_multiple_of(3)).then_some([place as u8; 16]);
    let entry = (!place.is_multiple_of(5)).then_some((place as u8 % 2, place + 1));
    TierClaimant { place, entry, u, tag: tag(place as u8) }
}

/// The position of a place: some came before the draw, and some after it.
fn spot(place: u64) -> Spot {
    match place % 3 {
        0 => Spot::Line { place },
        tier => Spot::Pool { tier: tier as u8 - 1, index: place },
    }
}

/// The entry of a fan.
pub(crate) fn entry(fan: u8) -> Entry {
    [fan; 32]
}

fn one_of_many(fan: u16) -> Entry {
    let mut entry = [0xff; 32];
    entry[..2].copy_from_slice(&fan.to_be_bytes());
    entry
}

/// Whoever asks for a place: some show what their entry was made of, and some came after the draw.
pub(crate) fn claimant(place: u64) -> Claimant {
    let nonce = (!place.is_multiple_of(3)).then_some([place as u8; 16]);
    Claimant { place, index: (!place.is_multiple_of(5)).then_some(place + 1), nonce }
}

/// One of a few plans: 0 and 1 open soon, 2 has no pool, 3 comes later than the others end.
pub(crate) fn plan(times: u8, policy: Policy) -> SalePlan {
    let (opens, starts, ends) = match times {
        0 => (1, 3, Some(40)),
        1 => (2, 3, None),
        2 => (2, 2, Some(30)),
        _ => (60, 61, Some(90)),
    };
    let at = |minutes: u64| START_MS + minutes * MINUTE_MS;
    SalePlan {
        room: ROOM.to_owned(),
        opens_at_ms: at(opens),
        starts_at_ms: at(starts),
        ends_at_ms: ends.map(at),
        beacon: None,
        secret: [times; 32],
        config_version: 0,
        policy,
        rules: None,
    }
}

/// A policy of small numbers, so that every limit is met.
pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let durations = (any_ms(30_000), any_ms(300_000), any_ms(600_000), 1_999..10_000_u64);
    let steered = (any_late(), any_mode(), 0..300_u32);
    (0..3_000_u32, 0..12_u32, 0..20_u64, durations, steered).prop_map(
        |(
            rate_per_minute,
            burst,
            max_active,
            (grace_ms, session_idle_ms, session_max_ms, witness_ms),
            (late, mode, floor_per_minute),
        )| Policy {
            rate_per_minute,
            burst,
            max_active,
            grace_ms,
            session_idle_ms,
            session_max_ms,
            witness_ms,
            late,
            mode,
            target_ms: 500,
            floor_per_minute,
        },
    )
}

/// Often round, so that several things are due at the same instant.
fn any_ms(max_ms: u64) -> impl Strategy<Value = u64> {
    prop_oneof![(0..max_ms / 5_000).prop_map(|round| round * 5_000), 0..max_ms]
}

/// A history that begins anywhere in a sale's life.
pub(crate) fn any_history(steps: usize) -> impl Strategy<Value = Vec<Op>> {
    let rest = prop::collection::vec(prop_oneof![14 => any_op().prop_map(|op| vec![op]), 1 => any_looks()], 0..steps);
    (any_beginning(), rest).prop_map(|(mut history, rest)| {
        history.extend(rest.into_iter().flatten());
        history
    })
}

/// A history in which the room is told now and then that numbers were given which it does not know.
pub(crate) fn any_history_with_receipts(steps: usize) -> impl Strategy<Value = Vec<Op>> {
    let receipts = prop::collection::vec((any::<prop::sample::Index>(), -3..40_i64), 0..3);
    (any_history(steps), receipts).prop_map(|(mut history, receipts)| {
        for (at, beyond) in receipts {
            history.insert(at.index(history.len() + 1), Op::Learn(beyond));
        }
        history
    })
}

/// A history of a room with tiers that begins anywhere in a sale's life.
pub(crate) fn any_tier_history(steps: usize) -> impl Strategy<Value = Vec<Op>> {
    let beginning = (0..6_usize, valid_policy(), any::<bool>(), 1..4_u8, any_comers(12));
    (beginning, prop::collection::vec(prop_oneof![14 => any_tier_op(), 1 => any_looks()], 0..steps)).prop_map(
        |((length, policy, asks_identity, tiers, comers), rest)| {
            let comers = comers.into_iter().map(|comer| if asks_identity { comer } else { anonymous(comer) });
            let all = vec![
                Op::ScheduleTiers { times: 0, policy: policy.clone(), asks_identity, tiers },
                Op::Wait(MINUTE_MS),
                Op::Arrive(comers.filter(|comer| comer.tier < tiers).collect()),
                Op::Wait(2 * MINUTE_MS),
                Op::FreezeTiers { off_by: 0, root: 0 },
                Op::Wait(policy.witness_ms),
                Op::Reveal { beacon: false },
            ];
            let length = if length >= 3 { all.len() } else { length };
            let rest = rest.into_iter().flatten().map(|op| match op {
                Op::Arrive(comers) if !asks_identity => Op::Arrive(comers.into_iter().map(anonymous).collect()),
                op => op,
            });
            all.into_iter().take(length).chain(rest).collect()
        },
    )
}

fn anonymous(comer: Comer) -> Comer {
    Comer { person: 0, several: 0, others: Vec::new(), replaces: None, ..comer }
}

fn any_comers(most: usize) -> impl Strategy<Value = Vec<Comer>> {
    prop::collection::vec(any_comer(), 0..most)
}

fn any_comer() -> impl Strategy<Value = Comer> {
    let spot = prop_oneof![
        (0..3_u8, 0..4_u64).prop_map(|(tier, index)| Spot::Pool { tier, index }),
        (0..16_u64).prop_map(|place| Spot::Line { place }),
    ];
    let lost = (spot, 0..12_u64).prop_map(|(at, place)| match at {
        // In the line a position is its place, mostly.
        Spot::Line { place: at } if at % 4 > 0 => (Spot::Line { place: at }, at),
        at => (at, place),
    });
    let person = prop_oneof![60 => 1..14_u8, 1 => Just(0)];
    let more = (
        prop_oneof![6 => Just(0), 1 => 1..5_u8],
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(1..16_u8, 1..3)],
        // A code has as many uses whoever shows it.
        prop::option::weighted(0.1, (0..2_u8).prop_map(|rank| (rank, rank + 1))),
        prop::option::weighted(0.3, 0..5_u8),
        prop::option::weighted(0.3, lost),
    );
    let tier = prop_oneof![30 => 0..2_u8, 10 => Just(2), 1 => Just(3)];
    (tier, 0..6_u8, person, more).prop_map(|(tier, device, person, (several, others, code, work, replaces))| Comer {
        tier,
        device,
        person,
        several,
        others,
        code,
        work,
        replaces,
    })
}

fn any_tier_op() -> impl Strategy<Value = Vec<Op>> {
    let backs = || prop::collection::vec(0..24_u8, 0..8);
    let op = prop_oneof![
        10 => any_comers(9).prop_map(Op::Arrive),
        4 => any_comer().prop_map(|comer| Op::Arrive(vec![comer])),
        3 => (0..2_000_u64).prop_map(Op::Wait),
        4 => any_ms(200_000).prop_map(Op::Wait),
        1 => (0..2_000_u64).prop_map(Op::SetBack),
        1 => (0..4_u8, valid_policy(), any::<bool>(), 1..4_u8).prop_map(|(times, policy, asks_identity, tiers)| {
            Op::ScheduleTiers { times, policy, asks_identity, tiers }
        }),
        1 => (0..4_u8, valid_policy()).prop_map(|(times, policy)| Op::Schedule { times, policy, version: 0 }),
        1 => Just(Op::Enter(vec![1, 2])),
        1 => Just(Op::Claim(vec![1, 2])),
        2 => (0..6_u8, 0..6_u8).prop_map(|(off_by, root)| Op::FreezeTiers { off_by: off_by / 5, root: root / 5 }),
        1 => Just(Op::Freeze { off_by: 0, root: 0 }),
        2 => (0..6_u8).prop_map(|beacon| Op::Reveal { beacon: beacon == 0 }),
        8 => backs().prop_map(Op::ClaimTiers),
        4 => Just(Op::ClaimTiers((0..24).collect())),
        1 => backs().prop_map(Op::Renew),
        1 => backs().prop_map(Op::Release),
        4 => backs().prop_map(Op::Leave),
        6 => any_keyed(Wanted::ClaimTiers),
        3 => Just(Op::Tick),
        1 => (0..4_u8, -3..40_i64).prop_map(|(tier, beyond)| Op::LearnTier(tier, beyond)),
        1 => (-3..40_i64).prop_map(Op::Learn),
    ];
    op.prop_map(|op| vec![op])
}

/// The beginning of a history that goes as planned, up to one of the phases.
fn any_beginning() -> impl Strategy<Value = Vec<Op>> {
    (0..6_usize, valid_policy(), prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(steps, policy, fans)| {
        let all = as_planned(&policy, fans);
        // Most histories are about serving, where the most can go wrong.
        let steps = if steps >= 3 { all.len() } else { steps };
        all.into_iter().take(steps).collect()
    })
}

/// A sale that goes as planned until people are let in.
pub(crate) fn as_planned(policy: &Policy, fans: Vec<u8>) -> Vec<Op> {
    vec![
        Op::Schedule { times: 0, policy: policy.clone(), version: 0 },
        Op::Wait(MINUTE_MS),
        Op::Enter(fans),
        Op::Wait(2 * MINUTE_MS),
        Op::Freeze { off_by: 0, root: 0 },
        Op::Wait(policy.witness_ms),
        Op::Reveal { beacon: false },
    ]
}

fn valid_policy() -> impl Strategy<Value = Policy> {
    any_policy().prop_map(|policy| Policy {
        rate_per_minute: policy.rate_per_minute.max(1),
        burst: policy.burst.max(1),
        max_active: policy.max_active.max(1),
        grace_ms: policy.grace_ms.max(1),
        session_idle_ms: policy.session_idle_ms.max(1),
        session_max_ms: policy.session_max_ms.max(1),
        witness_ms: policy.witness_ms.max(2_000),
        floor_per_minute: policy.floor_per_minute.max(1),
        ..policy
    })
}

fn any_op() -> impl Strategy<Value = Op> {
    let backs = || prop::collection::vec(0..24_u8, 0..8);
    prop_oneof![
        4 => (0..2_000_u64).prop_map(Op::Wait),
        4 => any_ms(200_000).prop_map(Op::Wait),
        1 => (0..2_000_u64).prop_map(Op::SetBack),
        2 => (0..4_u8, any_policy(), any_version())
            .prop_map(|(times, policy, version)| Op::Schedule { times, policy, version }),
        4 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Op::Enter),
        2 => (0..6_u8, 0..6_u8).prop_map(|(off_by, root)| Op::Freeze { off_by: off_by / 5, root: root / 5 }),
        2 => (0..6_u8).prop_map(|beacon| Op::Reveal { beacon: beacon == 0 }),
        8 => backs().prop_map(Op::Claim),
        6 => Just(Op::Claim((0..24).collect())),
        2 => backs().prop_map(Op::Renew),
        2 => backs().prop_map(Op::Release),
        2 => backs().prop_map(Op::Leave),
        5 => any_keyed(Wanted::Claim),
        3 => Just(Op::Tick),
        4 => prop::collection::vec(any_control(), 1..3).prop_map(Op::Control),
        2 => (0..2_u8, prop::collection::vec(any_control(), 1..3))
            .prop_map(|(behind, controls)| Op::ControlFrom { behind, controls }),
        3 => any_steering().prop_map(Op::Steer),
        1 => Just(Op::Stock(false)),
        2 => Just(Op::Stock(true)),
    ]
}

/// Positions move, and fans come with keys: few of each, so that they meet.
fn any_keyed(claims: Wanted) -> impl Strategy<Value = Op> {
    let fans = || prop::collection::vec((0..24_u8, 0..4_u8), 0..8);
    prop_oneof![
        3 => (0..24_u8, 1..4_u8, 1..4_u8, 0..4_u8)
            .prop_map(|(back, from, to, most)| Op::Move { back, from, to, most }),
        2 => fans().prop_map(move |fans| Op::ByKey { wanted: claims, fans }),
        1 => fans().prop_map(|fans| Op::ByKey { wanted: Wanted::Renew, fans }),
    ]
}

/// Time passes, and the room is never out of reach: graces run out.
fn any_looks() -> impl Strategy<Value = Vec<Op>> {
    (1..16_usize, 1..=SILENCE_MS)
        .prop_map(|(looks, apart_ms)| std::iter::repeat_n([Op::Wait(apart_ms), Op::Tick], looks).flatten().collect())
}

/// Most edges have the same configuration.
fn any_version() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2)]
}

fn any_late() -> impl Strategy<Value = Late> {
    prop_oneof![Just(Late::Tail), Just(Late::Honour)]
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Fixed), Just(Mode::Adaptive)]
}

fn any_steering() -> impl Strategy<Value = Steering> {
    let limit = prop_oneof![Just(Limit::Rate), Just(Limit::Latency), Just(Limit::QueueWait)];
    (0..3_u32, 0..3_000_u32, 0..20_u64, limit).prop_map(|(edge, rate_per_minute, max_active, limit)| Steering {
        edge,
        rate_per_minute,
        max_active,
        limit,
    })
}

fn any_ramp() -> impl Strategy<Value = Ramp> {
    (0..3_000_u32, 0..3_000_u32, any_ms(60_000)).prop_map(|(from_per_minute, to_per_minute, over_ms)| Ramp {
        from_per_minute,
        to_per_minute,
        over_ms,
    })
}

fn any_control() -> impl Strategy<Value = Control> {
    prop_oneof![
        2 => Just(Control::Pause),
        4 => Just(Control::Resume),
        2 => (0..3_000_u32).prop_map(Control::Rate),
        2 => any_ramp().prop_map(Control::Ramp),
        1 => (0..9_u64).prop_map(Control::LetIn),
        2 => any_mode().prop_map(Control::Mode),
        1 => (0..2_000_u64).prop_map(Control::TargetMs),
        1 => Just(Control::Drain),
        2 => (0..12_u32).prop_map(Control::Burst),
        2 => (0..20_u64).prop_map(Control::MaxActive),
        1 => prop::option::of("[a-z]{0,5}").prop_map(Control::Message),
        1 => Just(Control::SoldOut(true)),
        3 => Just(Control::SoldOut(false)),
        1 => prop::option::of(0..90_u64)
            .prop_map(|minutes| Control::EndsAt(minutes.map(|minutes| START_MS + minutes * MINUTE_MS))),
    ]
}
