//! The checks of an auditor of `fairgate/v2`, beside those that a list of claims and the log need.
//!
//! As in version 1, every step gets a verdict of its own, the first that fails names the lie, and what is not published yet
//! is [`Open`](Verdict::Open).

use super::descriptor::VERSION;
use super::entry::{EMPTY_ENTRY, NO_TAG, Tag};
use super::record::{Record, RecordTier};
use super::rounds::FREEZE_MARGIN_MS;
use super::seed::seed;
use crate::audit::{Finding, Step, Verdict, differs, equal};
use crate::commit::commitment;
use crate::hash::{Hash, ZERO};
use crate::log::FrozenTier;

/// What a pass over the published lists of a tier tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierFacts {
    /// What follows from them. Without a list of tags, its root is zeros.
    pub frozen: FrozenTier,
    /// How many tags there are; `None` where none are published.
    pub tags: Option<u64>,
    /// The first index at which an empty entry has a tag, or another entry has none.
    pub misplaced: Option<u64>,
}

impl TierFacts {
    /// Whether a tag may stand beside an entry: none beside an empty one, and one beside every other.
    #[must_use]
    pub fn fits(entry: &Hash, tag: &Tag) -> bool {
        (*tag == NO_TAG) == (*entry == EMPTY_ENTRY)
    }
}

/// Checks a record against itself and against what its published lists tell; `lists` has a tier for each whose roster is
/// published, in order, and is empty before the freeze.
#[must_use]
pub fn audit_record(record: &Record, lists: &[TierFacts]) -> Vec<Finding> {
    let checks: [(Step, Verdict); 10] = [
        (Step::Descriptor, check_descriptor(record)),
        (Step::Digest, equal("D", &record.descriptor_digest, &record.descriptor.digest())),
        (Step::Tiers, check_tiers(record)),
        (Step::Roster, check_entries(record, lists)),
        (Step::Root, check_roots(record, lists)),
        (Step::Tags, check_tags(record, lists)),
        (Step::Missing, check_missing(record, lists)),
        (Step::Commitment, check_commitment(record)),
        (Step::Beacon, check_beacon(record)),
        (Step::Seed, check_seed(record)),
    ];
    checks.into_iter().map(|(step, verdict)| Finding { step, verdict }).collect()
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
    if record.label != descriptor.label() {
        return Verdict::Fails(format!("the draw is labelled {}, it is {}", record.label, descriptor.label()));
    }
    let identities = match descriptor.identity.len() {
        0 => "no identity is asked for".to_owned(),
        _ => {
            let methods: Vec<&str> = descriptor.identity.iter().map(|method| method.as_str()).collect();
            format!("one entry an identity, shown by {}", methods.join(" or "))
        }
    };
    Verdict::Holds(format!("room {:?}, labelled {}; {identities}", record.room, record.label))
}

/// What is wrong with the times that a record gives, each with what happened then.
fn wrong_with_times(record: &Record) -> Option<&'static str> {
    match (&record.tiers, record.frozen_at_ms) {
        (Some(_), None) => return Some("the tiers are frozen, but the record does not say when"),
        (None, Some(_)) => return Some("the record says when its tiers were frozen, and not which"),
        (_, Some(at_ms)) if at_ms < record.descriptor.starts_at_ms => {
            return Some("the tiers were frozen before the pool's time was over");
        }
        _ => {}
    }
    match record.revealed_at_ms {
        None if record.is_final() => Some("the secret is revealed, but the record does not say when"),
        Some(at_ms) if record.frozen_at_ms.is_none_or(|frozen_at_ms| at_ms < frozen_at_ms) => {
            Some("the secret was revealed before the tiers were frozen")
        }
        _ => None,
    }
}

/// Whether the frozen tiers are the descriptor's, in its order.
fn check_tiers(record: &Record) -> Verdict {
    let Some(tiers) = &record.tiers else { return not_frozen() };
    let names = |names: &mut dyn Iterator<Item = &String>| names.map(String::as_str).collect::<Vec<_>>().join(", ");
    let frozen = names(&mut tiers.iter().map(|tier| &tier.name));
    let fixed = names(&mut record.descriptor.tiers.iter().map(|tier| &tier.name));
    if frozen != fixed {
        return Verdict::Fails(format!("the frozen tiers are {frozen}; the descriptor's are {fixed}"));
    }
    let rules = record.descriptor.tiers.iter();
    let rules: Vec<String> =
        rules.map(|tier| format!("{} (band {}, share {})", tier.name, tier.band, tier.share)).collect();
    Verdict::Holds(rules.join(", "))
}

/// The first tier whose lists contradict the record, with its number, as it is and as it should be.
fn each_tier(
    record: &Record,
    lists: &[TierFacts],
    wrong: impl Fn(&RecordTier, &TierFacts) -> Option<String>,
    holds: impl Fn(&[RecordTier]) -> String,
) -> Verdict {
    let Some(tiers) = &record.tiers else { return not_frozen() };
    if tiers.len() != lists.len() {
        return Verdict::Open(format!("the lists of {} tiers of {} can be read", lists.len(), tiers.len()));
    }
    let found = tiers.iter().zip(lists).enumerate();
    let mut wrong =
        found.filter_map(|(t, (tier, facts))| Some(format!("tier {t} ({}): {}", tier.name, wrong(tier, facts)?)));
    wrong.next().map_or_else(|| Verdict::Holds(holds(tiers)), Verdict::Fails)
}

fn check_entries(record: &Record, lists: &[TierFacts]) -> Verdict {
    let wrong = |tier: &RecordTier, facts: &TierFacts| {
        let (says, has) = (tier.entries, facts.frozen.entries);
        (says != has).then(|| format!("the record says {says} entries, the roster has {has}"))
    };
    let sizes = |tiers: &[RecordTier]| joined(tiers, |tier| format!("{} {}", tier.name, tier.entries));
    each_tier(record, lists, wrong, |tiers| format!("entries: {}", sizes(tiers)))
}

fn check_roots(record: &Record, lists: &[TierFacts]) -> Verdict {
    let wrong = |tier: &RecordTier, facts: &TierFacts| unequal("root", &tier.root, &facts.frozen.root);
    each_tier(record, lists, wrong, |tiers| joined(tiers, |tier| hex::encode(tier.root)))
}

fn check_tags(record: &Record, lists: &[TierFacts]) -> Verdict {
    if !record.descriptor.has_identities() {
        let wrong = |tier: &RecordTier, _: &TierFacts| unequal("root of tags", &tier.tags_root, &ZERO);
        return each_tier(record, lists, wrong, |_| "no identity is asked for: there are no tags".into());
    }
    if !record.is_final() && lists.iter().all(|facts| facts.tags.is_none()) {
        return Verdict::Open("tags are published with the secret".into());
    }
    let wrong = |tier: &RecordTier, facts: &TierFacts| match facts.tags {
        None => Some("its tags are not published".to_owned()),
        Some(count) if count != tier.entries => Some(format!("{} entries have {count} tags", tier.entries)),
        Some(_) => unequal("root of tags", &tier.tags_root, &facts.frozen.tags_root).or_else(|| {
            let index = facts.misplaced?;
            Some(format!("entry {index} is empty and has a tag, or is not empty and has none"))
        }),
    };
    each_tier(record, lists, wrong, |tiers| joined(tiers, |tier| hex::encode(tier.tags_root)))
}

fn check_missing(record: &Record, lists: &[TierFacts]) -> Verdict {
    let wrong = |tier: &RecordTier, facts: &TierFacts| match (tier.missing, facts.frozen.missing) {
        (says, has) if says != has => Some(format!("the record says {says} empty entries, the roster has {has}")),
        (says, _) if tier.left_out.is_some_and(|left_out| left_out > says) => {
            Some("more entries are said to be left out than are empty".to_owned())
        }
        _ => None,
    };
    let sum = |tiers: &[RecordTier]| tiers.iter().map(|tier| tier.missing).sum::<u64>();
    each_tier(record, lists, wrong, |tiers| format!("{} entries are empty", sum(tiers)))
}

fn check_commitment(record: &Record) -> Verdict {
    match &record.secret {
        None => Verdict::Open("the secret is not revealed: until it is, the draw is void".into()),
        Some(secret) => equal("commitment", &record.descriptor.commitment, &commitment(secret)),
    }
}

fn check_beacon(record: &Record) -> Verdict {
    let shown = record.beacon.is_some() || record.beacon_signature.is_some() || record.beacon_round.is_some();
    let Some(rounds) = &record.descriptor.beacon else {
        return if shown {
            Verdict::Fails("the record has a beacon, but the descriptor names none".into())
        } else {
            Verdict::Holds("the descriptor names none: the draw is committed, and no more".into())
        };
    };
    let Some(frozen_at_ms) = record.frozen_at_ms else { return not_frozen() };
    let due = match rounds.after_freeze(frozen_at_ms) {
        Ok(due) => due,
        Err(error) => return Verdict::Fails(error.to_string()),
    };
    let number = due.round;
    match (record.beacon_round, &record.beacon_signature) {
        (Some(shown), _) if shown != number => Verdict::Fails(format!(
            "round {shown} is out of turn: a draw that was frozen at {frozen_at_ms} waits for round {number}, the first of \
             {} and every {} more that is {FREEZE_MARGIN_MS} ms later",
            rounds.round, rounds.retry
        )),
        _ if !record.is_final() => Verdict::Open(format!("the draw waits for round {number}")),
        (None, _) => Verdict::Fails("the record does not say which round its beacon is of".into()),
        (_, None) => Verdict::Fails("the round's signature is not in the record".into()),
        (_, Some(signature)) => match (due.randomness(signature), due.time_ms()) {
            (Err(error), _) | (_, Err(error)) => Verdict::Fails(error.to_string()),
            (Ok(_), Ok(time_ms)) if record.revealed_at_ms.is_some_and(|at_ms| at_ms < time_ms) => {
                Verdict::Fails(format!("the draw was over before round {number} was published"))
            }
            (Ok(randomness), _) if record.beacon == Some(randomness) => {
                Verdict::Holds(format!("round {number} of drand's quicknet: {}", hex::encode(randomness)))
            }
            _ => Verdict::Fails("the beacon is not the SHA-256 of its signature".into()),
        },
    }
}

fn check_seed(record: &Record) -> Verdict {
    let (Some(tiers), Some(secret), Some(published)) = (record.frozen(), &record.secret, &record.seed) else {
        return Verdict::Open("the seed is not published yet".into());
    };
    let computed = seed(&record.descriptor.digest(), &tiers, secret, &record.beacon.unwrap_or(ZERO));
    equal("seed", published, &computed)
}

fn not_frozen() -> Verdict {
    Verdict::Open("the tiers are not frozen yet".into())
}

fn unequal(what: &str, published: &Hash, computed: &Hash) -> Option<String> {
    match equal(what, published, computed) {
        Verdict::Fails(why) => Some(why),
        _ => None,
    }
}

fn joined(tiers: &[RecordTier], text: impl Fn(&RecordTier) -> String) -> String {
    tiers.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
