//! The report of an audit: JSON for programs, Markdown for people, down to what each step means.

use std::fmt::{self, Write};

use fairgate_draw::{Finding, Hash, Label, Record, Step, Verdict};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::RosterFacts;

/// What came of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The draw is finished, and every step that could be checked holds.
    Holds,
    /// A step fails.
    Fails,
    /// Nothing fails, but the draw is not finished: until the seed is public, it proves nothing.
    Unfinished,
}

/// Everything an audit found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What came of it.
    pub outcome: Outcome,
    /// The first step that fails.
    pub failed_step: Option<Step>,
    /// Where the draw is published.
    pub source: String,
    /// Step by step.
    pub findings: Vec<Finding>,
    /// What the roster is.
    pub roster: Option<RosterFacts>,
    /// The record, as it was published.
    pub record: Value,
    #[serde(skip)]
    parsed: Record,
}

impl Report {
    pub(super) fn new(
        source: String,
        record: Value,
        parsed: &Record,
        roster: Option<RosterFacts>,
        findings: Vec<Finding>,
    ) -> Self {
        let failed = findings.iter().find(|finding| matches!(finding.verdict, Verdict::Fails(_)));
        let outcome = match failed {
            Some(_) => Outcome::Fails,
            None if parsed.is_final() => Outcome::Holds,
            None => Outcome::Unfinished,
        };
        let failed_step = failed.map(|finding| finding.step);
        Self { outcome, failed_step, source, findings, roster, record, parsed: parsed.clone() }
    }

    /// The report for people who have never heard of this program.
    #[must_use]
    pub fn to_markdown(&self, checked_at: Timestamp) -> String {
        let mut text = String::new();
        self.write_markdown(&mut text, checked_at).expect("a string takes all");
        text
    }

    fn write_markdown(&self, out: &mut String, checked_at: Timestamp) -> fmt::Result {
        writeln!(out, "# The draw of room {:?}\n", self.parsed.room)?;
        writeln!(out, "**{}**\n", self.summary())?;
        self.write_facts(out, checked_at)?;
        writeln!(out, "\n## Step by step\n")?;
        writeln!(out, "| step | verdict | what was found | what it means |\n|---|---|---|---|")?;
        for finding in &self.findings {
            let (verdict, detail) = words(&finding.verdict);
            writeln!(out, "| {} | {verdict} | {} | {} |", finding.step, cell(detail), meaning(finding.step))?;
        }
        writeln!(out, "\n## What this proves, and what it does not\n\n{}\n", self.limits())?;
        writeln!(
            out,
            "The protocol is `fairgate/v1`, described in DRAW.md; any program that follows it comes to the same numbers. \
             To repeat this check: `fairgate draw verify {}`.",
            self.source
        )
    }

    /// One sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        match (self.outcome, self.failed_step) {
            (Outcome::Fails, Some(step)) => format!("The draw does not hold. It fails at the step \"{step}\"."),
            (Outcome::Unfinished, _) => "The draw is not finished. Nothing is wrong so far.".to_owned(),
            _ => "The draw holds: every step that can be checked was checked.".to_owned(),
        }
    }

    fn write_facts(&self, out: &mut String, checked_at: Timestamp) -> fmt::Result {
        let record = &self.parsed;
        let mut row = |what: &str, value: String| writeln!(out, "| {what} | {} |", cell(&value));
        row("fact", "value".into())?;
        row("---", "---".into())?;
        row("published at", self.source.clone())?;
        row("checked at", format!("{checked_at:.0} by fairgate {}", env!("CARGO_PKG_VERSION")))?;
        row("the draw calls itself", record.label.to_string())?;
        row("pool opened", time(record.descriptor.opens_at_ms))?;
        row("pool closed", time(record.descriptor.starts_at_ms))?;
        row("roster frozen", record.frozen_at_ms.map_or_else(not_yet, time))?;
        row("entries (N)", record.entries.map_or_else(not_yet, |entries| entries.to_string()))?;
        row("descriptor digest (D)", hex::encode(record.descriptor_digest))?;
        row("commitment", hex::encode(record.commitment))?;
        row("root", bytes(&record.root))?;
        row("secret", bytes(&record.secret))?;
        row("beacon", if record.descriptor.beacon.is_none() { "none".into() } else { bytes(&record.beacon) })?;
        row("seed", bytes(&record.seed))?;
        row("SHA-256 of the roster", self.roster.as_ref().map_or_else(not_yet, |roster| hex::encode(roster.sha256)))
    }

    fn limits(&self) -> &'static str {
        match (self.outcome, self.parsed.label) {
            (Outcome::Fails, _) => {
                "A step that fails is evidence by itself: the numbers above were published by the operator, and anyone can \
                 repeat the arithmetic."
            }
            (Outcome::Unfinished, _) => "Nothing yet. If the secret is never revealed, the draw is void.",
            (Outcome::Holds, Label::Committed) => {
                "Every place follows from numbers that the operator had to fix before the draw: nobody was moved, added or \
                 dropped after the roster was frozen, and the order was not picked by hand. It does not prove that the \
                 operator, who knew the secret all along, did not add or stop entries at the last moment before the freeze; \
                 a draw with a public beacon does."
            }
            (Outcome::Holds, Label::CommittedAndBeacon) => {
                "Every place follows from numbers that were fixed before anybody, the operator included, could know what \
                 they would lead to: nobody was moved, added or dropped after the roster was frozen, and nobody could pick \
                 the order. It does not prove how many of the entries are real people."
            }
        }
    }
}

/// What a step means, for people.
fn meaning(step: Step) -> &'static str {
    match step {
        Step::Signature => "the operator stands by this record and cannot disown it",
        Step::Witness => "what was shown to browsers earlier was not changed",
        Step::Descriptor => "the rules of this draw are complete, and the record keeps to them",
        Step::Digest => "the rules are the ones that every ticket names",
        Step::Roster => "the list of entries is as long as was announced",
        Step::Root => "the list of entries is, to the last bit, the one that was sealed before the draw",
        Step::Commitment => "the secret is the one that was sealed before the pool opened",
        Step::Beacon => "the public randomness is the one that was named in advance, signed by its makers",
        Step::Seed => "the seed follows from all of these and nothing else",
        Step::Places => "every entry has one place, and every place one entry",
        Step::Claims => "whoever was let in had the place, and nobody had it twice",
        Step::Identities => "no person who was asked for an identity had two places",
    }
}

fn words(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Holds(detail) => ("holds", detail),
        Verdict::Fails(detail) => ("**fails**", detail),
        Verdict::Open(detail) => ("not checked", detail),
    }
}

/// Text from outside must not break the table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} (Unix ms)"), |time| format!("{time:.3}"))
}

fn bytes(hash: &Option<Hash>) -> String {
    hash.as_ref().map_or_else(not_yet, hex::encode)
}

fn not_yet() -> String {
    "not published".to_owned()
}
