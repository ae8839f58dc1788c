//! The history of a run, as the one judge of fleets reads it.

use fairgate_core::room::Position;
use fairgate_crowd::fleet::{Call, Event, Kind, Outcome};

use super::edge::FanCall;
use super::fan::{News, Wanted};

/// What fans asked for, and what came of it.
#[derive(Debug, Default)]
pub(super) struct History {
    events: Vec<Event>,
}

impl History {
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn asked(&mut self, at_ms: u64, fan: usize, edge: usize, call: &FanCall) {
        let call = match call {
            FanCall::Join { .. } => Call::Join,
            FanCall::Claim { .. } => Call::Claim,
            _ => return,
        };
        self.note(at_ms, fan, edge, call, Outcome::Invoke);
    }

    pub(super) fn unknown(&mut self, at_ms: u64, fan: usize, wanted: Wanted) {
        if let Some(call) = call(wanted) {
            self.note(at_ms, fan, 0, call, Outcome::Unknown);
        }
    }

    pub(super) fn answered(&mut self, at_ms: u64, fan: usize, edge: usize, wanted: Wanted, news: &News) {
        let outcome = match news {
            News::Joined(ticket) => {
                let kind = if matches!(ticket.position, Position::Pool(_)) { Kind::Pool } else { Kind::Line };
                let (number, entry) = (ticket.position.number(), hex::encode(ticket.entry));
                Outcome::Joined { draw: hex::encode(ticket.draw), kind, number, entry }
            }
            News::Admitted { pass, admitted_at_ms } => Outcome::Admitted {
                place: pass.place,
                session: pass.session.to_string(),
                admitted_at_ms: *admitted_at_ms,
            },
            News::Lost(status) => Outcome::Lost { status: *status },
            News::Failed(status) if call(wanted).is_some() => Outcome::Fail { status: *status },
            News::WentHome => Outcome::WentHome,
            News::Waits { .. } => Outcome::Fail { status: 202 },
            News::None | News::CameAgain(_) | News::Failed(_) | News::Entered => return,
            News::Moved | News::TurnedAway | News::FirstCameIn { .. } => return,
        };
        self.note(at_ms, fan, edge, call(wanted).unwrap_or(Call::Claim), outcome);
    }

    fn note(&mut self, at_ms: u64, fan: usize, edge: usize, call: Call, outcome: Outcome) {
        self.events.push(Event { at_ms, fan: fan as u64, edge, call, outcome });
    }
}

fn call(wanted: Wanted) -> Option<Call> {
    match wanted {
        Wanted::Join => Some(Call::Join),
        Wanted::Claim => Some(Call::Claim),
        Wanted::Status | Wanted::ComeAgain | Wanted::Leave | Wanted::Visit => None,
        Wanted::Move | Wanted::ClaimFirst => None,
    }
}
