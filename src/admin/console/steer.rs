//! The forms that change a room: what would come of it first, then the change, then what it was.

use std::time::Duration;

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::audit_page::said_change;
use super::door::{Person, see_other};
use super::fields::{Confirm, Wanted};
use super::refusal::Refused;
use super::render;
use crate::admin::Admin;
use crate::admin::edges::followed;
use crate::admin::make::{Asked, make};
use crate::admin::precondition::Seen;
use crate::admin::refusals::told;
use crate::admin::rooms::{Changed, find};
use crate::admin::undo::undone;

/// How long edges may take to follow before the page is shown all the same.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(1);

/// What a form of a room holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    /// The session's form token.
    form: String,
    /// The state of the controls that the page has shown.
    seen: String,
    /// Which control.
    what: String,
    value: String,
    /// "yes" from the page that says what would come of it.
    confirmed: String,
    /// What had to be typed.
    typed: String,
}

/// Makes a change, or asks to confirm it.
pub(super) async fn change(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Refused> {
    person.require_form(&sent.form)?;
    let wanted = Wanted::read(&sent.what, &sent.value)?;
    let confirm = Confirm::of(&sent.what, &sent.value, &room);
    let is_confirmed = sent.confirmed == "yes";
    let dry_run = !confirm.is_done(is_confirmed, &sent.typed);
    let asked = Asked { dry_run, seen: Seen::parse(&sent.seen), undoes: None };
    let changed = make(&admin, &person.caller, &room, &asked, |view| wanted.controls(view)).await;
    let changed = match changed {
        Err(problem) if !dry_run => {
            let asked = format!("{} {}", sent.what, sent.value);
            return Err(told(&admin, &person.caller, &room, &asked, problem).await.into());
        }
        changed => changed?,
    };
    if dry_run {
        return asked_again(&person, &sent, &confirm, &changed);
    }
    done(&admin, &room, &changed).await
}

/// The page that says what would come of a change.
fn asked_again(person: &Person, sent: &Sent, confirm: &Confirm, changed: &Changed) -> Result<Response, Refused> {
    let changes: Vec<_> = changed.changes.iter().map(said_change).collect();
    let expected = if let Confirm::Type(text) = confirm { Some(text) } else { None };
    let page = json!({
        "room": { "name": changed.room.name, "title": changed.room.title },
        "what": sent.what,
        "value": sent.value,
        "seen": changed.room.controls,
        "changes": changes,
        "consequences": changed.consequences,
        "warnings": changed.warnings,
        "expected": expected,
        "mistyped": sent.confirmed == "yes",
    });
    render::page("confirm.html", Some(person), &page)
}

/// Leads to the room, which says what was done; on its way all edges have time to follow.
async fn done(admin: &Admin, room: &str, changed: &Changed) -> Result<Response, Refused> {
    let Some(id) = &changed.id else { return Ok(see_other(&format!("/console/rooms/{room}?same=yes"))) };
    followed(admin, room, changed.room.now_ms, FOLLOWED_WITHIN).await?;
    Ok(see_other(&format!("/console/rooms/{room}?done={id}&since={}", changed.room.now_ms)))
}

/// What an undo's form holds.
#[derive(Deserialize)]
pub(super) struct Undo {
    form: String,
    change: String,
}

/// Undoes a change.
pub(super) async fn undo(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
    Form(undo): Form<Undo>,
) -> Result<Response, Refused> {
    person.require_form(&undo.form)?;
    let changed = match undone(&admin, &person.caller, &room, &undo.change, (false, Seen::Anything)).await {
        Ok(changed) => changed,
        Err(problem) => {
            let asked = format!("undo {}", undo.change);
            return Err(told(&admin, &person.caller, &room, &asked, problem).await.into());
        }
    };
    done(&admin, &room, &changed).await
}

/// What would come of a change, for the line below its field.
pub(super) async fn preview(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Json<Value>, Refused> {
    person.require_form(&sent.form)?;
    let room = find(&admin, &room)?.name;
    let would = async {
        let wanted = Wanted::read(&sent.what, &sent.value)?;
        let asked = Asked { dry_run: true, seen: Seen::Anything, undoes: None };
        make(&admin, &person.caller, &room, &asked, |view| wanted.controls(view)).await
    };
    Ok(Json(match would.await {
        Ok(changed) => json!({ "says": changed.consequences, "warns": changed.warnings }),
        Err(problem) => json!({ "says": [], "warns": [problem.to_string()] }),
    }))
}
