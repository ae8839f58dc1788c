//! `make leak`: the crowd against a real edge and booking core while the database loses half of its capacity and gets
//! it back. It runs once with a fixed rate that is right for the healthy shop, and once adaptive.
//!
//! Bounded: each run ends by itself after [`RUN_S`] seconds, whatever happens.

#[cfg(test)]
mod brake;
mod curves;
mod score;
mod stage;
mod throttle;

use std::time::Duration;

use anyhow::Context;
use fairgate_crowd::{Options, Report, Target};
use jiff::SignedDuration;
use tokio::time::{Instant, interval_at};

use crate::report::{Goal, Row};
use score::{Score, Second, TARGET_MS};
use stage::{EVENT, ROOM, Sale, Stage};

/// What the database can do, requests a second: well, and not.
const WELL: u64 = 600;
const HALVED: u64 = WELL / 2;
/// When it is halved and when it is well again, seconds after the sale began, and when the run ends.
const HALVED_S: usize = 50;
const WELL_S: usize = 110;
const RUN_S: usize = 170;
/// More than can be let in, so that somebody always waits.
const FANS: u32 = 9_000;
const POOL: SignedDuration = SignedDuration::from_secs(10);
const ROWS: u32 = 400;

/// Who says how many come in.
struct Steering {
    name: &'static str,
    admission: &'static str,
}

/// The rate that the healthy database bears nine tenths of the time, kept up whatever happens. Beside it the
/// controller, which may admit twice as many.
const STEERINGS: [Steering; 2] = [
    Steering { name: "a fixed rate", admission: "rate_per_minute = 2400\nburst = 20\nmax_active = 4000" },
    Steering {
        name: "adaptive",
        admission: "rate_per_minute = 4800\nburst = 20\nmax_active = 2000\nmode = \"adaptive\"\ntarget = \"500ms\"",
    },
];

pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    println!("{}", heading());
    let mut scores = Vec::new();
    for steering in &STEERINGS {
        let (score, report) = play(steering).await.with_context(|| format!("with {}", steering.name))?;
        println!("{}", row(steering.name, &score, &report));
        scores.push(score);
    }
    let [fixed, adaptive] = [&scores[0], &scores[1]];
    let above = |score: &Score| score.seconds_above as f64;
    let goal = Goal::AtLeast(0.85);
    Ok(vec![
        Row::within("leak: seconds above target, adaptive", "s, and the limit", 10.0, [above(adaptive)].into_iter()),
        Row::from_rounds(
            "leak: capacity used, adaptive and by a fixed rate",
            "of the database's",
            goal,
            &[(adaptive.utilisation, fixed.utilisation)],
        ),
    ])
}

/// One run from the start of the servers to the end of the crowd.
async fn play(steering: &Steering) -> anyhow::Result<(Score, Report)> {
    let stage = Stage::open(&Sale { admission: steering.admission, pool: POOL, rows: ROWS }).await?;
    let began = Instant::now();
    let crowd = tokio::spawn(crowd(&stage, FANS, Duration::from_secs(RUN_S as u64 + 20))?);
    stage.serving().await?;
    let from_s = began.elapsed().as_secs() as usize + 1;
    let passed = follow(&stage).await;
    let report = crowd.await??;
    let shop = report.shop_by_second.iter().skip(from_s).take(RUN_S);
    let seconds: Vec<Second> = shop
        .zip(&passed)
        .map(|(shop, (capacity, passed))| Second { shop: *shop, passed: *passed, capacity: *capacity })
        .collect();
    curves::save(steering.name, &seconds)?;
    Ok((Score::of(&seconds), report))
}

/// Fans who come to buy.
fn crowd(
    stage: &Stage,
    fans: u32,
    time_limit: Duration,
) -> anyhow::Result<impl Future<Output = anyhow::Result<Report>> + Send + use<>> {
    let target = Target::on_this_machine(&stage.url())?;
    let event = Some(EVENT.to_owned());
    let options = Options { event, fans, bots: 0, time_limit, ..Options::new(target, ROOM) };
    Ok(async move { fairgate_crowd::run(options, &mut ()).await })
}

/// Slows the database down and speeds it up again; notes each second's capacity and what went by.
async fn follow(stage: &Stage) -> Vec<(u64, u64)> {
    let mut seconds = Vec::with_capacity(RUN_S);
    let mut ticks = interval_at(Instant::now() + Duration::from_secs(1), Duration::from_secs(1));
    for second in 0..RUN_S {
        let capacity = if (HALVED_S..WELL_S).contains(&second) { HALVED } else { WELL };
        stage.throttle.set(capacity);
        let before = stage.throttle.passed();
        ticks.tick().await;
        seconds.push((capacity, stage.throttle.passed() - before));
    }
    seconds
}

fn heading() -> String {
    format!(
        "the database does {WELL} requests a second, {HALVED} from second {HALVED_S} to {WELL_S} of {RUN_S}; the target is {TARGET_MS} ms\n\
         {:14} {:>12} {:>10} {:>10} {:>12} {:>9} {:>6} {:>12} {:>10}",
        "who steers", "s above", "overshoot", "recovery", "utilisation", "sessions", "sold", "turned away", "cap kept"
    )
}

fn row(name: &str, score: &Score, report: &Report) -> String {
    let recovery = score.recovery_s.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s"));
    let cap_kept = if report.admitted_max_in_1s <= report.cap_in_1s { "yes" } else { "NO" };
    format!(
        "{name:14} {:>5} of {:>3} {:>9.1}x {recovery:>10} {:>11.0}% {:>9} {:>6} {:>12} {cap_kept:>10}",
        score.seconds_above,
        score.seconds,
        score.overshoot,
        100.0 * score.utilisation,
        report.admitted,
        report.seats_sold,
        score.turned_away,
    )
}
