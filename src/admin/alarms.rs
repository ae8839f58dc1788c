//! What should worry whoever runs a sale, judged by an edge from what it keeps of each second: for a house without Prometheus.
//!
//! Guarantee: an alarm has the name of the rule in `observability/alerts.yml` that it is, and holds for as long as that one asks.
//! Time of which nothing is known raises no alarm.

use axum::Json;
use axum::extract::{Path, State};
use fairgate_core::room::Limit;
use fairgate_store::history::{Sample, Series, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use super::access::Caller;
use super::history::{kept, limit_of, now_s};
use super::problem::Problem;
use super::rooms::find;
use fairgate_problem::ProblemDetails;

/// The longest time that a rule looks back, s.
const LOOK_S: u32 = 300;
/// Of the seconds of a rule's time, so many of a hundred have to be known.
const KNOWN_PERCENT: usize = 80;
/// See [`Series::Phase`].
const DRAWING: u32 = 2;
const SERVING: u32 = 3;

/// An alarm of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmState {
    /// The rule's name in `observability/alerts.yml`.
    pub rule: String,
    /// What is wrong, and what to do.
    pub says: String,
}

/// The alarms of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmsState {
    /// None where all is well, or where nothing is known.
    pub alarms: Vec<AlarmState>,
}

/// One rule: for how long it has to hold, and what it is.
struct Rule {
    name: &'static str,
    for_s: u32,
    /// Whether it holds in a second; nothing where that says nothing of it.
    holds: fn(&Sample) -> Option<bool>,
    says: &'static str,
}

const RULES: [Rule; 5] = [
    Rule {
        name: "FairgateShopSlow",
        for_s: 30,
        holds: |sample| Some(sample.get(Series::ShopP99)? > sample.get(Series::Target)?),
        says: "The shop's slowest answers have been above the target for 30 s. In mode adaptive the brake is on already; in mode fixed lower \
               the rate, pause, or follow the shop's health.",
    },
    Rule {
        name: "FairgateDrawWaits",
        for_s: 120,
        holds: |sample| Some(sample.get(Series::Phase)? == DRAWING),
        says: "The draw is not over, and everybody waits for it. The edges' log says what each relay answers.",
    },
    Rule {
        name: "FairgateNobodySteers",
        for_s: 30,
        holds: |sample| is_limited(sample, &[Limit::Silence]),
        says: "The floor holds, since nobody can tell how the shop is: no edge has measured an answer of it for a while.",
    },
    Rule {
        name: "FairgateBraked",
        for_s: 120,
        holds: |sample| is_limited(sample, &[Limit::QueueWait, Limit::Latency, Limit::Errors]),
        says: "The shop has held the line back for two minutes. It bears fewer people than you would let in.",
    },
    Rule {
        name: "FairgateNoShows",
        for_s: 300,
        holds: |sample| Some(sample.get(Series::Phase)? == SERVING && sample.get(Series::NoShow)? > 500),
        says: "More than half of those who are called do not come. They are made up for, but pages may not poll, bots may hold places, or the \
               grace is too short.",
    },
];

fn is_limited(sample: &Sample, by: &[Limit]) -> Option<bool> {
    let limit = limit_of(sample.get(Series::Limit)?);
    Some(limit.is_some_and(|limit| by.contains(&limit)))
}

/// The alarms of a time, by its samples.
fn judge(samples: &[Sample], now_s: u32) -> Vec<AlarmState> {
    let is_on = |rule: &&Rule| {
        let since = now_s.saturating_sub(rule.for_s);
        let known: Vec<bool> =
            samples.iter().filter(|sample| sample.at_s >= since).filter_map(|sample| (rule.holds)(sample)).collect();
        known.len() * 100 >= rule.for_s as usize * KNOWN_PERCENT && known.iter().all(|holds| *holds)
    };
    let alarm = |rule: &Rule| AlarmState { rule: rule.name.to_owned(), says: rule.says.to_owned() };
    RULES.iter().filter(is_on).map(alarm).collect()
}

/// What is wrong with a room at this moment.
pub(super) async fn alarms(admin: &Admin, room: &str) -> Result<Vec<AlarmState>, Problem> {
    let now_s = now_s(admin);
    let span = Span { from_s: now_s.saturating_sub(LOOK_S), until_s: now_s.saturating_add(1), step_s: 1 };
    Ok(judge(&kept(admin, room, span).await?, now_s))
}

/// Show what should worry whoever runs the sale, as this edge judges it from the last five minutes: some of the rules of
/// `observability/alerts.yml`, under their names.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/alarms", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = AlarmsState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
) -> Result<Json<AlarmsState>, Problem> {
    Ok(Json(AlarmsState { alarms: alarms(&admin, &find(&admin, &room)?.name).await? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(seconds: u32, change: impl Fn(&mut Sample, u32)) -> Vec<Sample> {
        let sample = |ago| {
            let mut sample = Sample::new(1_000 - ago);
            sample.set(Series::Phase, 3);
            sample.set(Series::Target, 500);
            change(&mut sample, ago);
            sample
        };
        (0..seconds).rev().map(sample).collect()
    }

    fn rules(samples: &[Sample]) -> Vec<String> {
        judge(samples, 1_000).into_iter().map(|alarm| alarm.rule).collect()
    }

    #[test]
    fn an_alarm_needs_its_whole_time_and_its_numbers() {
        let slow =
            |from: u32| samples(300, move |sample, ago| sample.set(Series::ShopP99, if ago < from { 900 } else { 90 }));
        assert_eq!(rules(&slow(31)), ["FairgateShopSlow"]);
        assert!(rules(&slow(30)).is_empty(), "a second is missing");
        assert!(rules(&slow(31)[..290]).is_empty(), "nobody knows the last ten seconds");
        assert!(rules(&samples(300, |_, _| ())).is_empty(), "nobody was answered");
        let limit = |limit: Limit| Limit::ALL.iter().position(|known| *known == limit).unwrap() as u64 + 1;
        let braked = samples(121, |sample, ago| {
            sample.set(Series::Limit, limit(if ago % 2 == 0 { Limit::Latency } else { Limit::Errors }));
        });
        assert_eq!(rules(&braked), ["FairgateBraked"]);
        let silent = samples(31, |sample, _| sample.set(Series::Limit, limit(Limit::Silence)));
        assert_eq!(rules(&silent), ["FairgateNobodySteers"]);
        assert_eq!(rules(&samples(121, |sample, _| sample.set(Series::Phase, 2))), ["FairgateDrawWaits"]);
        assert_eq!(rules(&samples(301, |sample, _| sample.set(Series::NoShow, 501))), ["FairgateNoShows"]);
    }

    #[test]
    fn each_rule_is_one_of_the_files_and_holds_for_as_long() {
        let file = include_str!("../../observability/alerts.yml");
        for rule in &RULES {
            let text = file.split(&format!("- alert: {}\n", rule.name)).nth(1).expect(rule.name);
            let held = text.split("for: ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
            let held: jiff::SignedDuration = held.parse().unwrap();
            assert_eq!(held.as_secs(), i64::from(rule.for_s), "{}", rule.name);
        }
    }
}
