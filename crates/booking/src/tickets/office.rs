//! Issues the tickets of bookings, and what doors are given.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::keys::TicketKey;
use super::pack::{DoorPack, SignedPack};
use super::text::{SeatTicket, TicketId};
use crate::db::{Database, DbError, DbTime};
use crate::events::seat_map::SeatMap;
use crate::sql;
use crate::units::unsigned;
use fairgate_pages::qr::picture;

/// Bookings of one event that may be revoked: cancelled after they were paid, or in review. A door keeps all of their tickets in memory.
pub const REVOKED_MAX: usize = 100_000;

/// A ticket as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TicketAnswer {
    /// What the code says, for a door whose scanner is broken and for other programs.
    #[schema(example = "FG0101…")]
    pub text: String,
    /// Squares a side of the QR code, without its margin of four.
    #[schema(example = 45)]
    pub size: u8,
    /// The dark squares: a path of SVG in units of one square.
    #[schema(example = "M0 0h7v1h-7z")]
    pub path: String,
}

/// Why no pack is made.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// More bookings than [`REVOKED_MAX`] were cancelled or are in review.
    #[error("more than {REVOKED_MAX} bookings of this event were cancelled after they were paid")]
    TooManyRevoked,
    /// The database cannot be reached, or has no key.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for TicketError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Issues tickets.
#[derive(Debug)]
pub struct TicketOffice {
    database: Database,
    signer: TicketKey,
}

impl TicketOffice {
    /// With the newest key of a database.
    ///
    /// # Errors
    /// When the database cannot be read, or has no key.
    pub async fn open(database: Database) -> Result<Self, DbError> {
        let mut keys = TicketKey::load(&database.client().await?).await?;
        let signer = keys.pop().ok_or_else(|| DbError::Odd("the key of tickets is gone (table ticket_key)".into()))?;
        Ok(Self { database, signer })
    }

    /// The ticket of a seat of a booking, which is to be a paid one; `None` where it fits into no code.
    #[must_use]
    pub fn issue(&self, seat_map: &SeatMap, booking_id: Uuid, unit: u32) -> Option<TicketAnswer> {
        let facts = &seat_map.facts;
        let text = SeatTicket::new(facts.event_id, facts.starts_at, booking_id, unit).sign(&self.signer);
        let code = picture(&text)?;
        Some(TicketAnswer { text, size: code.size, path: code.path })
    }

    /// What a door of an event is given, as things stand in the tables.
    ///
    /// # Errors
    /// [`TicketError`].
    pub async fn pack(&self, seat_map: &SeatMap, now: DbTime) -> Result<SignedPack, TicketError> {
        let client = self.database.client().await?;
        // As they are now: another core may have learnt of a newer one.
        let keys = TicketKey::load(&client).await?;
        let statement = client.prepare_cached(sql::TICKETS_REVOKED).await?;
        let limit = i64::try_from(REVOKED_MAX + 1).unwrap_or(i64::MAX);
        let rows = client.query(&statement, &[&seat_map.facts.event_id, &limit]).await?;
        if rows.len() > REVOKED_MAX {
            return Err(TicketError::TooManyRevoked);
        }
        let mut revoked: Vec<TicketId> = Vec::with_capacity(rows.len());
        for row in &rows {
            let units = row.get::<_, Vec<i32>>("units").into_iter().map(unsigned);
            revoked.extend(units.map(|unit| TicketId::of(row.get("booking_id"), unit)));
        }
        revoked.sort_unstable();
        let signer = keys.last().unwrap_or(&self.signer);
        Ok(DoorPack::new(seat_map, &keys, revoked, now.to_rfc3339()).sign(signer))
    }
}
