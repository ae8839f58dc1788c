//! The short form of `make leak`, as a test: a database that chokes makes the edge brake, and one that is well again makes
//! it open. It waits for what it checks, so a slow machine only takes longer.

use std::time::Duration;

use anyhow::bail;
use jiff::SignedDuration;
use tokio::time::{Instant, sleep};

use super::crowd;
use super::stage::{ROOM, Sale, Stage};

/// Adaptive, and small enough that a few hundred fans keep somebody waiting.
const SALE: Sale = Sale {
    admission: "rate_per_minute = 3000\nburst = 20\nmax_active = 300\nmode = \"adaptive\"\ntarget = \"500ms\"",
    pool: SignedDuration::from_secs(2),
    rows: 40,
};
const FANS: u32 = 1_200;
/// Requests a second of a database that chokes: one payment needs about twenty.
const CHOKED: u64 = 15;
const WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the edge says of its room.
#[derive(Clone, Copy, Debug)]
struct Look {
    active: f64,
    cap: f64,
    suffers: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_chokes_makes_the_edge_brake_and_one_that_is_well_again_opens_it() {
    let stage = Stage::open(&SALE).await.unwrap();
    let crowd = tokio::spawn(crowd(&stage, FANS, WITHIN * 4).unwrap());
    stage.serving().await.unwrap();
    let before = until(&stage, "people come in", |look| look.active >= 15.0).await.unwrap();
    stage.throttle.set(CHOKED);
    let braked = until(&stage, "the edge brakes", |look| look.suffers && look.cap < before.cap).await.unwrap();
    stage.throttle.set(0);
    until(&stage, "it opens again", |look| look.cap > braked.cap).await.unwrap();
    crowd.abort();
}

/// Waits until it is so.
async fn until(stage: &Stage, what: &str, is_so: impl Fn(Look) -> bool) -> anyhow::Result<Look> {
    let begun = Instant::now();
    loop {
        let look = look(stage).await?;
        if is_so(look) {
            return Ok(look);
        }
        if begun.elapsed() > WITHIN {
            bail!("waited {} s until {what}: {look:?}", WITHIN.as_secs());
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn look(stage: &Stage) -> anyhow::Result<Look> {
    let of_room = async |metric| stage.figure(&format!("fairgate_room_{metric}{{room=\"{ROOM}\"}}")).await;
    let mut suffers = false;
    for limit in ["queue_wait", "latency", "errors"] {
        let held = stage.figure(&format!("fairgate_room_limit{{limit=\"{limit}\",room=\"{ROOM}\"}}")).await?;
        suffers |= held > 0.0;
    }
    let (active, cap) = (of_room("active_sessions").await?, of_room("active_sessions_max").await?);
    Ok(Look { active, cap, suffers })
}
