//! A witness who sees only commands, answers and views, and knows what must be true of them.
//!
//! It keeps its own books by other means than the room does: lists and sums instead of buckets and bits. So both would
//! have to be wrong in the same way.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fairgate_core::room::{
    Arrival, Arrived, ClaimOutcome, Command, DrawRecord, Entry, Late, Mode, Outcome, Phase, Position, Refusal,
    RenewOutcome, SILENCE_MS, Spot, View,
};
use fairgate_draw::v2::Tag;

/// How long a join can be retried at least; a minute later it is surely forgotten.
const RETRY_MS: u64 = 60_000;

/// What the witness knows of the sale.
#[derive(Default)]
pub(crate) struct Witness {
    last: Option<View>,
    entered: HashMap<Entry, (Position, u64)>,
    positions: u64,
    sessions: BTreeMap<u64, Session>,
    left: BTreeSet<u64>,
    /// Admissions: when, and how many units the leak had given until then (60,000 units a person).
    admissions: Vec<(u64, u64)>,
    /// The burst in force, from which time on.
    bursts: Vec<(u64, u32)>,
    units: u64,
    released: BTreeMap<u64, u64>,
    /// How long people could be let in so far, and what it was when a place was called or asked last.
    open_ms: u64,
    present: BTreeMap<u64, u64>,
    expired: BTreeSet<u64>,
    times_expired: u64,
    honoured: u64,
}

/// A session as its answers described it.
struct Session {
    admitted_at_ms: u64,
    hard_end_at_ms: u64,
    expires_at_ms: u64,
    is_released: bool,
}

impl Witness {
    /// Checks one step: the command, its answer, and how the room stands after it.
    pub(crate) fn saw(&mut self, command: &Command, answer: &Result<Outcome, Refusal>, view: Option<&View>) {
        let Some(view) = view else {
            assert!(
                matches!(answer, Err(Refusal::NotScheduled | Refusal::Invalid(_))),
                "a room without a plan: {answer:?}"
            );
            return;
        };
        if self.last.as_ref().is_some_and(|last| last.draw.descriptor_digest != view.draw.descriptor_digest) {
            self.new_draw(view);
        }
        self.time_passed(view);
        let is_by_key = matches!(command, Command::ByKey { .. });
        let command = command.plain();
        match (command, answer) {
            (Command::Enter(entries), Ok(Outcome::Entered(positions))) => self.entered(entries, positions, view),
            (Command::Claim(claimants), Ok(Outcome::Claimed(outcomes))) => {
                let places: Vec<u64> = claimants.iter().map(|claimant| claimant.place).collect();
                self.claimed(&places, outcomes, view);
            }
            (Command::Renew(places), Ok(Outcome::Renewed(outcomes))) => {
                self.renewed(places, outcomes, is_by_key, view);
            }
            (Command::Release(places), Ok(Outcome::Done)) => self.released(places, view.now_ms),
            (Command::Leave(places), Ok(Outcome::Done)) => self.gave_up(places, view),
            (Command::Enter(_) | Command::Claim(_) | Command::Renew(_), Ok(other)) => panic!("answered {other:?}"),
            _ => {}
        }
        self.counts_add_up(view);
        if let Some(last) = &self.last {
            only_forward(last, view);
            // Those who come are counted twice while they do, as expected and as inside.
            if view.serving > last.serving && !matches!(command, Command::Claim(_)) {
                self.calls_hold(last, view);
            }
        }
        self.bursts.push((view.now_ms, view.policy.burst));
        self.last = Some(view.clone());
    }

    fn new_draw(&mut self, view: &View) {
        let last = self.last.take().expect("there was a draw before");
        assert!(matches!(last.phase, Phase::Idle | Phase::Ended) || view.phase == Phase::Ended || ended(&last, view));
        *self = Self::default();
    }

    /// Adds what the leak has given since the last view, and the time that people could have been let in.
    fn time_passed(&mut self, view: &View) {
        let Some(last) = &self.last else { return };
        assert!(view.now_ms >= last.now_ms, "time went back");
        self.units += units_between(last, view.now_ms);
        let is_silent = view.now_ms - last.now_ms > SILENCE_MS;
        if last.phase == Phase::Serving && !last.paused && !last.is_sold_out() && !is_silent {
            let until_ms = last.ends_at_ms.unwrap_or(u64::MAX).min(view.now_ms);
            self.open_ms += until_ms.saturating_sub(last.now_ms);
        }
        let absent = self.present.extract_if(.., |_, present_ms| self.open_ms - *present_ms >= last.policy.grace_ms);
        let absent: Vec<u64> = absent.map(|(place, _)| place).collect();
        self.times_expired += absent.len() as u64;
        self.expired.extend(absent);
        let called = (last.serving..view.serving).filter(|place| !self.left.contains(place));
        self.present.extend(called.map(|place| (place, self.open_ms)));
    }

    fn entered(&mut self, entries: &[Entry], positions: &[Position], view: &View) {
        assert_eq!(entries.len(), positions.len());
        for (entry, position) in entries.iter().zip(positions) {
            if let Some((first, at_ms)) = self.entered.get(entry) {
                let age_ms = view.now_ms - at_ms;
                let is_retry = position == first;
                assert!(is_retry || age_ms >= RETRY_MS, "a retried join got another position");
                assert!(!is_retry || age_ms < 2 * RETRY_MS, "a join was remembered for too long");
                if is_retry {
                    continue;
                }
            }
            assert_eq!(position.number(), self.positions, "a position was left out or given twice");
            let is_early = matches!(position, Position::Pool(_));
            assert_eq!(is_early, view.now_ms < view.starts_at_ms, "{position:?} at {}", view.now_ms);
            self.positions += 1;
            self.entered.insert(*entry, (*position, view.now_ms));
        }
    }

    fn claimed(&mut self, places: &[u64], outcomes: &[ClaimOutcome], view: &View) {
        assert_eq!(places.len(), outcomes.len());
        for (place, outcome) in places.iter().zip(outcomes) {
            if matches!(outcome, ClaimOutcome::Moved { .. }) {
                continue;
            }
            self.come_late(*place, view);
            match *outcome {
                ClaimOutcome::Admitted { admitted_at_ms, expires_at_ms, hard_end_at_ms } => {
                    assert!(*place < view.serving, "place {place} came in before it was called");
                    let session = Session { admitted_at_ms, hard_end_at_ms, expires_at_ms, is_released: false };
                    self.admitted(*place, session, view);
                }
                ClaimOutcome::NotCalled => assert!((view.serving..view.line_size).contains(place)),
                ClaimOutcome::Unknown => assert!(*place >= view.line_size),
                ClaimOutcome::Wait { retry_after_ms } => {
                    assert!(retry_after_ms > 0);
                    assert!(self.present.contains_key(place), "place {place} waits, but was not called or is gone");
                    if !view.paused && !view.is_sold_out() {
                        self.present.insert(*place, self.open_ms);
                    }
                }
                ClaimOutcome::Expired => assert!(self.is_lost(*place, view), "place {place} was lost for no reason"),
                ClaimOutcome::Moved { .. } => {}
            }
        }
    }

    /// Where the room says so, whoever comes after the grace is one who waits again.
    fn come_late(&mut self, place: u64, view: &View) {
        let is_honoured = view.policy.late == Late::Honour && view.phase == Phase::Serving;
        if is_honoured && self.expired.remove(&place) {
            self.present.insert(place, self.open_ms);
            self.honoured += 1;
        }
    }

    /// A place is lost by leaving, by having been inside, by the end, or by not being there for the whole grace.
    fn is_lost(&self, place: u64, view: &View) -> bool {
        let was_inside = self.sessions.contains_key(&place) && !self.is_inside(place, view.now_ms);
        let is_gone = was_inside || self.left.contains(&place) || self.expired.contains(&place);
        place < view.line_size && (is_gone || view.phase == Phase::Ended)
    }

    fn admitted(&mut self, place: u64, session: Session, view: &View) {
        if let Some(first) = self.sessions.get(&place) {
            assert!(self.is_inside(place, view.now_ms), "place {place} came in a second time");
            let told = (session.admitted_at_ms, session.hard_end_at_ms, session.expires_at_ms);
            assert_eq!(told, (first.admitted_at_ms, first.hard_end_at_ms, first.expires_at_ms));
            return;
        }
        assert_eq!(session.admitted_at_ms, view.now_ms);
        assert!(view.phase == Phase::Serving && !view.paused && !view.is_sold_out(), "admitted while nobody may be");
        assert!(!self.is_lost(place, view), "place {place} had been lost");
        assert!(view.active <= view.max_active, "admitted into a full shop");
        self.sessions.insert(place, session);
        self.present.remove(&place);
        self.admissions.push((view.now_ms, self.units));
        self.windows_hold(view);
    }

    /// Whoever came and whoever is expected had credit: a burst, what the rate gave, what people let in. There was
    /// room inside for those who are expected. The last one may be expected in part only.
    fn calls_hold(&self, last: &View, view: &View) {
        assert!(!last.draining && !last.paused && !last.is_sold_out(), "called while nobody may be");
        let burst = u64::from(self.burst_max_since(0).max(view.policy.burst));
        let allowed = (burst + view.let_in) * 60_000 + self.units;
        assert!((view.admitted + view.expected) * 60_000 <= allowed + 60_000, "the leak called too many");
        let room = max_active_at(last, view.now_ms);
        assert!(view.expected <= 1 || view.active + view.expected <= room + 1, "called more than there is room for");
    }

    /// In every window that ends now: no more than the burst, and what the rate gave since the window began.
    fn windows_hold(&self, view: &View) {
        for (first, (from_ms, from_units)) in self.admissions.iter().enumerate() {
            let count = (self.admissions.len() - first) as u64;
            let burst = self.burst_max_since(*from_ms).max(view.policy.burst);
            let allowed = (u64::from(burst) + view.let_in) * 60_000 + (self.units - from_units);
            assert!(count * 60_000 <= allowed, "{count} were admitted since {from_ms}, {allowed} units were there");
        }
    }

    fn burst_max_since(&self, from_ms: u64) -> u32 {
        let in_force_then = self.bursts.iter().rev().find(|(at_ms, _)| *at_ms < from_ms);
        let since = self.bursts.iter().filter(|(at_ms, _)| *at_ms >= from_ms);
        since.chain(in_force_then).map(|(_, burst)| *burst).max().unwrap_or(0)
    }

    fn renewed(&mut self, places: &[u64], outcomes: &[RenewOutcome], is_by_key: bool, view: &View) {
        assert_eq!(places.len(), outcomes.len());
        for (place, outcome) in places.iter().zip(outcomes) {
            match *outcome {
                RenewOutcome::Renewed { expires_at_ms } => {
                    assert!(self.is_inside(*place, view.now_ms), "a session that was over was renewed");
                    let session = self.sessions.get_mut(place).expect("it is inside");
                    assert!(expires_at_ms >= session.expires_at_ms && expires_at_ms <= session.hard_end_at_ms);
                    session.expires_at_ms = expires_at_ms;
                }
                RenewOutcome::Ended => assert!(is_by_key || !self.is_inside(*place, view.now_ms)),
            }
        }
    }

    fn released(&mut self, places: &[u64], now_ms: u64) {
        for place in places {
            if self.is_inside(*place, now_ms) {
                let session = self.sessions.get_mut(place).expect("it is inside");
                session.is_released = true;
                self.released.insert(*place, session.expires_at_ms);
            }
        }
    }

    fn gave_up(&mut self, places: &[u64], view: &View) {
        self.released(places, view.now_ms);
        for place in places.iter().filter(|place| **place < view.line_size && !self.sessions.contains_key(place)) {
            if !self.expired.contains(place) {
                self.left.insert(*place);
                self.present.remove(place);
            }
        }
    }

    fn is_inside(&self, place: u64, now_ms: u64) -> bool {
        let lives = |session: &Session| !session.is_released && session.expires_at_ms > now_ms;
        self.sessions.get(&place).is_some_and(lives)
    }

    fn counts_add_up(&self, view: &View) {
        let inside = self.sessions.keys().filter(|place| self.is_inside(**place, view.now_ms)).count() as u64;
        assert_eq!(view.active, inside, "sessions inside");
        assert_eq!(view.admitted, self.sessions.len() as u64, "places admitted");
        let closed = self.released.iter().filter(|(_, until)| **until > view.now_ms);
        assert_eq!(*view.closed, closed.map(|(place, until)| (*place, *until)).collect(), "sessions ended early");

        let is_closed = view.now_ms >= view.starts_at_ms;
        assert_eq!(view.line_size, if is_closed { self.positions } else { 0 }, "places given");
        assert!(view.pool_size <= self.positions && (is_closed || view.pool_size == self.positions));
        assert!(view.serving <= view.line_size);
        assert_eq!(view.left, self.left.len() as u64, "places given up");
        assert_eq!(view.expired, self.times_expired, "places expired");
        assert_eq!(view.honoured, self.honoured, "late comers honoured");
        assert!(view.expected <= view.outstanding, "expects more than were called");
        assert_eq!(view.outstanding, self.present.len() as u64, "places that may still come");
        draw_is_in_order(view);
    }
}

/// True if the sale was over by the time of the later view.
fn ended(last: &View, view: &View) -> bool {
    last.ends_at_ms.is_some_and(|ends_at_ms| view.now_ms >= ends_at_ms)
}

/// What may never be taken back while a draw stands.
fn only_forward(last: &View, view: &View) {
    assert!(view.revision >= last.revision);
    assert!(view.serving >= last.serving, "serving fell");
    assert!(view.admitted >= last.admitted && view.expired >= last.expired && view.left >= last.left);
    assert!(view.pool_size >= last.pool_size && view.line_size >= last.line_size);
    let both = |a: &DrawRecord, b: &DrawRecord| (a.root.is_none() || a.root == b.root) && (a.seed.is_none() || a == b);
    assert!(both(&last.draw, &view.draw), "the published draw was changed");
    assert!(view.let_in >= last.let_in && view.honoured >= last.honoured);
    assert!(
        view.rate_per_minute <= view.policy.rate_per_minute.max(view.ramp.map_or(0, |(ramp, _)| ramp.from_per_minute))
    );
    assert!(view.max_active <= view.policy.max_active, "more sessions than people allow");
    assert_eq!(view.limit.is_some(), view.phase == Phase::Serving);
    if view.revision == last.revision {
        // What follows from the time alone needs no revision.
        let View { now_ms, rate_per_minute, max_active, limit, .. } = *last;
        let unchanged = View { now_ms, rate_per_minute, max_active, limit, ..view.clone() };
        assert_eq!(&unchanged, last, "changed without a new revision");
    }
}

/// What the rate gave from a view to a moment before the next one, in units: from change to change of the rate.
fn units_between(last: &View, now_ms: u64) -> u64 {
    let mut changes = BTreeSet::from([last.now_ms, now_ms]);
    if let Some((ramp, from_ms)) = last.ramp {
        changes.extend((0..ramp.over_ms).step_by(1_000).chain([ramp.over_ms]).map(|ms| from_ms + ms));
    }
    changes.extend(last.steering.map(|(_, until_ms)| until_ms));
    let changes: Vec<u64> = changes.range(last.now_ms..=now_ms).copied().collect();
    changes.windows(2).map(|pair| rate_at(last, pair[0]) * (pair[1] - pair[0])).sum()
}

fn rate_at(last: &View, at_ms: u64) -> u64 {
    let set = match last.ramp {
        Some((ramp, from_ms)) if at_ms < from_ms + ramp.over_ms => {
            let (from, to) = (f64::from(ramp.from_per_minute), f64::from(ramp.to_per_minute));
            let part = ((at_ms - from_ms) / 1_000 * 1_000) as f64 / ramp.over_ms as f64;
            // The tiny bit keeps a whole number whole.
            (from + (to - from) * part + 1e-6).floor() as u64
        }
        _ => u64::from(last.policy.rate_per_minute),
    };
    match (last.policy.mode, last.steering) {
        (Mode::Fixed, _) => set,
        (Mode::Adaptive, Some((steering, until_ms))) if at_ms < until_ms => set.min(steering.rate_per_minute.into()),
        (Mode::Adaptive, _) => set.min(last.policy.floor_per_minute.into()),
    }
}

fn max_active_at(last: &View, at_ms: u64) -> u64 {
    let steered = last.steering.filter(|(_, until_ms)| last.policy.mode == Mode::Adaptive && at_ms < *until_ms);
    steered.map_or(u64::MAX, |(steering, _)| steering.max_active).min(last.policy.max_active)
}

fn draw_is_in_order(view: &View) {
    let DrawRecord { entries, root, frozen_at_ms, secret, seed, .. } = &view.draw;
    assert_eq!([root.is_some(), frozen_at_ms.is_some()], [entries.is_some(); 2]);
    assert_eq!(secret.is_some(), seed.is_some(), "the secret is public before the seed");
    assert!(entries.is_none_or(|entries| entries == view.pool_size && view.now_ms >= view.starts_at_ms));
    assert!(secret.is_none() || root.is_some(), "the secret is public before the root");
    assert!(view.serving == 0 || seed.is_some(), "called before the draw");
}

/// What must be true of identities in a room with tiers, whatever else happens in it.
#[derive(Default)]
pub(crate) struct Identities {
    draw: Option<[u8; 32]>,
    asks: bool,
    /// Where each tag stands, and which tag stands where.
    at: HashMap<Tag, Spot>,
    of: HashMap<Spot, Tag>,
    claimed: BTreeSet<u64>,
}

impl Identities {
    /// Checks one step.
    pub(crate) fn saw(&mut self, command: &Command, answer: &Result<Outcome, Refusal>, view: Option<&View>) {
        let Some(view) = view else { return };
        if self.draw != Some(view.draw.descriptor_digest) {
            *self = Self { draw: Some(view.draw.descriptor_digest), ..Self::default() };
            self.asks = view.draw.descriptor.contains("\"identity\":[\"mail\"]");
        }
        match (command.plain(), answer) {
            (Command::Arrive(arrivals), Ok(Outcome::Arrived(arrived))) if self.asks => {
                assert_eq!(arrivals.len(), arrived.len());
                arrivals.iter().zip(arrived).for_each(|(arrival, arrived)| self.arrived(arrival, arrived));
            }
            (Command::ClaimTiers(claimants), Ok(Outcome::Claimed(outcomes))) => {
                let admitted = claimants.iter().zip(outcomes);
                let admitted = admitted.filter(|(_, outcome)| matches!(outcome, ClaimOutcome::Admitted { .. }));
                self.claimed.extend(admitted.map(|(claimant, _)| claimant.place));
            }
            _ => {}
        }
    }

    fn arrived(&mut self, arrival: &Arrival, arrived: &Arrived) {
        match arrived {
            Arrived::New { at, which } => {
                let (_, tag) = arrival.entries[usize::from(*which)];
                assert!(self.of.insert(*at, tag).is_none(), "{at:?} was given twice");
                if let Some(before) = self.at.insert(tag, *at) {
                    let lost = arrival.replaces.expect("a tag has got a second position");
                    assert_eq!(lost.at, before, "another position was replaced");
                    assert!(!self.claimed.contains(&lost.place), "an identity was let in, and got another place");
                }
            }
            Arrived::Again { at, .. } => {
                let tag = self.of[at];
                assert_eq!(self.at[&tag], *at, "the position was replaced");
                let shown = arrival.entries.iter().map(|(_, tag)| *tag).chain(arrival.others.iter().copied());
                assert!(shown.into_iter().any(|shown| shown == tag), "another identity's position");
            }
            Arrived::Used => assert!(arrival.several || arrival.code.is_some()),
            Arrived::Late => assert!(arrival.until_s.is_some()),
        }
    }
}
