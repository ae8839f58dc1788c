//! `fairgate booking show`, `cancel` and `review`: one booking, over the organizer's API.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::super::organizer::{Api, OrganizerArgs};
use fairgate_booking::money::money;

/// Show one booking and every step of its payments.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    api: OrganizerArgs,
    /// The booking's id, or the number that the fan was given.
    booking: String,
}

/// Cancel one booking: free its seats at once and refund what was paid.
#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    #[command(flatten)]
    api: OrganizerArgs,
    /// The booking's id, or the number that the fan was given.
    booking: String,
    /// The reason, which is kept with the payment.
    #[arg(long)]
    reason: String,
}

/// Keep one booking back for review, or release it. Its seats and its money stay as they are.
#[derive(Debug, Args)]
pub(super) struct ReviewArgs {
    #[command(flatten)]
    api: OrganizerArgs,
    /// The booking's id, or the number that the fan was given.
    booking: String,
    /// Keep it back.
    #[arg(long, required_unless_present = "release", conflicts_with = "release")]
    hold: bool,
    /// Release it.
    #[arg(long)]
    release: bool,
    /// The reason, which is kept with the booking.
    #[arg(long)]
    reason: String,
}

pub(super) async fn show(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let (found, _) = Api::open(&args.api)?.get(&format!("bookings/{}", args.booking)).await?;
    let mut out = std::io::stdout().lock();
    let booking = &found["booking"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seats: Vec<String> = booking["seats"].as_array().into_iter().flatten().map(text).collect();
    writeln!(out, "{}  {}  {}", text(&booking["number"]), text(&booking["status"]), text(&booking["booking_id"]))?;
    let price = price(booking, "amount");
    writeln!(out, "  {} for {}, {price}", seats.join(" "), text(&booking["event"]))?;
    for step in found["steps"].as_array().into_iter().flatten() {
        let [at, name, by, detail] = ["at", "step", "by", "detail"].map(|field| text(&step[field]));
        writeln!(out, "  {at}  {name:10} by {by:10} {detail}")?;
    }
    if found["review"]["in_review"] == true {
        writeln!(out, "  in review since {}: {}", text(&found["review"]["at"]), text(&found["review"]["reason"]))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn cancel(args: CancelArgs) -> anyhow::Result<ExitCode> {
    let path = format!("bookings/{}/cancel", args.booking);
    let done = Api::open(&args.api)?.post(&path, &json!({ "reason": args.reason })).await?;
    let status = done["status"].as_str().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    if done["refunded_payment"].is_string() {
        writeln!(out, "{status}; {} goes back to the fan", price(&done, "refunded_amount"))?;
    } else {
        writeln!(out, "{status}; nothing goes back, because nothing is paid")?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn review(args: ReviewArgs) -> anyhow::Result<ExitCode> {
    let path = format!("bookings/{}/review", args.booking);
    let decision = if args.hold { "hold" } else { "release" };
    let done = Api::open(&args.api)?.post(&path, &json!({ "decision": decision, "reason": args.reason })).await?;
    let number = done["number"].as_str().unwrap_or_default();
    let how = if done["in_review"] == true { "is in review" } else { "is released" };
    writeln!(std::io::stdout(), "{number} {how}")?;
    Ok(ExitCode::SUCCESS)
}

fn price(answer: &Value, field: &str) -> String {
    money(answer[field].as_i64().unwrap_or_default(), answer["currency"].as_str().unwrap_or_default())
}
