//! Gives each call below `entry/` to its handler.

use super::{altcha, mail, me, oidc, private_token, provider, shop, wait};
use crate::edge::context::Edge;
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::FanRequest;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::request::entry_call::EntryCall;

/// Answers one call.
///
/// # Errors
/// The problem to tell instead.
pub(in crate::edge::api) async fn answer(
    edge: &Edge,
    room: &LiveRoom,
    call: EntryCall,
    request: &FanRequest<'_>,
) -> Result<Answer, Problem> {
    match call {
        EntryCall::Me => me::answer(edge, room, request),
        EntryCall::Shop => shop::answer(edge, room, request).await,
        EntryCall::Wait => wait::answer(edge, room, request),
        EntryCall::Altcha => altcha::answer(edge, room, request),
        EntryCall::Mail => mail::send(edge, room, request),
        EntryCall::MailCheck => mail::check(edge, room, request),
        EntryCall::PrivateToken => private_token::answer(edge, room, request).await,
        EntryCall::SignIn(name) => oidc::begin(edge, room, name.as_str(), request).await,
        EntryCall::SignInBack(name) => oidc::back(edge, room, name.as_str(), request).await,
        EntryCall::Provider(name) => provider::answer(edge, room, name.as_str(), request).await,
    }
}
