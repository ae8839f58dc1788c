//! `[[room.entry.codes]]`: campaigns of codes.

use fairgate_entry::code::{CampaignName, CodeTerms};
use fairgate_entry::way::ENTRIES_MAX;

use super::reading::Reading;
use super::tier_index;
use crate::config::reader::Section;
use crate::config::times::Instant;

/// Most campaigns of a room: a join looks at each.
pub(super) const CAMPAIGNS_MAX: usize = 16;

/// A campaign as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodesConfig {
    /// The campaign: its codes are in the file `{campaign}.fgc` of `edge.codes`.
    pub campaign: CampaignName,
    /// The tier that a code gives; `None` for the last.
    pub tier: Option<String>,
    /// Entries that each code is good for, 1 to 8.
    pub entries: u8,
    /// From when on codes count, Unix ms.
    pub from_ms: u64,
    /// Until when codes count, Unix ms.
    pub until_ms: u64,
}

impl CodesConfig {
    pub(super) fn read(section: &Section<'_>, reading: &Reading<'_>) -> Option<Self> {
        let campaign = section.require("campaign", r#""spring""#).and_then(|name: String| read_name(section, &name));
        if let Some(campaign) = &campaign {
            let is_new = reading.is_new_campaign(campaign.as_str());
            let what = format!("{campaign} has two tables in this room");
            section.check(is_new, "campaign", what, "keep one: a code is good for one tier and one number of entries");
        }
        let tier: Option<String> = section.get("tier");
        reading.check_tier(section, "tier", &tier);
        let entries = section.get_or("entries", 1);
        let fits = (1..=ENTRIES_MAX).contains(&entries);
        section.check(
            fits,
            "entries",
            format!("{entries} is no number of entries"),
            format!("write 1 to {ENTRIES_MAX}"),
        );
        // What was told here is not told again by the policy.
        let entries = if fits { entries } else { 1 };
        let from: Option<Instant> = section.get("from");
        let until: Option<Instant> = section.get("until");
        if let (Some(from), Some(until)) = (from, until) {
            let what = format!("{until} is not after from, {from}");
            section.check(from < until, "until", what, "end after the beginning, or leave it out");
        }
        let (from_ms, until_ms) = (from.map_or(0, |from| from.at_ms), until.map_or(u64::MAX, |until| until.at_ms));
        Some(Self { campaign: campaign?, tier, entries, from_ms, until_ms })
    }

    /// What the room gives for a code, by the names of its tiers in order of their indexes.
    #[must_use]
    pub fn terms(&self, tiers: &[String]) -> CodeTerms {
        CodeTerms {
            campaign: self.campaign.clone(),
            tier: self.tier.as_deref().and_then(|tier| tier_index(tier, tiers)),
            entries: self.entries,
            from_ms: self.from_ms,
            until_ms: self.until_ms,
        }
    }
}

fn read_name(section: &Section<'_>, name: &str) -> Option<CampaignName> {
    let campaign = CampaignName::new(name);
    if let Err(error) = &campaign {
        let message = error.to_string();
        let (what, remedy) = message.split_once("; ").unwrap_or((&message, "change it"));
        section.problem("campaign", what, remedy);
    }
    campaign.ok()
}
