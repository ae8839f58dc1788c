//! Gives a voucher for what was shown: as a member of the answer, and in the browser's cookie.

use fairgate_entry::voucher::Voucher;
use http::StatusCode;
use serde::Serialize;

use super::me::Me;
use crate::edge::context::Edge;
use crate::edge::entry::desk::Desk;
use crate::edge::entry::wallet::Wallet;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_telemetry::entropy;

#[derive(Serialize)]
struct Given<'w> {
    /// For pages of other origins, which have no cookie here.
    voucher: &'w str,
    voucher_until_ms: u64,
    #[serde(flatten)]
    me: Me<'w>,
}

/// The answer that gives a voucher.
///
/// # Errors
/// There is no randomness, or the voucher cannot be made.
pub(super) fn give(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    voucher: Voucher,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    let (wallet, text, until_s) = keep(edge, room, desk, voucher, request)?;
    let me = Me::of(&wallet);
    let given = Given { voucher: &text, voucher_until_ms: until_s * 1000, me };
    Ok(Answer::json(StatusCode::OK, &given).set_cookie(&cookie(edge, room, &wallet, request)))
}

/// Seals a voucher and puts it to those that the browser has; answers all of them, its text, and its end (Unix s).
///
/// # Errors
/// There is no randomness, or the voucher cannot be made.
pub(super) fn keep(
    edge: &Edge,
    room: &LiveRoom,
    desk: &Desk,
    voucher: Voucher,
    request: &FanRequest<'_>,
) -> Result<(Wallet, String, u64), Problem> {
    let nonce = entropy::random_bytes().map_err(|_| Problem::Internal)?;
    let sealed = desk.vouchers.seal(&voucher, room.name(), nonce);
    desk.metrics.observe_voucher(sealed.is_ok());
    let text = sealed.map_err(|error| {
        tracing::error!(room = room.name(), way = %voucher.way, %error, "no voucher could be made");
        Problem::Internal
    })?;
    let shown = room.cookies(request.secure).me.find(request.headers);
    let mut wallet = Wallet::open(&desk.vouchers, shown, room.name(), edge.now_ms());
    let until_s = voucher.expires_s;
    wallet.put(text.clone(), voucher);
    Ok((wallet, text, until_s))
}

/// The cookie that keeps vouchers for as long as the last of them is good.
pub(super) fn cookie(edge: &Edge, room: &LiveRoom, wallet: &Wallet, request: &FanRequest<'_>) -> String {
    let kept_s = wallet.until_s().saturating_sub(edge.now_ms() / 1000);
    room.cookies(request.secure).me.set(&wallet.cookie(), kept_s)
}
