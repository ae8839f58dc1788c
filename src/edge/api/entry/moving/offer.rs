//! `POST move`: the device that has a place offers it to another one, and asks what has become of the offer.

use fairgate_entry::binding::{Offer, Offered};
use fairgate_store::NewOffer;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{LOOK_AGAIN_MS, OFFER_MS, Owner, moving_desk, own, owner, place_of, unavailable};
use crate::edge::api::entry::bound::check_held;
use crate::edge::api::entry::desk::moment;
use crate::edge::api::entry::proof::ProvedCall;
use crate::edge::context::Edge;
use crate::edge::entry::moves::next_hour_ms;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::request::origin::return_path;
use fairgate_pages::qr::{Picture, picture};
use fairgate_telemetry::entropy::random_bytes;

/// A longer path is not kept: the second device goes on at the front page.
const RETURN_TO_BYTES_MAX: usize = 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Offering {
    /// The offer that is asked about; none for a new one.
    offer: Option<String>,
    /// The path that the page is at, where the second device goes on.
    return_to: Option<String>,
}

#[derive(Serialize)]
struct Told {
    offer: String,
    letters: String,
    /// What the other device opens; with a new offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The same as a QR code, where it fits into one.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr: Option<Picture>,
    until_ms: u64,
    retry_after_ms: u64,
    /// Once another device has accepted: what it shows, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
}

pub(in crate::edge::api) async fn answer(
    edge: &Edge,
    room: &LiveRoom,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let Sent::Json(asked) = Sent::<Offering>::read(request)? else { return Err(EntryProblem::NotAsked.into()) };
    let desk = moving_desk(room)?;
    let snapshot = room.snapshot().ok_or_else(|| edge.store_unavailable())?;
    let owner = owner(edge, room, desk, &snapshot, request, ProvedCall::Move).await?;
    if let Some(text) = &asked.offer {
        let open = own(edge, room, desk, &snapshot, (text, &owner.ticket)).await?;
        let number = open.by().map(|by| open.offered.offer.number(&by.key));
        return Ok(told(&open.offered, number, None));
    }
    let Owner { ticket, token, key } = owner;
    check_held(edge, room, desk, &ticket, &key).await?;
    if ticket.terms.moves >= desk.policy.moves {
        return Err(EntryProblem::MoveSpent.into());
    }
    let (now_ms, moment) = (edge.now_ms(), moment(edge, &snapshot, request));
    if !desk.moves.may_offer(desk.network_tag(&moment), now_ms) {
        return Err(EntryProblem::TooOften { retry_after_ms: next_hour_ms(now_ms) }.into());
    }
    let path = asked.return_to.filter(|path| path.len() <= RETURN_TO_BYTES_MAX).and_then(|path| return_path(&path));
    let offered = Offered {
        offer: Offer::from_bytes(random_bytes().map_err(|_| Problem::Internal)?),
        ticket: token.to_owned(),
        return_to: path.unwrap_or_else(|| "/".to_owned()),
        until_ms: now_ms + OFFER_MS,
    };
    let new = NewOffer {
        name: desk.moves.keys.name(&ticket.draw, &offered.offer.letters()),
        place: place_of(desk, &ticket),
        about: desk.moves.keys.seal(&offered, room.name(), random_bytes().map_err(|_| Problem::Internal)?),
        good_for_ms: OFFER_MS,
    };
    match edge.store.put_offer(room.name(), new).await {
        Ok(true) => Ok(told(&offered, None, Some(request.address_of_call()))),
        Ok(false) => Err(EntryProblem::MovesBusy { retry_after_ms: edge.retry_after_ms() }.into()),
        Err(error) => Err(unavailable(edge, &error)),
    }
}

/// How an offer stands; `page` is where the other device accepts it.
fn told(offered: &Offered, number: Option<String>, page: Option<String>) -> Answer {
    let Offered { offer, until_ms, .. } = offered;
    let (letters, offer) = (offer.letters().printed(), offer.to_base64url());
    let url = page.map(|page| format!("{page}#{offer}"));
    let qr = url.as_deref().and_then(picture);
    let told = Told { offer, letters, url, qr, until_ms: *until_ms, retry_after_ms: LOOK_AGAIN_MS, number };
    Answer::json(StatusCode::OK, &told)
}
