//! The one place that reads the wall clock, and what is believed of it.
//!
//! Everything else is told the time, so that a test or the simulator can tell it another one.
//!
//! Guarantee: a clock that is set, for a moment or for good, does not take the time of the rooms along. A [`Steady`]
//! time goes on by the machine's monotonic clock. It follows the wall clock by a twentieth of the time that passes (a
//! slewed clock). It does not believe a difference of more than [`JUMP_MS`] until somebody accepts it.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A difference that no clock gets to by being a little fast or slow: somebody has set it.
pub const JUMP_MS: u64 = 5_000;
/// So much of the time that passes may go into coming closer.
const SLEW_DIVISOR: u64 = 20;
/// How often the wall clock is looked at.
const LOOK_MS: u64 = 100;

/// Says what time it is.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// How far a clock that it follows is ahead of it (behind, where negative) and not believed.
    fn jump_ms(&self) -> Option<i64> {
        None
    }

    /// Believes the clock that it follows, whatever it says next.
    fn accept(&self) {}
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may read the wall clock")]
    fn now_ms(&self) -> u64 {
        // A clock before 1970 is a broken clock; zero keeps every room idle, which is the safe side.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that says what it was told: for tests, benchmarks and the simulator.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that says this, Unix ms.
    #[must_use]
    pub fn at(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// Says this from now on, Unix ms.
    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, SeqCst);
    }

    /// Goes on by so much.
    pub fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// The machine's wall clock, as far as its monotonic clock bears it out. What it says at the start is believed.
pub struct SteadyClock {
    steady: Steady,
    wall: Arc<dyn Clock>,
    looked_ms: AtomicU64,
}

impl SteadyClock {
    /// Starts with what the wall clock says.
    #[must_use]
    pub fn new() -> Self {
        Self::over(Arc::new(SystemClock))
    }

    /// Follows another clock.
    #[must_use]
    pub fn over(wall: Arc<dyn Clock>) -> Self {
        Self::by(Monotonic::Machine(Instant::now()), wall)
    }

    /// Follows another clock on a machine whose monotonic clock says these milliseconds: for whoever plays a machine.
    #[must_use]
    pub fn played(monotonic_ms: Arc<AtomicU64>, wall: Arc<dyn Clock>) -> Self {
        Self::by(Monotonic::Played(monotonic_ms), wall)
    }

    fn by(monotonic: Monotonic, wall: Arc<dyn Clock>) -> Self {
        let steady = Steady::new("this machine's clock", monotonic);
        steady.observe(wall.now_ms());
        Self { steady, wall, looked_ms: AtomicU64::new(0) }
    }

    /// A time that follows another machine's clock as far as this machine's monotonic clock bears it out. It knows nothing
    /// yet; `whose` clock it follows is said in the log.
    #[must_use]
    pub fn follow(&self, whose: &'static str) -> Steady {
        Steady::new(whose, self.steady.monotonic.clone())
    }

    /// How far the wall clock is ahead of this one (behind, where negative), believed or not.
    #[must_use]
    pub fn wall_ahead_ms(&self) -> i64 {
        difference_ms(self.wall.now_ms(), self.now_ms())
    }
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SteadyClock {
    fn now_ms(&self) -> u64 {
        let (at_ms, looked_ms) = (self.steady.at_ms(), self.looked_ms.load(Relaxed));
        let is_due = at_ms >= looked_ms + LOOK_MS;
        if is_due && self.looked_ms.compare_exchange(looked_ms, at_ms, Relaxed, Relaxed).is_ok() {
            self.steady.observe(self.wall.now_ms());
        }
        self.steady.now_ms().unwrap_or_default()
    }

    fn jump_ms(&self) -> Option<i64> {
        self.steady.jump_ms()
    }

    fn accept(&self) {
        self.steady.accept();
        self.steady.observe(self.wall.now_ms());
    }
}

/// A time that follows a clock as far as the monotonic clock bears it out.
#[derive(Debug)]
pub struct Steady {
    whose: &'static str,
    monotonic: Monotonic,
    /// What to add to the milliseconds of the monotonic clock; [`NOTHING`] before the first look.
    offset_ms: AtomicI64,
    follow: Mutex<Follow>,
}

const NOTHING: i64 = i64::MIN;

/// A clock that nobody sets.
#[derive(Clone, Debug)]
enum Monotonic {
    /// This machine's, counted from there.
    Machine(Instant),
    /// One that somebody plays, ms.
    Played(Arc<AtomicU64>),
}

impl Monotonic {
    fn at_ms(&self) -> u64 {
        match self {
            Self::Machine(since) => u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            Self::Played(ms) => ms.load(Relaxed),
        }
    }
}

/// What a clock is held against, and what is believed of it. Pure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Follow {
    offset_ms: Option<i64>,
    looked_ms: u64,
    jump_ms: Option<i64>,
    is_accepted: bool,
}

impl Steady {
    fn new(whose: &'static str, monotonic: Monotonic) -> Self {
        Self { whose, monotonic, offset_ms: AtomicI64::new(NOTHING), follow: Mutex::default() }
    }

    /// The time, Unix ms; nothing before the first look.
    #[must_use]
    pub fn now_ms(&self) -> Option<u64> {
        let offset_ms = self.offset_ms.load(Relaxed);
        (offset_ms != NOTHING).then(|| self.at_ms().saturating_add_signed(offset_ms))
    }

    /// Looks at the clock that is followed, and says in the log what is not believed.
    pub fn observe(&self, clock_ms: u64) {
        let mut follow = self.follow();
        let before = follow.jump_ms;
        follow.look(clock_ms, self.at_ms());
        self.offset_ms.store(follow.offset_ms.unwrap_or(NOTHING), Relaxed);
        let (whose, after) = (self.whose, follow.jump_ms);
        drop(follow);
        match (before, after) {
            (None, Some(ahead_ms)) => tracing::error!(
                whose,
                ahead_ms,
                "a clock has jumped and is not believed: the rooms' time goes on as it was. Put the clock right, or accept it with \
                 `fairgate room clock --accept`"
            ),
            (Some(_), None) => tracing::warn!(whose, "a clock is believed again"),
            _ => {}
        }
    }

    /// The time is at least so late, whatever the clock says.
    pub fn is_at_least(&self, now_ms: u64) {
        let mut follow = self.follow();
        let at_ms = self.at_ms();
        if follow.offset_ms.is_some_and(|offset_ms| at_ms.saturating_add_signed(offset_ms) < now_ms) {
            follow.offset_ms = Some(difference_ms(now_ms, at_ms));
            self.offset_ms.store(difference_ms(now_ms, at_ms), Relaxed);
        }
    }

    /// How far the clock that is followed is ahead (behind, where negative) and not believed.
    #[must_use]
    pub fn jump_ms(&self) -> Option<i64> {
        self.follow().jump_ms
    }

    /// Believes what the clock says at the next look.
    pub fn accept(&self) {
        self.follow().is_accepted = true;
    }

    /// True if the next look will be believed, whatever it shows.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.follow().is_accepted
    }

    fn at_ms(&self) -> u64 {
        self.monotonic.at_ms()
    }

    fn follow(&self) -> MutexGuard<'_, Follow> {
        self.follow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follow {
    /// Takes a look at the clock; `at_ms` is what the monotonic clock says.
    fn look(&mut self, clock_ms: u64, at_ms: u64) {
        let passed_ms = at_ms.saturating_sub(self.looked_ms);
        self.looked_ms = at_ms;
        let believed = self.offset_ms.map(|offset_ms| (offset_ms, at_ms.saturating_add_signed(offset_ms)));
        let Some((offset_ms, now_ms)) = believed.filter(|_| !self.is_accepted) else {
            (self.offset_ms, self.jump_ms, self.is_accepted) = (Some(difference_ms(clock_ms, at_ms)), None, false);
            return;
        };
        let ahead_ms = difference_ms(clock_ms, now_ms);
        if ahead_ms.unsigned_abs() > JUMP_MS {
            self.jump_ms = Some(ahead_ms);
            return;
        }
        self.jump_ms = None;
        let step_ms = i64::try_from(passed_ms / SLEW_DIVISOR).unwrap_or(i64::MAX);
        self.offset_ms = Some(offset_ms.saturating_add(ahead_ms.clamp(-step_ms, step_ms)));
    }
}

/// How far one time is ahead of another.
#[inline]
#[must_use]
pub fn difference_ms(ahead_ms: u64, of_ms: u64) -> i64 {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(ahead_ms) - signed(of_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_790_000_000_000;
    const HOUR_MS: u64 = 3_600_000;

    /// What is believed after looks at these times, each with what the clock was off by then.
    fn after(looks: &[(u64, i64)]) -> (Follow, i64) {
        let mut follow = Follow::default();
        for (at_ms, off_ms) in looks {
            follow.look((START_MS + at_ms).saturating_add_signed(*off_ms), *at_ms);
        }
        (follow, follow.offset_ms.unwrap() - START_MS as i64)
    }

    #[test]
    fn an_hour_for_a_moment_is_no_time_at_all() {
        for off_ms in [HOUR_MS as i64, -(HOUR_MS as i64)] {
            let (during, error_ms) = after(&[(0, 0), (100, 0), (200, off_ms), (1_600, off_ms)]);
            assert_eq!((during.jump_ms, error_ms), (Some(off_ms), 0));
            let (after, error_ms) = after(&[(0, 0), (200, off_ms), (1_600, off_ms), (1_700, 0)]);
            assert_eq!((after.jump_ms, error_ms), (None, 0));
        }
    }

    #[test]
    fn an_hour_for_good_waits_for_somebody_who_says_so() {
        let looks: Vec<_> = (0..36_000).map(|look| (look * 100, if look > 10 { HOUR_MS as i64 } else { 0 })).collect();
        let (mut follow, error_ms) = after(&looks);
        assert_eq!((follow.jump_ms, error_ms), (Some(HOUR_MS as i64), 0));
        follow.is_accepted = true;
        follow.look(START_MS + 2 * HOUR_MS, HOUR_MS);
        assert_eq!((follow.offset_ms, follow.jump_ms), (Some((START_MS + HOUR_MS) as i64), None));
        assert!(!follow.is_accepted, "once");
    }

    #[test]
    fn a_clock_that_is_put_right_is_followed_gently_and_never_backwards() {
        let (follow, error_ms) = after(&[(0, 0), (1_000, 4_000)]);
        assert_eq!((follow.jump_ms, error_ms), (None, 50));
        let looks: Vec<_> = (0..1_000).map(|look| (look * 100, if look > 0 { -4_000 } else { 0 })).collect();
        let (_, error_ms) = after(&looks);
        assert_eq!(error_ms, -4_000);
        let mut follow = Follow::default();
        let mut before = 0;
        for (at_ms, off_ms) in looks {
            follow.look((START_MS + at_ms).saturating_add_signed(off_ms), at_ms);
            let now = at_ms as i64 + follow.offset_ms.unwrap();
            assert!(now > before);
            before = now;
        }
    }

    #[test]
    fn a_steady_clock_says_what_it_does_not_believe() {
        let wall = Arc::new(ManualClock::at(START_MS));
        let clock = SteadyClock::over(Arc::clone(&wall) as _);
        wall.set(START_MS + HOUR_MS);
        std::thread::sleep(std::time::Duration::from_millis(2 * LOOK_MS));
        assert!(clock.now_ms() < START_MS + 60_000);
        assert!(clock.jump_ms().is_some_and(|jump_ms| jump_ms > 3_000_000) && clock.wall_ahead_ms() > 3_000_000);
        clock.accept();
        assert!(clock.now_ms() >= START_MS + HOUR_MS && clock.jump_ms().is_none());
    }
}
