//! The edge: the gate in front of the shop, as a Pingora server.
//!
//! A request's way: [`front`] reads its head, [`gate`] names Pingora's phases, [`visit`] decides, [`fan`] answers the
//! calls of those who wait, [`waiting`] shows the page, [`shop`] takes those with a pass to the shop and [`session`]
//! looks after their session. [`ticker`] keeps each room ([`live`]) going and holds the draw; [`batch`] makes one call
//! to the store of many asks. [`server`] puts it together, [`stop`] takes it down, and [`handover`] replaces it while it runs.

mod access_log;
mod admin;
mod answer;
mod arrival;
mod batch;
mod beacon;
mod body;
mod bounded;
mod certificate;
mod claim;
mod client;
mod connections;
mod cors;
mod draw;
mod ended;
mod fan;
mod form;
mod forward;
mod front;
mod gate;
mod greeting;
mod handover;
mod headers;
mod heartbeat;
mod holder;
mod join;
mod kept_form;
mod keys;
mod lane;
mod lasting;
mod leash;
mod leave;
mod limits;
mod listening;
mod lists;
mod live;
mod overlong;
mod pilot;
mod poll;
mod problem;
mod proof;
mod quotas;
mod request_id;
mod respond;
mod roster;
mod served;
mod server;
mod session;
mod shop;
mod slid;
mod slots;
mod sockets;
mod standing;
mod state;
mod status;
mod stock;
mod stop;
mod ticker;
mod timekeeper;
mod turn;
mod turn_away;
mod upgrade;
mod upstream;
mod visit;
mod waiting;
mod watched;

pub use batch::{ANSWER_WITHIN, BATCH_MAX, GATHER, QUEUE_MAX};
#[cfg(any(test, fuzzing))]
pub(crate) use client::client_address;
pub use handover::Sockets;
pub use heartbeat::{DrawStep, copy_due, is_one_roster};
pub use roster::COPY_EVERY;
pub use server::{EdgeError, EdgeParts, run};
pub use standing::{Standing, Verdict};
pub use status::{PollPolicy, Status, StatusInput};
pub use ticker::{OTHERS_MAY_KNOW, TICK};
pub use upstream::UnresolvedUpstream;
