//! A Redis whose clock was set back behind the room's time.

use std::sync::Arc;
use std::time::Duration;

use fairgate_core::room::{Command, Phase, SalePlan};
use fairgate_store::Store;
use fairgate_store::redis::RedisStore;
use fairgate_telemetry::clock::{Clock, ManualClock, SteadyClock, SystemClock};
use fairgate_testkit::PrivateRedis;
use tokio::time::{Instant, sleep};

use crate::operations::ROOM;
use crate::redis::{open, open_plan, options_in};

const HOUR_MS: u64 = 3_600_000;
const POOL_MS: u64 = 1_500;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_server_whose_clock_was_set_back_stops_no_room() {
    let redis = PrivateRedis::start().unwrap();
    // The server is an hour behind the room and this machine.
    let now_ms = SystemClock.now_ms() + HOUR_MS;
    let before = open(&redis, &Arc::new(ManualClock::at(now_ms)));
    let plan = SalePlan { opens_at_ms: now_ms - 1, starts_at_ms: now_ms + POOL_MS, ..open_plan() };
    before.apply(ROOM, Command::Schedule(plan)).await.unwrap();

    let own = SteadyClock::over(Arc::new(ManualClock::at(now_ms)));
    let edge = RedisStore::open_beside(&options_in(&redis, None), None, own).unwrap();
    assert_eq!(edge.view(ROOM).await.unwrap().phase, Phase::Pooling);
    let jump_ms = edge.time().unwrap().jump_ms.expect("it is said that the server's clock is not believed");
    assert!(jump_ms < -3_500_000, "{jump_ms}");
    let deadline = Instant::now() + PATIENCE;
    while edge.view(ROOM).await.unwrap().phase == Phase::Pooling {
        assert!(Instant::now() < deadline, "the room stands still: {:?}", edge.view(ROOM).await.unwrap());
        sleep(Duration::from_millis(100)).await;
    }
    let view = edge.view(ROOM).await.unwrap();
    assert!((now_ms + POOL_MS..now_ms + 60_000).contains(&view.now_ms), "no further than time has passed: {view:?}");
}
