//! Pure decisions over a batch of reservations that wait at the same moment, before and after the database has said
//! how the seats stand.
//!
//! Guarantees:
//! - requests are decided in the order of their arrival
//! - a request gets all of its seats or none
//! - no seat goes to two requests
//! - nobody gets more than the limit for one session
//! - one bad request fails alone
//! - the same request again is the booking it was

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::booking::Held;
use super::free_seats::FreeSeats;
use super::seat_search::{Choice, Choices};
use crate::events::seat_map::{SeatMap, Section};
use crate::traces::HoldTrace;

/// What a fan asks for. Units are valid for the event; quantities are within the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// These seats, ascending.
    Seats(Vec<u32>),
    /// The best that are left in a section.
    Best {
        /// Index of the section.
        section: usize,
        /// How many.
        quantity: u32,
        /// True if the fan takes only seats that are side by side.
        only_together: bool,
    },
}

impl Wish {
    /// The section that is asked about: of several, that of the first seat.
    #[must_use]
    pub fn section<'a>(&self, seat_map: &'a SeatMap) -> &'a Section {
        match self {
            Self::Seats(units) => seat_map.section_of(units.first().copied().unwrap_or(0)),
            Self::Best { section, .. } => &seat_map.sections[*section],
        }
    }
}

/// A reservation that waits.
#[derive(Clone, Debug)]
pub struct Request {
    /// The digest of session and idempotency key.
    pub booking_id: Uuid,
    /// Who asks.
    pub session: String,
    /// The digest of what is asked for.
    pub fingerprint: Uuid,
    /// What is asked for.
    pub wish: Wish,
    /// What the hold is compared by.
    pub trace: HoldTrace,
}

/// What the fan is told when there is no booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// These seats belong to somebody else.
    Taken(Vec<u32>),
    /// The section has fewer free places than that.
    NotEnough {
        /// How many are left.
        free: u32,
    },
    /// No run of free seats is that long.
    NotTogether {
        /// How many single places are left.
        free: u32,
    },
    /// The session would have more seats than it may.
    Limit {
        /// How many it may have.
        seats_max: u32,
        /// How many it has.
        has: u32,
    },
    /// The idempotency key belongs to another request.
    OtherRequest,
}

/// What the seat cache holds when a batch begins.
#[derive(Clone, Debug)]
pub struct CachedSeats {
    /// The seats that nobody has.
    pub free: FreeSeats,
    /// Those that another batch is asking for at this moment; they may be free when it has ended.
    pub undecided: FreeSeats,
}

/// What a request would take, by the seat cache.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Intent {
    Take(Vec<u32>),
    Refuse(Refusal),
    /// Nothing is left only because earlier requests, of this batch or of another one, may get it.
    Wait,
}

/// The first half of the decision: which seats to lock.
#[derive(Clone, Debug)]
pub struct Proposal {
    intents: Vec<Intent>,
    /// The seats to lock, ascending.
    pub candidates: Vec<u32>,
}

/// What the database said about a batch.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Locked candidates, and whether each is free; a candidate that is missing is being changed by somebody else.
    pub seats: HashMap<u32, bool>,
    /// Requests that are bookings already, with their fingerprints.
    pub known: HashMap<Uuid, (Uuid, Held)>,
    /// Seats that sessions hold or have bought.
    pub session_seats: HashMap<String, u32>,
    /// Sessions about which another core is deciding at this moment.
    pub busy_sessions: HashSet<String>,
}

/// The decision about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write a hold on these seats.
    Hold(Vec<u32>),
    /// The request is this booking already.
    Known(Held),
    /// No.
    Refuse(Refusal),
    /// Ask again in the next batch: the cache was wrong, or somebody else is just changing a seat or serving the fan.
    Again,
}

/// Chooses the seats to lock for a batch, in the order of arrival. They are free by the cache, and no other batch is
/// asking for them.
#[must_use]
pub fn propose(seat_map: &SeatMap, cached: &CachedSeats, requests: &[&Request]) -> Proposal {
    let mut left = cached.free.clone();
    left.remove_all(&cached.undecided);
    let mut chooser = Chooser { seat_map, cached, left: Choices::among(seat_map, left), before: HashMap::new() };
    let intents: Vec<Intent> = requests.iter().map(|request| chooser.intend(&request.wish)).collect();
    let taken = intents.iter().filter_map(|intent| if let Intent::Take(units) = intent { Some(units) } else { None });
    let mut candidates: Vec<u32> = taken.flatten().copied().collect();
    candidates.sort_unstable();
    candidates.dedup();
    Proposal { intents, candidates }
}

/// Chooses for one request after the other.
struct Chooser<'a> {
    seat_map: &'a SeatMap,
    /// How it was before the batch.
    cached: &'a CachedSeats,
    /// What the requests before this one have left.
    left: Choices<'a>,
    /// What such a group would have got before the batch.
    before: HashMap<(usize, u32), Option<bool>>,
}

impl Chooser<'_> {
    fn intend(&mut self, wish: &Wish) -> Intent {
        let intent = match wish {
            // Seats that an earlier request of the batch wants, too, are settled after the lock.
            Wish::Seats(units) => {
                let CachedSeats { free, undecided } = self.cached;
                let taken: Vec<u32> = units.iter().copied().filter(|&unit| !free.contains(unit)).collect();
                if !taken.is_empty() {
                    Intent::Refuse(Refusal::Taken(taken))
                } else if units.iter().any(|&unit| undecided.contains(unit)) {
                    Intent::Wait
                } else {
                    Intent::Take(units.clone())
                }
            }
            &Wish::Best { section, quantity, only_together } => self.intend_best(section, quantity, only_together),
        };
        if let Intent::Take(units) = &intent {
            self.left.take(units);
        }
        intent
    }

    fn intend_best(&mut self, section: usize, quantity: u32, only_together: bool) -> Intent {
        let fits = |choice: &Choice| choice.together || !only_together;
        if let Some(choice) = self.left.best(section, quantity).filter(fits) {
            return Intent::Take(choice.units);
        }
        let (seat_map, free) = (self.seat_map, &self.cached.free);
        let before = self.before.entry((section, quantity));
        let together = *before
            .or_insert_with(|| Choices::among(seat_map, free.clone()).best(section, quantity).map(|it| it.together));
        if together.is_some_and(|together| together || !only_together) {
            return Intent::Wait;
        }
        let free = free.count(seat_map.sections[section].units());
        let enough = free >= quantity;
        Intent::Refuse(if enough { Refusal::NotTogether { free } } else { Refusal::NotEnough { free } })
    }
}

/// Decides over a batch by what the database said, in the order of arrival.
#[must_use]
pub fn settle(seat_map: &SeatMap, requests: &[&Request], proposal: &Proposal, found: &Found) -> Vec<Decision> {
    let mut round = Round { found, gone: HashSet::new(), granted: HashMap::new(), booked: HashMap::new() };
    let pairs = requests.iter().zip(&proposal.intents);
    pairs.map(|(request, intent)| round.decide(request, intent, seat_map.facts.fan_seats_max)).collect()
}

/// One pass over a batch.
struct Round<'a> {
    found: &'a Found,
    gone: HashSet<u32>,
    granted: HashMap<&'a str, u32>,
    booked: HashMap<Uuid, Uuid>,
}

impl<'a> Round<'a> {
    fn decide(&mut self, request: &'a Request, intent: &Intent, seats_max: u32) -> Decision {
        if let Some((fingerprint, held)) = self.found.known.get(&request.booking_id) {
            let same = *fingerprint == request.fingerprint;
            return if same { Decision::Known(held.clone()) } else { Decision::Refuse(Refusal::OtherRequest) };
        }
        if self.booked.contains_key(&request.booking_id) || self.found.busy_sessions.contains(&request.session) {
            return Decision::Again;
        }
        match intent {
            Intent::Refuse(refusal) => Decision::Refuse(refusal.clone()),
            Intent::Wait => Decision::Again,
            Intent::Take(units) => self.take(request, units, seats_max),
        }
    }

    fn take(&mut self, request: &'a Request, units: &[u32], seats_max: u32) -> Decision {
        let asked = u32::try_from(units.len()).unwrap_or(u32::MAX);
        let has = self.found.session_seats.get(&request.session).copied().unwrap_or(0)
            + self.granted.get(request.session.as_str()).copied().unwrap_or(0);
        if has.saturating_add(asked) > seats_max {
            return Decision::Refuse(Refusal::Limit { seats_max, has });
        }
        let taken: Vec<u32> = units.iter().copied().filter(|unit| self.is_taken(*unit)).collect();
        match (&request.wish, taken.is_empty()) {
            (Wish::Seats(_), false) => return Decision::Refuse(Refusal::Taken(taken)),
            (Wish::Best { .. }, false) => return Decision::Again,
            _ if units.iter().any(|unit| !self.found.seats.contains_key(unit)) => return Decision::Again,
            _ => {}
        }
        self.gone.extend(units);
        *self.granted.entry(&request.session).or_default() += asked;
        self.booked.insert(request.booking_id, request.fingerprint);
        Decision::Hold(units.to_vec())
    }

    fn is_taken(&self, unit: u32) -> bool {
        self.gone.contains(&unit) || self.found.seats.get(&unit) == Some(&false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::db::DbTime;
    use crate::events::seat_map::tests::small;

    fn request(id: u128, session: &str, wish: Wish) -> Request {
        Request {
            booking_id: Uuid::from_u128(id),
            session: session.into(),
            fingerprint: Uuid::from_u128(id),
            wish,
            trace: HoldTrace::default(),
        }
    }

    fn seats(units: &[u32]) -> Wish {
        Wish::Seats(units.to_vec())
    }

    fn best(quantity: u32) -> Wish {
        Wish::Best { section: 0, quantity, only_together: false }
    }

    fn all_but(seat_map: &SeatMap, taken: &[u32]) -> FreeSeats {
        let mut free = FreeSeats::none(seat_map.seats());
        (0..seat_map.seats()).filter(|unit| !taken.contains(unit)).for_each(|unit| free.insert(unit));
        free
    }

    /// No other batch is under way.
    fn cached(free: FreeSeats) -> CachedSeats {
        let seats = u32::try_from(free.to_bytes().len() * 8).expect("a small hall");
        CachedSeats { free, undecided: FreeSeats::none(seats) }
    }

    /// Decides over a batch against a table in which `taken` seats are taken and `busy` ones are locked by others.
    fn decide(requests: &[Request], taken: &[u32], busy: &[u32], cached_taken: &[u32]) -> Vec<Decision> {
        let seat_map = small(&[8, 8]);
        let requests: Vec<&Request> = requests.iter().collect();
        let proposal = propose(&seat_map, &cached(all_but(&seat_map, cached_taken)), &requests);
        let lockable = proposal.candidates.iter().filter(|unit| !busy.contains(unit));
        let seats = lockable.map(|unit| (*unit, !taken.contains(unit))).collect();
        settle(&seat_map, &requests, &proposal, &Found { seats, ..Found::default() })
    }

    #[test]
    fn the_first_to_come_gets_the_seat_and_one_refusal_fails_alone() {
        let batch = [request(1, "a", seats(&[0, 1])), request(2, "b", seats(&[1, 2])), request(3, "c", seats(&[2, 3]))];
        let decided = decide(&batch, &[], &[], &[]);
        assert_eq!(decided[0], Decision::Hold(vec![0, 1]));
        assert_eq!(decided[1], Decision::Refuse(Refusal::Taken(vec![1])), "named, and only what is taken");
        assert_eq!(decided[2], Decision::Hold(vec![2, 3]), "the refused one blocks nobody");
    }

    #[test]
    fn a_stale_cache_is_found_out_under_the_lock() {
        let batch = [request(1, "a", seats(&[0, 1])), request(2, "b", best(2)), request(3, "c", seats(&[1]))];
        let decided = decide(&batch, &[0, 3, 4], &[], &[]);
        assert_eq!(decided[0], Decision::Refuse(Refusal::Taken(vec![0])));
        assert_eq!(decided[1], Decision::Again, "the best seats are chosen anew");
        assert_eq!(decided[2], Decision::Hold(vec![1]), "what the first one did not get is free");
    }

    #[test]
    fn seats_that_somebody_is_changing_are_asked_for_again() {
        assert_eq!(decide(&[request(1, "a", seats(&[0, 1]))], &[], &[1], &[]), [Decision::Again]);
        let taken = decide(&[request(1, "a", seats(&[0, 1]))], &[0], &[1], &[]);
        assert_eq!(taken, [Decision::Refuse(Refusal::Taken(vec![0]))], "no need to wait for the other one");
    }

    #[test]
    fn nobody_gets_more_than_the_limit_within_a_batch() {
        let batch = [request(1, "a", best(4)), request(2, "a", best(3)), request(3, "a", best(2))];
        let decided = decide(&batch, &[], &[], &[]);
        assert!(matches!(decided[0], Decision::Hold(_)));
        assert_eq!(decided[1], Decision::Refuse(Refusal::Limit { seats_max: 6, has: 4 }));
        assert!(matches!(decided[2], Decision::Hold(_)));
    }

    #[test]
    fn a_known_booking_is_itself_whatever_the_seats_are_now() {
        let seat_map = small(&[8]);
        let cached = cached(all_but(&seat_map, &[0]));
        let (same, other) = (request(1, "a", seats(&[0])), request(1, "a", seats(&[5])));
        let other = Request { fingerprint: Uuid::nil(), ..other };
        let held = Held { units: vec![0], amount: 5000, expires_at: DbTime(7) };
        let known = HashMap::from([(same.booking_id, (same.fingerprint, held.clone()))]);
        let found = Found { known, ..Found::default() };
        for (request, decision) in [(&same, Decision::Known(held)), (&other, Decision::Refuse(Refusal::OtherRequest))] {
            let proposal = propose(&seat_map, &cached, &[request]);
            assert_eq!(settle(&seat_map, &[request], &proposal, &found), [decision]);
        }
    }

    #[test]
    fn a_fan_whom_another_core_serves_is_asked_about_again() {
        let seat_map = small(&[8]);
        let (busy, idle) = (request(1, "a", best(2)), request(2, "b", best(2)));
        let requests = [&busy, &idle];
        let proposal = propose(&seat_map, &cached(all_but(&seat_map, &[])), &requests);
        let seats = proposal.candidates.iter().map(|unit| (*unit, true)).collect();
        let found = Found { seats, busy_sessions: HashSet::from(["a".to_owned()]), ..Found::default() };
        let decided = settle(&seat_map, &requests, &proposal, &found);
        assert!(matches!(decided[..], [Decision::Again, Decision::Hold(_)]), "{decided:?}");
    }

    #[test]
    fn best_seats_that_only_earlier_requests_may_get_are_waited_for() {
        let batch = [request(1, "a", seats(&[0, 1, 2, 3, 4, 5])), request(2, "b", best(3))];
        let cached_taken: Vec<u32> = (6..16).collect();
        let decided = decide(&batch, &[0], &[], &cached_taken);
        assert_eq!(decided, [Decision::Refuse(Refusal::Taken(vec![0])), Decision::Again]);
        let decided = decide(&[request(2, "b", best(7))], &[], &[], &cached_taken);
        assert_eq!(decided, [Decision::Refuse(Refusal::NotEnough { free: 6 })]);
    }

    #[test]
    fn seats_that_another_batch_asks_for_are_left_to_it_until_it_has_ended() {
        let seat_map = small(&[4, 4]);
        let undecided = {
            let mut undecided = FreeSeats::none(seat_map.seats());
            (0..6).for_each(|unit| undecided.insert(unit));
            undecided
        };
        let cached = CachedSeats { free: all_but(&seat_map, &[7]), undecided };
        let batch = [request(1, "a", seats(&[5, 6])), request(2, "b", seats(&[6])), request(3, "c", best(2))];
        let requests: Vec<&Request> = batch.iter().collect();
        let proposal = propose(&seat_map, &cached, &requests);
        assert_eq!(proposal.candidates, [6], "only what nobody else asks for");
        let found = Found { seats: HashMap::from([(6, true)]), ..Found::default() };
        let decided = settle(&seat_map, &requests, &proposal, &found);
        assert_eq!(decided, [Decision::Again, Decision::Hold(vec![6]), Decision::Again], "nobody is refused too early");
        let gone = request(4, "d", seats(&[5, 7]));
        let proposal = propose(&seat_map, &cached, &[&gone]);
        let decided = settle(&seat_map, &[&gone], &proposal, &Found::default());
        assert_eq!(decided, [Decision::Refuse(Refusal::Taken(vec![7]))], "what is taken is taken");
    }

    fn wish() -> impl Strategy<Value = Wish> {
        prop_oneof![
            prop::collection::btree_set(0u32..22, 1..5).prop_map(|units| Wish::Seats(units.into_iter().collect())),
            (0usize..2, 1u32..7, any::<bool>()).prop_map(|(section, quantity, only_together)| Wish::Best {
                section,
                quantity,
                only_together
            }),
        ]
    }

    proptest! {
        #[test]
        fn all_or_nothing_once_and_within_the_limit(
            wishes in prop::collection::vec((0u8..6, wish()), 1..40),
            taken in prop::collection::vec(0u32..22, 0..12),
            busy in prop::collection::vec(0u32..22, 0..4),
            cached_taken in prop::collection::vec(0u32..22, 0..12),
        ) {
            let named = wishes.iter().enumerate();
            let batch: Vec<Request> =
                named.map(|(id, (session, wish))| request(id as u128, &session.to_string(), wish.clone())).collect();
            let decided = decide(&batch, &taken, &busy, &cached_taken);
            let mut gone = HashSet::new();
            let mut has: HashMap<&str, usize> = HashMap::new();
            for (request, decision) in batch.iter().zip(&decided) {
                match decision {
                    Decision::Hold(units) => {
                        match &request.wish {
                            Wish::Seats(wanted) => prop_assert_eq!(units, wanted),
                            Wish::Best { quantity, .. } => prop_assert_eq!(units.len(), *quantity as usize),
                        }
                        for unit in units {
                            prop_assert!(!taken.contains(unit) && !busy.contains(unit), "only what was locked and free");
                            prop_assert!(gone.insert(*unit), "once");
                        }
                        let has = has.entry(&request.session).or_default();
                        *has += units.len();
                        prop_assert!(*has <= 6);
                    }
                    Decision::Refuse(Refusal::Taken(units)) => {
                        let known = |unit: &u32| taken.contains(unit) || cached_taken.contains(unit) || gone.contains(unit);
                        prop_assert!(!units.is_empty() && units.iter().all(known), "taken means taken, or taken before");
                    }
                    _ => {}
                }
            }
        }
    }
}
