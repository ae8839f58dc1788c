//! What a booking core measures of itself. The metrics' documentation is their help text.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use crate::stock::Stock;
use fairgate_telemetry::metrics;

const SECONDS: [f64; 13] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const BATCH: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// Reservations that shared one transaction.
        booking_batch_reservations: Histogram {BATCH},
        /// Time from the start of a batch to its commit.
        booking_batch_duration_seconds: Histogram {SECONDS},
        /// Time that a reservation waited for its batch.
        booking_queue_wait_seconds: Histogram {SECONDS},
        /// Batches that failed with the database and were tried again.
        booking_batch_failures_total: IntCounter,
        /// Events that can be sold.
        booking_events: IntGauge,
        /// Events whose seats are in memory, because somebody asked about them lately or seats are held.
        booking_open_desks: IntGauge,
        /// Reservations that wait, by event, of those in memory.
        booking_queued_reservations: IntGaugeVec["event"],
        /// Seats by event, section and state (free, held, sold), of the events in memory.
        booking_seats: IntGaugeVec["event", "section", "state"],
        /// Holds that ended unpaid and were tidied up.
        booking_expired_total: IntCounter,
        /// Rows that had served and grown old and were removed, by table.
        booking_pruned_rows_total: IntCounterVec["table"],
        /// Requests answered, by call and status.
        booking_requests_total: IntCounterVec["call", "status"],
        /// Requests that are being served.
        booking_in_flight_requests: IntGauge,
        /// Time from a request's head to its answer, by call.
        booking_request_duration_seconds: HistogramVec["call"] {SECONDS},
        /// Payments brought to an end, by how they ended.
        booking_payments_total: IntCounterVec["state"],
        /// Questions that the payment provider left open; they are asked again.
        booking_provider_failures_total: IntCounter,
        /// Age of the oldest payment that has not come to its end.
        booking_open_payment_seconds: IntGauge,
        /// Age of the oldest change that some registered sink has not read.
        booking_unpublished_seconds: IntGauge,
        /// Numbers that the change log is ahead of a registered sink.
        booking_sink_lag_rows: IntGaugeVec["sink"],
        /// Age of the oldest change that a registered sink has not read.
        booking_sink_lag_seconds: IntGaugeVec["sink"],
        /// Passes that did not open the core.
        booking_passes_refused_total: IntCounter,
        /// Rounds of the change feed that failed.
        booking_feed_failures_total: IntCounter,
    }
}

/// How far a sink is behind the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Numbers that it has not read.
    pub rows: i64,
    /// The age of the oldest of these.
    pub seconds: i64,
}

/// What a booking core measures of itself.
#[derive(Clone, Debug)]
pub struct BookingMetrics(Metrics);

impl BookingMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Metrics::new(registry).map(Self)
    }

    /// A batch was committed.
    pub fn observe_batch(&self, reservations: usize, took: Duration) {
        self.0.booking_batch_reservations.observe(reservations as f64);
        self.0.booking_batch_duration_seconds.observe(took.as_secs_f64());
    }

    /// A batch failed with the database.
    pub fn count_failed_batch(&self) {
        self.0.booking_batch_failures_total.inc();
    }

    /// A reservation left the queue.
    pub fn observe_queue_wait(&self, waited: Duration) {
        self.0.booking_queue_wait_seconds.observe(waited.as_secs_f64());
    }

    /// How many reservations of an event wait.
    pub fn set_queued(&self, event: &str, reservations: usize) {
        self.0.booking_queued_reservations.with_label_values(&[event]).set(reservations as i64);
    }

    /// How the seats of a section stand.
    pub fn set_stock(&self, event: &str, section: &str, stock: Stock) {
        for (state, seats) in [("free", stock.free), ("held", stock.held), ("sold", stock.sold)] {
            self.0.booking_seats.with_label_values(&[event, section, state]).set(seats.into());
        }
    }

    /// How many events there are, and how many have their seats in memory.
    pub fn set_events(&self, events: usize, desks: usize) {
        self.0.booking_events.set(i64::try_from(events).unwrap_or(i64::MAX));
        self.0.booking_open_desks.set(i64::try_from(desks).unwrap_or(i64::MAX));
    }

    /// An event's seats are not in memory any more.
    pub fn forget_event<'s>(&self, event: &str, sections: impl Iterator<Item = &'s str>) {
        // What was never shown cannot be taken back, and need not be.
        let _ = self.0.booking_queued_reservations.remove_label_values(&[event]);
        for section in sections {
            for state in ["free", "held", "sold"] {
                let _ = self.0.booking_seats.remove_label_values(&[event, section, state]);
            }
        }
    }

    /// Holds were tidied up.
    pub fn count_expired(&self, holds: u64) {
        self.0.booking_expired_total.inc_by(holds);
    }

    /// Old rows were removed.
    pub fn count_pruned(&self, table: &str, rows: u64) {
        self.0.booking_pruned_rows_total.with_label_values(&[table]).inc_by(rows);
    }

    /// A request is being served, until what is returned is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        self.0.booking_in_flight_requests.inc();
        InFlight(self.0.booking_in_flight_requests.clone())
    }

    /// A request was answered.
    pub fn observe_request(&self, call: &str, status: http::StatusCode, took: Duration) {
        self.0.booking_requests_total.with_label_values(&[call, status.as_str()]).inc();
        self.0.booking_request_duration_seconds.with_label_values(&[call]).observe(took.as_secs_f64());
    }

    /// The metrics of one call, for calls that are made often.
    #[must_use]
    pub fn of_call(&self, call: &'static str) -> CallMetrics {
        use http::StatusCode as Status;
        let answered =
            |status: Status| (status, self.0.booking_requests_total.with_label_values(&[call, status.as_str()]));
        CallMetrics {
            all: self.clone(),
            call,
            duration: self.0.booking_request_duration_seconds.with_label_values(&[call]),
            usual: [answered(Status::OK), answered(Status::NOT_MODIFIED), answered(Status::CONFLICT)],
        }
    }

    /// A payment ended.
    pub fn count_payment(&self, state: &str) {
        self.0.booking_payments_total.with_label_values(&[state]).inc();
    }

    /// The provider did not say what became of a charge.
    pub fn count_failed_provider(&self) {
        self.0.booking_provider_failures_total.inc();
    }

    /// How old the oldest open payment is, in seconds.
    pub fn set_open_payment(&self, age_s: i64) {
        self.0.booking_open_payment_seconds.set(age_s);
    }

    /// How far the sinks are behind.
    pub fn set_sinks(&self, sinks: &BTreeMap<String, Lag>) {
        for (sink, lag) in sinks {
            self.0.booking_sink_lag_rows.with_label_values(&[sink]).set(lag.rows);
            self.0.booking_sink_lag_seconds.with_label_values(&[sink]).set(lag.seconds);
        }
        self.0.booking_unpublished_seconds.set(sinks.values().map(|lag| lag.seconds).max().unwrap_or(0));
    }

    /// A sink is registered no more.
    pub fn forget_sink(&self, sink: &str) {
        // What was never shown cannot be taken back, and need not be.
        let _ = self.0.booking_sink_lag_rows.remove_label_values(&[sink]);
        let _ = self.0.booking_sink_lag_seconds.remove_label_values(&[sink]);
    }

    /// A pass was refused.
    pub fn count_refused_pass(&self) {
        self.0.booking_passes_refused_total.inc();
    }

    /// A round of the feed failed.
    pub fn count_failed_feed(&self) {
        self.0.booking_feed_failures_total.inc();
    }
}

/// The metrics of one call, looked up once.
#[derive(Debug)]
pub struct CallMetrics {
    all: BookingMetrics,
    call: &'static str,
    duration: Histogram,
    usual: [(http::StatusCode, IntCounter); 3],
}

impl CallMetrics {
    /// A request was answered.
    pub fn observe(&self, status: http::StatusCode, took: Duration) {
        match self.usual.iter().find(|(usual, _)| *usual == status) {
            Some((_, answered)) => {
                answered.inc();
                self.duration.observe(took.as_secs_f64());
            }
            None => self.all.observe_request(self.call, status, took),
        }
    }
}

/// A request that is being served.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl InFlight {
    /// How many are being served at this moment.
    #[must_use]
    pub fn requests(&self) -> i64 {
        self.0.get()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
