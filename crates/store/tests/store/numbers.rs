//! A history for each number that Rust and Lua share. Where one of them differs the store answers something else than the
//! model, or stands otherwise, at the step that reaches it.

use std::iter::repeat_n;
use std::sync::Arc;

use fairgate_core::room::{
    Command, Control, GAP, Limit, Mode, Policy, RECOVERY_MS, RECOVERY_STEP_MS, Ramp, SEEN_MS, SILENCE_MS, Steering,
    View,
};
use fairgate_store::Store;
use fairgate_store::redis::RedisStore;
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use tokio::runtime::Runtime;

use crate::conformance::{Reference, follows_the_model};
use crate::embedded::policy;
use crate::histories::as_planned;
use crate::operations::{Op, ROOM, START_MS, plan};
use crate::redis::{ask, open};

/// A room in a Redis of its own, and the model that it is held against.
struct Pair {
    redis: PrivateRedis,
    runtime: Runtime,
    clock: Arc<ManualClock>,
    edge: RedisStore,
    model: Reference,
}

impl Pair {
    fn new() -> Self {
        let redis = PrivateRedis::start_with(&["appendonly", "yes"]).unwrap();
        let clock = Arc::new(ManualClock::at(START_MS));
        let edge = open(&redis, &clock);
        Self { redis, runtime: Runtime::new().unwrap(), clock, edge, model: Reference::at(START_MS) }
    }

    /// A sale that serves, with so many crowds of 200 in its pool.
    fn serving(policy: &Policy, crowds: u16) -> Self {
        let mut pair = Self::new();
        let mut history = as_planned(policy, Vec::new());
        history.splice(2..2, (0..crowds).map(Op::Crowd));
        pair.play(&history);
        pair
    }

    /// Takes steps with both, and compares after each.
    fn play(&mut self, history: &[Op]) -> View {
        let Self { runtime, clock, edge, model, .. } = self;
        runtime.block_on(follows_the_model(model, history, edge, clock));
        model.room().view().unwrap()
    }
}

fn control(control: Control) -> Op {
    Op::Control(vec![control])
}

/// So many who were called stay away that the share of no-shows is as high as it is ever believed, and older calls are
/// forgotten. Tested are PERSON and the numbers of the share.
#[test]
fn a_long_line_of_which_nobody_comes() {
    let policy = Policy { rate_per_minute: 6_000, burst: 100, max_active: 5_000, grace_ms: 1_000, ..policy() };
    let (mut pair, mut shares) = (Pair::serving(&policy, 9), Vec::new());
    for look in 0..60 {
        // Now and then somebody does come.
        let step = if look % 9 == 8 { Op::Claim(vec![9, 10]) } else { Op::Tick };
        shares.push(pair.play(&[Op::Wait(500), step]).no_show_permille);
    }
    let view = pair.model.room().view().unwrap();
    assert!(view.expired > 1_100, "{} stayed away", view.expired);
    assert_eq!(shares.iter().max(), Some(&800), "as high as it is ever believed: {shares:?}");
    assert!(shares[shares.len() - 1] < 1_000 && shares.windows(2).any(|pair| pair[1] != pair[0]));
}

/// No more than four of five are expected to stay away, so that each call counts as a fifth of a person. Whoever is
/// next is called at the very millisecond.
#[test]
fn a_call_speaks_for_a_fifth_of_a_person() {
    let policy = Policy { burst: 200, rate_per_minute: 1, max_active: 5_000, grace_ms: 1_000, ..policy() };
    let mut pair = Pair::serving(&policy, 2);
    pair.play(&[Op::Tick, control(Control::Burst(1))]);
    let seconds = |count| repeat_n([Op::Wait(1_000), Op::Tick], count).flatten().collect::<Vec<_>>();
    let view = pair.play(&seconds(3));
    assert_eq!((view.expired, view.serving, view.no_show_permille), (210, 215, 800));
    // One of the last five comes, which leaves no credit.
    pair.play(&[Op::ClaimFrom(214..215)]);
    pair.play(&seconds(11));
    assert_eq!(pair.play(&[Op::Wait(999), Op::Tick]).serving, 215);
    assert_eq!(pair.play(&[Op::Wait(1), Op::Tick]).serving, 216);
}

/// Half of those who were called come. Of a thousand calls all are remembered; one more, and only half of them are.
#[test]
fn a_thousand_calls_are_remembered() {
    for burst in [1_000, 1_001] {
        let policy = Policy { burst, rate_per_minute: 1, max_active: 5_000, grace_ms: 1_000, ..policy() };
        let mut pair = Pair::serving(&policy, 6);
        assert_eq!(pair.play(&[Op::Tick]).serving, u64::from(burst));
        pair.play(&(0..10).map(|part| Op::ClaimFrom(part * 50..(part + 1) * 50)).collect::<Vec<_>>());
        let share = pair.play(&[Op::Wait(1_000), Op::Tick]).no_show_permille;
        assert_eq!(share, if burst == 1_000 { 490 } else { 480 });
    }
}

/// Whoever waits is told when to ask again: at the earliest, at the latest, and where people hold the line.
#[test]
fn whoever_waits_asks_again() {
    let mut pair = Pair::serving(&policy(), 1);
    // More are called than the cap lets in at once.
    let view = pair.play(&[Op::Wait(1_000), Op::Tick, Op::Claim((0..24).collect())]);
    assert!(view.outstanding > 0 && view.admitted == 5, "{view:?}");
    let claim = || Op::Claim((0..24).collect());
    pair.play(&[control(Control::Rate(1)), claim()]);
    // One a minute: a millisecond early is too early.
    assert_eq!(pair.play(&[Op::Wait(59_999), claim()]).admitted, 5);
    assert_eq!(pair.play(&[Op::Wait(1), claim()]).admitted, 6);
    pair.play(&[control(Control::Pause), claim()]);
}

/// A room that is looked at as often as this is heard; a millisecond more is an outage, and nobody's grace.
#[test]
fn silence_is_nobodys_grace() {
    let policy = Policy { grace_ms: 10 * SILENCE_MS, rate_per_minute: 60, ..policy() };
    let looks = |apart_ms| repeat_n([Op::Wait(apart_ms), Op::Tick], 20).flatten().collect::<Vec<_>>();
    let mut pair = Pair::serving(&policy, 1);
    assert_eq!(pair.play(&looks(SILENCE_MS + 1)).expired, 0);
    assert!(pair.play(&looks(SILENCE_MS)).expired > 0);
}

/// What an edge steers is in force for a while, and not a millisecond longer; a ramp climbs by steps.
#[test]
fn the_pace_changes_at_its_steps() {
    let mut pair = Pair::serving(&Policy { mode: Mode::Adaptive, floor_per_minute: 10, ..policy() }, 3);
    let steering = Steering { edge: 1, rate_per_minute: 600, max_active: 40, limit: Limit::Rate };
    let before = pair.play(&[Op::Steer(steering)]);
    let (_, until_ms) = before.steering.unwrap();
    let left_ms = until_ms - before.now_ms;
    assert_eq!(pair.play(&[Op::Wait(left_ms - 1), Op::Tick]).rate_per_minute, 600);
    assert_eq!(pair.play(&[Op::Wait(1), Op::Tick]).rate_per_minute, 10);

    let ramp = Ramp { from_per_minute: 60, to_per_minute: 6_000, over_ms: 10_000 };
    pair.play(&[control(Control::Mode(Mode::Fixed)), control(Control::MaxActive(5_000)), control(Control::Ramp(ramp))]);
    let climb: Vec<Op> = repeat_n([Op::Wait(333), Op::Claim((0..24).collect())], 32).flatten().collect();
    assert!(pair.play(&climb).serving > 100);
}

/// While those who ask keep the cap busy for long enough, nobody else is called; looked at around the very millisecond.
#[test]
fn nobody_is_called_only_to_wait() {
    let mut pair = Pair::serving(&Policy { burst: 20, rate_per_minute: 100, grace_ms: 600_000, ..policy() }, 1);
    assert_eq!(pair.play(&[Op::Tick]).serving, 20);
    let narrow = [control(Control::MaxActive(5)), Op::ClaimFrom(0..20)];
    assert_eq!(pair.play(&narrow).admitted, 5);
    pair.play(&[control(Control::MaxActive(50)), control(Control::Burst(1)), Op::Wait(1_500), Op::Tick]);
    // One comes in, so that the cap has no credit: fourteen ask, which is five seconds' work at this rate.
    assert_eq!(pair.play(&[Op::ClaimFrom(5..20), control(Control::Rate(168))]).admitted, 6);
    let around = [Op::Wait(350)].into_iter().chain(repeat_n([Op::Tick, Op::Wait(1)], 14).flatten());
    let view = pair.play(&around.collect::<Vec<_>>());
    assert!(view.serving > 20, "somebody is called in the end: {view:?}");
}

/// A join that is said again is the same entry within this minute and the next, and another one after that.
#[test]
fn an_entry_is_known_for_a_minute() {
    let mut pair = Pair::new();
    let mut opened = as_planned(&policy(), Vec::new());
    opened.truncate(2);
    pair.play(&opened);
    let to_ms = |pair: &Pair, at_ms: u64| Op::Wait(at_ms - pair.model.now_ms());
    for (at_ms, fan) in [(1_079_999, 1), (1_080_000, 2), (1_139_999, 2), (1_140_000, 1)] {
        pair.play(&[to_ms(&pair, at_ms), Op::Enter(vec![fan])]);
    }
    assert_eq!(pair.model.room().view().unwrap().pool_size, 3, "the first one was forgotten");
}

/// Behind what may be lost a gap is left, and for a while nobody gets a number.
#[test]
fn a_loss_leaves_a_gap_and_takes_its_time() {
    let mut pair = Pair::serving(&policy(), 1);
    let Pair { redis, runtime, edge, model, .. } = &mut pair;
    runtime.block_on(async {
        ask(redis, "FLUSHALL").await;
        let known = model.knowledge();
        model.lose(None, &known);
        model.compare(edge).await;
    });
    let view = pair.play(&[Op::Tick]);
    assert!(view.mending && view.line_size == 200 + GAP, "{view:?}");
    assert!(pair.play(&[Op::Wait(RECOVERY_MS - RECOVERY_STEP_MS), Op::Tick]).mending, "in one step");
    let steps = [Op::Wait(RECOVERY_STEP_MS), Op::Tick];
    assert!(pair.play(&steps).mending && pair.play(&steps).mending);
    assert!(pair.play(&[Op::Wait(RECOVERY_STEP_MS - 1), Op::Tick]).mending);
    assert!(!pair.play(&[Op::Wait(1), Op::Tick]).mending);
}

/// A server that comes back waits for an edge that looked just now, and not for one that has not for so long.
#[test]
fn an_edge_that_is_gone_is_not_waited_for() {
    let Pair { mut redis, runtime, clock, edge, .. } = Pair::new();
    let other = open(&redis, &clock);
    runtime.block_on(async {
        edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
        for (away_ms, is_awaited) in [(SEEN_MS, true), (SEEN_MS + 1, false)] {
            let seen_ms = other.view(ROOM).await.unwrap().now_ms;
            clock.set(seen_ms + away_ms);
            edge.view(ROOM).await.unwrap();
            redis.restart().unwrap();
            let view = loop {
                if let Ok(view) = edge.view(ROOM).await {
                    break view;
                }
            };
            assert_eq!(view.mending, is_awaited, "after {away_ms} ms");
            // Whoever was waited for has nothing to tell.
            while other.view(ROOM).await.is_err() {}
            clock.set(seen_ms + away_ms + 2 * RECOVERY_MS);
        }
    });
}

/// Roster and list of claims are kept in pieces, and read across their ends.
#[test]
fn lists_are_read_across_their_pieces() {
    let policy = Policy { rate_per_minute: 6_000_000, burst: 20_000, max_active: 20_000, ..policy() };
    let mut pair = Pair::serving(&policy, 81);
    assert_eq!(pair.play(&[Op::Tick]).pool_size, 16_200);
    // As many as one script takes: more than one changes the revision more than once.
    let claims: Vec<Op> = (0..170).map(|part| Op::ClaimFrom(part * 60..(part + 1) * 60)).collect();
    assert_eq!(pair.play(&claims).admitted, 10_200);
}
