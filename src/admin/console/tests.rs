//! The console over real sockets, as a browser without scripts uses it.

use std::time::{Duration, Instant};

use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use super::live::EVENT_BYTES_MAX;
use crate::admin::Client;
use crate::admin::testing::{TOKEN_ORGANIZER, TOKEN_SRE, TOKEN_VIEWER, TestEdge};
use crate::config::Secret;
use fairgate_core::room::{Command, Control};
use fairgate_store::history::{Sample, Series};

mod past;
mod sales;

const SOON: Duration = Duration::from_secs(30);

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    html: String,
}

/// A browser: it keeps its cookie, and says which page a form is on.
struct Browser<'e> {
    edge: &'e TestEdge,
    http: Http,
    cookie: String,
}

impl<'e> Browser<'e> {
    fn new(edge: &'e TestEdge) -> Self {
        let http = Http::builder().redirect(Policy::none()).build().expect("a client");
        Self { edge, http, cookie: String::new() }
    }

    async fn logged_in(edge: &'e TestEdge, token: &str) -> Self {
        let mut browser = Self::new(edge);
        let answer = browser.post("/console/login", &[("token", token)]).await;
        assert_eq!((answer.status, &answer.headers[LOCATION]), (StatusCode::SEE_OTHER, &"/console/".parse().unwrap()));
        let cookie = answer.headers[SET_COOKIE].to_str().expect("ASCII");
        assert!(cookie.starts_with("fairgate-console=") && cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        browser.cookie = cookie.split(';').next().expect("a pair").to_owned();
        browser
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.edge.url)).header(COOKIE, &self.cookie)
    }

    async fn get(&self, path: &str) -> Page {
        shown(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        shown(self.form(path, fields).header(ORIGIN, &self.edge.url)).await
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Sends a form of a room's page: what the page says of the state, and these values.
    async fn sends(&self, what: &str, value: &str, more: &[(&str, &str)]) -> Page {
        let page = self.get("/console/rooms/final").await;
        let (form, seen) = (hidden(&page, "form"), hidden(&page, "seen"));
        let fields = [("form", &*form), ("seen", &*seen), ("what", what), ("value", value)];
        self.post("/console/rooms/final/change", &[&fields[..], more].concat()).await
    }
}

async fn shown(request: RequestBuilder) -> Page {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Page { status, headers, html: answer.text().await.expect("a page") }
}

/// The value of a hidden field; empty where there is none.
fn hidden(page: &Page, name: &str) -> String {
    let field = page.html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_default();
    field.split('"').next().unwrap_or_default().to_owned()
}

async fn rate(edge: &TestEdge) -> u32 {
    edge.store.view("final").await.expect("a view").policy.rate_per_minute
}

#[tokio::test]
async fn nothing_is_shown_to_who_is_not_logged_in() {
    let edge = TestEdge::start().await;
    let browser = Browser::new(&edge);
    for path in ["/console/", "/console/rooms/final", "/console/audit"] {
        let page = browser.get(path).await;
        assert_eq!((page.status, &page.headers[LOCATION]), (StatusCode::SEE_OTHER, &"/console/login".parse().unwrap()));
    }
    for path in ["/console/rooms/final/live", "/console/rooms/final/now"] {
        assert_eq!(browser.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let page = browser.get("/console/login").await;
    assert!(page.html.contains("plain HTTP") && page.html.contains("type=\"password\""), "{}", page.html);
    assert_eq!(browser.get("/console").await.headers[LOCATION], "/console/");
    let wrong = browser.post("/console/login", &[("token", "wrong-0123456789ab")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.html.contains("not known here") && wrong.headers.get(SET_COOKIE).is_none());
}

#[tokio::test]
async fn who_guesses_is_not_listened_to_whichever_door_it_is() {
    let edge = TestEdge::start().await;
    let browser = Browser::new(&edge);
    for _ in 0..10 {
        browser.post("/console/login", &[("token", "wrong-0123456789ab")]).await;
    }
    let right = browser.post("/console/login", &[("token", TOKEN_SRE)]).await;
    assert_eq!((right.status, right.headers.get(SET_COOKIE)), (StatusCode::TOO_MANY_REQUESTS, None));
}

#[tokio::test]
async fn pages_say_what_they_may_load_and_that_nobody_keeps_them() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    for path in [
        "/console/",
        "/console/rooms/final",
        "/console/audit",
        "/console/sales",
        "/console/sales/new",
        "/console/nowhere",
    ] {
        let page = browser.get(path).await;
        let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers[CACHE_CONTROL], "no-store", "{path}");
        assert!(page.html.starts_with("<!doctype html>") && page.html.trim_end().ends_with("</html>"), "{}", page.html);
        assert!(!page.html.contains("style=") && !page.html.contains("onclick"), "the policy would not let it be");
    }
    for file in ["console.css", "console.js"] {
        let file = browser.get(&format!("/console/{file}")).await;
        assert!(file.status.is_success() && file.html.len() > 500);
        assert!(file.headers[CACHE_CONTROL].to_str().expect("ASCII").contains("immutable"));
    }
}

#[tokio::test]
async fn what_a_first_look_loads_is_small() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    let now_s = u32::try_from(edge.store.view("final").await.unwrap().now_ms / 1_000).unwrap();
    let history = edge.history.of("final").unwrap();
    for ago in 0..900_u32 {
        let mut sample = Sample::new(now_s - ago);
        for series in Series::all() {
            sample.set(series, (u64::from(ago) * 7_919 + series as u64) % 1_000);
        }
        history.note(&sample).unwrap();
    }
    let mut bytes = 0;
    for path in ["rooms/final", "console.css", "console.js"] {
        let page = browser.get(&format!("/console/{path}")).await;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, page.html.as_bytes()).unwrap();
        bytes += gzip.finish().unwrap().len();
    }
    assert!(bytes < 40_000, "{bytes} bytes with gzip, of numbers that are as wild as can be");
}

#[tokio::test]
async fn a_sale_is_paused_with_one_press_and_resumed_by_undoing_it() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_ORGANIZER).await;
    let done = browser.sends("pause", "", &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.html);
    assert!(edge.store.view("final").await.expect("a view").paused);
    let page = browser.get(done.headers[LOCATION].to_str().expect("ASCII")).await;
    assert!(page.html.contains("1 of 1 edges follow"), "{}", page.html);
    assert!(page.html.contains("id=\"resume\"") && page.html.contains("Paused: nobody is let in"), "{}", page.html);
    let fields = [("form", &*hidden(&page, "form")), ("change", &*hidden(&page, "change"))];
    let undone = browser.post("/console/rooms/final/undo", &fields).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.html);
    assert!(!edge.store.view("final").await.expect("a view").paused);
    let again = browser.post("/console/rooms/final/undo", &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.html.contains("something else was changed since"), "{}", again.html);
    let audit = browser.get("/console/audit?who=organizer").await;
    assert!(audit.html.contains("undoes an earlier change") && audit.html.contains("127.0.0.0"), "{}", audit.html);
}

#[tokio::test]
async fn what_comes_of_a_change_is_shown_before_it_is_made() {
    let edge = TestEdge::start().await;
    edge.store.apply("final", Command::Enter((0..200).map(|fan| [fan; 32]).collect())).await.expect("fans");
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    let asked = browser.sends("rate", "1,800", &[]).await;
    assert_eq!((asked.status, rate(&edge).await), (StatusCode::OK, 600));
    assert!(asked.html.contains("600 → 1,800 a minute: the line of"), "{}", asked.html);
    assert!(asked.html.contains("3 times the present rate"), "{}", asked.html);
    let fields = ["form", "seen", "what", "value", "confirmed"].map(|name| (name, hidden(&asked, name)));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
    let done = browser.post("/console/rooms/final/change", &fields).await;
    assert_eq!((done.status, rate(&edge).await), (StatusCode::SEE_OTHER, 1_800), "{}", done.html);
    // The same page once more: what it shows is not what is there any more.
    let late = browser
        .post("/console/rooms/final/change", &[&fields[..3], &[("value", "900"), ("confirmed", "yes")]].concat())
        .await;
    assert_eq!((late.status, rate(&edge).await), (StatusCode::PRECONDITION_FAILED, 1_800));
    assert!(late.html.contains("sre has changed rate_per_minute from 600 to 1800"), "{}", late.html);

    let wrong = browser.sends("rate", "many", &[]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.html.contains("whole number"), "{}", wrong.html);
    let same = browser.sends("rate", "1800", &[("confirmed", "yes")]).await;
    assert!(same.headers[LOCATION].to_str().expect("ASCII").ends_with("?same=yes"));
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_typed() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    let is_sold_out = async || edge.store.view("final").await.expect("a view").sold_out;
    for typed in ["", "Final", "yes"] {
        let page = browser.sends("sold_out", "", &[("confirmed", "yes"), ("typed", typed)]).await;
        assert!(page.html.contains("That was not it") && !is_sold_out().await, "{typed:?}");
    }
    browser.sends("sold_out", "", &[("confirmed", "yes"), ("typed", "final")]).await;
    assert!(is_sold_out().await);
    browser.sends("let_in", "5", &[("confirmed", "yes"), ("typed", "5")]).await;
    let page = browser.get("/console/rooms/final").await;
    assert!(page.html.contains("Let in beyond the rate"), "{}", page.html);
}

/// Every call that a page makes, and those that it does not.
#[tokio::test]
async fn a_viewer_changes_nothing_by_any_call() {
    let edge = TestEdge::start().await;
    let made = Browser::logged_in(&edge, TOKEN_SRE).await;
    made.sends("message", "soon", &[("confirmed", "yes")]).await;
    let change = hidden(&made.get("/console/rooms/final").await, "change");
    let before = edge.store.view("final").await.expect("a view");
    let viewer = Browser::logged_in(&edge, TOKEN_VIEWER).await;
    let page = viewer.get("/console/rooms/final").await;
    assert!(page.html.contains("You may look") && !page.html.contains("name=\"what\""), "{}", page.html);
    assert!(!page.html.contains("/undo\""), "{}", page.html);
    let (form, seen) = (hidden(&page, "form"), before_tag(&edge).await);
    let values = [
        ("pause", ""),
        ("resume", ""),
        ("drain", ""),
        ("message", "hi"),
        ("no_message", ""),
        ("sold_out", ""),
        ("on_sale", ""),
        ("ends_at", "2040-01-01T00:00"),
        ("no_end", ""),
        ("rate", "5"),
        ("burst", "5"),
        ("max_active", "5"),
        ("let_in", "5"),
        ("target", "50"),
        ("fixed", ""),
        ("adaptive", ""),
    ];
    for (what, value) in values {
        for typed in ["final", "5"] {
            let fields = [("form", &*form), ("seen", &*seen), ("what", what), ("value", value)];
            let more = [("confirmed", "yes"), ("typed", typed)];
            let page = viewer.post("/console/rooms/final/change", &[&fields[..], &more].concat()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{what}: {}", page.html);
        }
    }
    let undone = viewer.post("/console/rooms/final/undo", &[("form", &form), ("change", &change)]).await;
    assert_eq!(undone.status, StatusCode::FORBIDDEN, "{}", undone.html);
    let after = edge.store.view("final").await.expect("a view");
    assert_eq!((after.control_revision, after.message), (before.control_revision, Some("soon".into())));
    // An organizer who types a form of an SRE.
    let organizer = Browser::logged_in(&edge, TOKEN_ORGANIZER).await;
    assert_eq!(organizer.sends("rate", "5", &[("confirmed", "yes")]).await.status, StatusCode::FORBIDDEN);
}

async fn before_tag(edge: &TestEdge) -> String {
    Client::new(&edge.url, Secret::new(TOKEN_VIEWER.into())).show("final").await.expect("a room").controls
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    let page = browser.get("/console/rooms/final").await;
    let (form, seen) = (hidden(&page, "form"), hidden(&page, "seen"));
    let other = Browser::logged_in(&edge, TOKEN_SRE).await;
    let others = hidden(&other.get("/console/rooms/final").await, "form");
    let path = "/console/rooms/final/change";
    let fields = |form: &str| [("form", form.to_owned()), ("seen", seen.clone()), ("what", "pause".to_owned())];
    for (token, origin) in [
        (&form, None),
        (&form, Some("null")),
        (&form, Some("https://evil.example")),
        (&others, Some(&*edge.url)),
        (&String::new(), Some(&*edge.url)),
    ] {
        let fields = fields(token);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let request = browser.form(path, &fields);
        let answer = shown(match origin {
            Some(origin) => request.header(ORIGIN, origin),
            None => request,
        })
        .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?} {token}");
    }
    assert!(!edge.store.view("final").await.expect("a view").paused);
}

#[tokio::test]
async fn a_link_opens_one_session_for_whoever_presses() {
    let edge = TestEdge::start().await;
    let link = Client::new(&edge.url, Secret::new(TOKEN_ORGANIZER.into())).console_link().await.expect("a link");
    let browser = Browser::new(&edge);
    let page = browser.get(&link.path).await;
    let key = hidden(&page, "key");
    assert!(browser.get(&link.path).await.status.is_success(), "a preview uses nothing up");
    let opened = browser.post("/console/enter", &[("key", &key)]).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.html);
    let cookie = opened.headers[SET_COOKIE].to_str().expect("ASCII").split(';').next().expect("a pair").to_owned();
    let inside = Browser { cookie, ..Browser::new(&edge) };
    let rooms = inside.get("/console/").await;
    assert!(rooms.html.contains("organizer as organizer") && rooms.html.contains("Cup final"), "{}", rooms.html);
    assert_eq!(browser.post("/console/enter", &[("key", &key)]).await.status, StatusCode::GONE);
    let form = hidden(&rooms, "form");
    assert_eq!(inside.post("/console/logout", &[("form", &form)]).await.headers[LOCATION], "/console/login");
    assert_eq!(inside.get("/console/").await.headers[LOCATION], "/console/login");
}

#[tokio::test]
async fn behind_a_proxy_the_cookie_is_for_tls_alone_and_nobody_else_is_a_proxy() {
    let edge = TestEdge::start().await;
    let browser = Browser::new(&edge);
    let by = |name: &'static str, value: &'static str| {
        let request = browser.form("/console/login", &[("token", TOKEN_SRE)]).header(ORIGIN, &edge.url);
        shown(request.header(name, value))
    };
    // This machine is not among the proxies of this edge.
    for (name, value) in [("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")] {
        let answer = by(name, value).await;
        assert_eq!((answer.status, answer.headers.get(SET_COOKIE)), (StatusCode::FORBIDDEN, None));
        assert!(answer.html.contains("trusted_proxies"), "{}", answer.html);
    }
}

#[tokio::test]
async fn live_numbers_come_once_a_second_and_nothing_is_left_of_a_closed_view() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_VIEWER).await;
    let now: Value = serde_json::from_str(&browser.get("/console/rooms/final/now").await.html).expect("JSON");
    assert_eq!((&now["state"], &now["rate"]), (&"serving".into(), &"600 of 600".into()));
    let mut views = Vec::new();
    for _ in 0..5 {
        views.push(browser.request(Method::GET, "/console/rooms/final/live").send().await.expect("a stream"));
    }
    assert_eq!(views[0].headers()["content-type"], "text/event-stream");
    for view in &mut views {
        let event = view.chunk().await.expect("an event").expect("it goes on");
        assert!(event.starts_with(b"data: {") && event.len() < EVENT_BYTES_MAX, "{event:?}");
    }
    assert_eq!((metric(&edge, "streams").await, metric(&edge, "feeds").await), (5, 1));
    edge.store.apply("final", Command::Control(vec![Control::Pause])).await.expect("a change");
    let until = Instant::now() + SOON;
    loop {
        let event = views[4].chunk().await.expect("an event").expect("it goes on");
        if String::from_utf8_lossy(&event).contains("\"state\":\"paused\"") {
            break;
        }
        assert!(Instant::now() < until, "{event:?}");
    }
    drop(views);
    let until = Instant::now() + SOON;
    while (metric(&edge, "streams").await, metric(&edge, "feeds").await) != (0, 0) {
        assert!(Instant::now() < until, "a view is closed and something goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The next one begins anew.
    let mut view = browser.request(Method::GET, "/console/rooms/final/live").send().await.expect("a stream");
    assert!(view.chunk().await.expect("an event").is_some());
}

async fn metric(edge: &TestEdge, name: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", edge.url)).await.expect("metrics").text().await.expect("text");
    let line = text.lines().find(|line| line.starts_with(&format!("fairgate_console_{name} "))).expect("a metric");
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

/// Templates fail only when they are rendered: each in every state that it tells apart.
#[tokio::test]
async fn every_page_is_rendered_in_every_state() {
    let edge = TestEdge::start().await;
    let browser = Browser::logged_in(&edge, TOKEN_SRE).await;
    let states = [
        vec![Control::Drain],
        vec![Control::Pause],
        vec![Control::Resume, Control::Message(Some("<b>Soon</b>".into())), Control::EndsAt(Some(2_208_988_800_000))],
        vec![Control::SoldOut(true)],
        vec![Control::SoldOut(false), Control::Mode(fairgate_core::room::Mode::Adaptive), Control::EndsAt(None)],
        vec![Control::EndsAt(Some(1))],
    ];
    for state in states {
        edge.store.apply("final", Command::Control(state.clone())).await.expect("a change");
        for path in ["/console/", "/console/rooms/final", "/console/audit"] {
            let page = browser.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path} after {state:?}: {}", page.html);
            assert!(!page.html.contains("<b>Soon</b>"), "what people write is escaped");
        }
    }
}
