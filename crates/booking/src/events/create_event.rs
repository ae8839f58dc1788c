//! Making events: a new one into the tables, with all of its seats free.

use tokio_postgres::types::ToSql;

use super::about::About;
use super::seat_map::{Facts, SeatMap, SeatMapError, Section, SectionKind};
use crate::db::{Database, DbError};
use crate::sql;
use crate::units::signed;

/// Why an event was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The event's sections and rows contradict each other.
    #[error(transparent)]
    SeatMap(#[from] SeatMapError),
    /// The database refused or cannot be reached.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<tokio_postgres::Error> for CreateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Writes an event with all of its seats free, unless there is one with its slug; says whether it was written. `told` hears
/// how many rows of seats have been written so far.
///
/// # Errors
/// [`CreateError`]; nothing was written.
pub async fn create(
    database: &Database,
    facts: Facts,
    sections: Vec<Section>,
    told: impl FnMut(usize),
) -> Result<bool, CreateError> {
    create_described(database, facts, About::default(), sections, told).await
}

/// The same with what is said about it besides.
///
/// # Errors
/// [`CreateError`]; nothing was written.
pub async fn create_described(
    database: &Database,
    facts: Facts,
    about: About,
    sections: Vec<Section>,
    mut told: impl FnMut(usize),
) -> Result<bool, CreateError> {
    let seat_map = SeatMap::new(facts, sections)?;
    let mut client = database.own_connection().await?;
    let transaction = client.transaction().await?;
    let facts = &seat_map.facts;
    let words = [&facts.slug, &facts.title, &facts.venue, &facts.zone, &facts.currency];
    let seats_max = i32::try_from(facts.fan_seats_max).unwrap_or(i32::MAX);
    let sale: [&(dyn ToSql + Sync); 3] = [&facts.on_sale, &facts.sale_starts_at, &facts.sale_ends_at];
    let made = transaction
        .query_opt(
            sql::EVENT_CREATE,
            &[
                words[0],
                words[1],
                words[2],
                &facts.starts_at,
                words[3],
                words[4],
                &facts.hold_s,
                &seats_max,
                sale[0],
                sale[1],
                sale[2],
                &facts.hold_total_max_s,
                &facts.status.as_str(),
                &facts.published_at,
                &facts.doors_at,
            ],
        )
        .await?;
    let Some(made) = made else { return Ok(false) };
    let event_id: i32 = made.get("event_id");
    let mut rows = 0;
    for (position, section) in (0i16..).zip(&seat_map.sections) {
        write_section(&transaction, event_id, position, section, &mut rows, &mut told).await?;
    }
    transaction.execute(sql::SEATS_CREATE, &[&event_id, &i32::try_from(seat_map.seats()).unwrap_or(i32::MAX)]).await?;
    for write in about.writes(event_id) {
        transaction.execute(write.statement, &write.values()).await?;
    }
    transaction.execute(sql::EVENT_EMIT, &[&event_id, &["edited"].as_slice()]).await?;
    transaction.commit().await?;
    // Plans that were made while the tables were empty are made anew with what is true now.
    client.batch_execute("analyze event, section, seat_row, seat, booking, payment, change_log").await?;
    Ok(true)
}

async fn write_section(
    transaction: &tokio_postgres::Transaction<'_>,
    event_id: i32,
    position: i16,
    section: &Section,
    rows: &mut usize,
    told: &mut impl FnMut(usize),
) -> Result<(), tokio_postgres::Error> {
    let kind = if section.kind == SectionKind::Standing { "standing" } else { "seated" };
    let (tier, price) = (i16::try_from(section.tier).unwrap_or(i16::MAX), signed(&[section.price])[0]);
    let (slug, title) = (&section.slug, &section.title);
    transaction.execute(sql::SECTION_CREATE, &[&event_id, &position, slug, title, &kind, &tier, &price]).await?;
    let create_row = transaction.prepare(sql::ROW_CREATE).await?;
    for (number, row) in (0i16..).zip(&section.rows) {
        let first_unit = signed(&[row.first_unit])[0];
        let values: [&(dyn ToSql + Sync); 6] = [&event_id, &position, &number, &row.label, &first_unit, &row.seats];
        transaction.execute(&create_row, &values).await?;
        *rows += 1;
        told(*rows);
    }
    Ok(())
}
