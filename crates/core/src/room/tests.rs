//! The rules of a room one at a time; `crates/store/tests/store` has whole histories.

use super::*;

pub(super) fn policy() -> Policy {
    Policy { burst: 2, grace_ms: 10_000, ..Policy::for_testing() }
}

fn plan() -> SalePlan {
    SalePlan {
        room: "arena".into(),
        opens_at_ms: 1_000,
        starts_at_ms: 2_000,
        ends_at_ms: None,
        beacon: None,
        secret: [1; 32],
        config_version: 0,
        policy: policy(),
        rules: None,
    }
}

/// When the leak of [`serving`] starts.
const SERVING_MS: u64 = 4_000;

/// A room that has just drawn places for so many fans, and has called nobody yet.
fn serving(fans: u8, policy: Policy) -> Room {
    let mut room = Room::default();
    room.apply(&Command::Schedule(SalePlan { policy, ..plan() }), 0).unwrap();
    room.apply(&Command::Enter((0..fans).map(|fan| [fan; 32]).collect()), 1_000).unwrap();
    room.apply(&Command::Freeze { entries: fans.into(), root: [5; 32] }, 2_000).unwrap();
    room.apply(&Command::Reveal { beacon: None }, SERVING_MS).unwrap();
    room
}

/// How the room stands at a time until which edges have looked, as they do.
fn view_at(room: &mut Room, now_ms: u64) -> View {
    room.heard_until(now_ms);
    room.apply(&Command::Tick, now_ms).unwrap();
    room.view().unwrap()
}

fn claimant(place: u64) -> Claimant {
    Claimant { place, index: None, nonce: None }
}

fn claim(room: &mut Room, places: &[u64], now_ms: u64) -> Vec<ClaimOutcome> {
    room.heard_until(now_ms);
    match room.apply(&Command::Claim(places.iter().copied().map(claimant).collect()), now_ms).unwrap() {
        Outcome::Claimed(outcomes) => outcomes,
        other => panic!("answered {other:?}"),
    }
}

fn control(room: &mut Room, control: Control, now_ms: u64) {
    room.heard_until(now_ms);
    room.apply(&Command::Control(vec![control]), now_ms).unwrap();
}

fn is_admitted(outcome: &ClaimOutcome) -> bool {
    matches!(outcome, ClaimOutcome::Admitted { .. })
}

#[test]
fn the_leak_gives_the_burst_at_once_and_then_the_rate() {
    let mut room = serving(50, policy());
    let serving: Vec<u64> = [0, 999, 1_000, 1_001, 5_500].map(|ms| view_at(&mut room, SERVING_MS + ms).serving).into();
    // Four and a half seconds without a look bring no more than the burst.
    assert_eq!(serving, [2, 2, 3, 3, 5]);
}

#[test]
fn no_shows_are_made_up_for_when_their_grace_is_over() {
    let mut room = serving(50, policy());
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    // Ten seconds bring no more than the burst, since nobody looked: the cap would let in no more at once.
    let view = view_at(&mut room, SERVING_MS + 10_000);
    assert_eq!((view.serving, view.expired, view.outstanding), (4, 2, 2));
    assert_eq!(claim(&mut room, &[0, 1], SERVING_MS + 10_000), [ClaimOutcome::Expired; 2]);
}

#[test]
fn whoever_gives_up_a_called_place_lets_the_next_one_come() {
    let mut room = serving(50, policy());
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    room.apply(&Command::Leave(vec![0, 3]), SERVING_MS).unwrap();
    // One for the place that was given up; the next passes over place 3, which costs nothing.
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 3);
    let view = view_at(&mut room, SERVING_MS + 1_000);
    assert_eq!((view.serving, view.left, view.outstanding), (5, 2, 3));
}

#[test]
fn the_line_is_held_while_the_shop_is_full() {
    let mut room = serving(50, Policy { max_active: 2, ..policy() });
    assert!(claim(&mut room, &[0, 1], SERVING_MS).iter().all(is_admitted));
    assert_eq!(view_at(&mut room, SERVING_MS + 30_000).serving, 2);
    room.apply(&Command::Release(vec![1]), SERVING_MS + 30_000).unwrap();
    let view = view_at(&mut room, SERVING_MS + 30_000);
    assert_eq!((view.serving, view.active, view.outstanding), (3, 1, 1));
    assert_eq!(view.closed.iter().collect::<Vec<_>>(), [(&1, &(SERVING_MS + 60_000))]);
    assert!(view_at(&mut room, SERVING_MS + 60_000).closed.is_empty());
}

#[test]
fn a_pause_stops_the_grace() {
    let mut room = serving(50, policy());
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    control(&mut room, Control::Pause, SERVING_MS + 4_000);
    assert!(matches!(claim(&mut room, &[0], SERVING_MS + 5_000)[0], ClaimOutcome::Wait { .. }));
    control(&mut room, Control::Resume, SERVING_MS + 500_000);
    assert_eq!(view_at(&mut room, SERVING_MS + 505_999).expired, 0);
    assert!(is_admitted(&claim(&mut room, &[0], SERVING_MS + 505_999)[0]));
    assert_eq!(view_at(&mut room, SERVING_MS + 506_000).expired, 1);
}

#[test]
fn an_outage_stops_the_grace() {
    let mut room = serving(50, policy());
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    view_at(&mut room, SERVING_MS + 4_000);
    // For far more than a grace nobody could reach the room; the six seconds that are left count from the first look on.
    let back_ms = SERVING_MS + 4_000 + 60_000;
    room.apply(&Command::Tick, back_ms).unwrap();
    assert_eq!(view_at(&mut room, back_ms + 5_999).expired, 0);
    assert!(is_admitted(&claim(&mut room, &[0], back_ms + 5_999)[0]));
    assert_eq!(view_at(&mut room, back_ms + 6_000).expired, 1);
}

#[test]
fn an_outage_stops_the_mending() {
    let mut room = serving(50, policy());
    let memory = room.memory();
    room.restore(memory.as_ref(), &Claims::default(), LossEvidence::Proven, None, SERVING_MS);
    room.apply(&Command::Tick, SERVING_MS + 60_000).unwrap();
    assert!(room.view().unwrap().mending, "the others could not put back theirs");
    let look = |room: &mut Room, ms| view_at(room, SERVING_MS + 60_000 + ms).mending;
    assert!((1..=5).all(|step| look(&mut room, step * 250)));
    assert!(!look(&mut room, RECOVERY_MS - RECOVERY_STEP_MS), "a step of the outage counts like any other");
}

/// An edge whose clock is ahead takes the room's time along; the others have not looked meanwhile.
#[test]
fn an_edge_with_a_fast_clock_does_not_end_the_mending() {
    let mut room = serving(50, policy());
    let memory = room.memory();
    room.restore(memory.as_ref(), &Claims::default(), LossEvidence::Proven, None, SERVING_MS);
    let mut is_mending_at = |ms: u64| {
        room.apply(&Command::Tick, SERVING_MS + ms).unwrap();
        room.view().unwrap().mending
    };
    assert!(is_mending_at(SILENCE_MS), "half a second of it counts");
    assert!(is_mending_at(SILENCE_MS + RECOVERY_STEP_MS) && is_mending_at(SILENCE_MS + 2 * RECOVERY_STEP_MS));
    assert!(!is_mending_at(SILENCE_MS + 3 * RECOVERY_STEP_MS));
}

#[test]
fn looks_that_are_far_apart_are_no_outage() {
    let mut room = serving(2, policy());
    for look in 0..=5 {
        room.apply(&Command::Tick, SERVING_MS + look * SILENCE_MS).unwrap();
    }
    assert_eq!(room.view().unwrap().expired, 2);
}

#[test]
fn who_asked_in_time_and_had_to_wait_keeps_the_place() {
    let mut room = serving(50, policy());
    (1..=8).for_each(|second| _ = view_at(&mut room, SERVING_MS + second * 1_000));
    let now_ms = SERVING_MS + 8_000;
    let first = claim(&mut room, &[8, 1, 0, 5], now_ms);
    // Lower places first, whatever the order of the question; each later one is told to come back later.
    assert!(is_admitted(&first[1]) && is_admitted(&first[2]));
    assert_eq!(first[3], ClaimOutcome::Wait { retry_after_ms: 1_000 });
    assert_eq!(first[0], ClaimOutcome::Wait { retry_after_ms: 2_000 });
    // The grace of place 5 would have ended 10 s after it was called at 5 s; asking at 8 s began it anew.
    assert!(is_admitted(&claim(&mut room, &[5], SERVING_MS + 17_999)[0]));
    assert_eq!(claim(&mut room, &[8], SERVING_MS + 18_000), [ClaimOutcome::Expired]);
}

#[test]
fn a_lower_limit_makes_those_who_were_called_wait_until_there_is_room() {
    let mut room = serving(50, policy());
    assert!(is_admitted(&claim(&mut room, &[0], SERVING_MS)[0]));
    control(&mut room, Control::MaxActive(1), SERVING_MS);
    assert!(matches!(claim(&mut room, &[1], SERVING_MS)[0], ClaimOutcome::Wait { .. }));
    room.apply(&Command::Release(vec![0]), SERVING_MS + 1_000).unwrap();
    assert!(is_admitted(&claim(&mut room, &[1], SERVING_MS + 1_000)[0]));
}

#[test]
fn the_same_plan_again_keeps_what_people_changed_and_brings_what_was_configured_anew() {
    let mut room = serving(5, policy());
    control(&mut room, Control::Rate(600), SERVING_MS);
    control(&mut room, Control::EndsAt(Some(900_000)), SERVING_MS);
    let draw = room.view().unwrap().draw;
    let again = |policy| Command::Schedule(SalePlan { secret: [2; 32], policy, ..plan() });

    room.apply(&again(policy()), SERVING_MS).unwrap();
    let view = room.view().unwrap();
    assert_eq!((view.policy.rate_per_minute, view.ends_at_ms), (600, Some(900_000)));
    room.apply(&again(Policy { burst: 7, ..policy() }), SERVING_MS).unwrap();
    let view = room.view().unwrap();
    assert_eq!((view.policy.rate_per_minute, view.policy.burst), (600, 7));
    room.apply(&again(Policy { rate_per_minute: 120, ..policy() }), SERVING_MS).unwrap();
    let view = room.view().unwrap();
    assert_eq!((view.policy.rate_per_minute, view.policy.burst), (120, 2));
    assert_eq!(view.draw, draw, "the secret was committed once");
}

#[test]
fn an_older_configuration_changes_nothing_not_even_after_the_end() {
    let mut room = serving(5, policy());
    let of = |config_version, burst| {
        let policy = Policy { burst, ..policy() };
        Command::Schedule(SalePlan { config_version, policy, ..plan() })
    };
    room.apply(&of(2, 7), SERVING_MS).unwrap();
    let refusal = Refusal::OlderConfig { version: 1, followed: 2 };
    assert_eq!(room.apply(&of(1, 3), SERVING_MS), Err(refusal.clone()));
    assert_eq!(room.view().unwrap().policy.burst, 7);
    room.apply(&of(2, 8), SERVING_MS).unwrap();
    assert_eq!(room.view().unwrap().policy.burst, 8, "of the same version the last one counts");

    control(&mut room, Control::EndsAt(Some(SERVING_MS)), SERVING_MS);
    let next = SalePlan { config_version: 1, opens_at_ms: 20_000, starts_at_ms: 30_000, ..plan() };
    assert_eq!(room.apply(&Command::Schedule(next), SERVING_MS), Err(refusal));
}

#[test]
fn times_may_change_until_the_pool_opens() {
    let later = Command::Schedule(SalePlan { starts_at_ms: 3_000, secret: [2; 32], ..plan() });
    let mut room = Room::default();
    room.apply(&Command::Schedule(plan()), 0).unwrap();
    let first = room.view().unwrap().draw;
    room.apply(&later, 999).unwrap();
    let second = room.view().unwrap();
    assert_eq!((second.starts_at_ms, room.generation()), (3_000, 1));
    assert!(second.draw.commitment != first.commitment && second.draw.descriptor_digest != first.descriptor_digest);
    assert_eq!(room.apply(&Command::Schedule(plan()), 1_000), Err(Refusal::ScheduleFixed));
}

#[test]
fn a_plan_after_the_end_begins_a_sale_that_knows_nothing_of_the_last() {
    let mut room = serving(5, policy());
    assert!(is_admitted(&claim(&mut room, &[0], SERVING_MS)[0]));
    let next = SalePlan { opens_at_ms: 20_000, starts_at_ms: 30_000, secret: [2; 32], ..plan() };
    assert_eq!(room.apply(&Command::Schedule(next.clone()), SERVING_MS), Err(Refusal::ScheduleFixed));
    control(&mut room, Control::EndsAt(Some(10_000)), SERVING_MS);
    assert_eq!(room.apply(&Command::Enter(vec![[9; 32]]), 10_000), Err(Refusal::Ended));
    let ended = room.view().unwrap();
    assert_eq!((ended.phase, ended.active), (Phase::Ended, 1));
    assert!(is_admitted(&claim(&mut room, &[0], 10_000)[0]), "a lost reply is said again after the end, too");

    room.apply(&Command::Schedule(next), 10_000).unwrap();
    let view = room.view().unwrap();
    assert_eq!((room.generation(), view.phase, view.pool_size, view.active), (2, Phase::Idle, 0, 0));
    assert!(view.revision > ended.revision);
}

#[test]
fn the_secret_stays_in_until_the_root_was_public_for_the_witness_time() {
    let mut room = Room::default();
    room.apply(&Command::Schedule(plan()), 0).unwrap();
    let reveal = Command::Reveal { beacon: None };
    let empty = Command::Freeze { entries: 0, root: [5; 32] };
    assert!(matches!(room.apply(&empty, 1_999), Err(Refusal::OutOfPhase(_))));
    assert!(matches!(room.apply(&reveal, 2_000), Err(Refusal::OutOfPhase(_))));
    room.apply(&empty, 2_500).unwrap();
    room.apply(&empty, 2_600).unwrap();
    let other = Command::Freeze { entries: 0, root: [6; 32] };
    assert!(matches!(room.apply(&other, 2_600), Err(Refusal::Contradiction(_))));
    let early = room.apply(&reveal, 4_499).unwrap_err();
    assert_eq!(early.to_string(), "not now: the root must be public for another 1 ms");
    room.apply(&reveal, 4_500).unwrap();
    let draw = room.view().unwrap().draw;
    assert_eq!((draw.frozen_at_ms, draw.secret, draw.entries), (Some(2_500), Some([1; 32]), Some(0)));
}

#[test]
fn what_is_out_of_bounds_is_refused_with_the_bounds() {
    let refused = |change: fn(&mut SalePlan)| {
        let mut plan = plan();
        change(&mut plan);
        Room::default().apply(&Command::Schedule(plan), 0).unwrap_err().to_string()
    };
    assert_eq!(refused(|plan| plan.policy.rate_per_minute = 0), "rate_per_minute must be from 1 to 60000000, not 0");
    assert_eq!(refused(|plan| plan.policy.witness_ms = 1_999), "witness_ms must be from 2000 to 31622400000, not 1999");
    assert!(refused(|plan| plan.opens_at_ms = 2_001).contains("lower opens_at"));
    assert!(refused(|plan| plan.ends_at_ms = Some(2_000)).contains("raise ends_at"));

    let mut room = serving(1, policy());
    let many = Command::Claim(vec![claimant(0); BATCH_MAX + 1]);
    assert!(room.apply(&many, SERVING_MS).unwrap_err().to_string().contains("split it"));
    let long = Command::Control(vec![Control::Message(Some("x".repeat(2_001)))]);
    assert_eq!(
        room.apply(&long, SERVING_MS).unwrap_err().to_string(),
        "the bytes of a message must be from 0 to 2000, not 2001"
    );
}

/// Serves a crowd of whom `no_shows_of_ten` of ten never come, looking once a second; answers the admissions a second.
fn admissions_a_second(room: &mut Room, seconds: u64, no_shows_of_ten: u64) -> Vec<u64> {
    let (mut called, mut there) = (0, Vec::new());
    let second = |second: u64| {
        let now_ms = SERVING_MS + second * 1_000;
        let view = view_at(room, now_ms);
        there.extend((called..view.serving).filter(|place| place * 7 % 10 >= no_shows_of_ten));
        called = view.serving;
        let outcomes = claim(room, &there, now_ms);
        there =
            there.iter().zip(&outcomes).filter(|(_, outcome)| !is_admitted(outcome)).map(|(place, _)| *place).collect();
        assert!(there.len() < 200, "{} were called and have to wait", there.len());
        outcomes.len() as u64 - there.len() as u64
    };
    (0..seconds).map(second).collect()
}

#[test]
fn with_three_no_shows_in_ten_the_shop_sees_the_rate() {
    let policy = Policy { rate_per_minute: 500, burst: 20, max_active: 100_000, grace_ms: 60_000, ..policy() };
    let mut room = serving(0, policy);
    for fans in 0..250_u16 {
        let entry = |fan: u8| [[fan; 2], fans.to_be_bytes()].concat().repeat(8).try_into().unwrap();
        room.apply(&Command::Enter((0..100).map(entry).collect()), SERVING_MS).unwrap();
    }
    let admitted = admissions_a_second(&mut room, 1_200, 3);
    let a_minute = |minute: usize| admitted[minute * 60..(minute + 1) * 60].iter().sum::<u64>();
    // While the first grace runs, nobody can know; from then on the share of no-shows is known.
    assert!((345..=375).contains(&a_minute(0)), "{} in the first minute", a_minute(0));
    for minute in 3..20 {
        assert!((480..=515).contains(&a_minute(minute)), "{} in minute {minute}", a_minute(minute));
    }
    assert!((280..=305).contains(&view_at(&mut room, SERVING_MS + 1_200_000).no_show_permille));
}

#[test]
fn no_shows_hold_no_room_once_their_share_is_known() {
    let policy = Policy { rate_per_minute: 600, burst: 20, max_active: 200, grace_ms: 60_000, ..policy() };
    let mut room = serving(0, Policy { session_idle_ms: 10_000, ..policy });
    for fans in 0..150_u8 {
        let entry = |fan: u8| [fan, fans].repeat(16).try_into().unwrap();
        room.apply(&Command::Enter((0..100).map(entry).collect()), SERVING_MS).unwrap();
    }
    let admitted = admissions_a_second(&mut room, 600, 5);
    // 100 are inside, and 600 a minute were called and did not come; there is room for the next all the same.
    assert!(admitted[540..].iter().sum::<u64>() > 570, "{:?}", &admitted[540..]);
}

#[test]
fn people_may_be_let_in_beyond_the_rate_once() {
    let mut room = serving(50, Policy { max_active: 20, ..policy() });
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    control(&mut room, Control::LetIn(5), SERVING_MS);
    control(&mut room, Control::LetIn(5), SERVING_MS);
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 7);
    assert!(claim(&mut room, &[0, 1, 2, 3, 4, 5, 6], SERVING_MS).iter().all(is_admitted));
    assert_eq!(view_at(&mut room, SERVING_MS + 1_000).serving, 8);
    // As many as there is room for now; the others when somebody leaves.
    control(&mut room, Control::LetIn(100), SERVING_MS + 1_000);
    let view = view_at(&mut room, SERVING_MS + 1_000);
    assert_eq!((view.serving, view.let_in, view.to_let_in), (20, 100, 83));
    room.apply(&Command::Release(vec![0]), SERVING_MS + 1_000).unwrap();
    assert_eq!(view_at(&mut room, SERVING_MS + 1_000).serving, 21);
}

#[test]
fn who_comes_late_is_let_in_where_the_room_says_so() {
    let mut room = serving(50, Policy { late: Late::Honour, ..policy() });
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    let view = view_at(&mut room, SERVING_MS + 10_000);
    assert_eq!((view.serving, view.expired), (4, 2));
    // The cap has a burst of two: the third has to wait, and keeps the place for having come.
    let outcomes = claim(&mut room, &[0, 1, 2], SERVING_MS + 10_000);
    assert!(is_admitted(&outcomes[0]) && is_admitted(&outcomes[1]));
    assert_eq!(outcomes[2], ClaimOutcome::Wait { retry_after_ms: 1_000 });
    let view = view_at(&mut room, SERVING_MS + 11_000);
    // The two who came late take the credit of two others, who have been called already: nobody else is.
    assert_eq!((view.honoured, view.expired, view.admitted, view.serving), (2, 2, 2, 4));
    control(&mut room, Control::EndsAt(Some(SERVING_MS + 30_000)), SERVING_MS + 11_000);
    assert_eq!(claim(&mut room, &[3], SERVING_MS + 30_000), [ClaimOutcome::Expired], "not after the end");
}

#[test]
fn a_drain_calls_nobody_and_lets_the_called_come() {
    let mut room = serving(50, policy());
    assert_eq!(view_at(&mut room, SERVING_MS).serving, 2);
    control(&mut room, Control::Drain, SERVING_MS);
    let view = view_at(&mut room, SERVING_MS + 5_000);
    assert_eq!((view.serving, view.limit), (2, Some(Limit::Draining)));
    assert!(is_admitted(&claim(&mut room, &[1], SERVING_MS + 5_000)[0]));
    assert_eq!(view_at(&mut room, SERVING_MS + 10_000).expired, 1, "the grace goes on");
    control(&mut room, Control::Resume, SERVING_MS + 10_000);
    assert!(view_at(&mut room, SERVING_MS + 10_000).serving > 2);
}

#[test]
fn a_room_says_what_holds_it_back() {
    let mut room = serving(4, Policy { max_active: 2, ..policy() });
    let limit = |room: &mut Room, ms: u64| view_at(room, SERVING_MS + ms).limit;
    assert_eq!(limit(&mut room, 0), Some(Limit::MaxActive));
    control(&mut room, Control::MaxActive(100), SERVING_MS);
    assert_eq!(limit(&mut room, 0), Some(Limit::Rate));
    control(&mut room, Control::Mode(Mode::Adaptive), SERVING_MS);
    assert_eq!(limit(&mut room, 0), Some(Limit::Silence));
    let steering = Steering { edge: 1, rate_per_minute: 0, max_active: 1, limit: Limit::QueueWait };
    room.apply(&Command::Steer(steering), SERVING_MS).unwrap();
    assert_eq!(limit(&mut room, 4_999), Some(Limit::QueueWait));
    assert_eq!(limit(&mut room, 5_000), Some(Limit::Silence));
    room.apply(&Command::Stock { left: false }, SERVING_MS + 5_000).unwrap();
    assert_eq!(limit(&mut room, 5_000), Some(Limit::SoldOut));
    room.apply(&Command::Stock { left: true }, SERVING_MS + 5_000).unwrap();
    assert_eq!(limit(&mut room, 300_000), Some(Limit::Demand));
}

#[test]
fn several_changes_are_made_or_none() {
    let mut room = serving(1, policy());
    let before = view_at(&mut room, SERVING_MS);
    let both = Command::Control(vec![Control::Rate(5), Control::Burst(0)]);
    assert!(matches!(room.apply(&both, SERVING_MS), Err(Refusal::Invalid(_))));
    assert_eq!(room.view().unwrap(), before);
    let both = Command::Control(vec![Control::Rate(5), Control::Burst(1)]);
    room.apply(&both, SERVING_MS).unwrap();
    let policy = room.view().unwrap().policy;
    assert_eq!((policy.rate_per_minute, policy.burst), (5, 1));
}

#[test]
fn nobody_overwrites_controls_that_they_have_not_seen() {
    let mut room = serving(1, policy());
    let seen = view_at(&mut room, SERVING_MS).control_revision;
    let from = |revision, rate| Command::ControlFrom { revision, controls: vec![Control::Rate(rate)] };
    room.apply(&from(seen, 5), SERVING_MS).unwrap();
    let overtaken = room.apply(&from(seen, 6), SERVING_MS);
    assert_eq!(overtaken, Err(Refusal::Overtaken { revision: seen + 1 }));
    // A value that no room takes is told first, as it stays wrong.
    assert!(matches!(room.apply(&from(seen, 0), SERVING_MS), Err(Refusal::Invalid(_))));
    let view = room.view().unwrap();
    assert_eq!((view.policy.rate_per_minute, view.control_revision), (5, seen + 1));
    // What changes nothing is no change.
    room.apply(&from(seen + 1, 5), SERVING_MS).unwrap();
    assert_eq!(room.view().unwrap().control_revision, seen + 1);
}
