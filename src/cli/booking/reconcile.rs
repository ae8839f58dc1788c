//! `fairgate booking reconcile`: what the provider's books say that ours do not.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use fairgate_booking::db::Database;
use fairgate_booking::money::money;
use fairgate_booking::payment::{Difference, Reconciliation, RemoteProvider, reconcile};

/// The books differ. (1 is for a comparison that did not take place.)
const DIFFERENT: u8 = 2;

/// Compare payments and bookings with the payment provider's records.
///
/// Changes nothing. Exit code 0: no difference; 1: the comparison failed; 2: there are differences.
#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// The Postgres database of the booking core.
    #[arg(long, env = "FAIRGATE_DATABASE_URL", value_name = "postgresql://…", hide_env_values = true)]
    database_url: String,
    /// The payment provider.
    #[arg(long, env = "FAIRGATE_PROVIDER_URL", value_name = "http://…")]
    provider_url: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Compares once.
///
/// # Errors
/// When either side cannot be read.
pub(super) async fn run(args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    let database = Database::for_reading(&args.database_url)?;
    let provider = RemoteProvider::new(&args.provider_url).context("cannot make an HTTP client")?;
    let found = reconcile(&database, &provider).await?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        print(&mut out, &found)?;
    }
    Ok(if found.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn print(out: &mut impl Write, found: &Reconciliation) -> std::io::Result<()> {
    let Reconciliation { payments, charges, differences } = found;
    writeln!(out, "{payments} payments here, {charges} charges there: {} differ", differences.len())?;
    for Difference { payment_id, number, what, amount, currency } in differences {
        let booking = number.as_deref().unwrap_or("no booking ");
        writeln!(out, "{payment_id}  {booking}  {:>14}  {what}", money(*amount, currency))?;
    }
    Ok(())
}
