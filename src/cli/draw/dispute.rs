//! `fairgate draw dispute`: is a fan's receipt honoured?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{nothing_to_check, read, read_keys};
use fairgate_token::Hearsay;
use fairgate_verify::{Dispute, Judgement, Source, Witness, dispute, published_digest};

#[derive(Debug, Args)]
pub(super) struct DisputeArgs {
    /// The ticket, a file with the ticket, or a file that was saved from the page that checks the draw.
    ticket: String,
    /// The draw's URL, or a folder with `draw.json`, `roster` and optionally `jwks.json`. The default is the issuer that
    /// the ticket names.
    #[arg(value_name = "URL|FOLDER")]
    source: Option<String>,
    /// A pass that was issued for the ticket, or a file with it. Its place is checked, too.
    #[arg(long)]
    pass: Option<String>,
    /// The operator's public keys from a source that you trust. The default is the keys published beside the record.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
}

/// Judges a ticket and says how it stands.
pub(super) fn run(args: &DisputeArgs, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let (verdict, code) = match judge(args) {
        Ok((_, Judgement::Honoured(detail))) => (format!("Honoured: {detail}."), ExitCode::SUCCESS),
        Ok((ticket, Judgement::Contradicted(detail))) => (contradiction(args, &ticket, &detail), ExitCode::FAILURE),
        Ok((_, Judgement::Open(detail))) => return Ok(nothing_to_check(&anyhow::Error::msg(detail))),
        Err(error) => return Ok(nothing_to_check(&error)),
    };
    writeln!(out, "{verdict}").context("cannot write to standard output")?;
    Ok(code)
}

/// The ticket that was judged, and how it stands.
fn judge(args: &DisputeArgs) -> anyhow::Result<(String, Judgement)> {
    let witness = witness(&args.ticket)?;
    let any = match &witness {
        Some(witness) => witness.ticket_for(&[0; 32]).context("this browser kept no ticket")?.to_owned(),
        None => token(&args.ticket)?,
    };
    let pass = args.pass.as_deref().map(token).transpose()?;
    let said = Hearsay::of(&any).context("this is no ticket: it should be three parts of letters, joined by dots")?;
    let source = source(args.source.as_deref(), &said)?;
    let keys = match &args.jwks {
        Some(path) => read_keys(path, &said.issuer)?,
        None => source.keys(&said.issuer)?.context("there are no keys beside the record; give them with --jwks")?,
    };
    let ticket = match &witness {
        Some(witness) => witness.ticket_for(&published_digest(&source)?).unwrap_or(&any).to_owned(),
        None => any,
    };
    let judgement =
        dispute(Dispute { ticket: &ticket, pass: pass.as_deref(), witness: witness.as_ref(), keys: &keys }, &source)?;
    Ok((ticket, judgement))
}

/// What a browser kept, where a file of that is given instead of a ticket.
fn witness(text: &str) -> anyhow::Result<Option<Witness>> {
    let path = Path::new(text);
    let json = if path.is_file() { read(path)? } else { String::new() };
    if !json.trim_start().starts_with('{') {
        return Ok(None);
    }
    let kept = Witness::parse("this browser", &json);
    kept.map(Some).with_context(|| format!("{text} is neither a ticket nor what a browser kept"))
}

fn source(given: Option<&str>, said: &Hearsay) -> anyhow::Result<Source> {
    if let Some(given) = given {
        return Ok(Source::parse(given)?);
    }
    let named = format!("{}/.fairgate/{}/draw", said.issuer.trim_end_matches('/'), said.room);
    Source::parse(&named).with_context(|| {
        format!("the ticket's issuer {:?} is no address: name the draw's URL or a folder", said.issuer)
    })
}

/// A token, or the content of a file.
fn token(text: &str) -> anyhow::Result<String> {
    let path = Path::new(text);
    if path.is_file() { Ok(read(path)?.trim().to_owned()) } else { Ok(text.trim().to_owned()) }
}

/// Everything that someone else needs to come to the same conclusion.
fn contradiction(args: &DisputeArgs, ticket: &str, detail: &str) -> String {
    let pass = args.pass.as_deref().map(|pass| token(pass).unwrap_or_else(|_| pass.to_owned()));
    let pass = pass.map(|pass| format!("\nThe pass: {pass}")).unwrap_or_default();
    format!(
        "Contradicted: {detail}.\n\nThe evidence is the token below, signed by the operator, and the published record, \
         roster and keys. What a browser saw is its own word: the more of them say the same, the more it is worth.\n\n\
         The ticket: {ticket}{pass}"
    )
}
