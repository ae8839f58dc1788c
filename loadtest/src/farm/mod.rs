//! A farm against a room's rules of entry: one operator with many entries, few people and some addresses, beside honest
//! fans with one entry each. The report says which share of the places each side was drawn.
//!
//! **Guarantees:** bounded in entries, sockets and time; the same targets as the crowd. A side shows only what it has:
//! work that it solved, and codes that it was given. Places are worked out from the public record alone.

mod entrant;
mod harvest;
mod show;
mod text;
mod work;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use harvest::{FarmReport, Side};

use crate::http::{Answer, Sockets, exchange, raise_socket_limit};
use crate::target::Target;
use crate::wire::{Phase, Status};
use entrant::{Entered, Entrant};
use harvest::harvest;
use work::Workers;

/// The most entries of both sides together.
pub const ENTRIES_MAX: u32 = 200_000;
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a farm is, and who stands beside it.
#[derive(Clone, Debug)]
pub struct Farm {
    /// The protected host.
    pub target: Target,
    /// The room's name.
    pub room: String,
    /// Honest fans: one person, one address and one entry each.
    pub fans: u32,
    /// Entries that the farm tries to make.
    pub entries: u32,
    /// Addresses that the farm has.
    pub addresses: u32,
    /// People behind the farm's entries: as many codes as it has.
    pub people: u32,
    /// Codes in a room that asks for them: first one for each fan, then one for each of the farm's people.
    pub codes: Vec<String>,
    /// Places that the report counts, from the front: what is for sale.
    pub seats: u64,
    /// Cores that solve puzzles for both sides.
    pub cores: usize,
    /// Everybody says that it comes from an address of its own (`X-Forwarded-For`); for targets that trust this client.
    pub forwarded_for: bool,
    /// Decides nonces and the order in which entrants come.
    pub seed: u64,
    /// The run ends then.
    pub time_limit: Duration,
    /// Sockets that may be open at once.
    pub connections_max: usize,
}

impl Farm {
    fn check(&self) -> anyhow::Result<()> {
        let everybody = u64::from(self.fans) + u64::from(self.entries);
        ensure!(everybody <= u64::from(ENTRIES_MAX), "{everybody} entries are more than {ENTRIES_MAX}");
        ensure!(self.fans > 0 && self.entries > 0, "both sides need somebody: --fans and --entries");
        ensure!(self.addresses > 0 && self.people > 0, "a farm has at least one address and one person");
        let codes = self.fans as usize + self.people as usize;
        let has_codes = self.codes.is_empty() || self.codes.len() >= codes;
        ensure!(has_codes, "{} codes are too few: --fans and --people need {codes}", self.codes.len());
        Ok(())
    }
}

/// What all entrants of a run share.
pub(crate) struct Field {
    pub(crate) farm: Farm,
    pub(crate) sockets: Sockets,
    pub(crate) workers: Workers,
    pub(crate) until: Instant,
}

impl Field {
    /// Asks for a document of the room.
    pub(crate) async fn get(&self, call: &str) -> anyhow::Result<Answer> {
        let (room, authority) = (&self.farm.room, &self.farm.target.authority);
        let question = format!(
            "GET /.fairgate/{room}/{call} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
        exchange(&self.sockets, None, question.as_bytes()).await.1.map_err(|fault| anyhow::anyhow!(fault.kind()))
    }

    pub(crate) async fn status(&self) -> anyhow::Result<(Status, serde_json::Value)> {
        let answer = self.get("status").await?;
        ensure!(answer.status == 200, "HTTP {} for the status of room `{}`", answer.status, self.farm.room);
        let status = serde_json::from_slice(&answer.body).context("the status is not what a fairgate answers")?;
        Ok((status, serde_json::from_slice(&answer.body)?))
    }
}

/// Sends both sides into the pool, waits for the draw, and reports the shares.
///
/// # Errors
/// Where the room does not answer, its pool is over, or the draw has not come by the time limit.
pub async fn run_farm(farm: Farm) -> anyhow::Result<FarmReport> {
    farm.check()?;
    let sockets_max = raise_socket_limit().context("cannot raise the limit of open files")?;
    let field = Arc::new(Field {
        sockets: Sockets::new(farm.target.addresses.clone(), farm.connections_max.min(sockets_max)),
        workers: Workers::new(farm.cores),
        until: Instant::now() + farm.time_limit,
        farm,
    });
    wait_for(&field, "the pool has not opened", |status| match status.phase {
        Phase::Pooling => Some(true),
        Phase::Idle => Some(false),
        Phase::Drawing | Phase::Serving | Phase::Ended => None,
    })
    .await?;
    let entered = send_both_sides(&field).await?;
    wait_for(&field, "the draw has not come", |status| Some(status.draw.seed.is_some())).await?;
    let record = field.get("draw").await?;
    harvest(&field.farm, entered, &record.body)
}

/// Looks at the status until it is as it should be; `None` where it never will.
async fn wait_for(field: &Field, what: &str, is_so: impl Fn(&Status) -> Option<bool>) -> anyhow::Result<()> {
    while Instant::now() < field.until {
        match is_so(&field.status().await?.0) {
            Some(true) => return Ok(()),
            Some(false) => tokio::time::sleep(LOOK_EVERY).await,
            None => bail!("the pool of room `{}` is over: a farm stands in the pool", field.farm.room),
        }
    }
    bail!("{what} within {} s", field.farm.time_limit.as_secs())
}

async fn send_both_sides(field: &Arc<Field>) -> anyhow::Result<Vec<Entered>> {
    let mut entrants: JoinSet<Entered> = JoinSet::new();
    for entrant in Entrant::of_both_sides(&field.farm) {
        let field = Arc::clone(field);
        entrants.spawn(async move { entrant.enter(&field).await });
    }
    let mut entered = Vec::new();
    while let Some(one) = entrants.join_next().await {
        entered.push(one.context("an entrant broke down")?);
    }
    Ok(entered)
}
