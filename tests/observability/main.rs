//! What stands in `observability/` fits what an edge shows. Every metric and label value that a panel or a rule names
//! exists. Prometheus's own tool reads the rules where it is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fairgate::observe::{EdgeMetrics, PassCheck, RequestKind, RouteClass, Shed, WitnessOutcome, expose, registry};
use fairgate_booking::metrics::{BookingMetrics, Lag};
use fairgate_booking::outbox::{HookMetrics, OutboxMetrics, WorkerMetrics};
use fairgate_booking::stock::Stock;
use fairgate_core::room::{Command as RoomCommand, Limit, Policy, Room, SalePlan, View};
use fairgate_telemetry::supervise::Supervisor;
use http::StatusCode;
use serde_json::Value;

fn file(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("observability").join(name);
    let text = std::fs::read_to_string(&path).expect("the file");
    (path, text)
}

/// Names in a text that could be metrics of fairgate.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("fairgate_")).map(str::to_owned).collect()
}

fn view() -> View {
    let policy =
        Policy { burst: 1, max_active: 1, grace_ms: 1, session_idle_ms: 1, session_max_ms: 1, ..Policy::for_testing() };
    let (room_name, secret) = ("final".to_owned(), [1; 32]);
    let plan = SalePlan {
        room: room_name,
        opens_at_ms: 1,
        starts_at_ms: 1,
        ends_at_ms: None,
        beacon: None,
        secret,
        config_version: 0,
        policy,
        rules: None,
    };
    let mut room = Room::default();
    room.apply(&RoomCommand::Schedule(plan), 0).expect("a plan");
    room.view().expect("a view")
}

/// Everything that an edge, a booking core, a relay and a mail worker show once everything has happened once.
fn shown() -> BTreeSet<String> {
    let registry = registry().expect("a registry");
    let edge = EdgeMetrics::new(&registry).expect("metrics");
    edge.rooms().observe_room("final", &view());
    edge.observe_request(RequestKind::Proxy, StatusCode::OK, Duration::ZERO);
    edge.observe_join_batch("final", 1);
    edge.observe_store_call("enter", Duration::ZERO, true);
    edge.observe_shed(Shed::UpstreamQueue);
    edge.observe_pass_check(PassCheck::Known);
    edge.observe_upstream_response("shop", RouteClass::Other, Duration::ZERO, Duration::ZERO);
    edge.observe_upstream_failure("shop");
    edge.observe_upstream_load("shop", 0, 0);
    edge.observe_upstream_bounds("shop", 1, false);
    edge.observe_stock("final", 1);
    edge.observe_time(0, 0);
    edge.observe_certificate("certificate.pem", 0);
    edge.observe_unusable_files(0);
    edge.observe_draw_log(0, 0);
    edge.observe_draw_log_failure();
    edge.observe_witness("w1", WitnessOutcome::Cosigned);
    edge.observe_cosigned("w1", 0);
    let supervisor = Supervisor::new(&registry).expect("metrics");
    let _pulse = supervisor.pulse("room final");
    supervisor.measure();
    supervisor.count_restarts("store", 0);
    let core = BookingMetrics::new(&registry).expect("metrics");
    core.observe_request("POST /api/v1/bookings/reserve", StatusCode::OK, Duration::ZERO);
    core.set_queued("final", 1);
    core.set_stock("final", "pit", Stock::default());
    core.count_payment("confirmed");
    core.set_sinks(&BTreeMap::from([("redis".to_owned(), Lag { rows: 1, seconds: 1 })]));
    let _ = OutboxMetrics::new(&registry).expect("metrics");
    let _ = HookMetrics::new(&registry).expect("metrics");
    let _ = WorkerMetrics::new(&registry).expect("metrics").of_worker("mail");
    named(&String::from_utf8(expose(&registry).expect("metrics")).expect("UTF-8"))
}

#[test]
fn every_metric_of_the_dashboard_and_the_rules_exists() {
    let shown = shown();
    for name in ["dashboard.json", "alerts.yml"] {
        let (_, text) = file(name);
        let unknown: Vec<_> = named(&text).difference(&shown).cloned().collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}, which nobody shows");
    }
}

#[test]
fn every_limit_that_a_rule_names_is_one() {
    let (_, text) = file("alerts.yml");
    let values = text.split("limit=").skip(1).filter_map(|rest| rest.trim_start_matches('~').split('"').nth(1));
    let values: Vec<&str> = values.flat_map(|value| value.split('|')).collect();
    assert!(values.len() >= 4, "{values:?}");
    for value in values {
        assert!(Limit::ALL.iter().any(|limit| limit.label() == value), "there is no limit {value:?}");
    }
}

#[test]
fn panels_have_numbers_of_their_own_and_something_to_show() {
    let (_, text) = file("dashboard.json");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().expect("a number")).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty() && panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
    }
}

#[test]
fn prometheus_reads_the_rules_and_they_fire_when_they_should() {
    for (verb, name) in [("check", "alerts.yml"), ("test", "alerts.test.yml")] {
        match Command::new("promtool").args([verb, "rules"]).arg(file(name).0).output() {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&said));
            }
            // Debian's package `prometheus` has it; the tests above need nothing.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
}
