//! Several edges, the store, thousands of fans and a network, on paper time, while things break (deterministic
//! simulation). The promises of the product hold after every step, and one seed always plays the same way.
//!
//! Real, and not a copy, are:
//! - the room ([`fairgate_core::room::Room`] is the store's state)
//! - what an edge knows and how it puts a lost room back ([`fairgate_core::recovery`])
//! - what it makes of fans' calls and of the draw ([`fairgate::edge::Standing`], [`fairgate::edge::DrawStep`])
//! - passes and their gate
//!
//! Played: processes, disks, clocks, messages, fans, and the few lines of Lua around the room.

mod agenda;
mod edge;
mod fan;
mod fault;
mod history;
mod limit;
mod messages;
mod network;
mod one_device;
mod one_entry;
mod options;
mod people;
mod promises;
mod report;
mod sabotage;
mod scenario;
mod server;
mod state;
mod trace;
mod world;

pub use limit::{Beyond, Limit};
pub use messages::{AnsweredEntry, Look, Request, Response, StoreEvent, TierList};
pub use options::Options;
pub use promises::{Broken, Promise};
pub use report::{Summary, run_all};
pub use sabotage::Sabotage;
pub use world::Run;

use scenario::Scenario;
use world::World;

/// Plays a seed.
#[must_use]
pub fn play(seed: u64) -> Run {
    World::new(Scenario::of(seed), None, false).play()
}

/// Plays a seed, and tells what happens.
#[must_use]
pub fn tell(seed: u64) -> Run {
    World::new(Scenario::of(seed), None, true).play()
}

/// Plays a seed, and tells what its store was asked and what it answered.
#[must_use]
pub fn store_events(seed: u64) -> Vec<StoreEvent> {
    World::new(Scenario::of(seed), None, false).record()
}

/// Plays a seed in a room with tiers, in which everybody shows an identity and some fans come again on a second device. What breaks
/// is as in the world of that seed without.
#[must_use]
pub fn play_tiers(seed: u64) -> Run {
    World::new(Scenario::with_tiers(seed), None, false).play()
}

/// The same, and tells what happens.
#[must_use]
pub fn tell_tiers(seed: u64) -> Run {
    World::new(Scenario::with_tiers(seed), None, true).play()
}

/// Plays such a seed, and tells what its store was asked and what it answered.
#[must_use]
pub fn store_events_tiers(seed: u64) -> Vec<StoreEvent> {
    World::new(Scenario::with_tiers(seed), None, false).record()
}

/// The same with a rule that is broken on purpose.
#[must_use]
pub fn sabotaged_tiers(seed: u64, sabotage: Sabotage) -> Run {
    World::new(Scenario::with_tiers(seed), Some(sabotage), false).play()
}

/// Plays a seed in such a room whose places are bound to keys: who comes again on a second device moves the place there, and the
/// first device tries to come in with it.
#[must_use]
pub fn play_moves(seed: u64) -> Run {
    World::new(Scenario::with_moves(seed), None, false).play()
}

/// The same, and tells what happens.
#[must_use]
pub fn tell_moves(seed: u64) -> Run {
    World::new(Scenario::with_moves(seed), None, true).play()
}

/// The same with a rule that is broken on purpose.
#[must_use]
pub fn sabotaged_moves(seed: u64, sabotage: Sabotage) -> Run {
    World::new(Scenario::with_moves(seed), Some(sabotage), false).play()
}

/// Plays a seed with a rule that is broken on purpose.
#[must_use]
pub fn sabotaged(seed: u64, sabotage: Sabotage) -> Run {
    World::new(Scenario::of(seed), Some(sabotage), false).play()
}
