//! One sale of a room: its schedule, its draw, its arrivals, its line and its sessions, and how they depend on another.

use fairgate_draw::BeaconSignature;

use super::arrive::Tiered;
use super::draw::Draw;
use super::enter::Arrivals;
use super::keys::Keys;
use super::lease::Leases;
use super::line::{HELD_RETRY_MS, Line};
use super::pace::Pace;
use super::restore::Gaps;
use super::schedule::Schedule;
use super::tally::Tally;
use super::{
    ClaimOutcome, Command, Control, Entry, Holder, Late, Mode, Move, MoveOutcome, Outcome, Phase, Position, Refusal,
    RenewOutcome, SalePlan, Spot, Steering, TierRoots, TierView, View,
};

/// Everything that belongs to one draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sale {
    pub(super) schedule: Schedule,
    pub(super) draw: Draw,
    pub(super) arrivals: Arrivals,
    pub(super) line: Line,
    pub(super) pace: Pace,
    pub(super) leases: Leases,
    /// Of positions that moved.
    pub(super) keys: Keys,
    pub(super) phase: Phase,
    /// From the start on the pool takes nobody, and N stands.
    pub(super) pool_is_closed: bool,
    pub(super) paused: bool,
    pub(super) draining: bool,
    pub(super) sold_out: bool,
    pub(super) out_of_stock: bool,
    pub(super) message: Option<String>,
    /// Grows with every change of what people may change.
    pub(super) settings_version: u64,
    pub(super) scheduled_at_ms: u64,
    /// Entries of the pool whose place in the roster is empty since a loss, those of the gaps included.
    pub(super) missing: u64,
    /// In a room with tiers: those of each.
    pub(super) missing_by_tier: Tally,
    /// Until then nobody gets a number, is called or is let in.
    pub(super) recovering_until_ms: u64,
    /// What was lost, and left out for it.
    pub(super) gaps: Gaps,
    /// True if the command at hand changed anything.
    pub(super) changed: bool,
}

impl Sale {
    /// The sale that a valid plan opens.
    pub(super) fn new(plan: &SalePlan, now_ms: u64) -> Self {
        let schedule = Schedule::new(plan);
        Self {
            phase: schedule.phase(now_ms, false),
            pool_is_closed: now_ms >= schedule.starts_at_ms,
            draw: Draw::new(plan),
            arrivals: arrivals(plan),
            line: line(plan),
            pace: Pace::default(),
            leases: Leases::default(),
            keys: Keys::default(),
            paused: false,
            draining: false,
            sold_out: false,
            out_of_stock: false,
            message: None,
            settings_version: 0,
            scheduled_at_ms: now_ms,
            missing: 0,
            missing_by_tier: Tally::zeros(plan.rules.as_ref().map_or(0, |rules| rules.tiers.len())),
            recovering_until_ms: 0,
            gaps: Gaps::default(),
            changed: true,
            schedule,
        }
    }

    /// True if the command at hand changed anything; asked once a command.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Entries taken so far.
    pub(super) fn entered(&self) -> u64 {
        self.arrivals.count()
    }

    /// True if a plan opens the next sale.
    pub(super) fn is_succeeded_by(&self, plan: &SalePlan) -> bool {
        self.phase == Phase::Ended && !self.schedule.has_times_of(plan)
    }

    /// Takes over what a plan may still change.
    pub(super) fn reschedule(&mut self, plan: &SalePlan, now_ms: u64) -> Result<(), Refusal> {
        let rate_before = self.schedule.policy.rate_per_minute;
        if self.schedule.has_draw_of(plan) {
            let is_new = self.schedule.reconfigure(plan);
            self.changed |= is_new;
            self.settings_version += u64::from(is_new);
        } else if self.phase == Phase::Idle {
            self.schedule.move_to(plan);
            self.draw = Draw::new(plan);
            if self.arrivals.tiered.is_some() || plan.rules.is_some() {
                self.begin_tiers(plan);
            }
            self.settings_version += 1;
            self.changed = true;
        } else {
            return Err(Refusal::ScheduleFixed);
        }
        if self.schedule.policy.rate_per_minute != rate_before {
            self.pace.ramp = None;
        }
        self.enter_phase(now_ms);
        Ok(())
    }

    /// Takes entries in order of arrival.
    pub(super) fn enter(&mut self, entries: &[Entry], now_ms: u64) -> Result<Vec<Position>, Refusal> {
        self.check_tiers(false)?;
        self.check_is_open()?;
        let before = self.arrivals.count();
        let positions = self.arrivals.enter(entries, self.phase == Phase::Pooling, now_ms);
        self.changed |= self.arrivals.count() > before;
        Ok(positions)
    }

    /// Nobody has come before the pool opens, so that a plan with other tiers begins with nobody.
    fn begin_tiers(&mut self, plan: &SalePlan) {
        (self.arrivals, self.missing) = (arrivals(plan), 0);
        self.missing_by_tier = Tally::zeros(plan.rules.as_ref().map_or(0, |rules| rules.tiers.len()));
        self.gaps.forget();
        self.line.remember_given_up(plan.rules.is_some());
    }

    /// Refuses a command for rooms with tiers in a room without, and the other way round.
    pub(super) fn check_tiers(&self, wants_tiers: bool) -> Result<(), Refusal> {
        match (wants_tiers, self.arrivals.tiered.is_some()) {
            (true, false) => Err(Refusal::no_tiers()),
            (false, true) => Err(Refusal::has_tiers()),
            _ => Ok(()),
        }
    }

    /// Refuses fans before the pool opens, and after the sale's end.
    pub(super) fn check_is_open(&self) -> Result<(), Refusal> {
        match self.phase {
            Phase::Idle => Err(Refusal::NotOpen { opens_at_ms: self.schedule.opens_at_ms }),
            Phase::Ended => Err(Refusal::Ended),
            Phase::Pooling | Phase::Drawing | Phase::Serving => Ok(()),
        }
    }

    /// Publishes the roots of all tiers.
    pub(super) fn freeze_tiers(&mut self, roots: &[TierRoots], now_ms: u64) -> Result<(), Refusal> {
        let Some(tiers) = self.arrivals.numbers().tiers else { return Err(Refusal::no_tiers()) };
        if !self.pool_is_closed {
            return Err(Refusal::pool_is_open(self.schedule.starts_at_ms));
        }
        let (missing, left_out) = (self.missing_by_tier, self.left_out());
        self.changed |= self.draw.freeze_tiers(&tiers, &missing, left_out, roots, now_ms)?;
        Ok(())
    }

    /// Publishes the root.
    pub(super) fn freeze(&mut self, entries: u64, root: &[u8; 32], now_ms: u64) -> Result<(), Refusal> {
        self.check_tiers(false)?;
        if !self.pool_is_closed {
            return Err(Refusal::pool_is_open(self.schedule.starts_at_ms));
        }
        self.changed |=
            self.draw.freeze(self.arrivals.early, (self.missing, self.left_out()), entries, root, now_ms)?;
        Ok(())
    }

    /// Publishes the secret and the seed, and starts the leak.
    pub(super) fn reveal(&mut self, beacon: Option<&BeaconSignature>, now_ms: u64) -> Result<(), Refusal> {
        if self.draw.reveal(beacon, self.schedule.policy.witness_ms, now_ms)? {
            self.line.start(&self.schedule.policy);
            self.enter_phase(now_ms);
            self.changed = true;
        }
        Ok(())
    }

    /// Lets in whom it can, lower places first; the answers are in the order of the question.
    pub(super) fn claim(&mut self, places: &[u64], now_ms: u64) -> Vec<ClaimOutcome> {
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_unstable_by_key(|at| places[*at]);
        let mut outcomes = vec![ClaimOutcome::Unknown; places.len()];
        let mut waiting = 0;
        for at in order {
            outcomes[at] = self.claim_one(places[at], &mut waiting, now_ms);
        }
        outcomes
    }

    fn claim_one(&mut self, place: u64, waiting: &mut u64, now_ms: u64) -> ClaimOutcome {
        if let Some(admitted) = self.leases.admitted(place) {
            return admitted;
        }
        if self.is_serving() {
            self.changed |= self.line.find(place);
        }
        if self.is_serving() && self.schedule.policy.late == Late::Honour {
            self.changed |= self.line.honour(place);
        }
        if let Some(refused) = self.line.refuses(place, self.line_size()) {
            return refused;
        }
        if self.phase == Phase::Ended {
            return ClaimOutcome::Expired;
        }
        if !self.is_open() {
            return ClaimOutcome::Wait { retry_after_ms: HELD_RETRY_MS };
        }
        self.admit(place, waiting, now_ms)
    }

    /// Admits a place that was called, if there is room and the cap allows.
    fn admit(&mut self, place: u64, waiting: &mut u64, now_ms: u64) -> ClaimOutcome {
        let policy = &self.schedule.policy;
        if self.leases.active() >= self.pace.max_active(policy, now_ms) {
            self.changed |= self.line.keep_waiting(place);
            return ClaimOutcome::Wait { retry_after_ms: HELD_RETRY_MS };
        }
        if !self.line.admit(place) {
            *waiting += 1;
            self.changed |= self.line.keep_waiting(place);
            let rate_per_minute = self.pace.per_minute(policy, now_ms);
            return ClaimOutcome::Wait { retry_after_ms: self.line.cap_retry_ms(rate_per_minute, *waiting) };
        }
        self.changed = true;
        self.leases.open(place, policy, now_ms)
    }

    /// Binds a position to another key.
    pub(super) fn shift(&mut self, wanted: &Move, now_ms: u64) -> MoveOutcome {
        if !self.has(wanted.at) {
            return MoveOutcome::Gone;
        }
        let (outcome, changed) = self.keys.shift(wanted, now_ms);
        self.changed |= changed;
        outcome
    }

    /// True if a position was given.
    fn has(&self, at: Spot) -> bool {
        match (at, self.arrivals.numbers().tiers) {
            (Spot::Line { place }, _) => place < self.line_size(),
            (Spot::Pool { tier, index }, Some(tiers)) => {
                tiers.iter().nth(usize::from(tier)).is_some_and(|entries| index < entries)
            }
            (Spot::Pool { tier, index }, None) => tier == 0 && index < self.arrivals.early,
        }
    }

    /// Lets those claim or renew who hold their positions.
    pub(super) fn by_key(
        &mut self,
        holders: &[Option<Holder>],
        command: &Command,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let lost: Vec<Option<u64>> = holders.iter().map(|holder| self.keys.lost_since_ms(holder.as_ref()?)).collect();
        let held = |places: Vec<u64>| -> Vec<u64> {
            places.into_iter().zip(&lost).filter_map(|(place, lost)| lost.is_none().then_some(place)).collect()
        };
        let places: Vec<u64> = match command {
            Command::Claim(claimants) => {
                self.check_tiers(false)?;
                claimants.iter().map(|claimant| claimant.place).collect()
            }
            Command::ClaimTiers(claimants) => {
                self.check_tiers(true)?;
                claimants.iter().map(|claimant| claimant.place).collect()
            }
            Command::Renew(places) => {
                let mut renewed = self.renew(&held(places.clone()), now_ms).into_iter();
                let each = lost.iter().map(|lost| lost.map_or_else(|| renewed.next(), |_| Some(RenewOutcome::Ended)));
                return Ok(Outcome::Renewed(each.flatten().collect()));
            }
            _ => return Err(Refusal::shapeless_holders()),
        };
        let mut claimed = self.claim(&held(places), now_ms).into_iter();
        let moved = |since_ms| Some(ClaimOutcome::Moved { since_ms });
        let each = lost.iter().map(|lost| lost.map_or_else(|| claimed.next(), moved));
        Ok(Outcome::Claimed(each.flatten().collect()))
    }

    /// Starts the idle time of sessions anew.
    pub(super) fn renew(&mut self, places: &[u64], now_ms: u64) -> Vec<RenewOutcome> {
        let renew = |place: &u64| {
            let (outcome, changed) = self.leases.renew(*place, &self.schedule.policy, now_ms);
            self.changed |= changed;
            outcome
        };
        places.iter().map(renew).collect()
    }

    /// Ends sessions before their time.
    pub(super) fn release(&mut self, places: &[u64]) {
        for place in places {
            self.changed |= self.leases.release(*place);
        }
    }

    /// Gives up places; one that is inside already is released.
    pub(super) fn leave(&mut self, places: &[u64]) {
        let line_size = self.line_size();
        for place in places {
            self.changed |= self.leases.release(*place) || self.line.leave(*place, line_size);
        }
    }

    /// Takes over what an edge wants of rate and sessions.
    pub(super) fn steer(&mut self, steering: &Steering, now_ms: u64) {
        if self.schedule.policy.mode == Mode::Adaptive {
            self.changed |= self.pace.steer(steering, now_ms);
        }
    }

    /// Takes over whether the shop has anything left.
    pub(super) fn stock(&mut self, left: bool) {
        self.changed |= replace(&mut self.out_of_stock, !left);
    }

    /// Changes what people may change while the room is live: all of it, or nothing.
    pub(super) fn control(&mut self, controls: &[Control], now_ms: u64) -> Result<(), Refusal> {
        controls.iter().try_for_each(Control::check)?;
        let changes = controls.iter().filter(|control| self.change(control, now_ms)).count();
        self.changed |= changes > 0;
        self.settings_version += u64::from(changes > 0);
        self.enter_phase(now_ms);
        Ok(())
    }

    /// The same, if the controls are as somebody knows them.
    pub(super) fn control_from(&mut self, revision: u64, controls: &[Control], now_ms: u64) -> Result<(), Refusal> {
        controls.iter().try_for_each(Control::check)?;
        if revision != self.settings_version {
            return Err(Refusal::Overtaken { revision: self.settings_version });
        }
        self.control(controls, now_ms)
    }

    fn change(&mut self, control: &Control, now_ms: u64) -> bool {
        let policy = &mut self.schedule.policy;
        match control {
            Control::Pause => replace(&mut self.paused, true),
            Control::Drain => replace(&mut self.draining, true),
            Control::Resume => replace(&mut self.paused, false) | replace(&mut self.draining, false),
            Control::SoldOut(sold_out) => replace(&mut self.sold_out, *sold_out),
            Control::Message(message) => replace(&mut self.message, message.clone()),
            Control::EndsAt(ends_at_ms) => replace(&mut self.schedule.ends_at_ms, *ends_at_ms),
            Control::Rate(rate) => replace(&mut policy.rate_per_minute, *rate) | replace(&mut self.pace.ramp, None),
            Control::Ramp(ramp) => {
                policy.rate_per_minute = ramp.to_per_minute;
                self.pace.begin(ramp, now_ms)
            }
            Control::Burst(burst) => replace(&mut policy.burst, *burst),
            Control::MaxActive(max_active) => replace(&mut policy.max_active, *max_active),
            Control::Mode(mode) => replace(&mut policy.mode, *mode),
            Control::TargetMs(target_ms) => replace(&mut policy.target_ms, *target_ms),
            Control::LetIn(in_all) => self.line.let_in(*in_all),
        }
    }

    /// How the sale stands.
    pub(super) fn view(&self, revision: u64, now_ms: u64) -> View {
        let counts = self.line.counts();
        let view = View {
            revision,
            control_revision: self.settings_version,
            now_ms,
            phase: self.phase,
            paused: self.paused,
            draining: self.draining,
            sold_out: self.sold_out,
            out_of_stock: self.out_of_stock,
            message: self.message.clone(),
            opens_at_ms: self.schedule.opens_at_ms,
            starts_at_ms: self.schedule.starts_at_ms,
            ends_at_ms: self.schedule.ends_at_ms,
            policy: self.schedule.policy.clone(),
            ramp: self.pace.ramp,
            steering: self.pace.steering,
            missing: self.missing,
            left_out: self.left_out(),
            mending: self.is_recovering(now_ms),
            rate_per_minute: 0,
            max_active: 0,
            limit: None,
            pool_size: self.arrivals.early,
            line_size: self.line_size(),
            serving: counts.serving,
            admitted: counts.admitted,
            expired: counts.expired,
            left: counts.left,
            honoured: counts.honoured,
            outstanding: counts.outstanding,
            expected: counts.expected,
            no_show_permille: counts.no_show_permille,
            let_in: counts.let_in,
            to_let_in: counts.to_let_in,
            active: self.leases.active(),
            draw: self.draw.record(),
            closed: self.leases.closed(),
            tiers: self.tier_views(),
        };
        view.paced()
    }

    fn tier_views(&self) -> Vec<TierView> {
        let tiers = self.arrivals.numbers().tiers.unwrap_or_default();
        tiers.iter().zip(self.missing_by_tier.iter()).map(|(entries, missing)| TierView { entries, missing }).collect()
    }

    fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// True if people are admitted.
    pub(super) fn is_open(&self) -> bool {
        self.is_serving() && !self.paused && !self.sold_out && !self.out_of_stock
    }

    /// Room inside.
    pub(super) fn seats(&self, now_ms: u64) -> u64 {
        self.pace.max_active(&self.schedule.policy, now_ms).saturating_sub(self.leases.active())
    }

    /// All places given so far; none before the pool is closed.
    pub(super) fn line_size(&self) -> u64 {
        if self.pool_is_closed { self.arrivals.count() } else { 0 }
    }
}

/// Nobody has come yet, by this plan.
fn arrivals(plan: &SalePlan) -> Arrivals {
    Arrivals::new(plan.rules.as_ref().map(|rules| Tiered::new(rules.tiers.len(), rules.asks_identity())))
}

/// A line that nobody has been called from, by this plan.
fn line(plan: &SalePlan) -> Line {
    let mut line = Line::new(&plan.policy);
    line.remember_given_up(plan.rules.is_some());
    line
}

/// Sets a value; answers whether it was another one.
pub(super) fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let changed = *place != value;
    *place = value;
    changed
}
