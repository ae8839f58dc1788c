//! The book of a draw's entries: every store answers as the model does, and has what the model has, after every step of any
//! history.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fairgate_core::room::Command;
use fairgate_entry::book::{Asking, Book, Overrule, Refusal, Told, Verdict};
use fairgate_entry::heat::NetworkTag;
use fairgate_entry::reference::Reference;
use fairgate_entry::way::Reason;
use fairgate_store::check::{Condition, check};
use fairgate_store::embedded::{EmbeddedStore, OpenError};
use fairgate_store::{BookPart, Store};
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::embedded::policy;
use crate::operations::{ROOM, START_MS, plan};
use crate::redis::{ask, open};

const DRAW: [u8; 32] = [7; 32];
/// Far beyond any server's clock.
const KEPT_MS: u64 = 4_000_000_000_000;
const ALL: [BookPart; 3] = [BookPart::Heat, BookPart::Refusals, BookPart::Positions];

/// One step.
#[derive(Clone, Debug)]
enum Step {
    Tell(Told),
    /// The last telling once more: its answer was lost.
    TellAgain,
    /// So many rows fewer are known than there are.
    Overrule(Vec<[u8; 20]>, u64),
    Forget,
    /// Another process opens the store.
    Reopen,
}

fn network() -> impl Strategy<Value = NetworkTag> {
    // Few, so that they meet; of any bytes, so that all places of the counts are met.
    prop_oneof![
        (0..5u8).prop_map(|n| NetworkTag([n.wrapping_mul(83), 1, 2, 3, n, 5, 6, n])),
        any::<[u8; 8]>().prop_map(NetworkTag)
    ]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let position = prop::option::of((0..16u8, 0..2_000u64));
    (0..6u8, position, 0..12usize, any::<u32>()).prop_map(|(reference, position, reason, at_s)| {
        let reference = Reference::from_bytes([reference; 5]);
        Refusal { at_s, ..Refusal::new(reference, position, Reason::ALL[reason], None, 0) }
    })
}

fn told() -> impl Strategy<Value = Told> {
    let asking = prop_oneof![Just(Asking::Asked), Just(Asking::Shown), Just(Asking::Excused)];
    let counts = (0..500u32, -20..20i32, prop::collection::vec((network(), 0..40_000u16), 0..12));
    let refusals = prop::collection::vec(refusal().prop_map(|refusal| refusal.to_bytes()), 0..6);
    let positions = prop::collection::vec((asking, 0..18u8, 0..400u64), 0..8);
    let tally = prop::collection::vec(("[a-c]{1,2} (good|more)", 1..9u32), 0..4);
    (0..3u8, 0..40u64, 490_000..490_004u32, counts, refusals, positions, tally).prop_map(
        |(edge, number, hour, (joins, light, networks), refusals, positions, tally)| Told {
            edge: [edge; 8],
            number,
            keep_until_ms: KEPT_MS + number,
            hour,
            columns: 1 << 15,
            joins,
            light,
            networks,
            refusals,
            positions,
            tally,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![Just(Verdict::LetIn), Just(Verdict::Refuse)];
    let rows = prop::collection::vec(
        (refusal(), verdict).prop_map(|(refusal, verdict)| Overrule::of(&refusal, verdict, START_MS).to_bytes()),
        0..4,
    );
    prop_oneof![
        20 => told().prop_map(Step::Tell),
        3 => Just(Step::TellAgain),
        5 => (rows, prop_oneof![3 => Just(0u64), 1 => 1..3u64]).prop_map(|(rows, fewer)| Step::Overrule(rows, fewer)),
        1 => Just(Step::Forget),
        4 => Just(Step::Reopen),
    ]
}

/// Drives a store and the model through a history; `open` is asked for the store again where another process opens it.
async fn follows<S: Store>(history: &[Step], mut open: impl FnMut() -> S) {
    let (mut model, mut store, mut last) = (Book::default(), Some(open()), None);
    for step in history {
        let now = store.as_ref().expect("it is open");
        match step {
            Step::Tell(told) => {
                assert_eq!(now.count(ROOM, &DRAW, told.clone()).await.unwrap(), model.tell(told), "{told:?}");
                last = Some(told.clone());
            }
            Step::TellAgain => {
                let Some(told) = &last else { continue };
                assert_eq!(now.count(ROOM, &DRAW, told.clone()).await.unwrap(), model.tell(told), "{told:?}");
            }
            Step::Overrule(rows, fewer) => {
                let known = (model.overrule_rows().len() as u64).saturating_sub(*fewer);
                let told = now.overrule(ROOM, &DRAW, known, rows.clone(), KEPT_MS).await.unwrap();
                assert_eq!(Ok(told), model.overrule(known, rows, KEPT_MS));
            }
            Step::Forget => {
                assert_eq!(now.forget(ROOM, &DRAW, KEPT_MS).await.unwrap(), model.forget(KEPT_MS));
            }
            Step::Reopen => {
                now.close().await;
                drop(store.take());
                store = Some(open());
            }
        }
        let now = store.as_ref().expect("it is open");
        let kept = now.book(ROOM, &DRAW, &ALL).await.unwrap();
        assert!(kept == model, "after {step:?}\nthe store has {kept:?}\nand should have {model:?}");
        for reference in 0..6u8 {
            assert_eq!(kept.find(&[reference; 5]), model.find(&[reference; 5]));
        }
    }
    assert!(store.expect("it is open").book(ROOM, &[8; 32], &ALL).await.unwrap() == Book::default(), "another draw's");
}

/// Another test that starts a process has the directory's lock, too, until that process runs its program.
fn open_in(dir: &Path, clock: &Arc<ManualClock>) -> EmbeddedStore {
    for _ in 0..100 {
        match EmbeddedStore::open(dir, Arc::clone(clock) as _) {
            Err(OpenError::Lock(_)) => std::thread::sleep(Duration::from_millis(20)),
            opened => return opened.unwrap(),
        }
    }
    panic!("the directory stays locked");
}

#[test]
fn the_embedded_store_keeps_the_book_as_the_model_does() {
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(history in prop::collection::vec(step(), 1..25))| {
        let dir = tempfile::tempdir().unwrap();
        runtime.block_on(follows(&history, || open_in(dir.path(), &clock)));
        let findings = check(dir.path(), |_| true).unwrap();
        prop_assert!(findings.iter().all(|finding| finding.condition == Condition::Whole), "{findings:?}");
    });
}

#[test]
fn redis_keeps_the_book_as_the_model_does() {
    let redis = PrivateRedis::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(history in prop::collection::vec(step(), 1..25))| {
        runtime.block_on(async {
            ask(&redis, "FLUSHALL").await;
            follows(&history, || open(&redis, &clock)).await;
        });
    });
}

#[tokio::test]
async fn a_book_in_redis_has_a_fixed_size_and_an_end() {
    let redis = PrivateRedis::start().unwrap();
    let store = open(&redis, &Arc::new(ManualClock::at(START_MS)));
    let told = |number: u64, networks: Vec<(NetworkTag, u16)>| Told {
        edge: [1; 8],
        number,
        keep_until_ms: KEPT_MS,
        hour: 490_000,
        columns: 1 << 15,
        joins: networks.len() as u32,
        networks,
        ..Told::default()
    };
    let key = format!("fairgate:{{{ROOM}}}:book:{}", "07".repeat(8));
    let length = || async { ask(&redis, &format!("STRLEN {key}:heat")).await };
    for number in 1..6u64 {
        let networks =
            (0..128u64).map(|n| NetworkTag((number * 1000 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()));
        store.count(ROOM, &DRAW, told(number, networks.map(|network| (network, 4)).collect())).await.unwrap();
        assert_eq!(length().await, "int(262144)");
    }
    let keys = ask(&redis, &format!("KEYS {key}:*")).await;
    assert!(keys.contains(":heat"), "{keys}");
    for part in ["meta", "edges", "heat", "hour:0"] {
        assert_eq!(ask(&redis, &format!("PEXPIRETIME {key}:{part}")).await, format!("int({KEPT_MS})"), "{part}");
    }
    // The ring of references goes round as the model's does.
    let mut model = store.book(ROOM, &DRAW, &ALL).await.unwrap();
    for number in 10..150u64 {
        let reference = |n: u64| Reference::from_bytes((number * 1_000 + n).to_be_bytes()[3..].try_into().unwrap());
        let refusal = |n| Refusal::new(reference(n), None, Reason::WorkWrong, None, 5_000).to_bytes();
        let told = Told { refusals: (0..777).map(refusal).collect(), ..told(number, Vec::new()) };
        assert_eq!(store.count(ROOM, &DRAW, told.clone()).await.unwrap(), model.tell(&told));
    }
    assert!(store.book(ROOM, &DRAW, &ALL).await.unwrap() == model && model.refused() == 108_780);
    assert_eq!(length().await, "int(262144)");
    // A book whose time is over is gone at once.
    let over = Told { keep_until_ms: 1_000, ..told(9, Vec::new()) };
    store.count(ROOM, &DRAW, over).await.unwrap();
    assert!(store.book(ROOM, &DRAW, &ALL).await.unwrap() == Book::default());
}

#[tokio::test]
async fn a_book_on_the_disk_is_bounded_ends_in_time_and_is_begun_anew_where_it_has_rotted() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = open_in(dir.path(), &clock);
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    let until_ms = START_MS + 60_000;
    let row = Refusal::new(Reference::from_bytes([1; 5]), None, Reason::CodeUnknown, None, START_MS).to_bytes();
    let told = |number: u64| Told {
        edge: [1; 8],
        number,
        keep_until_ms: until_ms,
        hour: 490_000,
        columns: 1 << 15,
        refusals: vec![row; 1_000],
        ..Told::default()
    };
    let path = dir.path().join(ROOM).join(format!("{}.book", "07".repeat(8)));
    let mut longest = 0;
    for number in 1..=600 {
        store.count(ROOM, &DRAW, told(number)).await.unwrap();
        longest = longest.max(std::fs::metadata(&path).unwrap().len());
    }
    assert!(longest < 14 << 20, "19 MB were told, and the file had {longest} bytes");
    assert_eq!(store.book(ROOM, &DRAW, &[]).await.unwrap().refused(), 600_000);
    store.close().await;
    drop(store);
    let whole = std::fs::read(&path).unwrap();

    // A write that was cut short costs what it would have told, and nothing else.
    std::fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    let store = open_in(dir.path(), &clock);
    assert_eq!(store.book(ROOM, &DRAW, &[]).await.unwrap().refused(), 599_000);
    drop(store);

    let mut rotten = whole.clone();
    rotten[100_000] ^= 4;
    std::fs::write(&path, &rotten).unwrap();
    assert!(check(dir.path(), |_| true).unwrap().iter().any(|finding| finding.condition == Condition::Rotten));
    let store = open_in(dir.path(), &clock);
    assert!(store.book(ROOM, &DRAW, &[]).await.unwrap() == Book::default());
    assert!(path.with_extension("rotten").exists() && store.view(ROOM).await.is_ok());
    store.count(ROOM, &DRAW, told(1)).await.unwrap();
    clock.set(until_ms);
    assert!(store.book(ROOM, &DRAW, &[]).await.unwrap() == Book::default());
    assert!(!path.exists());
    store.count(ROOM, &DRAW, Told { keep_until_ms: until_ms + 5, ..told(2) }).await.unwrap();
    drop(store);
    clock.set(until_ms + 5);
    drop(open_in(dir.path(), &clock));
    assert!(!path.exists(), "it is removed when the store is opened, too");
}

/// What the largest telling costs, and what a full book weighs.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "it is asked for its figures")]
#[ignore = "a measurement: prints how long a telling takes, and what a book weighs in Redis"]
async fn figures_of_a_telling() {
    let redis = PrivateRedis::start().unwrap();
    let store = open(&redis, &Arc::new(ManualClock::at(START_MS)));
    let row = Refusal::new(Reference::from_bytes([1; 5]), None, Reason::CodeUnknown, None, START_MS).to_bytes();
    let tag = |n: u64| NetworkTag((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    for columns in [1 << 15, 1 << 20] {
        ask(&redis, "FLUSHALL").await;
        let mut longest = Duration::ZERO;
        let begun = std::time::Instant::now();
        for number in 1..=200u64 {
            let told = Told {
                edge: [1; 8],
                number,
                keep_until_ms: KEPT_MS,
                hour: 490_000,
                columns,
                joins: 512,
                networks: (0..128).map(|n| (tag(number * 128 + n), 4)).collect(),
                refusals: vec![row; 1_000],
                positions: (0..500).map(|n| (Asking::Asked, 0, number * 500 + n)).collect(),
                tally: (0..500).map(|n| (format!("row {}", n % 50), 1)).collect(),
                ..Told::default()
            };
            let one = std::time::Instant::now();
            store.count(ROOM, &DRAW, told).await.unwrap();
            longest = longest.max(one.elapsed());
        }
        let mean = begun.elapsed() / 200;
        let memory = ask(&redis, "INFO memory").await;
        let used = memory.lines().find(|line| line.starts_with("used_memory:")).unwrap_or_default();
        println!("{columns} columns: a full telling takes {mean:?}, {longest:?} at most; {used}");
    }
}
