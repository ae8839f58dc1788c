//! The session of a request: renewed while it is used, up to its hard end, and ended when the shop says so.
//!
//! A pass that has used up a third of its idle time is renewed on the way. The store's lease comes first, then a new
//! pass in the answer's cookie. An answer that a shared cache may give to other sessions never carries a cookie. Its
//! new pass is kept for the next answer that may ([`RenewedPasses`]).
//!
//! [`RenewedPasses`]: crate::edge::credentials::renewed_passes::RenewedPasses

use std::sync::Arc;

use http::header::{CACHE_CONTROL, HeaderName, SET_COOKIE};
use pingora::http::ResponseHeader;

use super::holder::renewed;
use super::visit::Inside;
use crate::edge::context::Edge;
use fairgate_core::fields::{self, trim};
use fairgate_core::room::Command;

const RELEASE: HeaderName = HeaderName::from_static("x-fairgate-release");

/// Looks after the session when the shop has answered.
pub(super) async fn on_answer(
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
    if let Some(renewal) = renewal
        && let Some(expires_at_ms) = renewal.expires_at_ms().await
        && let Some(holder) = &mut inside.holder
        && !holder.pass.has_to_prove(edge.now_ms())
    {
        *holder = renewed(edge, &holder.pass, holder.shown, expires_at_ms);
    }
    hand_out(edge, inside, answer)
}

/// Gives the fan a pass that is newer than the one shown, or keeps it for an answer that may carry it.
fn hand_out(edge: &Edge, inside: &Inside, answer: &mut ResponseHeader) -> pingora::Result<()> {
    let Some(holder) = inside.holder.as_ref().filter(|holder| holder.is_owed) else { return Ok(()) };
    if is_shared(answer) {
        edge.renewed.keep(holder);
        return Ok(());
    }
    let kept_s = holder.pass.kept_s(edge.now_ms());
    let cookie = inside.room.cookies(inside.arrival.client.secure).pass.set(&holder.token, kept_s);
    answer.append_header(SET_COOKIE, cookie)?;
    keep_private(answer)
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
    take_from_caches(answer)?;
    let (edge, room, place) = (Arc::clone(edge), Arc::clone(&inside.room), holder.pass.place);
    // The fan's answer does not wait for it; if it is lost, the session ends when it is idle.
    tokio::spawn(async move {
        if let Err(error) = edge.store.apply(room.name(), Command::Release(vec![place])).await {
            tracing::warn!(room = room.name(), %error, "a session could not be released");
        }
    });
    Ok(())
}

/// Fields by which a shop speaks to shared caches alone (RFC 9213 and what was before it). They win over `Cache-Control`.
const TARGETED: [HeaderName; 9] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("edge-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("akamai-cache-control"),
    HeaderName::from_static("fastly-cache-control"),
    HeaderName::from_static("netlify-cdn-cache-control"),
    HeaderName::from_static("vercel-cdn-cache-control"),
    HeaderName::from_static("x-accel-expires"),
];

/// True if the shop invites shared caches to keep the answer.
fn is_shared(answer: &ResponseHeader) -> bool {
    let invites =
        |directive: &[u8]| ["public", "s-maxage"].iter().any(|known| directive.eq_ignore_ascii_case(known.as_bytes()));
    directives(answer).any(invites) || TARGETED.iter().any(|name| answer.headers.contains_key(name))
}

/// An answer with a cookie of ours must not be kept for others.
fn keep_private(answer: &mut ResponseHeader) -> pingora::Result<()> {
    let is_private =
        |directive: &[u8]| ["private", "no-store"].iter().any(|known| directive.eq_ignore_ascii_case(known.as_bytes()));
    if directives(answer).any(is_private) {
        return Ok(());
    }
    answer.append_header(CACHE_CONTROL, "private").map(drop)
}

/// An answer that ends a session is nobody else's, whatever it says to caches.
fn take_from_caches(answer: &mut ResponseHeader) -> pingora::Result<()> {
    for name in &TARGETED {
        while answer.remove_header(name).is_some() {}
    }
    answer.insert_header(CACHE_CONTROL, "private, no-store")
}

/// The names of the directives of `Cache-Control`.
fn directives(answer: &ResponseHeader) -> impl Iterator<Item = &[u8]> {
    let name = |directive: &'_ [u8]| directive.iter().position(|byte| *byte == b'=').unwrap_or(directive.len());
    fields::list(&answer.headers, &CACHE_CONTROL).map(move |directive| trim(&directive[..name(directive)]))
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
        answer.insert_header(CACHE_CONTROL, "max-age=0, S-MaxAge = 60").unwrap();
        assert!(is_shared(&answer));
        answer.insert_header(CACHE_CONTROL, "private").unwrap();
        assert!(!is_shared(&answer));
        for name in TARGETED {
            answer.insert_header(name.clone(), "max-age=60").unwrap();
            assert!(is_shared(&answer), "{name}");
            answer.remove_header(&name);
        }
        answer.insert_header("CDN-Cache-Control", "max-age=60").unwrap();
        take_from_caches(&mut answer).unwrap();
        assert!(!is_shared(&answer), "{:?}", answer.headers);
    }
}
