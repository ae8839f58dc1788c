//! `fairgate provider`: runs a payment provider to try things out with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::booking::stop_when_told;
use crate::config::LogConfig;
use crate::observe::{announce, init_logs};
use crate::provider::{Behaviour, Provider, ProviderSettings, WebhookTarget};
use fairgate_booking::payment::signature::WebhookSecret;

/// Run a simulated payment provider for trials and tests.
///
/// It takes no money. It records payments, and it fails on request. Words in the payment token say how it treats a
/// payment. They are joined by `-`, as in `demo-slow-twice`. --behave sets the words for other tokens. To change them
/// while it runs: curl -X PUT -d '{"behaviour": "down"}' -H 'content-type: application/json' http://…/v1/behaviour.
///
/// declined: refuses the payment.  slow: answers after 3 s.  flaky: the first call fails.  down: every call fails.  never:
/// does not answer and takes no money.  lost: takes the money and does not answer.  early: the webhook comes before the
/// answer.  twice: each webhook is sent twice.  silent: no webhook is sent.
///
/// Webhooks are signed with the secret in the environment variable FAIRGATE_WEBHOOK_SECRET.
#[derive(Debug, Args)]
pub(super) struct ProviderArgs {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
    /// The booking core's URL for webhooks. Without it none are sent.
    #[arg(long, value_name = "http://…/api/v1/webhooks/payment")]
    webhook_url: Option<String>,
    /// Record the payments in this file, so that they outlive the process.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// How to treat payments whose token does not say.
    #[arg(long, value_name = "WORDS", default_value = "", value_parser = Behaviour::parse, hide_default_value = true)]
    behave: Behaviour,
    /// Stop when standard input ends, which it does when the parent process is gone.
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(super) fn run(args: ProviderArgs) -> anyhow::Result<ExitCode> {
    init_logs(&LogConfig::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let served = runtime.block_on(serve(args));
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(args: ProviderArgs) -> anyhow::Result<()> {
    let stop = stop_when_told(args.exit_with_stdin)?;
    let provider = Provider::start(ProviderSettings {
        listen: args.listen,
        webhooks: args.webhook_url.map(webhook_target).transpose()?,
        ledger: args.ledger,
        behaviour: args.behave,
    })
    .await?;
    announce(&format!("listening on http://{}", provider.address()?));
    provider.serve(stop).await
}

fn webhook_target(url: String) -> anyhow::Result<WebhookTarget> {
    let secret = std::env::var("FAIRGATE_WEBHOOK_SECRET").unwrap_or_default();
    let secret = WebhookSecret::new(&secret).context("FAIRGATE_WEBHOOK_SECRET")?;
    Ok(WebhookTarget { url, secret })
}
