//! `fairgate codes show`: how many codes there are, and which came again from several networks.
//!
//! Guarantee: no code is shown unless the organizer's own file has it.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use fairgate_draw::v2::{Identity, Method, tag};
use fairgate_entry::code::CampaignName;
use fairgate_entry::code::sharing::NETWORKS_USUAL;
use fairgate_entry::keys::IdentityKey;
use fairgate_entry::way::ENTRIES_MAX;
use jiff::Timestamp;
use serde_json::json;

use super::directory::Dir;
use super::kind_word;
use super::list::read_list;
use crate::admin::SharedEntries;
use crate::codes::{CodeList, ListOptions, Loaded, campaign_names};

pub(super) fn show(dir: &Dir, campaign: Option<CampaignName>, json: bool, mut out: impl Write) -> anyhow::Result<()> {
    let names = match campaign {
        Some(campaign) => vec![campaign],
        None => campaign_names(&dir.path).with_context(|| format!("cannot read {}", dir.path.display()))?,
    };
    if names.is_empty() && !json {
        writeln!(out, "{} has no campaigns; make one with `fairgate codes new`", dir.path.display())?;
    }
    for name in names {
        let Loaded { campaign, revoked } = dir.load(&name)?;
        let version = hex::encode(&campaign.version()[..8]);
        let (codes, revoked) = (campaign.len(), revoked.count());
        let kind = kind_word(campaign.kind());
        let made_at = Some(campaign.made_at_ms()).filter(|ms| *ms > 0);
        let made_at = made_at.and_then(|ms| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok());
        if json {
            let line = json!({
                "campaign": name.as_str(), "codes": codes, "revoked": revoked, "kind": kind, "version": version, "made_at": made_at
            });
            writeln!(out, "{line}")?;
        } else {
            let made = made_at.map_or_else(|| "by an older fairgate".to_owned(), |at| format!("at {at:.0}"));
            writeln!(out, "{name}: {codes} codes ({kind}), {revoked} revoked, version {version}, made {made}")?;
        }
    }
    Ok(())
}

pub(super) fn show_shared(
    entries: &SharedEntries,
    codes: &HashMap<String, String>,
    json: bool,
    mut out: impl Write,
) -> anyhow::Result<()> {
    for shared in &entries.shared {
        let code = codes.get(&shared.tag);
        if json {
            let line = json!({"tag": shared.tag, "code": code, "times": shared.times, "networks": shared.networks, "keys": shared.keys});
            writeln!(out, "{line}")?;
            continue;
        }
        let networks = match shared.networks {
            networks if networks as usize > NETWORKS_USUAL => format!("more than {NETWORKS_USUAL} networks"),
            networks => format!("{networks} networks"),
        };
        let whose = code.map_or_else(|| format!("tag {}", shared.tag), Clone::clone);
        writeln!(out, "{whose}: came again {} times, from {networks}", shared.times)?;
    }
    if entries.shared.is_empty() && !json {
        writeln!(out, "no code came again from more than {NETWORKS_USUAL} networks, as far as this edge has seen")?;
    }
    Ok(())
}

/// The codes of a file by their tags in a draw, hex. A code for several entries has a tag for each.
pub(super) fn tagged(file: &Path, identity: &IdentityKey, draw: &str) -> anyhow::Result<HashMap<String, String>> {
    let mut digest = [0; 32];
    hex::decode_to_slice(draw, &mut digest).context("the edge names no draw")?;
    let key = identity.for_draw(&digest);
    let text = read_list(file)?;
    let list = CodeList::new(&text, &ListOptions { column: None, has_header: false })?;
    let mut codes = HashMap::new();
    for entry in list.codes() {
        let (_, code) = entry?;
        let numbered = (1..=ENTRIES_MAX).map(|n| format!("{}#{n}", code.as_str()));
        for subject in std::iter::once(code.as_str().to_owned()).chain(numbered) {
            let identity = Identity::new(Method::invite(), &subject).context("a code is no subject")?;
            codes.insert(hex::encode(tag(&key, &identity)), code.printed());
        }
    }
    Ok(codes)
}
