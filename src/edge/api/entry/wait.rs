//! `POST entry/wait`: a note that lets an entry wait instead of working.
//!
//! Whoever has no scripts gets the note in a cookie, with the nonce that it is for: a later join by form shows it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;

use super::desk;
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::entry_problem::EntryProblem;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_entry::bond::Bond;
use fairgate_entry::wait::NOTE_GOOD_MS;
use fairgate_entry::way::WayName;
use fairgate_telemetry::entropy;

/// Stands between nonce and note; neither has it in itself.
const BETWEEN: char = '.';

/// The body.
#[derive(Deserialize)]
struct Wanted {
    /// The entry that will wait, base64url.
    bond: String,
}

pub(super) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    if !WayName::new(WayName::WORK).is_ok_and(|work| desk.names(&work)) {
        return Err(EntryProblem::NotAsked.into());
    }
    let (sent, moment) = (Sent::<Wanted>::read(request)?, desk::moment(edge, &snapshot, request));
    let note = |bond| desk.new_note(moment.draw, &bond, moment.now_ms, moment.starts_at_ms);
    match &sent {
        Sent::Json(Wanted { bond }) => Ok(Answer::json(StatusCode::OK, &note(desk::bond(Some(bond))?))),
        Sent::Form { .. } => {
            let nonce: [u8; 16] = entropy::random_bytes().map_err(|_| Problem::Internal)?;
            let note = note(Bond::of(&nonce, b""));
            let kept = format!("{}{BETWEEN}{}", URL_SAFE_NO_PAD.encode(nonce), note.note);
            let kept_s = (note.not_before_ms.saturating_sub(moment.now_ms) + NOTE_GOOD_MS) / 1000;
            let cookie = room.cookies(request.secure).wait.set(&kept, kept_s);
            Ok(sent.reply(Answer::json(StatusCode::OK, &note).set_cookie(&cookie)))
        }
    }
}

/// The nonce and the note of somebody who waits, as the cookie has them.
pub(in crate::edge::api) fn kept<'h>(room: &LiveRoom, request: &FanRequest<'h>) -> Option<(&'h str, &'h str)> {
    room.cookies(request.secure).wait.find(request.headers)?.split_once(BETWEEN)
}
