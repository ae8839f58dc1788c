//! `GET entry/me`: what the vouchers in a browser's cookie say, without saying who it is.

use http::StatusCode;
use serde::Serialize;

use super::desk;
use crate::edge::context::Edge;
use crate::edge::entry::wallet::Wallet;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;

/// What a browser may know of its vouchers.
#[derive(Serialize)]
pub(super) struct Me<'w> {
    /// The credential that the bond names, where nothing else is shown.
    id: Option<String>,
    /// Ways that were shown.
    ways: Vec<&'w str>,
    /// The best tier that they give; none for the last.
    tier: Option<u8>,
    /// When the last of them ends, Unix ms.
    until_ms: Option<u64>,
}

impl<'w> Me<'w> {
    pub(super) fn of(wallet: &'w Wallet) -> Self {
        Self {
            id: wallet.credential(),
            ways: wallet.vouchers().map(|voucher| voucher.way.as_str()).collect(),
            tier: wallet.vouchers().filter_map(|voucher| voucher.person.tier).min(),
            until_ms: Some(wallet.until_s() * 1000).filter(|until_ms| *until_ms > 0),
        }
    }
}

pub(super) fn answer(edge: &Edge, room: &LiveRoom, request: &FanRequest<'_>) -> Result<Answer, Problem> {
    let (desk, _) = desk::open(edge, room)?;
    let cookie = room.cookies(request.secure).me.find(request.headers);
    let wallet = Wallet::open(&desk.vouchers, cookie, room.name(), edge.now_ms());
    Ok(Answer::json(StatusCode::OK, &Me::of(&wallet)))
}
