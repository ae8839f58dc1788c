//! What a run of the crowd is told to do.

use std::path::PathBuf;
use std::time::Duration;

use crate::target::Target;

/// Everything about one run. The same options against the same room give the same fans with the same intentions.
#[derive(Clone, Debug)]
pub struct Options {
    /// The protected host.
    pub target: Target,
    /// The room's name.
    pub room: String,
    /// The event to buy seats of; without one the fans go home once they are let in.
    pub event: Option<String>,
    /// People.
    pub fans: u32,
    /// Bots: they join at the first millisecond and hammer.
    pub bots: u32,
    /// Decides who behaves how.
    pub seed: u64,
    /// The run ends then, whoever still waits.
    pub time_limit: Duration,
    /// Sockets that may be open at once. Fans beyond it close theirs while they wait, as browsers do in the end.
    pub connections_max: usize,
    /// How long those who come after the start take to arrive.
    pub late_within: Duration,
    /// Each fan says that it comes from an address of its own (`X-Forwarded-For`); for targets that trust this client.
    pub forwarded_for: bool,
    /// Where to write what every fan did and was told, one JSON object a line.
    pub history: Option<PathBuf>,
}

impl Options {
    /// A crowd of the usual size against a target; change what is to be different.
    #[must_use]
    pub fn new(target: Target, room: impl Into<String>) -> Self {
        Self {
            target,
            room: room.into(),
            event: None,
            fans: 1_000,
            bots: 40,
            seed: 1,
            time_limit: Duration::from_secs(30 * 60),
            connections_max: 16_000,
            late_within: Duration::from_secs(30),
            forwarded_for: false,
            history: None,
        }
    }

    /// All of them.
    #[must_use]
    pub fn everyone(&self) -> u32 {
        self.fans.saturating_add(self.bots)
    }
}
