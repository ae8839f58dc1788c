//! What can be asked of a room, and what it answers.
//!
//! Every transition of a room is one [`Command`] applied atomically at one instant. The same command applied again (a
//! retry, another edge) gives the same answer and changes nothing twice.

use fairgate_draw::BeaconSignature;
use fairgate_draw::v2::Tag;
use serde::{Deserialize, Serialize};

use super::{Arrival, Arrived, BATCH_MAX, Holder, Mode, Move, MoveOutcome, Policy, Refusal, Rules};

/// No line is as long.
const NUMBER_MAX: u64 = 1_000_000_000;

/// A roster entry, as in the draw protocol: `H(DST("fairgate/v1/entry") ‖ D ‖ u ‖ tag)`.
pub type Entry = [u8; 32];

/// What holds the leak back at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// People paused the room.
    Paused,
    /// People let it run dry.
    Draining,
    /// Nothing is left.
    SoldOut,
    /// Everyone who came has been called.
    Demand,
    /// The organizer's rate.
    Rate,
    /// The organizer's limit of sessions.
    MaxActive,
    /// Requests wait too long in front of the shop, or in it.
    QueueWait,
    /// The shop answers too slowly.
    Latency,
    /// The shop answers with errors, or not at all.
    Errors,
    /// Nobody steers, or nobody can tell how the shop is: the floor holds.
    Silence,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Paused,
        Self::Draining,
        Self::SoldOut,
        Self::Demand,
        Self::Rate,
        Self::MaxActive,
        Self::QueueWait,
        Self::Latency,
        Self::Errors,
        Self::Silence,
    ];

    /// The phase's name, in metrics and answers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::SoldOut => "sold_out",
            Self::Demand => "demand",
            Self::Rate => "rate",
            Self::MaxActive => "max_active",
            Self::QueueWait => "queue_wait",
            Self::Latency => "latency",
            Self::Errors => "errors",
            Self::Silence => "silence",
        }
    }
}

/// What an edge that steers wants to be in force. It lowers what people set, and never raises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steering {
    /// The edge that steers; a number that it drew when it started.
    pub edge: u32,
    /// People admitted per minute; 0 holds everyone.
    pub rate_per_minute: u32,
    /// Sessions inside.
    pub max_active: u64,
    /// Why not more.
    pub limit: Limit,
}

/// A rate that moves from one value to another, a step every second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ramp {
    /// The rate at the start, people per minute.
    pub from_per_minute: u32,
    /// The rate from the end on, people per minute.
    pub to_per_minute: u32,
    /// How long it takes.
    pub over_ms: u64,
}

/// What fixes a draw: one plan, one descriptor, one draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalePlan {
    /// The room's name, as in the descriptor.
    pub room: String,
    /// When the pool opens, Unix ms.
    pub opens_at_ms: u64,
    /// When the pool freezes and the draw happens, Unix ms. Equal to `opens_at_ms` where there is no pool.
    pub starts_at_ms: u64,
    /// When the sale ends, Unix ms.
    pub ends_at_ms: Option<u64>,
    /// The public randomness that the draw waits for, if any.
    pub beacon: Option<BeaconPlan>,
    /// The committed secret; whoever applies the plan drew it from the system's RNG.
    pub secret: [u8; 32],
    /// Of which version of the configuration this is; a room follows no older one than it has followed.
    pub config_version: u64,
    /// How the room admits people at the start.
    pub policy: Policy,
    /// Tiers and identities, where the room has either: its draw is one of `fairgate/v2` then. Whoever writes a plan down does so
    /// beside it, since the first version had none.
    #[serde(skip)]
    pub rules: Option<Box<Rules>>,
}

/// A future round of drand's quicknet, and what happens if it does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconPlan {
    /// The round; published after the roster is frozen and witnessed.
    pub round: u64,
    /// How long after the round's time the draw goes on without it; `None`: it waits. With it the draw is "committed" and no
    /// more, from its schedule on.
    pub fallback_after_ms: Option<u64>,
}

/// A called fan who asks to be let in, and what the public list of claims will say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimant {
    /// The fan's place.
    pub place: u64,
    /// The index of the fan's entry in the roster; `None` where the fan came after the draw.
    pub index: Option<u64>,
    /// The random bytes that the entry was made of, where the fan's browser shows them.
    pub nonce: Option<[u8; 16]>,
}

/// A called fan of a room with tiers who asks to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierClaimant {
    /// The fan's place.
    pub place: u64,
    /// The tier and the index of the fan's entry; `None` where the fan came after the draw.
    pub entry: Option<(u8, u64)>,
    /// The random bytes `u` that the entry's nonce was made of, where the fan's browser shows them.
    pub u: Option<[u8; 16]>,
    /// The entry's tag; zeros where the room asks for no identity.
    pub tag: Tag,
}

/// The roots of one tier's closed pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRoots {
    /// Entries that they were computed over.
    pub entries: u64,
    /// The RFC 6962 root over the entries.
    pub root: [u8; 32],
    /// The RFC 6962 root over the tags; zeros where the room asks for no identity.
    pub tags_root: [u8; 32],
}

/// One transition of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Fixes or (while idle) replaces the plan. The same times again keep the first plan and its secret.
    Schedule(SalePlan),
    /// Appends entries in order of arrival: to the pool before `starts_at`, to the line after it.
    Enter(Vec<Entry>),
    /// Lets time pass: phases change, places are called, grace and leases run out.
    Tick,
    /// Publishes the root of the frozen roster.
    Freeze {
        /// Entries the root was computed over.
        entries: u64,
        /// The RFC 6962 root.
        root: [u8; 32],
    },
    /// Reveals the secret and fixes the seed, `witness_ms` after the freeze or later.
    Reveal {
        /// The signature of the round that the descriptor names; `None` where it names none, or foresees to go on
        /// without it.
        beacon: Option<BeaconSignature>,
    },
    /// Called fans ask to be let in.
    Claim(Vec<Claimant>),
    /// Sessions were used: their idle time starts anew.
    Renew(Vec<u64>),
    /// Sessions ended before their time (the shop said so).
    Release(Vec<u64>),
    /// Fans give up their places.
    Leave(Vec<u64>),
    /// An organizer or SRE changes something: all of it, or nothing where one of the changes is refused.
    Control(Vec<Control>),
    /// An edge steers: rate and sessions follow the health of the shop.
    Steer(Steering),
    /// The shop says whether anything is left.
    Stock {
        /// True if anything is left to sell.
        left: bool,
    },
    /// Numbers below this one were given: somebody holds a signed receipt for the last of them, or a backup was restored
    /// that may lack them. A room that knows fewer has lost its end, leaves some out behind them, and mends.
    Learn {
        /// The first number that need not have been given.
        end: u64,
        /// How many are left out from there on.
        left_out: u64,
    },
    /// In a room with tiers: fans come, in order of arrival.
    Arrive(Vec<Arrival>),
    /// In a room with tiers: publishes the roots of all closed pools, in order of the tiers.
    FreezeTiers(Vec<TierRoots>),
    /// In a room with tiers: called fans ask to be let in.
    ClaimTiers(Vec<TierClaimant>),
    /// In a room with tiers: as `Learn`, of the indexes of one tier.
    LearnTier {
        /// The tier.
        tier: u8,
        /// Indexes below were given.
        end: u64,
        /// How many are left out behind them.
        left_out: u64,
    },
    /// A position is bound to another key from now on.
    Move(Move),
    /// A list of claims or renewals, by fans who have proved a key. Whoever does not hold the position any more is told so,
    /// and nothing else happens.
    ByKey {
        /// Who says to hold the position of each fan; none for those whose tickets name no key.
        holders: Vec<Option<Holder>>,
        /// `Claim`, `ClaimTiers` or `Renew`.
        command: Box<Command>,
    },
    /// As `Control`, if nobody has changed any control since the caller looked.
    ControlFrom {
        /// [`View::control_revision`](super::View::control_revision) as the caller knows it.
        revision: u64,
        /// What to change.
        controls: Vec<Control>,
    },
}

impl Command {
    /// The command without the keys of its fans: what it does, and whose outcomes it has.
    #[must_use]
    pub fn plain(&self) -> &Self {
        if let Self::ByKey { command, .. } = self { command } else { self }
    }

    /// How many fans the command names.
    #[must_use]
    pub fn fans(&self) -> usize {
        match self {
            Self::Enter(entries) => entries.len(),
            Self::Arrive(arrivals) => arrivals.len(),
            Self::Claim(claimants) => claimants.len(),
            Self::ClaimTiers(claimants) => claimants.len(),
            Self::Renew(places) | Self::Release(places) | Self::Leave(places) => places.len(),
            Self::ByKey { holders, command } => holders.len().max(command.fans()),
            _ => 0,
        }
    }

    /// True if everything that any edge knows of the room has to be in the room before this command.
    pub(crate) fn needs_all(&self) -> bool {
        match self {
            Self::Schedule(_) | Self::Tick | Self::Control(_) | Self::ControlFrom { .. } | Self::Steer(_) => false,
            Self::Stock { .. } | Self::Learn { .. } | Self::LearnTier { .. } => false,
            Self::Enter(_) | Self::Freeze { .. } | Self::Reveal { .. } => true,
            Self::Arrive(_) | Self::FreezeTiers(_) | Self::ClaimTiers(_) => true,
            Self::Claim(_) | Self::Renew(_) | Self::Release(_) | Self::Leave(_) => true,
            Self::Move(_) | Self::ByKey { .. } => true,
        }
    }

    /// Refuses a command that would hold everyone else up for too long.
    ///
    /// # Errors
    /// It names more than [`BATCH_MAX`] fans, an end that no line reaches, or an arrival that no room could take.
    pub fn check_size(&self) -> Result<(), Refusal> {
        match (self, self.fans()) {
            (Self::Learn { end, left_out } | Self::LearnTier { end, left_out, .. }, _)
                if end.saturating_add(*left_out) > NUMBER_MAX =>
            {
                Err(Refusal::beyond_any_line(end.saturating_add(*left_out)))
            }
            (Self::Arrive(arrivals), ..=BATCH_MAX) => arrivals.iter().try_for_each(Arrival::check),
            (Self::ByKey { holders, command }, ..=BATCH_MAX) => {
                let is_list = matches!(**command, Self::Claim(_) | Self::ClaimTiers(_) | Self::Renew(_));
                let is_right = is_list && command.fans() == holders.len();
                if is_right { Ok(()) } else { Err(Refusal::shapeless_holders()) }
            }
            (_, ..=BATCH_MAX) => Ok(()),
            (_, fans) => Err(Refusal::too_many(fans)),
        }
    }
}

/// A change made by people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Stop calling and admitting; those inside go on.
    Pause,
    /// Stop calling; whoever was called may still come in, those inside go on.
    Drain,
    /// Go on after a pause or a drain.
    Resume,
    /// People per minute from now on.
    Rate(u32),
    /// People per minute from now on, changing with time.
    Ramp(Ramp),
    /// Call people now, beyond the rate, as far as there is room for them. The number is of all since the sale began,
    /// so that asking twice lets nobody in twice.
    LetIn(u64),
    /// Sets how rate and sessions are steered: fixed, or by the health of the shop.
    Mode(Mode),
    /// How long the slowest hundredth of the shop's answers may take from now on.
    TargetMs(u64),
    /// People at once beyond the rate from now on.
    Burst(u32),
    /// Sessions inside at most from now on.
    MaxActive(u64),
    /// A message to everyone who waits, or none.
    Message(Option<String>),
    /// Nothing is left (or something came back): stops the leak and tells the line.
    SoldOut(bool),
    /// The sale ends at this time (Unix ms), or has no end.
    EndsAt(Option<u64>),
}

/// Where an entry landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In the pool, at this index of the roster.
    Pool(u64),
    /// In the line, at this place.
    Line(u64),
}

impl Position {
    /// The index or the place. The line goes on with the numbers that the pool left off with.
    #[must_use]
    pub fn number(self) -> u64 {
        let (Self::Pool(number) | Self::Line(number)) = self;
        number
    }
}

/// What became of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimOutcome {
    /// Let in; the same answer again (same session) while the lease lives.
    Admitted {
        /// When the place was first admitted, Unix ms: the instant at which the cap was enforced.
        admitted_at_ms: u64,
        /// When the session ends unless it is used.
        expires_at_ms: u64,
        /// When the session ends whatever happens.
        hard_end_at_ms: u64,
    },
    /// The place has not been called.
    NotCalled,
    /// Called, but the cap or the shop leaves no room this instant.
    Wait {
        /// When asking again makes sense.
        retry_after_ms: u64,
    },
    /// The grace ran out, the fan left, or the session is over.
    Expired,
    /// The place does not exist.
    Unknown,
    /// The place is another key's.
    Moved {
        /// Since when, Unix ms.
        since_ms: u64,
    },
}

/// What became of one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RenewOutcome {
    /// The session lives until then.
    Renewed {
        /// When the session ends unless it is used.
        expires_at_ms: u64,
    },
    /// The session is over, or is another key's.
    Ended,
}

/// What a room answers to a [`Command`].
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// To `Enter`: one position for each entry, in order.
    Entered(Vec<Position>),
    /// To `Claim` and `ClaimTiers`: one outcome for each place, in order.
    Claimed(Vec<ClaimOutcome>),
    /// To `Renew`: one outcome for each place, in order.
    Renewed(Vec<RenewOutcome>),
    /// To every other command: done (or already so).
    Done,
    /// To `Arrive`: what became of each fan, in order.
    Arrived(Vec<Arrived>),
    /// To `Move`: what became of it.
    Moved(MoveOutcome),
}
