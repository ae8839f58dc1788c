//! What a join shows of what the room asks for: solved work, and a code.

use std::time::Duration;

use anyhow::Context;
use fairgate_entry::bond::Bond;
use fairgate_entry::work::puzzle::PuzzleKey;
use fairgate_entry::work::way::to_base64url;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::work::Core;

/// `status.entry`, as far as a farm reads it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) any_of: Vec<String>,
    pub(crate) all_of: Vec<String>,
    ways: Map<String, Value>,
}

/// `status.entry.ways.work`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Puzzle {
    e: u32,
    seed: String,
    effort: u32,
}

impl Puzzle {
    /// The same puzzle, with as much effort at least.
    pub(crate) fn at_least(self, effort: u32) -> Self {
        Self { effort: self.effort.max(effort), ..self }
    }
}

impl Asked {
    /// What a status asks for: nothing where it has no `entry`.
    pub(crate) fn of(status: &Value) -> Self {
        status.get("entry").and_then(|entry| serde_json::from_value(entry.clone()).ok()).unwrap_or_default()
    }

    fn asks(&self, way: &str) -> bool {
        self.any_of.iter().chain(&self.all_of).any(|asked| asked == way)
    }

    /// The puzzle of this minute, where work is asked for.
    pub(crate) fn puzzle(&self) -> Option<Puzzle> {
        let work = self.ways.get("work").filter(|_| self.asks("work"))?;
        serde_json::from_value(work.clone()).ok()
    }

    pub(crate) fn asks_for_code(&self) -> bool {
        self.asks("code")
    }
}

/// The member `show` of a join, and the CPU time that it cost.
pub(crate) async fn show(
    draw: &[u8; 32],
    nonce: &[u8; 16],
    code: Option<&str>,
    work: Option<(&Core, &Puzzle)>,
) -> anyhow::Result<(Value, Duration)> {
    let (mut shown, mut cost) = (Map::new(), Duration::ZERO);
    if let Some(code) = code {
        shown.insert("code".to_owned(), json!(code));
    }
    if let Some((core, puzzle)) = work {
        let bond = Bond::of(nonce, code.unwrap_or_default().as_bytes());
        let mut seed = [0; 16];
        hex::decode_to_slice(&puzzle.seed, &mut seed).context("the puzzle's seed is not 16 bytes of hex")?;
        let key = PuzzleKey::of(draw, &seed, &bond);
        let (solved, took) = core.solve(key, puzzle.effort).await.context("the run is ending")?;
        shown.insert("work".to_owned(), json!({ "e": puzzle.e, "s": to_base64url(&solved) }));
        cost = took;
    }
    Ok((Value::Object(shown), cost))
}
