//! The Redis store, on a real Redis.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fairgate_core::rate_limit::Quota;
use fairgate_core::room::{
    BeaconPlan, ClaimOutcome, Command, Control, Outcome, Phase, Policy, Position, Room, SalePlan,
};
use fairgate_draw::{BeaconSignature, QUICKNET};
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_store::{CountedNetwork, Joined, Joiner, Store, StoreError};
use fairgate_telemetry::clock::{Clock, ManualClock, SteadyClock, SystemClock};
use fairgate_telemetry::secret::Secret;
use fairgate_testkit::PrivateRedis;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::clock::TrippedClock;
use crate::conformance::{self, Reference};
use crate::embedded::policy;
use crate::histories::{any_history_with_receipts, as_planned};
use crate::loss::mended;
use crate::operations::{Op, ROOM, START_MS, claimant, entry, plan};
use crate::topology::cluster_node;

pub(crate) fn open(redis: &PrivateRedis, clock: &Arc<ManualClock>) -> RedisStore {
    open_in(redis, clock, None)
}

/// A store that writes down what it could put back.
pub(crate) fn open_in(redis: &PrivateRedis, clock: &Arc<ManualClock>, dir: Option<&Path>) -> RedisStore {
    RedisStore::open(&options_in(redis, dir), Some(Arc::clone(clock) as _)).unwrap()
}

pub(crate) fn options_in(redis: &PrivateRedis, dir: Option<&Path>) -> RedisOptions {
    RedisOptions {
        address: redis.url().parse().unwrap(),
        user: None,
        password: None,
        authority_pem: None,
        ledger: dir.map(Path::to_owned),
        takes_over: false,
    }
}

/// Asks a server directly, as a person with `redis-cli` would.
pub(crate) async fn ask(redis: &PrivateRedis, command: &str) -> String {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    let mut words = command.split(' ');
    let mut asked = redis::cmd(words.next().unwrap());
    words.for_each(|word| _ = asked.arg(word));
    match asked.query_async(&mut link).await.unwrap() {
        redis::Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

/// The same answers and the same state as the model at every step, whichever of two edges takes it.
#[test]
fn follows_the_model() {
    let redis = PrivateRedis::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(histories in prop::collection::vec(any_history_with_receipts(30), 1..5))| {
        runtime.block_on(async {
            ask(&redis, "FLUSHALL").await;
            let edges = [open(&redis, &clock), open(&redis, &clock)];
            let mut reference = Reference::at(START_MS);
            for (history, edge) in histories.iter().zip(edges.iter().cycle()) {
                conformance::follows_the_model(&mut reference, history, edge, &clock).await;
            }
        });
    });
}

/// A server whose clock is an hour ahead, as this machine sees it. Whether one of them was set, or which, nobody knows.
#[tokio::test]
async fn a_server_whose_clock_jumps_takes_no_room_along() {
    let redis = PrivateRedis::start().unwrap();
    let (hour_ms, now_ms) = (3_600_000, SystemClock.now_ms());
    let behind = || SteadyClock::over(Arc::new(ManualClock::at(now_ms - hour_ms)));
    let edge = RedisStore::open_beside(&options_in(&redis, None), None, behind()).unwrap();
    let (opens_at_ms, starts_at_ms) = (now_ms - 2 * hour_ms, now_ms - hour_ms / 2);
    let plan = SalePlan { opens_at_ms, starts_at_ms, ends_at_ms: None, ..plan(0, policy()) };
    edge.apply(ROOM, Command::Schedule(plan)).await.unwrap();
    let view = edge.view(ROOM).await.unwrap();
    assert_eq!(view.phase, Phase::Pooling, "the pool is open by this machine's clock");
    let time = edge.time().unwrap();
    assert!(time.now_ms < now_ms - hour_ms + 30_000, "{time:?}");

    // Somebody who knows says that the server is right; whoever goes by another clock follows.
    let other = RedisStore::open_beside(&options_in(&redis, None), None, behind()).unwrap();
    other.view(ROOM).await.unwrap();
    edge.accept_time();
    assert_eq!(edge.view(ROOM).await.unwrap().phase, Phase::Drawing);
    other.view(ROOM).await.unwrap();
    for edge in [&edge, &other] {
        let time = edge.time().unwrap();
        assert!(time.now_ms > now_ms - 1_000 && time.jump_ms.is_none(), "{time:?}");
        assert!(time.skew_ms < -3_500_000, "this machine's clock is behind: {time:?}");
    }
}

#[tokio::test]
async fn a_room_whose_task_panics_goes_on() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(TrippedClock::at(START_MS));
    let edge = RedisStore::open(&options_in(&redis, None), Some(Arc::clone(&clock) as _)).unwrap();
    edge.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.trip();
    let torn = edge.apply(ROOM, Command::Tick).await;
    assert!(matches!(torn, Err(StoreError::Unavailable(_))), "{torn:?}");
    assert_eq!(edge.apply(ROOM, Command::Tick).await.unwrap(), Outcome::Done);
    edge.view(ROOM).await.unwrap();
    assert_eq!(edge.restarts(), 1);
}

/// An edge that applies a plan looks once more than others do. Here more came than the last calls let expect, and each
/// look called somebody else.
#[tokio::test]
async fn an_edge_that_looks_once_more_calls_nobody_else() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (edge, mut reference) = (open(&redis, &clock), Reference::at(START_MS));
    let slow = Policy { rate_per_minute: 9, burst: 10, max_active: 4, grace_ms: 10_000, ..policy() };
    let wider = Policy { max_active: 6, ..slow.clone() };
    let mut history = as_planned(&Policy { grace_ms: 1, ..slow }, (0..23).collect());
    // Nobody comes, and then everybody.
    history.extend([Op::Wait(2), Op::Claim((0..24).collect()), Op::Schedule { times: 0, policy: wider, version: 0 }]);
    conformance::follows_the_model(&mut reference, &history, &edge, &clock).await;
}

/// Lua can neither hash nor verify, so the draw's last step goes back and forth: the model's answers all the same.
#[tokio::test]
async fn a_round_that_the_descriptor_names_is_verified_and_goes_into_the_seed() {
    let redis = PrivateRedis::start().unwrap();
    let starts_at_ms = QUICKNET.genesis_ms + 999 * QUICKNET.period_ms - 10_000;
    let clock = Arc::new(ManualClock::at(starts_at_ms));
    let (store, mut room) = (open(&redis, &clock), Room::default());
    let signature = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    let signature = BeaconSignature(hex::decode(signature).unwrap().try_into().unwrap());
    let reveal = |beacon| Command::Reveal { beacon };
    let beacon = Some(BeaconPlan { round: 1000, fallback_after_ms: None });
    let plan = SalePlan { opens_at_ms: starts_at_ms, starts_at_ms, ends_at_ms: None, beacon, ..plan(0, policy()) };
    let steps = [
        (0, reveal(None)),
        (0, Command::Schedule(plan.clone())),
        (0, reveal(Some(signature))),
        (1, Command::Freeze { entries: 0, root: [5; 32] }),
        (2, reveal(Some(BeaconSignature([7; 48])))),
        (3, reveal(Some(signature))),
        (9_000, reveal(None)),
        (9_000, Command::Schedule(SalePlan { beacon: None, ..plan })),
        (10_000, reveal(Some(signature))),
        (10_001, reveal(None)),
        (10_002, reveal(Some(signature))),
    ];
    for (after_ms, command) in steps {
        clock.set(starts_at_ms + after_ms);
        let answer = store.apply(ROOM, command.clone()).await.map_err(|error| error.to_string());
        let expected = room.apply(&command, starts_at_ms + after_ms).map_err(|refusal| refusal.to_string());
        assert_eq!(answer, expected, "{command:?}");
    }
    assert_eq!(store.view(ROOM).await.unwrap(), room.view().unwrap());
    assert!(room.view().unwrap().draw.beacon.is_some());
}

/// A header that drifts from its script misleads; a refusal that Rust does not know is an error of another kind.
#[test]
fn every_script_says_what_it_takes_and_answers_and_every_refusal_is_known() {
    let known = include_str!("../../src/redis/refusal.rs");
    let mut scripts = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../lua")).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("--")).collect();
        for word in ["-- KEYS", "-- ARGV", "-- Returns"] {
            assert!(header.iter().any(|line| line.starts_with(word)), "{} has no {word}", path.display());
        }
        for code in text.split("refuse('").skip(1).chain(text.split("{ 'refused', '").skip(1)) {
            let code = code.split('\'').next().unwrap();
            assert!(known.contains(&format!("(\"{code}\"")), "{}: the refusal {code} is unknown", path.display());
        }
        scripts += 1;
    }
    assert_eq!(scripts, 38);
}

/// Opens a store by the server's own clock.
pub(crate) fn open_url(url: &str) -> RedisStore {
    open_with(RedisOptions {
        address: url.parse().unwrap(),
        user: None,
        password: None,
        authority_pem: None,
        ledger: None,
        takes_over: false,
    })
}

fn open_with(options: RedisOptions) -> RedisStore {
    RedisStore::open(&options, None).unwrap()
}

fn now_ms() -> u64 {
    fairgate_telemetry::clock::SystemClock.now_ms()
}

/// A plan of a pool that is open.
pub(crate) fn open_plan() -> SalePlan {
    SalePlan { opens_at_ms: now_ms() - 1, starts_at_ms: now_ms() + 3_600_000, ends_at_ms: None, ..plan(0, policy()) }
}

pub(crate) async fn is_of_use(store: &RedisStore) {
    store.apply(ROOM, Command::Schedule(open_plan())).await.unwrap();
    store.apply(ROOM, Command::Enter(vec![[1; 32], [2; 32]])).await.unwrap();
    let view = store.view(ROOM).await.unwrap();
    assert_eq!((view.phase, view.pool_size), (Phase::Pooling, 2));
    assert!(now_ms().abs_diff(view.now_ms) < 5_000, "it does not go by the server's clock");
    assert_eq!(store.roster(ROOM, 0..9).await.unwrap(), [[1_u8; 32], [2; 32]].as_flattened());
}

#[tokio::test]
async fn goes_by_the_servers_clock_and_minds_no_forgotten_scripts() {
    let redis = PrivateRedis::start().unwrap();
    let store = open_url(&redis.url());
    is_of_use(&store).await;
    ask(&redis, "SCRIPT FLUSH").await;
    let again = store.apply(ROOM, Command::Enter(vec![[2; 32], [3; 32]])).await.unwrap();
    assert_eq!(again, Outcome::Entered(vec![Position::Pool(1), Position::Pool(2)]));
}

#[tokio::test]
async fn one_edge_learns_at_once_what_another_has_changed() {
    let redis = PrivateRedis::start().unwrap();
    let (one, other) = (open_url(&redis.url()), open_url(&redis.url()));
    is_of_use(&one).await;
    while timeout(Duration::from_millis(200), other.changed(ROOM)).await.is_ok() {}
    one.apply(ROOM, Command::Control(vec![Control::Rate(77)])).await.unwrap();
    timeout(Duration::from_secs(1), other.changed(ROOM)).await.expect("it was published");
    assert_eq!(other.view(ROOM).await.unwrap().policy.rate_per_minute, 77);
}

#[tokio::test]
async fn what_people_change_through_any_edge_every_edge_reads_the_newest_first() {
    let redis = PrivateRedis::start().unwrap();
    let (one, other) = (open_url(&redis.url()), open_url(&redis.url()));
    one.append_audit(vec![b"1".to_vec(), b"2".to_vec()]).await.unwrap();
    other.append_audit(vec![b"3".to_vec()]).await.unwrap();
    one.append_audit(Vec::new()).await.unwrap();
    let page = async |before: Option<&str>| {
        let page = other.read_audit(before, 2).await.unwrap().expect("edges share it");
        (page.rows.iter().map(|row| row.bytes.clone()).collect::<Vec<_>>(), page)
    };
    let (newest, first) = page(None).await;
    assert_eq!((newest, first.is_last), (vec![b"3".to_vec(), b"2".to_vec()], false));
    let (rest, last) = page(Some(&first.rows[1].number)).await;
    assert_eq!((rest, last.is_last), (vec![b"1".to_vec()], true));
    assert_eq!(page(Some("- + 5")).await.1.rows, [], "it is handed to no command");
}

#[tokio::test]
async fn an_edge_that_looks_is_known_to_follow() {
    let redis = PrivateRedis::start().unwrap();
    let (one, other) = (open_url(&redis.url()), open_url(&redis.url()));
    is_of_use(&one).await;
    let before_ms = other.view(ROOM).await.unwrap().now_ms;
    one.apply(ROOM, Command::Control(vec![Control::Rate(77)])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let changed_ms = one.view(ROOM).await.unwrap().now_ms;
    let follow = async || {
        let looks = one.edges(ROOM).await.unwrap().expect("edges share it");
        assert_eq!(looks.len(), 2, "{looks:?}");
        assert!(looks.iter().all(|look| look.at_ms >= before_ms), "{looks:?}");
        looks.iter().filter(|look| look.at_ms >= changed_ms).count()
    };
    assert_eq!(follow().await, 1);
    other.view(ROOM).await.unwrap();
    assert_eq!(follow().await, 2);
}

#[tokio::test]
async fn a_server_that_is_gone_is_said_to_be_in_time_and_found_again_by_itself() {
    let mut redis = PrivateRedis::start_with(&["appendonly", "yes", "appendfsync", "always"]).unwrap();
    let store = open_url(&redis.url());
    is_of_use(&store).await;
    redis.kill9();
    for _ in 0..20 {
        let answer = timeout(Duration::from_secs(3), store.view(ROOM)).await.expect("nobody waits for long");
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    redis.restart().unwrap();
    let back = async { while store.view(ROOM).await.is_err() {} };
    timeout(Duration::from_secs(2), back).await.expect("it is found again");
    // Another run of the server may lack the end of what the last one had; the only edge knows that it does not.
    let view = store.view(ROOM).await.unwrap();
    assert_eq!((view.pool_size, view.missing, view.mending), (2, 0, false));
    let roster = store.roster(ROOM, 0..3).await.unwrap();
    assert_eq!(roster, [[1_u8; 32], [2; 32]].as_flattened());
}

#[tokio::test]
async fn speaks_tls_with_a_user_and_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (file("cert.pem", &made.cert.pem()), file("key.pem", &made.signing_key.serialize_pem()));
    let port = fairgate_testkit::free_port().unwrap().to_string();
    let user = "gate on >hunter2 ~fairgate:* &fairgate:* +@all";
    #[rustfmt::skip]
    let settings = [
        "save", "", "user", user, "user", "default off", "tls-port", &port, "tls-cert-file", &certificate,
        "tls-key-file", &key, "tls-ca-cert-file", &certificate, "tls-auth-clients", "no",
    ];
    let _redis = PrivateRedis::start_with(&settings).unwrap();
    let options = RedisOptions {
        address: format!("rediss://localhost:{port}").parse().unwrap(),
        user: Some("gate".into()),
        password: Some(Secret::new("hunter2".into())),
        authority_pem: Some(made.cert.pem().into_bytes()),
        ledger: None,
        takes_over: false,
    };
    is_of_use(&open_with(options.clone())).await;

    let wrong = RedisOptions { password: Some(Secret::new("hunter3".into())), ..options.clone() };
    let error = open_with(wrong).view(ROOM).await.unwrap_err().to_string();
    assert!(error.contains("uthentication") || error.contains("WRONGPASS"), "{error}");
    let unknown = RedisOptions { authority_pem: None, ..options };
    let error = open_with(unknown).view(ROOM).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn asks_sentinels_for_the_master() {
    let master = PrivateRedis::start().unwrap();
    let sentinel = PrivateRedis::start_sentinel(&master, "onsale").unwrap();
    let url = format!("redis+sentinel://{}/onsale", sentinel.address());
    is_of_use(&open_url(&url)).await;
}

#[tokio::test]
async fn a_cluster_keeps_a_room_in_one_slot() {
    let node = cluster_node(1, "0 16383").await;
    while !ask(&node, "CLUSTER INFO").await.contains("cluster_state:ok") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_of_use(&open_url(&format!("redis+cluster://{}", node.address()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_wait_together_share_a_call() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let store = Arc::new(open(&redis, &clock));
    store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    conformance::concurrent_joins_get_each_position_once(Arc::clone(&store), 2_000).await;
    assert_eq!(store.commands(), 4_001);
    assert!(store.calls() < 1_000, "{} calls for 2,000 joins, each said twice", store.calls());
}

/// A server that would evict keys is refused, whoever may ask it for its settings.
#[test]
fn a_server_that_evicts_keys_is_refused_with_the_remedy() {
    let runtime = Runtime::new().unwrap();
    for policy in ["allkeys-lru", "allkeys-random"] {
        let redis = PrivateRedis::start_with(&["maxmemory-policy", policy, "rename-command", "CONFIG \"\""]).unwrap();
        let store = RedisStore::open(&options_in(&redis, None), None).unwrap();
        let refused = store.check_server().unwrap_err().to_string();
        assert!(refused.contains(policy) && refused.contains("maxmemory-policy noeviction"), "{refused}");
        let told = runtime.block_on(store.view(ROOM)).unwrap_err();
        assert!(told.to_string().contains("noeviction"), "{told}");
    }
    let redis = PrivateRedis::start_with(&["maxmemory-policy", "volatile-lru"]).unwrap();
    RedisStore::open(&options_in(&redis, None), None).unwrap().check_server().unwrap();
}

/// Whichever key of a room is taken away, nobody is let in a second time, and the roster comes back.
#[tokio::test]
async fn a_room_notices_that_a_part_of_it_is_gone() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let dir = tempfile::tempdir().unwrap();
    let edge = open_in(&redis, &clock, Some(dir.path()));
    let mut reference = Reference::at(START_MS);
    let mut history = as_planned(&policy(), (0..20).collect());
    history.extend([Op::Wait(100), Op::Claim((0..24).collect())]);
    conformance::follows_the_model(&mut reference, &history, &edge, &clock).await;
    edge.apply(ROOM, Command::Release(vec![3])).await.unwrap();
    let before = edge.view(ROOM).await.unwrap();
    let roster = edge.roster(ROOM, 0..u64::MAX).await.unwrap();
    assert_eq!((before.admitted, before.closed.len()), (5, 1));
    let parts = ask(&redis, &format!("KEYS fairgate:{{{ROOM}}}:1:*")).await;
    for part in ["gone", "calls", "leases", "expiries", "closed", "closed_log", "roster:0"] {
        assert!(parts.contains(part), "{part} is none of {parts}");
        ask(&redis, &format!("DEL fairgate:{{{ROOM}}}:1:{part}")).await;
        assert!(edge.view(ROOM).await.unwrap().mending, "{part} is not missed");
        mended(&edge, &clock).await;
        let now_ms = clock.now_ms();
        // Those inside are, those who were are not, and everybody else has to wait for the rate.
        let admitted = edge.apply(ROOM, Command::Claim((0..5).map(claimant).collect())).await.unwrap();
        let Outcome::Claimed(outcomes) = admitted else { panic!("answered {admitted:?}") };
        let view = edge.view(ROOM).await.unwrap();
        assert_eq!(view.closed, before.closed, "without {part}");
        for (place, outcome) in (0..).zip(&outcomes) {
            let is_closed = before.closed.contains_key(&place);
            let is_right = match outcome {
                ClaimOutcome::Admitted { admitted_at_ms, .. } => !is_closed && *admitted_at_ms <= now_ms - 2_000,
                outcome => is_closed && *outcome == ClaimOutcome::Expired,
            };
            assert!(is_right, "without {part} place {place} was told {outcome:?}");
        }
        assert_eq!(edge.roster(ROOM, 0..u64::MAX).await.unwrap(), roster, "without {part}");
        assert_eq!((view.draw, view.pool_size, view.line_size), (before.draw.clone(), 20, before.line_size));
    }
}

/// A network has one quota, at however many edges it joins, and others in the same batch are not held up by it.
#[tokio::test]
async fn joins_of_a_network_are_counted_over_all_edges() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let edges = [open(&redis, &clock), open(&redis, &clock), open(&redis, &clock)];
    edges[0].apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
    clock.set(START_MS + 60_000);
    let busy = CountedNetwork { key: 7, quota: Quota { per_minute: 60, burst: 10 } };
    let wide = CountedNetwork { key: 8, quota: Quota { per_minute: 600, burst: 12 } };
    let mut numbers = Vec::new();
    let mut over = 0;
    for fan in 0..20_u8 {
        let edge = &edges[usize::from(fan) % 3];
        edge.view(ROOM).await.unwrap();
        let joiners = vec![
            Joiner { entry: entry(2 * fan), networks: vec![busy, wide] },
            Joiner { entry: entry(2 * fan + 1), networks: Vec::new() },
        ];
        match edge.join(ROOM, joiners).await.unwrap().as_slice() {
            [Joined::At(one), Joined::At(other)] => numbers.extend([one.number(), other.number()]),
            [Joined::Over { retry_after_ms }, Joined::At(other)] => {
                assert!((1..=1_000).contains(retry_after_ms), "{retry_after_ms}");
                over += 1;
                numbers.push(other.number());
            }
            joined => panic!("{joined:?}"),
        }
    }
    assert_eq!(over, 10);
    assert_eq!(numbers, (0..30).collect::<Vec<_>>(), "who was turned away has no number");
    clock.set(START_MS + 62_000);
    // Two more of the network, and no more of the wide one than its own share.
    let of_wide = |fan| Joiner { entry: entry(fan), networks: vec![wide] };
    let joined = edges[1].join(ROOM, (100..130).map(of_wide).collect()).await.unwrap();
    let allowed = joined.iter().filter(|joined| matches!(joined, Joined::At(_))).count();
    assert_eq!(allowed, 12, "ten a second came back to it");
    let kept = ask(&redis, &format!("KEYS fairgate:{{{ROOM}}}:1:joins:*")).await;
    assert!(kept.matches("joins:").count() <= 2 && !kept.contains("192"), "{kept}");
}
