//! `GET entry/private-token?bond=`: a device that an attester knows shows that, without being known here.
//!
//! A place of its own, so that no other call ever answers 401 with such a challenge.

use fairgate_entry::voucher::Voucher;
use fairgate_entry::way::{Reason, WayName};
use http::StatusCode;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};

use super::{desk, voucher};
use crate::config::PRIVATE_TOKEN;
use crate::edge::context::Edge;
use crate::edge::entry::shown::of_query;
use crate::edge::http::answer::Answer;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;

pub(super) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let issuers = desk.issuers();
    if issuers.is_empty() {
        return Err(EntryProblem::NotAsked.into());
    }
    let bond = desk::bond(of_query(request.query, "bond").as_deref())?;
    let moment = desk::moment(edge, &snapshot, request);
    for issuer in issuers {
        issuer.refresh(moment.now_ms).await;
    }
    let scene = desk.scene_of(&moment, bond);
    let way = WayName::new(PRIVATE_TOKEN).map_err(|_| Problem::Internal)?;
    let shown = request.header(&AUTHORIZATION).and_then(|value| str::from_utf8(value).ok());
    let token =
        shown.filter(|value| value.get(..13).is_some_and(|scheme| scheme.eq_ignore_ascii_case("PrivateToken ")));
    match token {
        Some(token) if issuers.iter().any(|issuer| issuer.is_shown(token, &scene)) => {
            let made = Voucher::of_check(&way, bond, moment.now_ms);
            voucher::give(edge, room, desk, made, request)
        }
        Some(_) => Err(desk.refused(way, Reason::ChallengeFailed, &scene, request.address).into_problem().into()),
        None => {
            let challenges: Vec<String> = issuers.iter().filter_map(|issuer| issuer.challenge(&scene)).collect();
            if challenges.is_empty() {
                return Err(EntryProblem::ChallengeUnavailable { retry_after_ms: edge.retry_after_ms() }.into());
            }
            Ok(Answer::empty(StatusCode::UNAUTHORIZED)
                .text(WWW_AUTHENTICATE, &challenges.join(", "))
                .header(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        }
    }
}
