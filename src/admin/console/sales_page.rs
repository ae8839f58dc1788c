//! Rooms as data in the console: what people know of a sale becomes a draft, and a draft becomes a room.
//!
//! Guarantee: what a form makes is what the API would make of the same text, with the same mistakes.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::door::{Person, see_other};
use super::refusal::Refused;
use super::render;
use crate::admin::Admin;
use crate::admin::definitions::{
    DefinitionState, Mistake, SeenDefinition, archived, as_file, book, check, definition, definitions, discarded,
    drafted, published,
};
use crate::admin::problem::Problem;
use crate::config::Role;
use crate::definitions::{Form as Known, Kind, clock_change, is_name};

/// The fields of the form, and the end of the key that each writes.
const FIELDS: [(&str, &str); 10] = [
    ("name", ".name"),
    ("title", ".title"),
    ("host", ".hosts"),
    ("path", ".paths"),
    ("upstream", ".upstream"),
    ("opens_at", ".opens_at"),
    ("starts_at", ".starts_at"),
    ("ends_at", ".ends_at"),
    ("rate", ".admission.rate_per_minute"),
    ("cap", ".admission.max_active"),
];

/// What the form of a new sale holds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct NewSale {
    /// The session's form token.
    #[serde(skip_serializing)]
    form: String,
    name: String,
    title: String,
    host: String,
    path: String,
    upstream: String,
    zone: String,
    opens_at: String,
    starts_at: String,
    ends_at: String,
    /// Which of two points in time is meant, where clocks change.
    opens_at_choice: String,
    starts_at_choice: String,
    ends_at_choice: String,
    rate: String,
    cap: String,
    minutes: String,
}

impl NewSale {
    fn known(&self) -> Known {
        let time = |local: &str, choice: &str| if choice.is_empty() { local } else { choice }.to_owned();
        Known {
            name: self.name.trim().to_owned(),
            title: self.title.clone(),
            host: self.host.clone(),
            path: self.path.clone(),
            upstream: self.upstream.clone(),
            opens_at: time(&self.opens_at, &self.opens_at_choice),
            starts_at: time(&self.starts_at, &self.starts_at_choice),
            ends_at: time(&self.ends_at, &self.ends_at_choice),
            zone: self.zone.clone(),
            rate: self.rate.clone(),
            cap: self.cap.clone(),
            minutes: self.minutes.clone(),
        }
    }

    /// Both meanings of a time that a clock change makes ambiguous.
    fn choices(&self) -> Value {
        let choices = |local: &str| {
            clock_change(local, &self.zone).map(|change| json!({ "twice": change.is_twice, "choices": change.choices }))
        };
        json!({
            "opens_at": choices(&self.opens_at),
            "starts_at": choices(&self.starts_at),
            "ends_at": choices(&self.ends_at),
        })
    }
}

/// All definitions.
pub(super) async fn list(State(admin): State<Admin>, person: Person) -> Result<Response, Refused> {
    let rooms = definitions(book(&admin)?).rooms;
    let makes = person.caller.role >= Role::Organizer;
    render::page("sales.html", Some(&person), &json!({ "rooms": rooms, "makes": makes }))
}

/// The form of a new sale.
pub(super) async fn new(State(admin): State<Admin>, person: Person) -> Result<Response, Refused> {
    let shop = book(&admin)?.shops().next().unwrap_or_default().to_owned();
    let sale = NewSale { upstream: shop, rate: "600".into(), minutes: "5".into(), ..NewSale::default() };
    form(&admin, &person, &sale, &[], None)
}

/// Makes a draft of what was typed, or shows what is wrong with it at its field.
pub(super) async fn make(
    State(admin): State<Admin>,
    person: Person,
    Form(sale): Form<NewSale>,
) -> Result<Response, Refused> {
    person.require_form(&sale.form)?;
    let known = sale.known();
    let (room, toml) = (known.name.clone(), known.toml());
    if !is_name(&room) {
        return form(&admin, &person, &sale, &check(&admin, book(&admin)?, &room, &toml).mistakes, Some(&toml));
    }
    let book = book(&admin)?;
    let is_known =
        [Kind::Room, Kind::Draft].iter().any(|kind| book.record(*kind, &room).is_some_and(|known| !known.is_gone));
    if is_known {
        let reason = "a sale of this name is there already: change it on its own page, or choose another name";
        return Err(Problem::Value { key: "name", reason: reason.to_owned() }.into());
    }
    let mistakes = check(&admin, book, &room, &toml).mistakes;
    if !mistakes.is_empty() {
        return form(&admin, &person, &sale, &mistakes, Some(&toml));
    }
    drafted(&admin, &person.caller, &room, toml, (false, &SeenDefinition(None))).await?;
    Ok(see_other(&format!("/console/sales/{room}")))
}

fn form(
    admin: &Admin,
    person: &Person,
    sale: &NewSale,
    mistakes: &[Mistake],
    toml: Option<&str>,
) -> Result<Response, Refused> {
    let of_field = |end: &str| -> Value {
        json!(mistakes.iter().filter(|mistake| mistake.key.ends_with(end)).collect::<Vec<_>>())
    };
    let fields: serde_json::Map<String, Value> =
        FIELDS.iter().map(|(field, end)| ((*field).to_owned(), of_field(end))).collect();
    let is_of_field = |mistake: &&Mistake| FIELDS.iter().any(|(_, end)| mistake.key.ends_with(end));
    let others: Vec<&Mistake> = mistakes.iter().filter(|mistake| !is_of_field(mistake)).collect();
    let page = json!({
        "sale": sale,
        "fields": fields,
        "others": others,
        "count": mistakes.len(),
        "choices": sale.choices(),
        "shops": book(admin)?.shops().collect::<Vec<_>>(),
        "toml": toml,
    });
    render::page("sale_new.html", Some(person), &page)
}

/// One definition: its text, what is wrong with it, and what can be done.
pub(super) async fn show(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
) -> Result<Response, Refused> {
    let state = definition(&admin, book(&admin)?, &room).await?;
    sale(&admin, &person, &state, None)
}

/// What the forms of a sale's page hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    /// The session's form token.
    form: String,
    /// The state that the page has shown.
    seen: String,
    /// `save`, `publish`, `discard` or `archive`.
    what: String,
    toml: String,
}

/// Does what a form of a sale's page says.
pub(super) async fn change(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Refused> {
    person.require_form(&sent.form)?;
    let (caller, seen) = (&person.caller, SeenDefinition(Some(sent.seen)));
    let asked = (false, &seen);
    let done = match &*sent.what {
        // Browsers send line ends as two signs.
        "save" => drafted(&admin, caller, &room, sent.toml.replace("\r\n", "\n"), asked).await,
        "publish" => published(&admin, caller, &room, asked).await,
        "discard" => discarded(&admin, caller, &room, asked).await,
        "archive" => archived(&admin, caller, &room, asked).await,
        _ => Err(Problem::Value { key: "what", reason: "no form of this page asks for that".to_owned() }),
    };
    match done {
        Ok(changed) => sale(&admin, &person, &changed.definition, Some((&*sent.what, changed.id.is_some()))),
        Err(problem) => Err(problem.into()),
    }
}

fn sale(
    admin: &Admin,
    person: &Person,
    state: &DefinitionState,
    done: Option<(&str, bool)>,
) -> Result<Response, Refused> {
    let written = state.draft.as_ref().or(state.published.as_ref());
    let checked = match (written, book(admin)) {
        (Some(written), Ok(book)) => Some(check(admin, book, &state.name, &written.toml)),
        _ => None,
    };
    let page = json!({
        "state": state,
        "toml": written.map(|written| &written.toml),
        "checked": checked,
        "makes": person.caller.role >= Role::Organizer && state.managed_by == crate::admin::ManagedBy::Data,
        "done": done.map(|(what, is_new)| json!({ "what": what, "new": is_new })),
        "live": state.published.is_some() && !state.is_archived,
    });
    render::page("sale.html", Some(person), &page)
}

/// The edge's file with the rooms behind it.
pub(super) async fn export(State(admin): State<Admin>, person: Person) -> Result<Response, Refused> {
    person.caller.require(Role::Organizer)?;
    Ok(as_file(book(&admin)?.export(None)))
}
