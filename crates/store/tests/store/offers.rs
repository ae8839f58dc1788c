//! Offers to move a place: every store answers as the model does, after every step of any history, and ends them in time.

use std::sync::Arc;
use std::time::Duration;

use fairgate_store::embedded::EmbeddedStore;
use fairgate_store::{Guesser, NewOffer, OFFERS_MAX, OfferName, OfferRow, Offers, Store, StoreError, Typed};
use fairgate_telemetry::clock::ManualClock;
use fairgate_testkit::PrivateRedis;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::operations::{ROOM, START_MS};
use crate::redis::{ask, open};

const LONG_MS: u64 = 3_600_000;

/// One step; offers have the number of their place and one of their own.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Look(u8, u8),
    Take(u8, u8, u8),
    End(u8, u8, bool),
    /// Somebody of a network types letters.
    Type(u8, u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (place, offer) = (0..4u8, 0..3u8);
    prop_oneof![
        4 => (place.clone(), offer.clone()).prop_map(|(place, offer)| Step::Put(place, offer)),
        2 => (place.clone(), offer.clone()).prop_map(|(place, offer)| Step::Look(place, offer)),
        4 => (place.clone(), offer.clone(), 0..3u8).prop_map(|(place, offer, by)| Step::Take(place, offer, by)),
        4 => (place.clone(), offer.clone(), 0..2u8).prop_map(|(place, offer, network)| Step::Type(place, offer, network)),
        2 => (place, offer, any::<bool>()).prop_map(|(place, offer, moved)| Step::End(place, offer, moved)),
    ]
}

fn name(place: u8, offer: u8) -> OfferName {
    let mut name = [place; 16];
    name[0] = 100 + offer;
    name
}

fn new(place: u8, offer: u8, good_for_ms: u64) -> NewOffer {
    NewOffer { name: name(place, offer), place: [place; 16], about: format!("v1.{place}.{offer}"), good_for_ms }
}

/// A network may be wrong twice.
fn guesser(network: u8, counted_ms: u64) -> Guesser {
    Guesser { network: [network; 8], wrong_max: 2, counted_ms }
}

/// The same whatever the time is: each store has a clock of its own.
fn timeless(typed: Typed) -> Typed {
    match typed {
        Typed::TooOften { .. } => Typed::TooOften { retry_after_ms: 0 },
        typed => typed,
    }
}

async fn follows(history: &[Step], store: &impl Store) {
    let mut model = Offers::default();
    for step in history {
        match *step {
            Step::Put(place, offer) => {
                let offer = new(place, offer, LONG_MS);
                assert_eq!(store.put_offer(ROOM, offer.clone()).await.unwrap(), model.put(offer, START_MS));
            }
            Step::Look(place, offer) => {
                let name = name(place, offer);
                let found = store.offer(ROOM, &name, None).await.unwrap();
                assert_eq!(found, model.take(&name, None, START_MS), "{step:?}");
            }
            Step::Take(place, offer, by) => {
                let (name, by) = (name(place, offer), Some(format!("key {by}")));
                let found = store.offer(ROOM, &name, by.clone()).await.unwrap();
                assert_eq!(found, model.take(&name, by, START_MS), "{step:?}");
            }
            Step::Type(place, offer, network) => {
                let (name, by) = (name(place, offer), guesser(network, LONG_MS));
                let found = store.typed_offer(ROOM, &name, &by).await.unwrap();
                assert_eq!(timeless(found), timeless(model.typed(&name, &by, START_MS)), "{step:?}");
            }
            Step::End(place, offer, moved) => {
                let (name, kept_ms) = (name(place, offer), moved.then_some(LONG_MS));
                store.end_offer(ROOM, &name, &[place; 16], kept_ms).await.unwrap();
                model.end(&name, &[place; 16], kept_ms, START_MS);
            }
        }
    }
    for (place, offer) in (0..4).flat_map(|place| (0..3).map(move |offer| (place, offer))) {
        let name = name(place, offer);
        assert_eq!(store.offer(ROOM, &name, None).await.unwrap(), model.take(&name, None, START_MS));
        assert_eq!(store.offer("another", &name, None).await.unwrap(), None, "another room's");
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn the_embedded_store_keeps_offers_as_the_model_does() {
    let runtime = Runtime::new().unwrap();
    proptest!(config(), |(history in prop::collection::vec(step(), 1..40))| {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(dir.path(), Arc::new(ManualClock::at(START_MS))).unwrap();
        runtime.block_on(follows(&history, &store));
    });
}

#[test]
fn redis_keeps_offers_as_the_model_does() {
    let redis = PrivateRedis::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = open(&redis, &Arc::new(ManualClock::at(START_MS)));
    proptest!(config(), |(history in prop::collection::vec(step(), 1..40))| {
        runtime.block_on(async {
            ask(&redis, "FLUSHALL").await;
            follows(&history, &store).await;
        });
    });
}

/// An offer of 300 ms and one of an hour, and one whose place has moved; `pass` lets so much time go by.
async fn ends_in_time(store: &impl Store, pass: impl AsyncFn(Duration)) {
    for (place, good_for_ms) in [(1, 300), (2, LONG_MS), (3, 300)] {
        assert!(store.put_offer(ROOM, new(place, 0, good_for_ms)).await.unwrap());
    }
    let row = |place: u8| OfferRow { about: format!("v1.{place}.0"), by: None, is_done: false };
    assert_eq!(store.offer(ROOM, &name(1, 0), None).await.unwrap(), Some(row(1)));
    store.offer(ROOM, &name(3, 0), Some("key".to_owned())).await.unwrap();
    store.end_offer(ROOM, &name(3, 0), &[3; 16], Some(LONG_MS)).await.unwrap();
    let typed = async |name: OfferName| store.typed_offer(ROOM, &name, &guesser(1, 300)).await.unwrap();
    assert_eq!([typed([9; 16]).await, typed([9; 16]).await], [Typed::Unknown, Typed::Unknown]);
    let often = typed(name(2, 0)).await;
    assert!(matches!(often, Typed::TooOften { retry_after_ms: 1..=300 }), "{often:?}");
    pass(Duration::from_millis(350)).await;
    assert_eq!(typed(name(2, 0)).await, Typed::Found(row(2)), "wrong letters are forgotten in time");
    assert_eq!(store.offer(ROOM, &name(1, 0), Some("late".to_owned())).await.unwrap(), None);
    assert_eq!(store.offer(ROOM, &name(2, 0), None).await.unwrap(), Some(row(2)));
    let moved = OfferRow { by: Some("key".to_owned()), is_done: true, ..row(3) };
    assert_eq!(store.offer(ROOM, &name(3, 0), Some("another".to_owned())).await.unwrap(), Some(moved));
    assert!(store.put_offer(ROOM, new(1, 1, 300)).await.unwrap(), "the place has none any more");
}

async fn is_bounded(store: &impl Store) {
    let of = |n: u64| {
        let mut name = [7; 16];
        name[..8].copy_from_slice(&n.to_be_bytes());
        NewOffer { name, place: name, about: String::new(), good_for_ms: LONG_MS }
    };
    for n in 0..OFFERS_MAX as u64 {
        assert!(store.put_offer("full", of(n)).await.unwrap(), "{n}");
    }
    assert!(!store.put_offer("full", of(u64::MAX)).await.unwrap());
    assert!(store.put_offer("full", of(3)).await.unwrap(), "instead of its own");
    assert!(store.put_offer("another", of(u64::MAX)).await.unwrap());
    let moved = of(5);
    store.end_offer("full", &moved.name, &moved.place, Some(LONG_MS)).await.unwrap();
    assert!(store.put_offer("full", of(u64::MAX)).await.unwrap(), "one that has moved is not open");
    let refused = store.put_offer("no/room", of(1)).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn offers_of_the_embedded_store_end_in_time_and_are_bounded() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(START_MS)));
    let store = EmbeddedStore::open(dir.path(), Arc::clone(&clock) as _).unwrap();
    ends_in_time(&store, async |by| clock.set(START_MS + by.as_millis() as u64)).await;
    is_bounded(&store).await;
}

#[tokio::test]
async fn offers_in_redis_end_in_time_are_bounded_and_every_edge_has_them() {
    let redis = PrivateRedis::start().unwrap();
    let clock = Arc::new(ManualClock::at(START_MS));
    let (store, other) = (open(&redis, &clock), open(&redis, &clock));
    ends_in_time(&store, async |by| tokio::time::sleep(by).await).await;
    is_bounded(&store).await;
    assert!(store.put_offer(ROOM, new(9, 0, LONG_MS)).await.unwrap());
    let tries = (0..16).map(|n| {
        let store = if n % 2 == 0 { &store } else { &other };
        async move { store.offer(ROOM, &name(9, 0), Some(format!("key {n}"))).await.unwrap().unwrap().by }
    });
    let farm = guesser(5, LONG_MS);
    let wrong = [&store, &other, &store].map(|edge| edge.typed_offer(ROOM, &[8; 16], &farm));
    let wrong = futures_util::future::join_all(wrong).await;
    let unknown = wrong.iter().filter(|typed| matches!(typed, Ok(Typed::Unknown))).count();
    assert_eq!(unknown, 2, "wrong letters are counted for all edges together: {wrong:?}");
    let by = futures_util::future::join_all(tries).await;
    assert!(by[0].is_some() && by.iter().all(|one| *one == by[0]), "the first has it: {by:?}");
}
