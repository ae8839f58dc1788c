//! One fan: looks, joins, waits, claims and shops as the waiting page and a shopper do, at another edge every time.

use fairgate::edge::Standing;
use fairgate_core::room::{KeyName, Phase};
use fairgate_crowd::pace::{Poll, join_delay_ms, poll_delay_ms};
use fairgate_token::{Pass, Ticket};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::edge::{Answer, FanCall};
use super::people::Person;

/// As the status says it.
const POLL: Poll = Poll { floor_ms: 2_000, ceiling_ms: 30_000, divisor: 10 };
/// The page gives a request up after that.
pub(crate) const ANSWER_WITHIN_MS: u64 = 15_000;

/// What somebody means to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Waits, comes in and shops.
    Stays,
    /// Gives up the place, once there is one.
    Leaves,
    /// Closes the page some time after joining.
    GoesAway,
}

/// A fan.
#[derive(Debug)]
pub(crate) struct Fan {
    pub(crate) number: usize,
    pub(crate) way: Way,
    nonce: [u8; 16],
    /// Who it is, in a room that asks for an identity.
    person: Option<Person>,
    /// With what its second device is still to join.
    second: Option<[u8; 16]>,
    /// The keys of both devices, where places are bound to keys.
    keys: Option<[KeyName; 2]>,
    /// Is to move the place, until it hears that it has moved.
    is_moving: bool,
    /// The place is the second device's.
    has_moved: bool,
    /// The first device is still to try what it has handed over.
    tries_first: bool,
    pub(crate) ticket: Option<Ticket>,
    pass: Option<Pass>,
    /// The request that is under way.
    pub(crate) ask: Option<(u64, Wanted)>,
    next: Wanted,
    asks: u64,
    failures: u32,
    saw_it_closed: bool,
    pub(crate) was_inside: bool,
    /// Has asked to give the place up.
    gives_up: bool,
    pub(crate) is_done: bool,
    shops_until_ms: u64,
}

/// What a fan asks for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Status,
    Join,
    /// Joins on a second device.
    ComeAgain,
    /// Moves the place to the second device, which has accepted it.
    Move,
    /// Claims with the device that has handed the place over.
    ClaimFirst,
    Claim,
    Leave,
    Visit,
}

/// What an answer led to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    None,
    Joined(Ticket),
    /// Has joined on a second device.
    CameAgain(Ticket),
    /// The place is the second device's.
    Moved,
    /// The first device is told that it has handed the place over.
    TurnedAway,
    /// The first device was let in with it all the same.
    FirstCameIn {
        place: u64,
    },
    Admitted {
        pass: Pass,
        admitted_at_ms: u64,
    },
    /// In the shop for the first time.
    Entered,
    /// The place is gone.
    Lost(u16),
    Failed(u16),
    /// Is called, and has to ask again.
    Waits {
        retry_after_ms: u64,
    },
    /// Goes home, and nothing is owed.
    WentHome,
}

impl Fan {
    pub(crate) fn new(number: usize, random: &mut ChaCha8Rng) -> Self {
        let way = match random.random_range(0..20) {
            0 => Way::Leaves,
            1 | 2 => Way::GoesAway,
            _ => Way::Stays,
        };
        Self {
            number,
            way,
            nonce: random.random(),
            person: None,
            second: None,
            keys: None,
            is_moving: false,
            has_moved: false,
            tries_first: false,
            ticket: None,
            pass: None,
            ask: None,
            next: Wanted::Status,
            asks: 0,
            failures: 0,
            saw_it_closed: false,
            was_inside: false,
            gives_up: false,
            is_done: false,
            shops_until_ms: 0,
        }
    }

    /// Who it is, in a room that asks for an identity, and with what a second device joins.
    pub(crate) fn be(&mut self, (person, second): (Person, Option<[u8; 16]>)) {
        (self.person, self.second) = (Some(person), second);
    }

    /// The keys of its two devices, where places are bound to keys.
    pub(crate) fn hold(&mut self, keys: [KeyName; 2]) {
        self.keys = Some(keys);
    }

    /// The key of the device that has the place.
    fn key(&self) -> Option<KeyName> {
        self.keys.map(|[first, second]| if self.has_moved { second } else { first })
    }

    /// The pass that it has.
    pub(crate) fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }

    /// The next request, unless one is under way or there is none any more.
    pub(crate) fn turn(&mut self, now_ms: u64) -> Option<(u64, FanCall)> {
        if self.is_done || self.ask.is_some() {
            return None;
        }
        let call = self.call(now_ms)?;
        self.asks += 1;
        self.ask = Some((self.asks, self.next));
        Some((self.asks, call))
    }

    fn call(&mut self, now_ms: u64) -> Option<FanCall> {
        match (self.next, &self.ticket, &self.pass) {
            (Wanted::Join, ticket, _) => {
                Some(FanCall::Join { nonce: self.nonce, ticket: ticket.clone(), person: self.person })
            }
            (Wanted::ComeAgain, ..) => {
                self.second.map(|nonce| FanCall::Join { nonce, ticket: None, person: self.person })
            }
            (Wanted::Claim, Some(ticket), _) => Some(FanCall::Claim { ticket: ticket.clone(), key: self.key() }),
            (Wanted::ClaimFirst, Some(ticket), _) => {
                Some(FanCall::Claim { ticket: ticket.clone(), key: self.keys.map(|[first, _]| first) })
            }
            (Wanted::Move, Some(ticket), _) => self.keys.map(|keys| FanCall::Move { ticket: ticket.clone(), keys }),
            (Wanted::Leave, Some(ticket), _) => Some(FanCall::Leave { ticket: ticket.clone() }),
            (Wanted::Visit, _, Some(pass)) => {
                Some(FanCall::Visit { pass: pass.clone(), is_done: self.was_inside && now_ms >= self.shops_until_ms })
            }
            _ => {
                self.next = Wanted::Status;
                Some(FanCall::Status)
            }
        }
    }

    /// True if the last request went unanswered. No fan's own connection fails twice in a row.
    pub(crate) fn has_had_bad_luck(&self) -> bool {
        self.failures > 0
    }

    /// Nothing has come back in time.
    pub(crate) fn gave_up(&mut self, ask: u64, random: &mut ChaCha8Rng) -> Option<u64> {
        self.ask.take_if(|(asked, _)| *asked == ask)?;
        Some(self.retry(0, random))
    }

    /// An answer; what it led to, and when the fan does something next.
    pub(crate) fn answered(
        &mut self,
        answer: Answer,
        session_ms: u64,
        now_ms: u64,
        random: &mut ChaCha8Rng,
    ) -> (News, Option<u64>) {
        if self.next == Wanted::ClaimFirst {
            return self.tried_first(&answer, random);
        }
        match answer {
            Answer::Status(shown) => self.looked(&shown.standing, random),
            Answer::Joined(ticket) if self.next == Wanted::ComeAgain => {
                self.second = None;
                let again_ms = self.look_after(random.random_range(200..2_000));
                self.is_moving = self.keys.is_some();
                (News::CameAgain(ticket), Some(again_ms))
            }
            Answer::Moved => {
                (self.is_moving, self.has_moved, self.tries_first) = (false, true, true);
                (News::Moved, Some(self.look_after(random.random_range(200..2_000))))
            }
            Answer::Joined(ticket) => {
                self.failures = 0;
                self.ticket = Some(ticket.clone());
                (News::Joined(ticket), Some(self.look_after(random.random_range(200..2_000))))
            }
            Answer::Admitted { pass, admitted_at_ms } => {
                self.failures = 0;
                self.pass = Some(pass.clone());
                self.next = Wanted::Visit;
                (News::Admitted { pass, admitted_at_ms }, Some(1_200))
            }
            Answer::Wait { is_called: true, retry_after_ms } => {
                let spread = 1.0 + 0.3 * random.random::<f64>();
                let again_ms = self.look_after((retry_after_ms as f64 * spread) as u64);
                (News::Waits { retry_after_ms }, Some(again_ms))
            }
            Answer::Wait { is_called: false, .. } => {
                (News::None, Some(self.look_after(poll_delay_ms(POLL, 0.0, random.random()))))
            }
            // Whoever was inside has had what the place was worth, and whoever gave it up wants no more.
            Answer::Lost(_) if self.was_inside || self.gives_up => self.go_home(),
            Answer::Elsewhere => {
                self.is_done = true;
                (News::Lost(409), None)
            }
            Answer::Lost(status) => {
                self.is_done = true;
                (News::Lost(status), None)
            }
            Answer::Fail(status) => {
                let retry_ms = self.retry(1_000, random);
                (News::Failed(status), Some(retry_ms))
            }
            Answer::Left => self.go_home(),
            Answer::Inside(renewed) => self.inside(renewed, session_ms, now_ms, random),
            Answer::Outside => {
                self.pass = None;
                (News::None, Some(self.look_after(500)))
            }
        }
    }

    /// What became of the claim of a device that has handed the place over.
    fn tried_first(&mut self, answer: &Answer, random: &mut ChaCha8Rng) -> (News, Option<u64>) {
        let again_ms = self.look_after(random.random_range(200..2_000));
        match answer {
            Answer::Elsewhere => (News::TurnedAway, Some(again_ms)),
            Answer::Admitted { pass, .. } => (News::FirstCameIn { place: pass.place }, Some(again_ms)),
            // The store is out of reach: it tries again.
            Answer::Fail(_) => {
                self.tries_first = true;
                (News::None, Some(again_ms))
            }
            _ => (News::None, Some(again_ms)),
        }
    }

    fn looked(&mut self, standing: &Standing, random: &mut ChaCha8Rng) -> (News, Option<u64>) {
        let view = &standing.view;
        let Some(ticket) = &self.ticket else { return self.looked_without_ticket(standing, random) };
        if !standing.has_draw_of(ticket) {
            // The page forgets a ticket of another draw.
            self.is_done = true;
            return (News::Lost(409), None);
        }
        if self.way == Way::GoesAway && random.random_range(0..8) == 0 {
            return self.go_home();
        }
        if self.is_moving && view.phase != Phase::Ended {
            self.next = Wanted::Move;
            return (News::None, Some(0));
        }
        if self.second.is_some() && view.phase != Phase::Ended && random.random_range(0..6) == 0 {
            self.next = Wanted::ComeAgain;
            return (News::None, Some(0));
        }
        let interest_ms = match (view.phase, standing.place_of(ticket)) {
            (Phase::Ended, _) => return self.go_home(),
            (Phase::Serving, Some(_)) if self.way == Way::Leaves && random.random_range(0..4) == 0 => {
                (self.next, self.gives_up) = (Wanted::Leave, true);
                return (News::None, Some(0));
            }
            (Phase::Serving, Some(place)) if place < view.serving => {
                self.next = if std::mem::take(&mut self.tries_first) { Wanted::ClaimFirst } else { Wanted::Claim };
                return (News::None, Some(0));
            }
            (Phase::Serving, Some(place)) => {
                (place - view.serving) as f64 * 60_000.0 / f64::from(view.rate_per_minute.max(1))
            }
            (Phase::Pooling | Phase::Idle, _) => view.starts_at_ms.saturating_sub(view.now_ms) as f64,
            (Phase::Drawing | Phase::Serving, _) => 0.0,
        };
        (News::None, Some(self.look_after(poll_delay_ms(POLL, interest_ms, random.random()))))
    }

    fn looked_without_ticket(&mut self, standing: &Standing, random: &mut ChaCha8Rng) -> (News, Option<u64>) {
        let view = &standing.view;
        match view.phase {
            Phase::Ended => self.go_home(),
            Phase::Idle => {
                self.saw_it_closed = true;
                let interest_ms = view.opens_at_ms.saturating_sub(view.now_ms) as f64;
                (News::None, Some(self.look_after(poll_delay_ms(POLL, interest_ms, random.random()))))
            }
            Phase::Pooling | Phase::Drawing | Phase::Serving => {
                self.next = Wanted::Join;
                // Who saw the pool open waits a moment.
                let pool_ms =
                    if std::mem::take(&mut self.saw_it_closed) { view.starts_at_ms - view.opens_at_ms } else { 0 };
                (News::None, Some(join_delay_ms(pool_ms, random.random())))
            }
        }
    }

    fn inside(
        &mut self,
        renewed: Option<Pass>,
        session_ms: u64,
        now_ms: u64,
        random: &mut ChaCha8Rng,
    ) -> (News, Option<u64>) {
        self.failures = 0;
        if self.was_inside && now_ms >= self.shops_until_ms {
            return self.go_home();
        }
        self.pass = renewed.or_else(|| self.pass.take());
        self.next = Wanted::Visit;
        let pause_ms = random.random_range(1_000..8_000);
        if std::mem::replace(&mut self.was_inside, true) {
            return (News::None, Some(pause_ms));
        }
        self.shops_until_ms = now_ms + random.random_range(session_ms / 2..=session_ms * 3 / 2);
        (News::Entered, Some(pause_ms))
    }

    fn go_home(&mut self) -> (News, Option<u64>) {
        self.is_done = true;
        (News::WentHome, None)
    }

    /// A turn has gone well, and the next one begins with a look.
    fn look_after(&mut self, after_ms: u64) -> u64 {
        self.failures = 0;
        self.next = Wanted::Status;
        after_ms
    }

    /// As `retryDelay` in `pages/waiting/pace.js`; the page looks first and then asks again.
    fn retry(&mut self, hint_ms: u64, random: &mut ChaCha8Rng) -> u64 {
        self.failures += 1;
        if self.next != Wanted::Visit {
            self.next = Wanted::Status;
        }
        let backoff_ms = (POLL.floor_ms << (self.failures - 1).min(16)).min(POLL.ceiling_ms) as f64;
        let chance: f64 = random.random();
        (backoff_ms * (0.5 + chance)).max(hint_ms as f64 * (1.0 + 0.5 * chance)) as u64
    }
}
