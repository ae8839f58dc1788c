//! What a room's numbers were, second by second for six hours and in tens of seconds for two weeks.
//!
//! Guarantee: an answer has at most [`STEPS_MAX`] steps, however long ago it begins; a time without a sample is null.
//!
//! Numbers of the room are those of the store, the same at each edge. Numbers of the shop and of requests are those of
//! the edge that is asked.

use axum::Json;
use axum::extract::{Path, State};
use fairgate_core::room::Limit;
use fairgate_store::history::{COARSE_STEP_S, Sample, Series, Span};
use fairgate_telemetry::written_time::read_time_ms;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::access::Caller;
use super::body::QueryOf;
use super::problem::Problem;
use super::rooms::find;
use fairgate_problem::ProblemDetails;

/// Steps of one answer.
pub(super) const STEPS_MAX: u32 = 1_000;
/// How far an answer goes back where nobody says.
const LAST_S: u32 = 60 * 60;
/// People let in a minute, which follows from those let in so far.
const PER_MINUTE: &str = "admitted_per_minute";
/// Fewer seconds say little of a minute.
const PER_MINUTE_OVER_S: u32 = 10;

/// What a room's numbers were. Steps without a sample are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryState {
    /// The room.
    pub room: String,
    /// When the first step begins, Unix seconds.
    pub from_s: u32,
    /// How long a step is, s.
    pub step_s: u32,
    /// The series that were asked for.
    pub series: Vec<SeriesState>,
}

/// One series, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeriesState {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub unit: String,
    /// A number for each step. Counts of requests are of the whole step; times of the shop are the highest in it; all others
    /// are the last in it.
    pub values: Vec<Option<u32>>,
}

/// Which part of a history is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Names of series, with commas between them; all where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// When it begins, RFC 3339 or RFC 9557; an hour before its end where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it ends; now where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How long a step is, s. It is made longer where the answer would have more than a thousand, or where samples are not
    /// kept so finely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

/// Show what a room's numbers were: each second of the last six hours, and each ten seconds of the last fourteen days. Numbers
/// of the shop and of requests are those of this edge.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/history", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), HistoryQuery),
    responses((status = 200, body = HistoryState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    _: Caller,
    Path(room): Path<String>,
    QueryOf(query): QueryOf<HistoryQuery>,
) -> Result<Json<HistoryState>, Problem> {
    let room = find(&admin, &room)?;
    let wanted = wanted(query.series.as_deref())?;
    let now_s = now_s(&admin);
    let until_s = time_s("to", query.to.as_deref())?.unwrap_or(now_s.saturating_add(1));
    let from_s = time_s("from", query.from.as_deref())?.unwrap_or(until_s.saturating_sub(LAST_S));
    if from_s >= until_s {
        return Err(Problem::Value { key: "from", reason: "is not before `to`".to_owned() });
    }
    let span = Span::fitting(from_s, until_s, query.step.unwrap_or(1), STEPS_MAX - 1, now_s);
    let past = Past::read(&admin, &room.name, span).await?;
    let series = wanted.into_iter().map(|wanted| match wanted {
        Wanted::Kept(series) => {
            SeriesState { name: series.name().to_owned(), unit: series.unit().to_owned(), values: past.values(series) }
        }
        Wanted::PerMinute => SeriesState {
            name: PER_MINUTE.to_owned(),
            unit: Series::Rate.unit().to_owned(),
            values: past.admitted_per_minute(),
        },
    });
    let series = series.collect();
    Ok(Json(HistoryState { room: room.name.clone(), from_s: span.from_s, step_s: span.step_s, series }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Kept(Series),
    PerMinute,
}

fn wanted(names: Option<&str>) -> Result<Vec<Wanted>, Problem> {
    let names = names.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let wanted = names.map(|name| match Series::named(name) {
        _ if name == PER_MINUTE => Ok(Wanted::PerMinute),
        Some(series) => Ok(Wanted::Kept(series)),
        None => {
            let known: Vec<_> = Series::all().map(Series::name).chain([PER_MINUTE]).collect();
            Err(Problem::Value { key: "series", reason: format!("{name:?} is none; there are {}", known.join(", ")) })
        }
    });
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let all = || Series::all().map(Wanted::Kept).chain([Wanted::PerMinute]).collect();
    Ok(if wanted.is_empty() { all() } else { wanted })
}

fn time_s(key: &'static str, text: Option<&str>) -> Result<Option<u32>, Problem> {
    let at_ms = text.filter(|text| !text.is_empty()).map(read_time_ms).transpose();
    let at_ms = at_ms.map_err(|wrong| Problem::Value { key, reason: wrong.to_string() })?;
    Ok(at_ms.map(|at_ms| u32::try_from(at_ms / 1_000).unwrap_or(u32::MAX)))
}

/// What is kept of a stretch of a room's history.
pub(super) async fn kept(admin: &Admin, room: &str, span: Span) -> Result<Vec<Sample>, Problem> {
    admin.history.read(room, span).await.map_err(|error| Problem::History(error.to_string()))
}

/// The limit that a number of [`Series::Limit`] means; none where nothing limits.
pub(super) fn limit_of(code: u32) -> Option<Limit> {
    let place = usize::try_from(code).ok()?.checked_sub(1)?;
    Limit::ALL.get(place).copied()
}

/// The time, Unix seconds.
pub(super) fn now_s(admin: &Admin) -> u32 {
    u32::try_from(admin.now_ms() / 1_000).unwrap_or(u32::MAX)
}

/// A stretch of a room's history, step by step.
#[derive(Clone, Debug)]
pub(super) struct Past {
    span: Span,
    /// Of the steps of the span.
    steps: Vec<Option<Sample>>,
    /// What was known just before the span.
    before: Vec<Sample>,
}

impl Past {
    /// Reads a stretch of what is kept of a room.
    pub(super) async fn read(admin: &Admin, room: &str, span: Span) -> Result<Self, Problem> {
        // A pace is a difference, also at the first step.
        let lead_s = PER_MINUTE_OVER_S.next_multiple_of(span.step_s);
        let longer = Span { from_s: span.from_s.saturating_sub(lead_s), ..span };
        Ok(Self::of(span, &kept(admin, room, longer).await?))
    }

    fn of(span: Span, samples: &[Sample]) -> Self {
        let (before, within): (Vec<Sample>, Vec<Sample>) =
            samples.iter().copied().partition(|sample| sample.at_s < span.from_s);
        let mut steps = vec![None; span.steps() as usize];
        for sample in within {
            if let Some(step) = steps.get_mut(((sample.at_s - span.from_s) / span.step_s) as usize) {
                *step = Some(sample);
            }
        }
        Self { span, steps, before }
    }

    /// The stretch.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// A number for each step.
    pub(super) fn values(&self, series: Series) -> Vec<Option<u32>> {
        self.steps.iter().map(|step| step.as_ref()?.get(series)).collect()
    }

    /// How many people were let in a minute, over the ten seconds that end with each step, or over all of a longer one.
    pub(super) fn admitted_per_minute(&self) -> Vec<Option<u32>> {
        let over_s = self.span.step_s.max(PER_MINUTE_OVER_S);
        let known = self.before.iter().chain(self.steps.iter().flatten());
        let known: Vec<(u32, u32)> =
            known.filter_map(|sample| Some((sample.at_s, sample.get(Series::Admitted)?))).collect();
        let pace = |(step, number): (&Option<Sample>, u32)| {
            let now = step.as_ref()?.get(Series::Admitted)?;
            let at_s = self.span.from_s + number * self.span.step_s;
            let end = known.partition_point(|(known_s, _)| known_s.saturating_add(over_s) <= at_s);
            let (then_s, then) = *known[..end].last()?;
            // After a gap it would be the pace of the whole gap. A new sale counts from zero.
            let is_near = at_s - then_s <= 3 * over_s;
            let people = u64::from(now.checked_sub(then)?);
            is_near.then(|| u32::try_from(people * 60 / u64::from(at_s - then_s)).unwrap_or(u32::MAX))
        };
        self.steps.iter().zip(0..).map(pace).collect()
    }
}

/// A stretch of the last so many seconds, for people who look at it.
pub(super) fn last(admin: &Admin, seconds: u32, steps: u32) -> Span {
    let now_s = now_s(admin);
    let until_s = now_s.saturating_add(1);
    let span = Span::fitting(until_s.saturating_sub(seconds), until_s, 1, steps, now_s);
    // The step that is going on counts requests of a part of it.
    if span.step_s < COARSE_STEP_S { span } else { Span { until_s: until_s.next_multiple_of(span.step_s), ..span } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(span: Span, admitted: &[(u32, u64)]) -> Past {
        let samples = admitted.iter().map(|(at_s, admitted)| {
            let mut sample = Sample::new(*at_s);
            sample.set(Series::Admitted, *admitted);
            sample
        });
        Past::of(span, &samples.collect::<Vec<_>>())
    }

    #[test]
    fn a_pace_is_of_ten_seconds_and_of_no_gap_and_of_one_sale() {
        let span = Span { from_s: 1_000, until_s: 1_060, step_s: 10 };
        let counted = [(990, 100), (1_000, 110), (1_010, 120), (1_050, 160), (1_060, 0)];
        let past = past(span, &counted);
        assert_eq!(past.admitted_per_minute(), [Some(60), Some(60), None, None, None, None]);
        assert_eq!(past.values(Series::Admitted), [Some(110), Some(120), None, None, None, Some(160)]);
    }

    #[test]
    fn each_second_has_the_pace_of_the_ten_before_it() {
        let span = Span { from_s: 1_000, until_s: 1_003, step_s: 1 };
        let counted: Vec<_> = (990..1_003).map(|second| (second, u64::from(second - 990) * 2)).collect();
        assert_eq!(past(span, &counted).admitted_per_minute(), [Some(120); 3]);
    }

    #[test]
    fn a_series_that_there_is_not_is_named_with_those_that_there_are() {
        assert_eq!(wanted(Some("waiting, admitted_per_minute")).unwrap().len(), 2);
        assert_eq!(wanted(None).unwrap().len(), 31);
        let error = wanted(Some("waitng")).unwrap_err().to_string();
        assert!(error.contains("waitng") && error.contains("waiting"), "{error}");
    }
}
