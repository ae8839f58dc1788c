//! Edges that share a Redis: one of them goes on, and what Redis loses is put back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fairgate_core::room::Phase;
use fairgate_testkit::PrivateRedis;
use serde_json::json;
use tempfile::TempDir;

use super::world::{FRIDAYS, MINUTE_MS, OPENS_MS, World, clock, ends, keys, shared, starts};
use crate::edge::tasks::parcels::trades;

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

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_with_an_older_file_waits_for_one_with_the_newer_and_goes_on_showing_the_room() {
    let redis = PrivateRedis::start().unwrap();
    let (keys, clock) = (keys(), clock(OPENS_MS - MINUTE_MS));
    let ledgers = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let older = World::start(shared(&redis, &clock, ledgers[0].path()), &keys, &clock, FRIDAYS).await;
    let newer = World::start_of(1, shared(&redis, &clock, ledgers[1].path()), &keys, &clock, FRIDAYS).await;
    newer.beat_at(OPENS_MS - 30_000).await;
    older.beat_at(OPENS_MS - 20_000).await;
    assert_eq!(older.status()["next"], newer.status()["next"]);
    older.beat_at(ends(0) + 60 * MINUTE_MS).await;
    let status = older.status();
    assert_eq!((older.phase(), &status["stale"]), (Phase::Ended, &json!(false)), "it may not begin the next one");
    newer.beat_at(ends(0) + 61 * MINUTE_MS).await;
    older.look().await;
    assert_eq!((newer.phase(), older.phase()), (Phase::Idle, Phase::Idle));
    assert_eq!(older.draw(), newer.draw());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_was_down_gets_a_draw_from_another_one_and_nothing_that_does_not_hold() {
    let redis = PrivateRedis::start().unwrap();
    let (keys, clock) = (keys(), clock(OPENS_MS - MINUTE_MS));
    let (down, ledgers) = (same_keys(&keys), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let up = World::start(shared(&redis, &clock, ledgers[0].path()), &keys, &clock, FRIDAYS).await;
    up.sell(0, 5).await;
    let (draw, folder) = (up.draw(), up.kept(&keys));
    up.beat_at(ends(0) + 5 * MINUTE_MS).await;
    let late = World::start(shared(&redis, &clock, ledgers[1].path()), &down, &clock, FRIDAYS).await;
    let kept = down.path().join("data/draws.kept/final");
    let has_it = || late.edge.served().rooms[0].past.has(&draw);

    for name in ["roster", "claims", "draw.json"] {
        let file = folder.join(name);
        let sound = fs::read(&file).unwrap();
        let last_digit = sound.iter().rposition(u8::is_ascii_digit).filter(|_| name == "draw.json");
        let mut other = sound.clone();
        other[last_digit.unwrap_or(0)] ^= 1;
        fs::write(&file, other).unwrap();
        exchange(&redis, [&up, &late], &kept).await;
        assert!(!has_it(), "another {name} than was published");
        fs::write(&file, sound).unwrap();
    }
    fs::write(folder.join("roster.0"), [1; 32]).unwrap();
    exchange(&redis, [&up, &late], &kept).await;
    assert!(!has_it(), "a file that the record does not account for");
    fs::remove_file(folder.join("roster.0")).unwrap();

    exchange(&redis, [&up, &late], &kept).await;
    assert!(has_it());
    let copy = kept.join(hex::encode(draw));
    for file in fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name();
        assert_eq!(fs::read(folder.join(&name)).unwrap(), fs::read(copy.join(&name)).unwrap(), "{name:?}");
    }
    assert_eq!(fs::read_dir(&copy).unwrap().count(), fs::read_dir(&folder).unwrap().count());
}

/// Rounds of both edges until the one that lacks something has got it, or has given it up.
async fn exchange(redis: &PrivateRedis, edges: [&World; 2], kept: &Path) {
    // What was told before, of other bytes, would be waited for.
    let mut link = client(redis).await;
    let keys = ["fairgate:{final}:draws:told", "fairgate:{final}:draws:told_at"];
    ::redis::cmd("DEL").arg(&keys).query_async::<()>(&mut link).await.unwrap();
    let mut trades: Vec<_> = edges.iter().flat_map(|edge| trades(&edge.edge)).collect();
    let mut has_begun = false;
    for _ in 0..3_000 {
        for trade in &mut trades {
            trade.round().await.unwrap();
        }
        let folders = fs::read_dir(kept).map(|folders| folders.flatten().collect::<Vec<_>>()).unwrap_or_default();
        let comes = folders.iter().any(|folder| folder.file_name().to_string_lossy().starts_with("draft-"));
        if has_begun && !comes {
            return;
        }
        has_begun |= comes;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("nothing comes");
}

/// The directory of another edge of the same fleet.
fn same_keys(keys: &TempDir) -> TempDir {
    let dir = TempDir::new().unwrap();
    let copy: PathBuf = dir.path().join("keys");
    fs::create_dir(&copy).unwrap();
    for key in fs::read_dir(keys.path().join("keys")).unwrap() {
        let key = key.unwrap();
        fs::copy(key.path(), copy.join(key.file_name())).unwrap();
    }
    dir
}

async fn client(redis: &PrivateRedis) -> ::redis::aio::MultiplexedConnection {
    let client = ::redis::Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn flush(redis: &PrivateRedis) {
    let mut link = client(redis).await;
    ::redis::cmd("FLUSHALL").query_async::<()>(&mut link).await.unwrap();
}

async fn generation(redis: &PrivateRedis) -> String {
    let mut link = client(redis).await;
    let mut ask = ::redis::cmd("HGET");
    ask.arg("fairgate:{final}").arg("generation");
    ask.query_async(&mut link).await.unwrap()
}
