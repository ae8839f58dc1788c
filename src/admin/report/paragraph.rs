//! A sale in a paragraph, for whoever reads no tables. Purely.

use super::ReportState;
use crate::admin::foresee::{grouped, span};

/// Limits that are told in words.
const LIMITS_TOLD: usize = 3;

/// What happened, a sentence each. `limits` are those that held, with their seconds, the longest first.
pub(super) fn summary(report: &ReportState, limits: &[(&str, u32)]) -> Vec<String> {
    let funnel = &report.funnel;
    let later = funnel.places.saturating_sub(funnel.pool);
    let mut told = vec![match report.draw.revealed_at_ms {
        None => format!("{} people are in the pool; the draw is to come.", grouped(funnel.pool)),
        _ => {
            format!("{} people were in the pool at the draw, and {} came later.", grouped(funnel.pool), grouped(later))
        }
    }];
    if funnel.called > 0 {
        told.push(format!(
            "{} were called and {} came in; nobody came in time for {} places, and {} were given up.",
            grouped(funnel.called),
            grouped(funnel.admitted),
            grouped(funnel.missed),
            grouped(funnel.given_up)
        ));
    }
    if funnel.places > 0 {
        told.push(match (report.is_final, funnel.waiting) {
            (_, 0) => "Everyone who came was called.".to_owned(),
            (true, waiting) => format!("{} were still waiting at the end.", grouped(waiting)),
            (false, waiting) => format!("{} are still waiting.", grouped(waiting)),
        });
    }
    if let Some(waits) = &report.waits {
        told.push(format!(
            "Half of those who were called waited no longer than {}, nine of ten no longer than {}, and nobody longer than {}.",
            seconds(waits.median_s),
            seconds(waits.nine_of_ten_s),
            seconds(waits.longest_s)
        ));
    }
    let held: Vec<_> = limits
        .iter()
        .take(LIMITS_TOLD)
        .map(|(limit, held_s)| format!("{} for {}", words(limit), seconds(*held_s)))
        .collect();
    if !held.is_empty() {
        told.push(format!("What held the line back: {}.", held.join(", ")));
    }
    if report.shop.best_minute > 0 {
        told.push(format!(
            "The most who were let in within a minute were {}.",
            grouped(report.shop.best_minute.into())
        ));
    }
    told.push(match report.changes.len() {
        0 => "Nobody changed anything.".to_owned(),
        1 => "One value was changed by hand.".to_owned(),
        many => format!("{many} values were changed by hand."),
    });
    if report.unknown_s > 0 {
        told.push(format!("No sample is kept of {} of this time.", seconds(report.unknown_s)));
    }
    told
}

fn seconds(seconds: u32) -> String {
    span(u64::from(seconds) * 1_000)
}

/// What limited, in words.
pub(super) fn words(limit: &str) -> &str {
    match limit {
        "paused" => "somebody had paused it",
        "draining" => "it ran dry on request",
        "sold_out" => "nothing was left",
        "demand" => "nobody waited",
        "rate" => "the rate that was set",
        "max_active" => "the cap on people inside",
        "queue_wait" => "requests queued in front of the shop",
        "latency" => "the shop's slow answers",
        "errors" => "the shop's errors",
        "silence" => "nobody could tell how the shop was",
        other => other,
    }
}
