//! `fairgate console`: the way into the console for whoever has a token in this shell.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::admin::Client;
use crate::config::Secret;

/// Open the console: rooms, live numbers and controls in a browser.
///
/// The token comes from the environment variable FAIRGATE_ADMIN_TOKEN.
#[derive(Debug, Args)]
pub(super) struct ConsoleArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Print a link into the console that works once, within a minute.
    ///
    /// Whoever opens it has the role of the token.
    Open {
        /// The edge's admin API, as the browser reaches it.
        #[arg(long, env = "FAIRGATE_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9090")]
        admin: String,
    },
}

/// Runs one step.
///
/// # Errors
/// Where the edge cannot be reached, or refuses.
pub(super) fn run(args: ConsoleArgs) -> anyhow::Result<ExitCode> {
    let Step::Open { admin } = args.step;
    let token =
        std::env::var("FAIRGATE_ADMIN_TOKEN").context("FAIRGATE_ADMIN_TOKEN is not set: export the token first")?;
    let client = Client::new(&admin, Secret::new(token));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let link = runtime.block_on(client.console_link())?;
    writeln!(io::stdout(), "{}{}", admin.trim_end_matches('/'), link.path)?;
    Ok(ExitCode::SUCCESS)
}
