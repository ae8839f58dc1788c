//! Drafts over a real admin listener. What edges make of what is published is tested where they run.

use reqwest::header::{ETAG, IF_MATCH};
use reqwest::{Client as Http, Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::testing::{TOKEN_ORGANIZER, TOKEN_VIEWER, TestEdge};
use crate::definitions::TEXT_BYTES_MAX;

const DRAFT: &str = "/rooms/fado/definition";
const ROOM: &str = "[[room]]\nname = \"fado\"\nupstream = \"shop\"\nopens_at = \"2026-12-01T09:00Z\"\n\
    starts_at = \"2026-12-01T10:00Z\"\nadmission.rate_per_minute = 60\n";

struct Answer {
    status: StatusCode,
    tag: Option<String>,
    body: Value,
}

impl Answer {
    fn problem(&self) -> (u16, &str) {
        let slug = self.body["type"].as_str().and_then(|kind| kind.rsplit('/').next());
        (self.status.as_u16(), slug.unwrap_or_default())
    }
}

async fn call(edge: &TestEdge, token: &str, method: Method, path: &str, text: Option<&str>, seen: &str) -> Answer {
    let mut request = Http::new().request(method, format!("{}/api/v1{path}", edge.url)).bearer_auth(token);
    if let Some(toml) = text {
        request = request.json(&json!({ "toml": toml }));
    }
    if !seen.is_empty() {
        request = request.header(IF_MATCH, seen);
    }
    let answer = request.send().await.expect("an answer");
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let status = answer.status();
    Answer { status, tag, body: answer.json().await.expect("JSON") }
}

#[tokio::test]
async fn who_may_look_changes_nothing() {
    let edge = TestEdge::start().await;
    let as_viewer = |method, path, text| call(&edge, TOKEN_VIEWER, method, path, text, "");
    for (method, path, text) in [
        (Method::PUT, DRAFT, Some(ROOM)),
        (Method::DELETE, DRAFT, None),
        (Method::POST, "/rooms/fado/publish", None),
        (Method::POST, "/rooms/fado/archive", None),
        (Method::GET, "/export", None),
        (Method::GET, "/rooms/fado/export", None),
    ] {
        assert_eq!(as_viewer(method, path, text).await.problem(), (403, "role"), "{path}");
    }
    let checked = as_viewer(Method::POST, "/rooms/fado/check", Some(ROOM)).await;
    assert_eq!((checked.status, &checked.body["mistakes"]), (StatusCode::OK, &json!([])));
    assert_eq!(as_viewer(Method::GET, "/definitions", None).await.body["rooms"], json!([]));
}

#[tokio::test]
async fn a_draft_may_have_mistakes_and_nobody_overwrites_what_they_have_not_seen() {
    let edge = TestEdge::start().await;
    let ask = |method, path, text, seen| call(&edge, TOKEN_ORGANIZER, method, path, text, seen);
    let wrong = ROOM.replace("\"shop\"", "\"shed\"");
    let dry = ask(Method::PUT, "/rooms/fado/definition?dry_run=true", Some(&wrong), "").await;
    assert_eq!((dry.status, dry.body["mistakes"][0]["line"].as_u64()), (StatusCode::OK, Some(3)), "{}", dry.body);
    assert_eq!(ask(Method::GET, DRAFT, None, "").await.problem(), (404, "no-definition"), "nothing is written");
    assert_eq!(ask(Method::POST, "/rooms/fado/publish", None, "").await.problem(), (404, "no-draft"));
    let first = ask(Method::PUT, DRAFT, Some(&wrong), "").await;
    assert_eq!(first.body["mistakes"][0]["key"], "room[fado].upstream", "{}", first.body);
    let told = ask(Method::POST, "/rooms/fado/publish", None, "").await;
    assert_eq!(told.problem(), (422, "bad-definition"));
    assert!(told.body["detail"].as_str().is_some_and(|told| told.contains("fado.toml:3: room[fado].upstream:")));
    let seen = first.tag.expect("a tag");
    let second = ask(Method::PUT, DRAFT, Some(ROOM), &seen).await;
    assert_eq!((second.status, &second.body["mistakes"]), (StatusCode::OK, &Value::Null), "{}", second.body);
    let late = ask(Method::PUT, DRAFT, Some(&wrong), &seen).await;
    assert_eq!(late.problem(), (412, "definition-changed"));
    assert!(late.body["detail"].as_str().is_some_and(|told| told.contains("organizer")), "{}", late.body);
    let same = ask(Method::PUT, DRAFT, Some(ROOM), "").await;
    assert_eq!((&same.body["id"], same.tag), (&Value::Null, second.tag), "the same text is no change");
    let gone = ask(Method::DELETE, DRAFT, None, "").await;
    assert_eq!((gone.status, &gone.body["definition"]["draft"]), (StatusCode::OK, &Value::Null), "{}", gone.body);
    assert_eq!(ask(Method::GET, DRAFT, None, "").await.problem(), (404, "no-definition"));
}

#[tokio::test]
async fn names_and_lengths_are_bounded() {
    let edge = TestEdge::start().await;
    let ask = |path, text| call(&edge, TOKEN_ORGANIZER, Method::PUT, path, Some(text), "");
    assert_eq!(ask("/rooms/Fado/definition", ROOM).await.problem(), (422, "bad-value"));
    let long = format!("{ROOM}# {}", "x".repeat(TEXT_BYTES_MAX));
    assert_eq!(ask(DRAFT, &long).await.problem(), (422, "bad-value"));
    let escapes = call(&edge, TOKEN_ORGANIZER, Method::PUT, "/rooms/..%2Ffado/definition", Some(ROOM), "").await;
    assert_eq!(escapes.problem(), (422, "bad-value"));
}
