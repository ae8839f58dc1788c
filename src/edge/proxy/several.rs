//! What becomes of a pass that is used in several networks at once, as `session.several` has it.
//!
//! Guarantees: only passes that are bound to a key, and those of rooms that end such sessions, are watched. Nobody is refused
//! who has the key.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Several;
use crate::edge::context::Edge;
use crate::edge::room::handle::LiveRoom;
use fairgate_core::room::Command;
use fairgate_token::Pass;

/// What a request with a pass comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Fine,
    /// The key has to be proved first.
    Prove,
    /// The session is over.
    End,
}

/// Judges a request with a pass by where it comes from.
pub(super) fn judge(edge: &Arc<Edge>, room: &Arc<LiveRoom>, pass: &Pass, address: IpAddr) -> Verdict {
    let policy = room.config.session.several;
    if pass.bound.is_none() && policy != Several::End {
        return Verdict::Fine;
    }
    // Copies that are worth nothing already make their owner prove nothing more.
    if policy == Several::Prove && edge.watched.is_doubted(pass) {
        return Verdict::Prove;
    }
    let now_ms = edge.now_ms();
    let is_several = edge.watched.saw(pass, address, now_ms);
    if is_several {
        edge.metrics.observe_several(match policy {
            Several::Count => "count",
            Several::Prove => "prove",
            Several::End => "end",
        });
    }
    match (policy, is_several) {
        (Several::End, true) => {
            end(edge, room, pass.place);
            Verdict::End
        }
        (Several::Prove, true) if pass.bound.is_some() => {
            edge.watched.doubt(pass, now_ms);
            Verdict::Prove
        }
        _ => Verdict::Fine,
    }
}

fn end(edge: &Arc<Edge>, room: &Arc<LiveRoom>, place: u64) {
    let (edge, room) = (Arc::clone(edge), Arc::clone(room));
    tokio::spawn(async move {
        if let Err(error) = edge.store.apply(room.name(), Command::Release(vec![place])).await {
            tracing::warn!(room = room.name(), %error, "a session in several networks could not be ended");
        }
    });
}
