//! What a room's numbers were, as charts: drawn here, once for all who look, with a sentence and a table each.
//!
//! Guarantees:
//! - charts need no script, and nothing of them needs an eye: a sentence says what a line does, a table has its numbers
//! - however many consoles are open, a room's charts are drawn at most once in [`FRESH`] for each stretch of time
//! - a history that cannot be read costs the charts and not the page

mod plot;
mod trend;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use fairgate_store::history::{Series, Span};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::plot::{WIDE, path, round_top};
use self::trend::trend;
use super::audit_page::{iso, rows};
use super::door::Watcher;
use super::refusal::Refused;
use super::render::{fragment, word};
use crate::admin::Admin;
use crate::admin::alarms::alarms;
use crate::admin::audit_pages::{AuditQuery, page};
use crate::admin::foresee::grouped;
use crate::admin::history::{Past, last};
use crate::admin::problem::Problem;
use crate::admin::refusals::is_refusal;
use crate::admin::rooms::find;
use crate::config::Role;

/// How old charts may be.
const FRESH: Duration = Duration::from_secs(4);
/// Charts that nobody has looked at for so long are forgotten.
const KEPT: Duration = Duration::from_secs(60);
/// Steps of a chart.
const STEPS: u32 = 300;
/// Rows of a table.
const ROWS: usize = 12;
/// Changes that are marked.
const MARKS: usize = 20;
/// The stretches of time that can be looked at, by their names, s.
const SPANS: [(&str, u32); 5] =
    [("15m", 15 * 60), ("1h", 3_600), ("6h", 6 * 3_600), ("1d", 24 * 3_600), ("14d", 14 * 24 * 3_600)];

/// Charts that were drawn a moment ago.
#[derive(Debug, Default)]
pub(super) struct Drawn(Mutex<HashMap<Which, (Instant, String)>>);

/// A room, and the name of a stretch of time.
type Which = (String, &'static str);

/// Which stretch of time somebody looks at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stretch {
    span: Option<String>,
}

impl Stretch {
    /// The one of this name, or the shortest.
    pub(super) fn named(span: Option<String>) -> Self {
        Self { span }
    }

    fn known(&self) -> (&'static str, u32) {
        let named = SPANS.iter().find(|(name, _)| self.span.as_deref() == Some(name));
        *named.unwrap_or(&SPANS[0])
    }

    /// Its name, as in a link.
    pub(super) fn name(&self) -> &'static str {
        self.known().0
    }
}

/// The charts of a room as a part of a page, for its script.
pub(super) async fn show(
    State(admin): State<Admin>,
    _: Watcher,
    Path(room): Path<String>,
    Query(stretch): Query<Stretch>,
) -> Result<Response, Refused> {
    let room = find(&admin, &room)?.name;
    Ok(Html(html(&admin, &room, &stretch).await?).into_response())
}

/// The charts of a room as a part of a page.
pub(super) async fn html(admin: &Admin, room: &str, stretch: &Stretch) -> Result<String, Refused> {
    let (name, seconds) = stretch.known();
    // Who comes while they are drawn waits for them.
    let mut drawn = admin.open_console()?.charts.0.lock().await;
    let key = (room.to_owned(), name);
    if let Some((_, html)) = drawn.get(&key).filter(|(at, _)| at.elapsed() < FRESH) {
        return Ok(html.clone());
    }
    drawn.retain(|_, (at, _)| at.elapsed() < KEPT);
    let values = match values(admin, room, last(admin, seconds, STEPS)).await {
        Ok(values) => values,
        Err(problem) => json!({ "broken": problem.to_string() }),
    };
    let spans: Vec<_> = SPANS.iter().map(|(own, _)| json!({ "key": own, "now": *own == name })).collect();
    let html = fragment("charts.html", &json!({ "room": room, "spans": spans, "drawn": values }))?;
    drawn.insert(key, (Instant::now(), html.clone()));
    Ok(html)
}

/// How many people waited within the last half an hour: a line, and what it does, in words.
pub(super) async fn spark(admin: &Admin, room: &str) -> Result<Value, Problem> {
    let past = Past::read(admin, room, last(admin, 30 * 60, 60)).await?;
    let waiting = past.values(Series::Waiting);
    let top = round_top(waiting.iter().flatten().copied().max().unwrap_or(0));
    Ok(json!({ "d": path(&waiting, top), "says": trend(&waiting, past.span().step_s) }))
}

async fn values(admin: &Admin, room: &str, span: Span) -> Result<Value, Problem> {
    let past = Past::read(admin, room, span).await?;
    let charts = [pace(&past), inside(&past), line(&past), shop(&past), errors(&past)];
    let charts: Vec<Value> = charts.into_iter().map(|chart| chart.drawn(&past)).collect();
    Ok(json!({
        "broken": null,
        "alarms": alarms(admin, room).await?,
        "charts": charts,
        "marks": marks(admin, room, span).await?,
        "from": moment(span, span.from_s),
        "to": moment(span, span.until_s),
    }))
}

/// What was changed in this time, the latest first.
async fn marks(admin: &Admin, room: &str, span: Span) -> Result<Vec<Value>, Problem> {
    let from = Some(iso(u64::from(span.from_s) * 1_000));
    let query = AuditQuery { room: Some(room.to_owned()), from, ..AuditQuery::default() };
    let mut entries = page(admin, &query).await?.changes;
    entries.retain(|entry| !is_refusal(&entry.change.what));
    let made = entries.chunk_by(|one, other| one.id == other.id).take(MARKS).flat_map(|change| {
        let at_s = u32::try_from(change[0].at_ms / 1_000).unwrap_or(u32::MAX).clamp(span.from_s, span.until_s);
        let x = u64::from(at_s - span.from_s) * u64::from(WIDE) / u64::from(span.until_s - span.from_s);
        rows(change, Role::Viewer).into_iter().map(move |row| json!({ "x": x, "at": moment(span, at_s), "row": row }))
    });
    Ok(made.collect())
}

/// One chart: its lines by their keys in `words.json`, and what they say.
struct Chart {
    id: &'static str,
    says: String,
    lines: Vec<(&'static str, Vec<Option<u32>>)>,
}

impl Chart {
    /// A chart whose first line has a trend.
    fn new(id: &'static str, says: Option<String>, lines: Vec<(&'static str, Vec<Option<u32>>)>, past: &Past) -> Self {
        let trend = lines.first().and_then(|(_, values)| trend(values, past.span().step_s));
        let says = match (says, trend) {
            (Some(says), Some(trend)) => format!("{says} {trend}"),
            (Some(says), None) => says,
            (None, _) => word("charts", "nothing").to_owned(),
        };
        Self { id, says, lines }
    }

    fn drawn(&self, past: &Past) -> Value {
        let most = self.lines.iter().flat_map(|(_, values)| values).flatten().copied().max().unwrap_or(0);
        let top = round_top(most);
        // The line that the chart is about is drawn last, over the others.
        let lines = self.lines.iter().zip(["a", "b", "c"]).rev();
        let lines: Vec<_> =
            lines.map(|((_, values), class)| json!({ "class": class, "d": path(values, top) })).collect();
        let names = self.lines.iter().zip(["a", "b", "c"]);
        let names: Vec<_> =
            names.map(|((key, _), class)| json!({ "class": class, "name": word("line", key) })).collect();
        json!({
            "id": self.id,
            "title": word("charts", self.id),
            "says": self.says,
            "top": grouped(top.into()),
            "lines": lines,
            "names": names,
            "rows": self.rows(past.span()),
        })
    }

    /// A few steps as rows of a table, the latest first.
    fn rows(&self, span: Span) -> Vec<Value> {
        let count = self.lines.first().map_or(0, |(_, values)| values.len());
        let known = (0..count).rev().skip_while(|step| self.lines.iter().all(|(_, values)| values[*step].is_none()));
        let rows = known.step_by(count.div_ceil(ROWS).max(1)).map(|step| {
            let values = self.lines.iter().map(|(_, values)| said(values[step]));
            let at_s = u32::try_from(step).unwrap_or(u32::MAX).saturating_mul(span.step_s).saturating_add(span.from_s);
            json!({ "at": moment(span, at_s), "values": values.collect::<Vec<_>>() })
        });
        rows.collect()
    }
}

fn pace(past: &Past) -> Chart {
    let (now, most, set) = (past.admitted_per_minute(), past.values(Series::Rate), past.values(Series::RateSet));
    let says = latest(&most).map(|most| {
        let (now, set) = (said(latest(&now)), said(latest(&set)));
        format!("{now} a minute were let in of late; {} at most now, {set} are set.", grouped(most.into()))
    });
    Chart::new("pace", says, vec![("let_in", now), ("now", most), ("set", set)], past)
}

fn inside(past: &Past) -> Chart {
    let [inside, most, set] = [Series::Inside, Series::InsideMax, Series::InsideSet].map(|series| past.values(series));
    let says = latest(&inside).map(|inside| {
        let (most, set) = (said(latest(&most)), said(latest(&set)));
        format!("{} are inside; {most} at most now, {set} are set.", grouped(inside.into()))
    });
    Chart::new("inside", says, vec![("inside", inside), ("now", most), ("set", set)], past)
}

fn line(past: &Past) -> Chart {
    let [waiting, called] = [Series::Waiting, Series::Called].map(|series| past.values(series));
    let says = latest(&waiting).map(|waiting| {
        format!("{} wait; {} were called and are not in yet.", grouped(waiting.into()), said(latest(&called)))
    });
    Chart::new("line", says, vec![("waiting", waiting), ("called", called)], past)
}

fn shop(past: &Past) -> Chart {
    let [p99, wait, target] = [Series::ShopP99, Series::ShopWait, Series::Target].map(|series| past.values(series));
    let says = latest(&p99).map(|p99| {
        let target = said(latest(&target));
        format!(
            "The slowest hundredth of the shop's answers took {} ms; the target is {target} ms.",
            grouped(p99.into())
        )
    });
    Chart::new("shop", says, vec![("p99", p99), ("wait", wait), ("target", target)], past)
}

fn errors(past: &Past) -> Chart {
    let [failed, refused] = [Series::ShopErrors, Series::ShopRefused].map(|series| past.values(series));
    let sum = |values: &[Option<u32>]| values.iter().flatten().map(|value| u64::from(*value)).sum::<u64>();
    let (answers, errors) = (sum(&past.values(Series::ShopAnswers)), sum(&failed));
    let says = latest(&failed)
        .map(|_| format!("{} requests failed in this time; the shop answered {}.", grouped(errors), grouped(answers)));
    Chart::new("errors", says, vec![("failed", failed), ("refused", refused)], past)
}

/// The last value that is known.
fn latest(values: &[Option<u32>]) -> Option<u32> {
    values.iter().rev().flatten().next().copied()
}

fn said(value: Option<u32>) -> String {
    value.map_or_else(|| word("said", "unknown").to_owned(), |value| grouped(value.into()))
}

/// A moment of a stretch, in UTC, as short as the stretch allows.
fn moment(span: Span, at_s: u32) -> Value {
    let form = if span.until_s - span.from_s > 24 * 3_600 { "%b %-d, %H:%M" } else { "%H:%M:%S" };
    let at = Timestamp::from_second(at_s.into()).map(|at| at.strftime(form).to_string());
    json!({ "at": at.unwrap_or_default(), "iso": iso(u64::from(at_s) * 1_000) })
}
