//! Searching events: the same for everybody, and nobody's connection to the database.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use utoipa::IntoParams;

use super::problem::Problem;
use super::refused::Refused;
use super::{App, negotiate};
use crate::search::{Question, SearchAnswer, SearchRefusal};
use fairgate_problem::ProblemDetails;

/// What is looked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the query, which is read by hand so that mistakes are problems")]
pub(super) struct SearchQuery {
    /// Words of the title, the performers, the place or the category, in any order and any script. Accents and a typing error or
    /// two make no difference, and the last word may be a beginning. At most 200 bytes and 12 words; without it, everything.
    q: Option<String>,
    /// Which page of 20 events.
    #[param(minimum = 1, maximum = 50, default = 1)]
    page: Option<usize>,
    /// The first day where the event takes place. Without `from` and `to`, what has not begun.
    #[param(example = "2027-06-21")]
    from: Option<String>,
    /// The last day where the event takes place.
    #[param(example = "2027-06-21")]
    to: Option<String>,
    /// The city of the venue.
    city: Option<String>,
    /// The category.
    category: Option<String>,
    /// Events with a section at this price or more, in the smallest unit of their currency.
    price_min: Option<u32>,
    /// Events with a section at this price or less.
    price_max: Option<u32>,
    /// Around this point: degrees north. Together with `lon`.
    lat: Option<f64>,
    /// Around this point: degrees east.
    lon: Option<f64>,
    /// How far from the point, in km.
    #[param(maximum = 1000, default = 25)]
    km: Option<u32>,
    /// `relevance` (what fits best first), `date` or `price`.
    sort: Option<String>,
}

/// Finds events. What has the words as they were asked comes before what begins with the last of them, and that before what is near
/// to them. If no event has all words, those with all but one are answered (`relaxed`). Cacheable for five seconds, with an ETag.
#[utoipa::path(
    get, path = "/api/v1/events/search", tag = "events", params(SearchQuery),
    responses(
        (status = 200, body = SearchAnswer),
        (status = 304, description = "It is as you know it"),
        (status = 422, body = ProblemDetails, content_type = "application/problem+json", description = "A value out of range, named by `field`"),
        Refused<503>,
    ),
)]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let question = Question::read(query.as_deref().unwrap_or_default())?;
    let answered = app.search.ask(&question).await?;
    Ok(negotiate::answer(&answered.document, &headers))
}

impl From<SearchRefusal> for Problem {
    fn from(refusal: SearchRefusal) -> Self {
        match refusal {
            SearchRefusal::Busy => {
                Self::busy("Too many search at this moment. Ask again in a second, or with fewer words.")
            }
            SearchRefusal::Off => {
                let detail = "This core has no search: it was started with `--without search`.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-search", "No search", detail)
            }
            SearchRefusal::Failed => {
                let detail = "The search failed. Ask again in a moment; lists and events are answered as ever.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "search-failed", "The search failed", detail).retry_after(5)
            }
        }
    }
}
