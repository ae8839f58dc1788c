//! A whole on-sale on one machine: private Postgres, payment provider, booking core, edge, and a crowd if asked for.
//!
//! Nothing outlives the demo: its servers stop when it ends, however it ends, and its files go with it.

mod crowd;
mod farm;
mod phases;
mod plan;
mod ports;
mod servers;

use std::process::ExitCode;

use anyhow::Context;
use fairgate_crowd::Report;
use tokio::signal::unix::{SignalKind, signal};

use crate::observe::announce;
pub use plan::DemoPlan;
use servers::Servers;

/// How a demo ended.
enum Ending {
    Told,
    Reported(Box<Report>),
}

/// Runs the demo until it is told to stop or, with a crowd, until the report.
///
/// # Errors
/// When a server cannot be started or ends by itself, or the report cannot be written.
pub fn run(plan: &DemoPlan) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the demo's runtime")?;
    runtime.block_on(async {
        tokio::select! {
            ending = play(plan) => match ending? {
                Ending::Told => Ok(ExitCode::SUCCESS),
                Ending::Reported(report) if report.held => Ok(ExitCode::SUCCESS),
                Ending::Reported(_) => Ok(ExitCode::FAILURE),
            },
            signal = told_to_stop() => {
                signal?;
                say("stopping …");
                Ok(ExitCode::from(130))
            }
        }
    })
}

async fn play(plan: &DemoPlan) -> anyhow::Result<Ending> {
    let (mut servers, addresses) = Servers::start(plan).await?;
    say(&addresses.to_string());
    say(&plan.to_string());
    let phases = tokio::spawn(phases::tell(addresses.status_url()));
    let outcome = tokio::select! {
        ended = servers.one_ends() => Err(ended),
        outcome = entertain(plan, &addresses) => outcome,
    };
    phases.abort();
    outcome
}

/// With a crowd: sends it and reports. Without, or to keep running: waits for ever.
async fn entertain(plan: &DemoPlan, addresses: &servers::Addresses) -> anyhow::Result<Ending> {
    if plan.everyone() == 0 {
        std::future::pending::<()>().await;
        return Ok(Ending::Told);
    }
    let farm = async { if plan.farm { farm::send(plan, addresses).await.map(Some) } else { Ok(None) } };
    let (report, farm) = tokio::try_join!(crowd::send(plan, addresses), farm)?;
    say(&format!("\n{report}"));
    if let Some(farm) = &farm {
        say(&format!("\n{farm}"));
    }
    crowd::write(plan, &report, farm.as_ref())?;
    if plan.keep_running {
        say("The servers keep running; Ctrl-C stops them.");
        std::future::pending::<()>().await;
    }
    Ok(Ending::Reported(Box::new(report)))
}

async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// Tells whoever started the demo, if anybody still listens.
fn say(text: &str) {
    announce(text);
}
