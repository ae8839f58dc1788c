//! How fast the leak runs at the moment of a view, and what holds it back. Both are worked out from the rest of the
//! view, so they are the same whichever store the room is kept in.

use super::pace::Pace;
use super::{Limit, Mode, Phase, View};

impl View {
    /// The view with its rate, its limit of sessions and its limit filled in.
    #[must_use]
    pub fn paced(self) -> Self {
        let pace = Pace { ramp: self.ramp, steering: self.steering };
        let rate_per_minute = pace.per_minute(&self.policy, self.now_ms);
        let max_active = pace.max_active(&self.policy, self.now_ms);
        let view = Self { rate_per_minute, max_active, ..self };
        Self { limit: view.held_back_by(&pace), ..view }
    }

    /// People admitted a minute at most, as people set it, at this moment of a ramp.
    #[must_use]
    pub fn set_per_minute(&self) -> u32 {
        Pace { ramp: self.ramp, steering: None }.set_per_minute(&self.policy, self.now_ms)
    }

    /// What people decided, that nobody waits, or else rate or room.
    fn held_back_by(&self, pace: &Pace) -> Option<Limit> {
        Some(match self.phase {
            Phase::Serving if self.paused => Limit::Paused,
            Phase::Serving if self.is_sold_out() => Limit::SoldOut,
            Phase::Serving if self.draining => Limit::Draining,
            Phase::Serving if self.serving == self.line_size => Limit::Demand,
            Phase::Serving => match pace.steering(&self.policy, self.now_ms) {
                None if self.policy.mode == Mode::Adaptive => Limit::Silence,
                Some(steering) if steering.limit != Limit::Rate => steering.limit,
                _ if self.expected >= self.max_active.saturating_sub(self.active) => Limit::MaxActive,
                _ => Limit::Rate,
            },
            Phase::Idle | Phase::Pooling | Phase::Drawing | Phase::Ended => return None,
        })
    }
}
