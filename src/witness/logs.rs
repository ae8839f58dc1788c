//! The logs that a witness knows: an origin, and the keys that sign for it.

use std::collections::BTreeMap;

use fairgate_draw::log::{KeyKind, VerifierKey};

/// A witness remembers one checkpoint a log.
const LOGS_MAX: usize = 100_000;
/// Keys of a log: one, and another one while it changes.
const KEYS_MAX: usize = 8;

/// Logs by their origins.
#[derive(Clone, Debug, Default)]
pub struct KnownLogs(BTreeMap<String, Vec<VerifierKey>>);

/// Why a list of logs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// A line is none of a log.
    #[error(
        "line {line}: {text:?} is no log: write its public key (name+hash+key), and behind it the origin where that is another name"
    )]
    Line {
        /// Which line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// There are too many.
    #[error("there are more than {LOGS_MAX} logs, or more than {KEYS_MAX} keys of one")]
    TooMany,
}

impl KnownLogs {
    /// Adds a log by its public key; its origin is the key's name unless it is another one.
    ///
    /// # Errors
    /// The text is no key of a log, or there are too many.
    pub fn add(&mut self, text: &str) -> Result<(), LogsError> {
        self.add_line(1, text)
    }

    /// Adds the logs of a file: one a line, as [`Self::add`] takes them. Lines that begin with `#` are remarks.
    ///
    /// # Errors
    /// A line is none, or there are too many.
    pub fn add_all(&mut self, text: &str) -> Result<(), LogsError> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        lines.try_for_each(|(number, line)| self.add_line(number, line))
    }

    /// The keys of a log; none where it is not known.
    #[must_use]
    pub fn keys(&self, origin: &str) -> &[VerifierKey] {
        self.0.get(origin).map_or(&[], |keys| &keys[..])
    }

    /// How many logs there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn add_line(&mut self, line: usize, text: &str) -> Result<(), LogsError> {
        let (vkey, origin) = text.trim().split_once(' ').map_or((text.trim(), None), |(vkey, rest)| (vkey, Some(rest)));
        let key = VerifierKey::parse(vkey).ok().filter(|key| key.kind() == KeyKind::Log);
        let key = key.ok_or_else(|| LogsError::Line { line, text: text.to_owned() })?;
        let keys = self.0.entry(origin.unwrap_or(key.name()).to_owned()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
        let fits = keys.len() <= KEYS_MAX;
        if fits && self.0.len() <= LOGS_MAX { Ok(()) } else { Err(LogsError::TooMany) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str = "tickets.example/.fairgate/draw.log+2a89550f+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

    #[test]
    fn logs_are_named_by_their_keys_or_beside_them() {
        let mut logs = KnownLogs::default();
        logs.add(VKEY).unwrap();
        logs.add_all(&format!("# others\n\n{VKEY}\n{VKEY} go.sum database tree\n")).unwrap();
        assert_eq!((logs.count(), logs.keys("go.sum database tree").len(), logs.keys("x").len()), (2, 1, 0));
        let told = logs.add_all(&format!("{VKEY}\nx\n")).unwrap_err().to_string();
        assert!(told.starts_with("line 2"), "{told}");
        let witness = "witness.example/w1+fea3b187+BBOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK";
        assert!(logs.add(witness).is_err(), "a witness is no log");
    }
}
