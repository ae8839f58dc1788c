//! What was refused, in the audit log: changes that somebody may not make, and tokens that nobody knows.
//!
//! Guarantees:
//! - a name has an entry a minute at most, and so have all wrong tokens together; what came in between is counted in the next
//! - nothing of a wrong token is written down
//! - a log that cannot be written does not let anybody in, and keeps nobody from being refused

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use super::Admin;
use super::access::{Caller, network_of};
use super::change::Change;
use super::make::record;
use super::problem::{Problem, Told};
use super::rooms::find;
use crate::config::Role;

/// What an entry of a refused change is called. Its value says what was asked for, and why it was refused.
pub(super) const REFUSED: &str = "refused";
/// What an entry of wrong tokens is called. Its value says how many there were.
pub(super) const WRONG_TOKENS: &str = "wrong_tokens";
/// Whoever shows a token that is not known.
const NOBODY: &str = "?";

const EVERY: Duration = Duration::from_secs(60);
const SAID_CHARS_MAX: usize = 300;

/// When each name was written down last, and how often it was refused since.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<String, (Instant, u64)>>);

impl Refusals {
    /// How many there were since the last entry of this name, if another one is due. Names are those of tokens, so there are few.
    fn due(&self, who: &str, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(who) {
            Some((at, since)) if now.saturating_duration_since(*at) < EVERY => {
                *since += 1;
                None
            }
            Some(told) => Some(std::mem::replace(told, (now, 0)).1 + 1),
            None => {
                told.insert(who.to_owned(), (now, 0));
                Some(1)
            }
        }
    }
}

/// True if an entry of the audit log changed nothing.
pub(crate) fn is_refusal(what: &str) -> bool {
    what == REFUSED || what == WRONG_TOKENS
}

/// An address has shown a token that is not known.
pub(super) async fn wrong_token(admin: &Admin, address: IpAddr) {
    admin.doorman.note_wrong_token(address);
    if let Some(times) = admin.doorman.refusals.due(NOBODY, Instant::now()) {
        let caller = Caller { name: NOBODY.to_owned(), role: Role::Viewer, from: Some(network_of(address)) };
        note(admin, &caller, "", (WRONG_TOKENS, json!(times))).await;
    }
}

/// Somebody was not allowed to make a change, or has not seen what it would have overwritten.
pub(super) async fn refused(admin: &Admin, caller: &Caller, room: &str, asked: &str, why: &str) {
    let Some(times) = admin.doorman.refusals.due(&caller.name, Instant::now()) else { return };
    let room = find(admin, room).map_or_else(|_| String::new(), |room| room.name);
    let more = if times > 1 { format!(" (and {} more)", times - 1) } else { String::new() };
    let said: String = format!("{asked}: {why}").chars().take(SAID_CHARS_MAX).collect();
    note(admin, caller, &room, (REFUSED, json!(format!("{said}{more}")))).await;
}

/// True if a refusal is worth an entry: others are slips.
pub(super) fn is_worth_telling(status: StatusCode) -> bool {
    status == StatusCode::FORBIDDEN || status == StatusCode::PRECONDITION_FAILED
}

async fn note(admin: &Admin, caller: &Caller, room: &str, (what, after): (&str, Value)) {
    let change = Change { what: what.to_owned(), before: Value::Null, after };
    if let Err(problem) = record(admin, caller, room, std::slice::from_ref(&change), admin.now_ms()).await {
        tracing::error!(%problem, "a refusal could not be written down");
    }
}

/// Writes down which changes of the API are refused.
pub(super) async fn watch(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let is_change = request.method() != Method::GET && request.method() != Method::HEAD;
    let is_dry_run = request.uri().query().is_some_and(|query| query.contains("dry_run=true"));
    let caller = request.extensions().get::<Caller>().filter(|_| is_change && !is_dry_run).cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let told = response.extensions().get::<Told>().filter(|_| is_worth_telling(response.status()));
    if let (Some(caller), Some(Told(why))) = (caller, told) {
        let room = path.split('/').skip_while(|part| *part != "rooms").nth(1).unwrap_or_default();
        refused(&admin, &caller, room, &format!("{method} {path}"), why).await;
    }
    response
}

/// The same for a form of the console: the problem goes on.
pub(super) async fn told(admin: &Admin, caller: &Caller, room: &str, asked: &str, problem: Problem) -> Problem {
    if is_worth_telling(problem.status_and_title().0) {
        refused(admin, caller, room, asked, &problem.to_string()).await;
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::testing::{TOKEN_ORGANIZER, TOKEN_SRE, TOKEN_VIEWER, TestEdge};
    use crate::admin::{AuditQuery, Client, RoomPatch};
    use crate::config::Secret;

    #[test]
    fn a_name_has_an_entry_a_minute_and_what_came_in_between_is_counted() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(refusals.due("maria", at(0)), Some(1));
        assert_eq!((refusals.due("maria", at(1)), refusals.due("maria", at(59))), (None, None));
        assert_eq!(refusals.due("ana", at(59)), Some(1));
        assert_eq!(refusals.due("maria", at(60)), Some(3));
        assert_eq!((refusals.due("maria", at(61)), refusals.due("maria", at(120))), (None, Some(2)));
    }

    #[tokio::test]
    async fn who_may_not_and_who_is_not_known_is_in_the_audit_log() {
        let edge = TestEdge::start().await;
        let client = |token: &str| Client::new(&edge.url, Secret::new(token.into()));
        let faster = RoomPatch { rate_per_minute: Some(900), ..RoomPatch::default() };
        for dry_run in [true, false, false] {
            client(TOKEN_ORGANIZER).change("final", &faster, dry_run).await.unwrap_err();
        }
        client(TOKEN_SRE).change("other", &faster, false).await.unwrap_err();
        client("a wrong token, 0123").list().await.unwrap_err();
        client("a wrong token, 4567").list().await.unwrap_err();
        let audit = client(TOKEN_VIEWER).audit(&AuditQuery::default()).await.unwrap();
        let told: Vec<_> = audit.changes.iter().map(|entry| (&*entry.who, &*entry.room, &*entry.change.what)).collect();
        assert_eq!(told, [("?", "", WRONG_TOKENS), ("organizer", "final", REFUSED)], "slips and dry runs are none");
        assert_eq!(
            (&audit.changes[0].change.after, audit.changes[0].from.as_deref()),
            (&json!(1), Some("127.0.0.0/24"))
        );
        let why = audit.changes[1].change.after.as_str().unwrap();
        assert!(why.starts_with("PATCH /rooms/final: this needs the role Sre"), "{why}");
        assert!(!serde_json::to_string(&audit).unwrap().contains("a wrong token"));
        let undone = client(TOKEN_SRE).undo("final", &audit.changes[1].id, false).await;
        assert!(undone.unwrap_err().to_string().contains("cannot be undone"));
    }
}
