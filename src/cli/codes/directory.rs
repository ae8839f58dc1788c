//! A directory of campaigns, with the keys that they are made with.
//!
//! Guarantees: codes that are revoked stay revoked when a campaign is replaced. Two campaigns of a room have no code in
//! common.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use fairgate_entry::code::{Campaign, CampaignBuilder, CampaignName, Code, Fingerprinter};
use fairgate_entry::keys::{IdentityKey, Key, Purpose};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_token::KeyRing;

use super::Place;
use crate::codes::{Loaded, Saved, campaign_names, carried_over, list_file, load, lock, save, save_revoked};

/// What tokens name as their issuer does not matter for lists of codes.
pub(super) const ISSUER: &str = "fairgate";

/// A directory of campaigns, with the keys that they are made with.
pub(super) struct Dir {
    pub(super) path: PathBuf,
    pub(super) key: Key,
    pub(super) signer: KeyRing,
}

impl Dir {
    pub(super) fn open(place: &Place) -> anyhow::Result<Self> {
        let identity = identity(place)?;
        let signer = KeyRing::load(&place.keys, ISSUER)?;
        Ok(Self { path: place.dir.clone(), key: identity.derive(Purpose::Codes), signer })
    }

    /// Until this is dropped nobody else changes the campaigns: no command, and no edge that takes in what others revoke.
    pub(super) fn alone(&self) -> anyhow::Result<File> {
        lock(&self.path).with_context(|| format!("cannot lock {}", self.path.display()))
    }

    pub(super) fn fingerprinter(&self, campaign: &CampaignName) -> Fingerprinter {
        Fingerprinter::new(self.key.clone(), campaign.clone())
    }

    pub(super) fn load(&self, campaign: &CampaignName) -> anyhow::Result<Loaded> {
        Ok(load(&self.path, campaign, &self.key, self.signer.public())?)
    }

    /// The campaigns that may share a room with this one.
    pub(super) fn others(
        &self,
        campaign: &CampaignName,
        apart_from: &[CampaignName],
    ) -> anyhow::Result<OtherCampaigns> {
        let names = campaign_names(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let others = names.into_iter().filter(|name| name != campaign && !apart_from.contains(name));
        let load = |name: CampaignName| {
            let remedy = format!("cannot compare with campaign {name}; if no room has both, add --apart-from {name}");
            Ok((self.fingerprinter(&name), self.load(&name).context(remedy)?.campaign))
        };
        Ok(OtherCampaigns(others.map(load).collect::<anyhow::Result<_>>()?))
    }

    /// What is kept of an older list: its revoked codes.
    pub(super) fn replaced(&self, campaign: &CampaignName, may_replace: bool) -> anyhow::Result<Option<Loaded>> {
        let file = list_file(&self.path, campaign);
        if !file.exists() {
            return Ok(None);
        }
        ensure!(may_replace, "{} is there already; choose another name, or add --replace", file.display());
        self.load(campaign).context("revoked codes of the campaign could not be kept").map(Some)
    }

    /// Writes a campaign, which is newer than the one that it replaces, and takes revocations over from that; how many bytes it has.
    pub(super) fn save(&self, builder: CampaignBuilder, replaced: Option<Loaded>) -> anyhow::Result<u64> {
        let made_after_ms = replaced.as_ref().map_or(0, |old| old.campaign.made_at_ms());
        let now_ms = SystemClock.now_ms().max(made_after_ms + 1);
        let Saved { bytes, campaign } = save(&self.path, builder, &self.key, &self.signer, now_ms)?;
        // Until this is written, the bitmap is another list's: edges refuse that, and go on with what they have.
        if let Some(revoked) = replaced.and_then(|old| carried_over(&old, &campaign)) {
            save_revoked(&self.path, campaign.name(), &revoked)?;
        }
        Ok(bytes)
    }
}

/// Other campaigns that may share a room with a new one.
pub(super) struct OtherCampaigns(Vec<(Fingerprinter, Campaign)>);

impl OtherCampaigns {
    pub(super) fn of(&self, code: &Code) -> Option<&CampaignName> {
        let has =
            |(fingerprinter, campaign): &&(Fingerprinter, Campaign)| campaign.rank(fingerprinter.of(code)).is_some();
        self.0.iter().find(has).map(|(_, campaign)| campaign.name())
    }
}

/// The identity key of the environment.
pub(super) fn identity(place: &Place) -> anyhow::Result<IdentityKey> {
    let variable = &place.identity_key_env;
    let hex = std::env::var(variable).ok().filter(|value| !value.is_empty());
    let hex = hex.with_context(|| format!("{variable} is not set; it must hold the identity key of the edges"))?;
    IdentityKey::from_hex(&hex).with_context(|| variable.clone())
}
