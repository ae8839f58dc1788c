//! Offers to move a place in Redis: a hash each, what stands for its place, and a bounded list of the open ones.
//!
//! Keys begin with `fairgate:{<room>}:offer`. Each has an end by the server's clock, and no place depends on one.

use std::sync::LazyLock;

use redis::Script;

use super::link::Link;
use super::script::{Reply, nonsense, number, run, text};
use crate::StoreError;
use crate::offers::{GUESSERS_MAX, Guesser, NewOffer, OFFERS_MAX, OfferName, OfferRow, Typed};

static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/offer_put.lua")));
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/offer_take.lua")));
static TYPED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/offer_typed.lua")));
static END: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/offer_end.lua")));

/// Keeps an offer.
pub(super) async fn put(link: &Link, key: &str, offer: &NewOffer) -> Result<bool, StoreError> {
    let mut call = PUT.key(key);
    call.arg(hex::encode(offer.name)).arg(hex::encode(offer.place)).arg(&offer.about);
    call.arg(offer.good_for_ms).arg(OFFERS_MAX);
    Ok(run(&call, link).await?.word == "ok")
}

/// The offer with this name; `by` accepts it where nobody has.
pub(super) async fn take(
    link: &Link,
    key: &str,
    name: &OfferName,
    by: Option<String>,
) -> Result<Option<OfferRow>, StoreError> {
    let mut call = TAKE.key(key);
    call.arg(hex::encode(name)).arg(by.unwrap_or_default());
    let reply = run(&call, link).await?;
    if reply.word == "gone" {
        return Ok(None);
    }
    row(reply).map(Some)
}

/// The offer whose letters somebody has typed.
pub(super) async fn typed(link: &Link, key: &str, name: &OfferName, by: &Guesser) -> Result<Typed, StoreError> {
    let mut call = TYPED.key(key);
    call.arg(hex::encode(name)).arg(hex::encode(by.network)).arg(by.wrong_max).arg(by.counted_ms).arg(GUESSERS_MAX);
    let reply = run(&call, link).await?;
    match (reply.word.as_str(), reply.values.as_slice()) {
        ("gone", []) => Ok(Typed::Unknown),
        ("often", [retry_after_ms]) => Ok(Typed::TooOften { retry_after_ms: number(retry_after_ms)? }),
        _ => row(reply).map(Typed::Found),
    }
}

fn row(reply: Reply) -> Result<OfferRow, StoreError> {
    let mut values = reply.values.into_iter().map(text);
    let (Some(Some(about)), Some(Some(by)), Some(Some(done))) = (values.next(), values.next(), values.next()) else {
        return Err(nonsense("an offer without its parts"));
    };
    Ok(OfferRow { about, by: Some(by).filter(|by| !by.is_empty()), is_done: done == "1" })
}

/// Ends an offer.
pub(super) async fn end(
    link: &Link,
    key: &str,
    (name, place): (&OfferName, &OfferName),
    kept_ms: Option<u64>,
) -> Result<(), StoreError> {
    let mut call = END.key(key);
    call.arg(hex::encode(name)).arg(hex::encode(place)).arg(kept_ms.unwrap_or(0));
    run(&call, link).await.map(drop)
}
