//! A report for people, as one HTML document that loads nothing, and for spreadsheets, as CSV. Purely.
//!
//! Guarantee: whatever people wrote is text there, and no markup and no formula.

use std::fmt::Write;

use fairgate_pages::escape;
use jiff::Timestamp;

use super::paragraph::words;
use super::{ReportState, ReportedChange};
use crate::admin::foresee::{grouped, span};

const STYLE: &str = "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;\
    color-scheme:light dark;overflow-wrap:anywhere}h1,h2{font-family:Georgia,serif;font-weight:400}\
    table{width:100%;border-collapse:collapse}th,td{border-top:1px solid #8886;padding:.35rem .5rem .35rem 0;\
    text-align:start;font-weight:400;vertical-align:top}td{font-variant-numeric:tabular-nums}";

/// One number of a report: its group, its name, its value.
type Fact = (&'static str, &'static str, String);

/// The numbers of a report.
fn facts(report: &ReportState) -> Vec<Fact> {
    let (funnel, shop, draw) = (&report.funnel, &report.shop, &report.draw);
    let people = |name, count: u64| ("people", name, count.to_string());
    let mut facts = vec![
        people("in the pool at the draw", funnel.pool),
        people("places given", funnel.places),
        people("called", funnel.called),
        people("let in", funnel.admitted),
        people("of them after their time", funnel.honoured),
        people("places that nobody came for in time", funnel.missed),
        people("places given up", funnel.given_up),
        people("called beyond the rate on request", funnel.let_in),
        people("not called", funnel.waiting),
        people("inside", funnel.inside),
    ];
    if let Some(waits) = &report.waits {
        facts.push(("waits", "median, s", waits.median_s.to_string()));
        facts.push(("waits", "nine of ten, s", waits.nine_of_ten_s.to_string()));
        facts.push(("waits", "longest, s", waits.longest_s.to_string()));
    }
    facts.extend([
        ("shop", "answers", shop.answers.to_string()),
        ("shop", "requests that failed", shop.errors.to_string()),
        ("shop", "requests turned away", shop.refused.to_string()),
        ("shop", "highest 99th percentile, ms", shop.p99_highest_ms.to_string()),
        ("shop", "most let in within a minute", shop.best_minute.to_string()),
        ("draw", "what it can prove", draw.label.clone()),
        ("draw", "digest of its rules", draw.descriptor_digest.clone()),
        ("draw", "commitment", draw.commitment.clone()),
    ]);
    let kept = [("root of the roster", &draw.root), ("seed", &draw.seed)];
    facts.extend(kept.into_iter().filter_map(|(name, value)| Some(("draw", name, value.clone()?))));
    facts
}

/// The report as a document.
pub(crate) fn html(report: &ReportState) -> String {
    let title = escape(&report.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p>{} to {}. {} edition, made {}{}.</p><p>{}</p>",
        time(report.starts_at_ms),
        report.ends_at_ms.map_or_else(|| "an end that is not set".to_owned(), time),
        escape(&report.edition),
        time(report.made_at_ms),
        if report.is_final { "" } else { ", while the sale goes on" },
        escape(&report.summary.join(" ")),
    );
    let facts = facts(report);
    for group in facts.chunk_by(|one, other| one.0 == other.0) {
        let rows = group.iter().map(|(_, name, value)| [(*name).to_owned(), readable(value)]);
        table(&mut page, group[0].0, &[], rows);
    }
    let limits = report.limits.iter().map(|stretch| {
        let at = time(u64::from(stretch.from_s) * 1_000);
        [at, span(u64::from(stretch.seconds) * 1_000), words(&stretch.limit).to_owned()]
    });
    table(&mut page, "what held the line back", &["from", "for", "what"], limits);
    let changes = report.changes.iter().map(|change| {
        let ReportedChange { at_ms, who, role, what, before, after } = change;
        let who = if who.is_empty() { format!("{role:?}").to_lowercase() } else { who.clone() };
        [time(*at_ms), who, format!("{what}: {before} → {after}")]
    });
    table(&mut page, "what people changed", &["when", "who", "what"], changes);
    let refused = report.refused.iter().map(|count| [count.name.clone(), grouped(count.count)]);
    table(&mut page, "entries that were refused", &["why", "how many"], refused);
    let _ = writeln!(
        page,
        "<h2>verify the draw yourself</h2><p>This report does not say that the draw was right. Anybody can check it, with the address of \
         the sale:</p><pre><code>{}</code></pre><p>Nor does it say anything of payments, or of what the shop did with those who came in.</p>\
         </main></body></html>",
        escape(&report.draw.verify_with)
    );
    page
}

/// A table with a heading; nothing where it has no rows.
fn table<const COLUMNS: usize>(
    page: &mut String,
    title: &str,
    head: &[&str],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = write!(page, "<h2>{}</h2><table>", escape(title));
    if !head.is_empty() {
        let cells: String = head.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
        let _ = write!(page, "<thead><tr>{cells}</tr></thead>");
    }
    page.push_str("<tbody>");
    for row in rows {
        let Some((first, rest)) = row.split_first() else { continue };
        let cells: String = rest.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>{cells}</tr>", escape(first));
    }
    page.push_str("</tbody></table>");
}

/// The report as rows: group, time, who, name, value.
pub(crate) fn csv(report: &ReportState) -> String {
    let mut text = "group,time,who,name,value\n".to_owned();
    let mut row = |cells: [&str; 5]| {
        let cells: Vec<_> = cells.into_iter().map(cell).collect();
        let _ = writeln!(text, "{}", cells.join(","));
    };
    for sentence in &report.summary {
        row(["summary", "", "", "", sentence]);
    }
    for (group, name, value) in facts(report) {
        row([group, "", "", name, &value]);
    }
    for stretch in &report.limits {
        row(["limit", &time(u64::from(stretch.from_s) * 1_000), "", &stretch.limit, &stretch.seconds.to_string()]);
    }
    for ReportedChange { at_ms, who, what, before, after, .. } in &report.changes {
        row(["change", &time(*at_ms), who, what, &format!("{before} → {after}")]);
    }
    for count in &report.refused {
        row(["refused", "", "", &count.name, &count.count.to_string()]);
    }
    text
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let begins_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if begins_formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A number with its thousands apart; all else as it is.
fn readable(value: &str) -> String {
    value.parse().map_or_else(|_| value.to_owned(), grouped)
}

fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| at_ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_keeps_its_quotes() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("900"), "900");
    }
}
