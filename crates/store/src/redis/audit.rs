//! What people have changed through all edges of a fleet: a stream in Redis, beside the rooms.
//!
//! Guarantee: the stream has the latest [`AUDIT_ROWS_MAX`] rows and a few more. Each edge has what was changed through it in a
//! file of its own, too, whatever Redis loses.

use redis::RedisError;
use redis::streams::{StreamId, StreamRangeReply};

use super::link::Link;
use super::script::unavailable;
use crate::{AUDIT_ROWS_MAX, AuditRow, AuditRows, StoreError};

/// No room has such a name.
const KEY: &str = "fairgate:{.audit}:changes";
const ROW: &str = "row";

/// Appends rows.
pub(super) async fn append(link: &Link, rows: Vec<Vec<u8>>) -> Result<(), StoreError> {
    let appended = link.call(|mut connection| async move {
        let mut all = redis::pipe();
        for row in rows {
            all.cmd("XADD").arg(KEY).arg("MAXLEN").arg("~").arg(AUDIT_ROWS_MAX).arg("*").arg(ROW).arg(row).ignore();
        }
        all.query_async::<()>(&mut connection).await
    });
    appended.await.map_err(|error: RedisError| unavailable(&error))
}

/// Reads rows before one with this number, the newest first.
pub(super) async fn read(link: &Link, before: Option<&str>, most: usize) -> Result<AuditRows, StoreError> {
    let newest = before.map_or_else(|| "+".to_owned(), |before| format!("({before}"));
    let read = link.call(|mut connection| async move {
        let mut range = redis::cmd("XREVRANGE");
        range.arg(KEY).arg(newest).arg("-").arg("COUNT").arg(most);
        range.query_async::<StreamRangeReply>(&mut connection).await
    });
    let entries = read.await.map_err(|error: RedisError| unavailable(&error))?.ids;
    let row = |entry: StreamId| Some(AuditRow { bytes: entry.get(ROW)?, number: entry.id });
    let is_last = entries.len() < most;
    Ok(AuditRows { rows: entries.into_iter().filter_map(row).collect(), is_last })
}
