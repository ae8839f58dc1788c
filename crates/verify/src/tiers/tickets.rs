//! Fans' tickets against the published lists of a draw with tiers.
//!
//! A ticket is signed by the operator and says which entry, with which tag, stands where. If the frozen lists say otherwise,
//! both together are evidence that needs nobody's word.

use fairgate_core::room::Position;
use fairgate_draw::v2::{Record, Tag};
use fairgate_draw::{Finding, Hash, Step, Verdict};
use fairgate_token::{Hearsay, KeySet, OfTier, Ticket};

use super::super::dispute::{Judgement, judge_line};
use super::super::lines::for_each_line;
use super::super::source::{Source, SourceError};
use super::super::{AuditError, Evidence, Witness, finding};
use super::lists::Lists;

/// What a ticket says.
struct Promise {
    tier: u8,
    index: u64,
    entry: Hash,
    tag: Tag,
}

/// Checks the tickets that browsers kept of this draw.
pub(super) fn check(
    source: &Source,
    evidence: &Evidence,
    record: &Record,
    lists: &Lists,
) -> Result<Vec<Finding>, SourceError> {
    let kept = |witness: &Witness| -> Vec<String> {
        witness.tickets_of(&record.descriptor_digest).map(str::to_owned).collect()
    };
    let kept: Vec<String> = evidence.witnesses.iter().flat_map(kept).collect();
    let beside = if kept.is_empty() || evidence.keys.is_some() { None } else { source.keys("")? };
    let keys = evidence.keys.as_ref().or(beside.as_ref());
    Ok(kept.iter().map(|token| finding(Step::Ticket, check_one(token, keys, record, lists))).collect())
}

fn check_one(token: &str, keys: Option<&KeySet>, record: &Record, lists: &Lists) -> Verdict {
    let Some(keys) = keys else { return Verdict::Open("there are no keys to check a ticket with".into()) };
    let issuer = Hearsay::of(token).map_or_else(String::new, |said| said.issuer);
    let promise = match read_promise(token, &keys.of_issuer(&issuer), &record.room) {
        Ok(Some(promise)) => promise,
        Ok(None) => return Verdict::Open("a ticket is of the line, not of the pool".into()),
        Err(why) => return Verdict::Open(format!("a ticket proves nothing: {why}")),
    };
    if lists.facts.is_empty() {
        return Verdict::Open("the tiers are not frozen yet".into());
    }
    let at = (promise.tier, promise.index);
    let has_tag = !lists.has_tags() || lists.prints.has_tag(at, &promise.tag);
    if lists.prints.has_entry(at, &promise.entry) && has_tag {
        return Verdict::Holds(format!("entry {} of tier {} is what a ticket says", promise.index, promise.tier));
    }
    Verdict::Fails(format!(
        "the operator signed that entry {} of tier {} is {} with the tag {}; the frozen lists have something else there",
        promise.index,
        promise.tier,
        hex::encode(promise.entry),
        hex::encode(promise.tag)
    ))
}

/// What a ticket of the pool promises; nothing where it is of the line.
fn read_promise(token: &str, keys: &KeySet, room: &str) -> Result<Option<Promise>, String> {
    let ticket = keys.verify_ticket(token, room).map_err(|why| why.to_string())?;
    let Position::Pool(index) = ticket.position else { return Ok(None) };
    let OfTier { tier, tag } = ticket.of_tier.ok_or("the ticket names no tier, so it is of a draw without tiers")?;
    Ok(Some(Promise { tier, index, entry: ticket.entry, tag }))
}

/// How a ticket of a draw with tiers stands, and the place that is its own.
pub(crate) fn dispute(
    token: &str,
    ticket: &Ticket,
    keys: &KeySet,
    record: &Record,
    source: &Source,
) -> Result<(Judgement, Option<u64>), AuditError> {
    let no_receipt = |why: String| AuditError::Receipt { room: record.room.clone(), why };
    if let Position::Line(place) = ticket.position {
        return Ok((judge_line(place, record.entries()), Some(place)));
    }
    let Some(promise) = read_promise(token, keys, &record.room).map_err(no_receipt)? else {
        return Ok((Judgement::Open("the ticket names no entry".into()), None));
    };
    let own = record.places().and_then(Result::ok).and_then(|places| places.place(promise.tier, promise.index));
    Ok((judge_entry(&promise, own, record, source)?, own))
}

/// Whether the frozen lists have the ticket's entry and tag where the ticket has them.
fn judge_entry(promise: &Promise, own: Option<u64>, record: &Record, source: &Source) -> Result<Judgement, AuditError> {
    let Promise { tier, index, .. } = *promise;
    let Some(frozen) = record.tiers.as_ref().map(|tiers| tiers.get(usize::from(tier))) else {
        return Ok(Judgement::Open("the tiers are not frozen yet".into()));
    };
    let Some(frozen) = frozen else {
        return Ok(Judgement::Contradicted(format!("the operator signed an entry of tier {tier}, and there is none")));
    };
    let list = super::super::roster::search(source.tier_roster(tier)?, index, &promise.entry)?;
    if (frozen.entries, frozen.root) != (list.entries, list.root) {
        return Ok(Judgement::Contradicted(format!(
            "the roster of tier {tier} that is published is not the one that was frozen"
        )));
    }
    let tag = if record.descriptor.has_identities() { tag_at(source, tier, index)? } else { None };
    let tag_differs = tag.filter(|tag| *tag != promise.tag);
    let signed = format!("the operator signed that entry {index} of tier {tier} is {}", hex::encode(promise.entry));
    Ok(match (list.at_index, tag_differs) {
        (Some(entry), None) if entry == promise.entry => {
            let place =
                own.map_or_else(|| "its place is not drawn yet".into(), |place| format!("its place is {place}"));
            Judgement::Honoured(format!("entry {index} of tier {tier} is as the ticket says; {place}"))
        }
        (Some(entry), Some(tag)) if entry == promise.entry => Judgement::Contradicted(format!(
            "{signed} with the tag {}; the published tag is {}",
            hex::encode(promise.tag),
            hex::encode(tag)
        )),
        (found, _) => {
            let instead = found.map_or_else(|| "ends before it".into(), |other| format!("has {}", hex::encode(other)));
            Judgement::Contradicted(format!("{signed}; there the frozen roster {instead}"))
        }
    })
}

fn tag_at(source: &Source, tier: u8, index: u64) -> Result<Option<Tag>, SourceError> {
    let Some(tags) = source.tier_tags(tier)? else { return Ok(None) };
    let (mut at, mut found) = (0, None);
    for_each_line::<16>(tags, |tag| {
        found = found.or((at == index).then_some(*tag));
        at += 1;
    })?;
    Ok(found)
}
