//! The demo's crowd: sent at the gate from this process, over real HTTP.

use anyhow::Context;
use fairgate_crowd::{Options, Report, Target};
use serde::Serialize;

use super::farm::Outcomes;
use super::plan::{DemoPlan, ROOM};
use super::servers::Addresses;
use fairgate_booking::events::demo_event::DEMO_EVENT;

/// The report of the crowd, and of the farm where there was one.
#[derive(Serialize)]
struct Written<'r> {
    #[serde(flatten)]
    report: &'r Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    farm: Option<&'r Outcomes>,
}

/// Sends the crowd.
pub(super) async fn send(plan: &DemoPlan, addresses: &Addresses) -> anyhow::Result<Report> {
    let target = Target::on_this_machine(&addresses.shop_url())?.spread_over(addresses.more_gates());
    let options = Options {
        event: Some(DEMO_EVENT.to_owned()),
        fans: plan.fans,
        bots: plan.bots,
        seed: plan.seed,
        history: plan.history.clone(),
        ..Options::new(target, ROOM)
    };
    let mut progress = fairgate_crowd::on_stderr();
    let report = fairgate_crowd::run(options, progress.as_mut()).await?;
    drop(progress);
    Ok(report)
}

/// Writes the report where it was asked for.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(plan: &DemoPlan, report: &Report, farm: Option<&Outcomes>) -> anyhow::Result<()> {
    let Some(file) = &plan.report else { return Ok(()) };
    let json = serde_json::to_string_pretty(&Written { report, farm })? + "\n";
    std::fs::write(file, json).with_context(|| format!("cannot write the report to {}", file.display()))
}
