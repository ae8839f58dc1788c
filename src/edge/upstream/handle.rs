//! One shop behind the gate: its address, its circuit breaker, and the limits of what is with it.
//!
//! Guarantees: no more requests are with a shop than its [`Slots`] allow. A shop that is dead gets probes and nothing
//! else ([`Breaker`]).

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pingora::upstreams::peer::HttpPeer;

use super::measurements::{Measured, ShopAnswer};
use crate::config::UpstreamConfig;
use crate::edge::overload::concurrency::{Shares, Slot, SlotAsk, Slots};
use crate::edge::overload::streams::{StreamLimiter, StreamPermit};
use crate::observe::Shed;
use fairgate_core::overload::{Breaker, Interval};

/// The time for which an unused connection to the shop is kept.
const IDLE: Duration = Duration::from_secs(60);

/// A shop.
pub(crate) struct Upstream {
    config: UpstreamConfig,
    address: SocketAddr,
    slots: Slots,
    long_lived: Arc<StreamLimiter>,
    breaker: Mutex<Breaker>,
    /// The present size of the window of requests in flight.
    window: AtomicU32,
    /// True while the breaker may refuse; saves its lock while all is well.
    is_troubled: AtomicBool,
    measured: Measured,
    unwritten: Mutex<Interval>,
}

/// Why a request does not go to the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The shop has all it can take.
    Full(Shed),
    /// The shop is dead; it makes sense to ask again after so long.
    Dead {
        /// The pause, in ms.
        retry_after_ms: u64,
    },
}

/// Why a shop cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address of upstream {name:?}, {host:?}, cannot be resolved: {reason}; check `address` and the name servers"
)]
pub struct UnresolvedUpstream {
    name: String,
    host: String,
    reason: String,
}

impl Upstream {
    pub(crate) fn resolve(config: &UpstreamConfig) -> Result<Self, UnresolvedUpstream> {
        let unresolved =
            |reason: String| UnresolvedUpstream { name: config.name.clone(), host: config.host.clone(), reason };
        let mut addresses =
            (&*config.host, config.port).to_socket_addrs().map_err(|error| unresolved(error.to_string()))?;
        let address = addresses.next().ok_or_else(|| unresolved("it has no address".to_owned()))?;
        let shares = Shares { queue_max: config.queue_max, open_percent: config.open_percent };
        let slots = Slots::new(config.in_flight_max, shares, Duration::from_millis(config.queue_wait_ms));
        Ok(Self {
            config: config.clone(),
            address,
            slots,
            long_lived: StreamLimiter::new(config.streams_max),
            breaker: Mutex::default(),
            window: AtomicU32::new(config.in_flight_max),
            is_troubled: AtomicBool::new(false),
            measured: Measured::default(),
            unwritten: Mutex::default(),
        })
    }

    /// The name by which rooms refer to it.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// The peer to connect to. `silence_ms` is the time for which the shop may keep silent.
    pub(crate) fn peer(&self, silence_ms: u64) -> HttpPeer {
        let mut peer = HttpPeer::new(self.address, self.config.tls, self.config.host.clone());
        let connect = Duration::from_millis(self.config.connect_timeout_ms);
        peer.options.connection_timeout = Some(connect);
        peer.options.total_connection_timeout = Some(connect);
        peer.options.read_timeout = Some(Duration::from_millis(silence_ms));
        peer.options.write_timeout = Some(Duration::from_millis(self.config.read_timeout_ms));
        peer.options.idle_timeout = Some(IDLE);
        peer
    }

    /// The time for which it may keep silent before an answer, and within one.
    pub(crate) fn silence_ms(&self) -> u64 {
        self.config.read_timeout_ms
    }

    /// The configured bounds: requests in flight, and ms that a request may wait for a slot.
    pub(crate) fn bounds(&self) -> (u32, u64) {
        (self.config.in_flight_max, self.config.queue_wait_ms)
    }

    /// Changes the window of requests in flight, and the ms for which a request may wait for a slot.
    pub(crate) fn resize(&self, window: u32, queue_wait_ms: u64) {
        self.window.store(window, Relaxed);
        self.slots.resize(window, Duration::from_millis(queue_wait_ms));
    }

    /// Takes a slot, now or within the queue's time.
    ///
    /// # Errors
    /// The shop has all it can take, or is dead.
    pub(crate) async fn slot(&self, ask: SlotAsk, now_ms: u64) -> Result<Slot, Closed> {
        self.ask_breaker(|breaker| breaker.look(now_ms))?;
        let slot = self.slots.take(ask).await.map_err(|shed| self.full(shed))?;
        // Only who has a slot can be the probe.
        self.ask_breaker(|breaker| breaker.pass(now_ms))?;
        Ok(slot)
    }

    /// The refusal that a request would get at once instead of a slot, if any; it counts as refused then.
    pub(crate) fn refuses(&self, ask: &SlotAsk, now_ms: u64) -> Option<Closed> {
        let dead = self.ask_breaker(|breaker| breaker.look(now_ms)).err();
        dead.or_else(|| self.slots.is_full(ask).then(|| self.full(Shed::UpstreamQueue)))
    }

    /// True if a request would get a slot at once.
    pub(crate) fn has_room(&self, ask: &SlotAsk) -> bool {
        self.slots.has_room(ask)
    }

    /// A tunnel or event stream, which holds no slot.
    ///
    /// # Errors
    /// As many streams are open as there may be.
    pub(crate) fn stream(&self, ask: SlotAsk) -> Result<StreamPermit, Closed> {
        self.long_lived.begin(ask).ok_or(Closed::Full(Shed::Streams))
    }

    /// Tunnels and event streams that are open.
    pub(crate) fn streams(&self) -> u32 {
        self.long_lived.count()
    }

    /// Asks it where it has anything to say.
    fn ask_breaker(&self, ask: impl FnOnce(&mut Breaker) -> Result<(), u64>) -> Result<(), Closed> {
        if !self.is_troubled.load(Relaxed) {
            return Ok(());
        }
        ask(&mut self.lock()).map_err(|retry_after_ms| Closed::Dead { retry_after_ms })
    }

    fn full(&self, shed: Shed) -> Closed {
        self.measured.refusal();
        Closed::Full(shed)
    }

    /// The shop began to answer.
    pub(crate) fn observe_answer(&self, answer: &ShopAnswer, now_ms: u64) {
        self.measured.answer(answer);
        if self.is_troubled.load(Relaxed) {
            let mut breaker = self.lock();
            let was_open = breaker.is_open();
            breaker.succeed(now_ms);
            self.is_troubled.store(false, Relaxed);
            drop(breaker);
            if was_open {
                tracing::info!(shop = self.name(), "the shop answers again");
            }
        }
    }

    /// The shop could not be reached, or did not answer, with a request that was sent at that time.
    pub(crate) fn observe_failure(&self, sent_at_ms: u64, now_ms: u64) {
        self.measured.failure();
        let mut breaker = self.lock();
        let was_open = breaker.is_open();
        breaker.fail(sent_at_ms, now_ms);
        self.is_troubled.store(true, Relaxed);
        if breaker.is_open() && !was_open {
            tracing::warn!(shop = self.name(), "the shop does not answer: it is left alone but for probes");
        }
    }

    /// True if the shop is left alone, because the breaker is open.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().is_open()
    }

    /// Takes out what was measured since the last time.
    pub(crate) fn take_interval(&self) -> Interval {
        let interval = self.measured.take(self.load().0 as u64);
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.answers.add(&interval.answers);
        unwritten.waits.add(&interval.waits);
        unwritten.errors += interval.errors;
        unwritten.refused += interval.refused;
        unwritten.in_flight = unwritten.in_flight.max(interval.in_flight);
        interval
    }

    /// Takes out what all intervals had together since the history was written last.
    pub(crate) fn take_unwritten(&self) -> Interval {
        std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests that may be with the shop at once at this moment.
    pub(crate) fn window(&self) -> u32 {
        self.window.load(Relaxed)
    }

    /// Requests with the shop, and waiting for it.
    pub(crate) fn load(&self) -> (usize, usize) {
        self.slots.load()
    }

    /// The shop's URL, without a path.
    pub(crate) fn base_url(&self) -> String {
        let scheme = if self.config.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.config.host, self.config.port)
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::overload::concurrency::Part;

    #[tokio::test]
    async fn a_dead_shop_is_left_alone_until_a_probe_succeeds() {
        let shop = Upstream::resolve(&UpstreamConfig {
            name: "shop".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1,
            tls: false,
            connect_timeout_ms: 1_000,
            read_timeout_ms: 1_000,
            in_flight_max: 4,
            queue_max: 1,
            queue_wait_ms: 1_000,
            open_percent: 25,
            streams_max: 1,
        })
        .unwrap();
        let inside = SlotAsk { part: Part::Inside, key: None, is_long: false };
        let first = SlotAsk { part: Part::Priority, ..inside };
        (0..5).for_each(|_| shop.observe_failure(0, 2_000));
        assert_eq!(shop.slot(first, 2_000).await.unwrap_err(), Closed::Dead { retry_after_ms: 1_000 });
        let probe = shop.slot(inside, 3_000).await.unwrap();
        assert!(shop.slot(inside, 3_000).await.is_err());
        let held: Vec<_> = futures_util::future::join_all((0..3).map(|_| shop.slots.take(first))).await;
        let (told, _) = tokio::join!(async { shop.refuses(&first, 3_000) }, shop.slots.take(first));
        assert_eq!(told, Some(Closed::Dead { retry_after_ms: 3_000 }), "that it is dead, not that it is full");
        drop(held);
        let ms = Duration::from_millis;
        let (total, in_shop, waited) = (ms(5), ms(4), probe.waited());
        let answer = ShopAnswer { total, in_shop, waited, shop_queue: Some(ms(2)), is_error: false };
        shop.observe_answer(&answer, 3_500);
        assert!(shop.slot(inside, 3_500).await.is_ok() && !shop.is_dead());
        let interval = shop.take_interval();
        assert_eq!((interval.answers.count(), interval.errors, interval.tells_waits), (1, 5, true));
        assert_eq!(interval.in_flight, 1);
        shop.observe_failure(0, 4_000);
        shop.take_interval();
        let unwritten = shop.take_unwritten();
        assert_eq!((unwritten.answers.count(), unwritten.errors), (1, 6), "all intervals since the last time");
        assert_eq!(shop.take_unwritten(), Interval::default());
    }
}
