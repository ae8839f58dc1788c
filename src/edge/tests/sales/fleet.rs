//! Edges that share a Redis: one of them goes on, and what Redis loses is put back.

use fairgate_core::room::Phase;
use fairgate_testkit::PrivateRedis;
use serde_json::json;
use tempfile::TempDir;

use super::world::{FRIDAYS, MINUTE_MS, OPENS_MS, World, clock, ends, keys, shared, starts};

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
