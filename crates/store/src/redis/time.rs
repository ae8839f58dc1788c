//! How far Redis's clock is believed.
//!
//! Guarantees: a call lets a room's time go no further than this edge's monotonic clock bears out since it first believed
//! Redis, so a server whose clock is set, or that is replaced by one with another clock, moves no room; a server is believed
//! at first only if this machine's clock or the room itself says about the same. Each edge bears this in mind for itself:
//! whoever lets time pass most cautiously holds nobody up, since the others' calls move the room as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwapOption;

use fairgate_telemetry::clock::{Clock, JUMP_MS, Steady, SteadyClock, difference_ms};

/// A call is on its way for a moment, and so was what the server's clock was learned from.
const SLACK_MS: u64 = 500;

/// The time as a call states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallTime {
    /// This, whatever the server says.
    Exactly(u64),
    /// The server's, but no later than this.
    NoLaterThan(u64),
    /// The server's.
    Server,
}

impl CallTime {
    /// As `lua/room.lua` reads it.
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
}

impl RoomTime {
    pub(super) fn new(edge: &Arc<EdgeTime>) -> Self {
        let server = Arc::new(Steady::new("Redis's clock"));
        Self { edge: Arc::clone(edge), server, is_accepted: AtomicBool::new(false) }
    }

    /// How far the next call may let time go.
    pub(super) fn of_call(&self) -> CallTime {
        if self.is_accepted.load(Relaxed) {
            return CallTime::Server;
        }
        CallTime::NoLaterThan(match self.server.now_ms() {
            Some(now_ms) => now_ms + SLACK_MS,
            None => self.edge.own.now_ms() + JUMP_MS,
        })
    }

    /// Takes in what a look showed: the server's clock, and the room's time.
    pub(super) fn observe(&self, server_ms: u64, room_ms: u64) {
        let is_near = |ms: u64| difference_ms(ms, server_ms).unsigned_abs() <= JUMP_MS;
        let is_new = self.server.now_ms().is_none();
        // The room is there already: somebody else has accepted the server's clock.
        let is_led = self.server.now_ms().is_some_and(|now_ms| room_ms > now_ms + JUMP_MS) && is_near(room_ms);
        if self.is_accepted.swap(false, Relaxed) || is_led {
            self.server.accept();
        } else if is_new && !is_near(room_ms) && !is_near(self.edge.own.now_ms()) {
            return;
        }
        self.server.observe(server_ms);
        if self.server.jump_ms().is_none() {
            self.edge.servers.store(Some(Arc::clone(&self.server)));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const START_MS: u64 = 1_790_000_000_000;
    const HOUR_MS: u64 = 3_600_000;

    struct Wall(AtomicU64);

    impl Clock for Wall {
        fn now_ms(&self) -> u64 {
            self.0.load(Relaxed)
        }
    }

    fn room() -> RoomTime {
        let own = SteadyClock::over(Arc::new(Wall(AtomicU64::new(START_MS))));
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
    fn a_server_that_is_off_from_the_start_is_not_believed_unless_the_room_is_there() {
        let room = room();
        room.observe(START_MS + HOUR_MS, START_MS + 100);
        assert!(is_about(bound_ms(&room), START_MS + JUMP_MS));
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
