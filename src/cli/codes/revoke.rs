//! `fairgate codes revoke`.
//!
//! Guarantee: a list with a code that is not the campaign's revokes none.

use std::io::Write;

use fairgate_entry::code::CampaignName;

use super::ListArgs;
use super::directory::Dir;
use super::list::{Problems, read_list};
use crate::codes::{CodeList, Loaded, save_revoked};

pub(super) fn revoke(dir: &Dir, campaign: &CampaignName, args: &ListArgs, mut out: impl Write) -> anyhow::Result<()> {
    let _alone = dir.alone()?;
    let Loaded { campaign: known, mut revoked } = dir.load(campaign)?;
    let fingerprinter = dir.fingerprinter(campaign);
    let text = read_list(&args.file)?;
    let list = CodeList::new(&text, &args.options())?;
    let (mut new, mut before, mut problems) = (0, 0, Problems::default());
    for entry in list.codes() {
        let (line, code) = match entry {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        match known.rank(fingerprinter.of(&code)) {
            None => {
                problems.add(line, format!("is not in campaign {campaign}; is it mistyped, or another campaign's?"))
            }
            Some(rank) if revoked.revoke(rank) => new += 1,
            Some(_) => before += 1,
        }
    }
    problems.into_result()?;
    save_revoked(&dir.path, campaign, &revoked)?;
    let (all, codes) = (revoked.count(), known.len());
    writeln!(out, "{campaign}: {new} codes revoked, {before} were already; {all} of {codes} no longer count")?;
    Ok(())
}
