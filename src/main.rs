//! The `fairgate` binary: parses the command line and hands over to the verb.

use std::process::ExitCode;

use clap::Parser;
use fairgate::cli::Cli;

/// With the system's, threads that serve the same connections wait for each other at every allocation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stderr, reason = "the last word of a failed command belongs on the terminal")]
fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fairgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
