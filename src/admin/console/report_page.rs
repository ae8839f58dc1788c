//! The report of a sale as a page, and as files to save.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;

use super::audit_page::{iso, time};
use super::door::Person;
use super::refusal::Refused;
use super::render;
use super::room_page::named;
use crate::admin::Admin;
use crate::admin::foresee::grouped;
use crate::admin::problem::Problem;
use crate::admin::report::{Edition, csv, html, report, saved};
use crate::admin::rooms::find;

/// The page of a report.
pub(super) async fn show(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
) -> Result<Response, Refused> {
    let report = report(&admin, &person.caller, &room, Edition::default()).await?;
    let funnel = &report.funnel;
    let steps = [
        ("pool", funnel.pool),
        ("places", funnel.places),
        ("called", funnel.called),
        ("admitted", funnel.admitted),
        ("missed", funnel.missed),
        ("given_up", funnel.given_up),
        ("waiting", funnel.waiting),
    ];
    let page = json!({
        "room": named(&find(&admin, &room)?),
        "is_final": report.is_final,
        "made": { "at": time(report.made_at_ms), "iso": iso(report.made_at_ms) },
        "summary": report.summary,
        "funnel": steps.map(|(key, count)| json!({ "key": key, "count": grouped(count) })),
        "verify_with": report.draw.verify_with,
    });
    render::page("report.html", Some(&person), &page)
}

/// A file of a report: `full.json`, `public.html` and the like.
pub(super) async fn save(
    State(admin): State<Admin>,
    person: Person,
    Path((room, file)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (edition, kind) = file.split_once('.').unwrap_or_default();
    let edition = match edition {
        "full" => Edition { public: false },
        "public" => Edition { public: true },
        _ => return Err(super::refusal::not_found().await),
    };
    let report = report(&admin, &person.caller, &room, edition).await?;
    Ok(match kind {
        "html" => saved(&room, ("html", "text/html; charset=utf-8"), html(&report)),
        "csv" => saved(&room, ("csv", "text/csv; charset=utf-8"), csv(&report)),
        "json" => {
            let text = serde_json::to_string_pretty(&report).map_err(|error| Problem::Report(error.to_string()))?;
            saved(&room, ("json", "application/json"), text)
        }
        _ => return Err(super::refusal::not_found().await),
    })
}
