//! `fairgate entry try`: one way of a room, judged as the edge judges it.
//!
//! Guarantee: neither code, token, subject nor key is printed.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use fairgate_entry::bond::Bond;
use fairgate_entry::code::{Campaigns, Code};
use fairgate_entry::epoch::Epoch;
use fairgate_entry::keys::{IdentityKey, Purpose};
use fairgate_entry::policy::WayKind;
use fairgate_entry::shop::{ShopKey, ShopKeys, shop_hearsay};
use fairgate_entry::way::{Person, Scene, WayName};
use fairgate_entry::work::solver::Solver;
use fairgate_entry::work::way::{Work, to_base64url};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_token::KeyRing;

use crate::codes;
use crate::config::{Config, EntrySecrets, Host, OidcConfig, ProviderSettings, RoomConfig, ShopConfig, ShopKeySource};

/// A longer text is neither a code nor a token.
const SHOWN_BYTES_MAX: u64 = 64 * 1024;
/// A way is refused: exit code 1.
const REFUSED: ExitCode = ExitCode::FAILURE;

/// What is tried.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) room: String,
    pub(super) way: String,
    pub(super) config: PathBuf,
    pub(super) shown: Option<PathBuf>,
}

impl Attempt {
    /// What was typed or piped in, without the end of the line.
    fn read_shown(&self, what: &str) -> anyhow::Result<String> {
        let mut text = String::new();
        let read = match &self.shown {
            Some(file) => fs::File::open(file).and_then(|file| file.take(SHOWN_BYTES_MAX).read_to_string(&mut text)),
            None => io::stdin().lock().take(SHOWN_BYTES_MAX).read_to_string(&mut text),
        };
        read.with_context(|| format!("cannot read the {what}"))?;
        let text = text.trim().to_owned();
        if text.is_empty() {
            Err(anyhow!("there is no {what}; give it on standard input or with --shown"))
        } else {
            Ok(text)
        }
    }
}

/// Tries a way.
///
/// # Errors
/// When the configuration has mistakes, a secret is missing, or there is no such room or way.
pub(super) fn run(
    attempt: &Attempt,
    env: impl Fn(&str) -> Option<String>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let config = Config::load(&attempt.config)?;
    let room = config.rooms.iter().find(|room| room.name == attempt.room);
    let room = room.with_context(|| {
        let names: Vec<&str> = config.rooms.iter().map(|room| room.name.as_str()).collect();
        format!("{} has no room {}; its rooms are {}", attempt.config.display(), attempt.room, names.join(", "))
    })?;
    let way = WayName::new(&attempt.way).context("--way")?;
    let Some(kind) = room.entry.policy.kind(&way) else {
        let known: Vec<String> = room.entry.way_names().iter().map(ToString::to_string).collect();
        bail!("room {} has no way {way}; its ways are {}", room.name, known.join(", "));
    };
    let secrets = room.entry.resolve(env).map_err(|missing| anyhow!(missing.join("\n")))?;
    let now_ms = SystemClock.now_ms();
    match kind {
        WayKind::Work => try_work(room, identity_key(&secrets)?, now_ms, out),
        WayKind::Code { .. } => {
            let typed = attempt.read_shown("code")?;
            try_code(&config, room, identity_key(&secrets)?, &typed, now_ms, out)
        }
        WayKind::Shop => {
            let token = attempt.read_shown("token")?;
            let place = room.entry.shops.iter().position(|shop| shop.name == way).context("the shop is configured")?;
            let secret = secrets.shops.get(place).and_then(Option::as_ref).map(|secret| secret.expose());
            try_shop(room, &room.entry.shops[place], secret, &token, now_ms, out)
        }
        WayKind::Challenge => {
            tell_each(&room.entry.providers, |own| own.way.name == way, |own| tell_provider(own, room, out))
        }
        WayKind::Oidc { .. } => {
            tell_each(&room.entry.oidc, |own| own.name == way, |own| tell_sign_in(own, &config, room, out))
        }
        WayKind::PrivateToken | WayKind::Mail => {
            writeln!(out, "{way} is configured; it needs a browser and an edge, so it cannot be tried here")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A room that has a way needs the key, which the lookup of secrets has made sure of; work alone may be tried without asking.
fn identity_key(secrets: &EntrySecrets) -> anyhow::Result<IdentityKey> {
    secrets.identity.clone().map_or_else(|| Ok(IdentityKey::from_bytes(entropy::random_bytes()?)), Ok)
}

/// Solves and checks what everybody is asked.
fn try_work(room: &RoomConfig, key: IdentityKey, now_ms: u64, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let work = Work::new(key.derive(Purpose::Work));
    let draw = entropy::random_bytes()?;
    let bond = Bond::from_bytes(entropy::random_bytes()?);
    let effort = room.entry.work.rules.effort;
    let scene = Scene { now_ms, room: &room.name, draw: &draw, bond, hosts: &[], effort };
    let epoch = Epoch::of(now_ms);
    let puzzle = work.puzzle(epoch, &scene);
    let began = Instant::now();
    let mut solver = Solver::new();
    let (mut solutions, mut tables) = (Vec::new(), 0);
    for table in 0..u16::MAX {
        tables += 1;
        solutions.extend(solver.solve(&puzzle, table).into_iter().next());
        if solutions.len() == effort as usize {
            break;
        }
    }
    let solving = began.elapsed();
    let shown = to_base64url(&solutions);
    let began = Instant::now();
    let checked = work.check(epoch, &shown, &scene);
    let checking = began.elapsed();
    let (seconds, micros) = (solving.as_secs_f64(), checking.as_micros());
    writeln!(
        out,
        "work: {effort} solutions in {tables} tables, {seconds:.1} s on one core of this machine, in this build"
    )?;
    match checked {
        Ok(()) => {
            writeln!(out, "good: checked in {micros} µs; a join shows {} bytes of it", shown.len())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(out, "refused: {error}")?;
            Ok(REFUSED)
        }
    }
}

/// Looks a code up in all campaigns of the room.
fn try_code(
    config: &Config,
    room: &RoomConfig,
    key: IdentityKey,
    typed: &str,
    now_ms: u64,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let key = key.derive(Purpose::Codes);
    let signers = KeyRing::load(&config.edge.keys, &config.edge.issuer)?;
    let mut campaigns = Campaigns::new(&key, room.entry.codes.iter().map(|codes| codes.terms(&[])));
    for codes in &room.entry.codes {
        match codes::load(&config.edge.codes, &codes.campaign, &key, signers.public()) {
            Ok(loaded) => drop(campaigns.load(Arc::new(loaded.campaign), Arc::new(loaded.revoked))),
            Err(error) => writeln!(out, "note: {error}")?,
        }
    }
    let Some(code) = Code::read(typed) else {
        writeln!(out, "refused: this is no code; it has 8 to 64 letters and digits")?;
        return Ok(REFUSED);
    };
    if let Some(found) = campaigns.find(&code, now_ms) {
        let codes = &room.entry.codes[found.campaign];
        let tier = codes.tier.as_deref().map_or(String::new(), |tier| format!(", tier {tier}"));
        writeln!(out, "good: a code of campaign {}, for {} entries{tier}", codes.campaign, codes.entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A fan is told none of this: all of these are answered alike.
    let standing: Vec<String> = campaigns.standing_in(&code).map(ToString::to_string).collect();
    let why = match (standing.is_empty(), code.as_str().len() == 12 && !code.is_checked()) {
        (false, _) => format!("it is in campaign {}, and revoked, or not within its times", standing.join(", ")),
        (true, true) => "it is in no campaign of the room; if fairgate made it, a character is mistyped".to_owned(),
        (true, false) => "it is in no campaign of the room".to_owned(),
    };
    writeln!(out, "refused: {why}")?;
    Ok(REFUSED)
}

/// Judges a shop's token.
fn try_shop(
    room: &RoomConfig,
    shop: &ShopConfig,
    secret: Option<&str>,
    token: &str,
    now_ms: u64,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let key = match (&shop.key, secret) {
        (ShopKeySource::Variable(_), Some(secret)) => ShopKey::secret(secret.as_bytes())?,
        (ShopKeySource::Variable(variable), None) => bail!("{variable} is not set"),
        (ShopKeySource::File(file), _) => ShopKey::Public(read_keys(file)?),
        (ShopKeySource::Url(url), _) => {
            bail!(
                "the keys are at {url}, and nobody is asked here; save that document, and name the file as jwks to try it"
            )
        }
    };
    let mut tiers: Vec<String> = room.entry.tier_names().map(str::to_owned).collect();
    tiers.sort();
    tiers.dedup();
    match shop.way(key, &tiers).verify(token, &room.name, now_ms) {
        Ok(Person { tier, entries, .. }) => {
            let tier = tier.and_then(|tier| tiers.get(usize::from(tier)));
            let tier = tier.map_or("the last tier, as the token names none".to_owned(), |tier| format!("tier {tier}"));
            writeln!(out, "good: an identity of the shop, for {entries} entry, {tier}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(out, "refused: {error}")?;
            if shop_hearsay(token).is_some_and(|issuer| issuer != shop.issuer) {
                writeln!(out, "note: the configured issuer is {:?}, and the token says another", shop.issuer)?;
            }
            Ok(REFUSED)
        }
    }
}

fn read_keys(file: &Path) -> anyhow::Result<ShopKeys> {
    let document = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    ShopKeys::read(&document).with_context(|| file.display().to_string())
}

fn tell_each<T>(
    all: &[T],
    is_it: impl Fn(&T) -> bool,
    tell: impl FnOnce(&T) -> io::Result<()>,
) -> anyhow::Result<ExitCode> {
    tell(all.iter().find(|own| is_it(own)).context("the way is configured")?)?;
    Ok(ExitCode::SUCCESS)
}

/// What has to be set up at a challenge provider.
fn tell_provider(provider: &ProviderSettings, room: &RoomConfig, out: &mut dyn Write) -> io::Result<()> {
    let way = &provider.way;
    let hosts = if way.hostnames.is_empty() { hosts(room) } else { way.hostnames.clone() };
    writeln!(out, "{}: a challenge of {}; it needs a browser, so it is not solved here", way.name, way.kind.as_str())?;
    writeln!(out, "allow these hosts at the provider: {}", hosts.join(", "))?;
    writeln!(out, "answers are verified at {}, and count with action {:?}", provider.url, way.action)
}

/// What has to be set up at an OpenID provider.
fn tell_sign_in(client: &OidcConfig, config: &Config, room: &RoomConfig, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: signing in at {}; it needs a browser, so nobody is signed in here", client.name, client.issuer)?;
    writeln!(out, "register at the provider, as client {:?} with the code flow and PKCE:", client.client_id)?;
    for host in hosts(room) {
        let (prefix, room, name) = (&config.edge.prefix, &room.name, &client.name);
        writeln!(out, "  redirect URI https://{host}{prefix}/{room}/entry/oidc/{name}/back")?;
    }
    Ok(())
}

/// The room's hosts, for people.
fn hosts(room: &RoomConfig) -> Vec<String> {
    let name = |host: &Host| match host {
        Host::Any => "HOST (each by which fans come)".to_owned(),
        Host::Name(name) => name.clone(),
    };
    room.hosts.iter().map(name).collect()
}

#[cfg(test)]
mod tests;
