//! Reservations over real HTTP against what Postgres can commit, against the textbook and against the naive ways. The
//! load generator shares the two cores with everything else, and `fsync` and `synchronous_commit` are on.

pub(crate) mod core_http;
mod cpu;
mod load;
mod pgbench;
mod redis_lock;
mod rush;
pub(crate) mod search;
mod shop;
pub(crate) mod wear;
mod wishes;

use std::sync::Arc;
use std::time::Duration;

use self::cpu::Split;
use self::load::{Outcome, Pace};
use self::shop::Shop;
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::status::answers_a_cpu_second;

const CONNECTIONS: usize = 512;
const TIME: Duration = Duration::from_secs(4);
/// pgbench is at its best with one of these; the better one is the reference.
const CLIENTS: [u32; 2] = [8, 32];
const P99_MS: f64 = 50.0;
const EVENT_PATH: &str = "/api/v1/events";

/// What one round measured.
struct Round {
    update: f64,
    textbook: f64,
    standing: f64,
    seated: f64,
    p99_ms: f64,
    rush: rush::Rush,
    reads: (f64, f64),
}

/// Every figure of the reservations.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Shop::open().await?;
    pgbench::prepare(&shop).await?;
    let mut measured = Vec::new();
    for number in 0..rounds {
        measured.push(round(&shop, number).await?);
    }
    let ours = measured.iter().map(|round| round.standing).fold(0.0, f64::max);
    let mut rows = rows(&measured);
    rows.extend(naive(&shop, ours).await?);
    Ok(rows)
}

async fn round(shop: &Shop, number: usize) -> anyhow::Result<Round> {
    let update = best_of(shop, pgbench::UPDATE).await?;
    let textbook = best_of(shop, pgbench::SKIP_LOCKED).await?;
    let closed = Pace { connections: CONNECTIONS, at_most: TIME, rate: None };
    let slug = format!("standing-{number}");
    let standing = reserve(shop, &slug, wishes::standing(&slug), shop::standing(wishes::PLACES), closed).await?;
    let slug = format!("seated-{number}");
    let seats = shop::seated(wishes::ROWS, wishes::ROW_SEATS);
    let seated = reserve(shop, &slug, wishes::seated(&slug, number), seats, closed).await?;
    let slug = format!("half-{number}");
    let half = Pace { rate: Some(seated.held_a_second() / 2.0), ..closed };
    let seats = shop::seated(wishes::ROWS, wishes::ROW_SEATS);
    let half = reserve(shop, &slug, wishes::seated(&slug, number), seats, half).await?;
    println!(
        "  round {}: UPDATE {update:.0}/s, SKIP LOCKED {textbook:.0}/s, standing {:.0}/s, seats {:.0}/s, p99 {:.1} ms and at half load {:.1} ms",
        number + 1,
        standing.held_a_second(),
        seated.held_a_second(),
        seated.latency_ms(0.99),
        half.latency_ms(0.99),
    );
    Ok(Round {
        update,
        textbook,
        standing: standing.held_a_second(),
        seated: seated.held_a_second(),
        p99_ms: half.latency_ms(0.99),
        rush: rush::run(shop, &format!("rush-{number}")).await?,
        reads: reads(shop, &format!("half-{number}")).await?,
    })
}

async fn best_of(shop: &Shop, way: pgbench::Way) -> anyhow::Result<f64> {
    let mut best = 0.0_f64;
    for clients in CLIENTS {
        best = best.max(pgbench::reservations_a_second(shop, way, clients).await?);
    }
    Ok(best)
}

/// Lets fans reserve in an event of its own.
async fn reserve(
    shop: &Shop,
    slug: &str,
    wishes: wishes::Wishes,
    sections: Vec<fairgate_booking::events::seat_map::Section>,
    pace: Pace,
) -> anyhow::Result<Outcome> {
    shop.open_event(slug, sections).await?;
    let passes = shop.new_passes(wishes.len().div_ceil(wishes::OF_A_FAN));
    let requests = move |number: usize, request: &mut Vec<u8>| {
        let Some(body) = wishes.get(number) else { return false };
        load::reservation(request, &passes[number % passes.len()], number, body);
        true
    };
    let before = Split::now(shop).await?;
    let outcome = load::run(&shop.address, pace, Arc::new(requests)).await?.check()?;
    println!("  {slug}: {}", Split::now(shop).await?.since(before, outcome.held));
    Ok(outcome)
}

/// Availability polls a CPU second, ours and nginx's with the same bytes.
async fn reads(shop: &Shop, slug: &str) -> anyhow::Result<(f64, f64)> {
    let url = shop.url(&format!("{EVENT_PATH}/{slug}/availability"));
    let body = reqwest::get(&url).await?.error_for_status()?.bytes().await?;
    let nginx = Nginx::serving(&body)?;
    let ours = answers_a_cpu_second(&[shop.pid()], &url, &[])?;
    Ok((ours, answers_a_cpu_second(&nginx.pids()?, &nginx.url(), &[])?))
}

fn rows(measured: &[Round]) -> Vec<Row> {
    let row = |name: &str, unit: &str, goal: Goal, pair: &dyn Fn(&Round) -> (f64, f64)| {
        Row::from_rounds(name, unit, goal, &measured.iter().map(pair).collect::<Vec<_>>())
    };
    let (a_second, at_least, ms) = ("/s", Goal::AtLeast, "ms");
    vec![
        row("reservations: seats, against one-row UPDATE", a_second, at_least(1.0), &|it| (it.seated, it.update)),
        row("reservations: standing, against one-row UPDATE", a_second, at_least(1.0), &|it| (it.standing, it.update)),
        row("reservations: seats, against SKIP LOCKED", a_second, at_least(5.0), &|it| (it.seated, it.textbook)),
        row("reservations: standing, against SKIP LOCKED", a_second, at_least(5.0), &|it| (it.standing, it.textbook)),
        row("reservations: seats a second", a_second, at_least(1.0), &|it| (it.seated, 10_000.0)),
        row("reservations: p99 at half of that load", ms, Goal::AtMost(1.0), &|it| (it.p99_ms, P99_MS)),
        row("rush: p99 of 20,000 fans for 500 seats", ms, Goal::AtMost(1.0), &|it| (it.rush.p99_ms, rush::P99_MS)),
        row("rush: seats sold", "seats", Goal::AtLeast(1.0), &|it| (it.rush.sold, f64::from(rush::SEATS))),
        row("availability: polls a CPU second, against nginx", "/CPU s", at_least(1.0), &|it| it.reads),
    ]
}

/// What people do instead, once.
async fn naive(shop: &Shop, ours: f64) -> anyhow::Result<Vec<Row>> {
    let mut figures = Vec::new();
    for way in pgbench::NAIVE {
        figures.push((way.name, pgbench::reservations_a_second(shop, way, CLIENTS[1]).await?));
    }
    figures.push(("a lock in Redis first", redis_lock::reservations_a_second(shop).await?));
    let row = |(name, theirs): (&str, f64)| {
        let name = format!("reservations: against {name}");
        Row::from_rounds(&name, "/s", Goal::AtLeast(5.0), &[(ours, theirs)])
    };
    Ok(figures.into_iter().map(row).collect())
}
