//! `fairgate draw beacon`: hand in the public randomness that a draw waits for.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use fairgate_draw::BeaconAnswer;

use super::read;
use crate::admin::Client;
use crate::config::Secret;
use fairgate_problem::ProblemDetails;

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(super) struct BeaconArgs {
    /// The draw's URL (https://…/.fairgate/{room}/draw), or a room's name to submit it through the admin API.
    #[arg(value_name = "URL|ROOM")]
    target: String,
    /// A file with the round as a drand relay returns it: https://api.drand.sh/CHAIN/public/ROUND.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The edge's admin API. The token comes from the environment variable FAIRGATE_ADMIN_TOKEN.
    #[arg(long, env = "FAIRGATE_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    admin: String,
}

/// Hands the round in and says what became of it.
pub(super) fn run(args: &BeaconArgs, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let text = read(&args.file)?;
    let answer: BeaconAnswer = serde_json::from_str(&text).with_context(|| {
        format!("{} is no round as drand's relays answer it: {{\"round\":…,\"signature\":\"…\"}}", args.file.display())
    })?;
    if args.target.starts_with("http://") || args.target.starts_with("https://") {
        hand_in_publicly(&args.target, &answer)?;
    } else {
        hand_in_by_admin(args, answer)?;
    }
    writeln!(out, "round {} is verified, and the draw of {} is done with it", answer.round, args.target)?;
    Ok(ExitCode::SUCCESS)
}

fn hand_in_publicly(draw: &str, answer: &BeaconAnswer) -> anyhow::Result<()> {
    let url = format!("{}/beacon", draw.trim_end_matches('/'));
    let client = reqwest::blocking::Client::builder().timeout(ANSWER_WITHIN).build()?;
    let reply = client.post(&url).json(answer).send().with_context(|| format!("cannot reach {url}"))?;
    if reply.status().is_success() {
        return Ok(());
    }
    let status = reply.status();
    match reply.json::<ProblemDetails>() {
        Ok(problem) => bail!("{} ({})", problem.detail, problem.title),
        Err(_) => bail!("{url} answered {status}: is it the draw of a room?"),
    }
}

fn hand_in_by_admin(args: &BeaconArgs, answer: BeaconAnswer) -> anyhow::Result<()> {
    let token = std::env::var("FAIRGATE_ADMIN_TOKEN")
        .context("FAIRGATE_ADMIN_TOKEN is not set: export the token, or name the draw's URL, where none is needed")?;
    let client = Client::new(&args.admin, Secret::new(token));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(client.hand_in_beacon(&args.target, &answer.into()))?;
    Ok(())
}
