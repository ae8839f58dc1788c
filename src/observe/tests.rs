//! What Prometheus reads is what happened.

use std::time::Duration;

use http::StatusCode;

use super::*;
use fairgate_core::room::{Claimant, Command, Control, Policy, Room, SalePlan};

/// A room without a pool: opens at second 1, lets in one a second after a burst of ten.
fn room() -> Room {
    let policy = Policy { max_active: 1_000, session_max_ms: 60_000, ..Policy::for_testing() };
    let plan = SalePlan {
        room: "final".into(),
        opens_at_ms: 1_000,
        starts_at_ms: 1_000,
        ends_at_ms: None,
        beacon: None,
        secret: [1; 32],
        config_version: 0,
        policy,
        rules: None,
    };
    let mut room = Room::default();
    room.apply(&Command::Schedule(plan), 0).expect("a plan");
    room
}

fn text(registry: &prometheus::Registry) -> String {
    String::from_utf8(expose(registry).expect("metrics")).expect("UTF-8")
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|known| known == line), "no line {line:?} in:\n{text}");
}

#[test]
fn a_room_is_shown_as_the_store_sees_it() {
    let registry = registry().expect("a registry");
    let rooms = RoomMetrics::new(&registry).expect("metrics");
    let mut room = room();
    let mut shown_after = |command, now_ms| {
        let _ = room.apply(&command, now_ms);
        rooms.observe_room("final", &room.view().expect("a view"));
        text(&registry)
    };
    assert_line(&shown_after(Command::Tick, 0), r#"fairgate_room_phase{phase="idle",room="final"} 1"#);

    let entries = (0..30).map(|entry| [entry; 32]).collect();
    shown_after(Command::Enter(entries), 1_000);
    shown_after(Command::Freeze { entries: 0, root: [0; 32] }, 1_000);
    shown_after(Command::Reveal { beacon: None }, 3_000);
    shown_after(Command::Claim([0, 1].map(|place| Claimant { place, index: None, nonce: None }).into()), 5_000);
    let shown = shown_after(Command::Control(vec![Control::Pause]), 5_000);
    let view = room.view().expect("a view");
    assert_eq!(view.admitted, 2);
    for (metric, value) in [
        ("line_places", 30),
        ("serving_places", view.serving),
        ("waiting_fans", 30 - view.serving),
        ("outstanding_places", view.outstanding),
        ("active_sessions", view.active),
        ("active_sessions_max", 1_000),
        ("rate_per_minute", 60),
        ("burst_fans", 10),
        ("admitted_total", view.admitted),
        ("paused", 1),
        ("sold_out", 0),
        ("stale", 0),
    ] {
        assert_line(&shown, &format!(r#"fairgate_room_{metric}{{room="final"}} {value}"#));
    }
    assert_line(&shown, "# HELP fairgate_room_pool_fans Entries in the roster of the draw.");
    assert_line(&shown, "# TYPE fairgate_room_admitted_total counter");
    rooms.observe_stale("final");
    assert_line(&text(&registry), r#"fairgate_room_stale{room="final"} 1"#);
}

#[test]
fn the_process_is_shown() {
    assert!(text(&registry().expect("a registry")).contains("\nprocess_resident_memory_bytes "));
}

#[test]
fn an_edge_counts_what_it_did() {
    let registry = registry().expect("a registry");
    let edge = EdgeMetrics::new(&registry).expect("metrics");
    edge.observe_request(RequestKind::Join, StatusCode::OK, Duration::from_millis(3));
    edge.observe_request(RequestKind::Join, StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(3));
    edge.observe_join_batch("final", 40);
    edge.observe_join_batch("final", 2);
    edge.observe_store_call("enter", Duration::from_millis(4), true);
    edge.observe_shed(Shed::StoreQueue);
    edge.observe_pass_check(PassCheck::Known);
    edge.observe_upstream_response("shop", RouteClass::Priority, Duration::from_millis(80), Duration::ZERO);
    edge.observe_upstream_bounds("shop", 64, false);
    edge.observe_stock("final", 12);
    edge.observe_upstream_failure("shop");
    edge.observe_upstream_load("shop", 7, 2);
    let shown = text(&registry);
    for line in [
        r#"fairgate_requests_total{kind="join",status_class="2xx"} 1"#,
        r#"fairgate_requests_total{kind="join",status_class="5xx"} 1"#,
        r#"fairgate_request_duration_seconds_bucket{kind="join",le="0.0025"} 0"#,
        r#"fairgate_request_duration_seconds_bucket{kind="join",le="0.005"} 2"#,
        r#"fairgate_joins_total{room="final"} 42"#,
        r#"fairgate_join_batch_fans_bucket{le="2"} 1"#,
        r#"fairgate_store_failures_total{command="enter"} 1"#,
        r#"fairgate_shed_total{reason="store_queue"} 1"#,
        r#"fairgate_pass_checks_total{result="known"} 1"#,
        r#"fairgate_upstream_in_flight_requests{upstream="shop"} 7"#,
        r#"fairgate_upstream_in_flight_requests_max{upstream="shop"} 64"#,
        r#"fairgate_upstream_response_duration_seconds_count{class="priority",upstream="shop"} 1"#,
        r#"fairgate_room_stock_items{room="final"} 12"#,
    ] {
        assert_line(&shown, line);
    }
}

#[test]
fn a_metric_cannot_be_declared_twice() {
    let registry = registry().expect("a registry");
    EdgeMetrics::new(&registry).expect("metrics");
    assert!(EdgeMetrics::new(&registry).is_err());
}
