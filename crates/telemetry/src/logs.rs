//! Logs: one line an event, on standard error, for people or machines.
//!
//! Guarantees:
//! - saying something in the log never waits, never fails and never panics, whatever becomes of standard error
//!   ([`Lines`])
//! - a panic anywhere is a line of the log
//!
//! Fields are spans' and events' fields. Never in a log: a token, a raw address, an e-mail, a secret of a draw.

use std::any::Any;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::mpsc::sync_channel;
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use super::lines::Lines;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How a process logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of log lines.
    pub format: LogFormat,
    /// What is logged, in the words of `RUST_LOG`, which wins where it is set.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

/// How long the end of the process waits for its last lines.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(1);

/// A process has one standard error, and one subscriber of its events.
static LINES: OnceLock<Lines> = OnceLock::new();
static LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Lines of the log that could not be written: standard error was full, closed, or read too slowly.";
    IntCounter::new("fairgate_log_lines_lost_total", help).expect("the name is a metric's")
});

/// Sends the program's logs to standard error. `RUST_LOG` wins over the configured level where it is set.
///
/// # Errors
/// When a level cannot be read, or logs are already being sent somewhere.
pub fn init_logs(config: &LogConfig) -> anyhow::Result<()> {
    let level = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| config.level.clone());
    let filter = filter(&level)?;
    let lines = match LINES.get() {
        Some(lines) => lines,
        None => {
            let lines = Lines::to(io::stderr(), LOST.clone())?;
            LINES.get_or_init(|| lines)
        }
    };
    // What cannot be formatted would be said on standard error, which may be full.
    let logs = fmt().with_env_filter(filter).with_writer(lines).log_internal_errors(false);
    let logs = logs.with_ansi(io::stderr().is_terminal());
    let started = match config.format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logs are already being written: {error}"))?;
    std::panic::set_hook(Box::new(say_panic));
    Ok(())
}

/// How many lines of the log were lost since the process began.
pub(super) fn lost_lines() -> IntCounter {
    LOST.clone()
}

/// Lets the last lines of the log be written, as far as that is a matter of a moment.
pub fn flush_logs() {
    if let Some(lines) = LINES.get() {
        lines.flush(LAST_LINES_WITHIN);
    }
}

/// The last word of a process, on standard error, after its log. It is waited for only a moment.
pub fn last_word(word: &str) {
    flush_logs();
    say_within(io::stderr(), format!("{word}\n"));
}

/// Says something on standard output in a process that goes on whether anybody reads it or not.
pub fn announce(line: &str) {
    say_within(io::stdout(), format!("{line}\n"));
}

fn say_within(mut out: impl Write + Send + 'static, words: String) {
    let (done, wait) = sync_channel(1);
    let say = move || {
        // Where nobody can be told, nobody is told.
        let _ = out.write_all(words.as_bytes()).and_then(|()| out.flush());
        let _ = done.try_send(());
    };
    if thread::Builder::new().name("say".to_owned()).spawn(say).is_ok() {
        let _ = wait.recv_timeout(LAST_LINES_WITHIN);
    }
}

/// The standard hook writes to standard error, and waits for it.
fn say_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(target: "panic", thread = thread.name().unwrap_or_default(), at, "{}", message(panic.payload()));
}

fn message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

/// Never quieted: who changed what, and panics.
const ALWAYS: [&str; 2] = ["audit=info", "panic=error"];
/// Never told: Pingora's listener names the raw address of whoever fails a TLS handshake. An edge that takes over
/// always waits a moment for the other one's sockets, which Pingora calls an error. Where they never come, Pingora
/// says so elsewhere. Each try at a shop that does not answer is told without the room and the shop: our line of the
/// request has both. The client of RabbitMQ writes whole messages into its lines; what matters of them is an error of ours.
/// A TLS client that breaks the rules would have a line of rustls for each connection, as many as it likes to open; what
/// fails on our own way out is an error of ours, too.
const NEVER: [&str; 5] = [
    "pingora_core::services::listening=off",
    "pingora_core::server::transfer_fd=off",
    "pingora_proxy=error",
    "lapin=off",
    "rustls=error",
];

/// Checks that a log level can be read.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_level(level: &str) -> Result<(), String> {
    EnvFilter::try_new(level).map(drop).map_err(|error| error.to_string())
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| anyhow::anyhow!("the log level {level:?} cannot be read: {error}"))?;
    let fixed = ALWAYS.iter().chain(&NEVER);
    fixed.into_iter().try_fold(filter, |filter, fixed| Ok(filter.add_directive(fixed.parse()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_silences_the_audit_log_or_lets_addresses_through() {
        for level in ["error", "warn,fairgate=info", "off", "trace", "pingora_core=trace"] {
            let directives = filter(level).expect("a level").to_string();
            for kept in NEVER.into_iter().chain(ALWAYS) {
                assert!(directives.split(',').any(|directive| directive == kept), "{directives}");
            }
        }
        assert!(filter("fairgate=loud").is_err());
    }
}
