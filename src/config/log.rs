//! `[log]`: how it logs.

use fairgate_telemetry::check_level;
use toml::de::DeValue;

use super::reader::Section;
use super::value::{Misfit, Value, one_of};

pub use fairgate_telemetry::{LogConfig, LogFormat};

pub(super) fn read_log(section: &Section<'_>) -> Option<LogConfig> {
    let default = LogConfig::default();
    let level = section.get_or("level", default.level);
    if let Err(error) = check_level(&level) {
        section.problem(
            "level",
            format!("{level:?} cannot be read: {error}"),
            r#"write "info", "debug" or "warn,fairgate=info""#,
        );
    }
    Some(LogConfig { format: section.get_or("format", default.format), level })
}

impl Value for LogFormat {
    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        one_of(value, &[("text", Self::Text), ("json", Self::Json)])
    }
}
