//! What people have changed through all edges that share a store, as rows of bytes.

/// Rows that are kept of a fleet's changes: years of sales.
pub const AUDIT_ROWS_MAX: usize = 20_000;

/// One row, as whoever appended it has written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The store's number of the row: those before it have smaller ones.
    pub number: String,
    /// The row.
    pub bytes: Vec<u8>,
}

/// Rows, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRows {
    /// Those that were asked for.
    pub rows: Vec<AuditRow>,
    /// True if the store has none before these.
    pub is_last: bool,
}

/// True if a text may be a row's number; others are not handed to the store.
pub(crate) fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(time, count)| is_digits(time) && is_digits(count))
}

/// When an edge has last looked at a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeLook {
    /// The name of this run of the edge.
    pub edge: String,
    /// When, by the room's time, Unix ms.
    pub at_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_those_of_streams() {
        assert!(is_number("1796119200000-0"));
        for other in ["", "-", "1", "1-", "-1", "+", "1-2-3", "1-x", "(1-2", "123456789012345678901-0"] {
            assert!(!is_number(other), "{other:?}");
        }
    }
}
