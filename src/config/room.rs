//! `[[room]]`: what is protected, when, how people are let in, and what they see meanwhile.

use std::fmt;

use toml::de::DeValue;

use super::draw::BeaconConfig;
use super::entry::{EntryConfig, RoomFacts};
use super::origin::Origin;
use super::page::PageConfig;
use super::reader::Section;
use super::sale::{SaleConfig, read_sales};
use super::session::{SessionConfig, SessionSpans};
use super::tier::{self, Asked, TierConfig};
use super::times::Span;
use super::value::{Misfit, Value, Word};
use fairgate_core::request::host::canonical_host;
use fairgate_core::request::well_known;
use fairgate_core::room::{Control, Late, Mode, Policy, Rules};

const NAME_BYTES_MAX: usize = 40;
/// Below these names of the gate's own addresses scripts have the place of rooms' calls.
const NAMES_TAKEN: [&str; 2] = ["entry", "tell"];
const WITNESS_MS_MIN: u64 = 2_000;
/// More fans than this no room has numbers for.
const EXPECTED_END: u64 = 1 << 28;

/// One room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomConfig {
    /// The file that it stands in.
    pub origin: Origin,
    /// Its name: in URLs, cookies, tokens and the draw's descriptor.
    pub name: String,
    /// What fans read as the name of the sale.
    pub title: String,
    /// The hosts it protects.
    pub hosts: Vec<Host>,
    /// The path prefixes it protects, in whole segments: `/shop` is `/shop` and `/shop/…`, not `/shopping`.
    pub paths: Vec<String>,
    /// Path prefixes below these that need no pass.
    pub exempt: Vec<String>,
    /// Files at fixed addresses that need no pass either, for others than fans.
    pub well_known: Vec<String>,
    /// True if paths that differ in case only are the same to the shop.
    pub case_insensitive: bool,
    /// The shop behind it.
    pub upstream: String,
    /// Path prefixes that a share of the shop is kept for: checkout and payment.
    pub priority_paths: Vec<String>,
    /// Path prefixes to which other sites (banks, payment providers) send fans back by a `POST`; `None` where nothing was said.
    pub return_paths: Option<Vec<String>>,
    /// Where the shop says how much it has left to sell.
    pub stock: Option<String>,
    /// How many fans are expected; 0 where nobody said.
    pub expected: u64,
    /// When its first sale opens, starts and ends, and what is after a sale.
    pub schedule: ScheduleConfig,
    /// All its sales in their order, the first one included.
    pub sales: Vec<SaleConfig>,
    /// Origins whose pages may join, claim and leave by script, and read the answers.
    pub allowed_origins: Vec<String>,
    /// True if a GET by an API client may join, for clients that can do nothing else.
    pub join_on_get: bool,
    /// The public randomness that the draw waits for; `None`: it is committed, and no more.
    pub beacon: Option<BeaconConfig>,
    /// Who stands in line before whom; empty where all are alike.
    pub tiers: Vec<TierConfig>,
    /// The rules of a draw with tiers or identities; none in a room without.
    pub rules: Option<Rules>,
    /// What is asked of those who enter.
    pub entry: EntryConfig,
    /// How people are let in.
    pub policy: Policy,
    /// What sessions are asked to prove.
    pub session: SessionConfig,
    /// What fans see meanwhile.
    pub page: PageConfig,
    /// How often pages ask.
    pub poll: PollConfig,
}

/// A host that a room protects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Every host.
    Any,
    /// This host, in lower case and without a port.
    Name(String),
}

/// When a room opens, starts and ends. Unix ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleConfig {
    /// The pool opens.
    pub opens_at_ms: u64,
    /// The draw, and the start of the sale. Equal to `opens_at_ms` where there is no pool.
    pub starts_at_ms: u64,
    /// The end of the sale.
    pub ends_at_ms: Option<u64>,
    /// What the room does after its end.
    pub after_end: AfterEnd,
    /// The zone that the start was written in, by its IANA name: the venue's.
    pub zone: Option<String>,
}

/// What a room does after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnd {
    /// The room stays shut and says that the sale is over.
    Closed,
    /// The room lets everyone through to the shop.
    Open,
}

/// How often waiting pages ask for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollConfig {
    /// Never more often than this.
    pub floor_ms: u64,
    /// Never less often than this.
    pub ceiling_ms: u64,
    /// The expected wait divided by this is the time to the next question.
    pub divisor: u32,
    /// The floor rises so that all who wait ask at most this often together.
    pub polls_per_s_max: u32,
}

impl RoomConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.require("name", r#""final""#).filter(|name| check_name(section, name));
        let title: Option<String> = section.get("title");
        // What does not fit covers nothing, so that no overlap with another room is made up.
        let hosts = section.given_or("hosts", vec![Host::Any]);
        let has_host = hosts.as_ref().is_none_or(|hosts| !hosts.is_empty());
        section.check(has_host, "hosts", "has no host", r#"write ["*"] for every host"#);
        let paths = section.given_or("paths", vec!["/".to_owned()]);
        let has_path = paths.as_ref().is_none_or(|paths| !paths.is_empty());
        section.check(has_path, "paths", "has no path: nothing would be protected", r#"write ["/"]"#);
        let paths = check_paths(section, "paths", paths);
        let exempt = read_paths(section, "exempt");
        let well_known = section.given_or("well_known", well_known::OPEN.map(str::to_owned).to_vec());
        let well_known = check_paths(section, "well_known", well_known);
        let case_insensitive = section.get_or("case_insensitive", true);
        let upstream = section.require("upstream", r#""shop""#);
        let priority_paths = read_paths(section, "priority_paths");
        let return_paths = section.has("return_paths").then(|| read_paths(section, "return_paths"));
        let stock = read_stock(section);
        let expected = read_expected(section);
        let sales = read_sales(section);
        let allowed_origins = read_origins(section, "allowed_origins");
        let join_on_get = section.get_or("join_on_get", false);
        let witness_ms = read_witness(section);
        let tiers = section.sections("tier", TierConfig::read);
        let tier_names = tiers.as_deref().map(tier::names);
        let opens_at_ms = sales.as_ref().map(|(schedule, _)| schedule.opens_at_ms);
        let facts = RoomFacts { hosts: hosts.as_deref(), opens_at_ms, tiers: tier_names.as_deref() };
        let entry = section.section("entry", |section| EntryConfig::read(section, facts));
        let identity: Vec<String> = entry.iter().flat_map(EntryConfig::method_names).collect();
        let has_codes = entry.as_ref().is_some_and(|entry| !entry.codes.is_empty());
        let asked = Asked { identity: &identity, has_codes, expected, witness_ms };
        let draw = tier::read_draw(section, name.as_deref(), tiers.as_deref(), &asked);
        let binding = entry.as_ref().map(|entry| entry.policy.binding);
        let session = section.section("session", |section| SessionConfig::read(section, binding));
        let policy = read_policy(section, witness_ms, session.map(|(spans, _)| spans));
        let page = section.section("page", PageConfig::read);
        let poll = section.section("poll", PollConfig::read);
        Some(Self {
            origin: Origin::default(),
            title: title.or_else(|| name.clone())?,
            name: name?,
            hosts: hosts.unwrap_or_default(),
            paths,
            exempt,
            well_known,
            case_insensitive,
            upstream: upstream?,
            priority_paths,
            return_paths,
            stock,
            expected,
            schedule: sales.as_ref()?.0.clone(),
            sales: sales?.1,
            allowed_origins,
            join_on_get,
            beacon: draw.as_ref()?.0.clone(),
            tiers: tiers?,
            rules: draw?.1,
            entry: entry?,
            policy: policy?,
            session: session?.1,
            page: page?,
            poll: poll?,
        })
    }
}

/// Where the shop says how much it has left to sell.
fn read_stock(section: &Section<'_>) -> Option<String> {
    let stock: Option<String> = section.get("stock");
    section.check(
        stock.as_ref().is_none_or(|path| path.starts_with('/') && path.parse::<http::uri::PathAndQuery>().is_ok()),
        "stock",
        "is not a path of the shop",
        r#"write it from the first slash, like "/api/v1/events/final/availability""#,
    );
    stock
}

fn read_expected(section: &Section<'_>) -> u64 {
    let expected = section.get_or("expected", 0);
    let remedy = "write about how many fans will come; 0 where you do not know";
    section.check(expected < EXPECTED_END, "expected", format!("{expected} is more than a room can hold"), remedy);
    expected
}

fn read_witness(section: &Section<'_>) -> u64 {
    let witness_ms = section.get_or("witness", Span { ms: WITNESS_MS_MIN }).ms;
    section.check(
        witness_ms >= WITNESS_MS_MIN,
        "witness",
        "is too short for browsers to witness the roster before the secret is known",
        r#"write "2s" or more"#,
    );
    witness_ms
}

fn check_name(section: &Section<'_>, name: &String) -> bool {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    section.check(
        fits,
        "name",
        format!("{name:?} cannot stand in URLs and cookies"),
        format!("use 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -; what fans read is the title"),
    );
    let is_free = !NAMES_TAKEN.contains(&name.as_str());
    section.check(
        is_free,
        "name",
        format!("{name:?} is a part of the gate's own addresses"),
        "choose another name; what fans read is the title",
    );
    fits && is_free
}

fn read_paths(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let paths = section.given_or(key, Vec::new());
    check_paths(section, key, paths)
}

/// Those that are path prefixes; the others are reported.
fn check_paths(section: &Section<'_>, key: &'static str, paths: Option<Vec<String>>) -> Vec<String> {
    let fits = |path: &String| {
        let fits = is_prefix(path);
        section.check(
            fits,
            key,
            format!("{path:?} is not a path prefix"),
            r#"write it decoded and in whole segments from the first slash, without any of ? # \ % ; // . .. in it, like "/shop""#,
        );
        fits
    };
    paths.unwrap_or_default().into_iter().filter(fits).collect()
}

pub(super) fn read_origins(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let origins: Vec<String> = section.get_or(key, Vec::new());
    for origin in &origins {
        let remedy = r#"write it as browsers do: scheme, host in lower case, and a port where it is not the scheme's, like "https://www.shop.example""#;
        section.check(is_origin(origin), key, format!("{origin:?} is not an origin"), remedy);
    }
    origins
}

/// True if a browser may spell an origin like this.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let Ok(host) = canonical_host(authority) else { return false };
    let spelled = if host.contains(':') { format!("[{host}]") } else { host.into_owned() };
    let port = authority.strip_prefix(&*spelled);
    port.is_some_and(|port| port.is_empty() || port.len() > 1 && port != default_port)
}

/// True if a decoded request path can lie under the prefix.
fn is_prefix(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return false };
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    let clean = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(is_not_of_a_path);
    path == "/" || segments.split('/').all(clean)
}

fn is_not_of_a_path(character: char) -> bool {
    character.is_control() || character.is_whitespace() || "?#\\%;".contains(character)
}

fn read_policy(room: &Section<'_>, witness_ms: u64, session: Option<SessionSpans>) -> Option<Policy> {
    room.section("admission", |section| {
        let rate_per_minute = section.require("rate_per_minute", "600");
        if let Some(rate_per_minute) = rate_per_minute {
            check_control(section, "rate_per_minute", &Control::Rate(rate_per_minute));
        }
        let burst = section.get_or("burst", 10);
        check_control(section, "burst", &Control::Burst(burst));
        let max_active = section.get_or("max_active", 1_000);
        check_control(section, "max_active", &Control::MaxActive(max_active));
        let grace_ms = section.timeout("grace", Span::seconds(5 * 60));
        let late = section.get_or("late", Late::Tail);
        let mode = section.get_or("mode", Mode::Fixed);
        let target_ms = section.timeout("target", Span { ms: 500 });
        check_control(section, "target", &Control::TargetMs(target_ms));
        // A tenth of what the organizer thinks the shop can bear is a guess that rarely hurts.
        let floor_per_minute = section.get_or("floor_per_minute", rate_per_minute.map_or(1, |rate| (rate / 10).max(1)));
        check_control(section, "floor_per_minute", &Control::Rate(floor_per_minute));
        let (session_idle_ms, session_max_ms) = session?;
        Some(Policy {
            rate_per_minute: rate_per_minute?,
            burst,
            max_active,
            grace_ms,
            session_idle_ms,
            session_max_ms,
            witness_ms,
            late,
            mode,
            target_ms,
            floor_per_minute,
        })
    })
}

/// The room has the last word on what it takes, live or from a file.
pub(super) fn check_control(section: &Section<'_>, key: &str, control: &Control) {
    if let Err(refusal) = control.check() {
        let remedy = "choose a value within these bounds; to hold everyone, pause the room";
        section.problem(key, refusal.to_string(), remedy);
    }
}

impl PollConfig {
    fn read(section: &Section<'_>) -> Option<Self> {
        let floor = section.given_or("floor", Span::seconds(2));
        let ceiling = section.given_or("ceiling", Span::seconds(3 * 60));
        let (floor_ms, ceiling_ms) = (floor?.ms, ceiling?.ms);
        section.check(floor_ms >= 500, "floor", "is too short", r#"write "500ms" or more; "2s" is quick enough"#);
        section.check(
            floor_ms <= ceiling_ms,
            "ceiling",
            "is shorter than floor",
            "make it as long as floor, or longer",
        );
        let divisor = section.get_or("divisor", 10);
        section.check(divisor > 0, "divisor", "is 0", "at least 1");
        let polls_per_s_max = section.get_or("per_second", 50_000);
        section.check(polls_per_s_max > 0, "per_second", "is 0: nobody could ask", "at least 1");
        Some(Self { floor_ms, ceiling_ms, divisor, polls_per_s_max })
    }
}

impl Value for Host {
    fn kind() -> String {
        "\"*\" or host name".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        if text == "*" {
            return Ok(Self::Any);
        }
        // Only the one spelling that requests are matched in, so that a room never waits for a host that cannot come.
        let name = text.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(&text);
        if canonical_host(&text).is_ok_and(|canonical| canonical == name) {
            return Ok(Self::Name(name.to_owned()));
        }
        let remedy = r#"write "*", a name in lower case, without a scheme or port, international names as xn--…, or an address, IPv6 in brackets: "[::1]""#;
        Err(Misfit::new(format!("{text:?} is not a host name"), remedy))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "*",
            Self::Name(name) => name,
        })
    }
}

impl Word for Late {
    const WORDS: &'static [(&'static str, Self)] = &[("tail", Self::Tail), ("honour", Self::Honour)];
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[("fixed", Self::Fixed), ("adaptive", Self::Adaptive)];
}

impl Word for AfterEnd {
    const WORDS: &'static [(&'static str, Self)] = &[("closed", Self::Closed), ("open", Self::Open)];
}
