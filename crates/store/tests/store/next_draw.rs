//! The draw of a room's next sale: kept once, whoever prepares it, and still there after a restart or a loss.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fairgate_core::room::{Command, PreparedDraw};
use fairgate_store::check::{Condition, check};
use fairgate_store::embedded::{Gap, Restore, restore};
use fairgate_store::{KeptNext, Store};
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use tempfile::TempDir;

use crate::embedded::{self, policy};
use crate::operations::{ROOM, START_MS, plan};
use crate::redis::{ask, open_in};

/// Draws of the same sale, each with a secret of its own.
fn prepared(secret: u8) -> PreparedDraw {
    let plan = fairgate_core::room::SalePlan { secret: [secret; 32], ..plan(3, policy()) };
    PreparedDraw::new(&plan, START_MS + u64::from(secret))
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(START_MS))
}

/// Whoever knows what is kept replaces it, and nobody else.
async fn is_replaced_by_who_knows_it(one: &dyn Store, other: &dyn Store) {
    let kept = |store| async move { Store::next_draw(store, ROOM).await.unwrap().kept };
    assert_eq!(kept(one).await, None);
    assert_eq!(one.keep_next(ROOM, None, prepared(1)).await.unwrap(), prepared(1));
    assert_eq!(other.keep_next(ROOM, None, prepared(2)).await.unwrap(), prepared(1), "the first one stands");
    assert_eq!(other.keep_next(ROOM, Some(prepared(3)), prepared(2)).await.unwrap(), prepared(1));
    assert_eq!(kept(other).await, Some(prepared(1)));
    assert_eq!(other.keep_next(ROOM, Some(prepared(1)), prepared(2)).await.unwrap(), prepared(2));
    assert_eq!(kept(one).await, Some(prepared(2)));
    assert!(one.next_draw("No Room").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_disk_it_is_kept_once_and_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = embedded::open(dir.path(), &clock());
    is_replaced_by_who_knows_it(&store, &store).await;
    drop(store);
    let again = embedded::open(dir.path(), &clock());
    assert_eq!(again.next_draw(ROOM).await.unwrap(), KeptNext { kept: Some(prepared(2)), own: None });
    again.close().await;
    assert!(again.next_draw(ROOM).await.is_err(), "a store that is closed has given its directory back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_rotted_is_told_kept_aside_and_prepared_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = embedded::open(dir.path(), &clock());
    store.keep_next(ROOM, None, prepared(1)).await.unwrap();
    let path = dir.path().join(ROOM).join("next");
    let found = |path: &Path| {
        let findings = check(dir.path(), |_| true).unwrap();
        findings.into_iter().find(|finding| finding.path == path).unwrap()
    };
    assert_eq!((found(&path).condition, &*found(&path).what), (Condition::Whole, "the draw of the next sale"));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(found(&path).condition, Condition::Rotten);
    assert_eq!(store.next_draw(ROOM).await.unwrap(), KeptNext::default());
    assert_eq!(found(&path.with_extension("rotten")).condition, Condition::Rotten);
    assert_eq!(store.keep_next(ROOM, None, prepared(2)).await.unwrap(), prepared(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_it_back_unless_its_pool_has_opened_since() {
    let [backup, early, late, lost] = [(); 4].map(|()| tempfile::tempdir().unwrap());
    for (dir, secret) in [(&backup, 1), (&lost, 2)] {
        let store = embedded::open(dir.path(), &clock());
        store.apply(ROOM, Command::Schedule(plan(0, policy()))).await.unwrap();
        store.keep_next(ROOM, None, prepared(secret)).await.unwrap();
        store.close().await;
    }
    let opens_at_ms = prepared(1).announced().unwrap().opens_at_ms;
    let restored = async |into: &TempDir, lost: Option<&Path>, now_ms| {
        let (backup, into) = (backup.path(), into.path());
        restore(&Restore { backup, into, lost, gap: Gap::Of(10), across_start: true, now_ms }).unwrap();
        let store = embedded::open(into, &Arc::new(ManualClock::at(now_ms)));
        store.next_draw(ROOM).await.unwrap().kept
    };
    assert_eq!(restored(&early, None, opens_at_ms - 1).await, Some(prepared(1)));
    assert_eq!(restored(&late, None, opens_at_ms).await, None, "its secret may be public");
    let with_lost = tempfile::tempdir().unwrap();
    assert_eq!(restored(&with_lost, Some(lost.path()), opens_at_ms - 1).await, Some(prepared(2)), "the later one");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_fleet_it_is_kept_once_and_put_back_after_a_loss_also_by_an_edge_that_was_restarted() {
    let (redis, clock, dir) = (PrivateRedis::start().unwrap(), clock(), tempfile::tempdir().unwrap());
    let (one, other) = (open_in(&redis, &clock, Some(dir.path())), open_in(&redis, &clock, None));
    is_replaced_by_who_knows_it(&one, &other).await;
    one.copy_next(ROOM, prepared(2)).await;
    other.copy_next(ROOM, prepared(2)).await;
    ask(&redis, "FLUSHALL").await;
    assert_eq!(one.next_draw(ROOM).await.unwrap(), KeptNext { kept: None, own: Some(prepared(2)) });
    assert_eq!(other.next_draw(ROOM).await.unwrap(), KeptNext::default(), "it has no disk for it");
    one.close().await;
    drop(one);
    let again = open_in(&redis, &clock, Some(dir.path()));
    assert_eq!(again.next_draw(ROOM).await.unwrap().own, Some(prepared(2)));
    assert_eq!(again.keep_next(ROOM, None, prepared(2)).await.unwrap(), prepared(2));
    assert_eq!(other.next_draw(ROOM).await.unwrap().kept, Some(prepared(2)));
}
