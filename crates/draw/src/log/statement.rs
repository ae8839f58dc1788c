//! What is logged of a draw: a few lines of text with one spelling each.

use std::fmt;
use std::str::Lines;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::number;
use crate::canonical::canonical_json;
use crate::hash::{Hash, leaf_of, tagged};

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A descriptor, when it is first published, before its pool opens.
    Draw {
        /// `D`.
        draw: Hash,
        /// The descriptor's canonical JSON.
        descriptor: String,
        /// RFC 7638 thumbprints of the keys that may sign its tickets and records, ascending by their text.
        keys: Vec<Hash>,
    },
    /// A key that came later.
    Key {
        /// `D`.
        draw: Hash,
        /// The key's RFC 7638 thumbprint.
        key: Hash,
    },
    /// The freeze of all tiers.
    Freeze {
        /// `D`.
        draw: Hash,
        /// `frozen_at_ms`, Unix ms.
        at_ms: u64,
        /// In order of tier index. A draw by `fairgate/v1` has one.
        tiers: Vec<FrozenTier>,
    },
    /// The end of a draw.
    Reveal {
        /// `D`.
        draw: Hash,
        /// The secret.
        secret: Hash,
        /// The round's randomness, or [`ZERO`](crate::ZERO).
        beacon: Hash,
        /// The seed.
        seed: Hash,
    },
    /// A draw that comes to nothing.
    Void {
        /// `D`.
        draw: Hash,
    },
}

/// A frozen tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenTier {
    /// N.
    pub entries: u64,
    /// The RFC 6962 root of its entries.
    pub root: Hash,
    /// The RFC 6962 root of its identity tags, or [`ZERO`](crate::ZERO) where there are none.
    pub tags_root: Hash,
    /// How many of its entries are empty.
    pub missing: u64,
}

/// Why a text is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The first line names none that is known here.
    #[error("the statement begins with {0:?}, which is none of fairgate/v2/draw, key, freeze, reveal and void")]
    Kind(String),
    /// A line is missing, or is not what stands there.
    #[error("the statement's line for {0:?} is missing or cannot be read")]
    Line(&'static str),
    /// The same in another spelling, or something more: its hash would be another one.
    #[error("the statement is spelled otherwise; it should read {0:?}")]
    Spelling(String),
    /// The descriptor does not hash to D.
    #[error("the statement's descriptor hashes to {}, not to {}", hex::encode(.computed), hex::encode(.draw))]
    Digest {
        /// What it hashes to.
        computed: Hash,
        /// What the statement says.
        draw: Hash,
    },
}

impl Statement {
    /// A draw's descriptor with the keys that may sign its tickets and records, in whatever order they come.
    #[must_use]
    pub fn announcement(draw: Hash, descriptor: String, mut keys: Vec<Hash>) -> Self {
        sort_keys(&mut keys);
        Self::Draw { draw, descriptor, keys }
    }

    /// The draw that it is about: its `D`.
    #[must_use]
    pub fn draw(&self) -> &Hash {
        match self {
            Self::Draw { draw, .. }
            | Self::Key { draw, .. }
            | Self::Freeze { draw, .. }
            | Self::Reveal { draw, .. }
            | Self::Void { draw } => draw,
        }
    }

    /// The hash of the statement as a leaf of the log: two people who were shown the same have the same, whole.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_of(self.to_string().as_bytes())
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let mut lines = text.lines();
        let kind = lines.next().unwrap_or_default();
        let statement = match kind.strip_prefix("fairgate/v2/") {
            Some("draw") => parse_draw(&mut lines)?,
            Some("key") => Self::Key { draw: hex_line(&mut lines, "draw")?, key: key_of(lines.next())? },
            Some("freeze") => parse_freeze(&mut lines)?,
            Some("reveal") => Self::Reveal {
                draw: hex_line(&mut lines, "draw")?,
                secret: hex_line(&mut lines, "secret")?,
                beacon: hex_line(&mut lines, "beacon")?,
                seed: hex_line(&mut lines, "seed")?,
            },
            Some("void") => Self::Void { draw: hex_line(&mut lines, "draw")? },
            _ => return Err(StatementError::Kind(kind.to_owned())),
        };
        let spelled = statement.to_string();
        if spelled == text { Ok(statement) } else { Err(StatementError::Spelling(spelled)) }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Draw { .. } => "draw",
            Self::Key { .. } => "key",
            Self::Freeze { .. } => "freeze",
            Self::Reveal { .. } => "reveal",
            Self::Void { .. } => "void",
        };
        write!(f, "fairgate/v2/{kind}\ndraw {}\n", hex::encode(self.draw()))?;
        match self {
            Self::Draw { descriptor, keys, .. } => {
                writeln!(f, "descriptor {descriptor}")?;
                keys.iter().try_for_each(|key| write_key(f, key))
            }
            Self::Key { key, .. } => write_key(f, key),
            Self::Freeze { at_ms, tiers, .. } => {
                writeln!(f, "at {at_ms}")?;
                tiers.iter().enumerate().try_for_each(|(t, tier)| writeln!(f, "tier {t} {tier}"))
            }
            Self::Reveal { secret, beacon, seed, .. } => {
                let [secret, beacon, seed] = [secret, beacon, seed].map(hex::encode);
                write!(f, "secret {secret}\nbeacon {beacon}\nseed {seed}\n")
            }
            Self::Void { .. } => Ok(()),
        }
    }
}

impl fmt::Display for FrozenTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, root, tags_root, missing } = self;
        write!(f, "{entries} {} {} {missing}", hex::encode(root), hex::encode(tags_root))
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &Hash) -> fmt::Result {
    writeln!(f, "key {}", URL_SAFE_NO_PAD.encode(key))
}

fn parse_draw(lines: &mut Lines<'_>) -> Result<Statement, StatementError> {
    let draw = hex_line(lines, "draw")?;
    let descriptor = lines.next().and_then(|line| line.strip_prefix("descriptor ")).map(str::to_owned);
    let descriptor = descriptor.ok_or(StatementError::Line("descriptor"))?;
    let computed = digest(&descriptor).ok_or(StatementError::Line("descriptor"))?;
    if computed != draw {
        return Err(StatementError::Digest { computed, draw });
    }
    let mut keys = lines.map(|line| key_of(Some(line))).collect::<Result<Vec<_>, _>>()?;
    sort_keys(&mut keys);
    Ok(Statement::Draw { draw, descriptor, keys })
}

/// Keys ascend by their text, none stands twice.
fn sort_keys(keys: &mut Vec<Hash>) {
    keys.sort_by_key(|key| URL_SAFE_NO_PAD.encode(key));
    keys.dedup();
}

/// The digest of a descriptor by its own version, whichever that is; `None` where the text is not canonical.
fn digest(descriptor: &str) -> Option<Hash> {
    let value: Value = serde_json::from_str(descriptor).ok()?;
    let version = value.get("version")?.as_str().filter(|version| ["fairgate/v1", "fairgate/v2"].contains(version))?;
    let domain = format!("{version}/descriptor");
    (canonical_json(&value)? == descriptor).then(|| tagged(&domain, &[descriptor.as_bytes()]))
}

fn parse_freeze(lines: &mut Lines<'_>) -> Result<Statement, StatementError> {
    let draw = hex_line(lines, "draw")?;
    let at_ms = lines.next().and_then(|line| number(line.strip_prefix("at ")?)).ok_or(StatementError::Line("at"))?;
    let tiers =
        lines.map(|line| parse_tier(line).ok_or(StatementError::Line("tier"))).collect::<Result<Vec<_>, _>>()?;
    if tiers.is_empty() { Err(StatementError::Line("tier")) } else { Ok(Statement::Freeze { draw, at_ms, tiers }) }
}

fn parse_tier(line: &str) -> Option<FrozenTier> {
    let fields: Vec<&str> = line.strip_prefix("tier ")?.split(' ').collect();
    let [_, entries, root, tags_root, missing] = fields[..] else { return None };
    Some(FrozenTier {
        entries: number(entries)?,
        root: hex_of(root)?,
        tags_root: hex_of(tags_root)?,
        missing: number(missing)?,
    })
}

fn key_of(line: Option<&str>) -> Result<Hash, StatementError> {
    let bytes = line.and_then(|line| URL_SAFE_NO_PAD.decode(line.strip_prefix("key ")?).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(StatementError::Line("key"))
}

fn hex_line(lines: &mut Lines<'_>, name: &'static str) -> Result<Hash, StatementError> {
    let value = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(hex_of).ok_or(StatementError::Line(name))
}

fn hex_of(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok().map(|()| hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Descriptor, ZERO};

    fn every_kind() -> Vec<Statement> {
        let descriptor =
            Descriptor { beacon: None, commitment: [3; 32], opens_at_ms: 1, room: "tour".into(), starts_at_ms: 2 };
        let draw = descriptor.digest();
        let tier = FrozenTier { entries: 7, root: [1; 32], tags_root: ZERO, missing: 0 };
        vec![
            Statement::Draw { draw, descriptor: descriptor.canonical_json(), keys: vec![[1; 32], [2; 32]] },
            Statement::Draw { draw, descriptor: descriptor.canonical_json(), keys: vec![] },
            Statement::Key { draw, key: [9; 32] },
            Statement::Freeze { draw, at_ms: 0, tiers: vec![tier, FrozenTier { missing: 3, ..tier }] },
            Statement::Reveal { draw, secret: [4; 32], beacon: ZERO, seed: [5; 32] },
            Statement::Void { draw },
        ]
    }

    #[test]
    fn what_is_written_reads_back() {
        for statement in every_kind() {
            assert_eq!(Statement::parse(&statement.to_string()), Ok(statement));
        }
    }

    #[test]
    fn every_statement_has_one_spelling() {
        for statement in every_kind() {
            let text = statement.to_string();
            for other in [
                format!("{text}\n"),
                format!("{text}more 1\n"),
                text.trim_end().to_owned(),
                text.replace('\n', "\r\n"),
                text.replace("draw ", "draw  "),
                text.replacen("draw ", "Draw ", 1),
                text.replace("v2/", "v3/"),
            ] {
                assert!(Statement::parse(&other).is_err(), "{other:?}");
            }
        }
        let [.., freeze, _, _] = &every_kind()[..] else { panic!() };
        let freeze = freeze.to_string();
        for (from, to) in [("tier 0 7", "tier 0 07"), ("tier 0", "tier 1"), ("at 0", "at 00"), ("0101", "ABAB")] {
            let other = freeze.replacen(from, to, 1);
            assert!(other != freeze && Statement::parse(&other).is_err(), "{other:?}");
        }
        let no_tier: String = freeze.lines().take(3).map(|line| format!("{line}\n")).collect();
        assert_eq!(Statement::parse(&no_tier), Err(StatementError::Line("tier")));
    }

    #[test]
    fn a_descriptor_must_be_the_draws_own() {
        let text = every_kind()[0].to_string();
        let other = text.replace("\"room\":\"tour\"", "\"room\":\"ruse\"");
        assert!(matches!(Statement::parse(&other), Err(StatementError::Digest { .. })));
        let spaced = text.replace("\"room\":", "\"room\": ");
        assert_eq!(Statement::parse(&spaced), Err(StatementError::Line("descriptor")));
        let swapped: Vec<&str> = text.lines().collect();
        let swapped = [swapped[0], swapped[1], swapped[2], swapped[4], swapped[3], ""].join("\n");
        assert!(matches!(Statement::parse(&swapped), Err(StatementError::Spelling(_))), "keys ascend");
    }
}
