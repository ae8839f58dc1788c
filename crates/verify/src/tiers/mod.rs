//! Checking a draw by `fairgate/v2`: its tiers, their tags, its claims and what the draw log says of it.
//!
//! Guarantees beside the crate's: an accusation never rests on a fingerprint; what looks alike is read again and compared
//! byte for byte.

mod admissions;
mod claims;
mod counts;
mod lists;
mod places;
mod tickets;

use fairgate_draw::v2::{Record, audit_record};
use fairgate_draw::{Step, Verdict};
use serde_json::Value;

use self::claims::Given;
use self::lists::Lists;
use super::report::{Checked, Report};
use super::witness::{Published, Witness};
use super::{AuditError, Evidence, Source, add_to_commitment, check_signature, finding, log};

pub(super) use tickets::dispute;

/// Checks everything that is public of a draw.
pub(super) fn audit(
    source: &Source,
    evidence: &Evidence,
    text: &str,
    published: Value,
    read: &mut dyn FnMut(u64, u64),
) -> Result<Report, AuditError> {
    let record = Record::parse(text).map_err(|why| AuditError::TierRecord { from: source.to_string(), why })?;
    let (signature, signed_by) = check_signature(source, evidence, &published)?;
    let seen = Published::from(&record);
    // A paper of another draw with this secret says nothing of this draw, but that it was no draw.
    let twice = |witness: &Witness| witness.other_draw_with(&record.commitment, &record.descriptor_digest);
    let papers = || evidence.witnesses.iter().filter(|witness| !witness.is_of_log() && twice(witness).is_none());
    let mut findings = vec![finding(Step::Signature, signature)];
    findings.extend(papers().map(|witness| finding(Step::Witness, witness.check(seen.clone()))));

    let lists = Lists::read(source, &record, read)?;
    let log = log::check(source, evidence, &(&record).into(), signed_by)?;
    findings.extend(audit_record(&record, &lists.facts));
    let by_witness = evidence.witnesses.iter().find_map(|witness| Some((witness.name(), twice(witness)?)));
    let by_witness = by_witness.map(|(name, draw)| {
        format!("the secret was used twice: the draw {draw}, which {name} saw, has the same commitment")
    });
    add_to_commitment(&mut findings, log.secret_used_twice.clone().or(by_witness));
    let repeated = lists.repeated_tag(source)?;
    let mut notes = log.notes;
    let given = check_given(source, &record, &lists, &mut notes)?;
    findings.extend([finding(Step::Places, given.places), finding(Step::Claims, given.claims)]);
    findings.push(finding(Step::Identities, judge_identities(&record, &lists, repeated, given.identities)));
    findings.extend(tickets::check(source, evidence, &record, &lists)?);
    findings.extend(log.verdicts.into_iter().map(|verdict| finding(Step::Log, verdict)));
    note_missing(&record, &mut notes);
    let beside = if evidence.keys.is_some() { None } else { source.keys("")? };
    notes.extend(counts::note(source, evidence.keys.as_ref().or(beside.as_ref()), &record.descriptor_digest)?);

    let browsers = papers().filter(|witness| witness.saw_before_round(seen.clone())).count();
    let (facts, rosters) = ((&record).into(), lists.rosters);
    let witnessed = browsers + log.witnessed;
    Ok(Report::new(Checked { source: source.to_string(), published, facts, rosters, findings, notes, witnessed }))
}

/// What places and claims come to.
struct Verdicts {
    places: Verdict,
    claims: Verdict,
    /// What the list of claims says of identities.
    identities: Verdict,
}

fn check_given(
    source: &Source,
    record: &Record,
    lists: &Lists,
    notes: &mut Vec<String>,
) -> Result<Verdicts, AuditError> {
    let places = match places::recompute(record) {
        Ok(places) => places,
        Err(verdict) => {
            let [claims, identities] = ["no place is drawn yet"; 2].map(|why| Verdict::Open(why.to_owned()));
            return Ok(Verdicts { places: verdict, claims, identities });
        }
    };
    let given = Given { record, places: &places, prints: &lists.prints };
    let [claims, identities] = claims::check(source, given, notes)?;
    Ok(Verdicts { places: places::check(record, &places), claims, identities })
}

/// No tag stands twice in the pool, and none was let in twice.
fn judge_identities(record: &Record, lists: &Lists, repeated: Option<String>, let_in: Verdict) -> Verdict {
    match (repeated, let_in) {
        _ if !record.descriptor.has_identities() => Verdict::Open("the draw asks for no identity".into()),
        (Some(repeated), _) => Verdict::Fails(repeated),
        (None, Verdict::Fails(why)) => Verdict::Fails(why),
        (None, _) if !lists.has_tags() => Verdict::Open("tags are published with the secret".into()),
        (None, Verdict::Holds(let_in)) => Verdict::Holds(format!("no tag stands twice in the draw; {let_in}")),
        (None, Verdict::Open(why)) => Verdict::Holds(format!("no tag stands twice in the draw; {why}")),
    }
}

fn note_missing(record: &Record, notes: &mut Vec<String>) {
    for (t, tier) in record.tiers.iter().flatten().enumerate().filter(|(_, tier)| tier.missing > 0) {
        let left_out = tier
            .left_out
            .map_or_else(String::new, |numbers| format!(", {numbers} of which nobody is known to have been given"));
        notes.push(format!("tier {t} ({}) has {} empty entries{left_out}", tier.name, tier.missing));
    }
}
