//! What a run came to, and who judges it at the end.

use fairgate_crowd::fleet;

use super::super::fan::Way;
use super::super::limit::Beyond;
use super::super::one_entry::OneEntry;
use super::super::promises::{Broken, Promise};
use super::World;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// True if its room has tiers.
    pub has_tiers: bool,
    /// True if its places move to other devices.
    pub has_moves: bool,
    /// First devices that came in vain with a place that had moved.
    pub turned_away: u64,
    /// Fans.
    pub fans: usize,
    /// Events.
    pub steps: u64,
    /// How often the store lost something.
    pub losses: usize,
    /// Faults in all.
    pub faults: usize,
    /// The digest of everything that happened.
    pub digest: String,
    /// Promises that were broken.
    pub broken: Vec<Broken>,
    /// Where it went beyond what is promised, if it did.
    pub beyond: Option<Beyond>,
    /// What happened, in words, where that was asked for.
    pub lines: Vec<String>,
}

impl World {
    pub(super) fn finish(mut self) -> Run {
        let losses = self.scenario.faults.iter().filter(|(_, fault)| fault.is_loss()).count();
        if self.witness.broken().is_empty() {
            self.judge();
        }
        let steps = self.trace.steps();
        for broken in self.witness.broken() {
            self.trace.say(broken.at_ms, &format_args!("BROKEN: {}: {}", broken.promise, broken.what));
        }
        let beyond = self.witness.beyond().cloned();
        if let Some(Beyond { limit, at_ms, what }) = &beyond {
            self.trace.say(*at_ms, &format_args!("BEYOND THE PROMISES, since {limit}: {what}"));
        }
        let (digest, lines) = self.trace.finish();
        Run {
            seed: self.scenario.seed,
            has_tiers: self.scenario.plan.rules.is_some(),
            has_moves: self.scenario.moves,
            turned_away: self.one_device.turned_away,
            fans: self.fans.len(),
            steps,
            losses,
            faults: self.scenario.faults.len(),
            digest,
            broken: self.witness.broken().to_vec(),
            beyond,
            lines,
        }
    }

    /// The same of a room with tiers.
    fn judge_tiers(&mut self) {
        let complaints = self.server.view().map(|view| OneEntry::finished(&view, &self.server.tier_lists()));
        let witness = self.witness.at(self.now_ms);
        witness.judge_all_windows();
        for (promise, what) in complaints.into_iter().flatten() {
            witness.blame_draw(promise, what);
        }
    }

    /// What can be said only when it is over.
    fn judge(&mut self) {
        let waiting: Vec<usize> = self
            .fans
            .iter()
            .filter(|fan| !fan.is_done && !fan.was_inside && fan.way == Way::Stays)
            .map(|fan| fan.number)
            .collect();
        let witness = self.witness.at(self.now_ms);
        if !waiting.is_empty() {
            let first: Vec<_> = waiting.iter().take(5).collect();
            witness
                .blame(Promise::Drains, format!("{} fans are not inside, fans {first:?} first of all", waiting.len()));
            return;
        }
        if self.scenario.plan.rules.is_some() {
            return self.judge_tiers();
        }
        let roster = self.server.roster();
        witness.finished(&roster);
        let policy = &self.scenario.plan.policy;
        let missing = self.server.view().and_then(|view| view.draw.missing).unwrap_or(0);
        let allowed =
            fleet::Allowed { rate_per_minute: policy.rate_per_minute.into(), burst: policy.burst.into(), missing };
        for broken in fleet::judge(self.history.events(), allowed, &roster) {
            witness.blame_draw(Promise::History, broken.to_string());
        }
    }
}
