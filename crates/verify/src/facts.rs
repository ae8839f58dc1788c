//! What a report tells of a record, of whichever version of the protocol.

use fairgate_draw::{Hash, Label, Record, v2};
use jiff::Timestamp;

/// A record, as far as a report tells of it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The protocol's version.
    pub(super) version: &'static str,
    /// The document that describes it.
    pub(super) described_in: &'static str,
    pub(super) room: String,
    /// What the draw calls itself.
    pub(super) label: Label,
    /// What it is by its rules.
    pub(super) rules: Label,
    /// Whether the rules name a round of public randomness.
    pub(super) names_round: bool,
    pub(super) is_final: bool,
    pub(super) proves: Proves,
    /// The leaf hash of the freeze's statement.
    pub(super) freeze_code: Option<String>,
    /// Names and values, for people.
    pub(super) rows: Vec<(String, String)>,
}

/// What a sound draw proves of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proves {
    /// Nothing: the operator knows what an entry is made of.
    Places,
    /// That who entered claims.
    Claimants,
    /// That, and that no identity entered twice.
    Identities,
}

impl From<&Record> for Facts {
    fn from(record: &Record) -> Self {
        let descriptor = &record.descriptor;
        let mut rows = Rows::new(record.label, descriptor.opens_at_ms, descriptor.starts_at_ms, record.frozen_at_ms);
        let freeze_code = record.freeze_statement().map(|statement| hex::encode(statement.leaf_hash()));
        rows.add("code of the freeze, to compare whole", freeze_code.clone().unwrap_or_else(not_yet));
        rows.add("entries (N)", record.entries.map_or_else(not_yet, |entries| entries.to_string()));
        rows.add("descriptor digest (D)", hex::encode(record.descriptor_digest));
        rows.add("commitment", hex::encode(record.commitment));
        rows.add("root", bytes(&record.root));
        rows.add("secret", bytes(&record.secret));
        rows.add("beacon", if descriptor.beacon.is_none() { "none".into() } else { bytes(&record.beacon) });
        rows.add("seed", bytes(&record.seed));
        Self {
            version: fairgate_draw::VERSION,
            described_in: "DRAW.md",
            room: record.room.clone(),
            label: record.label,
            rules: descriptor.label(),
            names_round: descriptor.beacon.is_some(),
            is_final: record.is_final(),
            proves: Proves::Places,
            freeze_code,
            rows: rows.0,
        }
    }
}

impl From<&v2::Record> for Facts {
    fn from(record: &v2::Record) -> Self {
        let descriptor = &record.descriptor;
        let mut rows = Rows::new(record.label, descriptor.opens_at_ms, descriptor.starts_at_ms, record.frozen_at_ms);
        let freeze_code = record.freeze_statement().map(|statement| hex::encode(statement.leaf_hash()));
        rows.add("code of the freeze, to compare whole", freeze_code.clone().unwrap_or_else(not_yet));
        rows.add("identities", identities(&descriptor.identity));
        rows.add("entries (N)", record.entries().map_or_else(not_yet, |entries| entries.to_string()));
        rows.add("descriptor digest (D)", hex::encode(record.descriptor_digest));
        rows.add("commitment", hex::encode(record.commitment));
        for (t, rule) in descriptor.tiers.iter().enumerate() {
            let frozen = record.tiers.as_ref().and_then(|tiers| tiers.get(t));
            rows.add(&format!("tier {t}, {}", rule.name), tier(rule, frozen));
        }
        rows.add("secret", bytes(&record.secret));
        rows.add("beacon", if descriptor.beacon.is_none() { "none".into() } else { bytes(&record.beacon) });
        rows.add("seed", bytes(&record.seed));
        rows.add("draw log", record.log.clone().unwrap_or_else(|| "none".into()));
        Self {
            version: v2::VERSION,
            described_in: "DRAW-TIERS.md",
            room: record.room.clone(),
            label: record.label,
            rules: descriptor.label(),
            names_round: descriptor.beacon.is_some(),
            is_final: record.is_final(),
            proves: if descriptor.has_identities() { Proves::Identities } else { Proves::Claimants },
            freeze_code,
            rows: rows.0,
        }
    }
}

struct Rows(Vec<(String, String)>);

impl Rows {
    fn new(label: Label, opens_at_ms: u64, starts_at_ms: u64, frozen_at_ms: Option<u64>) -> Self {
        let mut rows = Self(Vec::new());
        rows.add("the draw calls itself", label.to_string());
        rows.add("pool opened", time(opens_at_ms));
        rows.add("pool closed", time(starts_at_ms));
        rows.add("roster frozen", frozen_at_ms.map_or_else(not_yet, time));
        rows
    }

    fn add(&mut self, what: &str, value: String) {
        self.0.push((what.to_owned(), value));
    }
}

fn identities(methods: &v2::Methods) -> String {
    match methods.len() {
        0 => "none asked for".to_owned(),
        _ => methods.iter().map(v2::Method::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn tier(rule: &v2::Tier, frozen: Option<&v2::RecordTier>) -> String {
    let rules = format!("band {}, share {}", rule.band, rule.share);
    match frozen {
        None => format!("{rules}; {}", not_yet()),
        Some(tier) => format!(
            "{rules}; {} entries, {} of them empty; root {}; tags' root {}",
            tier.entries,
            tier.missing,
            hex::encode(tier.root),
            hex::encode(tier.tags_root)
        ),
    }
}

fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} (Unix ms)"), |time| format!("{time:.3}"))
}

fn bytes(hash: &Option<Hash>) -> String {
    hash.as_ref().map_or_else(not_yet, hex::encode)
}

pub(super) fn not_yet() -> String {
    "not published".to_owned()
}
