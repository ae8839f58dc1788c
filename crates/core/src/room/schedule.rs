//! When a room does what: the plan's times, and what a plan may change once another is in force.
//!
//! Guarantees: the phase follows from the times, the draw and the clock alone; once the pool is open its times stand.
//! What people changed while the room was live outlives a restart. A plan that is applied again brings only what its
//! own configuration changed since it was applied last.

use fairgate_draw::QUICKNET;

use super::{BeaconPlan, Control, Phase, Policy, Refusal, Rules, SalePlan};

/// The greatest number that JSON and RFC 8785 carry exactly.
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// A million people a second.
const RATE_MAX: u32 = 60_000_000;
const BURST_MAX: u32 = 10_000_000;
const ACTIVE_MAX: u64 = 1_000_000_000;
/// People let in beyond the rate in one sale.
const LET_IN_MAX: u64 = 100_000_000;
const RAMP_MIN_MS: u64 = 1_000;
/// A day.
const RAMP_MAX_MS: u64 = 24 * 3_600_000;
/// Less than this no edge could tell apart from its own noise.
const TARGET_MIN_MS: u64 = 10;
const TARGET_MAX_MS: u64 = 60_000;
/// The most bytes of a message to those who wait.
const MESSAGE_BYTES_MAX: u64 = 2_000;
/// A leap year.
const DURATION_MAX_MS: u64 = 366 * 24 * 3_600_000;
/// Less than this, and browsers that poll cannot witness the root.
const WITNESS_MIN_MS: u64 = 2_000;

/// The times of a room and how it admits people, as configured and as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    room: String,
    pub(super) opens_at_ms: u64,
    pub(super) starts_at_ms: u64,
    pub(super) ends_at_ms: Option<u64>,
    beacon: Option<BeaconPlan>,
    rules: Option<Box<Rules>>,
    pub(super) policy: Policy,
    config_version: u64,
    configured_ends_at_ms: Option<u64>,
    configured: Policy,
}

impl Schedule {
    /// The schedule of a plan that was found valid.
    pub(super) fn new(plan: &SalePlan) -> Self {
        Self {
            room: plan.room.clone(),
            opens_at_ms: plan.opens_at_ms,
            starts_at_ms: plan.starts_at_ms,
            ends_at_ms: plan.ends_at_ms,
            beacon: plan.beacon,
            rules: plan.rules.clone(),
            policy: plan.policy.clone(),
            config_version: plan.config_version,
            configured_ends_at_ms: plan.ends_at_ms,
            configured: plan.policy.clone(),
        }
    }

    /// The plan as it was configured last; the draw has its secret.
    pub(super) fn plan(&self, secret: [u8; 32]) -> SalePlan {
        SalePlan {
            room: self.room.clone(),
            opens_at_ms: self.opens_at_ms,
            starts_at_ms: self.starts_at_ms,
            ends_at_ms: self.configured_ends_at_ms,
            beacon: self.beacon,
            secret,
            config_version: self.config_version,
            policy: self.configured.clone(),
            rules: self.rules.clone(),
        }
    }

    /// The phase at a time.
    pub(super) fn phase(&self, now_ms: u64, is_drawn: bool) -> Phase {
        match now_ms {
            now if self.ends_at_ms.is_some_and(|ends_at_ms| now >= ends_at_ms) => Phase::Ended,
            now if now < self.opens_at_ms => Phase::Idle,
            now if now < self.starts_at_ms => Phase::Pooling,
            _ if is_drawn => Phase::Serving,
            _ => Phase::Drawing,
        }
    }

    /// Refuses a plan of another room, and one that is older than what the room follows. An edge that starts with the
    /// last configuration beside edges with the next one must not set the room back.
    pub(super) fn check_origin(&self, plan: &SalePlan) -> Result<(), Refusal> {
        if self.room != plan.room {
            return Err(Refusal::another_room());
        }
        match plan.config_version < self.config_version {
            true => Err(Refusal::OlderConfig { version: plan.config_version, followed: self.config_version }),
            false => Ok(()),
        }
    }

    /// True if a plan has the times that this draw was announced with.
    pub(super) fn has_times_of(&self, plan: &SalePlan) -> bool {
        (self.opens_at_ms, self.starts_at_ms) == (plan.opens_at_ms, plan.starts_at_ms)
    }

    /// True if a plan has the draw that was announced: its times, its beacon and its rules.
    pub(super) fn has_draw_of(&self, plan: &SalePlan) -> bool {
        self.has_times_of(plan) && self.beacon == plan.beacon && self.rules == plan.rules
    }

    /// Takes over the times and the beacon of a plan; its draw has to be replaced with them.
    pub(super) fn move_to(&mut self, plan: &SalePlan) {
        self.opens_at_ms = plan.opens_at_ms;
        self.starts_at_ms = plan.starts_at_ms;
        self.beacon = plan.beacon;
        self.rules.clone_from(&plan.rules);
        self.reconfigure(plan);
    }

    /// Takes over what changed in the configuration since it was applied last; answers whether anything did.
    pub(super) fn reconfigure(&mut self, plan: &SalePlan) -> bool {
        let new = &plan.policy;
        let (old, live) = (&mut self.configured, &mut self.policy);
        let changed = [
            carry(&mut old.rate_per_minute, &mut live.rate_per_minute, new.rate_per_minute),
            carry(&mut old.burst, &mut live.burst, new.burst),
            carry(&mut old.max_active, &mut live.max_active, new.max_active),
            carry(&mut old.grace_ms, &mut live.grace_ms, new.grace_ms),
            carry(&mut old.session_idle_ms, &mut live.session_idle_ms, new.session_idle_ms),
            carry(&mut old.session_max_ms, &mut live.session_max_ms, new.session_max_ms),
            carry(&mut old.witness_ms, &mut live.witness_ms, new.witness_ms),
            carry(&mut old.late, &mut live.late, new.late),
            carry(&mut old.mode, &mut live.mode, new.mode),
            carry(&mut old.target_ms, &mut live.target_ms, new.target_ms),
            carry(&mut old.floor_per_minute, &mut live.floor_per_minute, new.floor_per_minute),
            carry(&mut self.configured_ends_at_ms, &mut self.ends_at_ms, plan.ends_at_ms),
            std::mem::replace(&mut self.config_version, plan.config_version) != plan.config_version,
        ];
        changed.contains(&true)
    }

    /// Takes back a configuration that was applied and lost, but not what it said of the live room: that is restored by
    /// itself. Answers whether it was a newer one.
    pub(super) fn restore_configured(&mut self, plan: &SalePlan) -> bool {
        let is_newer = plan.config_version > self.config_version;
        if is_newer {
            self.config_version = plan.config_version;
            (self.configured, self.configured_ends_at_ms) = (plan.policy.clone(), plan.ends_at_ms);
        }
        is_newer
    }
}

/// Moves a configured value on, and the live one with it; answers whether the configuration had another one.
fn carry<T: PartialEq + Copy>(configured: &mut T, live: &mut T, new: T) -> bool {
    let changed = *configured != new;
    if changed {
        (*configured, *live) = (new, new);
    }
    changed
}

impl SalePlan {
    /// Checks that a room could follow this plan.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] says what would be right.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.opens_at_ms > self.starts_at_ms {
            return invalid("the pool must open before the sale starts, or at the same time: lower opens_at");
        }
        if self.ends_at_ms.is_some_and(|ends_at_ms| ends_at_ms <= self.starts_at_ms) {
            return invalid("the sale must end after it starts: raise ends_at or leave it out");
        }
        check_time(Some(self.starts_at_ms))?;
        check_time(self.ends_at_ms)?;
        within("config_version", self.config_version, 0, NUMBER_MAX)?;
        check_policy(&self.policy)?;
        if let Some(rules) = &self.rules {
            rules.check(self.beacon.as_ref())?;
        }
        self.beacon.map_or(Ok(()), |beacon| check_beacon(&beacon, self))
    }
}

/// Refuses a round that could be known before the roster is frozen and witnessed.
fn check_beacon(beacon: &BeaconPlan, plan: &SalePlan) -> Result<(), Refusal> {
    let first = QUICKNET.round_at(plan.starts_at_ms.saturating_add(plan.policy.witness_ms));
    within("the beacon's round", beacon.round, first, NUMBER_MAX)?;
    within("fallback_after_ms", beacon.fallback_after_ms.unwrap_or(0), 0, DURATION_MAX_MS)
}

/// Refuses a time that a descriptor or a browser could not carry.
fn check_time(time_ms: Option<u64>) -> Result<(), Refusal> {
    match time_ms.is_some_and(|time_ms| time_ms > NUMBER_MAX) {
        true => invalid("times are Unix milliseconds of at most 2^53 - 1"),
        false => Ok(()),
    }
}

/// Refuses a policy that would admit nobody, or that is out of bounds.
fn check_policy(policy: &Policy) -> Result<(), Refusal> {
    check_rate(policy.rate_per_minute)?;
    check_burst(policy.burst)?;
    check_max_active(policy.max_active)?;
    within("grace_ms", policy.grace_ms, 1, DURATION_MAX_MS)?;
    within("session_idle_ms", policy.session_idle_ms, 1, DURATION_MAX_MS)?;
    within("session_max_ms", policy.session_max_ms, 1, DURATION_MAX_MS)?;
    within("witness_ms", policy.witness_ms, WITNESS_MIN_MS, DURATION_MAX_MS)?;
    check_target(policy.target_ms)?;
    within("floor_per_minute", policy.floor_per_minute.into(), 1, RATE_MAX.into())
}

impl Control {
    /// Checks that a room would take this change, whatever its phase.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] says which values it would take.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Pause | Self::Drain | Self::Resume | Self::SoldOut(_) | Self::Mode(_) => Ok(()),
            Self::Rate(rate_per_minute) => check_rate(*rate_per_minute),
            Self::Burst(burst) => check_burst(*burst),
            Self::MaxActive(max_active) => check_max_active(*max_active),
            Self::LetIn(in_all) => within("let_in", *in_all, 1, LET_IN_MAX),
            Self::TargetMs(target_ms) => check_target(*target_ms),
            Self::Ramp(ramp) => {
                check_rate(ramp.from_per_minute)?;
                check_rate(ramp.to_per_minute)?;
                within("over_ms", ramp.over_ms, RAMP_MIN_MS, RAMP_MAX_MS)
            }
            Self::Message(message) => check_message(message.as_deref().unwrap_or_default()),
            Self::EndsAt(ends_at_ms) => check_time(*ends_at_ms),
        }
    }
}

fn check_message(message: &str) -> Result<(), Refusal> {
    within("the bytes of a message", message.len() as u64, 0, MESSAGE_BYTES_MAX)?;
    match message.chars().find(|sign| is_command(*sign) && *sign != '\n') {
        None => Ok(()),
        Some(sign) => invalid(&format!("a message is plain text: take out the character U+{:04X}", u32::from(sign))),
    }
}

/// True if a character commands whatever shows it, instead of being shown.
///
/// Such are control characters, separators of lines, and characters that turn the direction of what follows.
#[must_use]
pub fn is_command(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check_rate(rate_per_minute: u32) -> Result<(), Refusal> {
    within("rate_per_minute", rate_per_minute.into(), 1, RATE_MAX.into())
}

fn check_burst(burst: u32) -> Result<(), Refusal> {
    within("burst", burst.into(), 1, BURST_MAX.into())
}

fn check_max_active(max_active: u64) -> Result<(), Refusal> {
    within("max_active", max_active, 1, ACTIVE_MAX)
}

fn check_target(target_ms: u64) -> Result<(), Refusal> {
    within("target_ms", target_ms, TARGET_MIN_MS, TARGET_MAX_MS)
}

fn within(name: &str, value: u64, least: u64, most: u64) -> Result<(), Refusal> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => invalid(&format!("{name} must be from {least} to {most}, not {value}")),
    }
}

fn invalid(message: &str) -> Result<(), Refusal> {
    Err(Refusal::Invalid(message.to_owned()))
}
