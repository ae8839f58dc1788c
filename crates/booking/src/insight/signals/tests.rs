//! Labelled sales: a generated crowd, in which it is known who is honest and who is not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::*;

const HONEST: u64 = 5000;
const SEATS_MAX: usize = 4;
/// The sale lasts so long.
const SALE_MS: i64 = 1_200_000;
/// Units from here on are a section that nobody gets by chance: whoever takes them chooses them.
const CHOSEN: i32 = 100_000;
/// How often it is looked for signals; the reader does so more often.
const LOOK_MS: i64 = 10_000;
/// The same where it does not matter when something is found.
const SELDOM_MS: i64 = 60_000;
/// A ring is found so soon after its third purchase, or after what it does instead for the tenth time.
const FOUND_WITHIN_MS: i64 = 30_000;

fn hall() -> Hall {
    let row = |n: i32| SeatRow { first_unit: n * 40, section: i16::from(n * 40 >= CHOSEN), is_seated: true };
    Hall { seats_max: SEATS_MAX, rows: (0..3000).map(row).collect() }
}

/// Some who belong together.
struct Ring {
    kind: SignalKind,
    fans: BTreeSet<u64>,
    /// When it must have been found.
    due: i64,
}

/// A sale as it is written down.
struct Sale {
    random: ChaCha8Rng,
    log: Vec<Happening>,
    bookings: u128,
    fans: u64,
    next_unit: i32,
    rings: Vec<Ring>,
}

/// How somebody buys.
#[derive(Clone)]
struct Buyer {
    fan: u64,
    network: i64,
    card: i64,
    mailbox: i64,
    pass_age_ms: i32,
    pay_ms: i64,
}

impl Sale {
    fn new(seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { random, log: Vec::new(), bookings: 0, fans: 0, next_unit: 0, rings: Vec::new() }
    }

    /// Around so many, some much more, never less than a fifth.
    fn around(&mut self, ms: i64) -> i64 {
        let spread: f64 = (0..6).map(|_| self.random.random_range(-0.5..0.5)).sum();
        ((ms as f64 * spread.exp()) as i64).max(ms / 5)
    }

    /// Somebody like others: mostly alone in a network, some at a carrier or on a campus with many.
    fn buyer(&mut self) -> Buyer {
        self.fans += 1;
        let fan = self.fans;
        let network = match self.random.random_range(0..100) {
            0..10 => -1 - self.random.random_range(0..2),
            10..30 => -10 - self.random.random_range(0..20),
            _ => self.random.random_range(0..100_000),
        };
        let (pass_age_ms, pay_ms) = (self.around(20_000) as i32, self.around(35_000));
        let own = 1_000_000 + fan as i64;
        Buyer { fan, network, card: own, mailbox: own, pass_age_ms, pay_ms }
    }

    fn say(&mut self, at: i64, kind: &str, (booking, units): (u128, &[i32]), buyer: &Buyer) {
        let pays = matches!(kind, "payment_started" | "booked" | "declined");
        self.log.push(Happening {
            at,
            booking_id: Uuid::from_u128(booking),
            fan: buyer.fan,
            kind: kind.to_owned(),
            units: units.to_vec(),
            network: (kind == "held").then_some(buyer.network),
            pass_age_ms: (kind == "held").then_some(buyer.pass_age_ms),
            mailbox: pays.then_some(buyer.mailbox),
            card: (pays && kind != "payment_started").then_some(buyer.card),
        });
    }

    fn best(&mut self, seats: usize) -> Vec<i32> {
        let first = self.next_unit;
        self.next_unit += i32::try_from(seats).expect("few");
        (first..self.next_unit).collect()
    }

    /// A booking of these seats, held at some time and paid; says when.
    fn buy(&mut self, at: i64, units: &[i32], buyer: &Buyer) -> i64 {
        let booking = self.hold(at, units, buyer);
        self.say(at + buyer.pay_ms, "payment_started", (booking, units), buyer);
        self.say(at + buyer.pay_ms + 400, "booked", (booking, units), buyer);
        at + buyer.pay_ms + 400
    }

    fn hold(&mut self, at: i64, units: &[i32], buyer: &Buyer) -> u128 {
        self.bookings += 1;
        self.say(at, "held", (self.bookings, units), buyer);
        self.bookings
    }

    fn honest(&mut self) {
        // Best seats are given out in the order of time.
        let mut times: Vec<i64> = (0..HONEST).map(|_| self.random.random_range(0..SALE_MS)).collect();
        times.sort_unstable();
        let mut last: Option<Buyer> = None;
        for at in times {
            let (mut buyer, mut is_alone) = (self.buyer(), true);
            // Some couples have one card, and some people come back with another browser.
            if let Some(other) = last.take() {
                is_alone = false;
                match self.random.random_range(0..100) {
                    0..3 => buyer.card = other.card,
                    3..5 => buyer = Buyer { fan: buyer.fan, ..other },
                    _ => is_alone = true,
                }
            }
            let seats = [1, 2, 2, 2, 2, 2, 3, 4, 4][self.random.random_range(0..9)];
            let units = self.best(seats);
            match self.random.random_range(0..100) {
                0..7 => self.drop_and_come_back(at, &units, &buyer),
                7..12 => self.mistype(at, &units, &buyer),
                _ => drop(self.buy(at, &units, &buyer)),
            }
            last = is_alone.then_some(buyer);
        }
    }

    /// Time runs out; some hold the same seats again, twice at most.
    fn drop_and_come_back(&mut self, at: i64, units: &[i32], buyer: &Buyer) {
        let mut at = at;
        for _ in 0..self.random.random_range(1..=3) {
            let booking = self.hold(at, units, buyer);
            at += self.random.random_range(20_000..300_000);
            self.say(at, "cancelled", (booking, units), buyer);
            at += self.random.random_range(1_000..30_000);
        }
    }

    /// One to three declines, some with another card, before it works.
    fn mistype(&mut self, at: i64, units: &[i32], buyer: &Buyer) {
        let booking = self.hold(at, units, buyer);
        let mut at = at + buyer.pay_ms;
        for try_ in 0..self.random.random_range(1..=3) {
            let card = buyer.card + if self.random.random_range(0..3) == 0 { 10_000_000 * (try_ + 1) } else { 0 };
            let tried = Buyer { card, ..buyer.clone() };
            self.say(at, "payment_started", (booking, units), &tried);
            self.say(at + 500, "declined", (booking, units), &tried);
            at += self.around(15_000);
        }
        self.say(at, "payment_started", (booking, units), buyer);
        self.say(at + 500, "booked", (booking, units), buyer);
    }

    fn ring(&mut self, kind: SignalKind, fans: BTreeSet<u64>, mut done: Vec<i64>) {
        done.sort_unstable();
        let which = if matches!(kind, SignalKind::HoldCycling | SignalKind::CardTesting) { 9 } else { 2 };
        self.rings.push(Ring { kind, fans, due: done[which] + FOUND_WITHIN_MS });
    }

    /// Buyers of one ring, a purchase every second or two.
    fn ring_of_buyers(&mut self, kind: SignalKind, from: i64, size: usize, number: i64) {
        let (mut fans, mut done, mut at) = (BTreeSet::new(), Vec::new(), from);
        let mut chosen = CHOSEN + i32::try_from(number).expect("few") * 400;
        for _ in 0..size {
            let mut buyer = self.buyer();
            buyer.network = -1000 - i64::from(self.random.random_range(0..i32::MAX));
            let shared = -1_000_000 - number;
            let mut seats = 2;
            match kind {
                SignalKind::ManyFansOneCard => buyer.card = shared,
                SignalKind::MailboxFamily => buyer.mailbox = shared,
                SignalKind::ManyFansOneNetwork => {
                    (buyer.network, buyer.pay_ms, seats) = (shared, self.random.random_range(2500..4000), SEATS_MAX)
                }
                SignalKind::Superhuman => {
                    (buyer.pass_age_ms, buyer.pay_ms) = (700, 350 + self.random.random_range(-30..30))
                }
                _ => (buyer.pay_ms, seats) = (self.random.random_range(2500..4000), SEATS_MAX),
            }
            let units = if kind == SignalKind::Sweep {
                chosen += i32::try_from(seats).expect("few");
                (chosen - SEATS_MAX as i32..chosen).collect()
            } else {
                self.best(seats)
            };
            fans.insert(buyer.fan);
            let paid_at = self.buy(at, &units, &buyer);
            done.push(paid_at);
            at += self.random.random_range(800..2200);
        }
        self.ring(kind, fans, done);
    }

    /// Fans of one network hold the same seats by turns, so that nobody else can.
    fn ring_of_cyclers(&mut self, from: i64, number: i64) {
        let mut members: Vec<Buyer> = (0..3).map(|_| self.buyer()).collect();
        members.iter_mut().for_each(|buyer| buyer.network = -2_000_000 - number);
        let units: Vec<i32> = self.best(SEATS_MAX);
        let (mut at, mut done) = (from, Vec::new());
        for turn in 0..12 {
            let buyer = members[turn % members.len()].clone();
            let booking = self.hold(at, &units, &buyer);
            done.push(at);
            at += self.random.random_range(8_000..20_000);
            self.say(at, "cancelled", (booking, &units), &buyer);
            at += 500;
        }
        self.ring(SignalKind::HoldCycling, members.iter().map(|buyer| buyer.fan).collect(), done);
    }

    /// One fan tries cards.
    fn tester(&mut self, from: i64) {
        let buyer = self.buyer();
        let (mut at, mut done) = (from, Vec::new());
        for booking in 0..2 {
            let units = self.best(1);
            let id = self.hold(at, &units, &buyer);
            for card in 0..6 {
                at += self.random.random_range(1_500..4_000);
                let tried = Buyer { card: -3_000_000 - i64::from(booking * 10 + card) - at, ..buyer.clone() };
                self.say(at, "payment_started", (id, &units), &tried);
                self.say(at + 300, "declined", (id, &units), &tried);
                done.push(at + 300);
            }
        }
        self.ring(SignalKind::CardTesting, BTreeSet::from([buyer.fan]), done);
    }

    fn rings(&mut self) {
        for number in 0..4 {
            let from = SALE_MS / 5 * (number + 1) - SALE_MS / 12;
            self.ring_of_buyers(SignalKind::ManyFansOneCard, from, 8, number);
            self.ring_of_buyers(SignalKind::MailboxFamily, from, 8, number);
            self.ring_of_buyers(SignalKind::ManyFansOneNetwork, from, 20, number);
            self.ring_of_buyers(SignalKind::Superhuman, from, 6, number);
            self.ring_of_buyers(SignalKind::Sweep, from, 10, number);
            self.ring_of_cyclers(from, number);
            self.tester(from);
        }
    }

    /// The log in the order in which things happened.
    fn log(&mut self) -> Vec<Happening> {
        let mut log = std::mem::take(&mut self.log);
        log.sort_by_key(|happening| happening.at);
        log
    }
}

/// All that was found, as somebody who looks now and then sees it: when, and which.
fn look_now_and_then(log: &[Happening], every_ms: i64) -> Vec<(i64, Signal)> {
    let (hall, mut seen, mut found, mut next) = (hall(), Seen::default(), Vec::new(), every_ms);
    let end = log.last().map_or(0, |happening| happening.at);
    for happening in log {
        while happening.at > next {
            found.extend(signals(&seen, &hall).into_iter().map(|signal| (next, signal)));
            next += every_ms;
        }
        seen.add(happening);
    }
    found.extend(signals(&seen, &hall).into_iter().map(|signal| (end, signal)));
    found
}

#[test]
fn an_honest_crowd_of_five_thousand_is_no_signal() {
    for seed in [1, 2] {
        let mut sale = Sale::new(seed);
        sale.honest();
        let found = look_now_and_then(&sale.log(), SELDOM_MS);
        assert!(found.is_empty(), "seed {seed}: {:#?}", &found[..found.len().min(3)]);
    }
}

#[test]
fn rings_are_found_soon_and_few_others_with_them() {
    let mut sale = Sale::new(3);
    sale.honest();
    sale.rings();
    let log = sale.log();
    let found = look_now_and_then(&log, LOOK_MS);
    let guilty: BTreeSet<u64> = sale.rings.iter().flat_map(|ring| ring.fans.iter().copied()).collect();
    let suspected: BTreeSet<u64> = found.iter().flat_map(|(_, signal)| signal.fans.iter().copied()).collect();
    let right = suspected.intersection(&guilty).count();
    let precision = right as f64 / suspected.len() as f64;
    let wrong: Vec<&Signal> = found
        .iter()
        .map(|(_, signal)| signal)
        .filter(|signal| !signal.fans.iter().any(|fan| guilty.contains(fan)))
        .collect();
    assert!(precision >= 0.95, "precision {precision}: {:#?}", wrong.first());

    let is_found = |ring: &Ring| {
        found.iter().any(|(at, signal)| {
            *at <= ring.due
                && signal.kind == ring.kind
                && signal.fans.iter().filter(|fan| ring.fans.contains(fan)).count() * 3 >= ring.fans.len()
        })
    };
    let mut by_kind: BTreeMap<SignalKind, (usize, usize)> = BTreeMap::new();
    for ring in &sale.rings {
        let (caught, all) = by_kind.entry(ring.kind).or_default();
        (*caught, *all) = (*caught + usize::from(is_found(ring)), *all + 1);
    }
    let caught: usize = by_kind.values().map(|(caught, _)| caught).sum();
    let recall = caught as f64 / sale.rings.len() as f64;
    assert!(recall >= 0.8 && by_kind.values().all(|(caught, _)| *caught > 0), "recall {recall}: {by_kind:?}");
    assert_eq!(by_kind.len(), SignalKind::ALL.len(), "each kind was tried");
}

#[test]
fn a_name_names_its_kind() {
    for kind in SignalKind::ALL {
        assert_eq!(SignalKind::from_name(kind.name()), Some(kind));
        assert_eq!(serde_json::json!(kind), kind.name(), "clients read the same names");
    }
}

fn anything() -> impl Strategy<Value = Happening> {
    let kinds = ["held", "payment_started", "declined", "booked", "expired", "cancelled", "refunded"];
    let digest = || prop::option::of(0i64..3);
    (
        (0i64..10_000, 0u128..40, 0u64..12, prop::sample::select(kinds.to_vec())),
        (0i32..200, 1i32..5, digest(), prop::option::of(0i32..2000), digest(), digest()),
    )
        .prop_map(|((at, id, fan, kind), (first, seats, network, pass_age_ms, mailbox, card))| Happening {
            at,
            booking_id: Uuid::from_u128(id),
            fan,
            kind: kind.to_owned(),
            units: (first..first + seats).collect(),
            network,
            pass_age_ms,
            mailbox,
            card,
        })
}

/// In a fixed order, whatever order the tables of the process have.
fn in_order(seen: &Seen) -> Vec<Signal> {
    let mut found = signals(seen, &hall());
    found.sort_by(|one, other| (one.kind, &one.subject).cmp(&(other.kind, &other.subject)));
    found
}

proptest! {
    #[test]
    fn pages_may_be_cut_anywhere_and_whatever_happened_scores_are_scores(
        rows in prop::collection::vec(anything(), 0..150), cut in 0usize..150,
    ) {
        let fold = |mut seen: Seen, rows: &[Happening]| { rows.iter().for_each(|row| seen.add(row)); seen };
        let whole = fold(Seen::default(), &rows);
        let (first, second) = rows.split_at(cut.min(rows.len()));
        // Between two pages it may be looked for signals.
        let half = fold(Seen::default(), first);
        let _ = signals(&half, &hall());
        let apart = fold(half, second);
        prop_assert_eq!(in_order(&apart), in_order(&whole));
        for signal in in_order(&whole) {
            prop_assert!((0.0..=1.0).contains(&signal.score), "{:?}", signal);
            prop_assert!(!signal.fans.is_empty() && !signal.bookings.is_empty() && !signal.why.is_empty());
            prop_assert!(signal.evidence.values().all(|number| number.is_finite()), "{:?}", signal);
        }
    }

    #[test]
    fn two_with_one_card_are_nothing_and_three_are_a_signal(fans in 1u64..12, times in 1u128..3) {
        let mut seen = Seen::default();
        for fan in 0..fans {
            for time in 0..times {
                let id = Uuid::from_u128(u128::from(fan) * 10 + time);
                let unit = i32::try_from(fan).expect("few") * 200 + i32::try_from(time).expect("few") * 50;
                let held = Happening {
                    at: 1, booking_id: id, fan, kind: "held".into(), units: vec![unit],
                    network: None, pass_age_ms: None, mailbox: None, card: None,
                };
                seen.add(&held);
                seen.add(&Happening { at: 60_000, kind: "booked".into(), card: Some(7), ..held });
            }
        }
        let found = signals(&seen, &hall());
        prop_assert_eq!(found.len(), usize::from(fans >= 3), "{:?}", found);
        if let [signal] = found.as_slice() {
            prop_assert_eq!((signal.kind, signal.fans.len()), (SignalKind::ManyFansOneCard, usize::try_from(fans).expect("few")));
        }
    }

    #[test]
    fn a_network_that_buys_like_everybody_is_no_signal(campus in 4u64..400, others in 100u64..400, each in 2u64..6) {
        // Every `each`-th fan takes all, on the campus and elsewhere.
        let mut seen = Seen::default();
        for fan in 0..campus + others {
            let first = i32::try_from(fan).expect("few") * 10;
            let seats = if fan % each == 0 { SEATS_MAX as i32 } else { 1 };
            let held = Happening {
                at: fan as i64, booking_id: Uuid::from_u128(u128::from(fan)), fan, kind: "held".into(),
                units: (first..first + seats).collect(), network: Some(if fan < campus { -1 } else { fan as i64 }),
                pass_age_ms: None, mailbox: None, card: None,
            };
            seen.add(&held);
            seen.add(&Happening { at: 60_000 + fan as i64, kind: "payment_started".into(), ..held.clone() });
            seen.add(&Happening { at: 61_000 + fan as i64, kind: "booked".into(), ..held });
        }
        let found = signals(&seen, &hall());
        prop_assert!(found.is_empty(), "{:?}", found);
    }
}
