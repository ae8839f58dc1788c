//! Reads a roster from the keys that `lua/enter.lua` writes: 64,000 entries of 32 bytes in each.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use redis::Cmd;

use super::link::Link;
use super::script::{nonsense, unavailable};
use crate::room::Refusal;
use crate::store::StoreError;

/// As in `lua/room.lua`.
const ENTRIES_A_CHUNK: u64 = 64_000;
const ENTRY_BYTES: u64 = 32;

/// Reads a range of entries of the room with this key, as far as there are any.
pub(super) async fn read(link: &Link, key: &str, entries: Range<u64>) -> Result<Bytes, StoreError> {
    let mut sale = redis::cmd("HMGET");
    sale.arg(key).arg("generation").arg("early");
    let (Some(generation), Some(pool)): (Option<u64>, Option<u64>) = ask(link, sale).await? else {
        return Err(Refusal::NotScheduled.into());
    };
    let mut bytes = BytesMut::new();
    let (mut at, end) = (entries.start, entries.end.min(pool));
    while at < end {
        let (chunk, first) = (at / ENTRIES_A_CHUNK, at % ENTRIES_A_CHUNK);
        let count = (ENTRIES_A_CHUNK - first).min(end - at);
        let mut part = redis::cmd("GETRANGE");
        part.arg(format!("{key}:{generation}:roster:{chunk}"));
        part.arg(first * ENTRY_BYTES).arg((first + count) * ENTRY_BYTES - 1);
        let part: Vec<u8> = ask(link, part).await?;
        if part.len() as u64 != count * ENTRY_BYTES {
            return Err(nonsense("a roster that is shorter than the pool"));
        }
        bytes.extend_from_slice(&part);
        at += count;
    }
    Ok(bytes.freeze())
}

async fn ask<T: redis::FromRedisValue>(link: &Link, command: Cmd) -> Result<T, StoreError> {
    let answer = link.call(|mut connection| async move { command.query_async(&mut connection).await }).await;
    answer.map_err(|error| unavailable(&error))
}
