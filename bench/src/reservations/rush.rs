//! 20,000 fans for 500 seats: each asks for one seat, all of them through the edge's 1,000 connections.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;

use super::load::{self, Pace};
use super::shop::{self, Shop};

pub(super) const SEATS: u32 = 500;
pub(super) const P99_MS: f64 = 250.0;
const FANS: usize = 20_000;
const PACE: Pace = Pace { connections: 1000, at_most: Duration::from_secs(30), rate: None };

pub(super) struct Rush {
    pub(super) p99_ms: f64,
    pub(super) sold: f64,
}

/// Fails unless everybody is answered and every seat is held once.
pub(super) async fn run(shop: &Shop, event: &str) -> anyhow::Result<Rush> {
    shop.open_event(event, shop::seated(10, SEATS / 10)).await?;
    let passes = shop.new_passes(FANS);
    let slug = event.to_owned();
    let requests = move |number: usize, request: &mut Vec<u8>| {
        let Some(pass) = passes.get(number) else { return false };
        // A prime step: neighbours in time want seats far apart, and every seat is wanted forty times.
        let seat = number as u32 * 7 % SEATS;
        let (row, seat) = (seat / (SEATS / 10), seat % (SEATS / 10) + 1);
        load::reservation(request, pass, number, &format!(r#"{{"event":"{slug}","seats":["hall-R{row}-{seat}"]}}"#));
        true
    };
    let outcome = load::run(&shop.address, PACE, Arc::new(requests)).await?.check()?;
    let gone = shop.seats_gone(event).await?;
    ensure!(outcome.held + outcome.refused == FANS, "somebody got no answer");
    ensure!(gone == i64::from(SEATS) && outcome.held == SEATS as usize, "{} told, {gone} gone", outcome.held);
    Ok(Rush { p99_ms: outcome.latency_ms(0.99), sold: gone as f64 })
}
