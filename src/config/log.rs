//! `[log]`: how it logs.

use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use super::reader::Section;
use super::value::{Misfit, Value, one_of};

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How it logs.
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

impl LogConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let default = Self::default();
        let level = section.get_or("level", default.level);
        if let Err(error) = EnvFilter::try_new(&level) {
            section.problem(
                "level",
                format!("{level:?} cannot be read: {error}"),
                r#"write "info", "debug" or "warn,fairgate=info""#,
            );
        }
        Some(Self { format: section.get_or("format", default.format), level })
    }
}

impl Value for LogFormat {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        one_of(value, &[("text", Self::Text), ("json", Self::Json)])
    }
}
