//! `fairgate config`: check configurations before they are used.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Config;

/// Check configurations.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Tell every mistake in these files, with line, key and remedy; exit with 1 where there is one.
    Check {
        /// Configuration files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs one step.
///
/// # Errors
/// Where the output cannot be written.
pub(super) fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let Step::Check { files } = args.step;
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut code = ExitCode::SUCCESS;
    for file in files {
        match Config::load(&file) {
            Ok(config) => {
                writeln!(out, "{}: ok ({})", file.display(), summary(&config))?;
                for note in missing_tokens(&config) {
                    writeln!(out, "    note: {note}")?;
                }
            }
            Err(error) => {
                writeln!(err, "{error}")?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn summary(config: &Config) -> String {
    let names: Vec<_> = config.rooms.iter().map(|room| room.name.as_str()).collect();
    format!("rooms: {}", names.join(", "))
}

/// Tokens belong to the machine that runs the edge, which need not be the one that checks the file.
fn missing_tokens(config: &Config) -> Vec<String> {
    config.admin.resolve(|name| std::env::var(name).ok()).err().unwrap_or_default()
}
