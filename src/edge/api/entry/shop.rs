//! `POST entry/shop`: a shop's token becomes a voucher, off the join, since a signature is as dear as a join.

use serde::Deserialize;

use super::{desk, voucher};
use crate::edge::context::Edge;
use crate::edge::entry::shown::check_length;
use crate::edge::http::answer::Answer;
use crate::edge::http::body::Sent;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_entry::shop::SHOP_TOKEN_BYTES_MAX;
use fairgate_entry::voucher::{IDENTITY_S_MAX, Voucher};

/// The body.
#[derive(Deserialize)]
struct Token {
    /// The shop's token.
    token: String,
}

pub(super) async fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, snapshot) = desk::open(edge, room)?;
    let Sent::Json(Token { token }) = Sent::<Token>::read(request)? else {
        return Err(Problem::BadBody("token is needed, as JSON".to_owned()));
    };
    check_length("token", Some(&token), SHOP_TOKEN_BYTES_MAX)?;
    let moment = desk::moment(edge, &snapshot, request);
    desk.refresh_shops(false, moment.now_ms).await;
    let (way, person) = match desk.shop(&token, &moment) {
        Err(_) if desk.refresh_shops(true, moment.now_ms).await => desk.shop(&token, &moment)?,
        judged => judged?,
    };
    let made = Voucher::of_identity(&way, person, moment.now_ms, IDENTITY_S_MAX);
    voucher::give(edge, room, desk, made, request)
}
