//! What a room shows of itself: everything that is not a fan.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairgate_draw::BeaconSignature;
use fairgate_draw::v2::FrozenTier;
use serde::{Deserialize, Serialize};

use super::{Limit, Policy, Ramp, Steering};

/// The phase of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before `opens_at`.
    Idle,
    /// Between `opens_at` and `starts_at`: entries have an index, nobody has a place.
    Pooling,
    /// The roster is frozen; root, then seed.
    Drawing,
    /// Everyone has a place; the leak runs.
    Serving,
    /// The sale is over.
    Ended,
}

impl View {
    /// True if nothing is left, whoever says so.
    #[must_use]
    pub fn is_sold_out(&self) -> bool {
        self.sold_out || self.out_of_stock
    }
}

/// Everything about a room that is not a fan: what `status`, the admin API and the metrics show.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Grows by one with every change of the room.
    pub revision: u64,
    /// Grows by one with every change of what people or a configuration set: policy, end, message, pause. A new sale begins
    /// at 0.
    pub control_revision: u64,
    /// The room's own time at this view, Unix ms; never goes back.
    pub now_ms: u64,
    /// The phase.
    pub phase: Phase,
    /// True if the leak is paused.
    pub paused: bool,
    /// True if no more fans are called, while called fans may come in.
    pub draining: bool,
    /// True if the organizer said that nothing is left.
    pub sold_out: bool,
    /// True if the shop said that nothing is left.
    pub out_of_stock: bool,
    /// The organizer's message.
    pub message: Option<String>,
    /// The plan's times.
    pub opens_at_ms: u64,
    /// When the draw happens.
    pub starts_at_ms: u64,
    /// When the sale ends.
    pub ends_at_ms: Option<u64>,
    /// How people are admitted, as people set it.
    pub policy: Policy,
    /// The change of the rate that was asked for last, and when it began, Unix ms.
    pub ramp: Option<(Ramp, u64)>,
    /// What an edge wanted last, and until when it counts, Unix ms.
    pub steering: Option<(Steering, u64)>,
    /// People admitted per minute at this moment: what people set, or less.
    pub rate_per_minute: u32,
    /// Sessions that may be inside at this moment: what people set, or fewer.
    pub max_active: u64,
    /// What holds the leak back; nothing does before it runs.
    pub limit: Option<Limit>,
    /// Entries in the roster (N once frozen).
    pub pool_size: u64,
    /// All places given so far: N + L; 0 before the freeze.
    pub line_size: u64,
    /// Places below this number have been called.
    pub serving: u64,
    /// Places admitted so far.
    pub admitted: u64,
    /// Called places that were not claimed in time.
    pub expired: u64,
    /// Places given up by their fans.
    pub left: u64,
    /// Late comers who were let come all the same.
    pub honoured: u64,
    /// Called, not yet claimed, within the grace.
    pub outstanding: u64,
    /// How many of those are expected to come, going by those before them.
    pub expected: u64,
    /// How many of a thousand called places nobody came for, of late.
    pub no_show_permille: u32,
    /// People called beyond the rate, or still to be called so.
    pub let_in: u64,
    /// Those of them who are still to be called.
    pub to_let_in: u64,
    /// Sessions inside.
    pub active: u64,
    /// Entries of the pool whose place in the roster is empty since the store lost them, those of gaps included.
    pub missing: u64,
    /// How many of those are of gaps: numbers that were left out after a loss, and that nobody is known to have been given.
    pub left_out: u64,
    /// True if the store has lost something, and edges that know it are putting it back.
    pub mending: bool,
    /// The published draw.
    pub draw: DrawRecord,
    /// Sessions that ended early, by place, with the time their pass would have lasted: gates refuse these passes.
    pub closed: Arc<BTreeMap<u64, u64>>,
    /// In a room with tiers: each of them, in order.
    pub tiers: Vec<TierView>,
}

/// How the pool of one tier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierView {
    /// Entries in its roster.
    pub entries: u64,
    /// How many of them are empty since the store lost them.
    pub missing: u64,
}

/// The public facts of a draw, each known from its step on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawRecord {
    /// RFC 8785 canonical JSON.
    pub descriptor: String,
    /// `D`.
    pub descriptor_digest: [u8; 32],
    /// The commitment to the secret.
    pub commitment: [u8; 32],
    /// N, from the freeze on.
    pub entries: Option<u64>,
    /// The root, from the freeze on. In a room with tiers it is one over the roots of all of them, which nobody is shown.
    pub root: Option<[u8; 32]>,
    /// In a room with tiers: what is public of each from the freeze on.
    pub tiers: Option<Vec<FrozenTier>>,
    /// Entries that were answered and are empty in the roster, since the store had lost them, and those of gaps; from the
    /// freeze on.
    pub missing: Option<u64>,
    /// How many of those are numbers that were left out, and that nobody is known to have been given; from the freeze on.
    pub left_out: Option<u64>,
    /// When the root was published, Unix ms.
    pub frozen_at_ms: Option<u64>,
    /// The secret, from the reveal on.
    pub secret: Option<[u8; 32]>,
    /// The beacon's randomness, from the reveal on.
    pub beacon: Option<[u8; 32]>,
    /// The signature of the beacon's round, from the reveal on.
    pub beacon_signature: Option<BeaconSignature>,
    /// The seed, from the reveal on.
    pub seed: Option<[u8; 32]>,
    /// When the secret was published, Unix ms.
    pub revealed_at_ms: Option<u64>,
}
