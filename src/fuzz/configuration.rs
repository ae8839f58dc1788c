//! The configuration: any text is either one to run on, or is told where it is wrong.

use std::path::Path;

use crate::config::Config;

/// A moment in a sale of the shipped example, Unix ms.
const NOW_MS: u64 = 1_796_117_400_000;

/// Reads any text as a configuration.
///
/// # Panics
/// When a mistake has no line of the text, no words or no remedy, or when two rooms that were accepted have one name.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = 1 + text.matches('\n').count();
    match Config::parse(text, Path::new("fuzzed.toml")) {
        Ok(config) => {
            let mut names: Vec<&str> = config.rooms.iter().map(|room| room.name.as_str()).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
            assert!(config.rooms.iter().all(|room| config.upstream(&room.upstream).is_some()));
            config.warnings(NOW_MS).iter().for_each(|warning| drop(warning.to_string()));
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            for problem in &error.problems {
                assert!((1..=lines).contains(&problem.line), "{problem}");
                assert!(!problem.what.is_empty() && !problem.remedy.is_empty(), "{problem}");
            }
        }
    }
}
