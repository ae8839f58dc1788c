//! Links into the console that work once and for a minute: for whoever has a token in a shell and a browser beside it.
//!
//! Guarantees: a link opens one session, by a press on its page, so that a preview of the link uses nothing up; only its hash
//! is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Form, Query, State};
use axum::response::Response;
use axum::{Extension, Json};
use fairgate_telemetry::entropy::{NoRandomness, random_bytes};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::door::session_begun;
use super::refusal::Refused;
use super::render;
use super::sessions::{SecretHash, hash};
use super::way::Way;
use crate::admin::Admin;
use crate::admin::access::{Caller, network_of};
use crate::admin::problem::Problem;
use crate::admin::refusals::wrong_token;
use fairgate_problem::ProblemDetails;

const GOOD_FOR: Duration = Duration::from_secs(60);
const LINKS_MAX: usize = 64;

/// A link that works once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleLink {
    /// Its path on this listener.
    pub path: String,
    /// For how long it works, s.
    pub good_for_s: u64,
}

/// Links that nobody has used yet.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<HashMap<SecretHash, (Caller, Instant)>>);

impl Links {
    fn add(&self, caller: Caller, now: Instant) -> Result<String, NoRandomness> {
        let key = hex::encode(random_bytes::<32>()?);
        let mut links = self.lock();
        links.retain(|_, (_, until)| *until > now);
        if links.len() >= LINKS_MAX {
            let first = links.iter().min_by_key(|(_, (_, until))| *until).map(|(hash, _)| *hash);
            if let Some(hash) = first {
                links.remove(&hash);
            }
        }
        links.insert(hash(&key), (caller, now + GOOD_FOR));
        Ok(key)
    }

    fn take(&self, key: &str, now: Instant) -> Option<Caller> {
        self.lock().remove(&hash(key)).filter(|(_, until)| *until > now).map(|(caller, _)| caller)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretHash, (Caller, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Make a link into the console that works once, within a minute. Whoever uses it has the role of the token.
#[utoipa::path(post, path = "/api/v1/console/links", tag = "console", security(("token" = [])),
    responses((status = 200, body = ConsoleLink), (status = "default", body = ProblemDetails)))]
pub(in crate::admin) async fn new_link(
    State(admin): State<Admin>,
    caller: Caller,
) -> Result<Json<ConsoleLink>, Problem> {
    let console = admin.console.as_ref().ok_or(Problem::NoConsole)?;
    let key = console.links.add(caller, Instant::now()).map_err(|error| Problem::Store(error.to_string()))?;
    Ok(Json(ConsoleLink { path: format!("/console/enter?key={key}"), good_for_s: GOOD_FOR.as_secs() }))
}

/// What a link, and the form of its page, says.
#[derive(Deserialize)]
pub(super) struct Entry {
    key: String,
}

/// The page of a link: a press opens the console.
pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(way): Extension<Way>,
    Query(entry): Query<Entry>,
) -> Result<Response, Refused> {
    admin.open_console()?;
    render::page("enter.html", None, &json!({ "key": entry.key, "secure": way.secure }))
}

/// Uses a link up.
pub(super) async fn enter(
    State(admin): State<Admin>,
    Extension(way): Extension<Way>,
    Form(entry): Form<Entry>,
) -> Result<Response, Refused> {
    admin.doorman.listens_to(way.address)?;
    let Some(caller) = admin.open_console()?.links.take(&entry.key, Instant::now()) else {
        wrong_token(&admin, way.address).await;
        return Err(Refused::used_link());
    };
    session_begun(&admin, Caller { from: Some(network_of(way.address)), ..caller }, way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn a_link_works_once_and_for_a_minute() {
        let (links, now) = (Links::default(), Instant::now());
        let caller = Caller { name: "maria".into(), role: Role::Organizer, from: None };
        let (key, late) = (links.add(caller.clone(), now).unwrap(), links.add(caller.clone(), now).unwrap());
        assert_eq!(links.take("", now), None);
        assert_eq!(links.take(&key, now + Duration::from_secs(59)), Some(caller.clone()));
        assert_eq!(links.take(&key, now), None);
        assert_eq!(links.take(&late, now + GOOD_FOR), None);
        for _ in 0..2 * LINKS_MAX {
            links.add(caller.clone(), now).unwrap();
        }
        assert_eq!(links.lock().len(), LINKS_MAX);
    }
}
