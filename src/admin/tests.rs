//! The admin surface over real sockets and the real embedded store.

use std::sync::atomic::Ordering;

use reqwest::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client as Http, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::testing::{TOKEN_ORGANIZER, TOKEN_SRE, TOKEN_VIEWER, TestEdge};
use fairgate_core::room::{Claimant, Command, Control};
use fairgate_token::SessionId;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("a body");
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

async fn call(edge: &TestEdge, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Http::new().request(method, format!("{}{path}", edge.url)).bearer_auth(token);
    send(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

#[track_caller]
fn assert_problem(answer: &Answer, status: StatusCode, slug: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(answer.body["type"], format!("https://fairgate.dev/problems/{slug}"));
    assert_eq!(answer.body["status"], status.as_u16());
    assert!(answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
}

#[tokio::test]
async fn tells_how_rooms_stand() {
    let edge = TestEdge::start().await;
    let list = call(&edge, TOKEN_VIEWER, Method::GET, "/api/v1/rooms", None).await;
    assert_eq!((list.status, list.body["rooms"][0]["name"].as_str()), (StatusCode::OK, Some("final")));
    edge.store.apply("final", Command::Enter(vec![[1; 32], [2; 32]])).await.expect("two fans");
    let room = call(&edge, TOKEN_VIEWER, Method::GET, "/api/v1/rooms/final", None).await.body;
    let view = edge.store.view("final").await.expect("a view");
    for (key, value) in [
        ("title", json!("Cup final")),
        ("rate_per_minute", json!(600)),
        ("max_active", json!(1_000)),
        ("line_size", json!(view.line_size)),
        ("starts_at_ms", json!(view.starts_at_ms)),
        ("ends_at_ms", Value::Null),
        ("message", Value::Null),
        ("paused", json!(false)),
    ] {
        assert_eq!(room[key], value, "{key} of {room}");
    }
}

#[tokio::test]
async fn changes_are_made_at_once_and_told_with_before_and_after() {
    let edge = TestEdge::start().await;
    let patch = json!({"rate_per_minute": 60, "max_active": 5, "message": "Soon", "sold_out": true, "ends_at": "2040-01-01T00:00Z"});
    let changed = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", Some(patch.clone())).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    assert_eq!(changed.body["changes"][0], json!({"what": "rate_per_minute", "before": 600, "after": 60}));
    assert_eq!(changed.body["changes"].as_array().map(Vec::len), Some(5));
    assert_eq!(changed.body["id"].as_str().map(str::len), Some(16));
    let view = edge.store.view("final").await.expect("a view");
    assert_eq!((view.policy.rate_per_minute, view.policy.max_active, view.sold_out), (60, 5, true));
    assert_eq!((view.message.as_deref(), view.ends_at_ms), (Some("Soon"), Some(2_208_988_800_000)));

    let again = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", Some(patch)).await;
    assert_eq!(again.body["changes"], json!([]));
    assert_eq!(edge.store.view("final").await.expect("a view").revision, view.revision);

    let removed = json!({"message": null, "ends_at": null});
    call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", Some(removed)).await;
    let view = edge.store.view("final").await.expect("a view");
    assert_eq!((view.message, view.ends_at_ms), (None, None));
}

#[tokio::test]
async fn pauses_and_resumes() {
    let edge = TestEdge::start().await;
    for (verb, paused) in [("pause", true), ("pause", true), ("resume", false)] {
        let changed = call(&edge, TOKEN_ORGANIZER, Method::POST, &format!("/api/v1/rooms/final/{verb}"), None).await;
        assert_eq!(changed.body["room"]["paused"], paused, "{}", changed.body);
        assert_eq!(edge.store.view("final").await.expect("a view").paused, paused);
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let edge = TestEdge::start().await;
    let before = edge.store.view("final").await.expect("a view");
    let patch = Some(json!({"burst": 3}));
    let would = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final?dry_run=true", patch).await.body;
    assert_eq!((&would["dry_run"], &would["changes"][0]["after"]), (&json!(true), &json!(3)));
    call(&edge, TOKEN_SRE, Method::POST, "/api/v1/rooms/final/pause?dry_run=true", None).await;
    assert_eq!(edge.store.view("final").await.expect("a view").revision, before.revision);
}

#[tokio::test]
async fn roles_allow_what_they_say() {
    let edge = TestEdge::start().await;
    let patch = |body: Value| (Method::PATCH, "/api/v1/rooms/final", Some(body));
    for ((method, path, body), viewer, organizer) in [
        ((Method::GET, "/api/v1/rooms", None), true, true),
        ((Method::GET, "/api/v1/rooms/final", None), true, true),
        ((Method::POST, "/api/v1/rooms/final/pause", None), false, true),
        ((Method::POST, "/api/v1/rooms/final/resume", None), false, true),
        (patch(json!({"message": "hi"})), false, true),
        (patch(json!({"sold_out": false})), false, true),
        (patch(json!({"ends_at": null})), false, true),
        (patch(json!({"paused": false})), false, true),
        (patch(json!({"rate_per_minute": 5})), false, false),
        (patch(json!({"burst": 5})), false, false),
        (patch(json!({"max_active": 5})), false, false),
    ] {
        for (token, allowed) in [(TOKEN_VIEWER, viewer), (TOKEN_ORGANIZER, organizer), (TOKEN_SRE, true)] {
            let answer = call(&edge, token, method.clone(), path, body.clone()).await;
            match allowed {
                true => assert_eq!(answer.status, StatusCode::OK, "{token} {method} {path} {body:?}: {}", answer.body),
                false => assert_problem(&answer, StatusCode::FORBIDDEN, "role"),
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_told_without_a_token() {
    let edge = TestEdge::start().await;
    for path in ["/api/v1/rooms", "/api/v1/rooms/final", "/api/v1/rooms/nowhere"] {
        let url = format!("{}{path}", edge.url);
        let none = send(Http::new().get(&url)).await;
        assert_problem(&none, StatusCode::UNAUTHORIZED, "no-token");
        assert_eq!(none.headers[WWW_AUTHENTICATE], "Bearer");
        let basic = send(Http::new().get(&url).basic_auth("admin", Some(TOKEN_SRE))).await;
        assert_problem(&basic, StatusCode::UNAUTHORIZED, "no-token");
        for wrong in ["x", &TOKEN_SRE[..10], &format!("{TOKEN_SRE}x")] {
            let answer = send(Http::new().get(&url).bearer_auth(wrong)).await;
            assert_problem(&answer, StatusCode::UNAUTHORIZED, "wrong-token");
        }
    }
    let closed = TestEdge::start_with(&[]).await;
    let answer = call(&closed, "", Method::GET, "/api/v1/rooms", None).await;
    assert_problem(&answer, StatusCode::FORBIDDEN, "admin-closed");
}

#[tokio::test]
async fn mistakes_are_problems_and_change_nothing() {
    let edge = TestEdge::start().await;
    let before = edge.store.view("final").await.expect("a view").revision;
    let patch = |body: Value| call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", Some(body));
    for body in [
        json!({"max_active": 5, "rate_per_minute": 0}),
        json!({"message": "x".repeat(2_001)}),
        json!({"message": "hi", "ends_at": "tomorrow"}),
    ] {
        assert_problem(&patch(body).await, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    }
    for body in [json!({"rate": 5}), json!({"rate_per_minute": -1}), json!({"paused": null}), json!("pause")] {
        assert_problem(&patch(body).await, StatusCode::UNPROCESSABLE_ENTITY, "bad-body");
    }
    let url = format!("{}/api/v1/rooms/final", edge.url);
    let request = || Http::new().patch(&url).bearer_auth(TOKEN_SRE);
    let text = send(request().body(r#"{"burst":3}"#)).await;
    assert_problem(&text, StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad-body");
    let broken = send(request().header(CONTENT_TYPE, "application/json").body("{")).await;
    assert_problem(&broken, StatusCode::BAD_REQUEST, "bad-body");
    assert_problem(&patch(json!({"message": "x".repeat(20_000)})).await, StatusCode::PAYLOAD_TOO_LARGE, "bad-body");

    let get = |path| call(&edge, TOKEN_SRE, Method::GET, path, None);
    assert_problem(&get("/api/v1/rooms/semifinal").await, StatusCode::NOT_FOUND, "no-room");
    assert_problem(&get("/api/v2/rooms").await, StatusCode::NOT_FOUND, "not-found");
    let method = call(&edge, TOKEN_SRE, Method::DELETE, "/api/v1/rooms/final", None).await;
    assert_problem(&method, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    assert!(method.headers[ALLOW].to_str().expect("ASCII").contains("PATCH"));
    let query = call(&edge, TOKEN_SRE, Method::POST, "/api/v1/rooms/final/pause?dryrun=1", None).await;
    assert_problem(&query, StatusCode::BAD_REQUEST, "bad-body");
    assert_eq!(edge.store.view("final").await.expect("a view").revision, before);
}

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let edge = TestEdge::start().await;
    let get = |path: &str| send(Http::new().get(format!("{}{path}", edge.url)));
    assert_eq!(get("/healthz").await.status, StatusCode::OK);
    assert_eq!(get("/readyz").await.status, StatusCode::OK);
    let metrics = get("/metrics").await;
    assert!(metrics.headers[CONTENT_TYPE].to_str().expect("ASCII").starts_with("text/plain; version=0.0.4"));
    let text = metrics.body.as_str().expect("text");
    assert!(text.contains(r#"fairgate_room_rate_per_minute{room="final"} 600"#), "{text}");

    edge.accepts_visitors.store(false, Ordering::Relaxed);
    assert_eq!(get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/healthz").await.status, StatusCode::OK, "it still lives");
}

#[tokio::test]
async fn whose_heartbeat_has_stopped_is_said_by_name() {
    let edge = TestEdge::start().await;
    let get = |path: &str| send(Http::new().get(format!("{}{path}", edge.url)));
    let pulse = edge.supervisor.pulse_within("room final", std::time::Duration::ZERO);
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let answer = get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.as_str().expect("text").contains("room final has been silent for"), "{:?}", answer.body);
    let metrics = get("/metrics").await;
    assert!(metrics.body.as_str().expect("text").contains(r#"fairgate_heartbeat_age_seconds{task="room final"}"#));
    drop(pulse);
    assert_eq!(get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_guesses_tokens_is_not_listened_to() {
    let edge = TestEdge::start().await;
    let guess = || call(&edge, "wrong-0123456789abc", Method::GET, "/api/v1/rooms", None);
    for _ in 0..10 {
        assert_problem(&guess().await, StatusCode::UNAUTHORIZED, "wrong-token");
    }
    let refused = guess().await;
    assert_problem(&refused, StatusCode::TOO_MANY_REQUESTS, "too-many-wrong-tokens");
    assert!(refused.headers.contains_key("retry-after"));
    let metrics = send(Http::new().get(format!("{}/metrics", edge.url))).await;
    let text = metrics.body.as_str().expect("text");
    assert!(text.contains(r#"fairgate_admin_refused_requests_total{reason="wrong_token"} 10"#), "{text}");
}

#[tokio::test]
async fn a_name_that_was_made_to_point_here_reads_nothing() {
    let edge = TestEdge::start().await;
    let by = |host: &str, path: &str| send(Http::new().get(format!("{}{path}", edge.url)).header("host", host));
    for path in ["/metrics", "/api/v1/rooms", "/openapi.json", "/nowhere"] {
        assert_problem(&by("rebound.example", path).await, StatusCode::MISDIRECTED_REQUEST, "unknown-host");
    }
    assert_eq!(by("admin.internal:9090", "/metrics").await.status, StatusCode::OK);
    assert_eq!(by("shop.example", "/readyz").await.status, StatusCode::OK, "load balancers ask by any name");
}

#[tokio::test]
async fn half_a_head_holds_nobody_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let edge = TestEdge::start().await;
    let address = edge.url.strip_prefix("http://").expect("a URL");
    let mut half = Vec::new();
    for _ in 0..100 {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ").await.ok();
        half.push(stream);
    }
    // Those beyond what one address may have are closed at once, the others when their time is over.
    let mut closed = 0;
    for stream in &mut half {
        let read = tokio::time::timeout(std::time::Duration::from_millis(20), stream.read(&mut [0; 1])).await;
        closed += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert_eq!(closed, 36);
    let read = tokio::time::timeout(std::time::Duration::from_secs(15), half[0].read(&mut [0; 1])).await;
    assert!(matches!(read, Ok(Ok(_) | Err(_))), "it is still open");
    drop(half);
    assert_eq!(send(Http::new().get(format!("{}/healthz", edge.url))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_message_is_plain_text() {
    let edge = TestEdge::start().await;
    for sign in ["\u{1b}[2J", "\u{202e}", "\u{2066}", "\0", "\u{85}", "\u{2028}"] {
        let body = Some(json!({ "message": format!("Soon{sign}") }));
        let patched = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", body).await;
        assert_problem(&patched, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    }
    let fine = Some(json!({ "message": "Zwei\nZeilen, مرحبا" }));
    let patched = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", fine).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.body);
}

#[tokio::test]
async fn the_api_describes_itself() {
    let edge = TestEdge::start().await;
    let api = send(Http::new().get(format!("{}/openapi.json", edge.url))).await.body;
    let paths = api["paths"].as_object().expect("paths");
    for path in ["/api/v1/rooms", "/api/v1/rooms/{room}", "/api/v1/rooms/{room}/pause", "/healthz", "/metrics"] {
        assert!(paths.contains_key(path), "{path} is not in {paths:?}");
    }
    assert_eq!(api["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let patch = &api["components"]["schemas"]["RoomPatch"]["properties"];
    // What the API takes is what it says that it takes.
    let changed = ["rate_per_minute", "ramp", "burst", "max_active", "let_in", "mode", "target_ms"];
    for key in changed.into_iter().chain(["paused", "message", "sold_out", "ends_at"]) {
        assert!(patch.get(key).is_some(), "{key} is not in {patch}");
    }
    assert_eq!(patch.as_object().map(serde_json::Map::len), Some(11));
}

#[tokio::test]
async fn a_refusal_of_the_room_is_told() {
    let edge = TestEdge::start().await;
    edge.store.apply("final", Command::Control(vec![Control::Rate(7)])).await.expect("a change");
    let patch = Some(json!({"rate_per_minute": 70_000_000}));
    let answer = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", patch).await;
    assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("60000000")), "{}", answer.body);
    assert!(answer.headers.get(RETRY_AFTER).is_none());
}

#[tokio::test]
async fn several_changes_are_made_together_or_not_at_all() {
    let edge = TestEdge::start().await;
    let before = edge.store.view("final").await.expect("a view");
    let patch = Some(json!({"rate_per_minute": 5, "target_ms": 1}));
    let refused = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", patch).await;
    assert_problem(&refused, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("target_ms must be from 10")));
    assert_eq!(edge.store.view("final").await.expect("a view").revision, before.revision);

    let patch =
        json!({"ramp": {"to_per_minute": 900, "over_ms": 60_000}, "mode": "adaptive", "target_ms": 300, "let_in": 4});
    let changed = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", Some(patch)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let room = &changed.body["room"];
    for (key, value) in [
        ("rate_per_minute", json!(900)),
        // Nobody steers in this test, so the floor holds.
        ("rate_now_per_minute", json!(1)),
        ("mode", json!("adaptive")),
        ("target_ms", json!(300)),
        ("let_in", json!(4)),
    ] {
        assert_eq!(room[key], value, "{key} of {room}");
    }
}

#[tokio::test]
async fn a_drain_is_ended_by_resuming() {
    let edge = TestEdge::start().await;
    let drained = call(&edge, TOKEN_ORGANIZER, Method::POST, "/api/v1/rooms/final/drain", None).await.body;
    assert_eq!(drained["changes"], json!([{"what": "draining", "before": false, "after": true}]));
    let resumed = call(&edge, TOKEN_ORGANIZER, Method::POST, "/api/v1/rooms/final/resume", None).await.body;
    assert_eq!((&resumed["changes"][0]["what"], &resumed["room"]["draining"]), (&json!("draining"), &json!(false)));
    let viewer = call(&edge, TOKEN_VIEWER, Method::POST, "/api/v1/rooms/final/drain", None).await;
    assert_problem(&viewer, StatusCode::FORBIDDEN, "role");
}

#[tokio::test]
async fn a_session_is_revoked_by_place_or_by_name_and_everything_is_in_the_audit_log() {
    let edge = TestEdge::start().await;
    edge.store.apply("final", Command::Enter(vec![[1; 32], [2; 32]])).await.expect("two fans");
    let view = edge.store.view("final").await.expect("a view");
    let claimant = |place| Claimant { place, index: None, nonce: None };
    edge.store.apply("final", Command::Claim(vec![claimant(0), claimant(1)])).await.expect("both are called");
    let session = SessionId::of(&view.draw.descriptor_digest, 1).to_string();
    let path = "/api/v1/rooms/final/revoke";
    let dry = call(&edge, TOKEN_SRE, Method::POST, &format!("{path}?dry_run=true"), Some(json!({"place": 0}))).await;
    assert_eq!(dry.body["room"]["active"], 2, "{}", dry.body);
    for (whom, left) in [(json!({"place": 0}), 1), (json!({"session": session}), 0)] {
        let revoked = call(&edge, TOKEN_SRE, Method::POST, path, Some(whom)).await;
        assert_eq!(revoked.body["room"]["active"], left, "{}", revoked.body);
    }
    let closed = edge.store.view("final").await.expect("a view").closed;
    assert_eq!(closed.keys().copied().collect::<Vec<_>>(), [0, 1], "gates refuse their passes");
    for nobody in [json!({"place": 2}), json!({"session": "00"})] {
        let answer = call(&edge, TOKEN_SRE, Method::POST, path, Some(nobody)).await;
        assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    }
    let organizer = call(&edge, TOKEN_ORGANIZER, Method::POST, path, Some(json!({"place": 1}))).await;
    assert_problem(&organizer, StatusCode::FORBIDDEN, "role");

    call(&edge, TOKEN_ORGANIZER, Method::POST, "/api/v1/rooms/final/pause", None).await;
    let audit = call(&edge, TOKEN_VIEWER, Method::GET, "/api/v1/rooms/final/audit", None).await.body;
    let newest = &audit["changes"][0];
    for (key, value) in
        [("who", json!("organizer")), ("what", json!("paused")), ("before", json!(false)), ("after", json!(true))]
    {
        assert_eq!(newest[key], value, "{key} of {newest}");
    }
    assert_eq!(audit["changes"][1]["what"], "refused", "{audit}");
    assert_eq!(audit["changes"].as_array().map(Vec::len), Some(4), "{audit}");
}

/// Round 1000 of quicknet, from `docs/DRAW.md`.
const ROUND: u64 = 1_000;
const SIGNATURE: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

#[tokio::test]
async fn who_hands_in_a_round_is_in_the_audit_log_once() {
    let edge = TestEdge::start_waiting(ROUND).await;
    let hand_in = async |round: u64| {
        let body = json!({"round": round, "signature": SIGNATURE});
        call(&edge, TOKEN_ORGANIZER, Method::POST, "/api/v1/rooms/final/beacon", Some(body)).await
    };
    let other = hand_in(ROUND + 1).await;
    assert!(other.status.is_client_error(), "{}", other.body);
    for _ in 0..2 {
        let taken = hand_in(ROUND).await;
        assert_eq!((taken.status, taken.body["phase"].as_str()), (StatusCode::OK, Some("serving")), "{}", taken.body);
    }
    let audit = call(&edge, TOKEN_ORGANIZER, Method::GET, "/api/v1/rooms/final/audit", None).await.body;
    let entries = audit["changes"].as_array().expect("changes");
    assert_eq!(entries.len(), 1, "{audit}");
    for (key, value) in
        [("who", json!("organizer")), ("what", json!("beacon_round")), ("before", Value::Null), ("after", json!(ROUND))]
    {
        assert_eq!(entries[0][key], value, "{key}");
    }
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let edge = TestEdge::start().await;
    let url = format!("{}/api/v1/rooms/final", edge.url);
    let tag = |answer: &Answer| answer.headers[ETAG].to_str().expect("ASCII").to_owned();
    let set = async |rate: u32, seen: &str| {
        let request = Http::new().patch(&url).bearer_auth(TOKEN_SRE).header(IF_MATCH, seen);
        send(request.json(&json!({"rate_per_minute": rate}))).await
    };
    let shown = send(Http::new().get(&url).bearer_auth(TOKEN_VIEWER)).await;
    let first = tag(&shown);
    assert_eq!(first, format!("\"{}\"", shown.body["controls"].as_str().expect("a tag")));
    // Fans come and go: that is no change of what people set.
    edge.store.apply("final", Command::Enter(vec![[1; 32]])).await.expect("a fan");
    let changed = set(900, &first).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let refused = set(700, &first).await;
    assert_problem(&refused, StatusCode::PRECONDITION_FAILED, "controls-changed");
    assert!(
        refused.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("sre has changed rate_per_minute from 600 to 900")),
        "{}",
        refused.body
    );
    assert_eq!(set(700, &tag(&changed)).await.status, StatusCode::OK);
    for never in ["\"x\"", "W/\"1\"", "1", "\"00000000-1\""] {
        assert_problem(&set(5, never).await, StatusCode::PRECONDITION_FAILED, "controls-changed");
    }
    assert_eq!(set(6, "*").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_dry_run_says_what_would_come_of_it() {
    let edge = TestEdge::start().await;
    let crowd = (0..900_u16).map(|fan| {
        let mut entry = [9; 32];
        entry[..2].copy_from_slice(&fan.to_le_bytes());
        entry
    });
    edge.store.apply("final", Command::Enter(crowd.collect())).await.expect("fans");
    let waiting = edge.store.view("final").await.map(|view| view.line_size - view.serving).expect("a view");
    let would = Some(json!({"rate_per_minute": 1200, "ends_at": "2020-01-01T00:00Z"}));
    let would = call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final?dry_run=true", would).await.body;
    let said = would["consequences"][0].as_str().expect("a sentence");
    assert!(said.starts_with(&format!("600 → 1,200 a minute: the line of {waiting} is through in")), "{said}");
    let warnings = would["warnings"].to_string();
    assert!(warnings.contains("ends at once") && warnings.contains("2 times the present rate"), "{warnings}");
    assert_eq!(would["id"], Value::Null);
}

#[tokio::test]
async fn an_undo_needs_the_role_of_the_change_and_a_change_that_can_be_undone() {
    let edge = TestEdge::start().await;
    let body = |body: Value| call(&edge, TOKEN_SRE, Method::PATCH, "/api/v1/rooms/final", Some(body));
    let rate = body(json!({"rate_per_minute": 900})).await.body["id"].as_str().expect("an id").to_owned();
    let undo = async |token: &str, id: &str| {
        call(&edge, token, Method::POST, &format!("/api/v1/rooms/final/undo/{id}"), None).await
    };
    for token in [TOKEN_VIEWER, TOKEN_ORGANIZER] {
        assert_problem(&undo(token, &rate).await, StatusCode::FORBIDDEN, "role");
    }
    assert_problem(&undo(TOKEN_SRE, "0123456789abcdef").await, StatusCode::NOT_FOUND, "no-change");
    let let_in = body(json!({"let_in": 3})).await.body["id"].as_str().expect("an id").to_owned();
    assert_problem(&undo(TOKEN_SRE, &let_in).await, StatusCode::CONFLICT, "not-undoable");
    let undone = undo(TOKEN_SRE, &rate).await;
    assert_eq!((undone.status, &undone.body["room"]["rate_per_minute"]), (StatusCode::OK, &json!(600)));
    let edges = call(&edge, TOKEN_VIEWER, Method::GET, "/api/v1/rooms/final/edges", None).await.body;
    assert_eq!((&edges["known"], &edges["following"]), (&json!(1), &json!(1)));
}
