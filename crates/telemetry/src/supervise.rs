//! Owns the tasks that the product needs for as long as it runs.
//!
//! Guarantees:
//! - a task that panics, or ends though it never should, is said in the log, counted, and started again
//! - one that cannot be started again takes the process along, with a last word and [`EXIT_CODE`], so that whoever
//!   supervises the process starts it anew
//! - a [`Pulse`] that was not felt within its limit is known by its name
//!
//! Tasks that belong to one request or one connection are not kept here: they end with it, and a panic in one costs that
//! request.

use std::panic::AssertUnwindSafe;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use prometheus::Registry;
use tokio::time::{Instant, sleep, timeout};

use crate::{last_word, metrics};

/// How long a pulse may be silent, where nothing else is said.
pub const SILENCE_MAX: Duration = Duration::from_secs(2);

/// The exit code of a process that lost a task it cannot go on without (`EX_SOFTWARE`).
pub const EXIT_CODE: i32 = 70;

/// The pause before the first restart; it doubles with each one that follows at once.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A task that ran for so long was well.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// How often work that takes long is felt.
const WORK_STEP: Duration = Duration::from_millis(250);

metrics! {
    /// What is known of the tasks.
    struct Metrics {
        /// Times that a task was started again because it had panicked or ended, by task.
        task_restarts_total: IntCounterVec["task"],
        /// Time since a task was last known to go on, by task.
        heartbeat_age_seconds: GaugeVec["task"],
    }
}

/// Starts tasks again, and knows which of them are alive.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    metrics: Metrics,
    pulses: Mutex<Vec<Weak<Felt>>>,
    end: Box<dyn Fn(&str) + Send + Sync>,
}

/// Told by a task that it goes on; forgotten when it is dropped.
#[derive(Debug)]
pub struct Pulse(Arc<Felt>);

#[derive(Debug)]
struct Felt {
    name: String,
    limit: Duration,
    since: Instant,
    /// Milliseconds after `since`.
    at_ms: AtomicU64,
}

/// A pulse that is older than it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The silent task's name.
    pub task: String,
    /// Since when nothing was heard of it.
    pub age: Duration,
}

impl Supervisor {
    /// Nobody yet; the end of an essential task ends the process.
    ///
    /// # Errors
    /// When the registry has such metrics already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let end = |word: &str| {
            last_word(&format!("fairgate: {word}"));
            process::exit(EXIT_CODE);
        };
        Self::with_end(registry, end)
    }

    /// `end` is told when an essential task has ended.
    fn with_end(registry: &Registry, end: impl Fn(&str) + Send + Sync + 'static) -> prometheus::Result<Self> {
        let (metrics, end) = (Metrics::new(registry)?, Box::new(end));
        Ok(Self(Arc::new(Shared { metrics, pulses: Mutex::default(), end })))
    }

    /// A pulse that may be silent for [`SILENCE_MAX`].
    #[must_use]
    pub fn pulse(&self, task: impl Into<String>) -> Pulse {
        self.pulse_within(task, SILENCE_MAX)
    }

    /// A pulse that may be silent for so long.
    #[must_use]
    pub fn pulse_within(&self, task: impl Into<String>, limit: Duration) -> Pulse {
        let felt = Arc::new(Felt { name: task.into(), limit, since: Instant::now(), at_ms: AtomicU64::new(0) });
        self.pulses().push(Arc::downgrade(&felt));
        Pulse(felt)
    }

    /// The pulses that are older than they may be, by name.
    #[must_use]
    pub fn silent(&self) -> Vec<Silence> {
        let pulses = self.living().into_iter().filter(|felt| felt.age() > felt.limit);
        let mut silent: Vec<_> = pulses.map(|felt| Silence { task: felt.name.clone(), age: felt.age() }).collect();
        silent.sort_by(|a, b| a.task.cmp(&b.task));
        silent
    }

    /// Brings the ages up to date, for whoever looks at the metrics next.
    pub fn measure(&self) {
        for felt in self.living() {
            self.0.metrics.heartbeat_age_seconds.with_label_values(&[&felt.name]).set(felt.age().as_secs_f64());
        }
    }

    /// Counts restarts that were made elsewhere: so many in all since the process began.
    pub fn count_restarts(&self, task: &str, in_all: u64) {
        let counted = self.0.metrics.task_restarts_total.with_label_values(&[task]);
        counted.inc_by(in_all.saturating_sub(counted.get()));
    }

    /// Runs a task that never ends, again and again.
    pub async fn keep<F>(&self, task: &str, start: impl Fn() -> F)
    where
        F: Future<Output = ()>,
    {
        let mut pause = PAUSE_MIN;
        loop {
            let began = Instant::now();
            let _ = self.attempt(task, &start).await;
            self.pause_before_restart(task, &mut pause, began).await;
        }
    }

    /// Runs a task that may end, again where it panics.
    pub async fn keep_until_done<F>(&self, task: &str, start: impl Fn() -> F)
    where
        F: Future<Output = ()>,
    {
        let mut pause = PAUSE_MIN;
        loop {
            let began = Instant::now();
            if self.attempt(task, &start).await.is_ok() {
                return;
            }
            self.pause_before_restart(task, &mut pause, began).await;
        }
    }

    /// Runs a task that the process cannot go on without, and that cannot be started again: its end is the process's.
    pub async fn essential(&self, task: &str, run: impl Future<Output = ()>) {
        let how = if AssertUnwindSafe(run).catch_unwind().await.is_ok() { "ended" } else { "panicked" };
        (self.0.end)(&format!("the task {task:?} has {how} and cannot be started again: ending, to be started anew"));
    }

    /// `Err` where it panicked; the hook has said why.
    async fn attempt<F: Future<Output = ()>>(&self, task: &str, start: &impl Fn() -> F) -> Result<(), Panicked> {
        // What it shares with others it has behind locks and channels that bear a panic.
        match AssertUnwindSafe(async { start().await }).catch_unwind().await {
            Ok(()) => Ok(()),
            Err(_) => {
                tracing::error!(task, "a task has panicked");
                Err(Panicked)
            }
        }
    }

    async fn pause_before_restart(&self, task: &str, pause: &mut Duration, began: Instant) {
        if began.elapsed() > WELL_AFTER {
            *pause = PAUSE_MIN;
        }
        self.0.metrics.task_restarts_total.with_label_values(&[task]).inc();
        tracing::error!(task, pause_ms = pause.as_millis(), "a task is started again");
        sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE_MAX);
    }

    fn living(&self) -> Vec<Arc<Felt>> {
        let mut pulses = self.pulses();
        pulses.retain(|felt| felt.strong_count() > 0);
        pulses.iter().filter_map(Weak::upgrade).collect()
    }

    fn pulses(&self) -> MutexGuard<'_, Vec<Weak<Felt>>> {
        self.0.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Panicked;

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Supervisor").field("silent", &self.silent()).finish_non_exhaustive()
    }
}

impl Felt {
    fn age(&self) -> Duration {
        self.since.elapsed().saturating_sub(Duration::from_millis(self.at_ms.load(Relaxed)))
    }
}

impl Pulse {
    /// The task goes on.
    #[inline]
    pub fn beat(&self) {
        let at_ms = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.at_ms.store(at_ms, Relaxed);
    }

    /// The task has ended as it should: nobody misses it from here on.
    pub fn end(&self) {
        self.0.at_ms.store(u64::MAX, Relaxed);
    }

    /// Does something that may take longer than the pulse may be silent, but not longer than this; after that, it is
    /// waited for in silence.
    pub async fn during<T>(&self, patience: Duration, work: impl Future<Output = T>) -> T {
        let until = Instant::now() + patience;
        let mut work = std::pin::pin!(work);
        loop {
            self.beat();
            if Instant::now() >= until {
                return work.await;
            }
            if let Ok(done) = timeout(WORK_STEP, work.as_mut()).await {
                self.beat();
                return done;
            }
        }
    }
}

impl std::fmt::Display for Silence {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} has been silent for {:.1} s", self.task, self.age.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::expose;

    fn supervisor() -> (Supervisor, Registry, Arc<Mutex<Vec<String>>>) {
        let (registry, words) = (Registry::new(), Arc::new(Mutex::new(Vec::new())));
        let said = Arc::clone(&words);
        let end = move |word: &str| said.lock().unwrap().push(word.to_owned());
        (Supervisor::with_end(&registry, end).unwrap(), registry, words)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_ends_is_started_again_and_counted() {
        let (supervisor, registry, _) = supervisor();
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&starts);
        let kept = supervisor.keep("heart", move || {
            let nth = counted.fetch_add(1, Relaxed);
            async move {
                match nth {
                    0 => panic!("as a test wants it"),
                    1 => {}
                    _ => std::future::pending().await,
                }
            }
        });
        assert!(timeout(Duration::from_secs(60), kept).await.is_err(), "it never ends");
        assert_eq!(starts.load(Relaxed), 3);
        let text = String::from_utf8(expose(&registry).unwrap()).unwrap();
        assert!(text.contains(r#"fairgate_task_restarts_total{task="heart"} 2"#), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_may_end_is_only_started_again_where_it_panics() {
        let (supervisor, ..) = supervisor();
        let starts = AtomicUsize::new(0);
        let start = || async {
            assert!(starts.fetch_add(1, Relaxed) > 0, "as a test wants it");
        };
        supervisor.keep_until_done("reader", start).await;
        assert_eq!(starts.load(Relaxed), 2);
    }

    #[tokio::test]
    async fn the_end_of_an_essential_task_is_the_end() {
        let (supervisor, _, words) = supervisor();
        supervisor.essential("admin", async { panic!("as a test wants it") }).await;
        supervisor.essential("gate", async {}).await;
        let words = words.lock().unwrap();
        assert!(words[0].contains(r#""admin" has panicked"#) && words[1].contains(r#""gate" has ended"#), "{words:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pulse_that_is_not_felt_is_known_by_its_name() {
        let (supervisor, registry, _) = supervisor();
        let (room, slow) = (supervisor.pulse("room final"), supervisor.pulse_within("stock final", 9 * SILENCE_MAX));
        sleep(SILENCE_MAX).await;
        assert_eq!(supervisor.silent(), []);
        sleep(Duration::from_millis(500)).await;
        let silent = supervisor.silent();
        assert_eq!(silent[0].to_string(), "room final has been silent for 2.5 s");
        assert_eq!(silent.len(), 1);
        supervisor.measure();
        let text = String::from_utf8(expose(&registry).unwrap()).unwrap();
        assert!(text.contains(r#"fairgate_heartbeat_age_seconds{task="room final"} 2.5"#), "{text}");
        room.beat();
        assert_eq!(supervisor.silent(), []);
        slow.end();
        drop(room);
        sleep(Duration::from_secs(100)).await;
        assert_eq!(supervisor.silent(), [], "whoever is gone, or has ended, is not missed");
        drop(slow);
    }

    #[tokio::test(start_paused = true)]
    async fn long_work_is_no_silence_until_its_patience_is_over() {
        let (supervisor, ..) = supervisor();
        let pulse = supervisor.pulse("room final");
        let hung = pulse.during(Duration::from_secs(10), std::future::pending::<()>());
        let watch = async {
            sleep(Duration::from_secs(9)).await;
            assert_eq!(supervisor.silent(), []);
            sleep(Duration::from_secs(5)).await;
            supervisor.silent().len()
        };
        tokio::select! {
            () = hung => panic!("it hangs"),
            silent = watch => assert_eq!(silent, 1),
        }
    }
}
