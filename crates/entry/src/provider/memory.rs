//! What providers said in the last minutes, so that a flood of one response costs one call.
//!
//! Guarantees:
//! - memory is fixed
//! - a response that was good for one entry is never good for another
//! - a row that was written over costs a call and nothing else

use super::Fault;
use crate::bond::{Bond, sha256};

/// How long an answer is remembered, ms.
pub const ANSWER_MS: u64 = 5 * 60 * 1000;

/// Rows: 65,536 of 48 bytes, 3 MB.
const ROWS: usize = 1 << 16;

/// What is known of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing: ask.
    Unknown,
    /// The response was good, for this entry.
    Good,
    /// The response is not good, or was good for another entry.
    Bad,
}

#[derive(Clone, Copy)]
struct Row {
    hash: [u8; 16],
    /// The entry that it was good for; `None` where it was not.
    bond: Option<Bond>,
    until_ms: u64,
}

/// The last answers of all providers of an edge.
pub struct AnswerMemory {
    rows: Vec<Option<Row>>,
}

impl std::fmt::Debug for AnswerMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerMemory(..)")
    }
}

impl Default for AnswerMemory {
    fn default() -> Self {
        Self { rows: vec![None; ROWS] }
    }
}

impl AnswerMemory {
    /// What is known of a way's response, for an entry.
    #[must_use]
    pub fn find(&self, way: &str, response: &str, bond: &Bond, now_ms: u64) -> Remembered {
        let (hash, row) = place(way, response);
        match &self.rows[row] {
            Some(row) if row.hash == hash && now_ms < row.until_ms => match row.bond {
                Some(good) if good == *bond => Remembered::Good,
                _ => Remembered::Bad,
            },
            _ => Remembered::Unknown,
        }
    }

    /// Keeps an answer. A fault of ours or of the provider is not one: it is asked again.
    pub fn keep(&mut self, way: &str, response: &str, bond: &Bond, outcome: Result<(), Fault>, now_ms: u64) {
        let bond = match outcome {
            Ok(()) => Some(*bond),
            Err(Fault::Fan) => None,
            Err(Fault::Ours | Fault::Theirs) => return,
        };
        let (hash, row) = place(way, response);
        self.rows[row] = Some(Row { hash, bond, until_ms: now_ms.saturating_add(ANSWER_MS) });
    }
}

/// The hash that a row is known by, and the row. The way's name cannot hold the zero that ends it.
fn place(way: &str, response: &str) -> ([u8; 16], usize) {
    let hash = sha256(&[way.as_bytes(), &[0], response.as_bytes()].concat());
    let row = usize::from(u16::from_be_bytes([hash[16], hash[17]]));
    (crate::keys::first(&hash), row)
}
