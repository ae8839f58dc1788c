//! Lists of rows of a fixed length, as the scripts write them: many rows to a key, one key after another.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use fairgate_core::room::Refusal;
use fairgate_draw::v2;
use redis::Cmd;

use super::link::Link;
use super::script::{nonsense, unavailable};
use crate::StoreError;

/// A list of rows; the scripts are told the numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// What its keys are called.
    name: &'static str,
    /// The field of the room that has the number of rows.
    count: &'static str,
    row_bytes: u64,
    pub(super) rows_a_chunk: u64,
}

/// The entries of a tier's pool.
pub(super) const TIER_ROSTER: Rows = Rows { name: "roster", count: "n", row_bytes: 32, rows_a_chunk: 16_000 };
/// The tags of a tier's pool.
pub(super) const TAGS: Rows = Rows { name: "tags", count: "n", row_bytes: 16, rows_a_chunk: 16_000 };
/// The entries of the pool.
pub(super) const ROSTER: Rows = Rows { name: "roster", count: "early", row_bytes: 32, rows_a_chunk: 16_000 };
/// The list of claims.
pub(super) const CLAIMS: Rows = Rows { name: "claims", count: "listed", row_bytes: 72, rows_a_chunk: 10_000 };

impl Rows {
    /// Reads a range of rows of the room with this key, as far as there are any; of one tier, where one is named.
    pub(super) async fn read(
        self,
        link: &Link,
        key: &str,
        tier: Option<u8>,
        rows: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let tier = tier.map_or_else(String::new, |tier| tier.to_string());
        let mut sale = redis::cmd("HMGET");
        sale.arg(key).arg("generation").arg(format!("{}{tier}", self.count)).arg("tiers");
        let (generation, count, tiers): (Option<u64>, Option<u64>, Option<u64>) = ask(link, sale).await?;
        let generation = generation.ok_or(Refusal::NotScheduled)?;
        let is_plain_roster = tier.is_empty() && self.name == ROSTER.name;
        let Some(count) = count.filter(|_| tiers.is_none() || !is_plain_roster) else {
            return match tiers {
                Some(_) => Ok(Bytes::new()),
                None => Err(Refusal::no_tiers().into()),
            };
        };
        let (list, sale) = (self.of(tiers.is_some()), format!("{key}:{generation}"));
        let name = if tier.is_empty() { list.name.to_owned() } else { format!("{}:{tier}", list.name) };
        list.read_rows(link, &format!("{sale}:{name}"), rows.start..rows.end.min(count)).await
    }

    /// The list as a room has it, with tiers or without.
    fn of(self, has_tiers: bool) -> Self {
        let is_claims = self.name == CLAIMS.name;
        if is_claims && has_tiers { Self { row_bytes: v2::CLAIM_BYTES as u64, ..self } } else { self }
    }

    async fn read_rows(self, link: &Link, name: &str, rows: Range<u64>) -> Result<Bytes, StoreError> {
        let mut bytes = BytesMut::new();
        let (mut at, end) = (rows.start, rows.end);
        while at < end {
            let part = at..end.min((at / self.rows_a_chunk + 1) * self.rows_a_chunk);
            bytes.extend_from_slice(&self.read_part(link, name, &part).await?);
            at = part.end;
        }
        Ok(bytes.freeze())
    }

    /// Reads rows that stand in one key.
    async fn read_part(self, link: &Link, name: &str, rows: &Range<u64>) -> Result<Vec<u8>, StoreError> {
        let first = rows.start / self.rows_a_chunk * self.rows_a_chunk;
        let [from, upto] = [rows.start, rows.end].map(|row| (row - first) * self.row_bytes);
        let mut part = redis::cmd("GETRANGE");
        part.arg(format!("{name}:{}", rows.start / self.rows_a_chunk)).arg(from).arg(upto - 1);
        let mut part: Vec<u8> = ask(link, part).await?;
        // Rows that were lost are empty, at the end of a key as anywhere else.
        part.resize(usize::try_from(upto - from).map_err(|_| nonsense("more rows than can be counted"))?, 0);
        Ok(part)
    }
}

async fn ask<T: redis::FromRedisValue>(link: &Link, command: Cmd) -> Result<T, StoreError> {
    let answer = link.call(|mut connection| async move { command.query_async(&mut connection).await }).await;
    answer.map_err(|error| unavailable(&error))
}
