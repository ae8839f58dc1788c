//! A shop: workers that take one thing at a time, and a queue in front.
//!
//! Statements go to a database that does one at a time, as fast as all workers together.

use std::collections::VecDeque;

use crate::chance::Chance;

/// What a shop has to do for a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// A page, which takes so long, µs.
    Page(u64),
    /// Statements, one after the other; each waits for its turn.
    Statements(u32),
    /// Hardly anything: it is answered out of memory.
    Memory,
}

/// A request that the edge has let through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Whose; nobody's is the shop's own.
    pub(crate) session: Option<usize>,
    /// When the fan asked, and when the edge let it through, µs.
    pub(crate) asked_us: u64,
    pub(crate) sent_us: u64,
    /// True if the session goes on after the job. False if the job came on the side.
    pub(crate) is_step: bool,
    pub(crate) work: Work,
    /// True if a worker has begun the job.
    pub(crate) is_begun: bool,
}

impl Work {
    /// Nine in ten pages take 30 ms, one in ten 150 ms.
    pub(crate) const PAGE_MEAN_S: f64 = 0.9 * 0.030 + 0.1 * 0.150;
    /// Of one worker; all of them do it together.
    pub(crate) const STATEMENT_S: f64 = 0.020;

    pub(crate) fn page(chance: &mut Chance) -> Self {
        let ms = if chance.happens(0.1) { chance.between(100.0, 200.0) } else { chance.between(15.0, 45.0) };
        Self::Page((ms * 1_000.0) as u64)
    }
}

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
        let mut begin = Vec::new();
        while let Some(job) = self.queue.front().copied().filter(|job| self.can_begin(job)) {
            self.queue.pop_front();
            self.busy += 1;
            begin.push(job);
        }
        begin
    }

    /// Takes a job; true if it can begin at once. Otherwise it waits.
    pub(crate) fn take(&mut self, job: Job) -> bool {
        let begins = self.can_begin(&job);
        if begins {
            self.busy += 1;
        } else {
            self.queue.push_back(job);
        }
        begins
    }

    /// Does the first part of a job: how long that takes, µs, and what is left of it.
    pub(crate) fn work(&mut self, job: &Job) -> (u64, Option<Work>) {
        let (worked_s, alone, left) = match job.work {
            Work::Page(us) => (us as f64 / 1e6, 1, None),
            Work::Statements(count) => {
                (Work::STATEMENT_S, self.workers.max(1), (count > 1).then(|| Work::Statements(count - 1)))
            }
            Work::Memory => (0.0, 1, None),
        };
        self.worked_s += worked_s;
        ((worked_s * 1e6) as u64 / alone, left)
    }

    /// A part of a job is done; what is left of it waits for its turn. Answers the next job that can begin.
    pub(crate) fn done(&mut self, left: Option<Job>) -> Option<Job> {
        self.busy -= 1;
        self.queue.extend(left);
        let next = self.queue.front().copied().filter(|job| self.can_begin(job))?;
        self.queue.pop_front();
        self.busy += 1;
        Some(next)
    }

    fn can_begin(&self, job: &Job) -> bool {
        self.busy < if matches!(job.work, Work::Statements(_)) { self.workers.min(1) } else { self.workers }
    }
}
