//! What someone saw of a draw earlier: the operator may add to it, and change nothing.
//!
//! A witness is a record or a status that was saved as it was, or what a fan's browser kept. The browser keeps the
//! freeze and when it first saw it, by its own clock. It also keeps when the room last told it that there was none
//! yet.
//! A checkpoint of the draw log, or a proof from it, is a witness of how far the log had grown.

use std::fmt::Write as _;

use fairgate_draw::log::{NoteError, SignedNote, TlogProof, TlogProofError};
use fairgate_draw::{Hash, Label, Record, Verdict, v2};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is published once and for all, from its step on.
const FIXED: [&str; 16] = [
    "version",
    "room",
    "descriptor",
    "descriptor_digest",
    "commitment",
    "label",
    "log",
    "entries",
    "root",
    "frozen_at_ms",
    "missing",
    "secret",
    "beacon",
    "beacon_signature",
    "seed",
    "revealed_at_ms",
];
/// What is published so by version 2 besides.
const FIXED_BY_V2: [&str; 2] = ["tiers", "beacon_round"];
/// What a browser keeps of a freeze.
const FREEZE: [&str; 3] = ["entries", "root", "frozen_at_ms"];
const FREEZE_BY_V2: [&str; 2] = ["tiers", "frozen_at_ms"];

/// Papers of a draw that were saved earlier, with a name for the report.
#[derive(Clone, Debug)]
pub struct Witness {
    name: String,
    saw: Map<String, Value>,
    kept: Vec<Kept>,
    note: Option<SignedNote>,
}

/// A published record, as far as witnesses are held against it.
#[derive(Clone, Debug)]
pub struct Published {
    digest: Hash,
    now: Value,
    fixed: Vec<&'static str>,
    freeze: &'static [&'static str],
    /// What the draw is by its rules.
    rules: Label,
    frozen_at_ms: Option<u64>,
    /// The draw's round and its time, Unix ms.
    round: Option<(u64, u64)>,
}

/// Why something is no witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Neither a saved record or status nor what a browser kept.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Not a proof from a draw log.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// Not a checkpoint of a draw log.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
}

impl From<&Record> for Published {
    fn from(record: &Record) -> Self {
        let mut now = serde_json::to_value(record).expect("a record is JSON");
        // A count of none missing is left out of records, and told by statuses.
        if record.root.is_some() && record.missing.is_none() {
            now["missing"] = 0.into();
        }
        Self {
            digest: record.descriptor_digest,
            now,
            fixed: FIXED.to_vec(),
            freeze: &FREEZE,
            rules: record.descriptor.label(),
            frozen_at_ms: record.frozen_at_ms,
            round: record.descriptor.beacon.as_ref().and_then(|round| Some((round.round, round.time_ms().ok()?))),
        }
    }
}

impl From<&v2::Record> for Published {
    fn from(record: &v2::Record) -> Self {
        let mut now = serde_json::to_value(record).expect("a record is JSON");
        // Sums over the tiers stand beside them in statuses.
        now["entries"] = record.entries().into();
        now["missing"] = record.missing().into();
        let round = || {
            let round = record.descriptor.beacon.as_ref()?.after_freeze(record.frozen_at_ms?).ok()?;
            Some((round.round, round.time_ms().ok()?))
        };
        Self {
            digest: record.descriptor_digest,
            now,
            fixed: FIXED.into_iter().filter(|key| *key != "root").chain(FIXED_BY_V2).collect(),
            freeze: &FREEZE_BY_V2,
            rules: record.descriptor.label(),
            frozen_at_ms: record.frozen_at_ms,
            round: round(),
        }
    }
}

/// Evidence of one draw, as the waiting page keeps it.
#[derive(Clone, Debug, Deserialize)]
struct Kept {
    draw: String,
    #[serde(default)]
    descriptor: Option<Value>,
    #[serde(default)]
    label: Option<Value>,
    #[serde(default)]
    unfrozen: Option<Look>,
    #[serde(default)]
    freezes: Vec<Map<String, Value>>,
    #[serde(default)]
    receipts: Vec<Receipt>,
    #[serde(default)]
    proofs: Vec<KeptProof>,
}

/// A proof from the draw log, as it was when the browser fetched it.
#[derive(Clone, Debug, Deserialize)]
struct KeptProof {
    text: String,
}

/// A look at a room that was open.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Look {
    /// By the room's clock.
    now_ms: u64,
    /// By the browser's, where it was one that looked.
    #[serde(default)]
    at_ms: Option<u64>,
}

impl Look {
    /// By the room's clock, and not only because that was set: by the one that is behind.
    fn is_after(self, frozen_at_ms: u64) -> bool {
        self.now_ms.min(self.at_ms.unwrap_or(u64::MAX)) > frozen_at_ms
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Receipt {
    ticket: String,
}

impl Witness {
    /// Reads a saved record or status, what a browser kept, or a checkpoint or proof from a draw log.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(name: &str, text: &str) -> Result<Self, WitnessError> {
        if !text.trim_start().starts_with('{') {
            let is_proof = text.starts_with("c2sp.org/tlog-proof@");
            let note = if is_proof { TlogProof::parse(text)?.note } else { SignedNote::parse(text)? };
            return Ok(Self { name: name.to_owned(), saw: Map::new(), kept: Vec::new(), note: Some(note) });
        }
        let mut saw: Map<String, Value> = serde_json::from_str(text)?;
        let mut kept = match saw.remove("evidence") {
            Some(evidence) => serde_json::from_value(evidence)?,
            None if saw.contains_key("freezes") => vec![serde_json::from_value(Value::Object(saw.clone()))?],
            None => Vec::new(),
        };
        if let Some(Value::Object(draw)) = saw.remove("draw") {
            kept.extend(open_look(&saw, &draw));
            saw = draw;
        } else if let Some(Value::Object(record)) = saw.remove("record") {
            saw = record;
        } else if !kept.is_empty() {
            saw.clear();
        }
        Ok(Self { name: name.to_owned(), saw, kept, note: None })
    }

    /// Its name, for reports.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if it is of a log and says nothing of a record.
    #[must_use]
    pub fn is_of_log(&self) -> bool {
        self.note.is_some()
    }

    /// The signed checkpoints that it is, or that are in it.
    pub fn notes(&self) -> impl Iterator<Item = SignedNote> {
        let proofs = self.kept.iter().flat_map(|kept| &kept.proofs);
        let kept = proofs.filter_map(|proof| Some(TlogProof::parse(&proof.text).ok()?.note));
        self.note.clone().into_iter().chain(kept)
    }

    /// The digest of another draw that this witness saw with the same commitment: one secret serves one draw.
    pub(super) fn other_draw_with(&self, commitment: &Hash, digest: &Hash) -> Option<String> {
        let (commitment, digest) = (hex::encode(commitment), hex::encode(digest));
        let saw = self.saw.get("descriptor_digest").and_then(Value::as_str).zip(self.saw.get("descriptor"));
        let kept = self.kept.iter().filter_map(|kept| Some((kept.draw.as_str(), kept.descriptor.as_ref()?)));
        let is_other = |(draw, descriptor): &(&str, &Value)| *draw != digest && descriptor["commitment"] == commitment;
        saw.into_iter().chain(kept).find(is_other).map(|(draw, _)| draw.to_owned())
    }

    /// Judges if the record says all that was seen, and what the witness can say of the freeze.
    #[must_use]
    pub fn check(&self, record: impl Into<Published>) -> Verdict {
        let record = &record.into();
        let papers = self.check_papers(record);
        let kept = self.kept.iter().find(|kept| kept.draw == hex::encode(record.digest));
        match (kept, papers) {
            (_, Verdict::Fails(why)) => Verdict::Fails(why),
            (Some(kept), papers) => match self.check_kept(kept, record) {
                Verdict::Open(_) if matches!(papers, Verdict::Holds(_)) && kept.freezes.is_empty() => papers,
                verdict => verdict,
            },
            (None, Verdict::Open(_)) if !self.kept.is_empty() => {
                Verdict::Open(format!("{} kept nothing of this draw, but of {} others", self.name, self.kept.len()))
            }
            (None, papers) => papers,
        }
    }

    /// True if this witness saw the roster frozen before the draw's round was published.
    #[must_use]
    pub fn saw_before_round(&self, record: impl Into<Published>) -> bool {
        let record: Published = record.into();
        let kept = self.kept.iter().find(|kept| kept.draw == hex::encode(record.digest));
        let seen_ms = kept.and_then(Kept::frozen_before_reveal_ms);
        let is_before = seen_ms.zip(record.round).is_some_and(|(at, (_, round_ms))| at < round_ms);
        is_before && matches!(self.check(record), Verdict::Holds(_))
    }

    /// The ticket that a browser was given last, for the draw with this digest if it has one for it.
    #[must_use]
    pub fn ticket_for(&self, digest: &Hash) -> Option<&str> {
        let digest = hex::encode(digest);
        let own = self.kept.iter().filter(|kept| kept.draw == digest);
        let last = self.kept.iter().chain(own).flat_map(|kept| &kept.receipts).next_back();
        last.map(|receipt| receipt.ticket.as_str())
    }

    /// The tickets that a browser kept of the draw with this digest.
    pub(super) fn tickets_of(&self, digest: &Hash) -> impl Iterator<Item = &str> {
        let digest = hex::encode(digest);
        let own = self.kept.iter().filter(move |kept| kept.draw == digest);
        own.flat_map(|kept| &kept.receipts).map(|receipt| receipt.ticket.as_str())
    }

    fn check_papers(&self, record: &Published) -> Verdict {
        let now = &record.now;
        let is_seen = |key: &&str| self.saw.get(*key).is_some_and(|value| !value.is_null());
        let seen: Vec<&str> = record.fixed.iter().copied().filter(is_seen).collect();
        match seen.iter().find(|key| self.saw[**key] != now[**key]) {
            _ if seen.is_empty() => Verdict::Open(format!("{} says nothing about a draw", self.name)),
            None => Verdict::Holds(format!("{} saw the same {}", self.name, seen.join(", "))),
            Some(key) => Verdict::Fails(self.changed(key, &self.saw[*key], &now[*key])),
        }
    }

    fn check_kept(&self, kept: &Kept, record: &Published) -> Verdict {
        let (name, now) = (&self.name, &record.now);
        if let Some(descriptor) = kept.descriptor.as_ref().filter(|seen| **seen != now["descriptor"]) {
            return Verdict::Fails(self.changed("descriptor", descriptor, &now["descriptor"]));
        }
        let rules = record.rules.name();
        if let Some(label) = kept.label.as_ref().filter(|label| *label != rules) {
            return Verdict::Fails(format!("{name} was told that the draw is {label}; by its rules it is {rules:?}"));
        }
        let freezes = kept.freezes.iter().flat_map(|freeze| record.freeze.iter().map(|key| (*key, freeze.get(*key))));
        for (key, seen) in freezes {
            let seen = seen.unwrap_or(&Value::Null);
            if *seen != now[key] {
                return Verdict::Fails(self.changed(key, seen, &now[key]));
            }
        }
        match (kept.unfrozen, record.frozen_at_ms) {
            (Some(look), Some(frozen_at_ms)) if look.is_after(frozen_at_ms) => Verdict::Fails(format!(
                "the freeze is dated back: the record says that the roster was frozen at {frozen_at_ms}, but at {} by the \
                 room's own clock {name} was told that it was not",
                look.now_ms
            )),
            _ => self.judge_time(kept, record),
        }
    }

    /// What the witness can say of when the roster was frozen.
    fn judge_time(&self, kept: &Kept, record: &Published) -> Verdict {
        let (name, round) = (&self.name, record.round);
        let seen = record.freeze.join(", ");
        let Some(first) = kept.freezes.first() else {
            return Verdict::Open(format!("{name} saw nothing of the freeze"));
        };
        let at_ms = seen_ms(first).unwrap_or(u64::MAX);
        match (kept.frozen_before_reveal_ms(), round) {
            (Some(at_ms), Some((round, time_ms))) if at_ms < time_ms => Verdict::Holds(format!(
                "{name} saw the roster frozen, with the same {seen}, {} before round {round} was published, by its own clock and the room's",
                seconds(time_ms - at_ms)
            )),
            (Some(_), None) => Verdict::Holds(format!(
                "{name} saw the roster frozen, with the same {seen}, before the secret was public"
            )),
            (_, Some((round, time_ms))) => Verdict::Open(format!(
                "{name} first saw the frozen roster {} after round {round} was published, by its own clock or the room's: it is no \
                 witness that it was frozen before",
                seconds(at_ms.saturating_sub(time_ms))
            )),
            (None, None) => Verdict::Open(format!("{name} first saw the frozen roster when the secret was public")),
        }
    }

    fn changed(&self, key: &str, seen: &Value, now: &Value) -> String {
        format!("the {key} was changed after it was published: {} saw {seen}, the record says {now}", self.name)
    }
}

impl Kept {
    /// When the freeze was first seen, if the secret was still locked then.
    fn frozen_before_reveal_ms(&self) -> Option<u64> {
        let first = self.freezes.first()?;
        (first.get("before") == Some(&Value::Bool(true))).then(|| seen_ms(first))?
    }
}

/// When a freeze was first seen, by the browser's clock or the room's, whichever is ahead: one that is slow vouches for
/// nothing.
fn seen_ms(freeze: &Map<String, Value>) -> Option<u64> {
    let clock = |name: &str| freeze.get(name).and_then(Value::as_u64);
    Some(clock("at_ms")?.max(clock("now_ms").unwrap_or(0)))
}

/// A status without a root or tiers, from an edge in touch with its store, is a look at a room that was open.
fn open_look(status: &Map<String, Value>, draw: &Map<String, Value>) -> Option<Kept> {
    let frozen = draw.get("tiers").or_else(|| draw.get("root"));
    let is_open = frozen == Some(&Value::Null) && status.get("stale") != Some(&Value::Bool(true));
    let now_ms = status.get("now_ms")?.as_u64().filter(|_| is_open)?;
    let draw = draw.get("descriptor_digest")?.as_str()?.to_owned();
    let unfrozen = Some(Look { now_ms, at_ms: None });
    let (freezes, receipts, proofs) = (Vec::new(), Vec::new(), Vec::new());
    Some(Kept { draw, descriptor: None, label: None, unfrozen, freezes, receipts, proofs })
}

pub(super) fn seconds(ms: u64) -> String {
    let mut text = String::new();
    write!(text, "{}.{:03} s", ms / 1000, ms % 1000).expect("a string takes all");
    text
}

#[cfg(test)]
mod tests;
