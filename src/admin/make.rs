//! Makes a change of a room's controls: all of what is asked for, or nothing.
//!
//! Guarantees:
//! - nothing is changed without the role that each part of it needs
//! - nobody overwrites what they have not seen, where they say what that is
//! - the values before are those that the change met, whichever edge changed them last
//! - a change is written down before it is told

use std::sync::Arc;

use serde_json::Value;

use super::access::Caller;
use super::audit::{AuditEntry, lines};
use super::audit_pages::changed_since;
use super::change::{Change, changes, role_for, warnings};
use super::precondition::{ControlsTag, Seen};
use super::problem::Problem;
use super::refusals::is_refusal;
use super::rooms::{Changed, find, next_of, state};
use super::{Admin, foresee};
use fairgate_core::room::{Command, Control, Refusal, View};
use fairgate_store::StoreError;
use fairgate_telemetry::entropy::random_bytes;

/// How often a change is tried again that another edge's came before.
const TRIES: usize = 5;

/// How a change is to be made.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// True to say what would change, and to change nothing.
    pub(super) dry_run: bool,
    /// What the caller has seen.
    pub(super) seen: Seen,
    /// The change that this one undoes.
    pub(super) undoes: Option<String>,
}

/// What is written down of a change beside its values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made<'m> {
    /// When, Unix ms.
    pub(super) at_ms: u64,
    /// The revision of the controls after it, where it changed any.
    pub(super) control_revision: Option<u64>,
    /// The change that it undoes.
    pub(super) undoes: Option<&'m str>,
}

/// Makes what `wanted` says for the room as it stands.
pub(super) async fn make(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    asked: &Asked,
    wanted: impl Fn(&View) -> Result<Vec<Control>, Problem>,
) -> Result<Changed, Problem> {
    let room = find(admin, room)?;
    let _one_at_a_time = admin.changing.lock().await;
    for _ in 0..TRIES {
        let view = admin.store.view(&room.name).await?;
        require_seen(admin, &room.name, &asked.seen, &ControlsTag::of(&view)).await?;
        let controls = wanted(&view)?;
        controls.iter().try_for_each(|control| caller.require(role_for(control)))?;
        let changes: Vec<_> = controls.iter().flat_map(|control| changes(control, &view)).collect();
        let mut warnings = warnings(&controls, &view, next_of(admin, &room.name, &view).await?.as_ref());
        warnings.extend(foresee::cautions(&controls, &view, (admin.best)(&room.name)));
        let consequences = if changes.is_empty() { Vec::new() } else { foresee::consequences(&controls, &view) };
        let is_made = !asked.dry_run && !changes.is_empty();
        let mut id = None;
        if is_made {
            let command = Command::ControlFrom { revision: view.control_revision, controls };
            match admin.store.apply(&room.name, command).await {
                Err(StoreError::Refused(Refusal::Overtaken { .. })) => continue,
                applied => applied?,
            };
            let control_revision = Some(view.control_revision + 1);
            let made = Made { at_ms: view.now_ms, control_revision, undoes: asked.undoes.as_deref() };
            id = Some(record_as(admin, caller, &room.name, &changes, made).await?);
        }
        let room = state(admin, &room).await?;
        return Ok(Changed { dry_run: asked.dry_run, id, changes, consequences, warnings, room });
    }
    Err(Problem::Overtaken("others change this room again and again: look, and ask once more".to_owned()))
}

/// Refuses a change by somebody who has not seen what stands there now.
async fn require_seen(admin: &Admin, room: &str, seen: &Seen, now: &ControlsTag) -> Result<(), Problem> {
    if seen.is_now(now) {
        return Ok(());
    }
    let since = match seen {
        Seen::This(tag) if tag.is_before(now) => changed_since(admin, room, tag.revision).await?,
        _ => Vec::new(),
    };
    let what = match &since[..] {
        [] => "they are of another sale, or were changed by a configuration".to_owned(),
        entries => entries.iter().map(said).collect::<Vec<_>>().join("; "),
    };
    Err(Problem::Overtaken(format!("the controls are not what you have seen: {what}. Look again, and decide anew")))
}

fn said(entry: &AuditEntry) -> String {
    let AuditEntry { who, change: Change { what, before, after }, .. } = entry;
    format!("{who} has changed {what} from {before} to {after}")
}

/// Writes changes down that were made.
pub(super) async fn record(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    changes: &[Change],
    at_ms: u64,
) -> Result<String, Problem> {
    record_as(admin, caller, room, changes, Made { at_ms, ..Made::default() }).await
}

/// Writes changes down, in this edge's file first; answers what they are called together.
async fn record_as(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    changes: &[Change],
    made: Made<'_>,
) -> Result<String, Problem> {
    let failed = |error: &dyn std::fmt::Display| Problem::Audit(error.to_string());
    let id = hex::encode(random_bytes::<8>().map_err(|error| failed(&error))?);
    let entry = |change: &Change| AuditEntry {
        at_ms: made.at_ms,
        who: caller.name.clone(),
        role: caller.role,
        room: room.to_owned(),
        id: id.clone(),
        from: caller.from.clone(),
        control_revision: made.control_revision,
        undoes: made.undoes.map(str::to_owned),
        change: change.clone(),
    };
    let entries: Vec<_> = changes.iter().map(entry).collect();
    entries.iter().for_each(tell);
    let lines = lines(&entries).map_err(|error| failed(&error))?;
    let (audit, kept) = (Arc::clone(&admin.audit), lines.clone());
    let written = tokio::task::spawn_blocking(move || audit.append(&kept)).await;
    written.map_err(std::io::Error::other).flatten().map_err(|error| failed(&error))?;
    admin.store.append_audit(lines).await.map_err(|error| failed(&error))?;
    Ok(id)
}

fn tell(entry: &AuditEntry) {
    let AuditEntry { who, role, room, id, from, change, .. } = entry;
    let (before, after): (&Value, &Value) = (&change.before, &change.after);
    let from = from.as_deref().unwrap_or_default();
    let done = if is_refusal(&change.what) { "refused" } else { "changed a room" };
    tracing::info!(target: "audit", who, ?role, room, id, from, what = change.what, %before, %after, "{done}");
}
