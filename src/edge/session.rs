//! The session inside: it slides while it is used, up to its hard end, and ends when the shop says so.
//!
//! A pass that has used up a third of its idle time is renewed on the way: the store's lease first, then a new pass in
//! the answer's cookie. What another session might be given from a shared cache never carries a cookie.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderName, SET_COOKIE};
use pingora::http::ResponseHeader;
use tokio::task::JoinHandle;

use super::batch::BatchError;
use super::live::LiveRoom;
use super::state::Edge;
use super::visit::Inside;
use crate::pass::Pass;
use crate::room::{Command, RenewOutcome};

const RELEASE: HeaderName = HeaderName::from_static("x-fairgate-release");

/// How long an answer waits for its renewal. The next request tries again.
const RENEW_WITHIN: Duration = Duration::from_millis(250);

/// A renewal under way while the shop works.
pub(crate) struct Renewal(JoinHandle<Result<RenewOutcome, BatchError>>);

impl Renewal {
    /// Begins to renew a pass that is due.
    pub(crate) fn begin(edge: &Edge, room: &Arc<LiveRoom>, pass: &Pass) -> Option<Self> {
        if !pass.is_due(room.config.policy.session_idle_ms, edge.now_ms()) {
            return None;
        }
        let (room, place) = (Arc::clone(room), pass.place);
        Some(Self(tokio::spawn(async move { room.renewals.ask(place).await })))
    }

    async fn expires_at_ms(self) -> Option<u64> {
        match tokio::time::timeout(RENEW_WITHIN, self.0).await {
            Ok(Ok(Ok(RenewOutcome::Renewed { expires_at_ms }))) => Some(expires_at_ms),
            _ => None,
        }
    }
}

/// Looks after the session when the shop has answered.
pub(crate) async fn on_answer(
    edge: &Arc<Edge>,
    inside: &mut Inside,
    answer: &mut ResponseHeader,
) -> pingora::Result<()> {
    let released = answer.headers.get(RELEASE).is_some_and(|value| value.as_bytes() == b"1");
    strip_gate_fields(answer);
    let renewal = inside.renewal.take();
    if released {
        return release(edge, inside, answer);
    }
    match renewal {
        Some(renewal) => renew(edge, inside, renewal, answer).await,
        None => Ok(()),
    }
}

fn strip_gate_fields(answer: &mut ResponseHeader) {
    let is_ours = |name: &&HeaderName| name.as_str().starts_with("x-fairgate-");
    let names: Vec<HeaderName> = answer.headers.keys().filter(is_ours).cloned().collect();
    for name in &names {
        while answer.remove_header(name).is_some() {}
    }
}

fn release(edge: &Arc<Edge>, inside: &Inside, answer: &mut ResponseHeader) -> pingora::Result<()> {
    let Some(holder) = &inside.holder else { return Ok(()) };
    let cookies = inside.room.cookies(inside.arrival.client.secure);
    answer.append_header(SET_COOKIE, cookies.pass.clear())?;
    answer.append_header(SET_COOKIE, cookies.ticket.clear())?;
    keep_private(answer)?;
    let (edge, room, place) = (Arc::clone(edge), Arc::clone(&inside.room), holder.pass.place);
    // The fan's answer does not wait for it; if it is lost, the session ends when it is idle.
    tokio::spawn(async move {
        if let Err(error) = edge.store.apply(room.name(), Command::Release(vec![place])).await {
            tracing::warn!(room = room.name(), %error, "a session could not be released");
        }
    });
    Ok(())
}

async fn renew(edge: &Edge, inside: &mut Inside, renewal: Renewal, answer: &mut ResponseHeader) -> pingora::Result<()> {
    let Some(holder) = &inside.holder else { return Ok(()) };
    let Some(expires_at_ms) = renewal.expires_at_ms().await else { return Ok(()) };
    if is_shared(answer) {
        return Ok(());
    }
    let (old, now_ms) = (&holder.pass, edge.now_ms());
    let pass = Pass::new(&old.room, old.draw, old.place, now_ms, expires_at_ms, old.hard_end_at_ms);
    let token = edge.keys.sign_pass(&pass);
    let kept_s = pass.expires_at_ms.saturating_sub(now_ms) / 1000;
    let cookie = inside.room.cookies(inside.arrival.client.secure).pass.set(&token, kept_s);
    answer.append_header(SET_COOKIE, cookie)?;
    keep_private(answer)
}

/// Whether the shop invites shared caches to keep the answer.
fn is_shared(answer: &ResponseHeader) -> bool {
    directives(answer).any(|directive| directive == "public" || directive.starts_with("s-maxage"))
}

/// An answer with a cookie of ours must not be kept for others.
fn keep_private(answer: &mut ResponseHeader) -> pingora::Result<()> {
    if directives(answer).any(|directive| directive == "private" || directive == "no-store") {
        return Ok(());
    }
    answer.append_header(CACHE_CONTROL, "private").map(drop)
}

fn directives(answer: &ResponseHeader) -> impl Iterator<Item = String> {
    let fields = answer.headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(',')).map(|directive| directive.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_stay_out_of_shared_caches() {
        let mut answer = ResponseHeader::build(200, None).unwrap();
        assert!(!is_shared(&answer));
        keep_private(&mut answer).unwrap();
        assert_eq!(answer.headers["cache-control"], "private");
        answer.insert_header(CACHE_CONTROL, "Public, max-age=60").unwrap();
        assert!(is_shared(&answer));
        answer.insert_header(CACHE_CONTROL, "s-maxage=60").unwrap();
        assert!(is_shared(&answer));
    }
}
