//! A finished draw of 14 million in three tiers with identities, as `fairgate draw verify` reads it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use fairgate_draw::v2::{
    Claim, Descriptor, FrozenTier, Identity, IdentityKey, Method, Methods, Nonce, Record, RecordTier, Tag, Tier,
    TierHasher, Tiers, entry, seed, tag,
};
use fairgate_draw::{Hash, ZERO, commitment};
use fairgate_telemetry::entropy;
use fairgate_token::{KeyRing, create_key};
use tempfile::TempDir;

use super::{CLAIMS, SECRET, nonce};

/// Name, band, share and entries: 14 million together.
const TIERS: [(&str, u8, u16, u64); 3] =
    [("members", 0, 1, 3_500_000), ("fans", 1, 3, 2_000_000), ("public", 1, 1, 8_500_000)];
const KEY: [u8; 32] = [42; 32];

/// Writes the draw into a folder of its own.
pub(super) fn publish() -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let (opens_at_ms, starts_at_ms) = (1_764_579_600_000, 1_764_581_400_000);
    let tiers = TIERS.iter().map(|&(name, band, share, _)| Tier { band, name: name.into(), share });
    let descriptor = Descriptor {
        beacon: None,
        commitment: commitment(&SECRET),
        identity: Methods::new(vec![Method::invite()])?,
        opens_at_ms,
        room: "bench".into(),
        starts_at_ms,
        tiers: Tiers::new(tiers.collect())?,
    };
    let digest = descriptor.digest();
    let mut frozen = Vec::new();
    for (tier, &(.., entries)) in (0..).zip(&TIERS) {
        frozen.push(write_tier(folder.path(), &digest, tier, entries)?);
    }
    let tiers = descriptor.tiers.iter().zip(&frozen).map(|(tier, frozen)| RecordTier::new(tier, frozen)).collect();
    let record = Record {
        frozen_at_ms: Some(starts_at_ms),
        revealed_at_ms: Some(starts_at_ms + 2_000),
        secret: Some(SECRET),
        seed: Some(seed(&digest, &frozen, &SECRET, &ZERO)),
        tiers: Some(tiers),
        ..Record::scheduled(descriptor)
    };
    write_claims(&folder.path().join("claims"), &record)?;
    let keys = folder.path().join("keys");
    create_key(&keys, 1_000, &entropy::system())?;
    let ring = KeyRing::load(&keys, "bench")?;
    fs::write(folder.path().join("jwks.json"), ring.jwks())?;
    fs::write(folder.path().join("draw.json"), ring.sign_tier_record(record, starts_at_ms).canonical_json())?;
    Ok(folder)
}

fn write_tier(folder: &Path, digest: &Hash, tier: u8, entries: u64) -> anyhow::Result<FrozenTier> {
    let key = IdentityKey::new(&KEY, digest);
    let list =
        |name: &str| Ok::<_, std::io::Error>(BufWriter::new(File::create(folder.join(format!("{name}.{tier}")))?));
    let (mut roster, mut tags, mut hasher) = (list("roster")?, list("tags")?, TierHasher::new(true));
    for index in 0..entries {
        let tag = tag_of(&key, tier, index)?;
        let entry = entry(digest, tier, Nonce::of(&nonce(index)), &tag);
        hasher.push(&entry, &tag);
        roster.write_all(&entry)?;
        tags.write_all(&tag)?;
    }
    roster.flush()?;
    tags.flush()?;
    Ok(hasher.finish())
}

fn tag_of(key: &IdentityKey, tier: u8, index: u64) -> anyhow::Result<Tag> {
    Ok(tag(key, &Identity::invited(&format!("{tier}-{index}"), 1, 1)?))
}

/// The first fans of every tier are let in.
fn write_claims(path: &Path, record: &Record) -> anyhow::Result<()> {
    let places = record.places().context("the draw is finished")??;
    let admitted_at_ms = record.revealed_at_ms.context("the draw is finished")?;
    let key = IdentityKey::new(&KEY, &record.descriptor_digest);
    let mut file = BufWriter::new(File::create(path)?);
    for tier in (0..).take(TIERS.len()) {
        for index in 0..CLAIMS / TIERS.len() as u64 {
            let place = places.place(tier, index).context("there is such an entry")?;
            let (u, tag) = (Some(nonce(index)), tag_of(&key, tier, index)?);
            let claim = Claim { place, entry: Some((tier, index)), admitted_at_ms, u, tag };
            file.write_all(&claim.to_bytes())?;
        }
    }
    Ok(file.flush()?)
}
