//! Parcels in Redis: what edges have, what is asked for, and the pieces that wait to be taken.
//!
//! Guarantee: what is here is bounded in number, size and time, by the server's clock. Nothing that a fan does waits for it.
//!
//! Keys are `fairgate:{<room>}:draws` and `fairgate:{codes:<campaign>}:lists`, with `:told`, `:told_at`, `:wishes` and `:piece:…`
//! behind.

use std::sync::LazyLock;

use redis::{Script, Value};

use super::link::Link;
use super::script::{nonsense, number, run, text};
use crate::StoreError;
use crate::parcels::{Depot, PARCELS_MAX, Parcel, Told, WISHES_MAX, Wish};

static TELL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/parcels_tell.lua")));
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/parcels_take.lua")));
static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/parcels_put.lua")));

/// For so long it is believed that an edge has a parcel, after it was told last.
const TOLD_MS: u64 = 60_000;
/// For so long a piece is asked for, after the wish was made last, and waits to be taken.
const WISH_MS: u64 = 15_000;

/// The names of a depot's keys begin with this.
pub(super) fn key(depot: &Depot) -> String {
    match depot {
        Depot::Draws { room } => format!("{}:draws", super::key(room)),
        Depot::Codes { campaign } => format!("fairgate:{{codes:{campaign}}}:lists"),
    }
}

/// Tells which parcels this edge has; answers which any edge has, and what is asked for.
pub(super) async fn tell(link: &Link, key: &str, had: &[Parcel]) -> Result<Told, StoreError> {
    let mut call = TELL.key(key);
    call.arg(TOLD_MS).arg(WISH_MS).arg(PARCELS_MAX);
    for parcel in had.iter().take(PARCELS_MAX) {
        call.arg(&parcel.name).arg(parcel.text());
    }
    let mut values = run(&call, link).await?.values.into_iter();
    let count = values.next().as_ref().map(number).transpose()?.ok_or_else(|| nonsense("a depot without a number"))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let texts: Vec<String> = values.filter_map(text).collect();
    let (parcels, wishes) = texts.split_at_checked(count).ok_or_else(|| nonsense("fewer parcels than it says"))?;
    Ok(Told {
        parcels: parcels.iter().filter_map(|parcel| Parcel::parse(parcel)).collect(),
        wishes: wishes.iter().filter_map(|wish| Wish::parse(wish)).collect(),
    })
}

/// Takes a piece away; where it is not there it is asked for.
pub(super) async fn take(link: &Link, key: &str, wish: &Wish) -> Result<Option<Vec<u8>>, StoreError> {
    let mut call = TAKE.key(key);
    call.arg(wish.to_string()).arg(WISH_MS).arg(WISHES_MAX);
    let reply = run(&call, link).await?;
    match (reply.word.as_str(), reply.values.as_slice()) {
        ("piece", [Value::BulkString(bytes)]) => Ok(Some(bytes.clone())),
        ("wait" | "full", []) => Ok(None),
        _ => Err(nonsense("a piece of another kind")),
    }
}

/// Puts a piece there that is asked for.
pub(super) async fn put(link: &Link, key: &str, wish: &Wish, bytes: &[u8]) -> Result<(), StoreError> {
    let mut call = PUT.key(key);
    call.arg(wish.to_string()).arg(bytes).arg(WISH_MS);
    run(&call, link).await.map(drop)
}
