//! How a room's waiting page looks: all its states beside each other, from the document and the script that fans get.

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::door::{POLICY, Person};
use super::refusal::Refused;
use super::render::{self, word};
use super::room_page::named;
use crate::admin::Admin;
use crate::admin::preview::shown;
use crate::admin::rooms::find;
use crate::page::{PLAIN, SCRIPTED, languages};

/// In which language.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    lang: Option<String>,
}

/// All states.
pub(super) async fn matrix(
    State(admin): State<Admin>,
    person: Person,
    Path(room): Path<String>,
    Query(look): Query<Look>,
) -> Result<Response, Refused> {
    let room = find(&admin, &room)?;
    let languages = languages();
    let lang = look.lang.filter(|lang| languages.contains(&lang.as_str())).unwrap_or_else(|| "en".to_owned());
    let state =
        |name: &&'static str| json!({ "name": name, "says": word("look", name), "plain": name.starts_with("ns-") });
    let page = json!({
        "room": named(&room),
        "lang": lang,
        "languages": languages,
        "states": SCRIPTED.iter().chain(&PLAIN).map(state).collect::<Vec<_>>(),
    });
    let mut response = render::page("looks.html", Some(&person), &page)?;
    let policy = HeaderValue::try_from(format!("{POLICY}; frame-src 'self'"));
    if let Ok(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// One state, for a frame.
pub(super) async fn one(
    State(admin): State<Admin>,
    _: Person,
    Path((room, state)): Path<(String, String)>,
    Query(look): Query<Look>,
) -> Result<Response, Refused> {
    let room = find(&admin, &room)?;
    Ok(shown(&admin, &room.name, &state, look.lang.as_deref().unwrap_or("en")).await?)
}
