//! What comes up on the agenda.

use std::fmt;

use fairgate_core::recovery::StateVersion;
use fairgate_store::redis::CallTime;

use super::super::edge::{Answer, CallNumber, FanCall, Wake};
use super::super::messages::{Request, Response};

/// What comes up.
pub(super) enum Event {
    Wake {
        edge: usize,
        life: u64,
        wake: Wake,
    },
    Request {
        edge: usize,
        life: u64,
        number: CallNumber,
        stamp: Option<StateVersion>,
        time: CallTime,
        request: Request,
    },
    Reply {
        edge: usize,
        life: u64,
        number: CallNumber,
        response: Response,
    },
    FanTurn(usize),
    FanCall {
        fan: usize,
        ask: u64,
        edge: usize,
        call: FanCall,
    },
    FanAnswer {
        fan: usize,
        ask: u64,
        edge: usize,
        answer: Answer,
    },
    FanGivesUp {
        fan: usize,
        ask: u64,
    },
    /// The copy that a fault will bring back is taken.
    Copy(usize),
    Begin(usize),
    End(usize),
    Heal,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wake { edge, wake, .. } => write!(f, "edge {edge} wakes: {wake:?}"),
            Self::Request { edge, number, stamp, request, .. } => {
                let revision = stamp.as_ref().map_or(0, |stamp| stamp.revision);
                write!(f, "edge {edge} asks the store ({number}, {revision}): {}", request.name())
            }
            Self::Reply { edge, number, response, .. } => {
                write!(f, "edge {edge} hears from the store ({number}): {}", response.name())
            }
            Self::FanTurn(fan) => write!(f, "fan {fan} turns"),
            Self::FanCall { fan, ask, edge, .. } => write!(f, "fan {fan} asks edge {edge} ({ask})"),
            Self::FanAnswer { fan, ask, edge, .. } => write!(f, "fan {fan} hears from edge {edge} ({ask})"),
            Self::FanGivesUp { fan, ask } => write!(f, "fan {fan} waits no longer ({ask})"),
            Self::Copy(number) | Self::Begin(number) | Self::End(number) => write!(f, "fault {number}"),
            Self::Heal => f.write_str("heal"),
        }
    }
}
