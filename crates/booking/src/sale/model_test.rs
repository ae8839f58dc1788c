//! A model of several cores over one table, in memory. It generates batches, payments, cancellations, stale caches and
//! time, and says what must be true after each of them.

use std::collections::HashMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::allocate::{self, CachedSeats, Decision, Found, Refusal, Request, Wish};
use super::booking::Held;
use super::free_seats::FreeSeats;
use super::seat_cache::SeatCache;
use crate::db::DbTime;
use crate::events::seat_map::SeatMap;
use crate::events::seat_map::tests::small;
use crate::traces::HoldTrace;

const HOLD_MS: i64 = 100;
const CORES: usize = 2;

/// What may happen.
#[derive(Clone, Debug)]
enum Event {
    /// A core serves a batch of (session, key, wish), while it cannot lock some seats and another batch asks for others.
    Batch { core: usize, asked: Vec<(u8, u8, Wish)>, busy: Vec<u32>, asked_elsewhere: Vec<u32> },
    /// Somebody pays the booking with this number, if it can be paid.
    Pay(usize),
    /// Somebody gives the booking with this number back.
    GiveBack(usize),
    /// A core learns what the others did.
    Feed(usize),
    /// Time passes.
    Wait(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Held,
    Confirmed,
    Cancelled,
}

struct Booking {
    session: String,
    fingerprint: Uuid,
    held: Held,
    status: Status,
}

/// The tables, and what each core has cached of them.
struct World {
    seat_map: SeatMap,
    now: DbTime,
    /// Until when, and by which booking.
    seats: Vec<(DbTime, Option<Uuid>)>,
    bookings: Vec<(Uuid, Booking)>,
    cached: Vec<SeatCache>,
}

impl World {
    fn new() -> Self {
        let seat_map = small(&[6, 6]);
        let seats = vec![(DbTime::NEVER, None); seat_map.seats() as usize];
        let seat_cache = SeatCache::new(vec![DbTime::NEVER; seat_map.seats() as usize]);
        Self { seat_map, now: DbTime(1_000), seats, bookings: Vec::new(), cached: vec![seat_cache; CORES] }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Batch { core, asked, busy, asked_elsewhere } => self.serve(core, &asked, &busy, &asked_elsewhere),
            Event::Pay(number) => self.pay(number),
            Event::GiveBack(number) => self.give_back(number),
            Event::Feed(core) => {
                let generation = self.cached[core].generation();
                let read: Vec<_> = (0..).zip(self.seats.iter().map(|seat| seat.0)).collect();
                assert!(self.cached[core].correct(&read, generation).is_empty());
            }
            Event::Wait(ms) => self.now = DbTime(self.now.0 + ms),
        }
        self.check();
    }

    fn serve(&mut self, core: usize, asked: &[(u8, u8, Wish)], busy: &[u32], asked_elsewhere: &[u32]) {
        let request = |(session, key, wish): &(u8, u8, Wish)| Request {
            booking_id: Uuid::from_u128(u128::from(*session) << 8 | u128::from(*key)),
            session: session.to_string(),
            fingerprint: fingerprint(wish),
            wish: wish.clone(),
            trace: HoldTrace::default(),
        };
        let requests: Vec<Request> = asked.iter().map(request).collect();
        let requests: Vec<&Request> = requests.iter().collect();
        let mut undecided = FreeSeats::none(self.seat_map.seats());
        asked_elsewhere.iter().for_each(|&unit| undecided.insert(unit));
        let cached = CachedSeats { free: self.cached[core].free_at(self.now).clone(), undecided };
        let proposal = allocate::propose(&self.seat_map, &cached, &requests);
        assert!(proposal.candidates.iter().all(|unit| !asked_elsewhere.contains(unit)), "one batch a seat");
        let found = self.look(&proposal.candidates, busy);
        for (&unit, &is_free) in found.seats.iter().filter(|seat| !seat.1) {
            assert!(!is_free);
            self.cached[core].note(&[unit], self.seats[unit as usize].0);
        }
        let decisions = allocate::settle(&self.seat_map, &requests, &proposal, &found);
        for (request, decision) in requests.iter().zip(decisions) {
            self.write(core, request, decision);
        }
    }

    fn look(&self, candidates: &[u32], busy: &[u32]) -> Found {
        let lockable = candidates.iter().filter(|unit| !busy.contains(unit));
        let mut session_seats: HashMap<String, u32> = HashMap::new();
        for (_, booking) in self.bookings.iter().filter(|(_, booking)| self.is_live(booking)) {
            *session_seats.entry(booking.session.clone()).or_default() += booking.held.units.len() as u32;
        }
        Found {
            seats: lockable.map(|&unit| (unit, self.seats[unit as usize].0 <= self.now)).collect(),
            known: self.bookings.iter().map(|(id, it)| (*id, (it.fingerprint, it.held.clone()))).collect(),
            session_seats,
            ..Found::default()
        }
    }

    fn write(&mut self, core: usize, request: &Request, decision: Decision) {
        let known = self.bookings.iter().find(|(id, _)| *id == request.booking_id).map(|(_, booking)| booking);
        match decision {
            Decision::Hold(units) => {
                assert!(known.is_none(), "one key, one booking");
                let until = DbTime(self.now.0 + HOLD_MS);
                for &unit in &units {
                    assert!(self.seats[unit as usize].0 <= self.now, "only free seats");
                    self.seats[unit as usize] = (until, Some(request.booking_id));
                }
                self.cached[core].note(&units, until);
                let held = Held { amount: self.seat_map.price(&units), units, expires_at: until };
                let (session, fingerprint) = (request.session.clone(), request.fingerprint);
                self.bookings.push((request.booking_id, Booking { session, fingerprint, held, status: Status::Held }));
            }
            Decision::Known(held) => {
                assert!(known.is_some_and(|known| known.held == held && known.fingerprint == request.fingerprint))
            }
            Decision::Refuse(Refusal::OtherRequest) => {
                assert!(known.is_some_and(|known| known.fingerprint != request.fingerprint))
            }
            Decision::Refuse(_) => assert!(known.is_none(), "a booking is never refused afterwards"),
            Decision::Again => {}
        }
    }

    fn pay(&mut self, number: usize) {
        let Some(count) = self.bookings.len().checked_sub(1) else { return };
        let (id, booking) = &mut self.bookings[number % (count + 1)];
        let mut units = booking.held.units.iter().map(|&unit| &self.seats[unit as usize]);
        // Late or not: the seats are still its own, or nobody's.
        if booking.status == Status::Held && units.all(|seat| seat.1 == Some(*id) || seat.0 <= self.now) {
            booking.status = Status::Confirmed;
            booking.held.units.iter().for_each(|&unit| self.seats[unit as usize] = (DbTime::FOREVER, Some(*id)));
        }
    }

    fn give_back(&mut self, number: usize) {
        let Some(count) = self.bookings.len().checked_sub(1) else { return };
        let (id, booking) = &mut self.bookings[number % (count + 1)];
        if booking.status == Status::Held {
            booking.status = Status::Cancelled;
            let own = booking.held.units.iter().filter(|&&unit| self.seats[unit as usize].1 == Some(*id));
            let own: Vec<u32> = own.copied().collect();
            own.into_iter().for_each(|unit| self.seats[unit as usize] = (DbTime::NEVER, None));
        }
    }

    fn is_live(&self, booking: &Booking) -> bool {
        booking.status == Status::Confirmed || (booking.status == Status::Held && booking.held.expires_at > self.now)
    }

    /// The bank's checker.
    fn check(&self) {
        let live: Vec<&(Uuid, Booking)> = self.bookings.iter().filter(|(_, booking)| self.is_live(booking)).collect();
        for (id, booking) in &live {
            for &unit in &booking.held.units {
                assert_eq!(self.seats[unit as usize].1, Some(*id), "a seat of a live booking is its own");
            }
        }
        let gone = self.seats.iter().filter(|seat| seat.0 > self.now).count();
        assert_eq!(
            gone,
            live.iter().map(|(_, it)| it.held.units.len()).sum::<usize>(),
            "free + held + sold = capacity"
        );
        let mut has: HashMap<&str, usize> = HashMap::new();
        // Who pays late may come to have more than the limit; who reserves may not.
        for (_, booking) in live.iter().filter(|(_, booking)| booking.status == Status::Held) {
            *has.entry(&booking.session).or_default() += booking.held.units.len();
        }
        assert!(
            has.values().all(|&seats| seats <= self.seat_map.facts.fan_seats_max as usize),
            "nobody holds too many"
        );
    }
}

/// The same wish, the same fingerprint.
fn fingerprint(wish: &Wish) -> Uuid {
    Uuid::from_u128(match wish {
        Wish::Seats(units) => units.iter().fold(1, |fingerprint, unit| fingerprint << 5 | u128::from(*unit)),
        Wish::Best { section, quantity, only_together } => {
            (*section as u128) << 100 | u128::from(*quantity) << 110 | u128::from(*only_together) << 120
        }
    })
}

fn wish() -> impl Strategy<Value = Wish> {
    let best = |(section, quantity, only_together)| Wish::Best { section, quantity, only_together };
    prop_oneof![
        prop::collection::btree_set(0u32..18, 1..4).prop_map(|units| Wish::Seats(units.into_iter().collect())),
        (0usize..2, 1u32..5, any::<bool>()).prop_map(best),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let asked = prop::collection::vec((0u8..5, 0u8..6, wish()), 1..12);
    let some_seats = || prop::collection::vec(0u32..18, 0..3);
    let batch = (0..CORES, asked, some_seats(), some_seats());
    prop_oneof![
        6 => batch.prop_map(|(core, asked, busy, asked_elsewhere)| Event::Batch { core, asked, busy, asked_elsewhere }),
        2 => any::<usize>().prop_map(Event::Pay),
        1 => any::<usize>().prop_map(Event::GiveBack),
        1 => (0..CORES).prop_map(Event::Feed),
        2 => (1i64..80).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_books_are_right(events in prop::collection::vec(event(), 1..40)) {
        let mut world = World::new();
        events.into_iter().for_each(|event| world.apply(event));
    }
}
