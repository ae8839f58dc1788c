//! A Redis that loses what it had, and edges that put it back.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use fairgate_core::room::{ClaimOutcome, Command, GAP, Move, MoveOutcome, Outcome, Position, RECOVERY_STEP_MS, Spot};
use fairgate_store::Store;
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::conformance::{Reference, follows_the_model};
use crate::embedded::policy;
use crate::histories::{any_history, as_planned};
use crate::operations::{Op, ROOM, START_MS, claimant, entry, plan};
use crate::redis::{ask, open, open_in, options_in};

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Whatever has happened so far, whoever knows it puts it back, as the model does, and the sale goes on from there.
#[test]
fn after_flushall_a_room_goes_on_as_the_model_says() {
    let redis = PrivateRedis::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    proptest!(config(64), |(histories in prop::collection::vec(any_history(20), 1..4))| {
        runtime.block_on(after_flushall(&redis, &clock, &histories));
    });
}

/// Follows the model through histories, with a Redis that loses everything after each.
pub(crate) async fn after_flushall(redis: &PrivateRedis, clock: &Arc<ManualClock>, histories: &[Vec<Op>]) {
    ask(redis, "FLUSHALL").await;
    let edge = open(redis, clock);
    let mut reference = Reference::at(START_MS);
    for history in histories {
        follows_the_model(&mut reference, history, &edge, clock).await;
        ask(redis, "FLUSHALL").await;
        let known = reference.knowledge();
        reference.lose(None, &known);
        reference.compare(&edge).await;
    }
}

/// A server that comes back from a backup, as another run: older numbers never come back with it.
#[test]
fn after_a_backup_a_room_goes_on_as_the_model_says() {
    let server = RefCell::new(PrivateRedis::start_with(&["save", ""]).unwrap());
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    proptest!(config(8), |(histories in prop::collection::vec(any_history(20), 2..3))| {
        let mut redis = server.borrow_mut();
        runtime.block_on(async {
            ask(&redis, "FLUSHALL").await;
            let edge = open(&redis, &clock);
            let mut reference = Reference::at(START_MS);
            follows_the_model(&mut reference, &histories[0], &edge, &clock).await;
            ask(&redis, "SAVE").await;
            let backup = reference.clone();
            follows_the_model(&mut reference, &histories[1], &edge, &clock).await;
            let known = reference.knowledge();
            redis.restart().unwrap();
            while edge.view(ROOM).await.is_err_and(|error| error.to_string().contains("unavailable")) {}
            reference.lose(Some(backup), &known);
            reference.compare(&edge).await;
        });
    });
}

/// Edges look as often as they do until the room is whole again.
pub(crate) async fn mended(edge: &RedisStore, clock: &ManualClock) {
    while edge.view(ROOM).await.unwrap().mending {
        clock.advance(RECOVERY_STEP_MS);
    }
}

pub(crate) async fn enter(edge: &RedisStore, fans: &[u8]) -> Vec<Position> {
    let entries = fans.iter().map(|fan| entry(*fan)).collect();
    match edge.apply(ROOM, Command::Enter(entries)).await.unwrap() {
        Outcome::Entered(positions) => positions,
        other => panic!("answered {other:?}"),
    }
}

/// Two edges know different things; the higher number wins whoever comes first, and a gap keeps a third one's safe.
#[tokio::test]
async fn no_number_repeats_whichever_edge_puts_back_first() {
    for first in 0..2 {
        let redis = PrivateRedis::start().unwrap();
        let clock = Arc::new(ManualClock::at(START_MS));
        let edges = [open(&redis, &clock), open(&redis, &clock)];
        edges[0].apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
        clock.set(START_MS + 60_000);
        edges[1].view(ROOM).await.unwrap();
        assert_eq!(enter(&edges[0], &[1, 2]).await, [Position::Pool(0), Position::Pool(1)]);
        edges[0].view(ROOM).await.unwrap();
        assert_eq!(enter(&edges[1], &[3]).await, [Position::Pool(2)]);

        ask(&redis, "FLUSHALL").await;
        let mending = edges[first].apply(ROOM, Command::Enter(vec![entry(4)])).await.unwrap_err();
        assert!(mending.to_string().contains("being put right"), "{mending}");
        for edge in &edges {
            let view = edge.view(ROOM).await.unwrap();
            assert!(view.mending && view.pool_size >= GAP);
        }
        mended(&edges[first], &clock).await;
        assert_eq!(enter(&edges[first], &[4]).await, [Position::Pool(3 + GAP)]);
        let (one, other) = (edges[0].view(ROOM).await.unwrap(), edges[1].view(ROOM).await.unwrap());
        assert_eq!(one.draw, other.draw);
        assert_eq!((one.pool_size, one.missing), (4 + GAP, 3 + GAP));
    }
}

/// What a wait costs: an edge that knows nothing begins anew, and gives way to one that does.
#[tokio::test]
async fn a_sale_that_was_begun_anew_gives_way_to_the_one_that_fans_know() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let edge = open(&redis, &clock);
    edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    enter(&edge, &[1, 2]).await;
    let known = edge.view(ROOM).await.unwrap();

    ask(&redis, "FLUSHALL").await;
    let forgetful = open(&redis, &clock);
    let anew = fairgate_core::room::SalePlan { secret: [99; 32], ..plan(0, policy()) };
    forgetful.apply(ROOM, Command::Schedule(anew)).await.unwrap();
    enter(&forgetful, &[7]).await;
    assert_ne!(forgetful.view(ROOM).await.unwrap().draw.commitment, known.draw.commitment);

    let back = edge.view(ROOM).await.unwrap();
    assert_eq!(back.draw, known.draw);
    assert_eq!(forgetful.view(ROOM).await.unwrap().draw, known.draw);
    mended(&forgetful, &clock).await;
    assert_eq!(enter(&forgetful, &[8]).await, [Position::Pool(2 + GAP)]);
}

/// An edge that was away when the sale was moved does not move it back.
#[tokio::test]
async fn a_sale_that_was_moved_stays_where_it_is_whichever_edge_puts_back_first() {
    for first in 0..2 {
        let redis = PrivateRedis::start().unwrap();
        let clock = Arc::new(ManualClock::at(START_MS));
        let edges = [open(&redis, &clock), open(&redis, &clock)];
        edges[0].apply(ROOM, Command::Schedule(plan(1, policy()))).await.unwrap();
        clock.set(START_MS + 1_000);
        let moved = fairgate_core::room::SalePlan { secret: [99; 32], ..plan(0, policy()) };
        edges[1].apply(ROOM, Command::Schedule(moved)).await.unwrap();
        clock.set(START_MS + 60_000);
        assert_eq!(enter(&edges[1], &[1]).await, [Position::Pool(0)]);
        let known = edges[1].view(ROOM).await.unwrap();

        ask(&redis, "FLUSHALL").await;
        edges[first].view(ROOM).await.unwrap();
        edges[1 - first].view(ROOM).await.unwrap();
        for edge in &edges {
            let view = edge.view(ROOM).await.unwrap();
            assert_eq!((view.draw.commitment, view.pool_size), (known.draw.commitment, 1 + GAP), "{first} came first");
        }
    }
}

/// One place, one admission, though the bit that says so was lost with everything else.
#[tokio::test]
async fn a_place_that_came_in_stays_in_and_no_other_session_is_made_of_it() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let mut reference = Reference::at(START_MS);
    let edge = open(&redis, &clock);
    let mut history = as_planned(&policy(), (0..20).collect());
    history.extend([Op::Wait(100), Op::Claim((0..24).collect())]);
    follows_the_model(&mut reference, &history, &edge, &clock).await;
    let before = edge.view(ROOM).await.unwrap();
    assert_eq!((before.admitted, before.active), (5, 5));

    ask(&redis, "FLUSHALL").await;
    let known = reference.knowledge();
    reference.lose(None, &known);
    reference.compare(&edge).await;
    let after = edge.view(ROOM).await.unwrap();
    assert_eq!((after.admitted, after.active, after.serving), (5, 5, before.serving));
    assert_eq!(after.draw, before.draw);
    // Whatever is asked again is answered as before, and the burst is not given a second time.
    follows_the_model(&mut reference, &[Op::Wait(1_000), Op::Claim((0..24).collect())], &edge, &clock).await;
    let later = edge.view(ROOM).await.unwrap();
    assert!(later.admitted <= 5 + u64::from(policy().rate_per_minute) / 60, "{}", later.admitted);
}

/// The pool of two edges, lost before the draw: each puts back what it answered, one of them after having been restarted.
#[tokio::test]
async fn a_lost_roster_is_put_back_to_the_byte() {
    let redis = PrivateRedis::start().unwrap();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let clock = Arc::new(ManualClock::at(START_MS));
    let edges = [0, 1].map(|edge| open_in(&redis, &clock, Some(dirs[edge].path())));
    edges[0].apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    edges[1].view(ROOM).await.unwrap();
    for fans in 0..40_u8 {
        enter(&edges[usize::from(fans) % 2], &[3 * fans, 3 * fans + 1, 3 * fans + 2]).await;
    }
    // The pool closes, and both edges look.
    clock.set(START_MS + 180_000);
    let before = edges[0].view(ROOM).await.unwrap();
    let roster = edges[0].roster(ROOM, 0..u64::MAX).await.unwrap();
    let [mut one, other] = edges;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    one.view(ROOM).await.unwrap();
    drop(one);

    ask(&redis, "FLUSHALL").await;
    let half = other.view(ROOM).await.unwrap();
    assert_eq!(half.draw, before.draw);
    assert!(half.mending && half.missing >= 60, "{} missing", half.missing);
    one = open_in(&redis, &clock, Some(dirs[0].path()));
    let whole = one.view(ROOM).await.unwrap();
    assert_eq!((whole.pool_size, whole.missing), (120, 0));
    assert_eq!(one.roster(ROOM, 0..u64::MAX).await.unwrap(), roster);
    assert_eq!(whole.draw, before.draw);

    let freeze = Command::Freeze { entries: 120, root: [1; 32] };
    assert!(other.apply(ROOM, freeze.clone()).await.unwrap_err().to_string().contains("being put right"));
    mended(&other, &clock).await;
    other.apply(ROOM, freeze).await.unwrap();
}

/// A write that was cut short, as by a full disk, costs nobody else's entry, though more were written behind it.
#[tokio::test]
async fn a_torn_write_takes_no_answered_entry_with_it() {
    let redis = PrivateRedis::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let mut edge = open_in(&redis, &clock, Some(dir.path()));
    edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    for fans in 0..40_u8 {
        enter(&edge, &[3 * fans, 3 * fans + 1, 3 * fans + 2]).await;
        if fans % 10 == 5 {
            // Half of a frame, and then the edge is killed.
            let mut files = std::fs::read_dir(dir.path().join(ROOM)).unwrap().map(|file| file.unwrap().path());
            let ledger = files.find(|path| path.extension().is_some_and(|of| of == "ledger")).unwrap();
            let bytes = std::fs::read(&ledger).unwrap();
            let torn = [&bytes[..], &bytes[bytes.len() - 132..bytes.len() - 61]].concat();
            std::fs::write(&ledger, torn).unwrap();
            if fans % 20 == 5 {
                drop(edge);
                edge = open_in(&redis, &clock, Some(dir.path()));
            }
        }
    }
    clock.set(START_MS + 180_000);
    edge.view(ROOM).await.unwrap();
    let roster = edge.roster(ROOM, 0..u64::MAX).await.unwrap();
    ask(&redis, "FLUSHALL").await;
    let view = edge.view(ROOM).await.unwrap();
    assert_eq!((view.pool_size, view.missing), (120, 0));
    assert_eq!(edge.roster(ROOM, 0..u64::MAX).await.unwrap(), roster);
}

/// An edge that is gone for good takes what only it knew with it; that is said, and nothing is made up.
#[tokio::test]
async fn what_is_missing_is_said() {
    let redis = PrivateRedis::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (edge, lost) = (open_in(&redis, &clock, Some(dir.path())), open(&redis, &clock));
    edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    enter(&lost, &[1, 2, 3]).await;
    enter(&edge, &[4]).await;
    clock.set(START_MS + 180_000);
    edge.view(ROOM).await.unwrap();
    drop(lost);
    ask(&redis, "FLUSHALL").await;
    let view = edge.view(ROOM).await.unwrap();
    let view = if view.missing == 3 { view } else { edge.view(ROOM).await.unwrap() };
    assert_eq!((view.pool_size, view.missing), (4, 3));
    let expected = [[0; 32], [0; 32], [0; 32], entry(4)];
    assert_eq!(edge.roster(ROOM, 0..4).await.unwrap(), expected.as_flattened());
}

/// An edge looks, as edges do, for so long since [`five_inside`].
async fn looks(edge: &RedisStore, clock: &Arc<ManualClock>, for_ms: u64) {
    for passed_ms in (0..=for_ms).step_by(1_000) {
        clock.set(START_MS + 182_100 + passed_ms);
        edge.view(ROOM).await.unwrap();
    }
}

/// A sale in which five of twenty were let in by an edge; another one has looked meanwhile.
pub(crate) async fn five_inside(edge: &RedisStore, other: &RedisStore, clock: &Arc<ManualClock>) -> Vec<Outcome> {
    let mut reference = Reference::at(START_MS);
    let mut history = as_planned(&policy(), (0..20).collect());
    history.push(Op::Wait(100));
    follows_the_model(&mut reference, &history, edge, clock).await;
    let claim = |place| Command::Claim(vec![claimant(place)]);
    let mut admitted = Vec::new();
    for place in 0..5 {
        admitted.push(edge.apply(ROOM, claim(place)).await.unwrap());
    }
    assert_eq!(other.view(ROOM).await.unwrap().active, 5);
    admitted
}

/// Nobody else knows the sessions that an edge opened. Where it is gone for good its fans have to claim again, and get
/// the same session, since that follows from draw and place. Where it comes back with its disk, so do they.
#[tokio::test]
async fn sessions_of_a_dead_edge_come_back_with_its_disk_or_are_claimed_again() {
    for has_disk in [true, false] {
        let redis = PrivateRedis::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START_MS));
        let (edge, other) = (open_in(&redis, &clock, Some(dir.path())), open(&redis, &clock));
        let admitted = five_inside(&edge, &other, &clock).await;
        let before = other.view(ROOM).await.unwrap();
        edge.close().await;
        drop(edge);

        ask(&redis, "FLUSHALL").await;
        let after = other.view(ROOM).await.unwrap();
        assert_eq!((after.serving, after.admitted, after.active), (before.serving, 5, 0));
        assert_eq!(after.draw, before.draw);
        if has_disk {
            let back = open_in(&redis, &clock, Some(dir.path()));
            assert_eq!(back.view(ROOM).await.unwrap().active, 5);
            looks(&other, &clock, 4_000).await;
            for (place, first) in (0..).zip(&admitted) {
                assert_eq!(other.apply(ROOM, Command::Claim(vec![claimant(place)])).await.unwrap(), *first);
            }
        } else {
            // The buckets begin empty: whoever is let in again is let in by the rate.
            looks(&other, &clock, 7_000).await;
            let again = other.apply(ROOM, Command::Claim((0..5).map(claimant).collect())).await.unwrap();
            let Outcome::Claimed(outcomes) = again else { panic!("answered {again:?}") };
            assert!(matches!(outcomes[0], ClaimOutcome::Admitted { .. }), "{outcomes:?}");
            let view = other.view(ROOM).await.unwrap();
            assert!(view.active <= 8 * u64::from(policy().rate_per_minute) / 60 + 1, "{} inside", view.active);
        }
    }
}

/// Only the edge that moved a place knows of it. It puts that back from its disk, also after it was stopped meanwhile.
#[tokio::test]
async fn a_place_that_moved_stays_the_other_keys_though_redis_lost_it_and_the_edge_was_stopped() {
    let redis = PrivateRedis::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (edge, other) = (open_in(&redis, &clock, Some(dir.path())), open(&redis, &clock));
    five_inside(&edge, &other, &clock).await;
    let at = Spot::Pool { tier: 0, index: 0 };
    let shift = |from: u8, to: u8| Command::Move(Move { at, from: [from; 16], to: [to; 16], most: 1 });
    let moved = edge.apply(ROOM, shift(1, 2)).await.unwrap();
    let Outcome::Moved(MoveOutcome::Moved { moves: 1, since_ms }) = moved else { panic!("answered {moved:?}") };
    edge.close().await;
    drop(edge);

    ask(&redis, "FLUSHALL").await;
    other.view(ROOM).await.unwrap();
    let back = open_in(&redis, &clock, Some(dir.path()));
    back.view(ROOM).await.unwrap();
    mended(&other, &clock).await;
    let answer = async |command| other.apply(ROOM, command).await.unwrap();
    assert_eq!(
        answer(shift(1, 3)).await,
        Outcome::Moved(MoveOutcome::Elsewhere { since_ms }),
        "the first key's no more"
    );
    assert_eq!(answer(shift(2, 3)).await, Outcome::Moved(MoveOutcome::Spent), "it has moved as often as it may");
    assert_eq!(answer(shift(1, 2)).await, moved, "the move that was made");
}

/// Every edge ends at once, and Redis does not: nothing is lost, whether or not their disks are.
#[tokio::test]
async fn all_edges_at_once_lose_nothing() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (edge, other) = (open(&redis, &clock), open(&redis, &clock));
    let admitted = five_inside(&edge, &other, &clock).await;
    let before = other.view(ROOM).await.unwrap();
    drop((edge, other));
    let anew = open(&redis, &clock);
    let claimed = anew.apply(ROOM, Command::Claim(vec![claimant(4)])).await.unwrap();
    assert_eq!(claimed, admitted[4]);
    assert_eq!(anew.view(ROOM).await.unwrap(), before);
}

/// Redis and every edge with its disk: nobody knows the sale, so another one begins, and its tickets are others.
#[tokio::test]
async fn with_everything_gone_another_sale_begins() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let dir = tempfile::tempdir().unwrap();
    let edge = open_in(&redis, &clock, Some(dir.path()));
    edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    enter(&edge, &[1, 2]).await;
    let before = edge.view(ROOM).await.unwrap();
    edge.close().await;
    drop((edge, dir));
    ask(&redis, "FLUSHALL").await;

    let dir = tempfile::tempdir().unwrap();
    let edge = open_in(&redis, &clock, Some(dir.path()));
    assert!(edge.view(ROOM).await.is_err(), "somebody knows the room");
    edge.apply(ROOM, Command::Schedule(fairgate_core::room::SalePlan { secret: [99; 32], ..plan(0, policy()) }))
        .await
        .unwrap();
    assert_eq!(enter(&edge, &[3]).await, [Position::Pool(0)]);
    // Tickets carry the draw's digest, and so do passes: those of the last sale are refused.
    assert_ne!(edge.view(ROOM).await.unwrap().draw.descriptor_digest, before.draw.descriptor_digest);
}

/// While an edge takes over from another both answer, and only the old one writes what it knows. In the end the new
/// one knows it all.
#[tokio::test]
async fn an_edge_that_takes_over_knows_what_the_old_one_let_in() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let dir = tempfile::tempdir().unwrap();
    let old = open_in(&redis, &clock, Some(dir.path()));
    let options = RedisOptions { takes_over: true, ..options_in(&redis, Some(dir.path())) };
    let new = RedisStore::open(&options, Some(Arc::clone(&clock) as _)).unwrap();
    five_inside(&old, &new, &clock).await;
    let refused = RedisStore::open(&options_in(&redis, Some(dir.path())), None).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    old.close().await;
    drop(old);

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    new.view(ROOM).await.unwrap();
    ask(&redis, "FLUSHALL").await;
    assert_eq!(new.view(ROOM).await.unwrap().active, 5);
}
