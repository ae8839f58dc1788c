//! A shop: workers that take one request at a time, most of them short and some of them long, and a queue in front.

use std::collections::VecDeque;

use crate::chance::Chance;

/// A request that the edge has let through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) session: usize,
    /// When the fan asked, and when the edge let it through, µs.
    pub(crate) asked_us: u64,
    pub(crate) sent_us: u64,
    /// Whether the session goes on after it, or it came on the side.
    pub(crate) is_step: bool,
}

/// Nine in ten take 30 ms, one in ten 150 ms.
pub(crate) const MEAN_SERVICE_S: f64 = 0.9 * 0.030 + 0.1 * 0.150;

#[derive(Default)]
pub(crate) struct Shop {
    workers: u64,
    busy: u64,
    queue: VecDeque<Job>,
    /// Work done so far, in seconds of a worker.
    pub(crate) worked_s: f64,
}

impl Shop {
    /// So many workers from now on; answers the jobs that can begin.
    pub(crate) fn staff(&mut self, workers: u64) -> Vec<Job> {
        self.workers = workers;
        let can_begin = self.workers.saturating_sub(self.busy).min(self.queue.len() as u64);
        self.busy += can_begin;
        (0..can_begin).filter_map(|_| self.queue.pop_front()).collect()
    }

    /// Whether a job can begin at once; otherwise it waits.
    pub(crate) fn take(&mut self, job: Job) -> bool {
        let begins = self.busy < self.workers;
        if begins {
            self.busy += 1;
        } else {
            self.queue.push_back(job);
        }
        begins
    }

    /// A job is done; answers the next one that can begin.
    pub(crate) fn done(&mut self) -> Option<Job> {
        self.busy -= 1;
        let next = if self.busy < self.workers { self.queue.pop_front() } else { None };
        self.busy += u64::from(next.is_some());
        next
    }

    pub(crate) fn service_us(&mut self, chance: &mut Chance) -> u64 {
        let ms = if chance.happens(0.1) { chance.between(100.0, 200.0) } else { chance.between(15.0, 45.0) };
        self.worked_s += ms / 1_000.0;
        (ms * 1_000.0) as u64
    }
}
