//! Rooms with tiers and identities, in both stores: one identity has one entry, whatever comes between.

use std::sync::Arc;

use fairgate_core::rate_limit::Quota;
use fairgate_core::room::{Arrival, Arrived, Command, GAP, Outcome, Room, SalePlan, Spot, TierRoots};
use fairgate_draw::RootHasher;
use fairgate_store::redis::RedisStore;
use fairgate_store::{CopiedList, CountedNetwork, Joined, Joiner, KeptCopy, Store};
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::conformance::{self, Reference, follows_the_model, one_tag_has_one_position};
use crate::embedded::{across_reopening, open, policy};
use crate::histories::any_tier_history;
use crate::loss;
use crate::operations::{Comer, Op, ROOM, START_MS, plan, rules, tag, tier_entry};
use crate::redis::{ask, open as open_redis, open_in};
use crate::witness::Identities;

fn schedule(asks_identity: bool, tiers: u8) -> Command {
    Command::Schedule(SalePlan { rules: Some(Box::new(rules(asks_identity, tiers))), ..plan(0, policy()) })
}

proptest! {
    #[test]
    fn a_tag_has_one_position(history in any_tier_history(60)) {
        let (mut room, mut now_ms) = (Room::default(), START_MS);
        let mut identities = Identities::default();
        for op in &history {
            now_ms = op.now_ms(now_ms);
            let Some(command) = op.command(room.view().as_ref()) else { continue };
            let answer = room.apply(&command, now_ms);
            identities.saw(&command, &answer, room.view().as_ref());
        }
    }

    /// What a journal relies on: commands without a trace need not be written down.
    #[test]
    fn commands_that_change_nothing_leave_no_trace(history in any_tier_history(60)) {
        let (mut room, mut replayed, mut now_ms) = (Room::default(), Room::default(), START_MS);
        for op in &history {
            now_ms = op.now_ms(now_ms);
            let Some(command) = op.command(room.view().as_ref()) else { continue };
            let (before, heard_ms) = (room.revision(), room.now_ms());
            drop(room.apply(&command, now_ms));
            if room.revision() != before {
                replayed.heard_until(heard_ms);
                drop(replayed.apply(&command, room.now_ms()));
            }
        }
        replayed.heard_until(room.now_ms());
        prop_assert_eq!(room.apply(&Command::Tick, now_ms), replayed.apply(&Command::Tick, room.now_ms()));
        prop_assert_eq!(room, replayed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_embedded_store_follows_the_model_across_reopening(
        histories in prop::collection::vec(any_tier_history(30), 1..4),
    ) {
        across_reopening(&histories);
    }
}

/// The same answers and the same state as the model at every step, whichever of two edges takes it.
#[test]
fn the_redis_store_follows_the_model() {
    let redis = PrivateRedis::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(histories in prop::collection::vec(any_tier_history(30), 1..4))| {
        runtime.block_on(async {
            ask(&redis, "FLUSHALL").await;
            let edges = [open_redis(&redis, &clock), open_redis(&redis, &clock)];
            let mut reference = Reference::at(START_MS);
            for (history, edge) in histories.iter().zip(edges.iter().cycle()) {
                conformance::follows_the_model(&mut reference, history, edge, &clock).await;
            }
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tag_from_64_tasks_at_once_has_one_position() {
    let clock = Arc::new(ManualClock::at(START_MS));
    let (dir, redis) = (tempfile::tempdir().unwrap(), PrivateRedis::start().unwrap());
    let embedded = Arc::new(open(dir.path(), &clock));
    let shared = Arc::new(open_redis(&redis, &clock));
    embedded.apply(ROOM, schedule(true, 2)).await.unwrap();
    shared.apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    one_tag_has_one_position(embedded, 64).await;
    one_tag_has_one_position(shared, 64).await;
}

/// Several thousand fans, so that lists go over the ends of what is written at once.
#[tokio::test]
async fn a_crowd_has_its_indexes_in_order_of_arrival_in_each_tier() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open_redis(&redis, &clock);
    store.apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    let arrival = |fan: u64| {
        let (mut entry, mut tag) = ([7; 32], [8; 16]);
        entry[..8].copy_from_slice(&fan.to_be_bytes());
        tag[..8].copy_from_slice(&(fan << 40 | fan).to_be_bytes());
        fairgate_core::room::Arrival::plain(u8::from(fan.is_multiple_of(40)), entry, tag)
    };
    for part in (0..20_000).collect::<Vec<u64>>().chunks(2_500) {
        let arrivals: Vec<_> = part.iter().map(|fan| arrival(*fan)).collect();
        for is_new in [true, false] {
            let Outcome::Arrived(arrived) = store.apply(ROOM, Command::Arrive(arrivals.clone())).await.unwrap() else {
                panic!("answered something else");
            };
            for (fan, arrived) in part.iter().zip(arrived) {
                let before = fan.div_ceil(40);
                let (tier, index) = if fan.is_multiple_of(40) { (1, before) } else { (0, fan - before) };
                let (at, (entry, _)) = (Spot::Pool { tier, index }, arrival(*fan).entries[0]);
                let again = Arrived::Again { at, by: 0, entry: Some(entry) };
                assert_eq!(arrived, if is_new { Arrived::New { at, which: 0 } } else { again });
            }
        }
    }
    let roster = store.tier_roster(ROOM, 0, 15_999..16_001).await.unwrap();
    let of_tier_0: Vec<u64> = (0..20_000_u64).filter(|fan| !fan.is_multiple_of(40)).collect();
    let expected = [of_tier_0[15_999], of_tier_0[16_000]].map(|fan| arrival(fan).entries[0].0);
    assert_eq!(roster, expected.as_flattened());
}

/// A network has one quota, at however many edges its fans come, and others in the same batch are not held up by it.
#[tokio::test]
async fn arrivals_of_a_network_are_counted_over_all_edges() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let edges = [open_redis(&redis, &clock), open_redis(&redis, &clock)];
    edges[0].apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    let busy = CountedNetwork { key: 7, quota: Quota { per_minute: 60, burst: 10 } };
    let comer =
        |fan: u8, networks| Joiner { entry: Arrival::plain(fan % 2, tier_entry(0, fan, fan), tag(fan)), networks };
    let mut over = 0;
    for fan in 0..20_u8 {
        let comers = vec![comer(2 * fan + 1, vec![busy]), comer(2 * fan + 2, Vec::new())];
        let edge = &edges[usize::from(fan) % 2];
        edge.view(ROOM).await.unwrap();
        let came = edge.arrive(ROOM, comers).await.unwrap();
        let at = |index: u64, tier| Joined::At(new_in(tier, index));
        match came.as_slice() {
            [one, other] if over == 0 && fan < 10 => assert_eq!([*one, *other], [at(fan.into(), 1), at(fan.into(), 0)]),
            [Joined::Over { retry_after_ms }, other] => {
                assert!((1..=1_000).contains(retry_after_ms), "{retry_after_ms}");
                assert_eq!(*other, at(fan.into(), 0), "who was turned away has no number");
                over += 1;
            }
            came => panic!("{came:?}"),
        }
    }
    assert_eq!(over, 10);
}

/// Who was let in, who gave up, and who comes again: as it goes in a sale.
#[tokio::test]
async fn a_place_that_was_given_up_is_replaced_in_both_stores() {
    let redis = PrivateRedis::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let back = |place| Comer { replaces: Some((Spot::Pool { tier: 0, index: 0 }, place)), ..Comer::plain(0, 3, 1) };
    let history = [
        Op::ScheduleTiers { times: 0, policy: policy(), asks_identity: true, tiers: 2 },
        Op::Wait(60_000),
        Op::Arrive(vec![Comer::plain(0, 1, 1), Comer::plain(1, 1, 2)]),
        Op::Wait(120_000),
        Op::FreezeTiers { off_by: 0, root: 0 },
        Op::Wait(2_000),
        Op::Reveal { beacon: false },
        Op::Leave(vec![8, 10]),
        Op::Arrive(vec![back(0), back(0), Comer::plain(1, 9, 1)]),
        Op::ClaimTiers(vec![8, 9, 10]),
        Op::Arrive(vec![back(0)]),
    ];
    let mut reference = Reference::at(START_MS);
    follows_the_model(&mut reference, &history, &open(dir.path(), &clock), &clock).await;
    let mut reference = Reference::at(START_MS);
    clock.set(START_MS);
    follows_the_model(&mut reference, &history, &open_redis(&redis, &clock), &clock).await;
}

/// Whatever has happened so far, whoever knows it puts it back, as the model does, and the sale goes on from there.
#[test]
fn after_flushall_a_room_with_tiers_goes_on_as_the_model_says() {
    let redis = PrivateRedis::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    proptest!(loss::config(48), |(histories in prop::collection::vec(any_tier_history(20), 1..4))| {
        runtime.block_on(loss::after_flushall(&redis, &clock, &histories));
    });
}

async fn arrive(edge: &impl Store, comers: &[Comer]) -> Vec<Arrived> {
    let view = edge.view(ROOM).await.unwrap();
    let command = Op::Arrive(comers.to_vec()).command(Some(&view)).unwrap();
    match edge.apply(ROOM, command).await.unwrap() {
        Outcome::Arrived(arrived) => arrived,
        other => panic!("answered {other:?}"),
    }
}

fn new_in(tier: u8, index: u64) -> Arrived {
    Arrived::New { at: Spot::Pool { tier, index }, which: 0 }
}

fn again_in(tier: u8, index: u64, entry: [u8; 32]) -> Arrived {
    Arrived::Again { at: Spot::Pool { tier, index }, by: 0, entry: Some(entry) }
}

/// Those of the pool, those who came late, and whoever has not come before.
#[tokio::test]
async fn identities_come_back_from_the_disk_of_the_edge_that_answered_them() {
    let (redis, dir) = (PrivateRedis::start().unwrap(), tempfile::tempdir().unwrap());
    let clock = Arc::new(ManualClock::at(START_MS));
    let edge = open_in(&redis, &clock, Some(dir.path()));
    edge.apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    arrive(&edge, &[Comer::plain(0, 1, 1), Comer::plain(1, 1, 2), Comer::plain(1, 1, 3)]).await;

    ask(&redis, "FLUSHALL").await;
    assert!(edge.view(ROOM).await.unwrap().mending);
    loss::mended(&edge, &clock).await;
    let view = edge.view(ROOM).await.unwrap();
    assert_eq!(
        view.tiers.iter().map(|tier| (tier.entries, tier.missing)).collect::<Vec<_>>(),
        [(1 + GAP, GAP), (2 + GAP, GAP)]
    );
    assert_eq!(edge.tags(ROOM, 1, 0..3).await.unwrap(), [tag(2), tag(3), tag(0)].as_flattened());
    let came = arrive(&edge, &[Comer::plain(1, 9, 1), Comer::plain(0, 9, 3), Comer::plain(0, 9, 4)]).await;
    let expected = [again_in(0, 0, tier_entry(0, 1, 1)), again_in(1, 1, tier_entry(1, 1, 3)), new_in(0, 1 + GAP)];
    assert_eq!(came, expected);

    clock.set(START_MS + 180_000);
    let late = arrive(&edge, &[Comer::plain(0, 1, 5)]).await;
    ask(&redis, "FLUSHALL").await;
    // An edge that was started again knows it from its disk.
    edge.close().await;
    let edge = open_in(&redis, &clock, Some(dir.path()));
    assert!(edge.view(ROOM).await.unwrap().mending);
    loss::mended(&edge, &clock).await;
    let again = arrive(&edge, &[Comer::plain(1, 9, 5), Comer::plain(1, 9, 4)]).await;
    assert_eq!(
        again,
        [Arrived::Again { at: late[0].at().unwrap(), by: 0, entry: None }, again_in(0, 1 + GAP, tier_entry(0, 9, 4))]
    );
}

/// While one edge was away, its fan came again to another one and got an entry anew: the older entry stays.
#[tokio::test]
async fn of_two_entries_of_one_identity_the_older_one_stays() {
    let (redis, dir) = (PrivateRedis::start().unwrap(), tempfile::tempdir().unwrap());
    let clock = Arc::new(ManualClock::at(START_MS));
    let (away, edge) = (open_in(&redis, &clock, Some(dir.path())), open_redis(&redis, &clock));
    away.apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    arrive(&away, &[Comer::plain(0, 1, 1), Comer::plain(1, 1, 2)]).await;
    away.close().await;
    drop(away);
    edge.view(ROOM).await.unwrap();

    ask(&redis, "FLUSHALL").await;
    loss::mended(&edge, &clock).await;
    let anew = arrive(&edge, &[Comer::plain(0, 9, 1), Comer::plain(0, 9, 2)]).await;
    assert_eq!(anew, [new_in(0, 1 + GAP), new_in(0, 2 + GAP)]);

    let back = open_in(&redis, &clock, Some(dir.path()));
    assert!(back.view(ROOM).await.unwrap().mending);
    loss::mended(&edge, &clock).await;
    let again = arrive(&edge, &[Comer::plain(0, 9, 1), Comer::plain(0, 9, 2)]).await;
    assert_eq!(again, [again_in(0, 0, tier_entry(0, 1, 1)), again_in(1, 0, tier_entry(1, 1, 2))]);
    let view = edge.view(ROOM).await.unwrap();
    let newer = view.tiers[0].entries - 2;
    assert_eq!(edge.tier_roster(ROOM, 0, newer..newer + 2).await.unwrap(), [0; 64][..], "left empty");
    assert_eq!(edge.tags(ROOM, 0, newer..newer + 2).await.unwrap(), [0; 32][..]);
    let empty = edge.tier_roster(ROOM, 0, 0..u64::MAX).await.unwrap();
    let empty = empty.as_chunks::<32>().0.iter().filter(|entry| **entry == [0; 32]).count();
    assert_eq!(view.tiers[0].missing, empty as u64);
}

/// A list as an edge copies it before it publishes the list's root.
fn copied(edge: &RedisStore, list: CopiedList, rows: &[u8]) -> ([u8; 32], KeptCopy) {
    let mut copy = edge.begin_copy(ROOM, list).unwrap().unwrap();
    copy.push(rows);
    let mut hasher = RootHasher::new();
    match list {
        CopiedList::Roster => rows.as_chunks::<32>().0.iter().for_each(|entry| hasher.push(entry)),
        CopiedList::Tags => rows.as_chunks::<16>().0.iter().for_each(|tag| hasher.push(tag)),
    }
    let (_, root) = hasher.finish();
    (root, copy.keep(&root).unwrap())
}

/// Entries and tags of both tiers, as they are published.
async fn lists(edge: &RedisStore) -> Vec<Vec<u8>> {
    let mut lists = Vec::new();
    for tier in 0..2 {
        lists.push(edge.tier_roster(ROOM, tier, 0..u64::MAX).await.unwrap().to_vec());
        lists.push(edge.tags(ROOM, tier, 0..u64::MAX).await.unwrap().to_vec());
    }
    lists
}

/// Publishes the roots of both tiers, with copies of all that they are of.
async fn freeze(edge: &RedisStore) {
    let (mut roots, mut kept) = (Vec::new(), Vec::new());
    for lists in lists(edge).await.chunks(2) {
        let (root, entries) = copied(edge, CopiedList::Roster, &lists[0]);
        let (tags_root, tags) = copied(edge, CopiedList::Tags, &lists[1]);
        roots.push(TierRoots { entries: lists[0].len() as u64 / 32, root, tags_root });
        kept.extend([entries, tags]);
    }
    edge.apply(ROOM, Command::FreezeTiers(roots)).await.unwrap();
    KeptCopy::forget_all_but(&kept);
}

/// Whatever is lost after the roots were made, also entries that are in no edge's ledger: one edge has copies of it all, and
/// knows its own late comers.
#[tokio::test]
async fn the_frozen_rosters_of_all_tiers_come_back_to_the_byte_from_any_one_edge() {
    let (redis, dirs) = (PrivateRedis::start().unwrap(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let clock = Arc::new(ManualClock::at(START_MS));
    let [edge, other] = [0, 1].map(|edge| open_in(&redis, &clock, Some(dirs[edge].path())));
    edge.apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    arrive(&edge, &[Comer::plain(0, 1, 1), Comer::plain(1, 1, 2)]).await;
    arrive(&other, &[Comer::plain(1, 1, 3)]).await;
    // The edge that answered these is gone with its disk.
    arrive(&open_redis(&redis, &clock), &[Comer::plain(0, 1, 4), Comer::plain(1, 1, 5)]).await;
    clock.set(START_MS + 180_000);
    edge.view(ROOM).await.unwrap();
    freeze(&edge).await;
    let (before, published) = (edge.view(ROOM).await.unwrap(), lists(&edge).await);
    let late = arrive(&edge, &[Comer::plain(0, 1, 6)]).await;
    other.close().await;
    drop((other, open_redis(&redis, &clock)));

    ask(&redis, "FLUSHALL").await;
    let after = edge.view(ROOM).await.unwrap();
    assert_eq!((after.draw, after.missing, after.tiers), (before.draw, 0, before.tiers));
    assert_eq!(lists(&edge).await, published);
    loss::mended(&edge, &clock).await;
    let again = arrive(&edge, &[Comer::plain(0, 9, 3), Comer::plain(0, 9, 4), Comer::plain(0, 9, 6)]).await;
    let line = Arrived::Again { at: late[0].at().unwrap(), by: 0, entry: None };
    assert_eq!(again, [again_in(1, 1, tier_entry(1, 1, 3)), again_in(0, 1, tier_entry(0, 1, 4)), line]);
    // What was put back is whole, so nothing is put back into it a second time, and late comers of others are.
    let other = open_in(&redis, &clock, Some(dirs[1].path()));
    other.view(ROOM).await.unwrap();
    assert_eq!(lists(&other).await, published);
}

/// A copy of which a bit has rotted is none: what the edges have answered comes back, and the rest is missing.
#[tokio::test]
async fn a_copy_that_has_rotted_puts_nothing_wrong_into_a_tier() {
    let (redis, dir) = (PrivateRedis::start().unwrap(), tempfile::tempdir().unwrap());
    let clock = Arc::new(ManualClock::at(START_MS));
    let edge = open_in(&redis, &clock, Some(dir.path()));
    edge.apply(ROOM, schedule(true, 2)).await.unwrap();
    clock.set(START_MS + 60_000);
    arrive(&edge, &[Comer::plain(0, 1, 1), Comer::plain(1, 1, 2)]).await;
    arrive(&open_redis(&redis, &clock), &[Comer::plain(1, 1, 3)]).await;
    clock.set(START_MS + 180_000);
    edge.view(ROOM).await.unwrap();
    freeze(&edge).await;
    edge.view(ROOM).await.unwrap();
    let published = lists(&edge).await;
    let is_copy = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "tags");
    let copies = std::fs::read_dir(dir.path().join(ROOM)).unwrap().map(|file| file.unwrap().path());
    let copy = copies.filter(|path| is_copy(path)).max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&copy).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&copy, bytes).unwrap();

    ask(&redis, "FLUSHALL").await;
    let view = edge.view(ROOM).await.unwrap();
    assert_eq!(view.tiers.iter().map(|tier| tier.missing).collect::<Vec<_>>(), [0, 1]);
    let after = lists(&edge).await;
    assert_eq!(after[..2], published[..2]);
    assert_eq!((&after[2][..32], &after[2][32..]), (&published[2][..32], &[0; 32][..]));
    assert!(copy.with_extension("tags.rotten").is_file());
}

/// What an identity weighs in Redis with all around it: entry, tag, and the row that it is found by.
#[tokio::test]
#[ignore = "a million fans take minutes; run it where what is stored of a fan changes"]
async fn a_million_identities_weigh_at_most_64_bytes_each() {
    const FANS: u64 = 1_000_000;
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open_redis(&redis, &clock);
    store.apply(ROOM, schedule(true, 3)).await.unwrap();
    clock.set(START_MS + 60_000);
    let before = used_memory(&redis).await;
    let arrival = |fan: u64| {
        let mixed = (fan + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (mut entry, mut tag) = ([7; 32], [8; 16]);
        entry[..8].copy_from_slice(&mixed.to_be_bytes());
        tag[..8].copy_from_slice(&mixed.to_be_bytes());
        fairgate_core::room::Arrival::plain((fan % 3) as u8, entry, tag)
    };
    for first in (0..FANS).step_by(10_000) {
        let arrivals = (first..first + 10_000).map(arrival).collect();
        store.apply(ROOM, Command::Arrive(arrivals)).await.unwrap();
    }
    assert_eq!(store.view(ROOM).await.unwrap().pool_size, FANS);
    let each = (used_memory(&redis).await - before) as f64 / FANS as f64;
    assert!(each <= 64.0, "{each:.1} bytes a fan");
}

async fn used_memory(redis: &PrivateRedis) -> u64 {
    let info = ask(redis, "INFO memory").await;
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

/// A store that gives an identity a second position is noticed by who watches the answers.
#[test]
fn a_tag_with_two_positions_is_noticed() {
    let (mut room, mut watching) = (Room::default(), Identities::default());
    let now_ms = START_MS + 60_000;
    let mut saw = |command: &Command, forged: Option<Arrived>| {
        let answer = room.apply(command, now_ms);
        let answer = forged.map_or(answer, |forged| Ok(Outcome::Arrived(vec![forged])));
        watching.saw(command, &answer, room.view().as_ref());
    };
    saw(&schedule(true, 2), None);
    let came = Op::Arrive(vec![Comer::plain(0, 1, 1)]).command(None).unwrap();
    saw(&came, None);
    saw(&came, None);
    let second = Arrived::New { at: Spot::Pool { tier: 1, index: 0 }, which: 0 };
    let noticed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| saw(&came, Some(second))));
    assert!(noticed.is_err());
}
