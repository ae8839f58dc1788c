//! A room with several sales in a whole edge but for its sockets: it goes from one to the next, each has a draw of its own, and
//! what the next one is committed to is public before.

mod fleet;
mod world;

use fairgate_core::request::fan_call::{FanCall, PastFile};
use fairgate_core::room::{Arrival, Claimant, Command, Control, Phase};
use fairgate_draw::commitment;
use fairgate_draw::v2::NO_TAG;
use fairgate_verify::Outcome;
use serde_json::{Value, json};

use self::world::{FRIDAYS, MINUTE_MS, OPENS_MS, WEEK_MS, World, clock, embedded, ends, keys, starts};
use crate::edge::http::problem::Problem;
use crate::edge::tasks::history::HistoryWriter;
use fairgate_store::history::{Series, Span};
use fairgate_telemetry::supervise::Supervisor;

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
        if week < 2 {
            world.verify_kept(&keys, 5).await;
        }
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
    let listed = world.get(FanCall::Draws).await.unwrap();
    let digests: Vec<&str> =
        listed["draws"].as_array().unwrap().iter().map(|draw| draw["descriptor_digest"].as_str().unwrap()).collect();
    let expected: Vec<String> = draws.iter().rev().map(|(draw, _)| hex::encode(draw)).collect();
    assert_eq!(digests, expected, "the latest first");
    for (digest, _) in &draws {
        let record = world.get(FanCall::Past(*digest, PastFile::Record)).await.unwrap();
        assert_eq!(record["entries"], 5);
        let roster = world.list(FanCall::Past(*digest, PastFile::Roster)).await.unwrap();
        assert_eq!(
            (roster.bytes, roster.file.is_none()),
            (0..160, *digest == world.draw()),
            "the present one is the store's"
        );
    }
    let past = draws[0].0;
    assert!(matches!(world.get(FanCall::Past([7; 32], PastFile::Record)).await, Err(Problem::NoSuchDraw)));
    assert!(matches!(world.list(FanCall::Past(past, PastFile::TierRoster(0))).await, Err(Problem::NoSuchCall)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_with_tiers_is_announced_and_kept_with_the_rosters_of_all_tiers() {
    let (keys, clock) = (keys(), clock(OPENS_MS));
    let tiers = "[[room.tier]]\nname = \"members\"\n[[room.tier]]\nname = \"public\"\nband = 1\n";
    let world = World::start(embedded(&keys, &clock), &keys, &clock, &format!("{FRIDAYS}{tiers}")).await;
    let next = world.status()["next"]["descriptor_digest"].as_str().unwrap().to_owned();
    let arrival = |tier, fan| Arrival {
        tier,
        entries: vec![([fan; 32], NO_TAG)],
        several: false,
        others: Vec::new(),
        code: None,
        until_s: None,
        replaces: None,
    };
    world.apply(Command::Arrive(vec![arrival(0, 1), arrival(1, 2), arrival(1, 3)])).await;
    world.beat_at(starts(0)).await;
    world.beat_at(starts(0) + 5_000).await;
    world.beat_at(starts(0) + 10_000).await;
    assert_eq!(world.phase(), Phase::Serving, "{}", world.status());
    world.beat_at(ends(0)).await;
    let folder = world.kept(&keys);
    let bytes = |name: &str| std::fs::metadata(folder.join(name)).map(|file| file.len()).ok();
    assert_eq!(
        ["roster.0", "roster.1", "tags.0", "claims", "roster"].map(bytes),
        [Some(32), Some(64), None, Some(0), None]
    );
    assert_eq!(world.verify(folder.clone()).await, Outcome::Holds);
    let past = world.draw();
    let proof = world.get(FanCall::TierProof(1, 1)).await.unwrap();
    world.beat_at(ends(0) + 5 * MINUTE_MS).await;
    assert_eq!((world.phase(), hex::encode(world.draw())), (Phase::Idle, next));
    assert_eq!(world.get(FanCall::Past(past, PastFile::TierProof(1, 1))).await.unwrap(), proof, "as it was");
    for (file, is_refused) in [
        (PastFile::TierProof(2, 0), Problem::NoSuchCall),
        (PastFile::Proof(0), Problem::NoSuchCall),
        (PastFile::TierProof(1, 2), Problem::NoSuchEntry { index: 2, entries: 2 }),
    ] {
        let refused = world.get(FanCall::Past(past, file)).await.unwrap_err();
        assert_eq!(format!("{refused:?}"), format!("{is_refused:?}"));
    }
    std::fs::write(folder.join("roster.0"), [9; 32]).unwrap();
    let rotten = world.get(FanCall::Past(past, PastFile::TierProof(0, 0))).await;
    assert!(matches!(rotten, Err(Problem::Internal)), "another roster than the one that was drawn: {rotten:?}");
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
    // Its draw was never done, so there is nothing to keep; the room waits twice as long, in case that comes.
    season.beat_at(ends(1) + 10 * MINUTE_MS).await;
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
async fn what_a_room_was_is_known_after_a_restart() {
    let (keys, clock) = (keys(), clock(OPENS_MS - MINUTE_MS));
    let supervisor = Supervisor::new(&prometheus::Registry::new()).unwrap();
    let from_s = u32::try_from(OPENS_MS / 1_000).unwrap();
    for edge in 0..2_u8 {
        let world = World::start(embedded(&keys, &clock), &keys, &clock, FRIDAYS).await;
        let writer = HistoryWriter::new(&world.edge, &supervisor);
        for second in 0..2_u8 {
            let fan = 2 * edge + second;
            clock.set(OPENS_MS + u64::from(fan) * 1_000);
            world.edge.store.apply("final", Command::Enter(vec![[fan + 1; 32]])).await.unwrap();
            world.look().await;
            writer.run_once().await;
        }
        let span = Span { from_s, until_s: from_s + 10, step_s: 1 };
        let samples = world.edge.history.read("final", span).await.unwrap();
        let pools: Vec<_> = samples.iter().map(|sample| (sample.at_s - from_s, sample.get(Series::Pool))).collect();
        let seen: Vec<_> = (0..2 * u32::from(edge) + 2).map(|second| (second, Some(second + 1))).collect();
        assert_eq!(pools, seen, "by edge {edge}");
        assert!(samples.iter().all(|sample| sample.get(Series::Stock).is_none()), "the shop says nothing of it");
        world.edge.store.close().await;
    }
}
