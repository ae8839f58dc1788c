//! `fairgate codes`: make, import, revoke and count codes.
//!
//! Guarantee: codes are printed where they are made, and nowhere else.

mod directory;
mod import;
mod list;
mod new;
mod revoke;
mod show;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use fairgate_entry::code::campaign::CODES_MAX;
use fairgate_entry::code::{CampaignName, CodeKind};
use indicatif::{ProgressBar, ProgressStyle};

use self::directory::{Dir, identity};
use crate::config::IDENTITY_KEY_ENV;

/// Codes after which the progress is shown.
const STEP: u64 = 1 << 14;

/// Make, import, revoke and count the codes that let fans enter.
///
/// A campaign is a list of codes with a name. What is kept of a code is a fingerprint under the identity key, in the file
/// CAMPAIGN.fgc of a directory: `edge.codes` in the configuration. Running edges read changed files within seconds.
///
/// The identity key comes from the environment: 64 hex digits in FAIRGATE_IDENTITY_KEY, or in the variable that
/// `identity_key_env` names. Lists that were made with another key are refused.
#[derive(Debug, Args)]
pub(super) struct CodesArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Make new codes of 55 random bits and a check character, like 7H3K-Q9XW-2MVK.
    New {
        /// The campaign's name.
        #[arg(value_parser = campaign_name)]
        campaign: CampaignName,
        /// How many codes.
        #[arg(long, value_parser = count, value_name = "NUMBER")]
        count: usize,
        /// The new file for the codes, readable by its owner only. They are nowhere else, so keep it until they are sent.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        others: Others,
    },
    /// Import an organizer's own codes: one a line, or a column of a spreadsheet's export (CSV).
    ///
    /// Every mistake is reported with its line, and a list with mistakes changes nothing.
    Import {
        /// The campaign's name.
        #[arg(value_parser = campaign_name)]
        campaign: CampaignName,
        #[command(flatten)]
        list: ListArgs,
        /// Take codes that can be guessed: fewer than 40 bits each. Fans have half the tries then.
        #[arg(long)]
        weak: bool,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        others: Others,
    },
    /// Revoke codes: from then on nobody enters with them. Who has entered already stays.
    Revoke {
        /// The campaign's name.
        #[arg(value_parser = campaign_name)]
        campaign: CampaignName,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        place: Place,
    },
    /// Count the codes of campaigns, and those that are revoked. No code is shown: fingerprints say none.
    Show {
        /// The campaign's name; all of the directory unless given.
        #[arg(value_parser = campaign_name)]
        campaign: Option<CampaignName>,
        /// Print JSON, one object a campaign.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        shared: SharedArgs,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
struct SharedArgs {
    /// Show the codes of this room that came again from more than three networks, or with more than five keys. Asks the admin
    /// API of one edge; the token comes from the environment variable FAIRGATE_ADMIN_TOKEN.
    #[arg(long, value_name = "ROOM")]
    shared: Option<String>,
    /// The file with the campaign's codes, as `codes new` made it. Without it shared codes are told as tags.
    #[arg(long, value_name = "FILE", requires = "shared")]
    list: Option<PathBuf>,
    /// The edge's admin API, for --shared.
    #[arg(long, env = "FAIRGATE_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    admin: String,
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The directory of campaigns: `edge.codes` in the configuration.
    #[arg(long, value_name = "DIR", default_value = "codes")]
    dir: PathBuf,
    /// The directory of keys that sign: `edge.keys` in the configuration.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The environment variable with the identity key: `identity_key_env` in the configuration.
    #[arg(long, value_name = "NAME", default_value = IDENTITY_KEY_ENV)]
    identity_key_env: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// The file with the codes; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The column with the codes: its number from 1, or what the first line calls it.
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    /// The first line is a header, whatever it says. Without this, a line with no digit and the word "code" is one.
    #[arg(long)]
    header: bool,
}

#[derive(Debug, Args)]
struct Others {
    /// A campaign that is in no room together with this one, and may have the same codes. May be given several times.
    #[arg(long, value_name = "CAMPAIGN", value_parser = campaign_name)]
    apart_from: Vec<CampaignName>,
    /// Replace the campaign if it is there already. Revoked codes stay revoked.
    #[arg(long)]
    replace: bool,
}

/// Runs one step.
///
/// # Errors
/// When there is no identity key, a list has mistakes, or a file cannot be read or written.
pub(super) fn run(args: CodesArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match args.step {
        Step::New { campaign, count, out: file, place, others } => {
            let dir = Dir::open(&place)?;
            new::new(&dir, &campaign, count, &file, &others, &mut out)?;
        }
        Step::Import { campaign, list, weak, place, others } => {
            let dir = Dir::open(&place)?;
            import::import(&dir, &campaign, &list, weak, &others, &mut out)?;
        }
        Step::Revoke { campaign, list, place } => revoke::revoke(&Dir::open(&place)?, &campaign, &list, &mut out)?,
        Step::Show { campaign, json, shared, place } => match &shared.shared {
            None => show::show(&Dir::open(&place)?, campaign, json, &mut out)?,
            Some(room) => {
                let client = super::entry::client(&shared.admin)?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let entries = runtime.block_on(client.shared_entries(room))?;
                let codes = shared.list.as_deref().map(|file| show::tagged(file, &identity(&place)?, &entries.draw));
                show::show_shared(&entries, &codes.transpose()?.unwrap_or_default(), json, &mut out)?;
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn kind_word(kind: CodeKind) -> &'static str {
    match kind {
        CodeKind::Made => "made",
        CodeKind::Own => "own",
        CodeKind::OwnWeak => "own, weak",
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn progress_bar(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len}, {eta} left");
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn campaign_name(text: &str) -> Result<CampaignName, String> {
    CampaignName::new(text).map_err(|error| error.to_string())
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.replace(['_', ','], "").parse::<usize>().ok();
    let fits = |count: &usize| *count > 0 && *count as u64 <= CODES_MAX;
    count.filter(fits).ok_or_else(|| format!("write a number from 1 to {CODES_MAX}, like 20_000"))
}
