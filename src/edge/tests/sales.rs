//! A room with several sales in a whole edge but for its sockets: it goes from one to the next, each has a draw of its own, and
//! what the next one is committed to is public before.

use std::path::Path;
use std::sync::Arc;

use fairgate_core::room::{Claimant, Command, Control, Phase, Position};
use fairgate_draw::commitment;
use fairgate_store::Store;
use fairgate_store::embedded::EmbeddedStore;
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_telemetry::clock::{Clock, ManualClock};
use fairgate_telemetry::entropy;
use fairgate_telemetry::supervise::Supervisor;
use fairgate_testkit::PrivateRedis;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin::Tokens;
use crate::config::Config;
use crate::edge::context::{Edge, EdgeParts};
use crate::edge::process::prepare::{build, prepare};
use crate::edge::tasks::heartbeat::Heartbeat;
use crate::observe::{EdgeMetrics, registry};

const MINUTE_MS: u64 = 60_000;
/// Friday, 2026-12-04, 09:30 in Lisbon.
const OPENS_MS: u64 = 1_796_376_600_000;
const WEEK_MS: u64 = 7 * 24 * 60 * MINUTE_MS;
const FRIDAYS: &str = "[[room.sale]]\nname = \"friday\"\nopens_at = \"2026-12-04T09:30[Europe/Lisbon]\"\n\
    starts_at = \"2026-12-04T10:00[Europe/Lisbon]\"\nends_at = \"2026-12-04T11:00[Europe/Lisbon]\"\n\
    rule = \"FREQ=WEEKLY\"\ncount = 3\n";

fn starts(week: u64) -> u64 {
    OPENS_MS + week * WEEK_MS + 30 * MINUTE_MS
}

fn ends(week: u64) -> u64 {
    OPENS_MS + week * WEEK_MS + 90 * MINUTE_MS
}

/// One edge of a room.
struct World {
    edge: Arc<Edge>,
    ticker: Arc<Heartbeat>,
    clock: Arc<ManualClock>,
}

/// The directory of an edge with its keys.
fn keys() -> TempDir {
    let dir = TempDir::new().unwrap();
    fairgate_token::create_key(&dir.path().join("keys"), 1_000, &entropy::system()).unwrap();
    dir
}

fn clock(at_ms: u64) -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at_ms))
}

fn embedded(dir: &TempDir, clock: &Arc<ManualClock>) -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::open(dir.path().join("data"), clock.clone()).unwrap())
}

fn shared(redis: &PrivateRedis, clock: &Arc<ManualClock>, ledger: &Path) -> Arc<dyn Store> {
    let address = redis.url().parse().unwrap();
    let ledger = Some(ledger.to_owned());
    let options = RedisOptions { address, user: None, password: None, authority_pem: None, ledger, takes_over: false };
    Arc::new(RedisStore::open(&options, Some(Arc::clone(clock) as _)).unwrap())
}

impl World {
    /// An edge with these lines in its room, which has looked once.
    async fn start(store: Arc<dyn Store>, keys: &TempDir, clock: &Arc<ManualClock>, lines: &str) -> Self {
        let text = format!(
            "[edge]\nkeys = {:?}\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\n\
             upstream = \"shop\"\nadmission.rate_per_minute = 600\n{lines}",
            keys.path().join("keys"),
        );
        let config = Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
        let registry = registry().unwrap();
        let parts = EdgeParts {
            store,
            metrics: EdgeMetrics::new(&registry).unwrap(),
            registry: registry.clone(),
            tokens: Tokens::new(&[]),
            supervisor: Supervisor::new(&registry).unwrap(),
            exit_with_stdin: false,
        };
        let (edge, mut tickers) =
            build(&config, prepare(&config).unwrap(), &parts, &(clock.clone() as Arc<dyn Clock>)).unwrap();
        let world = Self { edge, ticker: Arc::new(tickers.remove(0)), clock: Arc::clone(clock) };
        world.ticker.schedule().await.unwrap();
        world.look().await;
        world
    }

    async fn look(&self) {
        self.ticker.run_once().await.unwrap();
    }

    /// Heartbeats until this time: one at each of a few moments before, as edges look all the time.
    async fn beat_at(&self, now_ms: u64) {
        for before_ms in [2_400, 1_200, 0, 0] {
            let at_ms = now_ms.saturating_sub(before_ms);
            self.clock.set(at_ms.max(self.clock.now_ms()));
            self.look().await;
        }
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.edge.rooms[0].snapshot().unwrap().status.body).unwrap()
    }

    fn phase(&self) -> Phase {
        self.edge.rooms[0].snapshot().unwrap().view.phase
    }

    fn draw(&self) -> [u8; 32] {
        self.edge.rooms[0].snapshot().unwrap().view.draw.descriptor_digest
    }

    async fn apply(&self, command: Command) {
        self.edge.store.apply("final", command).await.unwrap();
    }

    /// A whole sale of that week, with these fans: pool, draw, and one who is let in and leaves.
    async fn sell(&self, week: u64, fans: u8) {
        self.beat_at(OPENS_MS + week * WEEK_MS).await;
        assert_eq!(self.phase(), Phase::Pooling, "{}", self.status());
        self.apply(Command::Enter((1..=fans).map(|fan| [fan; 32]).collect())).await;
        self.beat_at(starts(week)).await;
        self.beat_at(starts(week) + 5_000).await;
        assert_eq!(self.phase(), Phase::Serving, "{}", self.status());
        self.beat_at(starts(week) + 10_000).await;
        let place = self.edge.rooms[0].snapshot().unwrap().place(Position::Pool(0)).unwrap();
        self.apply(Command::Claim(vec![Claimant { place, index: Some(0), nonce: None }])).await;
        self.apply(Command::Release(vec![place])).await;
        self.beat_at(ends(week)).await;
        assert_eq!(self.phase(), Phase::Ended);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sale_follows_the_other_and_its_commitment_is_public_before() {
    let (keys, clock) = (keys(), clock(OPENS_MS - MINUTE_MS));
    let world = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    let mut draws = Vec::new();
    for week in 0..3 {
        let next = world.status()["next"].clone();
        if week < 2 {
            assert_eq!(next["opens_at_ms"], OPENS_MS + (week + 1) * WEEK_MS);
            assert_eq!(
                (&next["starts_at_ms"], &next["ends_at_ms"]),
                (&json!(starts(week + 1)), &json!(ends(week + 1)))
            );
            assert_eq!(next["label"], "committed");
        } else {
            assert_eq!(next, Value::Null, "it is the last one");
        }
        world.sell(week, 5).await;
        assert_eq!(world.status()["next"], next, "what was shown stands while the sale runs, and after it");
        let draw = world.status()["draw"].clone();
        let secret: [u8; 32] = hex::decode(draw["secret"].as_str().unwrap()).unwrap().try_into().unwrap();
        assert_eq!(draw["commitment"], hex::encode(commitment(&secret)));
        draws.push((world.draw(), next));
        if week < 2 {
            world.beat_at(ends(week) + 5 * MINUTE_MS - 3_000).await;
            assert_eq!(world.phase(), Phase::Ended, "an end that was set by mistake can be taken back");
            world.beat_at(ends(week) + 5 * MINUTE_MS).await;
            assert_eq!(
                (world.phase(), &world.status()["opens_at_ms"]),
                (Phase::Idle, &json!(OPENS_MS + (week + 1) * WEEK_MS))
            );
        }
    }
    for pair in draws.windows(2) {
        assert_eq!(hex::encode(pair[1].0), pair[0].1["descriptor_digest"], "it draws by what it was committed to");
        assert_ne!(pair[0].0, pair[1].0);
    }
    world.beat_at(ends(2) + WEEK_MS).await;
    assert_eq!(world.phase(), Phase::Ended, "the last sale stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_inside_is_sent_out_before_the_next_pool_is_about_to_open() {
    let (keys, clock) = (keys(), clock(OPENS_MS));
    let close = "session.max = \"720h\"\nsession.idle = \"720h\"\n".to_owned() + FRIDAYS;
    let world = World::start(embedded(&keys, &clock), &keys, &clock, &close).await;
    world.apply(Command::Enter(vec![[1; 32]])).await;
    world.beat_at(starts(0)).await;
    world.beat_at(starts(0) + 5_000).await;
    world.beat_at(starts(0) + 10_000).await;
    world.apply(Command::Claim(vec![Claimant { place: 0, index: Some(0), nonce: None }])).await;
    world.beat_at(ends(0) + 60 * MINUTE_MS).await;
    assert_eq!((world.phase(), &world.status()["active"]), (Phase::Ended, &json!(1)));
    world.beat_at(OPENS_MS + WEEK_MS - 11_000).await;
    assert_eq!(world.phase(), Phase::Ended);
    world.beat_at(OPENS_MS + WEEK_MS - 10_000).await;
    assert_eq!((world.phase(), &world.status()["active"]), (Phase::Idle, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_is_open_after_a_sale_stays_open_until_the_next_one_is_about_to_open() {
    let (keys, clock) = (keys(), clock(OPENS_MS));
    let world = World::start(embedded(&keys, &clock), &keys, &clock, &format!("after_end = \"open\"\n{FRIDAYS}")).await;
    world.beat_at(ends(0) + 60 * MINUTE_MS).await;
    assert_eq!(world.phase(), Phase::Ended);
    world.beat_at(OPENS_MS + WEEK_MS - 10_000).await;
    assert_eq!(world.phase(), Phase::Idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_counts_for_the_sale_that_they_do_it_to() {
    let (keys, clock) = (keys(), clock(OPENS_MS));
    let own = FRIDAYS.to_owned() + "message = \"Every Friday\"\nrate_per_minute = 60\n";
    let world = World::start(embedded(&keys, &clock), &keys, &clock, &own).await;
    assert_eq!((&world.status()["message"], &world.status()["limit"]), (&json!("Every Friday"), &Value::Null));
    let controls = vec![
        Control::Message(Some("Gates are shut".into())),
        Control::Rate(7),
        Control::Pause,
        Control::EndsAt(Some(ends(0) + MINUTE_MS)),
    ];
    world.apply(Command::Control(controls)).await;
    world.beat_at(ends(0)).await;
    assert_ne!(world.phase(), Phase::Ended, "the organizer has put the end off");
    world.beat_at(ends(0) + MINUTE_MS).await;
    assert_eq!(world.phase(), Phase::Ended);
    // It is taken back in time, for good.
    world.apply(Command::Control(vec![Control::EndsAt(None)])).await;
    world.beat_at(ends(0) + 60 * MINUTE_MS).await;
    assert_ne!(world.phase(), Phase::Ended);
    world.beat_at(OPENS_MS + WEEK_MS + MINUTE_MS).await;
    assert_eq!(world.status()["starts_at_ms"], starts(0), "a sale that people let go on goes on");
    // Ended by hand, it makes way for the next one, whose pool should be open already.
    world.apply(Command::Control(vec![Control::EndsAt(Some(OPENS_MS))])).await;
    world.beat_at(OPENS_MS + WEEK_MS + 2 * MINUTE_MS).await;
    let status = world.status();
    assert_eq!((world.phase(), &status["starts_at_ms"]), (Phase::Pooling, &json!(starts(1))));
    assert_eq!((&status["paused"], &status["message"]), (&json!(false), &json!("Every Friday")));
    assert_eq!(world.edge.store.view("final").await.unwrap().policy.rate_per_minute, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_comes_to_the_same_sale_and_the_same_commitment() {
    let (keys, clock) = (keys(), clock(OPENS_MS));
    let first = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    let (draw, next) = (first.draw(), first.status()["next"].clone());
    assert!(next["commitment"].is_string(), "{next}");
    first.edge.store.close().await;
    drop(first);
    let again = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    assert_eq!((again.draw(), &again.status()["next"]), (draw, &next));
    again.edge.store.close().await;
    drop(again);
    // It was down while the sale ended, and comes back just before the next one, and then again in its pool.
    clock.set(OPENS_MS + WEEK_MS - 5_000);
    let late = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    late.beat_at(OPENS_MS + WEEK_MS - 4_000).await;
    assert_eq!(
        (late.phase(), hex::encode(late.draw())),
        (Phase::Idle, next["descriptor_digest"].as_str().unwrap().into())
    );
    late.beat_at(OPENS_MS + WEEK_MS).await;
    late.edge.store.close().await;
    drop(late);
    let pooling = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    assert_eq!(
        (pooling.phase(), hex::encode(pooling.draw())),
        (Phase::Pooling, next["descriptor_digest"].as_str().unwrap().into())
    );
    // A file that has only sales to come, as of a new season, begins with the first one of them when this one is over.
    let later = FRIDAYS.replace("2026-12-04", "2027-01-08");
    pooling.beat_at(ends(1)).await;
    pooling.edge.store.close().await;
    drop(pooling);
    let season = World::start(embedded(&keys, &clock), &keys, &clock, &later).await;
    assert_eq!(
        (season.phase(), &season.status()["next"]["opens_at_ms"]),
        (Phase::Ended, &json!(OPENS_MS + 5 * WEEK_MS))
    );
    season.beat_at(ends(1) + 5 * MINUTE_MS).await;
    assert_eq!((season.phase(), &season.status()["opens_at_ms"]), (Phase::Idle, &json!(OPENS_MS + 5 * WEEK_MS)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_nobody_has_scheduled_begins_with_the_sale_of_its_time() {
    let (keys, clock) = (keys(), clock(ends(0) + MINUTE_MS));
    let world = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    assert_eq!((world.phase(), &world.status()["starts_at_ms"]), (Phase::Idle, &json!(starts(1))));
    assert_eq!(world.status()["next"]["starts_at_ms"], starts(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_beacon_or_other_times_get_another_secret() {
    let (keys, clock) = (keys(), clock(OPENS_MS - MINUTE_MS));
    let first = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
    let committed = first.status()["next"].clone();
    first.edge.store.close().await;
    drop(first);
    let beacon = format!("draw.beacon = \"quicknet\"\n{FRIDAYS}");
    let other = World::start(embedded(&keys, &clock), &keys, &clock, &beacon).await;
    other.beat_at(OPENS_MS - 30_000).await;
    let next = other.status()["next"].clone();
    assert_eq!(
        (&next["label"], &next["starts_at_ms"]),
        (&json!("committed + public beacon"), &committed["starts_at_ms"])
    );
    assert_ne!(next["commitment"], committed["commitment"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_goes_on_once_and_a_lost_redis_comes_to_the_same_sales() {
    let redis = PrivateRedis::start().unwrap();
    let (keys, clock) = (keys(), clock(OPENS_MS - MINUTE_MS));
    let ledgers = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let mut edges = Vec::new();
    for ledger in &ledgers {
        edges.push(World::start(shared(&redis, &clock, ledger.path()), &keys, &clock, FRIDAYS).await);
    }
    let both = |edges: &[World]| [edges[0].status(), edges[1].status()];
    for edge in &edges {
        edge.beat_at(OPENS_MS - 30_000).await;
    }
    let [one, other] = both(&edges);
    assert!(one["next"]["commitment"].is_string(), "{one}");
    assert_eq!((&one["next"], &one["draw"]), (&other["next"], &other["draw"]), "both show the same");
    let next = one["next"]["descriptor_digest"].as_str().unwrap().to_owned();

    // Redis loses everything; edges put back the sale, and what the next one is committed to.
    flush(&redis).await;
    for at_ms in [OPENS_MS - 20_000, OPENS_MS - 15_000] {
        for edge in &edges {
            edge.beat_at(at_ms).await;
        }
    }
    assert_eq!(both(&edges).map(|status| status["next"]["descriptor_digest"].clone()), [json!(next), json!(next)]);
    assert_eq!(
        both(&edges).map(|status| status["draw"]["commitment"].clone()),
        [one["draw"]["commitment"].clone(), other["draw"]["commitment"].clone()]
    );

    // It is lost again, and an edge that was restarted is the first one back.
    edges[0].edge.store.close().await;
    edges.remove(0);
    flush(&redis).await;
    edges.insert(0, World::start(shared(&redis, &clock, ledgers[0].path()), &keys, &clock, FRIDAYS).await);
    for at_ms in [OPENS_MS - 10_000, OPENS_MS - 5_000] {
        for edge in &edges {
            edge.beat_at(at_ms).await;
        }
    }
    assert_eq!(edges[0].status()["next"]["descriptor_digest"], json!(next));

    edges[0].sell(0, 5).await;
    edges[1].look().await;
    clock.set(ends(0) + 5 * MINUTE_MS);
    // Both look at the same moment; one of them begins it.
    let (one, other) = tokio::join!(edges[0].ticker.run_once(), edges[1].ticker.run_once());
    one.unwrap();
    other.unwrap();
    for edge in &edges {
        edge.beat_at(ends(0) + 5 * MINUTE_MS + 2_000).await;
        assert_eq!((edge.phase(), hex::encode(edge.draw())), (Phase::Idle, next.clone()));
    }
    assert_eq!(generation(&redis).await, "2", "the room has had two sales");
    let [one, other] = both(&edges);
    assert_eq!(one["next"], other["next"]);
    assert_eq!(one["next"]["starts_at_ms"], starts(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_with_different_files_do_not_replace_each_others_next_sale_for_ever() {
    let redis = PrivateRedis::start().unwrap();
    let (keys, clock) = (keys(), clock(OPENS_MS));
    let ledgers = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let other_file = FRIDAYS.replace("FREQ=WEEKLY", "FREQ=DAILY");
    let one = World::start(shared(&redis, &clock, ledgers[0].path()), &keys, &clock, FRIDAYS).await;
    one.beat_at(OPENS_MS + 5_000).await;
    let other = World::start(shared(&redis, &clock, ledgers[1].path()), &keys, &clock, &other_file).await;
    let mut shown = Vec::new();
    for step in 2..12 {
        for edge in [&one, &other] {
            edge.beat_at(OPENS_MS + step * 5_000).await;
            shown.push(edge.status()["next"]["commitment"].clone());
        }
    }
    assert!(shown[8..].windows(2).all(|pair| pair[0] == pair[1]), "{shown:?}");
}

async fn flush(redis: &PrivateRedis) {
    let client = ::redis::Client::open(redis.url()).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    ::redis::cmd("FLUSHALL").query_async::<()>(&mut link).await.unwrap();
}

async fn generation(redis: &PrivateRedis) -> String {
    let client = ::redis::Client::open(redis.url()).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    let mut ask = ::redis::cmd("HGET");
    ask.arg("fairgate:{final}").arg("generation");
    ask.query_async(&mut link).await.unwrap()
}
