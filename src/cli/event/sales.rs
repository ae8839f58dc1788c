//! `fairgate event sales`: how an event sells, as a table.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::super::organizer::{Api, OrganizerArgs};
use fairgate_booking::money::money;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Clears a terminal, and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Shows it once, or again every second.
///
/// # Errors
/// When the core cannot be reached, or refuses.
pub(super) async fn run(args: &OrganizerArgs, event: &str, watch: bool, json: bool) -> anyhow::Result<()> {
    let (api, path) = (Api::open(args)?, format!("events/{event}/sales"));
    let mut out = std::io::stdout();
    loop {
        let (sales, _) = api.get(&path).await?;
        if json {
            writeln!(out, "{sales}")?;
        } else {
            write!(out, "{}{}", if watch { CLEAR } else { "" }, table(&sales))?;
        }
        out.flush()?;
        if !watch {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The table of one answer.
fn table(sales: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let decimal = |value: &Value| format!("{:.1}", value.as_f64().unwrap_or_default());
    let currency = sales["currency"].as_str().unwrap_or_default();
    let (seats, pace, funnel, holds) = (&sales["seats"], &sales["pace"], &sales["funnel"], &sales["holds"]);
    let mut lines = vec![
        format!(
            "{} at {} (counted from {}, {} s behind)",
            word(&sales["event"]),
            word(&sales["at"]),
            word(&sales["knows_from"]),
            sales["behind_seconds"]
        ),
        format!(
            "  seats     {} sold, {} held, {} free of {}",
            seats["sold"], seats["held"], seats["free"], seats["capacity"]
        ),
        format!(
            "  money     {} in {} bookings, {} given back",
            money(number(&sales["gross"]), currency),
            sales["bookings"],
            money(number(&sales["refunded"]), currency)
        ),
        format!(
            "  pace      {} seats a second, {} a minute, {} a minute since the start",
            decimal(&pace["per_second"]),
            decimal(&pace["per_minute"]),
            decimal(&pace["per_minute_overall"])
        ),
        match &sales["sold_out"] {
            Value::Null => "  sold out  not to be said yet".to_owned(),
            range => format!(
                "  sold out  from {} to {}",
                word(&range["earliest"]),
                range["latest"].as_str().unwrap_or("never")
            ),
        },
        format!(
            "  funnel    {} holds, {} payments, {} declined, {} paid",
            funnel["holds"], funnel["payments"], funnel["declined"], funnel["paid"]
        ),
        format!(
            "  holds     {} ended unpaid ({} seats); half paid within {} s, nine of ten within {} s",
            holds["expired"],
            holds["expired_seats"],
            decimal(&holds["pay_seconds_p50"]),
            decimal(&holds["pay_seconds_p90"])
        ),
    ];
    for section in sales["sections"].as_array().into_iter().flatten() {
        let (seats, price) = (&section["seats"], money(number(&section["price"]), currency));
        let place = format!("{:<24} {price:>14}", word(&section["id"]));
        lines.push(format!(
            "  {place} {:>7} sold {:>7} held {:>7} free {:>8} a minute",
            number(&seats["sold"]),
            number(&seats["held"]),
            number(&seats["free"]),
            decimal(&section["per_minute"])
        ));
    }
    if funnel["open_long"] != 0 {
        lines.push(format!("  {} payments have been under way for more than a minute", funnel["open_long"]));
    }
    for decline in sales["declines"].as_array().into_iter().flatten() {
        lines.push(format!("  declined {:>6} times: {}", number(&decline["payments"]), word(&decline["reason"])));
    }
    if sales["signals"] != 0 {
        lines.push(format!("  {} signals: `fairgate event signals` shows them", sales["signals"]));
    }
    lines.join("\n") + "\n"
}
