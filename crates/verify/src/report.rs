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
    /// How many of the witnesses that were given saw the roster frozen before the draw's round was published.
    pub witnessed: usize,
    /// The leaf hash of the freeze's statement, whole, to compare with others'.
    pub freeze_code: Option<String>,
    /// The record, as it was published.
    pub record: Value,
    #[serde(skip)]
    parsed: Record,
}

/// What a report is made of.
pub(super) struct Checked {
    pub(super) source: String,
    pub(super) published: Value,
    pub(super) record: Record,
    pub(super) roster: Option<RosterFacts>,
    pub(super) findings: Vec<Finding>,
    pub(super) witnessed: usize,
}

impl Report {
    pub(super) fn new(checked: Checked) -> Self {
        let Checked { source, published, record: parsed, roster, findings, witnessed } = checked;
        let failed = findings.iter().find(|finding| matches!(finding.verdict, Verdict::Fails(_)));
        let outcome = match failed {
            Some(_) => Outcome::Fails,
            None if parsed.is_final() => Outcome::Holds,
            None => Outcome::Unfinished,
        };
        let failed_step = failed.map(|finding| finding.step);
        let freeze_code = parsed.freeze_statement().map(|statement| hex::encode(statement.leaf_hash()));
        Self { outcome, failed_step, source, findings, roster, witnessed, freeze_code, record: published, parsed }
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

    /// What the draw is worth, in a line.
    #[must_use]
    pub fn standing(&self) -> String {
        match (self.parsed.descriptor.label(), self.witnessed) {
            (Label::Committed, _) => {
                "It is \"committed\": whoever knows the secret could have aimed it by adding or stopping entries before the \
                 freeze."
                    .to_owned()
            }
            (Label::CommittedAndBeacon, 0) => "It is \"committed + public beacon\": nobody could aim it if the roster was \
                 frozen before the round, for which there is the operator's word and no witness here."
                .to_owned(),
            (Label::CommittedAndBeacon, witnesses) => format!(
                "It is \"committed + public beacon\": nobody could aim it if the roster was frozen before the round, as \
                 {witnesses} of the witnesses given here saw."
            ),
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
        row("code of the freeze, to compare whole", self.freeze_code.clone().unwrap_or_else(not_yet))?;
        row("entries (N)", record.entries.map_or_else(not_yet, |entries| entries.to_string()))?;
        row("descriptor digest (D)", hex::encode(record.descriptor_digest))?;
        row("commitment", hex::encode(record.commitment))?;
        row("root", bytes(&record.root))?;
        row("secret", bytes(&record.secret))?;
        row("beacon", if record.descriptor.beacon.is_none() { "none".into() } else { bytes(&record.beacon) })?;
        row("seed", bytes(&record.seed))?;
        row("SHA-256 of the roster", self.roster.as_ref().map_or_else(not_yet, |roster| hex::encode(roster.sha256)))
    }

    /// What the draw proves by its rules, and what of it is on whose word.
    fn limits(&self) -> String {
        match (self.outcome, self.parsed.label) {
            (Outcome::Fails, _) => "A step that fails is evidence by itself: the numbers above were published by the \
                 operator, and anyone can repeat the arithmetic. What a witness saw is that witness's word."
                .to_owned(),
            (Outcome::Unfinished, _) => "Nothing yet. If the secret is never revealed, the draw is void.".to_owned(),
            (Outcome::Holds, Label::Committed) => format!(
                "Every place follows from numbers that the operator had to fix before the draw: nobody was moved, added or \
                 dropped after the roster was frozen, and the order was not picked by hand. It does not prove that the \
                 operator, who knew the secret all along, did not add or stop entries at the last moment before the freeze, \
                 again and again until the outcome was to their liking.{}\n\n{UNPROVED}",
                self.why_committed()
            ),
            (Outcome::Holds, Label::CommittedAndBeacon) => format!(
                "Every place follows from the roster, the committed secret and a public random number that nobody could know \
                 before it was published: nobody was moved, added or dropped after the roster was frozen. {}\n\n{UNPROVED}",
                self.word_on_the_freeze()
            ),
        }
    }

    fn why_committed(&self) -> &'static str {
        match self.parsed.descriptor.beacon {
            None => "",
            Some(_) => {
                " This draw names a public random number, but its rules let it go on without it, and that outcome can be worked \
                 out before the freeze by whoever has the secret: so it proves no more than one that names none."
            }
        }
    }

    /// That nobody could aim the draw hangs on when the roster was frozen.
    fn word_on_the_freeze(&self) -> String {
        match self.witnessed {
            0 => "If the roster was frozen before, nobody, the operator included, could aim the draw. That it was is the \
                  operator's word (`frozen_at_ms`): no witness of it was given here. Whoever froze it later and wrote an \
                  earlier time could have tried rosters until one was to their liking. What a fan's browser kept of the freeze \
                  is a witness (`--witness`)."
                .to_owned(),
            witnesses => format!(
                "{witnesses} of the witnesses given here saw the roster frozen before: if one of them is honest and its clock \
                 right, nobody, the operator included, could aim the draw."
            ),
        }
    }
}

/// What no draw of this version proves.
const UNPROVED: &str = "It proves neither how many of the entries are real people nor that others were not shown another list: for \
                        that, compare the code of the freeze above, from beginning to end. Nor does it prove who took a place: \
                        browsers send the random bytes of their entry when they join, so the operator can show them, too.";

/// What a step means, for people.
fn meaning(step: Step) -> &'static str {
    match step {
        Step::Signature => "the operator stands by this record and cannot disown it",
        Step::Witness => "what was shown earlier was not changed, and when the roster was frozen",
        Step::Descriptor => "the rules of this draw are complete, and the record keeps to them",
        Step::Digest => "the rules are the ones that every ticket names",
        Step::Tiers => "the tiers that were frozen are those of the rules, in their order",
        Step::Roster => "the list of entries is as long as was announced",
        Step::Root => "the list of entries is, to the last bit, the one that was sealed before the draw",
        Step::Tags => "the identities' tags are, to the last bit, those that were sealed before the draw",
        Step::Missing => "as many entries were lost as was announced",
        Step::Commitment => "the secret is the one that was sealed before the pool opened",
        Step::Beacon => {
            "the public randomness is the one that was named in advance, signed by its makers, and unknown at the time \
             that the record gives for the freeze"
        }
        Step::Seed => "the seed follows from all of these and nothing else",
        Step::Places => "every entry has one place, and every place one entry",
        Step::Claims => "each place was taken once, and with the entry that it belongs to",
        Step::Identities => "no identity stood in the draw twice, or was let in twice",
        Step::Log => "the operator's public log has one freeze of this draw, and says what the record says",
        Step::Ticket => "the lists say what the operator signed for a fan",
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
