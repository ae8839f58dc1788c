//! `fairgate codes new`.
//!
//! Guarantee: the codes are written to a new file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use fairgate_entry::code::{CampaignBuilder, CampaignName, CodeKind};
use fairgate_telemetry::entropy;

use super::directory::Dir;
use super::{Others, STEP, megabytes, progress_bar};
use crate::codes::{list_file, make_codes};

pub(super) fn new(
    dir: &Dir,
    campaign: &CampaignName,
    count: usize,
    file: &Path,
    others: &Others,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let _alone = dir.alone()?;
    let replaced = dir.replaced(campaign, others.replace)?;
    let taken = dir.others(campaign, &others.apart_from)?;
    let mut written = create_private(file)?;
    let bar = progress_bar(count as u64, "codes");
    let random = entropy::system();
    let codes = make_codes(count, &random, |code| taken.of(code).is_some())?;
    let mut builder = CampaignBuilder::new(dir.fingerprinter(campaign), CodeKind::Made);
    let failed = || format!("cannot write {}", file.display());
    writeln!(written, "code").with_context(failed)?;
    for (number, code) in (1..).zip(codes) {
        builder.push(&code)?;
        writeln!(written, "{}", code.printed()).with_context(failed)?;
        if number % STEP == 0 {
            bar.set_position(number);
        }
    }
    written.flush().and_then(|()| written.get_ref().sync_all()).with_context(failed)?;
    let bytes = dir.save(builder, replaced)?;
    bar.finish_and_clear();
    let list = list_file(&dir.path, campaign);
    writeln!(out, "{}: {count} codes, {}", list.display(), megabytes(bytes))?;
    writeln!(out, "{}: the codes themselves, which are nowhere else", file.display())?;
    Ok(())
}

/// A new file that only its owner can read.
fn create_private(file: &Path) -> anyhow::Result<BufWriter<fs::File>> {
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let created = options.with_context(|| format!("cannot create {}; name a new file", file.display()))?;
    Ok(BufWriter::new(created))
}
