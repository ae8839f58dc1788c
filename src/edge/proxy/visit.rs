//! One request's way as values: how far it has come, and what goes with it to the shop.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderMap, HeaderValue};

use super::arrival::Arrival;
use super::kill_switch::KillSwitch;
use super::renewal::Renewal;
use super::request_body::Sending;
use crate::edge::context::{Edge, InFlight};
use crate::edge::credentials::holder::Holder;
use crate::edge::draw::public_lists::{ListAnswer, Reader};
use crate::edge::http::answer::Answer;
use crate::edge::http::cors;
use crate::edge::http::problem::Problem;
use crate::edge::http::request_id::RequestId;
use crate::edge::overload::concurrency::{Slot, SlotAsk};
use crate::edge::overload::network_semaphore::NetworkPermit;
use crate::edge::overload::rate_limit::Left;
use crate::edge::overload::streams::StreamPermit;
use crate::edge::room::handle::LiveRoom;
use crate::observe::{RequestKind, RouteClass};

/// One request's way.
pub(crate) struct Visit {
    pub(crate) begun: Instant,
    pub(crate) stage: Stage,
    /// True if the fan came by TLS.
    pub(crate) secure: bool,
    /// The origin of the script that sent it, if the room lets it read the answer.
    pub(crate) origin: Option<HeaderValue>,
    /// The room that the request is about, if any.
    pub(crate) room: Option<Arc<LiveRoom>>,
    /// Once somebody has asked for it.
    id: OnceLock<RequestId>,
    /// The connection's, where the request asks for something that lasts.
    pub(crate) kill_switch: Option<KillSwitch>,
    pub(crate) asks_for_tunnel: bool,
    /// A stranger's place among the requests that are answered at once.
    pub(crate) place: Option<NetworkPermit>,
    _in_flight: InFlight,
}

/// The stage of a request.
pub(crate) enum Stage {
    /// Nothing has been decided.
    Arriving,
    /// The gate has answered it.
    Answered {
        /// The kind of request.
        kind: RequestKind,
    },
    /// The request is with the shop.
    Inside(Box<Inside>),
}

/// A request that was let through.
pub(crate) struct Inside {
    pub(crate) room: Arc<LiveRoom>,
    pub(crate) arrival: Arrival,
    /// The holder of the pass; `None` on exempt pages.
    pub(crate) holder: Option<Holder>,
    pub(crate) class: RouteClass,
    /// When it went to the shop.
    pub(crate) sent_at: Instant,
    /// The share of the shop that it takes from.
    pub(crate) ask: SlotAsk,
    /// Given back when the answer has been sent, or turns out to last.
    pub(crate) slot: Option<Slot>,
    /// Held instead by what lasts.
    pub(crate) stream: Option<StreamPermit>,
    pub(crate) renewal: Option<Renewal>,
    /// Of the session, where that is so little that it should be told.
    pub(crate) quota_left: Option<Left>,
    pub(crate) sending: Sending,
    pub(crate) body_bytes: u64,
    pub(crate) body_bytes_max: u64,
    /// True if the shop has all of the request.
    pub(crate) is_body_sent: bool,
    pub(crate) asks_for_tunnel: bool,
    /// True if the shop has made the connection a tunnel.
    pub(crate) is_tunnel: bool,
    /// Ends what lasts with the pass.
    pub(crate) kill_switch: Option<KillSwitch>,
    /// True for a CORS preflight: a browser only asks what another origin's script may do.
    pub(crate) is_preflight: bool,
}

impl Visit {
    pub(crate) fn new(edge: &Arc<Edge>) -> Self {
        Self {
            begun: Instant::now(),
            stage: Stage::Arriving,
            secure: false,
            origin: None,
            room: None,
            id: OnceLock::new(),
            kill_switch: None,
            asks_for_tunnel: false,
            place: None,
            _in_flight: InFlight::enter(edge),
        }
    }

    /// The request's name. `headers` are those that it came with.
    pub(crate) fn id(&self, headers: &HeaderMap) -> &RequestId {
        self.id.get_or_init(|| RequestId::of(headers))
    }

    /// Takes what the front has put on the connection.
    pub(super) fn take_kill_switch(&mut self, carried: Box<dyn Any + Send + Sync>) {
        self.kill_switch = carried.downcast().ok().map(|kill_switch| *kill_switch);
    }

    /// Adds the fields that browsers need: CORS and HSTS.
    pub(super) fn dress(&self, edge: &Edge, answer: &mut Answer) {
        if let Some(origin) = &self.origin {
            cors::open_to(origin, answer);
        }
        if let Some(hsts) = edge.hsts.as_ref().filter(|_| self.secure) {
            answer.headers.push((STRICT_TRANSPORT_SECURITY, hsts.clone()));
        }
    }
}

/// The outcome of the decision.
pub(crate) enum Outcome {
    Forward,
    Answer(RequestKind, Answer),
    List(Arc<LiveRoom>, ListAnswer, Reader),
    /// An answer that holds the form that was sent.
    Kept(RequestKind, Answer),
    Problem(RequestKind, Problem),
}

impl Outcome {
    pub(crate) fn of(kind: RequestKind, result: Result<Answer, Problem>) -> Self {
        match result {
            Ok(answer) => Self::Answer(kind, answer),
            Err(problem) => Self::Problem(kind, problem),
        }
    }

    pub(crate) fn refused(problem: Problem) -> Self {
        Self::Problem(RequestKind::Refused, problem)
    }
}
