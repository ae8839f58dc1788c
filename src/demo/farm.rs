//! The demo's farm: in three side rooms, one cheat with many entries beside honest fans, under three rules of entry.
//!
//! The report says what share of the places the farm was drawn under each rule, beside its share of the people, with a χ² test of
//! whether it has what so many people have.

use std::fmt::{Display, Formatter};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use fairgate_crowd::{Farm, FarmReport, Target, run_farm};
use fairgate_entry::code::{CampaignBuilder, CampaignName, CodeKind, Fingerprinter};
use fairgate_entry::keys::{IdentityKey, Purpose};
use fairgate_telemetry::clock::{Clock, SystemClock};
use fairgate_telemetry::entropy;
use fairgate_token::KeyRing;
use jiff::Timestamp;
use serde::Serialize;

use super::plan::DemoPlan;
use super::ports::EdgePorts;
use super::servers::Addresses;
use crate::codes::{make_codes, save};

/// Honest fans of each side room.
const FANS: u32 = 100;
/// People of the farm, its addresses, and the entries that it tries to make.
const PEOPLE: u32 = 10;
const ADDRESSES: u32 = 20;
const ENTRIES: u32 = 200;
/// Places for sale in each side room.
const SEATS: u64 = 60;
/// A farm that has no draw so long after the sale's start ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// The list of codes of the last room.
const CAMPAIGN: &str = "demo";
/// What tokens name as their issuer does not matter for lists of codes.
const ISSUER: &str = "fairgate";

/// What a side room asks of those who enter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// What the report calls it.
    pub(super) name: &'static str,
    /// The room.
    pub(super) room: &'static str,
    /// `[room.entry]`.
    pub(super) entry: &'static str,
}

impl Rule {
    /// The host of the side room, as the farm's requests name it. It has no address: the edge is asked at its own.
    pub(super) fn host(&self) -> String {
        format!("{}.demo", self.room)
    }
}

/// The configuration of the farm's own edge. All draws come at `starts_at`; nobody is let in.
///
/// The edge believes the crowd's addresses, which the edge of the sale does not.
pub(super) fn config(edge: EdgePorts, booking: u16, files: &Path, opens_at: Timestamp, starts_at: Timestamp) -> String {
    let EdgePorts { gate, admin } = edge;
    let quoted = |name: &str| toml::Value::from(files.join(name).to_string_lossy().into_owned()).to_string();
    let (keys, store, codes) = (quoted("keys"), quoted("rooms-farm"), quoted("codes"));
    let room = |rule: &Rule| {
        let (Rule { room, entry, .. }, host) = (rule, rule.host());
        format!(
            r#"
[[room]]
name = "{room}"
title = "A farm beside fans"
hosts = ["{host}"]
paths = ["/"]
upstream = "shop"
opens_at = "{opens_at}"
starts_at = "{starts_at}"

[room.admission]
rate_per_minute = 60

{entry}"#
        )
    };
    let rooms: String = RULES.iter().map(room).collect();
    format!(
        r#"# Written by `fairgate demo --farm`.
[edge]
listen = ["127.0.0.1:{gate}"]
keys = {keys}
codes = {codes}
trusted_proxies = ["127.0.0.0/8"]
shutdown_grace = "1s"

[store]
path = {store}

[admin]
listen = "127.0.0.1:{admin}"

[log]
level = "warn"

[[upstream]]
name = "shop"
address = "127.0.0.1:{booking}"
{rooms}"#
    )
}

/// The side rooms, from the weakest rule to the strongest.
pub(super) const RULES: [Rule; 3] = [
    Rule { name: "nothing", room: "farm-nothing", entry: "" },
    Rule {
        name: "work",
        room: "farm-work",
        entry: "[room.entry]\nany_of = [\"work\"]\n\n[room.entry.work]\neffort = 1\n",
    },
    Rule {
        name: "a code",
        room: "farm-code",
        entry: "[room.entry]\nidentity = [\"code\"]\nany_of = [\"code\"]\n\n[[room.entry.codes]]\ncampaign = \"demo\"\n",
    },
];

/// What the farm came to under one rule.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    rule: &'static str,
    #[serde(flatten)]
    report: FarmReport,
}

/// The outcomes, as a table for the terminal.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Outcomes(Vec<Outcome>);

/// Makes the list of codes that the last room asks for, and answers one for each fan and each of the farm's people.
///
/// # Errors
/// When the list cannot be written.
pub(super) fn make_list(files: &Path, identity: &IdentityKey) -> anyhow::Result<Vec<String>> {
    let key = identity.derive(Purpose::Codes);
    let name = CampaignName::new(CAMPAIGN).context("the campaign's name")?;
    let mut builder = CampaignBuilder::new(Fingerprinter::new(key.clone(), name), CodeKind::Made);
    let mut codes = Vec::new();
    for code in make_codes((FANS + PEOPLE) as usize, &entropy::system(), |_| false)? {
        builder.push(&code)?;
        codes.push(code.printed());
    }
    let signer = KeyRing::load(&files.join("keys"), ISSUER)?;
    save(&files.join("codes"), builder, &key, &signer, SystemClock.now_ms())?;
    Ok(codes)
}

/// Sends the farm into all side rooms at once, and reports after their draws.
///
/// # Errors
/// When a room does not answer, or its draw does not come.
pub(super) async fn send(plan: &DemoPlan, addresses: &Addresses) -> anyhow::Result<Outcomes> {
    let target = Target::on_this_machine(&addresses.farm_url().context("the farm's edge")?)?;
    let farm = |rule: Rule| Farm {
        target: Target { authority: rule.host(), ..target.clone() },
        room: rule.room.to_owned(),
        fans: FANS,
        entries: ENTRIES,
        addresses: ADDRESSES,
        people: PEOPLE,
        codes: if rule.entry.contains("codes") { addresses.codes().to_vec() } else { Vec::new() },
        seats: SEATS,
        cores: 1,
        forwarded_for: true,
        seed: plan.seed,
        time_limit: plan.starts_in + PATIENCE,
        connections_max: 200,
    };
    let [nothing, work, code] = RULES;
    let reports = tokio::try_join!(run_farm(farm(nothing)), run_farm(farm(work)), run_farm(farm(code)));
    let (first, second, third) = reports.context("the farm's rooms")?;
    let outcomes = RULES.iter().zip([first, second, third]);
    Ok(Outcomes(outcomes.map(|(rule, report)| Outcome { rule: rule.name, report }).collect()))
}

impl Display for Outcomes {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "A farm of {PEOPLE} people with {ADDRESSES} addresses tried to enter {ENTRIES} times beside {FANS} fans:"
        )?;
        writeln!(
            f,
            "\n  the room asks   of the people  of the entries  of the first {SEATS} places   χ² (p) by people  a place cost"
        )?;
        for Outcome { rule, report } in &self.0 {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let [people, entries, seats] =
                [report.share_of_people, report.share_of_entries, report.share_of_seats].map(percent);
            let cost = report.work_hours_a_seat.filter(|hours| *hours > 0.0);
            let cost = cost.map_or_else(|| "-".to_owned(), |hours| format!("{:.2} s of CPU", hours * 3_600.0));
            let test = report.people_chi_square.zip(report.people_p_value);
            let test = test.map_or_else(|| "-".to_owned(), |(statistic, p)| format!("{statistic:.1} ({p:.3})"));
            writeln!(f, "  {rule:<14}  {people:>13}  {entries:>14}  {seats:>22}  {test:>17}  {cost:>12}")?;
        }
        write!(
            f,
            "\nEach draw was fair among its entries. What a room asks decides how many entries a cheat has. A large χ², with a p \
             next to 0, says that the farm has more than so many people have."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_configuration_is_one_that_the_edge_takes() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (opens_at, starts_at) = (at("2026-12-01T10:00:00.25Z"), at("2026-12-01T10:01:00Z"));
        let ports = EdgePorts { gate: 8080, admin: 9090 };
        let text = config(ports, 3000, Path::new("/tmp/a \"quoted\" place"), opens_at, starts_at);
        let config = Config::parse(&text, Path::new("farm.toml")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.rooms.len(), RULES.len());
    }
}
