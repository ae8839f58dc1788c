//! `fairgate codes`: make, import, revoke and count codes.
//!
//! Guarantee: codes are printed where they are made, and nowhere else.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use fairgate_booking::events::import::read_text;
use fairgate_draw::v2::{Identity, Method, tag};
use fairgate_entry::code::campaign::CODES_MAX;
use fairgate_entry::code::sharing::NETWORKS_USUAL;
use fairgate_entry::code::{Campaign, CampaignBuilder, CampaignName, Code, CodeKind, Fingerprinter, Revoked};
use fairgate_entry::keys::{IdentityKey, Key, Purpose};
use fairgate_entry::way::ENTRIES_MAX;
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_token::KeyRing;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::admin::SharedEntries;
use crate::codes::{
    BITS_MIN, CodeList, LineProblem, ListOptions, Loaded, Saved, Strength, campaign_names, list_file, load, make_codes,
    save, save_revoked,
};
use crate::config::IDENTITY_KEY_ENV;

/// Mistakes that are told at once.
const PROBLEMS_MAX: usize = 20;
/// A longer file of codes is not read.
const LIST_BYTES_MAX: u64 = 8 << 30;
/// Codes after which the progress is shown.
const STEP: u64 = 1 << 14;
/// What tokens name as their issuer does not matter for lists of codes.
const ISSUER: &str = "fairgate";

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
            new(&dir, &campaign, count, &file, &others, &mut out)?;
        }
        Step::Import { campaign, list, weak, place, others } => {
            let dir = Dir::open(&place)?;
            import(&dir, &campaign, &list, weak, &others, &mut out)?;
        }
        Step::Revoke { campaign, list, place } => revoke(&Dir::open(&place)?, &campaign, &list, &mut out)?,
        Step::Show { campaign, json, shared, place } => match &shared.shared {
            None => show(&Dir::open(&place)?, campaign, json, &mut out)?,
            Some(room) => {
                let client = super::entry::client(&shared.admin)?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let entries = runtime.block_on(client.shared_entries(room))?;
                let codes = shared.list.as_deref().map(|file| tagged(file, &identity(&place)?, &entries.draw));
                show_shared(&entries, &codes.transpose()?.unwrap_or_default(), json, &mut out)?;
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// The identity key of the environment.
fn identity(place: &Place) -> anyhow::Result<IdentityKey> {
    let variable = &place.identity_key_env;
    let hex = std::env::var(variable).ok().filter(|value| !value.is_empty());
    let hex = hex.with_context(|| format!("{variable} is not set; it must hold the identity key of the edges"))?;
    IdentityKey::from_hex(&hex).with_context(|| variable.clone())
}

/// The codes of a file by their tags in a draw, hex. A code for several entries has a tag for each.
fn tagged(file: &Path, identity: &IdentityKey, draw: &str) -> anyhow::Result<HashMap<String, String>> {
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

fn show_shared(
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

/// A directory of campaigns, with the keys that they are made with.
struct Dir {
    path: PathBuf,
    key: Key,
    signer: KeyRing,
}

impl Dir {
    fn open(place: &Place) -> anyhow::Result<Self> {
        let identity = identity(place)?;
        let signer = KeyRing::load(&place.keys, ISSUER)?;
        Ok(Self { path: place.dir.clone(), key: identity.derive(Purpose::Codes), signer })
    }

    fn fingerprinter(&self, campaign: &CampaignName) -> Fingerprinter {
        Fingerprinter::new(self.key.clone(), campaign.clone())
    }

    fn load(&self, campaign: &CampaignName) -> anyhow::Result<Loaded> {
        Ok(load(&self.path, campaign, &self.key, self.signer.public())?)
    }

    /// The campaigns that may share a room with this one.
    fn others(&self, campaign: &CampaignName, apart_from: &[CampaignName]) -> anyhow::Result<OtherCampaigns> {
        let names = campaign_names(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let others = names.into_iter().filter(|name| name != campaign && !apart_from.contains(name));
        let load = |name: CampaignName| {
            let remedy = format!("cannot compare with campaign {name}; if no room has both, add --apart-from {name}");
            Ok((self.fingerprinter(&name), self.load(&name).context(remedy)?.campaign))
        };
        Ok(OtherCampaigns(others.map(load).collect::<anyhow::Result<_>>()?))
    }

    /// What is kept of an older list: its revoked codes.
    fn replaced(&self, campaign: &CampaignName, may_replace: bool) -> anyhow::Result<Option<Loaded>> {
        let file = list_file(&self.path, campaign);
        if !file.exists() {
            return Ok(None);
        }
        ensure!(may_replace, "{} is there already; choose another name, or add --replace", file.display());
        self.load(campaign).context("revoked codes of the campaign could not be kept").map(Some)
    }

    /// Writes a campaign, and takes revocations over from the one that it replaces; how many bytes it has.
    fn save(&self, builder: CampaignBuilder, replaced: Option<Loaded>) -> anyhow::Result<u64> {
        let Saved { bytes, campaign } = save(&self.path, builder, &self.key, &self.signer, SystemClock.now_ms())?;
        let Some(Loaded { campaign: old, revoked: old_revoked }) = replaced else { return Ok(bytes) };
        if old_revoked.count() > 0 {
            // Until this is written, the bitmap is another list's: edges refuse that, and go on with what they have.
            let fingerprints = (0..).map_while(|rank| old.fingerprint(rank).map(|fingerprint| (rank, fingerprint)));
            let mut revoked = Revoked::none(&campaign);
            for (_, fingerprint) in fingerprints.filter(|(rank, _)| old_revoked.contains(*rank)) {
                campaign.rank(fingerprint).map(|rank| revoked.revoke(rank));
            }
            save_revoked(&self.path, campaign.name(), &revoked)?;
        }
        Ok(bytes)
    }
}

/// Other campaigns that may share a room with a new one.
struct OtherCampaigns(Vec<(Fingerprinter, Campaign)>);

impl OtherCampaigns {
    fn of(&self, code: &Code) -> Option<&CampaignName> {
        let has =
            |(fingerprinter, campaign): &&(Fingerprinter, Campaign)| campaign.rank(fingerprinter.of(code)).is_some();
        self.0.iter().find(has).map(|(_, campaign)| campaign.name())
    }
}

fn new(
    dir: &Dir,
    campaign: &CampaignName,
    count: usize,
    file: &Path,
    others: &Others,
    mut out: impl Write,
) -> anyhow::Result<()> {
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

fn import(
    dir: &Dir,
    campaign: &CampaignName,
    args: &ListArgs,
    weak: bool,
    others: &Others,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let replaced = dir.replaced(campaign, others.replace)?;
    let taken = dir.others(campaign, &others.apart_from)?;
    let text = read_list(&args.file)?;
    let list = CodeList::new(&text, &args.options())?;
    let (strength, all_made) = survey(&list)?;
    let count = strength.codes();
    ensure!(count > 0, "{} has no codes", args.file.display());
    let bits = strength.bits();
    ensure!(
        weak || all_made || bits >= BITS_MIN,
        "these codes can be guessed: what differs in them has about {bits:.0} bits, and {BITS_MIN:.0} are needed. Use `fairgate codes \
         new`, or add --weak, which halves the tries of every fan"
    );
    let kind = match (weak, all_made) {
        (true, _) => CodeKind::OwnWeak,
        (false, true) => CodeKind::Made,
        (false, false) => CodeKind::Own,
    };
    let bar = progress_bar(count as u64, "codes");
    let mut builder = CampaignBuilder::new(dir.fingerprinter(campaign), kind);
    let (mut lines, mut problems) = (Vec::with_capacity(count), Problems::default());
    for entry in list.codes() {
        let (line, code) = entry?;
        if let Some(other) = taken.of(&code) {
            problems.add(line, format!("stands in campaign {other} as well; remove it, or add --apart-from {other}"));
        }
        builder.push(&code)?;
        lines.push(line);
        if line % STEP == 0 {
            bar.set_position(line);
        }
    }
    for (first, nth) in builder.doubles(PROBLEMS_MAX) {
        let (first, line) = (lines[first - 1], lines[nth - 1]);
        problems.add(line, format!("has the same code as line {first}; remove one"));
    }
    problems.into_result()?;
    let bytes = dir.save(builder, replaced)?;
    bar.finish_and_clear();
    let path = list_file(&dir.path, campaign);
    writeln!(out, "{}: {count} codes, {} ({})", path.display(), megabytes(bytes), told(kind, bits))?;
    if let Some(line) = list.header_line() {
        writeln!(out, "note: line {line} was taken for a header, and not for a code")?;
    }
    if let Some((shortest, longest)) = strength.dropped_zeros() {
        writeln!(
            out,
            "note: the codes are numbers of {shortest} to {longest} digits; if a spreadsheet dropped zeros at the front, import the \
             list again with --replace"
        )?;
    }
    Ok(())
}

/// What the codes of a list have in common, and if fairgate made all of them. Every line that is no code is told.
fn survey(list: &CodeList<'_>) -> anyhow::Result<(Strength, bool)> {
    let (mut strength, mut all_made, mut problems) = (Strength::default(), true, Problems::default());
    for entry in list.codes() {
        match entry {
            Ok((_, code)) => {
                strength.add(&code);
                all_made &= code.is_checked();
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.into_result()?;
    Ok((strength, all_made))
}

fn revoke(dir: &Dir, campaign: &CampaignName, args: &ListArgs, mut out: impl Write) -> anyhow::Result<()> {
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

fn show(dir: &Dir, campaign: Option<CampaignName>, json: bool, mut out: impl Write) -> anyhow::Result<()> {
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
        if json {
            let line = json!({"campaign": name.as_str(), "codes": codes, "revoked": revoked, "kind": kind, "version": version});
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{name}: {codes} codes ({kind}), {revoked} revoked, version {version}")?;
        }
    }
    Ok(())
}

impl ListArgs {
    fn options(&self) -> ListOptions {
        ListOptions { column: self.column.clone(), has_header: self.header }
    }
}

/// The mistakes of a list: the first of them, and how many there are.
#[derive(Default)]
struct Problems {
    first: BTreeMap<u64, String>,
    count: usize,
}

impl Problems {
    fn add(&mut self, line: u64, what: String) {
        self.count += 1;
        if self.first.len() < PROBLEMS_MAX {
            self.first.entry(line).or_insert(what);
        }
    }

    fn push(&mut self, problem: LineProblem) {
        self.add(problem.line, problem.what);
    }

    fn into_result(self) -> anyhow::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut said: Vec<String> = self.first.iter().map(|(line, what)| format!("line {line}: {what}")).collect();
        if self.count > said.len() {
            said.push(format!("and {} more", self.count - said.len()));
        }
        bail!("nothing was changed:\n{}", said.join("\n"))
    }
}

fn read_list(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(LIST_BYTES_MAX).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|opened| opened.take(LIST_BYTES_MAX).read_to_end(&mut bytes)),
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(read_text(&bytes).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?.text)
}

fn told(kind: CodeKind, bits: f64) -> String {
    match kind {
        CodeKind::Made => "made by fairgate".to_owned(),
        CodeKind::Own | CodeKind::OwnWeak => format!("{}, about {bits:.0} bits each", kind_word(kind)),
    }
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

#[cfg(test)]
#[path = "codes/tests.rs"]
mod tests;
