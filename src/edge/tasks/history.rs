//! Writes each second down what the numbers of all rooms are.
//!
//! Guarantee: no request, no heartbeat and no readiness waits for it. A second that cannot be written is a gap.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::sync::Mutex;

use crate::edge::context::Edge;
use crate::edge::room::handle::LiveRoom;
use crate::edge::upstream::handle::Upstream;
use fairgate_core::overload::Interval;
use fairgate_core::room::{Limit, Phase, View};
use fairgate_store::history::{Histories, Sample, Series};
use fairgate_telemetry::supervise::Supervisor;

const NAME: &str = "history";
const SECOND_MS: u64 = 1_000;

/// Keeps the history of an edge's rooms.
pub(crate) struct HistoryWriter {
    edge: Arc<Edge>,
    supervisor: Supervisor,
    /// Requests and refusals that are written already.
    written: Mutex<(u64, u64)>,
    fails: AtomicBool,
}

impl HistoryWriter {
    pub(crate) fn new(edge: &Arc<Edge>, supervisor: &Supervisor) -> Self {
        let (edge, supervisor) = (Arc::clone(edge), supervisor.clone());
        Self { edge, supervisor, written: Mutex::default(), fails: AtomicBool::new(false) }
    }

    async fn run(&self) {
        loop {
            let into_second_ms = self.edge.now_ms() % SECOND_MS;
            tokio::time::sleep(Duration::from_millis(SECOND_MS - into_second_ms)).await;
            self.run_once().await;
        }
    }

    /// Writes one sample of each room.
    pub(crate) async fn run_once(&self) {
        let samples = self.samples().await;
        let histories = Arc::clone(&self.edge.history);
        let written = tokio::task::spawn_blocking(move || write(&histories, &samples)).await;
        self.tell(written.map_err(io::Error::other).flatten());
    }

    async fn samples(&self) -> Vec<(String, Sample)> {
        let at_s = u32::try_from(self.edge.now_ms() / SECOND_MS).unwrap_or(u32::MAX);
        let mut written = self.written.lock().await;
        let now = self.edge.metrics.totals();
        let (requests, shed) = (now.0.saturating_sub(written.0), now.1.saturating_sub(written.1));
        *written = now;
        let mut shops: Vec<(&Arc<Upstream>, Interval)> = Vec::new();
        let served = self.edge.served();
        let mut samples = Vec::with_capacity(served.rooms.len());
        for room in &served.rooms {
            // Rooms of one shop share what was measured of it.
            let known = shops.iter().position(|(shop, _)| Arc::ptr_eq(shop, &room.upstream));
            let place = known.unwrap_or_else(|| {
                shops.push((&room.upstream, room.upstream.take_unwritten()));
                shops.len() - 1
            });
            let Some(mut sample) = sample(room, at_s, &shops[place].1) else { continue };
            sample.set(Series::Requests, requests);
            sample.set(Series::Shed, shed);
            samples.push((room.name().to_owned(), sample));
        }
        samples
    }

    /// Says in the log when it begins to fail, and when it works again.
    fn tell(&self, written: io::Result<()>) {
        let failed = self.fails.swap(written.is_err(), Relaxed);
        match written {
            Err(error) if !failed => {
                tracing::warn!(%error, "the rooms' numbers cannot be written down: charts have a gap")
            }
            Ok(()) if failed => tracing::info!("the rooms' numbers are written down again"),
            _ => {}
        }
    }
}

/// Writes as much as can be written; answers the last failure.
fn write(histories: &Histories, samples: &[(String, Sample)]) -> io::Result<()> {
    let mut written = Ok(());
    for (room, sample) in samples {
        if let Some(Err(error)) = histories.of(room).map(|history| history.note(sample)) {
            written = Err(error);
        }
    }
    written
}

/// A room's numbers, once its store has answered.
fn sample(room: &LiveRoom, at_s: u32, shop: &Interval) -> Option<Sample> {
    let mut sample = of_room(at_s, &room.snapshot()?.view);
    set_shop(&mut sample, shop);
    sample.set(Series::ShopWindow, room.upstream.window().into());
    if let Some(items) = room.stock.load().as_deref() {
        sample.set(Series::Stock, *items);
    }
    Some(sample)
}

/// What the store says of a room.
fn of_room(at_s: u32, view: &View) -> Sample {
    let phase = match view.phase {
        Phase::Idle => 0,
        Phase::Pooling => 1,
        Phase::Drawing => 2,
        Phase::Serving => 3,
        Phase::Ended => 4,
    };
    let limit = view.limit.and_then(|limit| Limit::ALL.iter().position(|known| *known == limit));
    let waiting = match view.phase {
        Phase::Idle | Phase::Pooling | Phase::Drawing => view.pool_size,
        Phase::Serving | Phase::Ended => view.line_size.saturating_sub(view.serving),
    };
    let mut sample = Sample::new(at_s);
    for (series, value) in [
        (Series::Phase, phase),
        (Series::Limit, limit.map_or(0, |place| place as u64 + 1)),
        (Series::Pool, view.pool_size),
        (Series::Line, view.line_size),
        (Series::Serving, view.serving),
        (Series::Waiting, waiting),
        (Series::Called, view.outstanding),
        (Series::Inside, view.active),
        (Series::InsideMax, view.max_active),
        (Series::InsideSet, view.policy.max_active),
        (Series::Rate, view.rate_per_minute.into()),
        (Series::RateSet, view.set_per_minute().into()),
        (Series::Admitted, view.admitted),
        (Series::Expired, view.expired),
        (Series::Left, view.left),
        (Series::Honoured, view.honoured),
        (Series::LetIn, view.let_in),
        (Series::Expected, view.expected),
        (Series::NoShow, view.no_show_permille.into()),
        (Series::Target, view.policy.target_ms),
    ] {
        sample.set(series, value);
    }
    sample
}

/// What was measured of its shop. A time is known where anybody was answered.
fn set_shop(sample: &mut Sample, shop: &Interval) {
    let answers = shop.answers.count();
    sample.set(Series::ShopAnswers, answers);
    sample.set(Series::ShopErrors, shop.errors);
    sample.set(Series::ShopRefused, shop.refused);
    sample.set(Series::ShopInFlight, shop.in_flight);
    if answers > 0 {
        sample.set(Series::ShopP99, shop.answers.quantile_us(990).div_ceil(1_000));
    }
    if shop.waits.count() > 0 {
        sample.set(Series::ShopWait, shop.waits.quantile_us(900) / 1_000);
    }
}

#[async_trait]
impl BackgroundService for HistoryWriter {
    /// Writes until the runtime ends: a drain of minutes is worth seeing.
    async fn start(&self, _shutdown: ShutdownWatch) {
        self.supervisor.keep(NAME, || self.run()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_that_answered_nobody_has_no_times_and_one_that_did_has_its_slowest() {
        let mut shop = Interval { errors: 2, in_flight: 5, ..Interval::default() };
        let mut sample = Sample::new(1);
        set_shop(&mut sample, &shop);
        assert_eq!((sample.get(Series::ShopErrors), sample.get(Series::ShopP99)), (Some(2), None));
        (0..99).for_each(|_| shop.answers.record(10_000));
        shop.answers.record(900_000);
        shop.answers.record(900_000);
        shop.waits.record(70_000);
        set_shop(&mut sample, &shop);
        let told = [Series::ShopAnswers, Series::ShopInFlight].map(|series| sample.get(series));
        assert_eq!(told, [Some(101), Some(5)]);
        assert!(sample.get(Series::ShopP99) >= Some(900) && sample.get(Series::ShopWait) >= Some(70));
    }
}
