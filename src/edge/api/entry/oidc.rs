//! `GET entry/oidc/{name}` and `GET entry/oidc/{name}/back`: to an OpenID provider, and back with a voucher.

use fairgate_entry::bond::Bond;
use fairgate_entry::oidc::SIGN_INS_MAX;
use fairgate_entry::voucher::{IDENTITY_S_MAX, Voucher};
use fairgate_entry::way::Reason;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, LOCATION};

use super::{desk, voucher};
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::entry::shown::of_query;
use crate::edge::entry::sign_in::{Back, NotBegun, NotSignedIn, SignInProvider};
use crate::edge::entry::wallet::Wallet;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::fields::cookies;
use fairgate_core::request::decide::wants_page;

/// The time for which a browser keeps a sign-in that is under way, seconds.
const KEPT_S: u64 = fairgate_entry::oidc::SIGN_IN_S;

pub(super) async fn begin(
    edge: &Edge,
    room: &LiveRoom,
    name: &str,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let (desk, _) = desk::open(edge, room)?;
    let provider = desk.sign_in(name).ok_or(EntryProblem::NotAsked)?;
    let return_to = of_query(request.query, "return_to").unwrap_or_else(|| "/".into());
    let redirect_uri = redirect_uri(edge, room, name, request);
    let begun = provider.begin(&return_to, &redirect_uri, request.secure, edge.now_ms()).await;
    let begun = begun.map_err(|error| match error {
        NotBegun::ReturnTo => Problem::BadBody("return_to must be a path of this site".to_owned()),
        NotBegun::NotOpen(opens_at_ms) => Problem::NotOpen { opens_at_ms, now_ms: edge.now_ms() },
        NotBegun::Busy => EntryProblem::SignInBusy { retry_after_ms: edge.retry_after_ms() }.into(),
        NotBegun::NoRandomness => Problem::Internal,
    })?;
    let (cookie, value) = begun.cookie;
    let answer = to(StatusCode::FOUND, &begun.location).set_cookie(&set(&cookie, &value, KEPT_S, request.secure));
    // A browser keeps a few that are under way: others go.
    let prefix = provider.cookie_name("", request.secure);
    let prefix = prefix.rsplit_once('-').map_or("", |(prefix, _)| prefix);
    let others = cookies::names(request.headers).filter(|known| known.starts_with(prefix) && *known != cookie);
    let old: Vec<&str> = others.collect();
    let surplus = old.len().saturating_sub(SIGN_INS_MAX - 1);
    Ok(old.iter().take(surplus).fold(answer, |answer, name| answer.set_cookie(&set(name, "", 0, request.secure))))
}

pub(super) async fn back(
    edge: &Edge,
    room: &LiveRoom,
    name: &str,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let provider = desk.sign_in(name).ok_or(EntryProblem::NotAsked)?;
    let parameter = |name: &str| of_query(request.query, name);
    let (state, code, issuer) = (parameter("state").unwrap_or_default(), parameter("code"), parameter("iss"));
    let cookie = provider.cookie_name(&state, request.secure);
    let kept = cookies::find(request.headers, &cookie).and_then(|value| str::from_utf8(value).ok());
    let redirect_uri = redirect_uri(edge, room, name, request);
    let back = Back {
        state: &state,
        code: code.as_deref(),
        issuer: issuer.as_deref(),
        cookie: kept,
        redirect_uri: &redirect_uri,
    };
    let moment = desk::moment(edge, &snapshot, request);
    match provider.finish(back, moment.now_ms).await {
        Ok((person, return_to)) => {
            let made = Voucher::of_identity(provider.name(), person, moment.now_ms, IDENTITY_S_MAX);
            let (wallet, ..) = voucher::keep(edge, room, desk, made, request)?;
            let answer = to(StatusCode::SEE_OTHER, &return_to);
            let answer = answer.set_cookie(&voucher::cookie(edge, room, &wallet, request));
            Ok(answer.set_cookie(&set(&cookie, "", 0, request.secure)))
        }
        // The same way back once more, as after a reload: who is signed in is not told of a code that was used.
        Err(_) if is_signed_in(desk, room, provider, request, moment.now_ms) => {
            Ok(to_page(provider, back, moment.now_ms))
        }
        Err(NotSignedIn::Mismatch) if wants_page(request.headers) => Ok(to_page(provider, back, moment.now_ms)),
        Err(NotSignedIn::Mismatch) => Err(EntryProblem::SignInMismatch.into()),
        Err(NotSignedIn::Away) => Err(EntryProblem::SignInBusy { retry_after_ms: edge.retry_after_ms() }.into()),
        Err(NotSignedIn::Failed) => {
            let scene = desk.scene_of(&moment, Bond::from_bytes([0; 16]));
            let refused = desk.refused(provider.name().clone(), Reason::SignInFailed, &scene, request.address);
            if wants_page(request.headers) {
                return Ok(to_page(provider, back, moment.now_ms));
            }
            Err(EntryProblem::SignInFailed(refused, true).into())
        }
    }
}

/// True if the browser has a voucher of this provider.
fn is_signed_in(
    desk: &Desk,
    room: &LiveRoom,
    provider: &SignInProvider,
    request: &FanRequest<'_>,
    now_ms: u64,
) -> bool {
    let cookie = room.cookies(request.secure).me.find(request.headers);
    let wallet = Wallet::open(&desk.vouchers, cookie, room.name(), now_ms);
    wallet.vouchers().any(|voucher| voucher.way == *provider.name())
}

/// Takes a person back to the page, which says that it did not succeed, and asks again.
fn to_page(provider: &SignInProvider, back: Back<'_>, now_ms: u64) -> Answer {
    to(StatusCode::SEE_OTHER, provider.return_to(back, now_ms).as_deref().unwrap_or("/"))
}

/// Exactly what is registered at the provider.
fn redirect_uri(edge: &Edge, room: &LiveRoom, name: &str, request: &FanRequest<'_>) -> String {
    let scheme = if request.secure { "https" } else { "http" };
    format!("{scheme}://{}{}/{}/entry/oidc/{name}/back", request.authority, edge.prefix, room.name())
}

fn to(status: StatusCode, location: &str) -> Answer {
    let no_store = HeaderValue::from_static("no-store");
    Answer::empty(status).text(LOCATION, location).header(CACHE_CONTROL, no_store)
}

fn set(name: &str, value: &str, max_age_s: u64, secure: bool) -> String {
    let secure = if secure { " Secure;" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={max_age_s};{secure} HttpOnly; SameSite=Lax")
}
