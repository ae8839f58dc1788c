//! Generated histories of a room: operations in an order that nobody would have thought of.

use fairgate_core::room::{Control, Late, Limit, Mode, Policy, Ramp, SILENCE_MS, Spot, Steering};
use proptest::prelude::*;

use crate::operations::{Comer, MINUTE_MS, Op, START_MS, Wanted};

/// A policy of small numbers, so that every limit is met.
pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let durations = (any_ms(30_000), any_ms(300_000), any_ms(600_000), 1_999..10_000_u64);
    let steered = (any_late(), any_mode(), 0..300_u32);
    (0..3_000_u32, 0..12_u32, 0..20_u64, durations, steered).prop_map(
        |(
            rate_per_minute,
            burst,
            max_active,
            (grace_ms, session_idle_ms, session_max_ms, witness_ms),
            (late, mode, floor_per_minute),
        )| Policy {
            rate_per_minute,
            burst,
            max_active,
            grace_ms,
            session_idle_ms,
            session_max_ms,
            witness_ms,
            late,
            mode,
            target_ms: 500,
            floor_per_minute,
        },
    )
}

/// Often round, so that several things are due at the same instant.
fn any_ms(max_ms: u64) -> impl Strategy<Value = u64> {
    prop_oneof![(0..max_ms / 5_000).prop_map(|round| round * 5_000), 0..max_ms]
}

/// A history that begins anywhere in a sale's life.
pub(crate) fn any_history(steps: usize) -> impl Strategy<Value = Vec<Op>> {
    let rest = prop::collection::vec(prop_oneof![14 => any_op().prop_map(|op| vec![op]), 1 => any_looks()], 0..steps);
    (any_beginning(), rest).prop_map(|(mut history, rest)| {
        history.extend(rest.into_iter().flatten());
        history
    })
}

/// A history in which the room is told now and then that numbers were given which it does not know.
pub(crate) fn any_history_with_receipts(steps: usize) -> impl Strategy<Value = Vec<Op>> {
    let receipts = prop::collection::vec((any::<prop::sample::Index>(), -3..40_i64), 0..3);
    (any_history(steps), receipts).prop_map(|(mut history, receipts)| {
        for (at, beyond) in receipts {
            history.insert(at.index(history.len() + 1), Op::Learn(beyond));
        }
        history
    })
}

/// A history of a room with tiers that begins anywhere in a sale's life.
pub(crate) fn any_tier_history(steps: usize) -> impl Strategy<Value = Vec<Op>> {
    let beginning = (0..6_usize, valid_policy(), any::<bool>(), 1..4_u8, any_comers(12));
    (beginning, prop::collection::vec(prop_oneof![14 => any_tier_op(), 1 => any_looks()], 0..steps)).prop_map(
        |((length, policy, asks_identity, tiers, comers), rest)| {
            let comers = comers.into_iter().map(|comer| if asks_identity { comer } else { anonymous(comer) });
            let all = vec![
                Op::ScheduleTiers { times: 0, policy: policy.clone(), asks_identity, tiers },
                Op::Wait(MINUTE_MS),
                Op::Arrive(comers.filter(|comer| comer.tier < tiers).collect()),
                Op::Wait(2 * MINUTE_MS),
                Op::FreezeTiers { off_by: 0, root: 0 },
                Op::Wait(policy.witness_ms),
                Op::Reveal { beacon: false },
            ];
            let length = if length >= 3 { all.len() } else { length };
            let rest = rest.into_iter().flatten().map(|op| match op {
                Op::Arrive(comers) if !asks_identity => Op::Arrive(comers.into_iter().map(anonymous).collect()),
                op => op,
            });
            all.into_iter().take(length).chain(rest).collect()
        },
    )
}

fn anonymous(comer: Comer) -> Comer {
    Comer { person: 0, several: 0, others: Vec::new(), replaces: None, ..comer }
}

fn any_comers(most: usize) -> impl Strategy<Value = Vec<Comer>> {
    prop::collection::vec(any_comer(), 0..most)
}

fn any_comer() -> impl Strategy<Value = Comer> {
    let spot = prop_oneof![
        (0..3_u8, 0..4_u64).prop_map(|(tier, index)| Spot::Pool { tier, index }),
        (0..16_u64).prop_map(|place| Spot::Line { place }),
    ];
    let lost = (spot, 0..12_u64).prop_map(|(at, place)| match at {
        // In the line a position is its place, mostly.
        Spot::Line { place: at } if at % 4 > 0 => (Spot::Line { place: at }, at),
        at => (at, place),
    });
    let person = prop_oneof![60 => 1..14_u8, 1 => Just(0)];
    let more = (
        prop_oneof![6 => Just(0), 1 => 1..5_u8],
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(1..16_u8, 1..3)],
        // A code has as many uses whoever shows it.
        prop::option::weighted(0.1, (0..2_u8).prop_map(|rank| (rank, rank + 1))),
        prop::option::weighted(0.3, 0..5_u8),
        prop::option::weighted(0.3, lost),
    );
    let tier = prop_oneof![30 => 0..2_u8, 10 => Just(2), 1 => Just(3)];
    (tier, 0..6_u8, person, more).prop_map(|(tier, device, person, (several, others, code, work, replaces))| Comer {
        tier,
        device,
        person,
        several,
        others,
        code,
        work,
        replaces,
    })
}

fn any_tier_op() -> impl Strategy<Value = Vec<Op>> {
    let backs = || prop::collection::vec(0..24_u8, 0..8);
    let op = prop_oneof![
        10 => any_comers(9).prop_map(Op::Arrive),
        4 => any_comer().prop_map(|comer| Op::Arrive(vec![comer])),
        3 => (0..2_000_u64).prop_map(Op::Wait),
        4 => any_ms(200_000).prop_map(Op::Wait),
        1 => (0..2_000_u64).prop_map(Op::SetBack),
        1 => (0..4_u8, valid_policy(), any::<bool>(), 1..4_u8).prop_map(|(times, policy, asks_identity, tiers)| {
            Op::ScheduleTiers { times, policy, asks_identity, tiers }
        }),
        1 => (0..4_u8, valid_policy()).prop_map(|(times, policy)| Op::Schedule { times, policy, version: 0 }),
        1 => Just(Op::Enter(vec![1, 2])),
        1 => Just(Op::Claim(vec![1, 2])),
        2 => (0..6_u8, 0..6_u8).prop_map(|(off_by, root)| Op::FreezeTiers { off_by: off_by / 5, root: root / 5 }),
        1 => Just(Op::Freeze { off_by: 0, root: 0 }),
        2 => (0..6_u8).prop_map(|beacon| Op::Reveal { beacon: beacon == 0 }),
        8 => backs().prop_map(Op::ClaimTiers),
        4 => Just(Op::ClaimTiers((0..24).collect())),
        1 => backs().prop_map(Op::Renew),
        1 => backs().prop_map(Op::Release),
        4 => backs().prop_map(Op::Leave),
        6 => any_keyed(Wanted::ClaimTiers),
        3 => Just(Op::Tick),
        1 => (0..4_u8, -3..40_i64).prop_map(|(tier, beyond)| Op::LearnTier(tier, beyond)),
        1 => (-3..40_i64).prop_map(Op::Learn),
    ];
    op.prop_map(|op| vec![op])
}

/// The beginning of a history that goes as planned, up to one of the phases.
fn any_beginning() -> impl Strategy<Value = Vec<Op>> {
    (0..6_usize, valid_policy(), prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(steps, policy, fans)| {
        let all = as_planned(&policy, fans);
        // Most histories are about serving, where the most can go wrong.
        let steps = if steps >= 3 { all.len() } else { steps };
        all.into_iter().take(steps).collect()
    })
}

/// A sale that goes as planned until people are let in.
pub(crate) fn as_planned(policy: &Policy, fans: Vec<u8>) -> Vec<Op> {
    vec![
        Op::Schedule { times: 0, policy: policy.clone(), version: 0 },
        Op::Wait(MINUTE_MS),
        Op::Enter(fans),
        Op::Wait(2 * MINUTE_MS),
        Op::Freeze { off_by: 0, root: 0 },
        Op::Wait(policy.witness_ms),
        Op::Reveal { beacon: false },
    ]
}

fn valid_policy() -> impl Strategy<Value = Policy> {
    any_policy().prop_map(|policy| Policy {
        rate_per_minute: policy.rate_per_minute.max(1),
        burst: policy.burst.max(1),
        max_active: policy.max_active.max(1),
        grace_ms: policy.grace_ms.max(1),
        session_idle_ms: policy.session_idle_ms.max(1),
        session_max_ms: policy.session_max_ms.max(1),
        witness_ms: policy.witness_ms.max(2_000),
        floor_per_minute: policy.floor_per_minute.max(1),
        ..policy
    })
}

fn any_op() -> impl Strategy<Value = Op> {
    let backs = || prop::collection::vec(0..24_u8, 0..8);
    prop_oneof![
        4 => (0..2_000_u64).prop_map(Op::Wait),
        4 => any_ms(200_000).prop_map(Op::Wait),
        1 => (0..2_000_u64).prop_map(Op::SetBack),
        2 => (0..4_u8, any_policy(), any_version())
            .prop_map(|(times, policy, version)| Op::Schedule { times, policy, version }),
        4 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Op::Enter),
        2 => (0..6_u8, 0..6_u8).prop_map(|(off_by, root)| Op::Freeze { off_by: off_by / 5, root: root / 5 }),
        2 => (0..6_u8).prop_map(|beacon| Op::Reveal { beacon: beacon == 0 }),
        8 => backs().prop_map(Op::Claim),
        6 => Just(Op::Claim((0..24).collect())),
        2 => backs().prop_map(Op::Renew),
        2 => backs().prop_map(Op::Release),
        2 => backs().prop_map(Op::Leave),
        5 => any_keyed(Wanted::Claim),
        3 => Just(Op::Tick),
        4 => prop::collection::vec(any_control(), 1..3).prop_map(Op::Control),
        2 => (0..2_u8, prop::collection::vec(any_control(), 1..3))
            .prop_map(|(behind, controls)| Op::ControlFrom { behind, controls }),
        3 => any_steering().prop_map(Op::Steer),
        1 => Just(Op::Stock(false)),
        2 => Just(Op::Stock(true)),
    ]
}

/// Positions move, and fans come with keys: few of each, so that they meet.
fn any_keyed(claims: Wanted) -> impl Strategy<Value = Op> {
    let fans = || prop::collection::vec((0..24_u8, 0..4_u8), 0..8);
    prop_oneof![
        3 => (0..24_u8, 1..4_u8, 1..4_u8, 0..4_u8)
            .prop_map(|(back, from, to, most)| Op::Move { back, from, to, most }),
        2 => fans().prop_map(move |fans| Op::ByKey { wanted: claims, fans }),
        1 => fans().prop_map(|fans| Op::ByKey { wanted: Wanted::Renew, fans }),
    ]
}

/// Time passes, and the room is never out of reach: graces run out.
fn any_looks() -> impl Strategy<Value = Vec<Op>> {
    (1..16_usize, 1..=SILENCE_MS)
        .prop_map(|(looks, apart_ms)| std::iter::repeat_n([Op::Wait(apart_ms), Op::Tick], looks).flatten().collect())
}

/// Most edges have the same configuration.
fn any_version() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2)]
}

fn any_late() -> impl Strategy<Value = Late> {
    prop_oneof![Just(Late::Tail), Just(Late::Honour)]
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Fixed), Just(Mode::Adaptive)]
}

fn any_steering() -> impl Strategy<Value = Steering> {
    let limit = prop_oneof![Just(Limit::Rate), Just(Limit::Latency), Just(Limit::QueueWait)];
    (0..3_u32, 0..3_000_u32, 0..20_u64, limit).prop_map(|(edge, rate_per_minute, max_active, limit)| Steering {
        edge,
        rate_per_minute,
        max_active,
        limit,
    })
}

fn any_ramp() -> impl Strategy<Value = Ramp> {
    (0..3_000_u32, 0..3_000_u32, any_ms(60_000)).prop_map(|(from_per_minute, to_per_minute, over_ms)| Ramp {
        from_per_minute,
        to_per_minute,
        over_ms,
    })
}

fn any_control() -> impl Strategy<Value = Control> {
    prop_oneof![
        2 => Just(Control::Pause),
        4 => Just(Control::Resume),
        2 => (0..3_000_u32).prop_map(Control::Rate),
        2 => any_ramp().prop_map(Control::Ramp),
        1 => (0..9_u64).prop_map(Control::LetIn),
        2 => any_mode().prop_map(Control::Mode),
        1 => (0..2_000_u64).prop_map(Control::TargetMs),
        1 => Just(Control::Drain),
        2 => (0..12_u32).prop_map(Control::Burst),
        2 => (0..20_u64).prop_map(Control::MaxActive),
        1 => prop::option::of("[a-z]{0,5}").prop_map(Control::Message),
        1 => Just(Control::SoldOut(true)),
        3 => Just(Control::SoldOut(false)),
        1 => prop::option::of(0..90_u64)
            .prop_map(|minutes| Control::EndsAt(minutes.map(|minutes| START_MS + minutes * MINUTE_MS))),
    ]
}
