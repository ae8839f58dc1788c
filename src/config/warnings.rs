//! What a configuration may say and hardly anybody means: told, and used all the same.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::times::Instant;
use super::{AfterEnd, Config, RoomConfig, SaleConfig, entry};

/// Something that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, with the tables it is in.
    pub key: String,
    /// What is odd.
    pub what: String,
    /// What would be usual.
    pub remedy: Cow<'static, str>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, what, remedy } = self;
        write!(f, "{key}: {what}; {remedy}")
    }
}

impl Config {
    /// What is odd about it at this moment, Unix ms.
    #[must_use]
    pub fn warnings(&self, now_ms: u64) -> Vec<Warning> {
        let admin = (!is_private(self.admin.listen.ip())).then(|| Warning {
            key: "admin.listen".into(),
            what: format!(
                "{} can be reached from other machines, and the admin API is not encrypted",
                self.admin.listen
            ),
            remedy: "listen on 127.0.0.1, or on an address that only a proxy with TLS reaches".into(),
        });
        let rooms = self.rooms.iter().flat_map(|room| {
            let times = times(room, now_ms).into_iter().chain(rush(room));
            times.chain(fallback(room)).chain(entry::warnings(room))
        });
        let none = self.rooms.is_empty().then(|| Warning {
            key: "room".into(),
            what: "there is none: every request is refused until a room is made".into(),
            remedy: "add a [[room]], or make one while the edge runs with `fairgate room new`".into(),
        });
        admin.into_iter().chain(none).chain(rooms).collect()
    }
}

/// The loopback: nobody but this machine.
fn is_private(address: IpAddr) -> bool {
    address.is_loopback()
}

/// A beacon is named for its label, which a fallback takes away.
fn fallback(room: &RoomConfig) -> Option<Warning> {
    room.beacon.as_ref()?.fallback_after_ms?;
    Some(Warning {
        key: format!("room[{}].draw.fallback", room.name),
        what: "whoever has the secret can aim a draw that may go on without its round, so it is labelled \"committed\""
            .into(),
        remedy: "leave it out, or write \"never\": the draw waits for its round, which anyone may hand in".into(),
    })
}

fn times(room: &RoomConfig, now_ms: u64) -> Option<Warning> {
    let schedule = room.sale_at(now_ms)?;
    let time = |at_ms| Instant { at_ms };
    let warn = |key: &str, what: String, remedy: &'static str| {
        Some(Warning { key: format!("room[{}].{key}", room.name), what, remedy: remedy.into() })
    };
    match schedule.ends_at_ms {
        Some(ends_at_ms) if ends_at_ms <= now_ms => {
            let what = format!("{} is over", time(ends_at_ms));
            let remedy = match room.schedule.after_end {
                AfterEnd::Closed => "the room stays shut and says so; set the next sale's times",
                AfterEnd::Open => "the room lets everybody through; set the next sale's times",
            };
            warn("ends_at", what, remedy)
        }
        _ if schedule.starts_at_ms <= now_ms => {
            let what =
                format!("{} is over: a sale that begins now has no pool and no draw", time(schedule.starts_at_ms));
            warn("starts_at", what, "right for a sale that is running; set a time to come for one that is not")
        }
        _ if schedule.opens_at_ms == schedule.starts_at_ms => None,
        _ if schedule.opens_at_ms <= now_ms => {
            let what = format!("{} is over: the pool is open as soon as the edge runs", time(schedule.opens_at_ms));
            warn("opens_at", what, "right if fans may come already; set a time to come if not")
        }
        _ => None,
    }
}

/// Whoever comes in just before a sale's end may still be inside when the next one's pool opens, and is not any more then.
fn rush(room: &RoomConfig) -> Option<Warning> {
    let longest_ms = room.policy.session_max_ms;
    let gap_ms = |sale: &SaleConfig, next: &SaleConfig| next.opens_at_ms.saturating_sub(sale.ends_at_ms.unwrap_or(0));
    let pair = room.sales.windows(2).find(|pair| gap_ms(&pair[0], &pair[1]) < longest_ms)?;
    Some(Warning {
        key: format!("room[{}].sale", room.name),
        what: format!(
            "the sale that opens at {} follows so soon that a visit of {} minutes may not be over: it ends when the pool opens",
            Instant { at_ms: pair[1].opens_at_ms },
            longest_ms / 60_000
        ),
        remedy: "leave more time between sales, or make [room.session] max shorter".into(),
    })
}
