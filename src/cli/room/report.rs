//! `fairgate room report`: what happened in a sale, as text, HTML, CSV or signed JSON; and whether a report is signed.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use fairgate_token::KeySet;

use super::print::{plain, print_json};
use crate::admin::{Client, csv, html};

/// Which report is shown, and how.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// The room's name.
    room: String,
    /// The edition without names and networks, for press and fans.
    #[arg(long)]
    public: bool,
    /// Print one HTML document that loads nothing.
    #[arg(long, conflicts_with = "csv")]
    html: bool,
    /// Print CSV.
    #[arg(long)]
    csv: bool,
    /// Check the signature of a report that was saved as JSON, instead of making one.
    #[arg(long, value_name = "FILE", requires = "jwks", conflicts_with_all = ["public", "html", "csv"])]
    check: Option<PathBuf>,
    /// For --check: the edge's public keys, as its jwks.json.
    #[arg(long, value_name = "FILE", requires = "check")]
    jwks: Option<PathBuf>,
}

/// Shows it, or checks one.
pub(super) async fn show(client: &Client, wanted: &Wanted, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if let (Some(file), Some(jwks)) = (&wanted.check, &wanted.jwks) {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
        };
        let keys = KeySet::from_jwks(&read(jwks)?, "").with_context(|| format!("{} has no keys", jwks.display()))?;
        let report = serde_json::from_str(&read(file)?).with_context(|| format!("{} is no JSON", file.display()))?;
        let key =
            keys.verify_report(report).with_context(|| format!("{} is not as an edge signed it", file.display()))?;
        return Ok(writeln!(out, "{}: signed with the key {key}", file.display())?);
    }
    let report = client.report(&wanted.room, wanted.public).await?;
    if json {
        return print_json(out, &report);
    }
    if wanted.html || wanted.csv {
        let text = if wanted.html { html(&report) } else { csv(&report) };
        return Ok(out.write_all(text.as_bytes())?);
    }
    writeln!(out, "{} ({})", plain(&report.title), report.room)?;
    for sentence in &report.summary {
        writeln!(out, "  {}", plain(sentence))?;
    }
    Ok(writeln!(out, "  Verify the draw: {}", report.draw.verify_with)?)
}
