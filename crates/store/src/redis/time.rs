//! How far Redis's clock is believed.
//!
//! Guarantees: a call lets a room's time go as far as this edge's monotonic clock bears out since it first believed
//! Redis, and no further. So a server whose clock is set, or that is replaced by one with another clock, moves no room
//! and stops none. An edge that has just started looks before it moves a room. It believes a server only if this
//! machine's clock or the room itself says about the same, and never two wrong clocks against a room that goes on.
//! Each edge applies this for itself. The edge that lets time pass most cautiously holds nobody up, since the others'
//! calls move the room as well.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use fairgate_telemetry::clock::{Clock, JUMP_MS, ManualClock, Steady, SteadyClock, difference_ms};

/// A call is on its way for a moment, and so was what the server's clock was learned from.
const SLACK_MS: u64 = 500;
/// How long an edge watches if a room goes on without it. Others look five times a second.
const WATCH_MS: u64 = 1_000;

/// The time as a call states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallTime {
    /// This, whatever the server says.
    Exactly(u64),
    /// The server's, but no later than this.
    NoLaterThan(u64),
    /// The server's.
    Server,
}

impl CallTime {
    /// The room's own, so that the call lets no time pass.
    const ROOMS: Self = Self::NoLaterThan(0);

    /// What it comes to where the server's clock says this, Unix ms; `called_ms` in `lua/room/state.lua`.
    #[must_use]
    pub fn at(self, server_ms: u64) -> u64 {
        match self {
            Self::Exactly(now_ms) => now_ms,
            Self::NoLaterThan(latest_ms) => latest_ms.min(server_ms),
            Self::Server => server_ms,
        }
    }

    /// As `lua/room/state.lua` reads it.
    pub(super) fn to_arg(self) -> String {
        match self {
            Self::Exactly(now_ms) => now_ms.to_string(),
            Self::NoLaterThan(now_ms) => format!("<{now_ms}"),
            Self::Server => String::new(),
        }
    }
}

/// What one edge knows of the time of all its rooms.
pub(super) struct EdgeTime {
    own: SteadyClock,
    /// The time of the room whose server was believed last.
    servers: ArcSwapOption<Steady>,
}

impl EdgeTime {
    /// Goes by this machine's clock until a server is believed.
    pub(super) fn new(own: SteadyClock) -> Self {
        Self { own, servers: ArcSwapOption::empty() }
    }

    /// The servers' time, as far as it is believed, or this machine's.
    pub(super) fn now_ms(&self) -> u64 {
        self.servers.load().as_ref().and_then(|steady| steady.now_ms()).unwrap_or_else(|| self.own.now_ms())
    }

    /// How far this machine's clock is ahead of the servers'.
    pub(super) fn skew_ms(&self) -> i64 {
        let own_ms = self.own.now_ms().saturating_add_signed(self.own.wall_ahead_ms());
        difference_ms(own_ms, self.now_ms())
    }
}

/// What one edge knows of the time of one room.
pub(super) struct RoomTime {
    edge: Arc<EdgeTime>,
    server: Arc<Steady>,
    is_accepted: AtomicBool,
    /// What the room said when the watch began whether it goes on; nothing where there is no doubt of clocks.
    watched_from_ms: Mutex<Option<u64>>,
}

impl RoomTime {
    pub(super) fn new(edge: &Arc<EdgeTime>) -> Self {
        let server = Arc::new(edge.own.follow("Redis's clock"));
        Self { edge: Arc::clone(edge), server, is_accepted: AtomicBool::new(false), watched_from_ms: Mutex::default() }
    }

    /// The time of a call that schedules a room. A room that is not there yet begins with it.
    pub(super) fn of_schedule(&self) -> CallTime {
        match self.server.now_ms() {
            Some(_) => self.of_call(),
            None => CallTime::NoLaterThan(self.edge.own.now_ms() + JUMP_MS),
        }
    }

    /// How far the next call lets time go. A server whose clock was set back would stop the room for as long.
    pub(super) fn of_call(&self) -> CallTime {
        if self.is_accepted.load(Relaxed) {
            return CallTime::Server;
        }
        if self.watched_from_ms().is_some() {
            return CallTime::ROOMS;
        }
        let is_set_back = self.server.jump_ms().is_some_and(|ahead_ms| ahead_ms < 0);
        match self.server.now_ms() {
            Some(now_ms) if is_set_back => CallTime::Exactly(now_ms),
            Some(now_ms) => CallTime::NoLaterThan(now_ms + SLACK_MS),
            None => CallTime::ROOMS,
        }
    }

    /// Takes in what a look showed: the server's clock, and the room's time.
    pub(super) fn observe(&self, server_ms: u64, room_ms: u64) {
        let is_near = |ms: u64| ms.abs_diff(server_ms) <= JUMP_MS;
        let is_new = self.server.now_ms().is_none();
        // The room is there already: somebody else has accepted the server's clock.
        let is_led = self.server.now_ms().is_some_and(|now_ms| room_ms > now_ms + JUMP_MS) && is_near(room_ms);
        if self.is_accepted.swap(false, Relaxed) || is_led {
            self.server.accept();
            self.watch_no_more();
        } else if is_new && !is_near(room_ms) {
            self.begin_in_doubt(server_ms, room_ms);
        } else {
            self.watch_room(server_ms, room_ms);
        }
        self.server.observe(server_ms);
        self.keep_up(room_ms);
        // An edge that has just started goes by what it took instead of a server that is not believed.
        if self.server.jump_ms().is_none() || self.edge.servers.load().is_none() {
            self.edge.servers.store(Some(Arc::clone(&self.server)));
        }
    }

    /// Others may have let time go further, as long as nobody believes the server: edges go by one time, give or take the slack.
    fn keep_up(&self, room_ms: u64) {
        let lead_ms = self.server.now_ms().map_or(0, |now_ms| room_ms.saturating_sub(now_ms));
        if (SLACK_MS..=JUMP_MS + 2 * SLACK_MS).contains(&lead_ms) {
            self.server.is_at_least(room_ms - SLACK_MS);
        }
    }

    /// Begins where the room does not bear the server out. It goes by the room, unless this machine's clock bears the
    /// server out. A room is never ahead of the time unless somebody accepted that. It may be behind where nobody has
    /// asked for it, so an edge whose clocks are both ahead of it watches if it goes on.
    fn begin_in_doubt(&self, server_ms: u64, room_ms: u64) {
        let own_ms = self.edge.own.now_ms();
        if own_ms.abs_diff(server_ms) <= JUMP_MS {
            return;
        }
        // A room that was brought over from another server may be a little behind.
        let is_near = room_ms.abs_diff(own_ms) <= JUMP_MS;
        self.server.observe(if is_near { room_ms.max(own_ms) } else { room_ms });
        if !is_near && room_ms < own_ms.min(server_ms) {
            *self.watched_from_ms.lock().unwrap_or_else(PoisonError::into_inner) = Some(room_ms);
        }
    }

    /// Ends the watch. A room that went on has others who bear its time out. One that stood still is behind, by how much
    /// nobody knows: the clock that is less ahead of it is believed.
    fn watch_room(&self, server_ms: u64, room_ms: u64) {
        let Some(from_ms) = self.watched_from_ms() else { return };
        let passed_ms = self.server.now_ms().unwrap_or(from_ms).saturating_sub(from_ms);
        if passed_ms < WATCH_MS {
            return;
        }
        if room_ms.saturating_sub(from_ms) < passed_ms / 2 {
            self.server.accept();
            self.server.observe(self.edge.own.now_ms().min(server_ms));
        }
        self.watch_no_more();
    }

    fn watched_from_ms(&self) -> Option<u64> {
        *self.watched_from_ms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch_no_more(&self) {
        *self.watched_from_ms.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How far the server's clock is ahead and not believed.
    pub(super) fn jump_ms(&self) -> Option<i64> {
        self.server.jump_ms()
    }

    /// Believes the server with the next look.
    pub(super) fn accept(&self) {
        self.is_accepted.store(true, Relaxed);
    }
}

/// What one edge knows of the time of one room, for whoever plays its machine and the server.
pub struct PlayedTime {
    wall: Arc<ManualClock>,
    monotonic_ms: Arc<AtomicU64>,
    room: RoomTime,
}

impl fmt::Debug for PlayedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlayedTime").field("now_ms", &self.now_ms()).finish_non_exhaustive()
    }
}

impl PlayedTime {
    /// An edge starts on a machine with these clocks.
    #[must_use]
    pub fn start(monotonic_ms: u64, wall_ms: u64) -> Self {
        let wall = Arc::new(ManualClock::at(wall_ms));
        let monotonic_ms = Arc::new(AtomicU64::new(monotonic_ms));
        let own = SteadyClock::played(Arc::clone(&monotonic_ms), Arc::clone(&wall) as _);
        Self { wall, monotonic_ms, room: RoomTime::new(&Arc::new(EdgeTime::new(own))) }
    }

    /// The machine's clocks say this now.
    pub fn pass(&self, monotonic_ms: u64, wall_ms: u64) {
        self.monotonic_ms.store(monotonic_ms, Relaxed);
        self.wall.set(wall_ms);
    }

    /// The time that the edge goes by, Unix ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.room.edge.now_ms()
    }

    /// The time of the next call.
    #[must_use]
    pub fn of_call(&self) -> CallTime {
        self.room.of_call()
    }

    /// The time of a call that schedules the room.
    #[must_use]
    pub fn of_schedule(&self) -> CallTime {
        self.room.of_schedule()
    }

    /// Takes in what a look showed: the server's clock, and the room's time, Unix ms each.
    pub fn observe(&self, server_ms: u64, room_ms: u64) {
        self.room.observe(server_ms, room_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_790_000_000_000;
    const HOUR_MS: u64 = 3_600_000;

    fn room() -> RoomTime {
        let own = SteadyClock::over(Arc::new(ManualClock::at(START_MS)));
        RoomTime::new(&Arc::new(EdgeTime::new(own)))
    }

    fn bound_ms(room: &RoomTime) -> u64 {
        match room.of_call() {
            CallTime::NoLaterThan(ms) => ms,
            other => panic!("{other:?}"),
        }
    }

    fn is_about(ms: u64, wanted_ms: u64) -> bool {
        ms.abs_diff(wanted_ms) < 2_000
    }

    #[test]
    fn a_server_that_jumps_moves_nobody() {
        let room = room();
        room.observe(START_MS, START_MS);
        room.observe(START_MS + HOUR_MS, START_MS);
        assert!(is_about(bound_ms(&room), START_MS + SLACK_MS) && room.jump_ms().is_some());
        assert!(is_about(room.edge.now_ms(), START_MS));
        room.observe(START_MS, START_MS);
        assert_eq!(room.jump_ms(), None);
    }

    #[test]
    fn a_server_that_is_set_back_stops_nobody() {
        let time = PlayedTime::start(0, START_MS);
        time.observe(START_MS, START_MS);
        time.pass(1_000, START_MS + 1_000);
        time.observe(START_MS + 1_000 - HOUR_MS, START_MS);
        time.pass(60_000, START_MS + 60_000);
        assert_eq!(time.of_call().at(START_MS + 60_000 - HOUR_MS), START_MS + 60_000);
        assert_eq!((time.now_ms(), time.room.jump_ms()), (START_MS + 60_000, Some(-(HOUR_MS as i64))));
        time.observe(START_MS + 60_000, START_MS + 60_000);
        assert_eq!(time.of_call(), CallTime::NoLaterThan(START_MS + 60_000 + SLACK_MS));
    }

    #[test]
    fn an_edge_that_starts_while_clocks_are_off_goes_by_the_one_between_and_says_so() {
        let hour_ms = HOUR_MS as i64;
        // The server's, this machine's; the room is right.
        for (server_off_ms, own_off_ms) in [(-hour_ms, 0), (hour_ms, 0), (-60_000, hour_ms), (hour_ms, -60_000)] {
            let time = PlayedTime::start(0, START_MS.saturating_add_signed(own_off_ms));
            let server_ms = |now_ms: u64| now_ms.saturating_add_signed(server_off_ms);
            time.observe(server_ms(START_MS), START_MS);
            assert_eq!(time.room.jump_ms(), Some(server_off_ms));
            time.pass(100, START_MS.saturating_add_signed(own_off_ms) + 100);
            let called_ms = time.of_call().at(server_ms(START_MS + 100));
            assert!((START_MS + 100..=START_MS + 100 + SLACK_MS).contains(&called_ms), "{called_ms}");
        }
    }

    /// An edge that has started while its machine's clock and the server's were off, after two seconds of looks at a
    /// room that goes on, or not.
    fn started_with(own_off_ms: i64, server_off_ms: i64, goes_on: bool) -> PlayedTime {
        let off = |now_ms: u64, by_ms: i64| now_ms.saturating_add_signed(by_ms);
        let time = PlayedTime::start(0, off(START_MS, own_off_ms));
        let mut room_ms = START_MS;
        for at_ms in (0..=2_000).step_by(200) {
            let now_ms = START_MS + at_ms;
            time.pass(at_ms, off(now_ms, own_off_ms));
            room_ms = room_ms.max(if goes_on { now_ms } else { 0 });
            room_ms = room_ms.max(time.of_call().at(off(now_ms, server_off_ms)));
            time.observe(off(now_ms, server_off_ms), room_ms);
        }
        time
    }

    #[test]
    fn two_wrong_clocks_take_no_room_along() {
        let hour_ms = HOUR_MS as i64;
        for (own_off_ms, server_off_ms) in
            [(2 * hour_ms, 3 * hour_ms), (3 * hour_ms, 2 * hour_ms), (hour_ms, 2 * hour_ms)]
        {
            for back in [1, -1] {
                let time = started_with(back * own_off_ms, back * server_off_ms, true);
                assert!(is_about(time.now_ms(), START_MS + 2_000), "{own_off_ms} {server_off_ms} {back}");
                let called_ms = time.of_call().at((START_MS + 2_000).saturating_add_signed(back * server_off_ms));
                assert!(is_about(called_ms, START_MS + 2_000), "{called_ms}");
            }
        }
    }

    #[test]
    fn a_room_that_nobody_has_asked_for_is_behind_and_goes_by_the_clock_that_is_less_ahead() {
        let (hour_ms, minute_ms) = (HOUR_MS as i64, 60_000);
        for (own_off_ms, server_off_ms) in [(hour_ms, hour_ms + minute_ms), (hour_ms + minute_ms, hour_ms)] {
            let time = started_with(own_off_ms, server_off_ms, false);
            assert!(is_about(time.now_ms(), START_MS + 2_000 + HOUR_MS), "{own_off_ms} {server_off_ms}");
        }
        // Where the two agree there is nothing to watch.
        assert!(is_about(started_with(hour_ms, hour_ms, false).now_ms(), START_MS + 2_000 + HOUR_MS));
    }

    #[test]
    fn edges_that_do_not_believe_the_server_go_by_one_time() {
        let far_back_ms = START_MS - HOUR_MS;
        let (one, other) = (PlayedTime::start(0, START_MS), PlayedTime::start(0, START_MS + 4_500));
        one.observe(far_back_ms, START_MS);
        other.observe(far_back_ms, START_MS);
        let mut room_ms = START_MS;
        for at_ms in (0..10_000).step_by(200) {
            for (time, wall_ms) in [(&one, START_MS), (&other, START_MS + 4_500)] {
                time.pass(at_ms, wall_ms + at_ms);
                room_ms = room_ms.max(time.of_call().at(far_back_ms + at_ms));
                time.observe(far_back_ms + at_ms, room_ms);
            }
        }
        // The slack, and the time between two looks.
        assert!(one.now_ms().abs_diff(other.now_ms()) <= SLACK_MS + 200, "{} {}", one.now_ms(), other.now_ms());
        // Nobody's slack leads anybody further.
        assert!(other.now_ms() <= START_MS + 4_500 + 10_000, "{}", other.now_ms());
    }

    #[test]
    fn a_server_that_is_off_from_the_start_is_not_believed_unless_the_room_is_there() {
        let room = room();
        assert_eq!(room.of_call(), CallTime::ROOMS, "it looks before it moves a room");
        assert!(matches!(room.of_schedule(), CallTime::NoLaterThan(ms) if is_about(ms, START_MS + JUMP_MS)));
        room.observe(START_MS + HOUR_MS, START_MS + 100);
        assert!(is_about(bound_ms(&room), START_MS + SLACK_MS) && room.jump_ms().is_some());
        assert!(is_about(room.edge.now_ms(), START_MS) && room.edge.skew_ms().abs() < 2_000);
        // Others go by that server.
        room.observe(START_MS + HOUR_MS, START_MS + HOUR_MS - 100);
        assert!(is_about(bound_ms(&room), START_MS + HOUR_MS + SLACK_MS));
        let skew_ms = room.edge.skew_ms();
        assert!(is_about(skew_ms.unsigned_abs(), HOUR_MS) && skew_ms < 0, "{skew_ms}");
    }

    #[test]
    fn what_one_edge_accepts_the_others_follow() {
        let (one, other) = (room(), room());
        for room in [&one, &other] {
            room.observe(START_MS, START_MS);
            room.observe(START_MS + HOUR_MS, START_MS);
        }
        one.accept();
        assert_eq!(one.of_call(), CallTime::Server);
        one.observe(START_MS + HOUR_MS, START_MS + HOUR_MS);
        other.observe(START_MS + HOUR_MS, START_MS + HOUR_MS);
        for room in [one, other] {
            assert!(is_about(bound_ms(&room), START_MS + HOUR_MS + SLACK_MS) && room.jump_ms().is_none());
        }
    }
}
