//! Logs: one line an event, on standard error, for people or machines.
//!
//! Fields are spans' and events' fields. Never in a log: a token, a raw address, an e-mail, a secret of a draw.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{LogConfig, LogFormat};

/// Sends the program's logs to standard error. `RUST_LOG` wins over the configured level where it is set.
///
/// # Errors
/// When a level cannot be read, or logs are already being sent somewhere.
pub fn init_logs(config: &LogConfig) -> anyhow::Result<()> {
    let level = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| config.level.clone());
    let filter = filter(&level)?;
    let logs = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let started = match config.format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logs are already being written: {error}"))
}

/// Never quieted: who changed what.
const ALWAYS: &str = "audit=info";
/// Never told: Pingora's listener names the raw address of whoever fails a TLS handshake; and an edge that takes over always
/// waits a moment for the other one's sockets, which Pingora calls an error (where they never come, it says so elsewhere). Each
/// try at a shop that does not answer is told without the room and the shop: our line of the request has both.
const NEVER: [&str; 3] =
    ["pingora_core::services::listening=off", "pingora_core::server::transfer_fd=off", "pingora_proxy=error"];

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| anyhow::anyhow!("the log level {level:?} cannot be read: {error}"))?;
    let filter = filter.add_directive(ALWAYS.parse()?);
    NEVER.iter().try_fold(filter, |filter, never| Ok(filter.add_directive(never.parse()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_silences_the_audit_log_or_lets_addresses_through() {
        for level in ["error", "warn,fairgate=info", "off", "trace", "pingora_core=trace"] {
            let directives = filter(level).expect("a level").to_string();
            for kept in NEVER.into_iter().chain([ALWAYS]) {
                assert!(directives.split(',').any(|directive| directive == kept), "{directives}");
            }
        }
        assert!(filter("fairgate=loud").is_err());
    }
}
