//! The checks of an auditor, step by step: what is published must follow from what was published before it.
//!
//! Every step gets a verdict of its own, and the first that fails names the lie. What is not published yet is
//! [`Open`](Verdict::Open), never taken as holding.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::commit::commitment;
use crate::descriptor::{BeaconRound, VERSION};
use crate::hash::{Hash, ZERO};
use crate::record::Record;
use crate::seed::seed;

/// A step of the protocol that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The record is signed by the operator's key.
    Signature,
    /// The record says what browsers saw earlier.
    Witness,
    /// The descriptor is whole, and the record agrees with it.
    Descriptor,
    /// The descriptor hashes to D.
    Digest,
    /// The tiers are the descriptor's, in its order. From version 2 on.
    Tiers,
    /// The roster has N entries.
    Roster,
    /// The roster hashes to the root.
    Root,
    /// The tags hash to their root, and every entry has one. From version 2 on.
    Tags,
    /// As many entries are empty as are said to be. From version 2 on.
    Missing,
    /// The secret is the one that was committed to, and serves one draw.
    Commitment,
    /// The beacon is the signed randomness of the round that was named.
    Beacon,
    /// The seed follows.
    Seed,
    /// The places follow, each once.
    Places,
    /// Every place was taken by the entry that it belongs to, and once.
    Claims,
    /// No identity stands in the draw twice, or took two places.
    Identities,
    /// The draw log has one freeze of the draw, says what the record says, and only grew. From version 2 on.
    Log,
    /// The rosters say what the tickets say that fans kept. From version 2 on.
    Ticket,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "lowercase")]
pub enum Verdict {
    /// Checked, and it is so.
    Holds(String),
    /// Checked, and it is not so.
    Fails(String),
    /// Not checked, and why.
    Open(String),
}

/// A step and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The step.
    pub step: Step,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Checks a record against itself and against its roster's `(N, root)`, as [`RootHasher`](crate::RootHasher) gives it.
#[must_use]
pub fn audit_record(record: &Record, roster: (u64, Hash)) -> Vec<Finding> {
    let checks: [(Step, Verdict); 7] = [
        (Step::Descriptor, check_descriptor(record)),
        (Step::Digest, check_digest(record)),
        (Step::Roster, check_entries(record, roster.0)),
        (Step::Root, check_root(record, &roster.1)),
        (Step::Commitment, check_commitment(record)),
        (Step::Beacon, check_beacon(record)),
        (Step::Seed, check_seed(record)),
    ];
    checks.into_iter().map(|(step, verdict)| Finding { step, verdict }).collect()
}

/// Checks that places are those of 0..N-1, each once, and so many as there are entries.
#[must_use]
pub fn check_places(record: &Record, places: &[u32]) -> Verdict {
    let mut given = vec![0_u64; places.len().div_ceil(64)];
    for (index, &place) in places.iter().enumerate() {
        if place as usize >= places.len() {
            return Verdict::Fails(format!("entry {index} has place {place} of {}", places.len()));
        }
        let (word, bit) = (&mut given[place as usize / 64], 1 << (place % 64));
        if *word & bit != 0 {
            return Verdict::Fails(format!("place {place} is given twice, the second time to entry {index}"));
        }
        *word |= bit;
    }
    match record.entries {
        Some(entries) if entries == places.len() as u64 => {
            Verdict::Holds(format!("{entries} entries have places 0 to N-1, each once"))
        }
        entries => Verdict::Fails(format!("{} places for {} entries", places.len(), entries.unwrap_or(0))),
    }
}

fn check_descriptor(record: &Record) -> Verdict {
    let descriptor = &record.descriptor;
    if record.version != VERSION {
        return differs("version", &record.version, &VERSION);
    }
    if record.room != descriptor.room {
        return differs("room", &record.room, &descriptor.room);
    }
    if record.commitment != descriptor.commitment {
        return differs("commitment", &hex::encode(record.commitment), &hex::encode(descriptor.commitment));
    }
    if descriptor.opens_at_ms > descriptor.starts_at_ms {
        return Verdict::Fails("the pool closes before it opens".into());
    }
    if let Some(wrong) = wrong_with_times(record) {
        return Verdict::Fails(wrong.into());
    }
    let has_fallback = descriptor.beacon.as_ref().is_some_and(|round| round.fallback_after_ms.is_some());
    let because = if has_fallback { ", since its rules let it go on without the round that they name" } else { "" };
    if record.label != descriptor.label() {
        return Verdict::Fails(format!("the draw is labelled {}, it is {}{because}", record.label, descriptor.label()));
    }
    Verdict::Holds(format!("room {:?}, labelled {}{because}", record.room, record.label))
}

/// What is wrong with the times that a record gives, each with what happened then.
fn wrong_with_times(record: &Record) -> Option<&'static str> {
    match (record.root, record.frozen_at_ms) {
        (Some(_), None) => return Some("the roster is frozen, but the record does not say when"),
        (_, Some(at_ms)) if at_ms < record.descriptor.starts_at_ms => {
            return Some("the roster was frozen before the pool's time was over");
        }
        _ => {}
    }
    match record.revealed_at_ms {
        None if record.is_final() => Some("the secret is revealed, but the record does not say when"),
        Some(at_ms) if record.frozen_at_ms.is_none_or(|frozen_at_ms| at_ms < frozen_at_ms) => {
            Some("the secret was revealed before the roster was frozen")
        }
        _ => None,
    }
}

fn check_digest(record: &Record) -> Verdict {
    equal("D", &record.descriptor_digest, &record.descriptor.digest())
}

fn check_entries(record: &Record, counted: u64) -> Verdict {
    match record.entries {
        None => Verdict::Open("the roster is not frozen yet".into()),
        Some(entries) if entries == counted => Verdict::Holds(format!("{entries} entries")),
        Some(entries) => Verdict::Fails(format!("the record says {entries} entries, the roster has {counted}")),
    }
}

fn check_root(record: &Record, computed: &Hash) -> Verdict {
    match &record.root {
        None => Verdict::Open("the roster is not frozen yet".into()),
        Some(root) => equal("root", root, computed),
    }
}

fn check_commitment(record: &Record) -> Verdict {
    match &record.secret {
        None => Verdict::Open("the secret is not revealed: until it is, the draw is void".into()),
        Some(secret) => equal("commitment", &record.descriptor.commitment, &commitment(secret)),
    }
}

fn check_beacon(record: &Record) -> Verdict {
    let Some(round) = &record.descriptor.beacon else {
        return if record.beacon.is_none() && record.beacon_signature.is_none() {
            Verdict::Holds("the descriptor names none: the draw is committed, and no more".into())
        } else {
            Verdict::Fails("the record has a beacon, but the descriptor names none".into())
        };
    };
    let time_ms = match round.time_ms() {
        Ok(time_ms) => time_ms,
        Err(error) => return Verdict::Fails(error.to_string()),
    };
    let frozen_too_late = record.frozen_at_ms.is_some_and(|frozen_at_ms| frozen_at_ms >= time_ms);
    match (&record.beacon_signature, &record.beacon) {
        (None, None) => check_without_round(record, round, time_ms, frozen_too_late),
        _ if frozen_too_late => Verdict::Fails(format!("round {} was known before the roster was frozen", round.round)),
        (None, Some(_)) => Verdict::Fails("the round's signature is not in the record".into()),
        (Some(signature), beacon) => match round.randomness(signature) {
            Err(error) => Verdict::Fails(error.to_string()),
            Ok(_) if record.revealed_at_ms.is_some_and(|revealed_at_ms| revealed_at_ms < time_ms) => {
                Verdict::Fails(format!("the draw was over before round {} was published", round.round))
            }
            Ok(randomness) if *beacon == Some(randomness) => Verdict::Holds(with_round(round, &randomness)),
            Ok(_) => Verdict::Fails("the beacon is not the SHA-256 of its signature".into()),
        },
    }
}

fn with_round(round: &BeaconRound, randomness: &Hash) -> String {
    let used = format!("round {} of drand's quicknet: {}", round.round, hex::encode(randomness));
    match round.fallback_after_ms {
        None => used,
        Some(_) => format!("{used}; it could have been left out, so the draw is committed, and no more"),
    }
}

/// A round that was named and did not come, or not yet.
fn check_without_round(record: &Record, round: &BeaconRound, time_ms: u64, frozen_too_late: bool) -> Verdict {
    let number = round.round;
    match round.fallback_after_ms {
        _ if !record.is_final() => Verdict::Open("the round's randomness is not in the record yet".into()),
        None => Verdict::Fails("the seed was made without the round that the descriptor names".into()),
        Some(_) if frozen_too_late => Verdict::Holds(format!(
            "round {number} was known before the roster was frozen, so the draw went on without it, as the descriptor \
             foresees, and is committed, and no more"
        )),
        Some(after_ms) if record.revealed_at_ms.is_none_or(|at_ms| at_ms < time_ms.saturating_add(after_ms)) => {
            Verdict::Fails(format!("the draw went on without round {number} sooner than the descriptor allows"))
        }
        Some(_) => Verdict::Holds(format!(
            "round {number} did not come in time; the draw went on without it, as the descriptor foresees, and is \
             committed, and no more"
        )),
    }
}

fn check_seed(record: &Record) -> Verdict {
    let (Some(entries), Some(root), Some(secret), Some(published)) =
        (record.entries, &record.root, &record.secret, &record.seed)
    else {
        return Verdict::Open("the seed is not published yet".into());
    };
    let computed = seed(&record.descriptor.digest(), entries, root, secret, &record.beacon.unwrap_or(ZERO));
    equal("seed", published, &computed)
}

pub(crate) fn equal(what: &str, published: &Hash, computed: &Hash) -> Verdict {
    if published == computed {
        Verdict::Holds(hex::encode(published))
    } else {
        Verdict::Fails(format!(
            "the {what} that was published is {}, it should be {}",
            hex::encode(published),
            hex::encode(computed)
        ))
    }
}

pub(crate) fn differs(what: &str, record: &dyn fmt::Debug, descriptor: &dyn fmt::Debug) -> Verdict {
    Verdict::Fails(format!("the record's {what} is {record:?}, the descriptor's is {descriptor:?}"))
}

impl Step {
    /// The step's name, as every report has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Witness => "witness",
            Self::Descriptor => "descriptor",
            Self::Digest => "descriptor digest",
            Self::Tiers => "tiers",
            Self::Roster => "roster",
            Self::Root => "root",
            Self::Tags => "tags",
            Self::Missing => "missing",
            Self::Commitment => "commitment",
            Self::Beacon => "beacon",
            Self::Seed => "seed",
            Self::Places => "places",
            Self::Claims => "claims",
            Self::Identities => "identities",
            Self::Log => "log",
            Self::Ticket => "ticket",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests;
