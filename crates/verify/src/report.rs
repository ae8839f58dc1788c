//! The report of an audit: JSON for programs, Markdown for people, down to what each step means.

use std::fmt::{self, Write};

use fairgate_draw::{Finding, Label, Step, Verdict};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::RosterFacts;
use super::facts::{Facts, Proves, not_yet};

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
    /// What the rosters are, in order of their tiers. A draw by version 1 has one.
    pub rosters: Vec<RosterFacts>,
    /// What was seen and is no failure: the log's witnesses, empty entries, claims, who was let in before whom.
    pub notes: Vec<String>,
    /// How many of the witnesses that were given saw the roster frozen before the draw's round was published.
    pub witnessed: usize,
    /// The leaf hash of the freeze's statement, whole, to compare with others'.
    pub freeze_code: Option<String>,
    /// The record, as it was published.
    pub record: Value,
    #[serde(skip)]
    facts: Facts,
}

/// What a report is made of.
pub(super) struct Checked {
    pub(super) source: String,
    pub(super) published: Value,
    pub(super) facts: Facts,
    pub(super) rosters: Vec<RosterFacts>,
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
    pub(super) witnessed: usize,
}

impl Report {
    pub(super) fn new(checked: Checked) -> Self {
        let Checked { source, published, facts, rosters, findings, notes, witnessed } = checked;
        let failed = findings.iter().find(|finding| matches!(finding.verdict, Verdict::Fails(_)));
        let outcome = match failed {
            Some(_) => Outcome::Fails,
            None if facts.is_final => Outcome::Holds,
            None => Outcome::Unfinished,
        };
        let failed_step = failed.map(|finding| finding.step);
        let freeze_code = facts.freeze_code.clone();
        Self {
            outcome,
            failed_step,
            source,
            findings,
            rosters,
            notes,
            witnessed,
            freeze_code,
            record: published,
            facts,
        }
    }

    /// The report for people who have never heard of this program.
    #[must_use]
    pub fn to_markdown(&self, checked_at: Timestamp) -> String {
        let mut text = String::new();
        self.write_markdown(&mut text, checked_at).expect("a string takes all");
        text
    }

    fn write_markdown(&self, out: &mut String, checked_at: Timestamp) -> fmt::Result {
        writeln!(out, "# The draw of room {:?}\n", self.facts.room)?;
        writeln!(out, "**{}**\n", self.summary())?;
        self.write_facts(out, checked_at)?;
        writeln!(out, "\n## Step by step\n")?;
        writeln!(out, "| step | verdict | what was found | what it means |\n|---|---|---|---|")?;
        for finding in &self.findings {
            let (verdict, detail) = words(&finding.verdict);
            writeln!(out, "| {} | {verdict} | {} | {} |", finding.step, cell(detail), meaning(finding.step))?;
        }
        if !self.notes.is_empty() {
            writeln!(out, "\n## What was seen besides\n")?;
            self.notes.iter().try_for_each(|note| writeln!(out, "- {}", note.replace(['\n', '\r'], " ")))?;
        }
        writeln!(out, "\n## What this proves, and what it does not\n\n{}\n", self.limits())?;
        writeln!(
            out,
            "The protocol is `{}`, described in {}; any program that follows it comes to the same numbers. To repeat this \
             check: `fairgate draw verify {}`.",
            self.facts.version, self.facts.described_in, self.source
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
        match (self.facts.rules, self.witnessed) {
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
        let mut row = |what: &str, value: &str| writeln!(out, "| {what} | {} |", cell(value));
        row("fact", "value")?;
        row("---", "---")?;
        row("published at", &self.source)?;
        row("checked at", &format!("{checked_at:.0} by fairgate {}", env!("CARGO_PKG_VERSION")))?;
        self.facts.rows.iter().try_for_each(|(what, value)| row(what, value))?;
        match &self.rosters[..] {
            [] => row("SHA-256 of the roster", &not_yet()),
            [roster] => row("SHA-256 of the roster", &hex::encode(roster.sha256)),
            rosters => rosters.iter().enumerate().try_for_each(|(tier, roster)| {
                row(&format!("SHA-256 of tier {tier}'s roster"), &hex::encode(roster.sha256))
            }),
        }
    }

    /// What the draw proves by its rules, and what of it is on whose word.
    fn limits(&self) -> String {
        match (self.outcome, self.facts.label) {
            (Outcome::Fails, _) => "A step that fails is evidence by itself: the numbers above were published by the \
                 operator, and anyone can repeat the arithmetic. What a witness saw is that witness's word."
                .to_owned(),
            (Outcome::Unfinished, _) => "Nothing yet. If the secret is never revealed, the draw is void.".to_owned(),
            (Outcome::Holds, Label::Committed) => format!(
                "Every place follows from numbers that the operator had to fix before the draw: nobody was moved, added or \
                 dropped after the roster was frozen, and the order was not picked by hand. It does not prove that the \
                 operator, who knew the secret all along, did not add or stop entries at the last moment before the freeze, \
                 again and again until the outcome was to their liking.{}\n\n{}",
                self.why_committed(),
                self.unproved()
            ),
            (Outcome::Holds, Label::CommittedAndBeacon) => format!(
                "Every place follows from the roster, the committed secret and a public random number that nobody could know \
                 before it was published: nobody was moved, added or dropped after the roster was frozen. {}\n\n{}",
                self.word_on_the_freeze(),
                self.unproved()
            ),
        }
    }

    fn why_committed(&self) -> &'static str {
        match self.facts.names_round {
            false => "",
            true => {
                " This draw names a public random number, but its rules let it go on without it, and that outcome can be worked \
                 out before the freeze by whoever has the secret: so it proves no more than one that names none."
            }
        }
    }

    /// What remains a matter of trust.
    fn unproved(&self) -> String {
        match self.facts.proves {
            Proves::Places => UNPROVED_BY_V1.to_owned(),
            Proves::Claimants => format!(
                "Each claim that shows its random bytes was made by who entered. It does not prove how many of the entries \
                 are real people: this draw asks for no identity. {UNPROVED}"
            ),
            Proves::Identities => format!(
                "No identity stands in the draw twice, and none was let in twice. Each claim that shows its random bytes was \
                 made by who entered. It does not prove that the people behind the tags exist: that, somebody sworn can \
                 check with the draw's identity key. {UNPROVED}"
            ),
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

/// What no draw of version 1 proves.
const UNPROVED_BY_V1: &str = "It proves neither how many of the entries are real people nor that others were not shown another list: for \
                        that, compare the code of the freeze above, from beginning to end. Nor does it prove who took a place: \
                        browsers send the random bytes of their entry when they join, so the operator can show them, too.";

/// What no draw of version 2 proves, whatever it asks of entrants.
const UNPROVED: &str = "Nor does it prove that nobody was turned away unfairly, that who belongs to a tier does, or that the \
                        shop sold only to those let in. It does not prove that others were not shown another list: for that, \
                        compare the code of the freeze above, from beginning to end, or ask the draw log's witnesses.";

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
        Step::Ticket => "the lists say what the operator signed for a fan",
        Step::Log => "the operator's public log has one freeze of this draw, and says what the record says",
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
