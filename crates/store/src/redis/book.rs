//! The book of a draw's entries in Redis: strings of fixed size, two hashes, and an end to all of them.
//!
//! Keys begin with `fairgate:{<room>}:book:<draw>`. None of them is needed by a room's own scripts, so a loss of them harms no
//! draw and no place: counts of networks and references begin anew, and edges put their overrules back.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fairgate_entry::book::{
    Book, BookParts, Counted, EDGES_MAX, Heat, NETWORKS_AT_ONCE, OVERRULE_BYTES, OVERRULES_MAX, POSITIONS_AT_ONCE,
    Positions, REFUSAL_BYTES, REFUSALS_AT_ONCE, REFUSALS_MAX, Seen, Sums, TALLY_AT_ONCE, TALLY_ROWS_MAX, TIERS_MAX,
    Told,
};
use fairgate_entry::heat::sketch::ROWS;
use redis::{Cmd, FromRedisValue, RedisError, Script};

use super::link::Link;
use super::script::{nonsense, run, unavailable};
use crate::book::too_many;
use crate::{BookPart, StoreError};

/// References are read in pieces, so that nobody waits for long.
const PIECE_BYTES: usize = 1 << 19;

static COUNT: LazyLock<Script> = LazyLock::new(|| script(include_str!("../../../../lua/count.lua")));
static OVERRULE: LazyLock<Script> = LazyLock::new(|| script(include_str!("../../../../lua/overrule.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| script(include_str!("../../../../lua/forget.lua")));

/// A script behind the numbers that it shares with the model.
fn script(body: &str) -> Script {
    let numbers = [
        ("SKETCH_ROWS", ROWS),
        ("REFUSALS_MAX", REFUSALS_MAX),
        ("REFUSAL_BYTES", REFUSAL_BYTES),
        ("OVERRULES_MAX", OVERRULES_MAX),
        ("OVERRULE_BYTES", OVERRULE_BYTES),
        ("TALLY_ROWS_MAX", TALLY_ROWS_MAX),
        ("EDGES_MAX", EDGES_MAX),
        ("TIERS_MAX", usize::from(TIERS_MAX)),
    ];
    let lines: String = numbers.iter().map(|(name, number)| format!("local {name} = {number}\n")).collect();
    Script::new(&format!("{lines}{body}"))
}

/// Takes in what an edge tells.
pub(super) async fn count(link: &Link, key: &str, told: &Told) -> Result<Seen, StoreError> {
    let networks: Vec<u8> = told
        .networks
        .iter()
        .take(NETWORKS_AT_ONCE)
        .flat_map(|(network, entries)| {
            let [high, low] = entries.to_be_bytes();
            network.0.into_iter().chain([high, low])
        })
        .collect();
    let refusals: Vec<u8> = told.refusals.iter().take(REFUSALS_AT_ONCE).flatten().copied().collect();
    let positions: Vec<u8> = told
        .positions
        .iter()
        .take(POSITIONS_AT_ONCE)
        .flat_map(|(asking, tier, index)| [asking.number(), *tier].into_iter().chain(index.to_be_bytes()))
        .collect();
    let mut call = COUNT.key(key);
    call.arg(hex::encode(told.edge)).arg(told.number).arg(told.keep_until_ms).arg(told.hour);
    call.arg(Heat::new_columns(told.columns));
    call.arg(told.joins).arg(told.light).arg(networks).arg(refusals).arg(positions);
    for (row, more) in told.tally.iter().take(TALLY_AT_ONCE) {
        call.arg(row).arg(more);
    }
    let reply = run(&call, link).await?;
    let numbers = reply.values.iter().map(redis::from_redis_value_ref::<i64>);
    let numbers: Vec<i64> = numbers.collect::<Result<_, _>>().map_err(|_| nonsense("a book without numbers"))?;
    let Some((&[joins, light, used, columns, overrules, is_forgotten], sums)) = numbers.split_first_chunk() else {
        return Err(nonsense("a book without sums"));
    };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let short = |number: i64| u32::try_from(number).unwrap_or(0);
    let count = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
    let sums = sums.as_chunks::<3>().0.iter().map(|[draw, hour, before]| Sums {
        draw: count(*draw),
        hour: count(*hour),
        before: count(*before),
    });
    Ok(Seen {
        joins: unsigned(joins),
        light,
        used: short(used),
        columns: short(columns),
        overrules: unsigned(overrules),
        is_forgotten: is_forgotten == 1,
        sums: sums.collect(),
    })
}

/// Appends decisions, if there are so many.
pub(super) async fn overrule(
    link: &Link,
    key: &str,
    known: u64,
    rows: &[[u8; OVERRULE_BYTES]],
    keep_until_ms: u64,
) -> Result<u64, StoreError> {
    let mut call = OVERRULE.key(key);
    call.arg(known).arg(keep_until_ms).arg(rows.as_flattened());
    let reply = run(&call, link).await?;
    if reply.word == "full" {
        return Err(too_many());
    }
    reply.numbers()?.first().copied().ok_or_else(|| nonsense("a book without decisions"))
}

/// Forgets what belongs to fans.
pub(super) async fn forget(link: &Link, key: &str, keep_until_ms: u64) -> Result<bool, StoreError> {
    let mut call = FORGET.key(key);
    call.arg(keep_until_ms);
    let reply = run(&call, link).await?;
    Ok(reply.numbers()?.first().is_some_and(|had| *had > 0))
}

/// Reads a book.
pub(super) async fn read(link: &Link, key: &str, parts: &[BookPart]) -> Result<Book, StoreError> {
    let wants = |part| parts.contains(&part);
    let meta: BTreeMap<String, i64> = ask(link, cmd("HGETALL", key, "meta")).await?;
    let number = |name: &str| u64::try_from(meta.get(name).copied().unwrap_or(0)).unwrap_or(0);
    let columns = u32::try_from(number("columns")).unwrap_or(0);
    let is_forgotten = number("forgotten") == 1;
    let mut book = BookParts {
        refused: number("refusals"),
        overrules: ask(link, cmd("GET", key, "overrules")).await.map(Option::unwrap_or_default)?,
        tally: ask(link, cmd("HGETALL", key, "tally")).await?,
        is_forgotten,
        keep_until_ms: number("keep_until"),
        ..BookParts::default()
    };
    if wants(BookPart::Heat) && columns > 0 && !is_forgotten {
        let mut counters = Vec::new();
        for name in ["heat", "hour:0", "hour:1"] {
            counters.push(read_string(link, &format!("{key}:{name}")).await?);
        }
        let hour = |name: &str| u32::try_from(number(name)).unwrap_or(0);
        let hours = [(hour("hour0"), &counters[1][..]), (hour("hour1"), &counters[2][..])];
        let used = u32::try_from(number("used")).unwrap_or(u32::MAX);
        let totals = (number("joins"), meta.get("light").copied().unwrap_or(0), used);
        book.heat = Some(Heat::of(columns, &counters[0], hours, totals));
    }
    if wants(BookPart::Refusals) {
        book.refusals = read_string(link, &format!("{key}:refusals")).await?;
    }
    let counted = Counted { asked: number("asked"), shown: number("shown"), excused: number("excused") };
    let (mut asked, mut settled) = (BTreeMap::new(), BTreeMap::new());
    if wants(BookPart::Positions) {
        for tier in 0..TIERS_MAX {
            for (name, bits) in [("asked", &mut asked), ("settled", &mut settled)] {
                let read = read_string(link, &format!("{key}:{name}:{tier}")).await?;
                if !read.is_empty() {
                    bits.insert(tier, read);
                }
            }
        }
        let heard: BTreeMap<String, u64> = ask(link, cmd("HGETALL", key, "edges")).await?;
        book.heard = heard.into_iter().filter_map(|(edge, number)| Some((edge_of(&edge)?, number))).collect();
    }
    book.positions = Positions::of(asked, settled, counted);
    Ok(Book::of(book))
}

fn edge_of(name: &str) -> Option<[u8; 8]> {
    let mut edge = [0; 8];
    hex::decode_to_slice(name, &mut edge).ok()?;
    Some(edge)
}

fn cmd(name: &str, key: &str, part: &str) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(format!("{key}:{part}"));
    command
}

/// Reads a string in pieces.
async fn read_string(link: &Link, name: &str) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    loop {
        let mut range = redis::cmd("GETRANGE");
        range.arg(name).arg(bytes.len()).arg(bytes.len() + PIECE_BYTES - 1);
        let piece: Vec<u8> = ask(link, range).await?;
        bytes.extend_from_slice(&piece);
        if piece.len() < PIECE_BYTES {
            return Ok(bytes);
        }
    }
}

async fn ask<T: FromRedisValue>(link: &Link, command: Cmd) -> Result<T, StoreError> {
    let answer = link.call(|mut connection| async move { command.query_async(&mut connection).await });
    answer.await.map_err(|error: RedisError| unavailable(&error))
}
