//! What only the embedded store promises: files, crashes, full disks, and one user at a time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fairgate_core::room::{Command, Outcome, Policy, Position, Room};
use fairgate_store::embedded::{EmbeddedStore, OpenError};
use fairgate_store::{LockError, Store, StoreError};
use fairgate_telemetry::clock::{Clock, ManualClock, SteadyClock};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use crate::clock::TrippedClock;
use crate::conformance::{Reference, concurrent_joins_get_each_position_once, follows_the_model};
use crate::histories::{any_history, any_history_with_receipts, as_planned};
use crate::operations::{Op, ROOM, START_MS, entry, plan};

/// A policy that lets a few people in.
pub(crate) fn policy() -> Policy {
    Policy { rate_per_minute: 600, burst: 5, max_active: 50, grace_ms: 30_000, ..Policy::for_testing() }
}

pub(crate) fn open(dir: &Path, clock: &Arc<ManualClock>) -> EmbeddedStore {
    EmbeddedStore::open(dir, Arc::clone(clock) as _).expect("the directory is free")
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open(dir.path(), &clock);
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    for fans in [vec![1, 2, 1], vec![3]] {
        store.apply(ROOM, Command::Enter(fans.into_iter().map(entry).collect())).await.unwrap();
    }
    let (before, revision) = (store.commits(), store.view(ROOM).await.unwrap().revision);
    let again = store.apply(ROOM, Command::Enter(vec![entry(2)])).await.unwrap();
    assert_eq!(again, Outcome::Entered(vec![Position::Pool(1)]));
    assert_eq!(store.commits(), before, "a retry cost a commit");
    drop(store);

    let store = open(dir.path(), &clock);
    assert_eq!(store.view(ROOM).await.unwrap().revision, revision);
    let roster = store.roster(ROOM, 0..10).await.unwrap();
    assert_eq!(&roster[..], [entry(1), entry(2), entry(3)].as_flattened());
    let roster = store.roster(ROOM, 1..2).await.unwrap();
    assert_eq!(&roster[..], entry(2));
}

#[tokio::test]
async fn each_sale_has_a_journal_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open(dir.path(), &clock);
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    store.apply(ROOM, Command::Enter(vec![entry(1)])).await.unwrap();
    let first = fs::read(journal(dir.path())).unwrap();
    clock.set(START_MS + 3_600_000);
    store.apply(ROOM, Command::Schedule(plan(3, policy()))).await.unwrap();
    store.apply(ROOM, Command::Enter(vec![entry(2)])).await.unwrap();
    let (view, roster) = (store.view(ROOM).await.unwrap(), store.roster(ROOM, 0..9).await.unwrap());
    assert_eq!((view.pool_size, &roster[..]), (1, &entry(2)[..]));
    drop(store);

    let kept = fs::read(journal(dir.path())).unwrap();
    assert_eq!(kept, first, "the last sale's journal is closed");
    let store = open(dir.path(), &clock);
    assert_eq!(store.view(ROOM).await.unwrap(), view);
    assert_eq!(store.roster(ROOM, 0..9).await.unwrap(), roster);
    drop(store);

    // A crash while the second journal was made: nobody was told, so the first sale is still the present one.
    fs::write(dir.path().join(ROOM).join("2.journal"), b"fairg").unwrap();
    let store = open(dir.path(), &clock);
    assert_eq!(store.roster(ROOM, 0..9).await.unwrap(), entry(1)[..]);
}

#[tokio::test]
async fn a_directory_has_one_user() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let first = open(dir.path(), &clock);
    let error = EmbeddedStore::open(dir.path(), Arc::clone(&clock) as _).unwrap_err();
    assert!(matches!(error, OpenError::Lock(LockError::InUse { .. })));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    open(dir.path(), &clock);
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same answers and the same state as the model, and the same again after reopening in mid-history.
    #[test]
    fn follows_the_model_across_reopening(histories in prop::collection::vec(any_history_with_receipts(30), 1..5)) {
        across_reopening(&histories);
    }
}

/// Follows the model through histories, with a process of its own for each.
pub(crate) fn across_reopening(histories: &[Vec<Op>]) {
    let dir = quick_dir();
    let clock = Arc::new(ManualClock::at(START_MS));
    let mut reference = Reference::at(START_MS);
    for history in histories.iter().map(Vec::as_slice).chain([&[][..]]) {
        // A room's time is as durable as its last change. The clock may go back while the store is open. Before that it
        // may be wrong by more.
        reference.open_again();
        clock.set(reference.now_ms());
        let store = open(dir.path(), &clock);
        block_on(reference.compare(&store));
        block_on(follows_the_model(&mut reference, history, &store, &clock));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_wait_together_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = Arc::new(open(dir.path(), &clock));
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    concurrent_joins_get_each_position_once(Arc::clone(&store), 2_000).await;
    assert_eq!(store.commands(), 4_001);
    assert!(store.commits() < 400, "{} commits for 2,000 joins", store.commits());
}

/// A history that gets as far as sessions inside, and the journal it leaves.
fn a_long_history() -> Vec<Op> {
    let mut runner = TestRunner::deterministic();
    let tree = any_history(20).new_tree(&mut runner).unwrap();
    let mut history = as_planned(&policy(), (0..20).collect());
    history.extend([Op::Wait(100), Op::Claim((0..12).collect())]);
    history.extend(tree.current());
    history
}

fn journal(dir: &Path) -> PathBuf {
    dir.join(ROOM).join("1.journal")
}

/// Runs a history; answers the journal's bytes, and the model after each of its lengths.
fn run(history: &[Op]) -> (Vec<u8>, Vec<(usize, Room)>) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open(dir.path(), &clock);
    let mut reference = Reference::at(START_MS);
    let mut states = Vec::new();
    for op in history {
        block_on(reference.step(op, &store, &clock));
        let length = fs::metadata(journal(dir.path())).map_or(0, |file| file.len());
        states.push((usize::try_from(length).unwrap(), reference.room().clone()));
    }
    assert_eq!(states.last().unwrap().1.generation(), 1, "a history of one sale");
    drop(store);
    (fs::read(journal(dir.path())).unwrap(), states)
}

/// A directory for stores that are opened by the thousand: in memory, where there is such a place.
pub(crate) fn quick_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Opens a directory that has nothing but this journal.
fn reopen(bytes: &[u8], now_ms: u64) -> Result<(TempDir, EmbeddedStore), OpenError> {
    let dir = quick_dir();
    fs::create_dir(dir.path().join(ROOM)).unwrap();
    fs::write(journal(dir.path()), bytes).unwrap();
    let store = EmbeddedStore::open(dir.path(), Arc::new(ManualClock::at(now_ms)))?;
    Ok((dir, store))
}

#[test]
fn a_journal_cut_at_any_byte_is_the_room_as_it_was_answered_then() {
    let (bytes, states) = run(&a_long_history());
    let end_ms = states.last().unwrap().1.now_ms();
    for length in 0..=bytes.len() {
        let (dir, store) = reopen(&bytes[..length], end_ms).unwrap();
        let answered = states.iter().rev().find(|(written, _)| *written <= length && *written > 0);
        let Some((written, room)) = answered else {
            assert!(matches!(block_on(store.view(ROOM)), Err(StoreError::Refused(_))), "cut at {length}");
            continue;
        };
        assert_eq!(fs::metadata(journal(dir.path())).unwrap().len(), *written as u64, "the tail was not cut off");
        let mut expected = room.clone();
        expected.apply(&Command::Tick, end_ms).unwrap();
        assert_eq!(block_on(store.view(ROOM)).unwrap(), expected.view().unwrap(), "cut at {length}");
    }
}

#[test]
fn one_rotten_bit_anywhere_is_an_error_and_cuts_nothing_off() {
    let (bytes, states) = run(&a_long_history());
    let last_commit = states.iter().map(|(written, _)| *written).rfind(|written| *written < bytes.len()).unwrap();
    let bits_before = (0..last_commit * 8).step_by(61);
    // In the last commit each of them: that one looks most like a write that was cut short.
    for bit in bits_before.chain(last_commit * 8..bytes.len() * 8) {
        let mut rotten = bytes.clone();
        rotten[bit / 8] ^= 1 << (bit % 8);
        let error = reopen(&rotten, START_MS).map(drop).expect_err("the damage was not seen");
        assert!(matches!(error, OpenError::Rotten { .. }), "bit {bit}: {error}");
        assert!(error.to_string().contains("fairgate store restore"), "{error}");
    }
}

#[test]
fn a_journal_that_was_there_once_is_missing() {
    let (bytes, _) = run(&a_long_history());
    let (dir, store) = reopen(&bytes, START_MS).unwrap();
    drop(store);
    fs::remove_file(journal(dir.path())).unwrap();
    let error = EmbeddedStore::open(dir.path(), Arc::new(ManualClock::at(START_MS))).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
}

#[test]
fn the_secret_is_for_its_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let store = open(&dir, &Arc::new(ManualClock::at(START_MS)));
    block_on(store.apply(ROOM, Command::Schedule(plan(0, policy())))).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join(ROOM)), mode(&journal(&dir))), (0o700, 0o700, 0o600));
}

/// A clock that keeps whoever asks it waiting.
#[derive(Default)]
struct StuckClock(tokio::sync::Mutex<()>);

impl Clock for StuckClock {
    fn now_ms(&self) -> u64 {
        drop(self.0.blocking_lock());
        START_MS
    }
}

#[tokio::test]
async fn a_room_that_is_stuck_turns_people_away_instead_of_piling_them_up() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(StuckClock::default());
    let store = EmbeddedStore::open(dir.path(), Arc::clone(&clock) as _).unwrap();
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();

    let stuck = clock.0.lock().await;
    let ticks = 30_000;
    let mut waiting = Vec::new();
    for _ in 0..ticks {
        let mut tick = Box::pin(store.apply(ROOM, Command::Tick));
        match futures_util::poll!(&mut tick) {
            Poll::Pending => waiting.push(tick),
            Poll::Ready(answer) => assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}"),
        }
    }
    assert!((16_384..ticks).contains(&waiting.len()), "{} wait", waiting.len());
    drop(stuck);
    for answer in futures_util::future::join_all(waiting).await {
        answer.expect("who was not turned away is served");
    }
    store.apply(ROOM, Command::Tick).await.expect("it goes on once it can");
}

#[tokio::test]
async fn rooms_that_are_not_scheduled_or_have_no_proper_name_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), &Arc::new(ManualClock::at(START_MS)));
    let not_scheduled = store.view("nowhere").await.unwrap_err();
    assert_eq!(not_scheduled.to_string(), "the room is not scheduled");
    for name in ["", "../arena", "Arena", "a/b"] {
        let plan = fairgate_core::room::SalePlan { room: name.to_owned(), ..plan(0, policy()) };
        let error = store.apply(name, Command::Schedule(plan)).await.unwrap_err();
        assert!(error.to_string().starts_with("a room's name has"), "{error}");
    }
    let error = store.apply("foyer", Command::Schedule(plan(0, policy()))).await.unwrap_err();
    assert_eq!(error.to_string(), "the plan is of the room \"arena\", not of \"foyer\"");
}

#[tokio::test]
async fn a_room_whose_keeper_panics_is_read_back_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(TrippedClock::at(START_MS));
    let store = EmbeddedStore::open(dir.path(), Arc::clone(&clock) as _).unwrap();
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.clock.set(START_MS + 60_000);
    store.apply(ROOM, Command::Enter(vec![entry(1)])).await.unwrap();

    clock.trip();
    let torn = store.apply(ROOM, Command::Enter(vec![entry(2)])).await;
    assert!(matches!(torn, Err(StoreError::Unavailable(_))), "{torn:?}");
    let next = store.apply(ROOM, Command::Enter(vec![entry(1), entry(3)])).await.unwrap();
    assert_eq!(next, Outcome::Entered(vec![Position::Pool(0), Position::Pool(1)]), "what was answered is still there");
    assert_eq!(store.restarts(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_clock_that_jumps_closes_no_pool() {
    let dir = tempfile::tempdir().unwrap();
    let wall = Arc::new(ManualClock::at(START_MS + 30_000));
    let store = EmbeddedStore::open(dir.path(), Arc::new(SteadyClock::over(Arc::clone(&wall) as _))).unwrap();
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    let hour_ms = 3_600_000;
    wall.set(START_MS + 30_000 + hour_ms);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let view = store.view(ROOM).await.unwrap();
    assert!(view.now_ms < START_MS + 40_000, "{} ms too far", view.now_ms - START_MS - 30_000);
    assert!(store.time().unwrap().jump_ms.unwrap() > hour_ms.cast_signed() - 10_000);
    store.accept_time();
    assert!(store.view(ROOM).await.unwrap().now_ms >= START_MS + 30_000 + hour_ms);
    assert_eq!(store.time().unwrap().jump_ms, None);
}
