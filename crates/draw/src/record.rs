//! The public record of a draw: everything that anyone needs, beside the roster, to check it.
//!
//! The record grows with the draw and never takes anything back. It has the descriptor from the schedule on,
//! `(N, root)` from the freeze on, and secret, beacon and seed from the reveal on. What is not yet known is `null`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::beacon::BeaconSignature;
use crate::descriptor::{Descriptor, VERSION};
use crate::hash::{Hash, ZERO};
use crate::hex_bytes;
use crate::log::{FrozenTier, Statement};

/// The record as JSON: `GET /.fairgate/{room}/draw`. Fields may be added, never renamed.
///
/// Keys stand in RFC 8785's order, so [`canonical_json`](Self::canonical_json) needs no sorting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The beacon's randomness, from the reveal on, where the descriptor names a round.
    #[serde(with = "hex_bytes", default)]
    pub beacon: Option<Hash>,
    /// The beacon's signature, of which `beacon` is the SHA-256.
    #[serde(default)]
    pub beacon_signature: Option<BeaconSignature>,
    /// The commitment to the secret, as in the descriptor.
    #[serde(with = "hex_bytes")]
    pub commitment: Hash,
    /// What fixes the draw.
    pub descriptor: Descriptor,
    /// `D`.
    #[serde(with = "hex_bytes")]
    pub descriptor_digest: Hash,
    /// N, from the freeze on.
    pub entries: Option<u64>,
    /// When `(N, root)` was published, Unix ms, as the operator says. It never changes, and whoever saw the roster open later
    /// contradicts it.
    pub frozen_at_ms: Option<u64>,
    /// What the draw can prove.
    pub label: Label,
    /// How many of the missing entries are numbers that were left out after a loss, and that nobody is known to have
    /// been given. All others were answered, and lost. Not there where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// The draw log's vkey. Not there where the operator keeps no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How many entries of the roster are empty, because the store had lost them before the freeze or left numbers out
    /// after a loss. Not there where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// When secret and seed were published, Unix ms.
    pub revealed_at_ms: Option<u64>,
    /// The room's name, as in the descriptor.
    pub room: String,
    /// The root of the roster, from the freeze on.
    #[serde(with = "hex_bytes", default)]
    pub root: Option<Hash>,
    /// The secret, from the reveal on.
    #[serde(with = "hex_bytes", default)]
    pub secret: Option<Hash>,
    /// The seed, from the reveal on.
    #[serde(with = "hex_bytes", default)]
    pub seed: Option<Hash>,
    /// A detached JWS (RFC 7515, appendix F) by the operator's key, over the canonical JSON of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The protocol's version.
    pub version: String,
}

/// What a draw can prove, to be shown wherever it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Label {
    /// The secret was committed before the pool opened. An operator who knows it could still have added or stopped
    /// entries at the last moment. So could one whose descriptor allows to go on without the round that it names.
    #[serde(rename = "committed")]
    Committed,
    /// Nobody, the operator included, could know the seed before the named round was published. So nobody could aim
    /// the draw if the roster was frozen before. That it was is for witnesses to say.
    #[serde(rename = "committed + public beacon")]
    CommittedAndBeacon,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name())
    }
}

impl Label {
    /// The label, as the record has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::CommittedAndBeacon => "committed + public beacon",
        }
    }

    /// The label with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Committed, Self::CommittedAndBeacon].into_iter().find(|label| label.name() == name)
    }

    /// What a draw with this label proves, and what it does not.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Committed => "whoever knows the secret can aim it by adding or stopping entries before the freeze",
            Self::CommittedAndBeacon => "nobody can aim it, if the roster is frozen before the round",
        }
    }
}

impl Record {
    /// The record of a draw that is scheduled and no more; the rest is filled in as it becomes public.
    #[must_use]
    pub fn scheduled(descriptor: Descriptor) -> Self {
        Self {
            beacon: None,
            beacon_signature: None,
            commitment: descriptor.commitment,
            descriptor_digest: descriptor.digest(),
            entries: None,
            frozen_at_ms: None,
            left_out: None,
            log: None,
            missing: None,
            label: descriptor.label(),
            revealed_at_ms: None,
            room: descriptor.room.clone(),
            root: None,
            secret: None,
            seed: None,
            signature: None,
            version: VERSION.to_owned(),
            descriptor,
        }
    }

    /// True if everything is known: from then on the record never changes again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.seed.is_some()
    }

    /// The freeze as the draw log states it; `None` before it.
    #[must_use]
    pub fn freeze_statement(&self) -> Option<Statement> {
        let (entries, root) = (self.entries?, self.root?);
        let tier = FrozenTier { entries, root, tags_root: ZERO, missing: self.missing.unwrap_or(0) };
        Some(Statement::Freeze { draw: self.descriptor_digest, at_ms: self.frozen_at_ms?, tiers: vec![tier] })
    }

    /// The end of the draw as the draw log states it; `None` before it.
    #[must_use]
    pub fn reveal_statement(&self) -> Option<Statement> {
        let (secret, seed) = (self.secret?, self.seed?);
        Some(Statement::Reveal { draw: self.descriptor_digest, secret, beacon: self.beacon.unwrap_or(ZERO), seed })
    }

    /// The record as RFC 8785 canonical JSON.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("strings and integers can be written")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn frozen() -> Record {
        let descriptor =
            Descriptor { beacon: None, commitment: [0xab; 32], opens_at_ms: 1, room: "tour".into(), starts_at_ms: 2 };
        Record { entries: Some(3), root: Some([0xcd; 32]), frozen_at_ms: Some(4), ..Record::scheduled(descriptor) }
    }

    #[test]
    fn reads_back_and_its_keys_are_sorted() {
        let text = frozen().canonical_json();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), frozen());
        let outer = text.replace(&frozen().descriptor.canonical_json(), "0");
        let sorted: BTreeMap<String, serde_json::Value> = serde_json::from_str(&outer).unwrap();
        assert_eq!(serde_json::to_string(&sorted).unwrap(), outer);
        assert!(text.contains(r#""label":"committed","#), "{text}");
        assert!(text.contains(r#""secret":null,"seed":null,"version":"fairgate/v1"}"#), "{text}");
    }

    #[test]
    fn fields_may_be_added_but_bytes_have_one_form() {
        let text = frozen().canonical_json();
        let reads = |text: &str| serde_json::from_str::<Record>(text).is_ok();
        assert!(reads(&text.replacen('{', "{\"added\":1,", 1)));
        assert!(!reads(&text.replace("\"descriptor\":{", "\"descriptor\":{\"added\":1,")));
        assert!(!reads(&text.replace("cdcd", "CDcd")));
        assert!(!reads(&text.replace("cdcd", "cd")));
    }
}
