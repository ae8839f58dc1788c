//! `metrics.md`: every metric that is declared, with its help text.

use std::fmt::Write;

use crate::GENERATED;
use crate::source::{Source, sources};

const HEAD: &str = "\
Prometheus reads an edge's metrics at `/metrics` of its `admin.listen`, and a booking core's at its
`--metrics-listen`. So do `fairgate outbox relay` and `fairgate outbox mail`, where they are given
one. None needs a token. [`observability/`](../../observability) has alert rules
and a dashboard that use them. Labels have few values: rooms and upstreams come from the
configuration, never from a request. Beside these there are the `process_*` metrics of every
Prometheus client.

A histogram *name* is read as *name*`_bucket`, *name*`_sum` and *name*`_count`.
";

/// A metric, as it is declared.
struct Metric {
    name: String,
    kind: &'static str,
    labels: Vec<String>,
    help: String,
}

/// The document.
pub(crate) fn document() -> String {
    let mut metrics: Vec<Metric> = sources().iter().flat_map(declared).collect();
    metrics.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = format!("# Metrics\n\n{GENERATED}\n\n{HEAD}");
    type IsIn = fn(&str) -> bool;
    let groups: [(&str, IsIn); 5] = [
        ("Every process", is_process),
        ("Edge", |name| !is_process(name) && !is_room(name) && !is_core(name) && !is_outbox(name)),
        ("Rooms, as an edge sees them", is_room),
        ("Booking core", is_core),
        ("Relay and mail worker", is_outbox),
    ];
    for (title, is_of) in groups {
        write!(text, "\n## {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n").unwrap();
        for Metric { name, kind, labels, help } in metrics.iter().filter(|metric| is_of(&metric.name)) {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(text, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
        }
    }
    text
}

fn is_process(name: &str) -> bool {
    ["task", "heartbeat", "log"].iter().any(|of| name.starts_with(&format!("fairgate_{of}_")))
}

fn is_room(name: &str) -> bool {
    name.starts_with("fairgate_room_")
}

fn is_core(name: &str) -> bool {
    ["booking", "insight", "search"].iter().any(|of| name.starts_with(&format!("fairgate_{of}_")))
}

fn is_outbox(name: &str) -> bool {
    name.starts_with("fairgate_outbox_")
}

/// The metrics that a file declares by the macro `metrics!`, or one by one.
fn declared(source: &Source) -> Vec<Metric> {
    let blocks = source.text.split("\nmetrics! {\n").skip(1);
    let by_macro = blocks.flat_map(|block| of_block(block.split("\n}\n").next().unwrap_or_default()));
    by_macro.chain(by_hand(&source.text)).collect()
}

/// Lines of `/// help` and `name: Kind["label"] {BUCKETS},`.
fn of_block(block: &str) -> Vec<Metric> {
    let mut help = Vec::new();
    let mut metrics = Vec::new();
    for line in block.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            help.push(words.trim());
        } else if let Some((name, kind)) = line.split_once(": ") {
            let labels = kind.split_once('[').map_or("", |(_, labels)| labels.split(']').next().unwrap_or_default());
            metrics.push(Metric {
                name: format!("fairgate_{name}"),
                kind: kind_of(kind),
                labels: labels
                    .split(", ")
                    .map(|label| label.trim_matches('"').to_owned())
                    .filter(|l| !l.is_empty())
                    .collect(),
                help: help.join(" "),
            });
            help.clear();
        } else {
            help.clear();
        }
    }
    metrics
}

/// `let help = "…";` before `IntCounter::new("fairgate_…", help)`.
fn by_hand(text: &str) -> Option<Metric> {
    let (before, call) = text.split_once("IntCounter::new(\"fairgate_")?;
    let help = before.rsplit_once("let help = \"")?.1.split("\";").next()?;
    let name = format!("fairgate_{}", call.split('"').next()?);
    Some(Metric { name, kind: "counter", labels: Vec::new(), help: help.to_owned() })
}

fn kind_of(declared: &str) -> &'static str {
    match declared {
        kind if kind.starts_with("IntCounter") => "counter",
        kind if kind.starts_with("Histogram") => "histogram",
        kind if kind.contains("Gauge") => "gauge",
        kind => panic!("{kind} is no kind of metric"),
    }
}

#[test]
fn every_metric_that_alerts_and_dashboard_use_is_one() {
    let known: Vec<String> = sources().iter().flat_map(declared).map(|metric| metric.name).collect();
    for file in ["observability/alerts.yml", "observability/dashboard.json"] {
        let text = crate::read(file);
        let used = text.match_indices("fairgate_").map(|(at, _)| {
            let end = |sign: char| !(sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_');
            text[at..].split(end).next().unwrap_or_default()
        });
        for name in used {
            let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(known.iter().any(|known| known == plain || known == name), "{file} uses {name}");
        }
    }
}

/// A metric that is made in a way which this document does not know would be missing in it.
#[test]
fn every_name_of_a_metric_in_the_sources_is_declared() {
    let sources = sources();
    let known: Vec<String> = sources.iter().flat_map(declared).map(|metric| metric.name).collect();
    for source in &sources {
        for (_, text) in crate::source::strings(&source.text) {
            let is_name = text.starts_with("fairgate_") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let is_metric = is_name && text.len() > "fairgate_".len() && text.split('_').count() > 2;
            assert!(!is_metric || known.iter().any(|name| name == text), "{}: {text}", source.path);
        }
    }
}
