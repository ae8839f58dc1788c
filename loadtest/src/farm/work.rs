//! Puzzles solved on so many cores, and the CPU time that they cost.

use std::sync::Arc;
use std::time::Duration;

use fairgate_entry::work::puzzle::PuzzleKey;
use fairgate_entry::work::solution::Solution;
use fairgate_entry::work::solver::Solver;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Cores that solve.
pub(crate) struct Workers {
    cores: Arc<Semaphore>,
}

/// A core that solves for nobody else.
pub(crate) struct Core {
    _permit: OwnedSemaphorePermit,
}

impl Workers {
    pub(crate) fn new(cores: usize) -> Self {
        Self { cores: Arc::new(Semaphore::new(cores.max(1))) }
    }

    /// Waits for a core. `None` where the process is ending.
    pub(crate) async fn core(&self) -> Option<Core> {
        let permit = Arc::clone(&self.cores).acquire_owned().await.ok()?;
        Some(Core { _permit: permit })
    }
}

impl Core {
    /// Solves so many tables; says how much CPU time that took. `None` where the process is ending.
    pub(crate) async fn solve(&self, key: PuzzleKey, effort: u32) -> Option<(Vec<Solution>, Duration)> {
        tokio::task::spawn_blocking(move || {
            let before = cpu_time();
            let solved = Solver::new().solve_all(&key, effort, |_, _| true);
            (solved, cpu_time().saturating_sub(before))
        })
        .await
        .ok()
    }
}

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
