//! The demo's crowd: sent at the gate from this process, over real HTTP.

use anyhow::Context;
use fairgate_crowd::{Options, Report, Target};

use super::plan::{DemoPlan, ROOM};
use super::servers::Addresses;
use fairgate_booking::events::demo_event::DEMO_EVENT;

/// Sends the crowd and writes the report where it was asked for.
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
    if let Some(file) = &plan.report {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(file, json).with_context(|| format!("cannot write the report to {}", file.display()))?;
    }
    Ok(report)
}
