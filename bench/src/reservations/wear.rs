//! One event sells half a million units. Measured is what is left of the speed at the end, with and without another
//! session that holds an old snapshot open.

use std::sync::Arc;
use std::time::Duration;

use super::load::{self, Pace};
use super::shop::{self, Shop};
use crate::report::{Goal, Row};

const UNITS: u32 = 500_000;
/// The first and the last fifth are compared.
const PARTS: usize = 5;
const PACE: Pace = Pace { connections: super::CONNECTIONS, at_most: Duration::from_secs(60), rate: None };

/// Throughput at the end against that at the start.
pub(crate) async fn run(_: usize) -> anyhow::Result<Vec<Row>> {
    let shop = Shop::open().await?;
    let fresh = sell(&shop, "fresh").await?;
    let old = shop.database.own_connection().await?;
    old.batch_execute("begin isolation level repeatable read; select count(*) from event").await?;
    let worn = sell(&shop, "worn").await?;
    old.batch_execute("rollback").await?;
    let row = |name: &str, pair| Row::from_rounds(name, "/s", Goal::AtLeast(0.7), &[pair]);
    Ok(vec![
        row("wear: the end of 500,000 units, against the start", fresh),
        row("wear: the same beside an old snapshot", worn),
    ])
}

/// Reservations a second in the last and in the first part.
async fn sell(shop: &Shop, event: &str) -> anyhow::Result<(f64, f64)> {
    shop.open_event(event, shop::standing(UNITS)).await?;
    let mut speeds = Vec::new();
    let all = (UNITS / 10 * 4) as usize;
    let passes = Arc::new(shop.new_passes(all.div_ceil(super::wishes::OF_A_FAN)));
    for part in 0..PARTS {
        let (first, last) = (all / PARTS * part, all / PARTS * (part + 1));
        let (passes, event) = (Arc::clone(&passes), event.to_owned());
        let requests = move |number: usize, request: &mut Vec<u8>| {
            let number = first + number;
            if number >= last {
                return false;
            }
            let body = format!(r#"{{"event":"{event}","section":"floor","quantity":{}}}"#, number % 4 + 1);
            load::reservation(request, &passes[number % passes.len()], number, &body);
            true
        };
        speeds.push(load::run(&shop.address, PACE, Arc::new(requests)).await?.check()?.held_a_second());
    }
    Ok((speeds[PARTS - 1], speeds[0]))
}
