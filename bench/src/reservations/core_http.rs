//! What a router would cost the calls of a rush. The same reservations and availability polls are served by hyper without
//! a router, and by axum. Each way is a core of its own over a Postgres of its own; they take turns.

use std::sync::Arc;
use std::time::Duration;

use super::load::{self, Pace};
use super::shop::{self, Shop};
use super::wishes;
use crate::cpu;
use crate::report::{Goal, Row};
use crate::status::answers_a_cpu_second;

/// The ways, ours first.
const WAYS: [&str; 2] = ["hyper", "axum"];
const CONNECTIONS: usize = 128;
const TIME: Duration = Duration::from_secs(4);

/// What one way costs: microseconds of the core's CPU a reservation, and polls a CPU second.
#[derive(Clone, Copy, Debug)]
struct Cost {
    reservation_us: f64,
    polls: f64,
}

/// The two ways beside each other.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut measured = Vec::new();
    for number in 0..rounds {
        let mut costs = [Cost { reservation_us: f64::NAN, polls: f64::NAN }; WAYS.len()];
        // The first to run has the coldest machine: each way is first in turn.
        for turn in 0..WAYS.len() {
            let way = (number + turn) % WAYS.len();
            costs[way] = cost(WAYS[way]).await?;
            println!(
                "  round {}: {}: {:.1} µs a reservation, {:.0} polls a CPU second",
                number + 1,
                WAYS[way],
                costs[way].reservation_us,
                costs[way].polls
            );
        }
        measured.push(costs);
    }
    Ok(rows(&measured))
}

async fn cost(way: &str) -> anyhow::Result<Cost> {
    let shop = Shop::served_by(way).await?;
    let slug = format!("http-{way}");
    shop.open_event(&slug, shop::standing(wishes::PLACES)).await?;
    let wishes = wishes::standing(&slug);
    let passes = shop.new_passes(wishes.len().div_ceil(wishes::OF_A_FAN));
    let requests = move |number: usize, request: &mut Vec<u8>| {
        let Some(body) = wishes.get(number) else { return false };
        load::reservation(request, &passes[number % passes.len()], number, body);
        true
    };
    let pace = Pace { connections: CONNECTIONS, at_most: TIME, rate: None };
    let before = cpu::seconds(&[shop.pid()])?;
    let outcome = load::run(&shop.address, pace, Arc::new(requests)).await?.check()?;
    let used = cpu::seconds(&[shop.pid()])? - before;
    let url = shop.url(&format!("{}/{slug}/availability", super::EVENT_PATH));
    let polls = answers_a_cpu_second(&[shop.pid()], &url, &[])?;
    Ok(Cost { reservation_us: used * 1e6 / outcome.held.max(1) as f64, polls })
}

fn rows(measured: &[[Cost; WAYS.len()]]) -> Vec<Row> {
    let row = |name: &str, unit: &str, pair: &dyn Fn(&[Cost; WAYS.len()]) -> (f64, f64)| {
        // What goes around the router has to save 10% of the core's CPU.
        let goal = if unit == "µs" { Goal::AtMost(0.9) } else { Goal::AtLeast(1.0 / 0.9) };
        Row::from_rounds(name, unit, goal, &measured.iter().map(pair).collect::<Vec<_>>())
    };
    vec![
        row("core's HTTP: reservations, hyper against axum", "µs", &|it| (it[0].reservation_us, it[1].reservation_us)),
        row("core's HTTP: polls, hyper against axum", "/CPU s", &|it| (it[0].polls, it[1].polls)),
    ]
}
