//! The public record of a draw by `fairgate/v2`: everything that anyone needs, beside rosters and tags, to check it.
//!
//! It grows with the draw and never takes anything back: the descriptor from the schedule on, the tiers from the freeze on,
//! secret, beacon and seed from the reveal on. What is not yet known is `null`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::descriptor::{Descriptor, DescriptorError, VERSION};
use super::places::{Lot, LotError, Places};
use super::tier::Tier;
use crate::beacon::BeaconSignature;
use crate::hash::{Hash, ZERO};
use crate::hex_bytes;
use crate::log::{FrozenTier, Statement};
use crate::record::Label;

/// The record as JSON: `GET /.fairgate/{room}/draw`. Fields may be added, never renamed.
///
/// Keys stand in RFC 8785's order, so [`canonical_json`](Self::canonical_json) needs no sorting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The beacon's randomness, from the reveal on, where the descriptor names rounds.
    #[serde(with = "hex_bytes", default)]
    pub beacon: Option<Hash>,
    /// The round that the beacon is of, from the reveal on.
    #[serde(default)]
    pub beacon_round: Option<u64>,
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
    /// When the tiers were frozen, Unix ms, as the operator says. It never changes.
    pub frozen_at_ms: Option<u64>,
    /// What the draw can prove.
    pub label: Label,
    /// The draw log's vkey; `None` where the operator keeps no log.
    #[serde(default)]
    pub log: Option<String>,
    /// When secret and seed were published, Unix ms.
    pub revealed_at_ms: Option<u64>,
    /// The room's name, as in the descriptor.
    pub room: String,
    /// The secret, from the reveal on.
    #[serde(with = "hex_bytes", default)]
    pub secret: Option<Hash>,
    /// The seed, from the reveal on.
    #[serde(with = "hex_bytes", default)]
    pub seed: Option<Hash>,
    /// A detached JWS (RFC 7515, appendix F) by the operator's key, over the canonical JSON of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The tiers, in order of their index, from the freeze on.
    #[serde(default)]
    pub tiers: Option<Vec<RecordTier>>,
    /// The protocol's version.
    pub version: String,
}

/// A frozen tier, as the record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTier {
    /// N_t.
    pub entries: u64,
    /// How many of the missing entries are numbers that were left out after a loss, and that nobody is known to have been
    /// given. Not there where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// How many entries are empty.
    pub missing: u64,
    /// The tier's name, as in the descriptor.
    pub name: String,
    /// The RFC 6962 root over its entries.
    #[serde(with = "hex_bytes")]
    pub root: Hash,
    /// The RFC 6962 root over its tags, or zeros where no identity is asked for.
    #[serde(with = "hex_bytes")]
    pub tags_root: Hash,
}

/// Why a text is not a record of this version.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or a key is missing or of the wrong type.
    #[error("not a record: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Its descriptor is none, or is spelled otherwise than the protocol spells it.
    #[error("the record's descriptor: {0}")]
    Descriptor(#[from] DescriptorError),
}

/// The part of a record whose spelling counts.
#[derive(Deserialize)]
struct Spelled<'a> {
    #[serde(borrow)]
    descriptor: &'a RawValue,
}

impl RecordTier {
    /// A tier as it was frozen.
    #[must_use]
    pub fn new(tier: &Tier, frozen: &FrozenTier) -> Self {
        let FrozenTier { entries, root, tags_root, missing } = *frozen;
        Self { entries, left_out: None, missing, name: tier.name.clone(), root, tags_root }
    }

    /// What the draw log says of it.
    #[must_use]
    pub fn frozen(&self) -> FrozenTier {
        FrozenTier { entries: self.entries, root: self.root, tags_root: self.tags_root, missing: self.missing }
    }
}

impl Record {
    /// The record of a draw that is scheduled and no more; the rest is filled in as it becomes public.
    #[must_use]
    pub fn scheduled(descriptor: Descriptor) -> Self {
        Self {
            beacon: None,
            beacon_round: None,
            beacon_signature: None,
            commitment: descriptor.commitment,
            descriptor_digest: descriptor.digest(),
            frozen_at_ms: None,
            label: descriptor.label(),
            log: None,
            revealed_at_ms: None,
            room: descriptor.room.clone(),
            secret: None,
            seed: None,
            signature: None,
            tiers: None,
            version: VERSION.to_owned(),
            descriptor,
        }
    }

    /// Reads a record's text. Its descriptor must stand there in the one spelling that hashes to D.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let Spelled { descriptor } = serde_json::from_str(text)?;
        Descriptor::parse(descriptor.get())?;
        Ok(serde_json::from_str(text)?)
    }

    /// Whether everything is known: from then on the record never changes again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.seed.is_some()
    }

    /// ΣN, from the freeze on.
    #[must_use]
    pub fn entries(&self) -> Option<u64> {
        Some(self.tiers.as_ref()?.iter().fold(0, |sum, tier| tier.entries.saturating_add(sum)))
    }

    /// How many entries of all tiers are empty, from the freeze on.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        Some(self.tiers.as_ref()?.iter().fold(0, |sum, tier| tier.missing.saturating_add(sum)))
    }

    /// The tiers as they were frozen.
    #[must_use]
    pub fn frozen(&self) -> Option<Vec<FrozenTier>> {
        Some(self.tiers.as_ref()?.iter().map(RecordTier::frozen).collect())
    }

    /// The freeze as the draw log states it; `None` before it.
    #[must_use]
    pub fn freeze_statement(&self) -> Option<Statement> {
        Some(Statement::Freeze { draw: self.descriptor_digest, at_ms: self.frozen_at_ms?, tiers: self.frozen()? })
    }

    /// The end of the draw as the draw log states it; `None` before it.
    #[must_use]
    pub fn reveal_statement(&self) -> Option<Statement> {
        let (secret, seed) = (self.secret?, self.seed?);
        Some(Statement::Reveal { draw: self.descriptor_digest, secret, beacon: self.beacon.unwrap_or(ZERO), seed })
    }

    /// The place of every entry; `None` before the reveal.
    ///
    /// # Errors
    /// Where the tiers of the record are not such that places could be dealt to them.
    pub fn places(&self) -> Option<Result<Places, LotError>> {
        let (seed, tiers) = (self.seed.as_ref()?, self.tiers.as_ref()?);
        let rules = self.descriptor.tiers.iter();
        let lot =
            |(rule, tier): (&Tier, &RecordTier)| Lot { band: rule.band, share: rule.share, entries: tier.entries };
        Some(Places::new(seed, &rules.zip(tiers).map(lot).collect::<Vec<_>>()))
    }

    /// The record as RFC 8785 canonical JSON.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("strings and integers can be written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::canonical_json;
    use crate::v2::{Methods, Tiers};

    fn frozen() -> Record {
        let tier = Tier { band: 0, name: "everyone".into(), share: 1 };
        let descriptor = Descriptor {
            beacon: None,
            commitment: [0xab; 32],
            identity: Methods::default(),
            opens_at_ms: 1,
            room: "tour".into(),
            starts_at_ms: 2,
            tiers: Tiers::new(vec![tier.clone()]).unwrap(),
        };
        let frozen = FrozenTier { entries: 3, root: [0xcd; 32], tags_root: ZERO, missing: 1 };
        let tiers = Some(vec![RecordTier { left_out: Some(1), ..RecordTier::new(&tier, &frozen) }]);
        let log = Some("tickets.example/.fairgate/draw.log+2a89550f+AepK".to_owned());
        Record { frozen_at_ms: Some(4), tiers, log, ..Record::scheduled(descriptor) }
    }

    #[test]
    fn a_record_reads_back_and_its_text_is_canonical() {
        for record in [frozen(), Record::scheduled(frozen().descriptor)] {
            let text = record.canonical_json();
            assert_eq!(canonical_json(&serde_json::from_str(&text).unwrap()).unwrap(), text);
            assert_eq!(Record::parse(&text).unwrap(), record);
        }
        assert_eq!((frozen().entries(), frozen().missing()), (Some(3), Some(1)));
        assert_eq!(Record::scheduled(frozen().descriptor).freeze_statement(), None);
    }

    #[test]
    fn fields_may_be_added_but_the_descriptor_has_one_spelling() {
        let text = frozen().canonical_json();
        assert!(Record::parse(&text.replacen('{', "{\"added\":1, ", 1)).is_ok());
        for (from, to) in [("\"share\":1", "\"share\": 1"), ("\"tour\",\"starts", "\"t\\u006fur\",\"starts")] {
            let other = text.replacen(from, to, 1);
            assert!(matches!(Record::parse(&other), Err(RecordError::Descriptor(_))), "{to}");
        }
        let other = text.replace("\"share\":1", "\"share\":1.0");
        assert!(matches!(Record::parse(&other), Err(RecordError::Descriptor(_))));
        assert!(Record::parse(&text.replace("cdcd", "CDcd")).is_err());
    }
}
