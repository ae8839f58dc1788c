//! The draw log that the edges of a fleet share: two lists in Redis, appended to by number.
//!
//! Guarantee: of two edges that append at the same time one has done it, and the other one is told so. What Redis loses is put
//! back by the edges, each of which has all of it on its own disk.

use redis::{RedisError, Script};

use super::link::Link;
use super::script::{nonsense, run, unavailable};
use crate::{LogList, SharedRows, StoreError};

/// Rows read or appended at once: a row is a few thousand bytes, and half a million at most.
pub(super) const ROWS_AT_ONCE: usize = 50;

/// The two keys of a log; the braces put them into one slot of a cluster. No room has such a name.
fn key(origin: &str, list: LogList) -> String {
    let kind = match list {
        LogList::Statements => "statements",
        LogList::Cosignatures => "cosignatures",
    };
    format!("fairgate:{{{origin}}}:{kind}")
}

/// Reads rows of a list from a number on, as many as fit into one answer.
pub(super) async fn read(link: &Link, origin: &str, list: LogList, from: u64) -> Result<SharedRows, StoreError> {
    let key = key(origin, list);
    let rows = link.call(|mut connection| async move {
        let count: u64 = redis::cmd("LLEN").arg(&key).query_async(&mut connection).await?;
        let mut range = redis::cmd("LRANGE");
        range.arg(&key).arg(from).arg(from.saturating_add(ROWS_AT_ONCE as u64 - 1));
        let rows: Vec<Vec<u8>> = range.query_async(&mut connection).await?;
        Ok::<_, RedisError>(SharedRows { count, rows })
    });
    rows.await.map_err(|error| unavailable(&error))
}

/// Appends rows to a list that has so many; answers how many it has then.
pub(super) async fn append(
    link: &Link,
    origin: &str,
    list: LogList,
    count: u64,
    rows: &[Vec<u8>],
) -> Result<u64, StoreError> {
    let script = Script::new(include_str!("../../../../lua/log_append.lua"));
    let mut call = script.key(key(origin, list));
    call.arg(count);
    rows.iter().take(ROWS_AT_ONCE).for_each(|row| {
        call.arg(&row[..]);
    });
    let reply = run(&call, link).await?;
    reply.numbers()?.first().copied().ok_or_else(|| nonsense("a log without a size"))
}
