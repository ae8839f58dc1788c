//! Many seeds at once, and what they came to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::limit::Limit;
use super::world::Run;
use super::{Options, play, play_moves, play_tiers, tell, tell_moves, tell_tiers};

/// Lines of the trace that are shown before the break.
const LINES_SHOWN: usize = 60;

/// What all seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds played.
    pub seeds: u64,
    /// Fans in all.
    pub fans: u64,
    /// Events in all.
    pub steps: u64,
    /// Things that broke.
    pub faults: u64,
    /// How often the store lost something.
    pub losses: u64,
    /// Runs that broke a promise, by seed.
    pub failed: Vec<Run>,
    /// Seeds that went beyond what is promised, by limit.
    pub beyond: BTreeMap<Limit, BTreeSet<u64>>,
}

/// Plays seeds, several at the same time. `progress` is told of each that is over.
#[must_use]
pub fn run_all(options: &Options, progress: impl Fn(&Run) + Sync) -> Summary {
    let next = AtomicU64::new(options.from);
    let end = options.from.saturating_add(options.seeds);
    let summary = Mutex::new(Summary::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            let run = match (options.moves, options.tiers) {
                (true, _) => play_moves(seed),
                (false, true) => play_tiers(seed),
                (false, false) => play(seed),
            };
            progress(&run);
            summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(run);
        }
    };
    let threads = options.threads.map_or_else(processors, |threads| usize::try_from(threads).unwrap_or(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    summary.failed.sort_by_key(|run| run.seed);
    summary
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

impl Summary {
    fn add(&mut self, run: Run) {
        self.seeds += 1;
        self.fans += run.fans as u64;
        self.steps += run.steps;
        self.faults += run.faults as u64;
        self.losses += run.losses as u64;
        if !run.broken.is_empty() {
            self.failed.push(run);
        } else if let Some(beyond) = run.beyond {
            self.beyond.entry(beyond.limit).or_default().insert(run.seed);
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, fans, steps, faults, losses, failed, beyond } = self;
        writeln!(
            f,
            "{seeds} seeds, {fans} fans, {steps} steps, {faults} faults, {losses} losses of the store's state"
        )?;
        let kept = seeds - failed.len() as u64 - beyond.values().map(|seeds| seeds.len() as u64).sum::<u64>();
        write!(f, "{kept} kept every promise")?;
        for (limit, seeds) in beyond {
            let named: Vec<_> = seeds.iter().map(u64::to_string).collect();
            write!(f, ", {} went beyond what is promised ({}: {limit})", seeds.len(), named.join(", "))?;
        }
        match failed.len() {
            0 => Ok(()),
            failed => write!(f, ", {failed} broke a promise"),
        }
    }
}

impl Run {
    /// What was broken first.
    #[must_use]
    pub fn verdict(&self) -> String {
        let first = self.broken.first().map(|broken| format!("{}: {}", broken.promise, broken.what));
        format!("seed {}: {}\n", self.seed, first.unwrap_or_else(|| "every promise kept".to_owned()))
    }

    /// Why it failed, how to see it again, and what happened before.
    #[must_use]
    pub fn complaint(&self) -> String {
        let mut text = self.verdict();
        let (flag, run) = match (self.has_moves, self.has_tiers) {
            (true, _) => (" --moves", tell_moves(self.seed)),
            (false, true) => (" --tiers", tell_tiers(self.seed)),
            (false, false) => ("", tell(self.seed)),
        };
        text += &format!("to see it again: fairgate-sim faults --seed {}{flag} --trace\n", self.seed);
        let lines = run.lines;
        let skipped = lines.len().saturating_sub(LINES_SHOWN);
        if skipped > 0 {
            text += &format!("... {skipped} lines before\n");
        }
        lines.iter().skip(skipped).for_each(|line| text += &format!("{line}\n"));
        text
    }
}
