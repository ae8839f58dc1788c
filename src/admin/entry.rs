//! The calls on a room's entries: who came how, what a reference stands for, what is decided about it, and forgetting.
//!
//! Guarantees:
//! - whoever reads a reference or decides about one is in the audit log, and a decision has its reason there
//! - references are checked as a whole before anything is decided
//! - asking for the same decision again changes nothing

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::access::Caller;
use super::body::{JsonBody, QueryOf};
use super::change::Change;
use super::make::record;
use super::problem::Problem;
use super::rooms::{How, find};
use super::{Admin, RoomName};
use crate::config::Role;
use fairgate_core::room::View;
use fairgate_entry::book::{Book, Overrule, Refusal, Summary, Verdict, by_minute, kept_until_ms};
use fairgate_entry::reference::Reference;
use fairgate_entry::voucher::LINE_TIER;
use fairgate_entry::way::Reason;
use fairgate_problem::ProblemDetails;
use fairgate_store::BookPart;

/// References that are decided about at once.
pub const REFERENCES_MAX: usize = 500;
/// Characters of a reason.
const BECAUSE_MAX: usize = 500;
/// Tries to append decisions while other edges do the same.
const TRIES: usize = 5;

/// How many came how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryState {
    /// The draw that it is about: the digest of its descriptor, hex.
    pub draw: String,
    /// Entries that were made.
    pub entries: u64,
    /// Entries by the ways that let them in, in order of the ways' names.
    pub by_way: Vec<EntryCount>,
    /// Positions that were asked for something when it was their turn.
    pub asked: u64,
    /// Those of them that showed it.
    pub shown: u64,
    /// Those of them that have not come in.
    pub no_show_owing: u64,
    /// Refusals, by reason.
    pub refused: Vec<EntryCount>,
    /// Fans about whom somebody has decided otherwise.
    pub overruled: u64,
    /// Places that their devices gave to others.
    pub moved: u64,
    /// References that can be looked up.
    pub references: u64,
    /// True if what belongs to fans was forgotten.
    pub forgotten: bool,
    /// The same by minute, as far as minutes are told apart.
    pub minutes: Vec<EntryMinute>,
}

/// A number with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryCount {
    /// A way, or the reason of a refusal.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// What became of one way in one minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryMinute {
    /// The minute's beginning, Unix ms.
    pub at_ms: u64,
    /// The way; empty for entries as such.
    pub way: String,
    /// `entered`, or the reason of a refusal.
    pub outcome: String,
    /// How many.
    pub count: u64,
}

/// What a reference stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalState {
    /// The reference, as it is printed.
    pub reference: String,
    /// Why.
    pub reason: String,
    /// The kind of way that it is about; empty where it is none in particular.
    pub way: String,
    /// When it was given last, Unix ms.
    pub at_ms: u64,
    /// The tier's index, or `line`; none for somebody who has not entered.
    pub tier: Option<String>,
    /// The index in the tier's roster, or the place in the line.
    pub index: Option<u64>,
    /// Points of suspicion, with what to tell the fan.
    pub signals: Vec<SignalState>,
    /// What was decided about it, if anything.
    pub decided: Option<DecisionState>,
}

/// A sign of suspicion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignalState {
    /// The sign.
    pub signal: String,
    /// Its points; 1 where it was seen at the join, whose points are not kept.
    pub points: u8,
    /// What to tell the fan.
    pub told: String,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionState {
    /// `let_in` or `refuse`.
    pub verdict: Decision,
    /// When, Unix ms.
    pub at_ms: u64,
}

/// What is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The fan is let in.
    #[default]
    LetIn,
    /// The fan is not let in.
    Refuse,
}

impl Decision {
    fn verdict(self) -> Verdict {
        match self {
            Self::LetIn => Verdict::LetIn,
            Self::Refuse => Verdict::Refuse,
        }
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::LetIn => Self::LetIn,
            Verdict::Refuse => Self::Refuse,
        }
    }
}

/// What is to be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverruleRequest {
    /// References as fans quote them, 500 at most.
    pub references: Vec<String>,
    /// `let_in` unless given.
    #[serde(default)]
    pub verdict: Decision,
    /// Why; it stands in the audit log.
    pub because: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overruled {
    /// True if nothing was decided, and this only says what would be.
    pub dry_run: bool,
    /// References about which it is new.
    pub decided: Vec<OverruledOne>,
    /// References about which the same was decided before.
    pub unchanged: Vec<String>,
}

/// A decision that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverruledOne {
    /// The reference.
    pub reference: String,
    /// What comes of it.
    pub effect: String,
}

/// What was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forgotten {
    /// True if there was anything.
    pub forgotten: bool,
}

/// Identities that came again from more networks or devices than usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SharedEntries {
    /// The draw that it is about: the digest of its descriptor, hex.
    pub draw: String,
    /// As this edge has seen them, the most frequent first.
    pub shared: Vec<SharedEntry>,
}

/// An identity that came again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SharedEntry {
    /// The identity's tag, hex.
    pub tag: String,
    /// How often it came again; never too low.
    pub times: u64,
    /// Networks; 4 stands for more than three.
    pub networks: u64,
    /// Keys of browsers; 6 stands for more than five.
    pub keys: u64,
}

/// Show who came how: entries, refusals and claims that were asked for something, in all and by minute (role organizer).
#[utoipa::path(get, path = "/api/v1/rooms/{room}/entry", tag = "entry", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = EntryState), (status = "default", body = ProblemDetails)))]
pub(super) async fn show(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<Json<EntryState>, Problem> {
    caller.require(Role::Organizer)?;
    let (view, book) = read(&admin, &find(&admin, &room)?, &[]).await?;
    let summary = Summary::of(&book);
    let counts = |counts: std::collections::BTreeMap<String, u64>| {
        counts.into_iter().map(|(name, count)| EntryCount { name, count }).collect()
    };
    let minutes = by_minute(&book).into_iter().map(|minute| EntryMinute {
        at_ms: minute.at_ms,
        way: minute.way,
        outcome: minute.outcome,
        count: minute.count,
    });
    Ok(Json(EntryState {
        draw: hex::encode(view.draw.descriptor_digest),
        entries: summary.entries,
        by_way: counts(summary.by_way),
        asked: summary.asked,
        shown: summary.shown,
        no_show_owing: summary.no_show_owing,
        refused: counts(summary.refused),
        overruled: summary.overruled,
        moved: summary.moved,
        references: book.refused().min(fairgate_entry::book::REFUSALS_MAX as u64),
        forgotten: book.is_forgotten(),
        minutes: minutes.collect(),
    }))
}

/// Look up what a reference stands for (role organizer). Reading is written down in the audit log.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/entry/refusals/{reference}", tag = "entry", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"),
        ("reference" = String, Path, description = "the reference that a fan quotes, such as FG-7H3KQ9XW2")),
    responses((status = 200, body = RefusalState), (status = "default", body = ProblemDetails)))]
pub(super) async fn refusal(
    State(admin): State<Admin>,
    caller: Caller,
    Path((room, reference)): Path<(String, String)>,
) -> Result<Json<RefusalState>, Problem> {
    caller.require(Role::Organizer)?;
    let room = find(&admin, &room)?;
    let reference = spelled(&reference)?;
    let (view, book) = read(&admin, &room, &[BookPart::Refusals]).await?;
    let refusal = book.find(reference.bytes()).ok_or_else(|| unknown(&[reference], &book))?;
    let change =
        Change { what: "read_refusal".into(), before: json!(null), after: json!(refusal.reference.to_string()) };
    record(&admin, &caller, &room.name, std::slice::from_ref(&change), view.now_ms).await?;
    Ok(Json(state(&refusal, book.overruled(reference.bytes()))))
}

/// Decide about refused fans by their references: let them in, or do not (role organizer). The decision and its reason are
/// written down in the audit log, and count on every edge within a second or two.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/entry/overrules", tag = "entry", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How), request_body = OverruleRequest,
    responses((status = 200, body = Overruled), (status = "default", body = ProblemDetails)))]
pub(super) async fn overrule(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
    JsonBody(wanted): JsonBody<OverruleRequest>,
) -> Result<Json<Overruled>, Problem> {
    caller.require(Role::Organizer)?;
    let room = find(&admin, &room)?;
    let verdict = wanted.verdict.verdict();
    let because = checked_reason(&wanted.because)?;
    if wanted.references.len() > REFERENCES_MAX {
        let reason = format!("{} are more than {REFERENCES_MAX}; send them in parts", wanted.references.len());
        return Err(Problem::Value { key: "references", reason });
    }
    let mut references = wanted.references.iter().map(|typed| spelled(typed)).collect::<Result<Vec<_>, _>>()?;
    references.sort_unstable();
    references.dedup();
    let _one_at_a_time = admin.changing.lock().await;
    for _ in 0..TRIES {
        let (view, book) = read(&admin, &room, &[BookPart::Refusals]).await?;
        let refusals = found(&references, &book)?;
        let is_new = |refusal: &&Refusal| {
            book.overruled(refusal.reference.bytes()).and_then(|overrule| overrule.verdict) != Some(verdict)
        };
        let (new, old): (Vec<&Refusal>, Vec<&Refusal>) = refusals.iter().partition(is_new);
        check_possible(&new, verdict)?;
        let told = |refusal: &&Refusal| OverruledOne {
            reference: refusal.reference.to_string(),
            effect: effect(refusal, verdict).unwrap_or_default().to_owned(),
        };
        let answer = Overruled {
            dry_run: how.dry_run,
            decided: new.iter().map(told).collect(),
            unchanged: old.iter().map(|refusal| refusal.reference.to_string()).collect(),
        };
        if how.dry_run || new.is_empty() {
            return Ok(Json(answer));
        }
        let draw = view.draw.descriptor_digest;
        let known = book.overrule_rows().len() as u64;
        let rows = new.iter().map(|refusal| Overrule::of(refusal, verdict, view.now_ms).to_bytes()).collect::<Vec<_>>();
        let (expected, keep_until_ms) = (known + rows.len() as u64, kept_until_ms(view.now_ms, view.ends_at_ms));
        if admin.store.overrule(&room.name, &draw, known, rows, keep_until_ms).await? == expected {
            let changes: Vec<Change> = new.iter().map(|refusal| change(refusal, &book, verdict, because)).collect();
            record(&admin, &caller, &room.name, &changes, view.now_ms).await?;
            return Ok(Json(answer));
        }
    }
    Err(Problem::Store("another edge decides about the same room again and again".to_owned()))
}

/// Forget what belongs to fans, before its time (role organizer): counts of networks, references, and who was asked. Numbers stay, and
/// so do decisions about positions. It cannot be undone.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/entry/forget", tag = "entry", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"), How),
    responses((status = 200, body = Forgotten), (status = "default", body = ProblemDetails)))]
pub(super) async fn forget(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
    QueryOf(how): QueryOf<How>,
) -> Result<Json<Forgotten>, Problem> {
    caller.require(Role::Organizer)?;
    let room = find(&admin, &room)?;
    let (view, book) = read(&admin, &room, &[BookPart::Heat]).await?;
    if how.dry_run {
        return Ok(Json(Forgotten { forgotten: book.heat.is_some() || book.refused() > 0 }));
    }
    let draw = view.draw.descriptor_digest;
    let keep_until_ms = kept_until_ms(view.now_ms, view.ends_at_ms);
    let forgotten = admin.store.forget(&room.name, &draw, keep_until_ms).await?;
    let before = json!({ "references": book.refused() });
    let change = Change { what: "entry_forgotten".into(), before, after: json!(null) };
    record(&admin, &caller, &room.name, std::slice::from_ref(&change), view.now_ms).await?;
    Ok(Json(Forgotten { forgotten }))
}

/// Show identities that came again from more than three networks or with more than five keys, as this edge has seen them (role
/// organizer). One identity is one entry all the same.
#[utoipa::path(get, path = "/api/v1/rooms/{room}/entry/shared", tag = "entry", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name")),
    responses((status = 200, body = SharedEntries), (status = "default", body = ProblemDetails)))]
pub(super) async fn shared(
    State(admin): State<Admin>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<Json<SharedEntries>, Problem> {
    caller.require(Role::Organizer)?;
    let room = find(&admin, &room)?;
    let view = admin.store.view(&room.name).await?;
    let draw = view.draw.descriptor_digest;
    let shared = (admin.shared)(&room.name, &draw).into_iter().map(|shared| SharedEntry {
        tag: hex::encode(shared.tag),
        times: shared.times,
        networks: shared.networks as u64,
        keys: shared.keys as u64,
    });
    Ok(Json(SharedEntries { draw: hex::encode(draw), shared: shared.collect() }))
}

/// Entries of the present draw that were refused, by reason; none where the room asks nothing.
pub(super) async fn refusals(admin: &Admin, room: &RoomName) -> Result<Vec<EntryCount>, Problem> {
    let (_, book) = read(admin, room, &[]).await?;
    Ok(Summary::of(&book).refused.into_iter().map(|(name, count)| EntryCount { name, count }).collect())
}

async fn read(admin: &Admin, room: &RoomName, parts: &[BookPart]) -> Result<(View, Book), Problem> {
    let view = admin.store.view(&room.name).await?;
    let book = admin.store.book(&room.name, &view.draw.descriptor_digest, parts).await?;
    Ok((view, book))
}

fn spelled(typed: &str) -> Result<Reference, Problem> {
    let reason = || format!("{typed:?} is no reference; compare it with the fan's, such as FG-7H3KQ9XW2");
    Reference::read(typed).ok_or_else(|| Problem::Value { key: "reference", reason: reason() })
}

fn checked_reason(because: &str) -> Result<&str, Problem> {
    let because = because.trim();
    match because.chars().count() {
        1..=BECAUSE_MAX => Ok(because),
        _ => Err(Problem::Value { key: "because", reason: format!("write why, in 1 to {BECAUSE_MAX} characters") }),
    }
}

fn unknown(references: &[Reference], book: &Book) -> Problem {
    let names: Vec<String> = references.iter().map(Reference::to_string).collect();
    let names = names.join(", ");
    Problem::NoRefusal(match book.is_forgotten() {
        true => format!("{names}: what this room knew of its references was forgotten"),
        false => format!(
            "{names}: no such reference in this room's present draw. References are written down within seconds, and the latest \
             100,000 are kept"
        ),
    })
}

fn found(references: &[Reference], book: &Book) -> Result<Vec<Refusal>, Problem> {
    let all: Vec<Option<Refusal>> = references.iter().map(|reference| book.find(reference.bytes())).collect();
    let missing: Vec<Reference> =
        references.iter().zip(&all).filter(|(_, found)| found.is_none()).map(|(reference, _)| *reference).collect();
    if missing.is_empty() { Ok(all.into_iter().flatten().collect()) } else { Err(unknown(&missing, book)) }
}

/// What comes of a decision; `None` where nothing can.
fn effect(refusal: &Refusal, verdict: Verdict) -> Option<&'static str> {
    match (refusal.position, verdict, refusal.reason) {
        (Some(_), Verdict::LetIn, _) => Some("the place is asked nothing when it is called"),
        (Some(_), Verdict::Refuse, _) => Some("the place is not let in; whoever is inside already stays"),
        (None, Verdict::Refuse, _) => Some("it stays refused"),
        (None, Verdict::LetIn, Reason::WorkWrong | Reason::ChallengeFailed) => {
            Some("the same entry passes this way at its next try")
        }
        (None, Verdict::LetIn, Reason::CodeUnknown) => Some("the same entry passes with this code at its next try"),
        (None, Verdict::LetIn, Reason::CodeUsed) => {
            Some("the same entry passes at its next try, where codes are not the identity")
        }
        (None, Verdict::LetIn, _) => None,
    }
}

fn check_possible(refusals: &[&Refusal], verdict: Verdict) -> Result<(), Problem> {
    let impossible = refusals.iter().find(|refusal| effect(refusal, verdict).is_none());
    impossible.map_or(Ok(()), |refusal| {
        let (reference, reason) = (refusal.reference, refusal.reason.as_str());
        let reason = format!(
            "{reference} was refused for {reason}, and nobody can be let in without it: let the fan sign in again, or get a new \
             token from the shop"
        );
        Err(Problem::Value { key: "references", reason })
    })
}

fn change(refusal: &Refusal, book: &Book, verdict: Verdict, because: &str) -> Change {
    let before = book.overruled(refusal.reference.bytes()).and_then(|overrule| overrule.verdict);
    Change {
        what: "overrule".into(),
        before: json!(before.map(Decision::from)),
        after: json!({
            "reference": refusal.reference.to_string(),
            "verdict": Decision::from(verdict),
            "because": because,
        }),
    }
}

fn state(refusal: &Refusal, overrule: Option<Overrule>) -> RefusalState {
    let tier = |tier: u8| if tier == LINE_TIER { "line".to_owned() } else { tier.to_string() };
    let signals = refusal.points.iter().map(|(signal, points)| SignalState {
        signal: signal.as_str().to_owned(),
        points: *points,
        told: signal.explanation().to_owned(),
    });
    let decided = overrule.and_then(|overrule| {
        let verdict = overrule.verdict?.into();
        Some(DecisionState { verdict, at_ms: u64::from(overrule.at_s) * 1000 })
    });
    RefusalState {
        reference: refusal.reference.to_string(),
        reason: refusal.reason.as_str().to_owned(),
        way: refusal.kind.to_owned(),
        at_ms: u64::from(refusal.at_s) * 1000,
        tier: refusal.position.map(|(own, _)| tier(own)),
        index: refusal.position.map(|(_, index)| index),
        signals: signals.collect(),
        decided,
    }
}
