//! A booking as it stands in the tables.

use serde::{Deserialize, Serialize};
use tokio_postgres::Row as DbRow;
use utoipa::ToSchema;

use crate::db::DbTime;
use crate::units::unsigned;

/// How a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BookingStatus {
    /// Reserved until `expires_at`.
    Held,
    /// Paid; the seats are the fan's.
    Confirmed,
    /// Not paid in time.
    Expired,
    /// Given back.
    Cancelled,
}

/// A booking that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The booking's seats, ascending.
    pub units: Vec<u32>,
    /// What they cost together.
    pub amount: i64,
    /// When the hold ends (or ended).
    pub expires_at: DbTime,
}

/// The seats, the price and the end of a booking.
pub(crate) fn read_held(row: &DbRow) -> Held {
    let units: Vec<i32> = row.get("units");
    Held {
        units: units.into_iter().map(unsigned).collect(),
        amount: row.get("amount"),
        expires_at: row.get("expires_at"),
    }
}
