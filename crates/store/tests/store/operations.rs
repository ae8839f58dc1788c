//! Operations over a small world, so that retries, races and refusals happen all the time, and what each one asks of a room.

use std::ops::Range;

use fairgate_core::room::{
    Arrival, Claimant, CodeUse, Command, Control, Entry, Holder, Move, Policy, Replaced, Rules, SalePlan, Spot,
    Steering, TierClaimant, TierRoots, TierView, View,
};
use fairgate_draw::BeaconSignature;
use fairgate_draw::v2::{Method, Methods, NO_TAG, Tag, Tier, Tiers};

/// The room that every history is about.
pub(crate) const ROOM: &str = "arena";
/// When histories begin.
pub(crate) const START_MS: u64 = 1_000_000;
pub(crate) const MINUTE_MS: u64 = 60_000;

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
