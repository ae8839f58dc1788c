//! What an edge measures of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use prometheus::{Histogram, IntCounter, Registry};

use super::entry::EntryMetrics;
use super::metrics;
use super::rooms::RoomMetrics;

/// From a pre-built answer to a shop that is given up on.
const LATENCY_SECONDS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const BATCH_FANS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 100.0, 500.0, 1_000.0, 5_000.0];

metrics! {
    /// The metrics themselves.
    struct Metrics {
        /// Requests answered, by kind and class of status.
        requests_total: IntCounterVec["kind", "status_class"],
        /// Time from a request's head to the end of its answer, by kind.
        request_duration_seconds: HistogramVec["kind"] {LATENCY_SECONDS},
        /// Entries that the store took, by room; retries of the same entry count again.
        joins_total: IntCounterVec["room"],
        /// Joins that shared one call to the store.
        join_batch_fans: Histogram {BATCH_FANS},
        /// Time that one call to the store took, by kind of command.
        store_call_duration_seconds: HistogramVec["command"] {LATENCY_SECONDS},
        /// Calls to the store that failed, by kind of command. A refusal is an answer and no failure.
        store_failures_total: IntCounterVec["command"],
        /// Requests that were turned away to protect something, by reason.
        shed_total: IntCounterVec["reason"],
        /// Rounds of public randomness that relays and others brought, by what became of them.
        draw_beacon_rounds_total: IntCounterVec["room", "result"],
        /// Statements in the draw log, as far as it is on this edge's disk.
        draw_log_size: IntGauge,
        /// Statements about draws that should be in the draw log and are not yet. More than 0 for long: the log is dead.
        draw_log_overdue_statements: IntGauge,
        /// Failures to append to the draw log, or to read it. Draws go on without it.
        draw_log_failures_total: IntCounter,
        /// Checkpoints that were shown to a witness, by what became of them; ahead and forked: it knows another log of this name.
        draw_log_witness_total: IntCounterVec["witness", "outcome"],
        /// When a witness cosigned a checkpoint last, by its own clock, Unix seconds.
        draw_log_cosigned_timestamp_seconds: IntGaugeVec["witness"],
        /// Passes shown, by how they were judged: known already, verified anew, or refused.
        pass_checks_total: IntCounterVec["result"],
        /// Sessions that were seen in several networks at once, by what the room does then: `count`, `prove`, `end`.
        pass_several_total: IntCounterVec["policy"],
        /// Time that a shop took to start answering, by upstream and class of route.
        upstream_response_duration_seconds: HistogramVec["upstream", "class"] {LATENCY_SECONDS},
        /// Time that requests waited before anybody worked on them, here or in the shop, by upstream and class of route.
        upstream_wait_duration_seconds: HistogramVec["upstream", "class"] {LATENCY_SECONDS},
        /// Requests that may be with a shop at once at this moment, by upstream.
        upstream_in_flight_requests_max: IntGaugeVec["upstream"],
        /// 1 while a shop is left alone because it does not answer, by upstream.
        upstream_circuit_open: IntGaugeVec["upstream"],
        /// Things that the shop has left to sell, as it says, by room.
        room_stock_items: IntGaugeVec["room"],
        /// Requests that a shop did not answer, by upstream.
        upstream_failures_total: IntCounterVec["upstream"],
        /// Requests that are with a shop, by upstream.
        upstream_in_flight_requests: IntGaugeVec["upstream"],
        /// Requests that wait for a slot at a shop, by upstream.
        upstream_queued_requests: IntGaugeVec["upstream"],
        /// When a listener's certificate ends, Unix seconds, by its file.
        certificate_ends_timestamp_seconds: IntGaugeVec["certificate"],
        /// Watched files (signing keys, certificates) that have changed and cannot be used: what was read before stays in force.
        unusable_files: IntGauge,
        /// How far this machine's clock is ahead of the rooms' time; less than 0 where it is behind.
        clock_skew_seconds: Gauge,
        /// How far the clock that the rooms should go by has jumped ahead of them, and is not believed; 0 where it is.
        clock_jump_seconds: Gauge,
        /// WebSockets and event streams that are open to a shop, by upstream.
        upstream_open_streams: IntGaugeVec["upstream"],
    }
}

/// The kinds of request that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The waiting page, and the files beside it.
    Page,
    /// A program without a pass, told to come back.
    ComeBack,
    /// `status`.
    Status,
    /// `join`.
    Join,
    /// `claim`.
    Claim,
    /// `leave`.
    Leave,
    /// `renew`.
    Renew,
    /// What is below `entry`.
    Entry,
    /// `draw` and what is below it.
    Draw,
    /// `jwks.json`.
    Jwks,
    /// `ended/{room}.json`.
    Ended,
    /// Forwarded to a shop.
    Proxy,
    /// Refused before anything else: malformed, or for nobody.
    Refused,
}

/// The classes of routes to a shop that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteClass {
    /// Those that a share of the shop is kept for: checkout and payment.
    Priority,
    /// All others.
    Other,
}

/// How a pass was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassCheck {
    /// The pass's signature had been checked before.
    Known,
    /// The pass's signature was checked.
    Verified,
    /// The pass does not open the gate.
    Refused,
}

/// What became of a round of public randomness that a relay, or anyone, brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeaconResult {
    /// Its signature is that of the round which the draw waits for.
    Verified,
    /// The relay does not answer.
    Unreachable,
    /// The relay does not have the round, or not yet.
    NotThere,
    /// The answer is no round at all.
    Malformed,
    /// The answer is another round.
    OtherRound,
    /// The beacon's makers did not sign the answer.
    Forged,
    /// The draw went on without it.
    TooLate,
}

/// What became of a checkpoint that was shown to a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessOutcome {
    /// The witness cosigned it.
    Cosigned,
    /// The witness does not answer.
    Unreachable,
    /// The witness does not take it.
    Refused,
    /// The witness answered something that its key has not signed.
    Unsigned,
    /// The witness knows more of the log than there is.
    Ahead,
    /// The witness knows another log of this name.
    Forked,
}

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// Too many joins, claims or renewals wait for the store.
    StoreQueue,
    /// The store cannot be reached.
    StoreUnavailable,
    /// Too many requests wait for the shop.
    UpstreamQueue,
    /// A request waited too long for the shop.
    UpstreamWait,
    /// The shop cannot be reached.
    UpstreamUnavailable,
    /// The client has used up its own quota.
    ClientQuota,
    /// There are as many connections as there may be.
    Connections,
    /// The client's network has as many connections as it may have.
    NetworkConnections,
    /// Bodies take all the memory that there is for them.
    Bodies,
    /// Bodies of the client's network take all the memory that it may have for them.
    NetworkBodies,
    /// There are as many tunnels and event streams as there may be.
    Streams,
    /// The public lists are read as often as may be at once.
    Lists,
    /// Strangers, or those of one network, have as many requests under way as they may have.
    Requests,
}

/// What an edge measures of itself. Cloning shares the metrics.
#[derive(Clone, Debug)]
pub struct EdgeMetrics {
    metrics: Metrics,
    rooms: RoomMetrics,
    entry: EntryMetrics,
    series: Arc<Series>,
}

/// The series that every request adds to, looked up once.
#[derive(Debug)]
struct Series {
    requests: [Requests; RequestKind::ALL.len()],
    pass_checks: [IntCounter; PassCheck::ALL.len()],
    /// All that were turned away, for whatever reason.
    shed: AtomicU64,
}

/// The requests of a kind.
#[derive(Debug)]
struct Requests {
    answered: [IntCounter; STATUS_CLASSES.len()],
    took: Histogram,
}

impl Series {
    fn of(metrics: &Metrics) -> Self {
        let requests = RequestKind::ALL.map(|kind| Requests {
            answered: STATUS_CLASSES.map(|class| metrics.requests_total.with_label_values(&[kind.label(), class])),
            took: metrics.request_duration_seconds.with_label_values(&[kind.label()]),
        });
        let pass_checks = PassCheck::ALL.map(|check| metrics.pass_checks_total.with_label_values(&[check.label()]));
        Self { requests, pass_checks, shed: AtomicU64::new(0) }
    }
}

impl EdgeMetrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let (metrics, rooms) = (Metrics::new(registry)?, RoomMetrics::new(registry)?);
        let entry = EntryMetrics::new(registry)?;
        let series = Arc::new(Series::of(&metrics));
        Ok(Self { metrics, rooms, entry, series })
    }

    /// How the rooms stand.
    #[must_use]
    pub fn rooms(&self) -> &RoomMetrics {
        &self.rooms
    }

    /// How fans show who they are.
    #[must_use]
    pub fn entry(&self) -> &EntryMetrics {
        &self.entry
    }

    /// A request was answered.
    pub fn observe_request(&self, kind: RequestKind, status: StatusCode, took: Duration) {
        let requests = &self.series.requests[kind as usize];
        requests.answered[class(status)].inc();
        requests.took.observe(took.as_secs_f64());
    }

    /// One call to the store carried these joins.
    pub fn observe_join_batch(&self, room: &str, fans: usize) {
        self.metrics.join_batch_fans.observe(fans as f64);
        self.metrics.joins_total.with_label_values(&[room]).inc_by(fans as u64);
    }

    /// A call to the store ended.
    pub fn observe_store_call(&self, command: &str, took: Duration, failed: bool) {
        self.metrics.store_call_duration_seconds.with_label_values(&[command]).observe(took.as_secs_f64());
        if failed {
            self.metrics.store_failures_total.with_label_values(&[command]).inc();
        }
    }

    /// A request was turned away.
    pub fn observe_shed(&self, reason: Shed) {
        self.metrics.shed_total.with_label_values(&[reason.label()]).inc();
        self.series.shed.fetch_add(1, Relaxed);
    }

    /// Requests that were answered, and requests that were turned away, since the process began.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let answered = self.series.requests.iter().flat_map(|requests| &requests.answered).map(IntCounter::get);
        (answered.sum(), self.series.shed.load(Relaxed))
    }

    /// A relay, or anyone, brought a round of public randomness.
    pub fn observe_beacon(&self, room: &str, result: BeaconResult) {
        self.metrics.draw_beacon_rounds_total.with_label_values(&[room, result.label()]).inc();
    }

    /// How many statements the draw log has, and how many it should have besides.
    pub fn observe_draw_log(&self, size: u64, overdue: usize) {
        self.metrics.draw_log_size.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.metrics.draw_log_overdue_statements.set(i64::try_from(overdue).unwrap_or(i64::MAX));
    }

    /// The draw log could not be appended to, or read.
    pub fn observe_draw_log_failure(&self) {
        self.metrics.draw_log_failures_total.inc();
    }

    /// A checkpoint of the draw log was shown to a witness.
    pub fn observe_witness(&self, witness: &str, outcome: WitnessOutcome) {
        self.metrics.draw_log_witness_total.with_label_values(&[witness, outcome.label()]).inc();
    }

    /// A witness has cosigned the draw log at this time, Unix seconds.
    pub fn observe_cosigned(&self, witness: &str, at_s: u64) {
        let at_s = i64::try_from(at_s).unwrap_or(i64::MAX);
        self.metrics.draw_log_cosigned_timestamp_seconds.with_label_values(&[witness]).set(at_s);
    }

    /// A pass was shown.
    pub fn observe_pass_check(&self, check: PassCheck) {
        self.series.pass_checks[check as usize].inc();
    }

    /// A session was seen in several networks at once.
    pub fn observe_several(&self, policy: &str) {
        self.metrics.pass_several_total.with_label_values(&[policy]).inc();
    }

    /// A shop began to answer: how long it took, and how long the request had waited before.
    pub fn observe_upstream_response(&self, upstream: &str, class: RouteClass, took: Duration, waited: Duration) {
        let labels = &[upstream, class.label()];
        self.metrics.upstream_response_duration_seconds.with_label_values(labels).observe(took.as_secs_f64());
        self.metrics.upstream_wait_duration_seconds.with_label_values(labels).observe(waited.as_secs_f64());
    }

    /// How many requests may be with a shop, and whether it is left alone.
    pub fn observe_upstream_bounds(&self, upstream: &str, in_flight_max: u64, is_dead: bool) {
        let in_flight_max = i64::try_from(in_flight_max).unwrap_or(i64::MAX);
        self.metrics.upstream_in_flight_requests_max.with_label_values(&[upstream]).set(in_flight_max);
        self.metrics.upstream_circuit_open.with_label_values(&[upstream]).set(is_dead.into());
    }

    /// A listener's certificate ends then, Unix seconds.
    pub fn observe_certificate(&self, file: &str, ends_at_s: i64) {
        self.metrics.certificate_ends_timestamp_seconds.with_label_values(&[file]).set(ends_at_s);
    }

    /// So many watched files cannot be used.
    pub fn observe_unusable_files(&self, files: usize) {
        self.metrics.unusable_files.set(i64::try_from(files).unwrap_or(i64::MAX));
    }

    /// How far two clocks are ahead of the rooms' time. One is this machine's. The other is the clock that the rooms
    /// should go by, where that one is not believed.
    pub fn observe_time(&self, skew_ms: i64, jump_ms: i64) {
        self.metrics.clock_skew_seconds.set(skew_ms as f64 / 1_000.0);
        self.metrics.clock_jump_seconds.set(jump_ms as f64 / 1_000.0);
    }

    /// The shop said how much it has left.
    pub fn observe_stock(&self, room: &str, items: u64) {
        self.metrics.room_stock_items.with_label_values(&[room]).set(i64::try_from(items).unwrap_or(i64::MAX));
    }

    /// A shop did not answer.
    pub fn observe_upstream_failure(&self, upstream: &str) {
        self.metrics.upstream_failures_total.with_label_values(&[upstream]).inc();
    }

    /// How many WebSockets and event streams a shop has.
    pub fn observe_upstream_streams(&self, upstream: &str, open: u32) {
        self.metrics.upstream_open_streams.with_label_values(&[upstream]).set(open.into());
    }

    /// How busy a shop is.
    pub fn observe_upstream_load(&self, upstream: &str, in_flight: usize, queued: usize) {
        self.metrics.upstream_in_flight_requests.with_label_values(&[upstream]).set(in_flight as i64);
        self.metrics.upstream_queued_requests.with_label_values(&[upstream]).set(queued as i64);
    }
}

impl WitnessOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Cosigned => "cosigned",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Unsigned => "unsigned",
            Self::Ahead => "ahead",
            Self::Forked => "forked",
        }
    }
}

impl RequestKind {
    const ALL: [Self; 13] = [
        Self::Page,
        Self::ComeBack,
        Self::Status,
        Self::Join,
        Self::Claim,
        Self::Leave,
        Self::Renew,
        Self::Entry,
        Self::Draw,
        Self::Jwks,
        Self::Ended,
        Self::Proxy,
        Self::Refused,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::ComeBack => "come_back",
            Self::Status => "status",
            Self::Join => "join",
            Self::Claim => "claim",
            Self::Leave => "leave",
            Self::Renew => "renew",
            Self::Entry => "entry",
            Self::Draw => "draw",
            Self::Jwks => "jwks",
            Self::Ended => "ended",
            Self::Proxy => "proxy",
            Self::Refused => "refused",
        }
    }
}

impl BeaconResult {
    fn label(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unreachable => "unreachable",
            Self::NotThere => "not_there",
            Self::Malformed => "malformed",
            Self::OtherRound => "other_round",
            Self::Forged => "forged",
            Self::TooLate => "too_late",
        }
    }
}

impl RouteClass {
    fn label(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Other => "other",
        }
    }
}

impl PassCheck {
    const ALL: [Self; 3] = [Self::Known, Self::Verified, Self::Refused];

    fn label(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Verified => "verified",
            Self::Refused => "refused",
        }
    }
}

impl Shed {
    fn label(self) -> &'static str {
        match self {
            Self::StoreQueue => "store_queue",
            Self::StoreUnavailable => "store_unavailable",
            Self::UpstreamQueue => "upstream_queue",
            Self::UpstreamWait => "upstream_wait",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::ClientQuota => "client_quota",
            Self::Connections => "connections",
            Self::NetworkConnections => "network_connections",
            Self::Bodies => "bodies",
            Self::NetworkBodies => "network_bodies",
            Self::Streams => "streams",
            Self::Lists => "lists",
            Self::Requests => "requests",
        }
    }
}

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Which of the [`STATUS_CLASSES`] it is.
fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_kinds_and_refusals_of_all_reasons_are_counted_together() {
        let metrics = EdgeMetrics::new(&Registry::new()).unwrap();
        metrics.observe_request(RequestKind::Page, StatusCode::OK, Duration::ZERO);
        metrics.observe_request(RequestKind::Proxy, StatusCode::BAD_GATEWAY, Duration::ZERO);
        metrics.observe_shed(Shed::Lists);
        assert_eq!(metrics.totals(), (2, 1));
    }

    #[test]
    fn series_stand_where_their_kind_says() {
        assert!(RequestKind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(PassCheck::ALL.iter().enumerate().all(|(at, check)| *check as usize == at));
        assert_eq!([100, 204, 304, 429, 503].map(|code| class(StatusCode::from_u16(code).unwrap())), [0, 1, 2, 3, 4]);
    }
}
