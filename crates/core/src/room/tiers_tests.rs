//! Rooms with tiers, one rule at a time: who gets an entry, who gets one again, and what is drawn.

use fairgate_draw::v2::{self, Method, Methods, NO_TAG, Tag, Tier, Tiers};
use fairgate_draw::{BeaconSignature, QUICKNET, ZERO};

use super::tests::policy;
use super::*;

const OPENS_MS: u64 = 600_000;
const STARTS_MS: u64 = 1_200_000;

fn rules(asks_identity: bool, tiers: u8) -> Rules {
    let methods = if asks_identity { vec![Method::mail()] } else { Vec::new() };
    let tier = |tier: u8| Tier { band: tier, name: format!("tier-{tier}"), share: 1 };
    Rules {
        identity: Methods::new(methods).unwrap(),
        tiers: Tiers::new((0..tiers).map(tier).collect()).unwrap(),
        retry: None,
        expected: 1_000,
    }
}

fn plan(rules: Rules) -> SalePlan {
    SalePlan {
        room: "arena".into(),
        opens_at_ms: OPENS_MS,
        starts_at_ms: STARTS_MS,
        ends_at_ms: None,
        beacon: None,
        secret: [1; 32],
        config_version: 0,
        policy: policy(),
        rules: Some(Box::new(rules)),
    }
}

/// A room of this many tiers, its pool just opened.
fn open(asks_identity: bool, tiers: u8) -> Room {
    let mut room = Room::default();
    room.apply(&Command::Schedule(plan(rules(asks_identity, tiers))), 0).unwrap();
    room
}

fn arrive(room: &mut Room, arrivals: Vec<Arrival>, now_ms: u64) -> Vec<Arrived> {
    room.heard_until(now_ms);
    match room.apply(&Command::Arrive(arrivals), now_ms).unwrap() {
        Outcome::Arrived(arrived) => arrived,
        other => panic!("answered {other:?}"),
    }
}

fn tag(person: u8) -> Tag {
    [person; 16]
}

/// A person who comes into a tier, with this device.
fn person(tier: u8, device: u8, person: u8) -> Arrival {
    Arrival::plain(tier, [device; 32], tag(person))
}

fn new_in(tier: u8, index: u64) -> Arrived {
    Arrived::New { at: Spot::Pool { tier, index }, which: 0 }
}

fn again_in(tier: u8, index: u64) -> Arrived {
    Arrived::Again { at: Spot::Pool { tier, index }, by: 0, entry: None }
}

fn in_line(place: u64) -> Arrived {
    Arrived::New { at: Spot::Line { place }, which: 0 }
}

fn again_in_line(place: u64) -> Arrived {
    Arrived::Again { at: Spot::Line { place }, by: 0, entry: None }
}

fn late_comer(place: u64) -> TierClaimant {
    TierClaimant { place, entry: None, u: None, tag: tag(1) }
}

fn roots(entries: &[u64]) -> Command {
    let roots = |entries: &u64| TierRoots { entries: *entries, root: [*entries as u8; 32], tags_root: [7; 32] };
    Command::FreezeTiers(entries.iter().map(roots).collect())
}

/// The room draws, and everyone of the pool has a place.
fn draw(room: &mut Room, entries: &[u64]) -> u64 {
    room.apply(&roots(entries), STARTS_MS).unwrap();
    let serving_ms = STARTS_MS + policy().witness_ms;
    room.apply(&Command::Reveal { beacon: None }, serving_ms).unwrap();
    serving_ms
}

#[test]
fn each_tier_has_indexes_of_its_own() {
    let mut room = open(true, 3);
    let came = arrive(&mut room, vec![person(2, 1, 1), person(0, 2, 2), person(2, 3, 3)], OPENS_MS);
    assert_eq!(came, [new_in(2, 0), new_in(0, 0), new_in(2, 1)]);
    let view = room.view().unwrap();
    assert_eq!(view.pool_size, 3);
    assert_eq!(view.tiers.iter().map(|tier| tier.entries).collect::<Vec<_>>(), [1, 0, 2]);
    assert_eq!(room.tags(2), [tag(1), tag(3)]);
}

#[test]
fn an_identity_that_comes_again_gets_its_entry_whatever_tier_and_device() {
    let mut room = open(true, 2);
    let came = arrive(&mut room, vec![person(0, 1, 1), person(1, 2, 1), person(1, 3, 2)], OPENS_MS);
    assert_eq!(came, [new_in(0, 0), again_in(0, 0), new_in(1, 0)], "within a batch");
    assert_eq!(arrive(&mut room, vec![person(1, 4, 1)], STARTS_MS - 1), [again_in(0, 0)], "minutes later");
    assert_eq!(arrive(&mut room, vec![person(0, 5, 2)], STARTS_MS), [again_in(1, 0)], "after the pool was closed");
    let revision = room.revision();
    arrive(&mut room, vec![person(0, 6, 2)], STARTS_MS);
    assert_eq!(room.revision(), revision, "who comes again changes nothing");
}

#[test]
fn who_shows_several_identities_gets_the_entry_that_any_of_them_has() {
    let mut room = open(true, 1);
    arrive(&mut room, vec![person(0, 1, 1)], OPENS_MS);
    let other = Arrival { others: vec![tag(9), tag(1)], ..person(0, 2, 2) };
    let by_the_second = Arrived::Again { at: Spot::Pool { tier: 0, index: 0 }, by: 2, entry: None };
    assert_eq!(other.tag(2), Some(tag(1)));
    assert_eq!(arrive(&mut room, vec![other], OPENS_MS), [by_the_second]);
    let unknown = Arrival { others: vec![tag(9)], ..person(0, 3, 3) };
    assert_eq!(arrive(&mut room, vec![unknown], OPENS_MS), [new_in(0, 1)]);
    assert_eq!(arrive(&mut room, vec![person(0, 4, 9)], OPENS_MS), [new_in(0, 2)], "others are never entered");
}

#[test]
fn a_code_for_several_is_given_out_in_order_until_it_is_used_up() {
    let mut room = open(true, 1);
    let shared = |device: u8| {
        let entries = (0..3).map(|n| ([device, n].repeat(16).try_into().unwrap(), tag(100 + n))).collect();
        Arrival { entries, several: true, ..person(0, 0, 0) }
    };
    let at = |which: u8| Arrived::New { at: Spot::Pool { tier: 0, index: which.into() }, which };
    assert_eq!(arrive(&mut room, vec![shared(1), shared(2), shared(1)], OPENS_MS), [at(0), at(1), again_in(0, 0)]);
    assert_eq!(arrive(&mut room, vec![shared(3), shared(4)], OPENS_MS), [at(2), Arrived::Used]);
    let second = Arrived::Again { at: Spot::Pool { tier: 0, index: 1 }, by: 1, entry: None };
    assert_eq!(arrive(&mut room, vec![shared(2)], STARTS_MS - 1), [second], "known by the entry");
}

#[test]
fn a_code_beside_an_identity_is_used_by_new_entries_alone() {
    let mut room = open(true, 1);
    let code = CodeUse { campaign: "spring".into(), rank: 7, uses: 2 };
    let with_code = |who: u8| Arrival { code: Some(code.clone()), ..person(0, who, who) };
    let came = arrive(&mut room, vec![with_code(1), with_code(1), with_code(2), with_code(3)], OPENS_MS);
    assert_eq!(came, [new_in(0, 0), again_in(0, 0), new_in(0, 1), Arrived::Used]);
    let other = Arrival { code: Some(CodeUse { rank: 8, ..code }), ..person(0, 3, 3) };
    assert_eq!(arrive(&mut room, vec![other], OPENS_MS), [new_in(0, 2)]);
}

#[test]
fn without_identities_an_entry_is_known_for_a_minute_and_older_work_is_late() {
    let mut room = open(false, 2);
    let minute = OPENS_MS / 60_000;
    let work = |entry: u8, epoch: u64| {
        let until_s = Some(u32::try_from((epoch + 2) * 60).unwrap());
        Arrival { until_s, ..Arrival::plain(1, [entry; 32], NO_TAG) }
    };
    assert_eq!(arrive(&mut room, vec![work(1, minute)], OPENS_MS), [new_in(1, 0)]);
    let last_ms = OPENS_MS + 119_999;
    assert_eq!(arrive(&mut room, vec![work(1, minute)], last_ms), [again_in(1, 0)]);
    assert_eq!(arrive(&mut room, vec![work(2, minute - 1)], last_ms), [Arrived::Late]);
    assert_eq!(arrive(&mut room, vec![work(1, minute)], last_ms + 1), [Arrived::Late], "it is forgotten now");
    assert_eq!(arrive(&mut room, vec![work(3, minute + 1)], last_ms + 1), [new_in(1, 1)]);
}

/// Work that may have made an entry before the loss makes none after it.
#[test]
fn after_a_loss_work_from_before_it_is_late() {
    let mut room = open(false, 1);
    let until_s = |epoch: u64| Some(u32::try_from((epoch + 2) * 60).unwrap());
    let minute = OPENS_MS / 60_000;
    let work = Arrival { until_s: until_s(minute), ..Arrival::plain(0, [1; 32], NO_TAG) };
    assert_eq!(arrive(&mut room, vec![work.clone()], OPENS_MS + 1), [new_in(0, 0)]);
    let memory = room.memory();
    room.restore(memory.as_ref(), &Claims::default(), LossEvidence::Proven, None, OPENS_MS + 2);
    let after_ms = OPENS_MS + 2 + RECOVERY_MS;
    assert_eq!(arrive(&mut room, vec![work], after_ms), [Arrived::Late]);
    let fresh = Arrival { until_s: until_s(minute + 1), ..Arrival::plain(0, [2; 32], NO_TAG) };
    let came = arrive(&mut room, vec![fresh], OPENS_MS + 60_000);
    assert_eq!(came, [new_in(0, GAP + 1)], "behind the gap");
}

#[test]
fn late_comers_stand_behind_all_tiers_in_order_of_arrival() {
    let mut room = open(true, 2);
    arrive(&mut room, vec![person(0, 1, 1), person(1, 2, 2), person(1, 3, 3)], OPENS_MS);
    let came = arrive(&mut room, vec![person(1, 4, 4), person(0, 5, 5), person(0, 6, 4)], STARTS_MS);
    assert_eq!(came, [in_line(3), in_line(4), again_in_line(3)]);
}

#[test]
fn an_identity_whose_place_was_given_up_gets_one_at_the_end_and_never_two() {
    let mut room = open(true, 1);
    arrive(&mut room, vec![person(0, 1, 1), person(0, 2, 2)], OPENS_MS);
    let serving_ms = draw(&mut room, &[2]);
    let lost = |place| Some(Replaced { at: Spot::Pool { tier: 0, index: 0 }, place });
    let back = |place| vec![Arrival { replaces: lost(place), ..person(0, 1, 1) }];
    assert_eq!(arrive(&mut room, back(1), serving_ms), [again_in(0, 0)], "the place is there");
    room.apply(&Command::Leave(vec![1]), serving_ms).unwrap();
    assert_eq!(arrive(&mut room, vec![person(0, 1, 1)], serving_ms), [again_in(0, 0)], "it has to be asked for");
    assert_eq!(arrive(&mut room, back(1), serving_ms), [in_line(2)]);
    assert_eq!(arrive(&mut room, back(1), serving_ms), [again_in_line(2)], "once");
    assert_eq!(arrive(&mut room, vec![person(0, 9, 1)], serving_ms), [again_in_line(2)], "that is its place now");
    let claims = Command::ClaimTiers([1, 2].map(late_comer).to_vec());
    let Ok(Outcome::Claimed(outcomes)) = room.apply(&claims, serving_ms) else { panic!("no outcomes") };
    assert_eq!(outcomes[0], ClaimOutcome::Expired, "the first place can be claimed by nobody");
    assert_eq!(room.tags(0), [tag(1), tag(2)], "the tags of the pool stay");
}

#[test]
fn an_identity_that_was_let_in_is_not_let_in_again() {
    let mut room = open(true, 1);
    arrive(&mut room, vec![person(0, 1, 1)], OPENS_MS);
    let serving_ms = draw(&mut room, &[1]);
    let claim = Command::ClaimTiers(vec![TierClaimant { place: 0, entry: Some((0, 0)), u: None, tag: tag(1) }]);
    let Ok(Outcome::Claimed(outcomes)) = room.apply(&claim, serving_ms) else { panic!("no outcomes") };
    assert!(matches!(outcomes[0], ClaimOutcome::Admitted { .. }), "{outcomes:?}");
    room.apply(&Command::Leave(vec![0]), serving_ms).unwrap();
    let replaces = Some(Replaced { at: Spot::Pool { tier: 0, index: 0 }, place: 0 });
    let back = vec![Arrival { replaces, ..person(0, 1, 1) }];
    assert_eq!(arrive(&mut room, back, serving_ms + 3_600_000), [again_in(0, 0)]);
}

#[test]
fn a_place_that_has_lapsed_is_replaced_and_cannot_be_honoured_any_more() {
    let (mut room, lapsed_ms) = lapsed(Late::Tail);
    let replaces = Some(Replaced { at: Spot::Pool { tier: 0, index: 0 }, place: 0 });
    let back = vec![Arrival { replaces, ..person(0, 1, 1) }];
    assert_eq!(arrive(&mut room, back, lapsed_ms), [in_line(1)]);
    let honouring = Policy { late: Late::Honour, ..policy() };
    let plan = SalePlan { policy: honouring, config_version: 1, ..plan(rules(true, 1)) };
    room.apply(&Command::Schedule(plan), lapsed_ms).unwrap();
    assert_eq!(room.view().unwrap().policy.late, Late::Honour);
    let claim = Command::ClaimTiers(vec![late_comer(0)]);
    assert_eq!(room.apply(&claim, lapsed_ms).unwrap(), Outcome::Claimed(vec![ClaimOutcome::Expired]));
}

#[test]
fn a_place_that_can_still_be_claimed_is_not_replaced() {
    let (mut room, lapsed_ms) = lapsed(Late::Honour);
    let replaces = Some(Replaced { at: Spot::Pool { tier: 0, index: 0 }, place: 0 });
    let back = || vec![Arrival { replaces, ..person(0, 1, 1) }];
    assert_eq!(arrive(&mut room, back(), lapsed_ms), [again_in(0, 0)], "the room honours who is late");
    let claim = Command::ClaimTiers(vec![TierClaimant { place: 0, entry: Some((0, 0)), u: None, tag: tag(1) }]);
    let Ok(Outcome::Claimed(outcomes)) = room.apply(&claim, lapsed_ms) else { panic!("no outcomes") };
    assert!(matches!(outcomes[0], ClaimOutcome::Admitted { .. }), "{outcomes:?}");
}

/// A room whose one fan was called and did not come in time, and the time.
fn lapsed(late: Late) -> (Room, u64) {
    let mut room = Room::default();
    let policy = Policy { late, ..policy() };
    let grace_ms = policy.grace_ms;
    room.apply(&Command::Schedule(SalePlan { policy, ..plan(rules(true, 1)) }), 0).unwrap();
    arrive(&mut room, vec![person(0, 1, 1)], OPENS_MS);
    let serving_ms = draw(&mut room, &[1]);
    room.apply(&Command::Tick, serving_ms).unwrap();
    room.heard_until(serving_ms + grace_ms);
    (room, serving_ms + grace_ms)
}

#[test]
fn all_tiers_are_frozen_at_one_moment_and_the_seed_is_made_of_them() {
    let mut room = open(true, 2);
    arrive(&mut room, vec![person(0, 1, 1), person(1, 2, 2)], OPENS_MS);
    let refused = |room: &mut Room, command: &Command, now_ms| room.apply(command, now_ms).unwrap_err().to_string();
    assert!(refused(&mut room, &roots(&[1, 1]), STARTS_MS - 1).contains("the pool is open"));
    assert!(refused(&mut room, &roots(&[1, 2]), STARTS_MS).contains("the root covers 2 entries, the pool has 1"));
    assert!(refused(&mut room, &roots(&[1]), STARTS_MS).contains("no tier 1"));
    let plain = Command::Freeze { entries: 2, root: [5; 32] };
    assert_eq!(room.apply(&plain, STARTS_MS), Err(Refusal::has_tiers()));
    let claim = Command::Claim(vec![Claimant { place: 0, index: None, nonce: None }]);
    assert_eq!(room.apply(&claim, STARTS_MS), Err(Refusal::has_tiers()));
    draw(&mut room, &[1, 1]);
    assert_eq!(room.apply(&roots(&[1, 1]), STARTS_MS + 9_000), Ok(Outcome::Done), "a retry");
    let record = room.view().unwrap().draw;
    let tiers = record.tiers.unwrap();
    assert_eq!(record.seed, Some(v2::seed(&record.descriptor_digest, &tiers, &[1; 32], &ZERO)));
    assert_eq!(record.descriptor_digest, v2::Descriptor::parse(&record.descriptor).unwrap().digest());
}

/// A late freeze takes a later round of the row, whoever would have liked another one.
#[test]
fn the_draw_waits_for_the_first_round_that_is_late_enough_after_the_freeze() {
    let round_1000_ms = QUICKNET.time_ms(1000);
    let signature = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    let signature = BeaconSignature(hex::decode(signature).unwrap().try_into().unwrap());
    let starts_at_ms = QUICKNET.time_ms(990) - 4_000;
    let beacon = Some(BeaconPlan { round: 990, fallback_after_ms: None });
    let rules = Rules { retry: Some(10), ..rules(true, 1) };
    let plan = SalePlan { opens_at_ms: starts_at_ms, starts_at_ms, beacon, ..plan(rules) };
    let mut room = Room::default();
    room.apply(&Command::Schedule(plan), 0).unwrap();
    room.apply(&roots(&[0]), starts_at_ms).unwrap();
    assert_eq!(room.view().unwrap().beacon_round().map(|round| round.round), Some(1000));
    for beacon in [None, Some(BeaconSignature([7; 48]))] {
        room.apply(&Command::Reveal { beacon }, round_1000_ms + 60_000).unwrap_err();
    }
    room.apply(&Command::Reveal { beacon: Some(signature) }, round_1000_ms + 60_000).unwrap();
    assert!(room.view().unwrap().draw.seed.is_some());
}

#[test]
fn what_does_not_fit_the_room_is_refused_whole() {
    let mut room = open(true, 2);
    let mut refused = |arrivals: Vec<Arrival>| room.apply(&Command::Arrive(arrivals), OPENS_MS).unwrap_err();
    assert_eq!(refused(vec![person(0, 1, 1), person(2, 2, 2)]), Refusal::no_such_tier(2));
    assert_eq!(refused(vec![person(0, 1, 0)]), Refusal::wrong_tags());
    assert_eq!(refused(vec![Arrival { entries: Vec::new(), ..person(0, 1, 1) }]), Refusal::shapeless_arrival());
    let code = Some(CodeUse { campaign: "Spring".into(), rank: 1, uses: 1 });
    assert_eq!(refused(vec![Arrival { code, ..person(0, 1, 1) }]), Refusal::shapeless_arrival());
    assert_eq!(room.apply(&Command::Enter(vec![[1; 32]]), OPENS_MS), Err(Refusal::has_tiers()));
    assert_eq!(room.entered(), 0);

    let mut plain = Room::default();
    plain.apply(&Command::Schedule(SalePlan { rules: None, ..plan(rules(true, 1)) }), 0).unwrap();
    assert_eq!(plain.apply(&Command::Arrive(vec![person(0, 1, 1)]), OPENS_MS), Err(Refusal::no_tiers()));
}

#[test]
fn a_plan_says_what_is_wrong_with_its_rules() {
    let refused = |plan: SalePlan| Room::default().apply(&Command::Schedule(plan), 0).unwrap_err().to_string();
    assert!(refused(plan(rules(true, 16))).contains("at most 15 tiers"));
    assert!(Room::default().apply(&Command::Schedule(plan(rules(false, 16))), 0).is_ok());
    assert!(refused(plan(Rules { retry: Some(1), ..rules(true, 1) })).contains("exactly where it has a beacon"));
    assert!(refused(plan(Rules { expected: 1 << 28, ..rules(true, 1) })).contains("268,435,455"));
}

#[test]
fn another_rule_is_another_draw_and_stands_once_the_pool_is_open() {
    let mut room = open(true, 2);
    let first = room.view().unwrap().draw.descriptor_digest;
    let other = SalePlan { secret: [2; 32], ..plan(rules(true, 3)) };
    room.apply(&Command::Schedule(other), 1).unwrap();
    let second = room.view().unwrap();
    assert_ne!(second.draw.descriptor_digest, first);
    assert_eq!(second.tiers.len(), 3);
    let late = Command::Schedule(plan(rules(false, 3)));
    assert_eq!(room.apply(&late, OPENS_MS), Err(Refusal::ScheduleFixed));
}

/// The older of two entries of one identity stays, whoever puts it back.
#[test]
fn an_entry_that_comes_back_takes_its_identity_back_from_a_newer_one() {
    let mut room = open(true, 2);
    let memory = room.memory();
    room.restore(memory.as_ref(), &Claims::default(), LossEvidence::Proven, None, OPENS_MS);
    let after_ms = OPENS_MS + RECOVERY_MS;
    let gap = room.view().unwrap().tiers[0].entries;
    assert_eq!(arrive(&mut room, vec![person(0, 9, 1)], after_ms), [new_in(0, gap)], "nobody knows of the first");
    let at = |tier, index| Spot::Pool { tier, index };
    let back = room.put_back_entry(at(0, 3), &[1; 32], tag(1));
    assert_eq!(back, PutBack::Taken { emptied: Some(at(0, gap)) });
    assert_eq!(room.view().unwrap().missing, 2 * gap);
    assert_eq!(room.put_back_entry(at(0, 3), &[2; 32], tag(2)), PutBack::Refused, "it is not empty");
    assert_eq!(room.put_back_entry(at(0, 4), &[3; 32], tag(1)), PutBack::Refused, "the lower index is the older");
    assert_eq!(room.put_back_entry(at(1, gap), &[4; 32], tag(4)), PutBack::Refused, "there is no such index");
    assert_eq!(room.put_back_entry(at(1, 0), &[4; 32], tag(4)), PutBack::Taken { emptied: None });
    let again_ms = after_ms + RECOVERY_MS;
    let came = arrive(&mut room, vec![person(1, 9, 1), person(0, 9, 4)], again_ms);
    assert_eq!(came, [again_in(0, 3), again_in(1, 0)]);
}
