//! Undoes a change: a new change with the values of before, where nothing else has changed them since.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::Admin;
use super::access::Caller;
use super::audit::AuditEntry;
use super::audit_pages::entries_of;
use super::body::QueryOf;
use super::change::Change;
use super::make::{Asked, make};
use super::precondition::{ControlsTag, Seen};
use super::problem::Problem;
use super::rooms::{Changed, How, find};
use fairgate_core::room::{Control, View};
use fairgate_problem::ProblemDetails;

/// Undo a change by its `id`: the values of before are set again (the role that they need). Refused with the difference
/// where something else has changed them since. Fans who were let in, and sessions that were ended, stay so.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/undo/{change}", tag = "rooms", security(("token" = [])),
    params(("room" = String, Path, description = "the room's name"),
        ("change" = String, Path, description = "the change's `id`"), How),
    responses((status = 200, body = Changed), (status = "default", body = ProblemDetails)))]
pub(super) async fn undo(
    State(admin): State<Admin>,
    caller: Caller,
    Path((room, change)): Path<(String, String)>,
    QueryOf(how): QueryOf<How>,
    seen: Seen,
) -> Result<Response, Problem> {
    let changed = undone(&admin, &caller, &room, &change, (how.dry_run, seen)).await?;
    let tag = changed.room.controls.clone();
    Ok(ControlsTag::on(&tag, Json(changed)))
}

/// Undoes a change, or says what that would change.
pub(super) async fn undone(
    admin: &Admin,
    caller: &Caller,
    room: &str,
    change: &str,
    (dry_run, seen): (bool, Seen),
) -> Result<Changed, Problem> {
    let entries = entries_of(admin, &find(admin, room)?.name, change).await?;
    if entries.is_empty() {
        return Err(Problem::NoChange(change.to_owned()));
    }
    let asked = Asked { dry_run, seen, undoes: Some(change.to_owned()) };
    make(admin, caller, room, &asked, |view| inverse(&entries, view)).await
}

/// True if a change can be undone at all, whatever has happened since.
pub(super) fn is_undoable(change: &Change) -> bool {
    now(&change.what, None).is_some() && (change.what != "ramp" || change.before.is_null())
}

/// The controls that set the values of before; refused where they are not those after the change any more.
fn inverse(entries: &[AuditEntry], view: &View) -> Result<Vec<Control>, Problem> {
    let mut differences = Vec::new();
    for AuditEntry { change, .. } in entries {
        if !is_undoable(change) {
            return Err(Problem::NotUndoable(format!("{} cannot be undone", change.what)));
        }
        let stands = now(&change.what, Some(view)).unwrap_or_default();
        if stands != change.after {
            let Change { what, after, .. } = change;
            differences.push(format!("{what} was set to {after}, and is {stands} now"));
        }
    }
    if !differences.is_empty() {
        let differences = differences.join("; ");
        return Err(Problem::NotUndoable(format!("something else was changed since: {differences}")));
    }
    let before = |what: &str| entries.iter().find(|entry| entry.change.what == what).map(|entry| &entry.change.before);
    let mut controls = admission(before("paused"), before("draining"), view);
    for AuditEntry { change, .. } in entries {
        controls.extend(control(change, view));
    }
    if controls.is_empty() {
        return Err(Problem::NotUndoable("the audit log does not say what was before".to_owned()));
    }
    Ok(controls)
}

/// How one value stands in a room; nothing for what no control sets. Without a room: null for what a control sets.
fn now(what: &str, view: Option<&View>) -> Option<Value> {
    let read = |value: fn(&View) -> Value| Some(view.map_or(Value::Null, value));
    match what {
        "rate_per_minute" => read(|view| json!(view.policy.rate_per_minute)),
        "burst" => read(|view| json!(view.policy.burst)),
        "max_active" => read(|view| json!(view.policy.max_active)),
        "ramp" => read(|view| json!(view.ramp.map(|(ramp, _)| ramp))),
        "mode" => read(|view| json!(view.policy.mode)),
        "target_ms" => read(|view| json!(view.policy.target_ms)),
        "paused" => read(|view| json!(view.paused)),
        "draining" => read(|view| json!(view.draining)),
        "message" => read(|view| json!(view.message)),
        "sold_out" => read(|view| json!(view.sold_out)),
        "ends_at_ms" => read(|view| json!(view.ends_at_ms)),
        _ => None,
    }
}

/// Pause and drain as they were: a resume ends both, so whichever stays is set again.
fn admission(paused: Option<&Value>, draining: Option<&Value>, view: &View) -> Vec<Control> {
    let wanted = |value: Option<&Value>, stands: bool| value.and_then(Value::as_bool).unwrap_or(stands);
    let (paused, draining) = (wanted(paused, view.paused), wanted(draining, view.draining));
    let resumes = (view.paused && !paused) || (view.draining && !draining);
    let (is_paused, is_draining) = if resumes { (false, false) } else { (view.paused, view.draining) };
    let controls = [
        resumes.then_some(Control::Resume),
        (paused && !is_paused).then_some(Control::Pause),
        (draining && !is_draining).then_some(Control::Drain),
    ];
    controls.into_iter().flatten().collect()
}

/// The control that sets one value of before; pause and drain are [`admission`]'s.
fn control(Change { what, before, .. }: &Change, view: &View) -> Option<Control> {
    let number = before.as_u64();
    let small = || number.and_then(|number| u32::try_from(number).ok());
    match &**what {
        "rate_per_minute" => small().map(Control::Rate),
        // A rate ends the ramp; where the rate was another one before, that is a change of its own.
        "ramp" => Some(Control::Rate(view.policy.rate_per_minute)),
        "burst" => small().map(Control::Burst),
        "max_active" => number.map(Control::MaxActive),
        "mode" => serde_json::from_value(before.clone()).ok().map(Control::Mode),
        "target_ms" => number.map(Control::TargetMs),
        "message" => Some(Control::Message(before.as_str().map(str::to_owned))),
        "sold_out" => before.as_bool().map(Control::SoldOut),
        "ends_at_ms" => Some(Control::EndsAt(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::change::{changes, testing::view};
    use crate::config::Role;
    use fairgate_core::room::{Command, Mode, Ramp, Room};

    /// Every control, in a room that stands in every way that matters for pause and drain.
    #[test]
    fn what_was_changed_is_as_before_once_it_is_undone() {
        let ramp = Ramp { from_per_minute: 600, to_per_minute: 900, over_ms: 60_000 };
        let all = [
            Control::Pause,
            Control::Drain,
            Control::Resume,
            Control::Rate(7),
            Control::Ramp(ramp),
            Control::Burst(3),
            Control::MaxActive(9),
            Control::Mode(Mode::Adaptive),
            Control::TargetMs(250),
            Control::Message(Some("Soon".into())),
            Control::SoldOut(true),
            Control::EndsAt(Some(5_000_000)),
        ];
        let held = [vec![], vec![Control::Pause], vec![Control::Drain], vec![Control::Pause, Control::Drain]];
        for control in all {
            for held in &held {
                let (mut room, _) = view();
                room.apply(&Command::Control(held.clone()), 0).expect("it is valid");
                let before = room.view().expect("a view");
                let entries: Vec<_> = changes(&control, &before).into_iter().map(entry).collect();
                if entries.is_empty() {
                    continue;
                }
                room.apply(&Command::Control(vec![control.clone()]), 0).expect("it is valid");
                let controls = inverse(&entries, &room.view().expect("a view")).expect("it can be undone");
                room.apply(&Command::Control(controls), 0).expect("it is valid");
                let after = settings(&room);
                assert_eq!(after, settings_of(&before), "{control:?} in a room with {held:?}");
            }
        }
    }

    #[test]
    fn what_others_have_changed_since_is_told_and_left() {
        let (mut room, view) = view();
        let entries: Vec<_> = changes(&Control::Rate(900), &view).into_iter().map(entry).collect();
        room.apply(&Command::Control(vec![Control::Rate(700)]), 0).expect("it is valid");
        let refused = inverse(&entries, &room.view().expect("a view")).expect_err("somebody else's rate");
        assert!(refused.to_string().contains("rate_per_minute was set to 900, and is 700 now"), "{refused}");
    }

    #[test]
    fn who_was_let_in_stays_in() {
        let (_, view) = view();
        for what in ["let_in", "revoked_place", "beacon_round", "now_ms"] {
            let change = Change { what: what.into(), before: json!(0), after: json!(7) };
            assert!(inverse(&[entry(change)], &view).is_err(), "{what}");
        }
    }

    fn entry(change: Change) -> AuditEntry {
        AuditEntry {
            at_ms: 1,
            who: "maria".into(),
            role: Role::Sre,
            room: "final".into(),
            id: "1".into(),
            from: None,
            control_revision: None,
            undoes: None,
            change,
        }
    }

    fn settings(room: &Room) -> [Value; 10] {
        settings_of(&room.view().expect("a view"))
    }

    fn settings_of(view: &View) -> [Value; 10] {
        let keys = ["rate_per_minute", "burst", "max_active", "mode", "target_ms", "paused", "draining", "message"];
        let rest = ["sold_out", "ends_at_ms"];
        let mut all = keys.iter().chain(&rest).map(|key| now(key, Some(view)).expect("a control"));
        std::array::from_fn(|_| all.next().expect("ten"))
    }
}
