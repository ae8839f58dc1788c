//! `[log]`: how it logs.

use fairgate_telemetry::check_level;

use super::reader::Section;
use super::value::Word;

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

impl Word for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}
