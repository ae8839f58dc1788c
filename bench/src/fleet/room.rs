//! One room of 14 million: a million fans join as they would, the rest is put into the roster directly.

use std::collections::BTreeMap;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fairgate_core::room::{Claimant, Command, Control, Entry, Late, Mode, Outcome, Policy, SalePlan};
use fairgate_draw::RosterTreeBuilder;
use fairgate_store::redis::{RedisOptions, RedisStore};
use fairgate_store::{CopiedList, Store};
use fairgate_telemetry::clock::{Clock, ManualClock};
use fairgate_testkit::PrivateRedis;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, Value};
use ring::digest::{SHA256, digest};

use crate::report::Row;

const ROOM: &str = "bench";
const JOINED: u64 = 1_000_000;
const FANS: u64 = 14_000_000;
/// As in `crates/store/src/redis/rows.rs`.
const ENTRIES_A_CHUNK: u64 = 16_000;
/// Entries that an edge reads at once to hash them.
const READ_AT_ONCE: u64 = 64 * 1024;
const BATCH: u64 = 50_000;
const MINUTE_MS: u64 = 60_000;
const POOL_MINUTES: u64 = 30;
/// How long Redis remembers at least, by its own clock, who joined lately.
const KEPT: Duration = Duration::from_secs(60);
const BEGIN_MS: u64 = 1_800_000_000_000;
/// What is slow, µs: everything is noted, and the longest one counts.
const NOTED_US: &str = "500";
/// People inside, and as many who ask at the same time.
const INSIDE: u64 = 20_000;

/// A call that Redis noted: its number, when, how many µs it took, its words, and who made it.
type SlowCall = (u64, u64, u64, Vec<Vec<u8>>, Value, Value);

struct Bench {
    clock: Arc<ManualClock>,
    store: RedisStore,
    link: MultiplexedConnection,
    /// Live as long as what uses them.
    _redis: PrivateRedis,
    _disk: tempfile::TempDir,
}

pub(super) async fn run() -> anyhow::Result<Vec<Row>> {
    let bytes_in_a_rush = Bench::start().await?.join(MINUTE_MS).await?;
    let mut bench = Bench::start().await?;
    let bytes = bench.join(POOL_MINUTES * MINUTE_MS).await?;
    bench.fill().await?;
    bench.go_first().await?;
    bench.note_slow_scripts().await?;
    let frozen_s = bench.freeze().await?;
    bench.sell().await?;
    bench.lose().await?;
    let longest_ms = bench.longest_script_ms().await?;
    let one = std::iter::once;
    Ok(vec![
        Row::within("fleet: Redis bytes a fan, a million in half an hour", "bytes", 40.0, one(bytes)),
        Row::within("fleet: Redis bytes a fan, a million in a minute", "bytes", 40.0, one(bytes_in_a_rush)),
        Row::within("fleet: freeze and root of 14 million", "s", 15.0, one(frozen_s)),
        Row::within("fleet: longest script at 14 million", "ms", 5.0, one(longest_ms)),
    ])
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let (redis, disk) = (PrivateRedis::start()?, tempfile::tempdir()?);
        let clock = Arc::new(ManualClock::at(BEGIN_MS));
        let options = RedisOptions {
            address: redis.url().parse()?,
            user: None,
            password: None,
            authority_pem: None,
            ledger: Some(disk.path().to_owned()),
            takes_over: false,
        };
        let store = RedisStore::open(&options, Some(Arc::clone(&clock) as _))?;
        store.apply(ROOM, Command::Schedule(plan())).await?;
        let link = connect(&redis).await?;
        Ok(Self { clock, store, link, _redis: redis, _disk: disk })
    }

    /// A million join; answers what each of them weighs then.
    async fn join(&mut self, within_ms: u64) -> anyhow::Result<f64> {
        println!("  a million in {} min:", within_ms / MINUTE_MS);
        let begun = Instant::now();
        for first in (0..JOINED).step_by(BATCH as usize) {
            self.clock.advance(within_ms * BATCH / JOINED);
            self.store.apply(ROOM, Command::Enter((first..first + BATCH).map(entry).collect())).await?;
            self.expire_on_paper().await?;
        }
        let mut weights = BTreeMap::new();
        let keys: Vec<String> = ask(&mut self.link, &["KEYS", "fairgate:{bench}*"]).await?;
        for key in keys {
            let bytes: u64 = ask(&mut self.link, &["MEMORY", "USAGE", &key, "SAMPLES", "0"]).await?;
            let kind = key.split(':').nth(3).unwrap_or("room").to_owned();
            *weights.entry(kind).or_insert(0) += bytes;
        }
        for (kind, bytes) in &weights {
            println!("  {kind:<10} {:.2} bytes a fan", *bytes as f64 / JOINED as f64);
        }
        ensure!(
            begun.elapsed() < KEPT,
            "this took so long that Redis has forgotten who joined lately: weigh again on a quiet machine"
        );
        Ok(weights.values().sum::<u64>() as f64 / JOINED as f64)
    }

    /// Redis forgets who joined lately by its own clock: what is due on paper is taken away here.
    async fn expire_on_paper(&mut self) -> anyhow::Result<()> {
        let minute = self.clock.now_ms() / MINUTE_MS;
        let keys: Vec<String> = ask(&mut self.link, &["KEYS", "fairgate:{bench}:1:recent:*"]).await?;
        let is_due =
            |key: &str| key.split(':').nth(5).and_then(|at| at.parse().ok()).is_some_and(|at: u64| at + 1 < minute);
        for due in keys.iter().filter(|key| is_due(key)).collect::<Vec<_>>().chunks(1_000) {
            let mut unlink = redis::cmd("UNLINK");
            due.iter().for_each(|key| _ = unlink.arg(key.as_str()));
            unlink.exec_async(&mut self.link).await?;
        }
        Ok(())
    }

    /// The other 13 million, as the scripts would have written them.
    async fn fill(&mut self) -> anyhow::Result<()> {
        let bytes: Vec<u8> = (0..ENTRIES_A_CHUNK).flat_map(|n| entry(JOINED + n)).collect();
        for chunk in JOINED / ENTRIES_A_CHUNK + 1..=FANS / ENTRIES_A_CHUNK {
            let entries = ENTRIES_A_CHUNK.min(FANS - chunk * ENTRIES_A_CHUNK);
            let mut set = redis::cmd("SET");
            set.arg(format!("fairgate:{{bench}}:1:roster:{chunk}")).arg(&bytes[..entries as usize * 32]);
            set.exec_async(&mut self.link).await?;
        }
        let _: Value = ask(&mut self.link, &["HSET", "fairgate:{bench}", "early", &FANS.to_string()]).await?;
        Ok(())
    }

    /// No other process of this machine makes Redis wait, since its log counts that, too. It takes a right that the
    /// superuser has.
    async fn go_first(&mut self) -> anyhow::Result<()> {
        let server: String = ask(&mut self.link, &["INFO", "server"]).await?;
        let id = server.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap_or_default();
        let is_first =
            process::Command::new("chrt").args(["--fifo", "--pid", "1", id]).status().is_ok_and(|done| done.success());
        println!("  scripts' times {} the waits for other processes", if is_first { "are without" } else { "INCLUDE" });
        Ok(())
    }

    async fn note_slow_scripts(&mut self) -> anyhow::Result<()> {
        let _: Value = ask(&mut self.link, &["CONFIG", "SET", "slowlog-log-slower-than", NOTED_US]).await?;
        let _: Value = ask(&mut self.link, &["CONFIG", "SET", "slowlog-max-len", "100000"]).await?;
        ask::<Value>(&mut self.link, &["SLOWLOG", "RESET"]).await.map(drop)
    }

    /// Seconds to hash the roster and copy it to the disk, part by part, and to freeze it.
    async fn freeze(&self) -> anyhow::Result<f64> {
        self.store.apply(ROOM, Command::Enter((FANS..FANS + BATCH).map(entry).collect())).await?;
        self.clock.advance(30 * MINUTE_MS);
        let entries = self.store.view(ROOM).await?.pool_size;
        let begun = Instant::now();
        let mut tree = RosterTreeBuilder::new();
        let mut copy = self.store.begin_copy(ROOM, CopiedList::Roster)?.context("the disk cannot be written")?;
        for from in (0..entries).step_by(READ_AT_ONCE as usize) {
            let part = self.store.roster(ROOM, from..entries.min(from + READ_AT_ONCE)).await?;
            part.as_chunks::<32>().0.iter().for_each(|entry| tree.push(entry));
            copy.push(&part);
        }
        let root = tree.finish().root();
        ensure!(copy.keep(&root).is_some(), "the copy of the roster is not whole");
        self.store.apply(ROOM, Command::Freeze { entries, root }).await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Thousands are let in, use their sessions, leave, and stay away.
    async fn sell(&self) -> anyhow::Result<()> {
        self.clock.advance(2_000);
        self.store.apply(ROOM, Command::Reveal { beacon: None }).await?;
        for first in [0, INSIDE / 2] {
            self.store.view(ROOM).await?;
            let claimants = (first..first + INSIDE).map(|place| Claimant { place, index: Some(place), nonce: None });
            let Outcome::Claimed(_) = self.store.apply(ROOM, Command::Claim(claimants.collect())).await? else {
                anyhow::bail!("claims were answered with something else");
            };
            self.clock.advance(1_000);
        }
        self.store.apply(ROOM, Command::Renew((0..INSIDE).collect())).await?;
        self.store.apply(ROOM, Command::Release((0..INSIDE / 4).collect())).await?;
        self.store.apply(ROOM, Command::Leave((FANS / 2..FANS / 2 + INSIDE).collect())).await?;
        self.store.apply(ROOM, Command::Enter((0..BATCH).map(|n| entry(2 * FANS + n)).collect())).await?;
        self.store.apply(ROOM, Command::Control(vec![Control::Rate(60_000)])).await?;
        let view = self.store.view(ROOM).await?;
        ensure!(view.active > INSIDE / 2, "only {} are inside", view.active);
        Ok(())
    }

    /// Everything is lost and put back; later all graces and sessions run out at once.
    async fn lose(&mut self) -> anyhow::Result<()> {
        let before = self.store.view(ROOM).await?;
        let gone = self.count_gone().await?;
        let _: Value = ask(&mut self.link, &["FLUSHALL", "ASYNC"]).await?;
        let begun = Instant::now();
        let after = self.store.view(ROOM).await?;
        println!("  put back after a loss, roster included, in {:.1} s", begun.elapsed().as_secs_f64());
        ensure!(after.missing == 0, "{} entries are not back", after.missing);
        ensure!(after.active == before.active, "{} of {} sessions were put back", after.active, before.active);
        ensure!(
            after.closed == before.closed && after.closed.len() > 1_000,
            "sessions that ended early were not put back"
        );
        ensure!(self.count_gone().await? == gone, "the places that are gone are others than before");
        for minutes in [1, 6, 60] {
            self.clock.advance(minutes * MINUTE_MS);
            for _ in 0..200 {
                self.store.view(ROOM).await?;
            }
        }
        ensure!(self.store.view(ROOM).await?.active == 0, "sessions outlive their end");
        Ok(())
    }

    async fn count_gone(&mut self) -> anyhow::Result<u64> {
        ask(&mut self.link, &["BITCOUNT", "fairgate:{bench}:1:gone"]).await
    }

    async fn longest_script_ms(&mut self) -> anyhow::Result<f64> {
        let log: Vec<SlowCall> = ask(&mut self.link, &["SLOWLOG", "GET", "-1"]).await?;
        let mut scripts: Vec<(u64, String)> = log
            .into_iter()
            .filter(|(_, _, _, words, ..)| words.first().is_some_and(|word| word.starts_with(b"EVAL")))
            .map(|(_, _, us, words, ..)| (us, words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ")))
            .collect();
        scripts.sort_unstable_by(|one, other| other.cmp(one));
        for (us, words) in scripts.iter().take(12) {
            println!("  {:.2} ms  {words}", *us as f64 / 1_000.0);
        }
        Ok(scripts.first().map_or(0.0, |(us, _)| *us as f64 / 1_000.0))
    }
}

fn shown(word: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(word).chars().filter(char::is_ascii_graphic).collect();
    text.chars().take(12).collect()
}

fn entry(n: u64) -> Entry {
    let mut entry = [0; 32];
    entry.copy_from_slice(digest(&SHA256, &n.to_be_bytes()).as_ref());
    entry
}

fn plan() -> SalePlan {
    SalePlan {
        room: ROOM.to_owned(),
        opens_at_ms: BEGIN_MS,
        starts_at_ms: BEGIN_MS + 2 * POOL_MINUTES * MINUTE_MS,
        ends_at_ms: None,
        beacon: None,
        secret: [7; 32],
        config_version: 0,
        policy: Policy {
            rate_per_minute: 600_000,
            burst: 2 * u32::try_from(INSIDE).unwrap_or(u32::MAX),
            max_active: 2 * INSIDE,
            grace_ms: 5 * MINUTE_MS,
            session_idle_ms: 10 * MINUTE_MS,
            session_max_ms: 60 * MINUTE_MS,
            witness_ms: 2_000,
            late: Late::Tail,
            mode: Mode::Fixed,
            target_ms: 500,
            floor_per_minute: 60,
        },
        rules: None,
    }
}

pub(super) async fn connect(redis: &PrivateRedis) -> anyhow::Result<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    Ok(redis::Client::open(redis.url())?.get_multiplexed_async_connection_with_config(&patient).await?)
}

/// Asks Redis as a person with `redis-cli` would.
pub(super) async fn ask<T: FromRedisValue>(link: &mut MultiplexedConnection, words: &[&str]) -> anyhow::Result<T> {
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| _ = command.arg(*word));
    Ok(command.query_async(link).await?)
}
