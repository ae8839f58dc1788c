//! The concurrency limit of a shop: how many requests may be with it at once (its slots), and the short queue for them.
//!
//! Guarantees: never more requests are in than the window allows; a window that shrinks is kept to as those inside
//! leave. A tenth is kept for the priority paths of those inside, who also go first. Requests without a pass (exempt
//! and open pages, [`Part::Open`]) have a share of the window and of the queue, and never more. So they cannot take
//! what those inside need. No session and no network has more than a part of its part, and bodies that stream while
//! they hold a slot are fewer still. The queue is bounded in number and time, and a request that finds it full is
//! refused at once. A slot is given back when its guard is dropped, however the request ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fairgate_semaphore::{Limits, Permit, PrioritySemaphore, Refused, Waiting};

use crate::observe::Shed;

/// The part of the window that a request takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// Nobody's in particular: exempt and open pages.
    Open,
    /// Requests with a pass.
    Inside,
    /// Requests with a pass, on priority paths.
    Priority,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotAsk {
    pub(crate) part: Part,
    /// The session, or the network; `None` where it is not counted.
    pub(crate) key: Option<u128>,
    /// True if the request's body streams while it holds the slot.
    pub(crate) is_long: bool,
}

/// How a shop's slots are divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Requests that may wait.
    pub(crate) queue_max: u32,
    /// The share of window and queue for requests without a pass.
    pub(crate) open_percent: u32,
}

/// The slots of one shop.
#[derive(Debug)]
pub(crate) struct Slots(Arc<PrioritySemaphore<Window>>);

/// The right to have one request with the shop.
pub(crate) type Slot = Permit<Window>;

/// The account of one shop's slots.
#[derive(Debug)]
pub(crate) struct Window {
    width: u32,
    shares: Shares,
    queue_wait: Duration,
    taken: Taken,
}

/// What is taken, by what bounds it.
#[derive(Debug, Default)]
struct Taken {
    all: u32,
    open: u32,
    /// Bodies that stream, of those without a pass and of those with one.
    long: [u32; 2],
    by_key: HashMap<(Part, u128), Of>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Of {
    all: u32,
    long: u32,
}

impl Slots {
    pub(crate) fn new(width: u32, shares: Shares, queue_wait: Duration) -> Self {
        Self(PrioritySemaphore::new(Window { width, shares, queue_wait, taken: Taken::default() }))
    }

    /// So many requests from now on, which wait so long.
    pub(crate) fn resize(&self, width: u32, queue_wait: Duration) {
        self.0.change(|window| (window.width, window.queue_wait) = (width, queue_wait));
    }

    /// Takes a slot, now or within the queue's time.
    ///
    /// # Errors
    /// The shop has all it can take.
    pub(crate) async fn take(&self, ask: SlotAsk) -> Result<Slot, Shed> {
        self.0.acquire(ask).await.map_err(|refused| match refused {
            Refused::QueueFull => Shed::UpstreamQueue,
            Refused::TimedOut => Shed::UpstreamWait,
        })
    }

    /// True if a request could have a slot without waiting.
    pub(crate) fn has_room(&self, ask: &SlotAsk) -> bool {
        self.0.has_room(ask)
    }

    /// True if a request would be turned away at once.
    pub(crate) fn is_full(&self, ask: &SlotAsk) -> bool {
        self.0.is_full(ask)
    }

    /// Requests with the shop, and waiting for it.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.0.read(|window| window.taken.all as usize), self.0.waiting())
    }
}

impl Limits for Window {
    type Ask = SlotAsk;
    const PRIORITIES: usize = 3;

    fn priority(ask: &SlotAsk) -> usize {
        match ask.part {
            Part::Priority => 0,
            Part::Inside => 1,
            Part::Open => 2,
        }
    }

    fn has_room(&self, ask: &SlotAsk) -> bool {
        let taken = &self.taken;
        let has_window = taken.all < if ask.part == Part::Priority { self.width } else { self.width_of_others() };
        let has_part = ask.part != Part::Open || taken.open < self.open_max();
        let has_long = !ask.is_long || taken.long[ask.long_of()] < (self.part_max(ask.part) / 4).max(1);
        has_window && has_part && has_long && self.has_own(ask)
    }

    fn enter(&mut self, ask: &SlotAsk) {
        self.taken.add(ask);
    }

    fn leave(&mut self, ask: &SlotAsk) {
        self.taken.remove(ask);
    }

    /// No part of the queue is one client's.
    fn may_wait(&self, ask: &SlotAsk, waiting: &Waiting<'_, Self>) -> bool {
        let most = self.shares.queue_max as usize;
        let of_part = if ask.part == Part::Open {
            (share(self.shares.queue_max, self.shares.open_percent).max(1) as usize).min(most)
        } else {
            most
        };
        let has_place = waiting.all() < most && waiting.alike() < of_part;
        let is_own = |other: &SlotAsk| ask.key.is_some() && other.key == ask.key;
        has_place && waiting.alike_and(is_own) < of_part.div_ceil(2)
    }

    fn patience(&self, _: &SlotAsk) -> Duration {
        self.queue_wait
    }
}

impl Window {
    /// True if the session, or the network, has not used up its own part.
    fn has_own(&self, ask: &SlotAsk) -> bool {
        let Some(key) = ask.key else { return true };
        let of = self.taken.by_key.get(&(ask.part, key)).copied().unwrap_or_default();
        let (most, long_most) = match ask.part {
            Part::Open => ((self.open_max() / 2).max(1), 1),
            // The most that a page asks for at once, of a window that is as wide as it is by itself.
            Part::Inside | Part::Priority => ((self.width / 8).max(2).min(self.width.max(2) - 1), 2),
        };
        of.all < most && (!ask.is_long || of.long < long_most)
    }

    fn width_of_others(&self) -> u32 {
        self.width - self.width / 10
    }

    fn open_max(&self) -> u32 {
        share(self.width, self.shares.open_percent).max(1)
    }

    fn part_max(&self, part: Part) -> u32 {
        if part == Part::Open { self.open_max() } else { self.width }
    }
}

impl SlotAsk {
    fn long_of(&self) -> usize {
        usize::from(self.part != Part::Open)
    }
}

impl Taken {
    fn add(&mut self, ask: &SlotAsk) {
        self.all += 1;
        self.open += u32::from(ask.part == Part::Open);
        self.long[ask.long_of()] += u32::from(ask.is_long);
        if let Some(key) = ask.key {
            let of = self.by_key.entry((ask.part, key)).or_default();
            of.all += 1;
            of.long += u32::from(ask.is_long);
        }
    }

    fn remove(&mut self, ask: &SlotAsk) {
        self.all -= 1;
        self.open -= u32::from(ask.part == Part::Open);
        self.long[ask.long_of()] -= u32::from(ask.is_long);
        let Some(key) = ask.key.map(|key| (ask.part, key)) else { return };
        let Some(of) = self.by_key.get_mut(&key) else { return };
        of.all -= 1;
        of.long -= u32::from(ask.is_long);
        if of.all == 0 {
            self.by_key.remove(&key);
        }
    }
}

fn share(whole: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(whole) * u64::from(percent) / 100).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody inside of whom nobody counts what they have.
    const INSIDE: SlotAsk = SlotAsk { part: Part::Inside, key: None, is_long: false };
    const PRIORITY: SlotAsk = SlotAsk { part: Part::Priority, ..INSIDE };

    fn slots(window: u32, queue_max: u32) -> Slots {
        Slots::new(window, Shares { queue_max, open_percent: 25 }, Duration::from_secs(1))
    }

    fn of(part: Part, key: u128) -> SlotAsk {
        SlotAsk { part, key: Some(key), is_long: false }
    }

    /// Takes as many of these as there are slots for at once.
    fn take_all(slots: &Slots, asks: impl IntoIterator<Item = SlotAsk>) -> Vec<Slot> {
        use futures_util::FutureExt;
        asks.into_iter().filter_map(|ask| slots.take(ask).now_or_never()?.ok()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_bounded_and_come_back() {
        let slots = slots(1, 1);
        let first = slots.take(INSIDE).await.unwrap();
        let (waited, too_many) = tokio::join!(slots.take(INSIDE), slots.take(INSIDE));
        assert_eq!((waited.unwrap_err(), too_many.unwrap_err()), (Shed::UpstreamWait, Shed::UpstreamQueue));
        let (second, ()) = tokio::join!(slots.take(INSIDE), async { drop(first) });
        assert!(second.is_ok());
        assert_eq!(slots.load(), (1, 0));
        drop(second);
        assert_eq!(slots.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_queue_it_is_now_or_not() {
        let slots = slots(1, 0);
        assert!(!slots.is_full(&PRIORITY));
        let _slot = slots.take(PRIORITY).await.unwrap();
        assert!(slots.is_full(&PRIORITY));
        let before = tokio::time::Instant::now();
        assert_eq!(slots.take(PRIORITY).await.unwrap_err(), Shed::UpstreamQueue);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_is_kept_for_priority_paths_and_they_go_first() {
        let slots = slots(10, 8);
        let mut held = take_all(&slots, [INSIDE; 20]);
        assert_eq!(held.len(), 9);
        assert_eq!(slots.take(INSIDE).await.unwrap_err(), Shed::UpstreamWait);
        held.push(slots.take(PRIORITY).await.unwrap());
        let (late, early) = (slots.take(INSIDE), slots.take(PRIORITY));
        let give_back = async { drop(held.pop()) };
        let (late, early, ()) = tokio::join!(late, early, give_back);
        assert!(late.is_err() && early.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_have_their_share_and_one_network_half_of_it() {
        let slots = slots(100, 40);
        let flood = take_all(&slots, (0..500).map(|_| of(Part::Open, 7)));
        let crowd = take_all(&slots, (0..500).map(|key| of(Part::Open, 100 + key)));
        assert_eq!((flood.len(), crowd.len()), (12, 13));
        assert_eq!(slots.load().1, 0, "who gives up does not wait");
        // All of them ask again, and wait: that is their part of the queue, not those inside's.
        let waiting: Vec<_> = (0..500).map(|key| slots.take(of(Part::Open, key))).collect();
        let told = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            (slots.load().1, take_all(&slots, (0..500).map(|key| of(Part::Inside, key))).len())
        };
        let (_, (waiting, inside)) = tokio::join!(futures_util::future::join_all(waiting), told);
        assert_eq!((waiting, inside), (10, 65), "90 for those inside but for priority, less the 25 of strangers");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_has_a_part_of_the_window_and_its_checkout_counts_apart() {
        let slots = slots(512, 128);
        let greedy = take_all(&slots, [of(Part::Inside, 7); 500]);
        let checkout = take_all(&slots, [of(Part::Priority, 7); 500]);
        assert_eq!((greedy.len(), checkout.len()), (64, 64));
        assert_eq!(take_all(&slots, (0..500).map(|key| of(Part::Inside, 1_000 + key))).len(), 461 - 128);
        let narrow = Slots::new(2, Shares { queue_max: 0, open_percent: 25 }, Duration::from_secs(1));
        assert_eq!(take_all(&narrow, [of(Part::Inside, 7); 9]).len(), 1, "one of two is left for somebody else");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_stream_are_few() {
        let slots = slots(512, 0);
        let long = |part, key| SlotAsk { is_long: true, ..of(part, key) };
        let of_one = take_all(&slots, [long(Part::Open, 7); 50]);
        let of_many = take_all(&slots, (0..500).map(|key| long(Part::Open, 100 + key)));
        assert_eq!((of_one.len(), of_many.len()), (1, 31));
        let of_a_session = take_all(&slots, [long(Part::Inside, 7); 50]);
        let inside = take_all(&slots, (0..500).map(|key| long(Part::Inside, 100 + key)));
        assert_eq!((of_a_session.len(), inside.len()), (2, 126));
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_shrinks_is_kept_to_as_requests_end() {
        let slots = slots(20, 4);
        let mut held = take_all(&slots, [INSIDE; 18]);
        assert_eq!(held.len(), 18);
        slots.resize(10, Duration::from_millis(100));
        held.truncate(9);
        assert_eq!(slots.take(INSIDE).await.unwrap_err(), Shed::UpstreamWait);
        let (more, ()) = tokio::join!(slots.take(INSIDE), async { slots.resize(20, Duration::from_secs(1)) });
        assert!(more.is_ok(), "and one that opens lets in who waits");
    }
}
