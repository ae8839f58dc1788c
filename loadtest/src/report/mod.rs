//! The report of a run: what came of it, how long it took, and whether every promise was kept.

mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fan::{Behaviour, Fate};
use crate::recorder::Latency;
use crate::timeline::ShopSecond;

/// What a run found. `Display` is the report for people; serialised it is the one for programs, with stable names.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// True if every invariant held.
    pub held: bool,
    /// Fans and bots sent.
    pub sent: u64,
    /// Of them, bots.
    pub bots: u64,
    /// Hold a ticket to the draw.
    pub pooled: u64,
    /// Worked out their drawn place.
    pub drawn: u64,
    /// Came after the start.
    pub queued: u64,
    /// Stand below the last `serving` that anybody saw.
    pub called: u64,
    /// Were let in.
    pub admitted: u64,
    /// Paid for seats.
    pub booked: u64,
    /// Seats paid for.
    pub seats_sold: u64,
    /// Seats that two fans paid for.
    pub seats_sold_twice: u64,
    /// Answers that should not have been, and answers that never came.
    pub errors: u64,
    /// The same by kind.
    pub errors_by_kind: BTreeMap<String, u64>,
    /// How often the server asked to come back later, by kind; fans do.
    pub turned_away_by_kind: BTreeMap<String, u64>,
    /// The most admissions in any window of one second.
    pub admitted_max_in_1s: u64,
    /// The most that the room's policy allows in one second.
    pub cap_in_1s: u64,
    /// Do places depend on arrival: the probability of a table at least as uneven if they do not (p-value).
    pub places_p_value: Option<f64>,
    /// Did bots get other places than everyone else: a p-value like the last one.
    pub bots_p_value: Option<f64>,
    /// Pooled fans by arrival: how their places spread.
    pub arrival_deciles: Vec<ArrivalDecile>,
    /// Latencies by kind of request, in milliseconds; `all` of them together, `connect` beside them.
    pub latency_ms: BTreeMap<String, Latency>,
    /// How the shop felt to those inside, second by second from the start of the run.
    pub shop_by_second: Vec<ShopSecond>,
    /// All answers.
    pub requests: u64,
    /// The most sockets that were open at once.
    pub connections_max: u64,
    /// How long the run took.
    pub duration_ms: u64,
    /// What became of everyone.
    pub fates: BTreeMap<Fate, u64>,
    /// Who came, and how many of them were let in.
    pub behaviours: BTreeMap<Behaviour, BehaviourCount>,
    /// Every promise, and whether it was kept.
    pub invariants: Vec<Invariant>,
}

/// One tenth of the pool by arrival.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArrivalDecile {
    /// Fans in it.
    pub fans: u64,
    /// Their mean place, as a fraction of the pool: a half where arrival does not matter.
    pub mean_place: f64,
}

/// How many behaved in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BehaviourCount {
    /// Fans.
    pub fans: u64,
    /// Of them, let in.
    pub admitted: u64,
    /// Of them, booked.
    pub booked: u64,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invariant {
    /// Its name, for programs.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// True if the invariant was kept.
    pub held: bool,
    /// How many facts it was tested on; a promise about nothing is kept, and says so here.
    pub checked: u64,
    /// The first few facts against it.
    pub findings: Vec<String>,
}
