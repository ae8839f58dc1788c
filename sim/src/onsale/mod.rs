//! A whole on-sale at internet scale on paper time. Every fan polls, joins and claims as the waiting page does. Every
//! edge gathers its calls as the edge does, and the real room model is the store.
//!
//! Left out of the figures are what goes on inside the shop, lost packets, and the way of bytes from a fan to an edge.
//! What each edge knows is one tick old at most, wherever it is.

mod answers;
mod calendar;
mod crowd;
mod judge;
mod meter;
mod options;
mod queue;
mod report;
mod store;
mod world;

pub use meter::{Carried, Took};
pub use options::{Options, REGIONS, Region};
pub use report::Report;

/// Plays the on-sale to its end.
///
/// # Errors
/// Where the page or a ticket cannot be made, which would be a mistake in the program.
pub fn play(options: &Options) -> anyhow::Result<Report> {
    let mut world = world::World::new(options)?;
    while !world.is_over() {
        world.tick()?;
    }
    world.finish()
}
