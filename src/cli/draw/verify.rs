//! `fairgate draw verify`: every check an auditor can make, with a report.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use fairgate_draw::Verdict;
use fairgate_draw::log::{KeyKind, VerifierKey};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{nothing_to_check, read, read_keys};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_verify::{Evidence, Outcome, Report, Source, Witness, audit};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The draw's URL (https://…/.fairgate/{room}/draw), or a folder with `draw.json`, `roster` and optionally `jwks.json`.
    /// Of a draw with tiers, the folder has `roster.0` and `tags.0` for each tier, and may have `claims`, `draw.log` and
    /// proofs from it.
    #[arg(value_name = "URL|FOLDER")]
    source: String,
    /// The operator's public keys from a source that you trust. The default is the keys published beside the record.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// A record or status that was saved earlier, or a file that was saved from the page that checks the draw, or a
    /// checkpoint or proof of the draw log. May be repeated.
    #[arg(long, value_name = "FILE")]
    witness: Vec<PathBuf>,
    /// The key of an outside witness of the draw log that you trust, as a vkey: name+hash+key. May be repeated.
    #[arg(long, value_name = "VKEY", value_parser = parse_witness_key)]
    witness_key: Vec<VerifierKey>,
    /// Write the report for people to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the report for programs to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Checks a draw and says how it stands.
pub(super) fn run(args: &VerifyArgs, out: impl Write) -> anyhow::Result<ExitCode> {
    let report = match verify(args) {
        Ok(report) => report,
        Err(error) => return Ok(nothing_to_check(&error)),
    };
    print(&report, out).context("cannot write to standard output")?;
    Ok(ExitCode::from(match report.outcome {
        Outcome::Holds => 0,
        Outcome::Fails => 1,
        Outcome::Unfinished => 3,
    }))
}

fn verify(args: &VerifyArgs) -> anyhow::Result<Report> {
    let source = Source::parse(&args.source)?;
    let evidence = Evidence {
        // A record names no issuer.
        keys: args.jwks.as_deref().map(|path| read_keys(path, "")).transpose()?,
        witnesses: args.witness.iter().map(|path| read_witness(path)).collect::<anyhow::Result<_>>()?,
        witness_keys: args.witness_key.clone(),
    };
    let bar = progress_bar();
    let report = audit(&source, &evidence, &mut |read, entries| {
        bar.set_length(entries);
        bar.set_position(read);
    })?;
    bar.finish_and_clear();
    if let Some(path) = &args.markdown {
        write(path, &report.to_markdown(now()?))?;
    }
    if let Some(path) = &args.json {
        write(path, &serde_json::to_string_pretty(&report)?)?;
    }
    Ok(report)
}

fn print(report: &Report, mut out: impl Write) -> io::Result<()> {
    for finding in &report.findings {
        let (mark, detail) = match &finding.verdict {
            Verdict::Holds(detail) => ("ok", detail),
            Verdict::Fails(detail) => ("FAIL", detail),
            Verdict::Open(detail) => ("-", detail),
        };
        writeln!(out, "{mark:4}  {}: {detail}", finding.step)?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "note  {note}"))?;
    if let Some(code) = &report.freeze_code {
        writeln!(out, "code of the freeze, to compare whole: {code}")?;
    }
    writeln!(out, "{}", report.summary())?;
    writeln!(out, "{}", report.standing())
}

/// Shown on a terminal only.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("roster {bar:40} {human_pos}/{human_len} entries, {eta} left");
    ProgressBar::new(0).with_style(style.expect("the template is ours"))
}

fn read_witness(path: &Path) -> anyhow::Result<Witness> {
    let name = path.display().to_string();
    Witness::parse(&name, &read(path)?).with_context(|| {
        format!("{name} is no saved record or status, nothing a browser kept, and nothing of a draw log")
    })
}

fn parse_witness_key(text: &str) -> Result<VerifierKey, String> {
    match VerifierKey::parse(text.trim()) {
        Ok(key) if key.kind() == KeyKind::Witness => Ok(key),
        Ok(key) => Err(format!("the key {} is a log's; a witness's is of type 04", key.name())),
        Err(error) => Err(error.to_string()),
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn now() -> anyhow::Result<Timestamp> {
    Ok(Timestamp::from_millisecond(i64::try_from(SystemClock.now_ms())?)?)
}
