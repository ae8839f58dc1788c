//! The page that finds events: a form and a list, made here, so that it needs no script. It asks what the API asks.
//!
//! Guarantees: what people typed and what organizers wrote is text and nothing else; the page runs no script at all.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::App;
use super::page::{STYLE, hash};
use crate::db::DbTime;
use crate::events::about::EventStatus;
use crate::events::edit::Misfit;
use crate::events::local_time::in_zone;
use crate::money::money;
use crate::search::{FoundEvent, Left, Question, SearchAnswer, SearchRefusal};
use fairgate_pages::escape;
use fairgate_telemetry::written_time::read_time_ms;

const HTML: &str = include_str!("../../pages/search.html");
const SEARCH_STYLE: &str = include_str!("../../pages/search.css");
/// The fields of the form; what else is asked stays in the addresses of the other pages.
const FIELDS: [&str; 4] = ["q", "city", "from", "to"];
/// Bytes of a query that are given back in a page.
const QUERY_BYTES_MAX: usize = 2_000;

/// The page and the policy that lets it do nothing but ask again.
#[derive(Clone, Debug)]
pub(super) struct SearchPage {
    template: String,
    policy: HeaderValue,
}

impl SearchPage {
    pub(super) fn build() -> Self {
        let style = format!("{STYLE}{SEARCH_STYLE}");
        let policy = format!(
            "default-src 'none'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            hash(&style)
        );
        let policy = HeaderValue::from_str(&policy).expect("ASCII without line ends");
        Self { template: HTML.replacen("{{style}}", &style, 1), policy }
    }

    /// Fills in the page. Each place is filled once, and what fills one is not looked through for others.
    fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut pieces = self.template.split("{{");
        let mut page = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once("}}").unwrap_or(("", piece));
            page.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
            page.push_str(rest);
        }
        page
    }

    fn answer(&self, status: StatusCode, page: String) -> Response {
        let mut response = (status, page).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        let is_found = status == StatusCode::OK;
        let cached = if is_found { "public, max-age=5" } else { "no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Finds events, as a page.
pub(super) async fn search(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked = match Question::read(&query) {
        Ok(question) => app.search.ask(&question).await.map_err(Refused::by),
        Err(misfit) => Err(Refused::Misfit(misfit)),
    };
    let given = Given::read(&query);
    let page = &app.pages.search;
    match asked {
        Ok(answered) => page.answer(StatusCode::OK, given.found(page, &answered.answer)),
        Err(refused) => page.answer(refused.status(), given.refused(page, &refused)),
    }
}

/// Why nothing was looked for.
enum Refused {
    Misfit(Misfit),
    Search(SearchRefusal),
}

impl Refused {
    fn by(refusal: SearchRefusal) -> Self {
        Self::Search(refusal)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Misfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Search(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn words(&self) -> Cow<'_, str> {
        match self {
            Self::Misfit(Misfit { field, detail }) => format!("{}: {detail}", label(field)).into(),
            Self::Search(SearchRefusal::Busy) => "Many people are searching at this moment. Please try again.".into(),
            Self::Search(_) => "The search is not available at this moment.".into(),
        }
    }
}

/// What the form calls a field.
fn label(field: &str) -> &str {
    match field {
        "q" => "Artist, event or place",
        "city" => "City",
        "from" => "From",
        "to" => "Until",
        other => other,
    }
}

/// What was typed.
struct Given<'a> {
    query: &'a str,
    fields: [String; 4],
}

impl<'a> Given<'a> {
    fn read(query: &'a str) -> Self {
        let query = if query.len() <= QUERY_BYTES_MAX { query } else { "" };
        let value = |field: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == field).map_or_else(String::new, |(_, value)| escape(&value).into_owned())
        };
        Self { query, fields: FIELDS.map(value) }
    }

    fn found(&self, page: &SearchPage, answer: &SearchAnswer) -> String {
        let more = if answer.total_more { "more than " } else { "" };
        let said = match answer.total {
            0 => "Nothing was found".to_owned(),
            1 => "1 event".to_owned(),
            total => format!("{more}{total} events"),
        };
        let mut notice = String::new();
        if answer.relaxed {
            notice.push_str("<p class=\"small\">No event has all of the words. These have all but one.</p>");
        }
        if answer.stale {
            notice.push_str("<p class=\"small\">Some events may be missing at this moment.</p>");
        }
        if answer.total == 0 {
            notice.push_str("<p>Try other words, another city or other days.</p>");
        }
        let events: String = answer.events.iter().map(item).collect();
        self.fill(page, &said, None, &[("notice", &notice), ("events", &events), ("pages", &self.pages(answer))])
    }

    fn refused(&self, page: &SearchPage, refused: &Refused) -> String {
        let wrong = match refused {
            Refused::Misfit(misfit) => Some(&*misfit.field),
            Refused::Search(_) => None,
        };
        let notice = format!("<p class=\"notice\" id=\"wrong\" role=\"alert\">{}</p>", escape(&refused.words()));
        self.fill(page, "Nothing was looked for", wrong, &[("notice", &notice)])
    }

    fn fill(&self, page: &SearchPage, said: &str, wrong: Option<&str>, values: &[(&str, &str)]) -> String {
        let title = if self.fields[0].is_empty() {
            "Find events".to_owned()
        } else {
            format!("{} · Find events", self.fields[0])
        };
        let mark =
            |field: &str| if wrong == Some(field) { " aria-invalid=\"true\" aria-describedby=\"wrong\"" } else { "" };
        let mut all = vec![("title", &*title), ("said", said)];
        all.extend(FIELDS.iter().zip(&self.fields).map(|(name, value)| (*name, &**value)));
        all.extend([
            ("q_wrong", mark("q")),
            ("city_wrong", mark("city")),
            ("from_wrong", mark("from")),
            ("to_wrong", mark("to")),
        ]);
        all.extend(values);
        page.fill(&all)
    }

    /// The ways to the pages before and after.
    fn pages(&self, answer: &SearchAnswer) -> String {
        let way = |page: usize, rel: &str, words: &str| {
            let others = form_urlencoded::parse(self.query.as_bytes()).filter(|(name, _)| name != "page");
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(others);
            query.append_pair("page", &page.to_string());
            format!("<a rel=\"{rel}\" href=\"/search?{}\">{words}</a>", escape(&query.finish()))
        };
        let before = if answer.page > 1 { way(answer.page - 1, "prev", "Previous page") } else { String::new() };
        let after = if answer.page < answer.pages { way(answer.page + 1, "next", "Next page") } else { String::new() };
        if before.is_empty() && after.is_empty() {
            return String::new();
        }
        let here = format!("<span>Page {} of {}</span>", answer.page, answer.pages);
        format!("<nav class=\"pages\" aria-label=\"Pages\">{before}{here}{after}</nav>")
    }
}

fn item(event: &FoundEvent) -> String {
    let mut html = String::new();
    let id: String = form_urlencoded::byte_serialize(event.id.as_bytes()).collect();
    let starts = read_time_ms(&event.starts_at).ok().and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
    let when = in_zone(DbTime(starts), &event.zone);
    let place = if event.city.is_empty() || event.venue.contains(&event.city) {
        event.venue.clone()
    } else {
        format!("{}, {}", event.venue, event.city)
    };
    let price = match (event.price_min, event.price_max) {
        (min, max) if min == max => money(i64::from(min), &event.currency),
        (min, _) => format!("from {}", money(i64::from(min), &event.currency)),
    };
    let left = match event.left {
        Left::None => " · sold out at this moment",
        Left::Few => " · few left",
        Left::Many | Left::Unknown => "",
    };
    let state = match event.status {
        EventStatus::CalledOff => "<p class=\"off\">Called off</p>".to_owned(),
        EventStatus::Postponed => "<p class=\"off\">Postponed</p>".to_owned(),
        EventStatus::Scheduled => format!("<p class=\"price\">{}{left}</p>", escape(&price)),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<li><p class=\"when\"><time datetime=\"{}\">{}</time></p><h3 dir=\"auto\"><a href=\"/events/{id}\">{}</a></h3>\
         <p class=\"who\" dir=\"auto\">{}</p><p class=\"where\" dir=\"auto\">{}</p>{state}</li>",
        escape(&event.starts_at),
        escape(&when),
        escape(&event.title),
        escape(&event.performers.join(", ")),
        escape(&place),
    );
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_text_and_is_looked_through_for_nothing() {
        let page = SearchPage::build();
        let query = "q=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&city={{events}}&from=2027-01-01%27%20onload%3Dx";
        let given = Given::read(query);
        let refused = Refused::Misfit(Misfit { field: "from".into(), detail: "<b>".into() });
        let html = given.refused(&page, &refused);
        assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains("' onload"), "{html}");
        assert!(html.contains("value=\"{{events}}\""), "{html}");
        assert!(
            html.contains("id=\"from\" name=\"from\" value=\"2027-01-01&#39; onload=x\" aria-invalid=\"true\""),
            "{html}"
        );
    }

    #[test]
    fn the_other_pages_keep_what_was_asked() {
        let given = Given::read("q=a%26b&page=2&lat=1");
        let answer = SearchAnswer {
            query: "a&b".into(),
            page: 2,
            pages: 3,
            total: 55,
            total_more: false,
            relaxed: false,
            stale: false,
            events: vec![],
        };
        let pages = given.pages(&answer);
        assert!(pages.contains("href=\"/search?q=a%26b&amp;lat=1&amp;page=1\""), "{pages}");
        assert!(pages.contains("rel=\"next\" href=\"/search?q=a%26b&amp;lat=1&amp;page=3\""), "{pages}");
    }
}
