//! The `fairgate` binary: parses the command line and hands over to the verb.

use std::process::ExitCode;

use clap::Parser;
use fairgate::cli::Cli;
use fairgate::observe::{flush_logs, last_word};

/// With the system's, threads that serve the same connections wait for each other at every allocation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => {
            flush_logs();
            code
        }
        Err(error) => {
            last_word(&format!("fairgate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
