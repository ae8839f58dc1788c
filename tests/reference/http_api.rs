//! `http-api.md` against the routes, and against what a running edge answers.

use std::collections::BTreeSet;

use fairgate_core::request::path::Target;
use fairgate_core::request::route::{RoomRoutes, Route, RouteTable};
use serde_json::{Value, json};

use crate::edge::Edge;
use crate::read;

const DOCUMENT: &str = "docs/reference/http-api.md";

/// The calls of the table: method and path.
fn calls() -> Vec<(String, String)> {
    let text = read(DOCUMENT);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let calls = rows.filter_map(|row| row.split_once(' '));
    calls.map(|(method, path)| (method.to_owned(), path.to_owned())).collect()
}

fn routes() -> RouteTable {
    let room = RoomRoutes {
        name: "final".into(),
        hosts: vec!["*".into()],
        paths: vec!["/".into()],
        exempt: Vec::new(),
        well_known: Vec::new(),
        case_insensitive: true,
        shop: "shop".into(),
    };
    RouteTable::new("/.fairgate", vec![room]).with_log("/.fairgate/draw.log")
}

#[test]
fn every_call_is_documented_with_its_method_and_no_other() {
    let routes = routes();
    let mut reached = BTreeSet::new();
    for (method, path) in calls() {
        let named = path.replace("{room}", "final").replace("{name}", "turnstile").replace("{lang}", "en");
        let named = named.replace("{digest}", &"ab".repeat(32));
        let real = named.replace("{tier}", "1").replace("{index}", "7").replace("{tile}", "000");
        match routes.route("tickets.example", &Target::parse(real.as_bytes()).unwrap()) {
            Route::Fan { call, .. } => {
                assert!(call.allow().split(", ").any(|allowed| allowed == method), "{method} {path}: {}", call.allow());
                reached.insert(format!("{call:?}").split('(').next().unwrap().to_owned());
            }
            Route::Jwks
            | Route::RecordSchema
            | Route::TierRecordSchema
            | Route::EntryScript(_)
            | Route::TellScript(_)
            | Route::Log(_)
            | Route::Ended { .. } => {
                assert_eq!(method, "GET", "{path}")
            }
            other => panic!("{method} {path} leads to {other:?}"),
        }
    }
    let sources = crate::source::sources();
    let declared =
        sources.iter().find_map(|source| source.text.split_once("pub enum FanCall {")).expect("it is declared").1;
    let variants =
        declared.split("\n}\n").next().unwrap().lines().map(str::trim).filter(|line| !line.starts_with("///"));
    let variants: BTreeSet<String> = variants
        .map(|line| line.trim_end_matches(',').split('(').next().unwrap().to_owned())
        .filter(|v| !v.is_empty())
        .collect();
    assert_eq!(reached, variants, "calls in {DOCUMENT}, and in the code");
}

/// The members that a section of the document names: those of its tables' first columns.
fn members(heading: &str) -> BTreeSet<String> {
    let text = read(DOCUMENT);
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).expect("the section is there");
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>()).collect()
}

#[track_caller]
fn assert_described(answer: &Value, heading: &str, all: bool) {
    let answered: BTreeSet<String> = answer.as_object().expect("an object").keys().cloned().collect();
    let described = members(heading);
    assert!(answered.is_subset(&described), "{DOCUMENT}, {heading}: does not have {:?}", &answered - &described);
    assert!(!all || answered == described, "{DOCUMENT}, {heading}: nobody answers {:?}", &described - &answered);
}

#[test]
fn what_an_edge_answers_is_described() {
    let edge = Edge::start();
    let status = edge.get("/.fairgate/final/status").json::<Value>().unwrap();
    assert_described(&status, "Status", true);
    let text = read(DOCUMENT);
    for inner in ["advance", "poll", "draw"] {
        for member in status[inner].as_object().unwrap().keys() {
            assert!(text.contains(member.as_str()), "{DOCUMENT} does not name {inner}.{member}");
        }
    }
    let joined = edge.post("/.fairgate/final/join", &json!({ "nonce": "AAAAAAAAAAAAAAAAAAAAAA" }), None);
    assert_described(&joined, "Join", false);
    let ticket = joined["ticket"].as_str().unwrap();
    let claimed = edge.claim(ticket);
    assert_described(&claimed, "Claim", false);
    assert!(claimed["pass"].is_string(), "{claimed}");
    let ended = edge.get("/.fairgate/ended/final.json").json::<Value>().unwrap();
    assert_described(&ended, "Ended", true);
}

#[test]
fn every_metric_of_an_edge_is_documented() {
    let metrics = Edge::start().metrics();
    let text = read("docs/reference/metrics.md");
    let helps = metrics.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let ours: Vec<(&str, &str)> =
        helps.filter_map(|help| help.split_once(' ')).filter(|(name, _)| name.starts_with("fairgate_")).collect();
    assert!(ours.len() > 20, "{metrics}");
    for (name, help) in ours {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        assert!(row.is_some_and(|row| row.contains(help)), "docs/reference/metrics.md does not have {name}: {help}");
    }
}
