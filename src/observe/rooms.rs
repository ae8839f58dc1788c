//! How the rooms stand, for Prometheus.

use prometheus::{IntCounterVec, Registry};

use super::metrics;
use fairgate_core::room::{Limit, Phase, View};

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// 1 for the phase in which the room is, 0 for the others.
        room_phase: IntGaugeVec["room", "phase"],
        /// 1 while admission is paused.
        room_paused: IntGaugeVec["room"],
        /// 1 while the room is marked as sold out.
        room_sold_out: IntGaugeVec["room"],
        /// 1 while the store cannot be reached and what is shown is old.
        room_stale: IntGaugeVec["room"],
        /// Entries in the roster of the draw.
        room_pool_fans: IntGaugeVec["room"],
        /// Places given so far.
        room_line_places: IntGaugeVec["room"],
        /// Places below this number have been called.
        room_serving_places: IntGaugeVec["room"],
        /// Fans in the line who have not been called.
        room_waiting_fans: IntGaugeVec["room"],
        /// Called, within the grace, and not yet in.
        room_outstanding_places: IntGaugeVec["room"],
        /// Sessions inside.
        room_active_sessions: IntGaugeVec["room"],
        /// Sessions that may be inside at once at this moment.
        room_active_sessions_max: IntGaugeVec["room"],
        /// The limit on sessions inside at once, as people set it.
        room_active_sessions_set: IntGaugeVec["room"],
        /// Fans let in per minute at most at this moment; 0 while a brake holds them.
        room_rate_per_minute: IntGaugeVec["room"],
        /// Fans let in per minute at most, as people set it.
        room_rate_set_per_minute: IntGaugeVec["room"],
        /// 1 for what limits admission, 0 for everything else.
        room_limit: IntGaugeVec["room", "limit"],
        /// Called fans who are expected to come.
        room_expected_fans: IntGaugeVec["room"],
        /// Share of recently called places that nobody came for.
        room_no_show_ratio: GaugeVec["room"],
        /// The 99th percentile of the shop's response time to aim for, as people set it.
        room_target_seconds: GaugeVec["room"],
        /// Fans that may be let in at once beyond the rate.
        room_burst_fans: IntGaugeVec["room"],
        /// Fans let in.
        room_admitted_total: IntCounterVec["room"],
        /// Called places that were not claimed in time.
        room_expired_total: IntCounterVec["room"],
        /// Places given up by their fans.
        room_left_total: IntCounterVec["room"],
        /// Late comers who were let come all the same.
        room_honoured_total: IntCounterVec["room"],
        /// Fans called beyond the rate because people said so.
        room_let_in_total: IntCounterVec["room"],
        /// When the pool of a room's next sale opens, Unix seconds; 0 where there is no next one.
        room_next_sale_opens_timestamp_seconds: IntGaugeVec["room"],
        /// Tickets that proved that the store had lost numbers which were given.
        room_losses_proved_total: IntCounterVec["room"],
    }
}

/// How the rooms stand. Cloning shares the metrics.
#[derive(Clone, Debug)]
pub struct RoomMetrics {
    metrics: Metrics,
}

const PHASES: [(Phase, &str); 5] = [
    (Phase::Idle, "idle"),
    (Phase::Pooling, "pooling"),
    (Phase::Drawing, "drawing"),
    (Phase::Serving, "serving"),
    (Phase::Ended, "ended"),
];

impl RoomMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self { metrics: Metrics::new(registry)? })
    }

    /// The store said how a room stands.
    pub fn observe_room(&self, room: &str, view: &View) {
        let m = &self.metrics;
        for (phase, name) in PHASES {
            m.room_phase.with_label_values(&[room, name]).set((view.phase == phase).into());
        }
        let gauges = [
            (&m.room_paused, u64::from(view.paused)),
            (&m.room_sold_out, u64::from(view.is_sold_out())),
            (&m.room_stale, 0),
            (&m.room_pool_fans, view.pool_size),
            (&m.room_line_places, view.line_size),
            (&m.room_serving_places, view.serving),
            (&m.room_waiting_fans, view.line_size.saturating_sub(view.serving)),
            (&m.room_outstanding_places, view.outstanding),
            (&m.room_active_sessions, view.active),
            (&m.room_active_sessions_max, view.max_active),
            (&m.room_active_sessions_set, view.policy.max_active),
            (&m.room_rate_per_minute, view.rate_per_minute.into()),
            (&m.room_rate_set_per_minute, view.policy.rate_per_minute.into()),
            (&m.room_expected_fans, view.expected),
            (&m.room_burst_fans, view.policy.burst.into()),
        ];
        for (gauge, value) in gauges {
            gauge.with_label_values(&[room]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        raise(&m.room_admitted_total, room, view.admitted);
        raise(&m.room_expired_total, room, view.expired);
        raise(&m.room_left_total, room, view.left);
        raise(&m.room_honoured_total, room, view.honoured);
        raise(&m.room_let_in_total, room, view.let_in);
        // Shown from the beginning, so that the first one is a change.
        m.room_losses_proved_total.with_label_values(&[room]).inc_by(0);
        m.room_no_show_ratio.with_label_values(&[room]).set(f64::from(view.no_show_permille) / 1_000.0);
        m.room_target_seconds.with_label_values(&[room]).set(view.policy.target_ms as f64 / 1_000.0);
        for limit in Limit::ALL {
            m.room_limit.with_label_values(&[room, limit.label()]).set((view.limit == Some(limit)).into());
        }
    }

    /// When the pool of the next sale opens, Unix ms, where there is one.
    pub fn observe_next_sale(&self, room: &str, opens_at_ms: Option<u64>) {
        let opens_at_s = i64::try_from(opens_at_ms.unwrap_or(0) / 1_000).unwrap_or(i64::MAX);
        self.metrics.room_next_sale_opens_timestamp_seconds.with_label_values(&[room]).set(opens_at_s);
    }

    /// A room is not served any more: a value that nobody brings up to date would be taken for true.
    pub fn forget(&self, room: &str) {
        let m = &self.metrics;
        let gauges = [
            &m.room_paused,
            &m.room_sold_out,
            &m.room_stale,
            &m.room_pool_fans,
            &m.room_line_places,
            &m.room_serving_places,
            &m.room_waiting_fans,
            &m.room_outstanding_places,
            &m.room_active_sessions,
            &m.room_active_sessions_max,
            &m.room_active_sessions_set,
            &m.room_rate_per_minute,
            &m.room_rate_set_per_minute,
            &m.room_expected_fans,
            &m.room_burst_fans,
            &m.room_next_sale_opens_timestamp_seconds,
        ];
        let counters = [
            &m.room_admitted_total,
            &m.room_expired_total,
            &m.room_left_total,
            &m.room_honoured_total,
            &m.room_let_in_total,
            &m.room_losses_proved_total,
        ];
        // One that was never shown is not there to be taken away.
        gauges.iter().for_each(|gauge| drop(gauge.remove_label_values(&[room])));
        counters.iter().for_each(|counter| drop(counter.remove_label_values(&[room])));
        [&m.room_no_show_ratio, &m.room_target_seconds]
            .iter()
            .for_each(|gauge| drop(gauge.remove_label_values(&[room])));
        PHASES.iter().for_each(|(_, phase)| drop(m.room_phase.remove_label_values(&[room, phase])));
        Limit::ALL.iter().for_each(|limit| drop(m.room_limit.remove_label_values(&[room, limit.label()])));
    }

    /// A ticket proved that the store has lost numbers.
    pub fn observe_loss_proved(&self, room: &str) {
        self.metrics.room_losses_proved_total.with_label_values(&[room]).inc();
    }

    /// The store cannot be reached: what the other metrics show is old.
    pub fn observe_stale(&self, room: &str) {
        self.metrics.room_stale.with_label_values(&[room]).set(1);
    }
}

/// The room counts by itself; a counter follows. A new draw starts from zero, as a restarted process does.
fn raise(counter: &IntCounterVec, room: &str, to: u64) {
    let counter = counter.with_label_values(&[room]);
    if counter.get() > to {
        counter.reset();
    }
    counter.inc_by(to - counter.get());
}
