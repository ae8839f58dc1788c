//! Making events: a new one into the tables, and the example event with its hall of 5,000 seats.

use tokio_postgres::types::ToSql;

use super::db::{Database, DbError, DbTime};
use super::plan::{Facts, Plan, PlanError, Row, Section, SectionKind};
use super::sql;
use super::units::signed;

/// The slug of the example event.
pub const DEMO_EVENT: &str = "midsummer-night";

/// Why an event was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Its sections and rows contradict each other.
    #[error(transparent)]
    Plan(#[from] PlanError),
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
    mut told: impl FnMut(usize),
) -> Result<bool, CreateError> {
    let plan = Plan::new(facts, sections)?;
    let mut client = database.own_connection().await?;
    let transaction = client.transaction().await?;
    let facts = &plan.facts;
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
            ],
        )
        .await?;
    let Some(made) = made else { return Ok(false) };
    let event_id: i32 = made.get("event_id");
    let mut rows = 0;
    for (position, section) in (0i16..).zip(&plan.sections) {
        write_section(&transaction, event_id, position, section, &mut rows, &mut told).await?;
    }
    transaction.execute(sql::SEATS_CREATE, &[&event_id, &i32::try_from(plan.seats()).unwrap_or(i32::MAX)]).await?;
    transaction.execute(sql::EVENT_TELL, &[&event_id]).await?;
    transaction.commit().await?;
    // Plans that were made while the tables were empty are made anew with what is true now.
    client.batch_execute("analyze event, section, seat_row, seat, booking, payment, happening").await?;
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

/// What the example event is. It begins on a summer evening in Lisbon.
#[must_use]
pub fn demo_facts() -> Facts {
    Facts {
        event_id: 0,
        slug: DEMO_EVENT.into(),
        title: "Midsummer Night".into(),
        venue: "Coliseu do Tejo, Lisboa".into(),
        starts_at: DbTime(1_813_606_200_000),
        zone: "Europe/Lisbon".into(),
        currency: "EUR".into(),
        hold_s: 480,
        hold_total_max_s: None,
        fan_seats_max: 6,
        on_sale: true,
        sale_starts_at: None,
        sale_ends_at: None,
        version: 1,
    }
}

/// A part of the example hall: rows × seats in each.
struct Block {
    slug: &'static str,
    title: &'static str,
    tier: u16,
    price: u32,
    rows: u32,
    seats: u32,
}

const fn block(slug: &'static str, title: &'static str, tier: u16, price: u32, rows: u32, seats: u32) -> Block {
    Block { slug, title, tier, price, rows, seats }
}

/// From the stage backwards, each tier from left to right: 5,000 places.
const BLOCKS: [Block; 14] = [
    block("pit", "Pit (standing)", 0, 6500, 1, 300),
    block("stalls-left", "Stalls left", 1, 9800, 12, 18),
    block("stalls-centre", "Stalls centre", 1, 12000, 12, 28),
    block("stalls-right", "Stalls right", 1, 9800, 12, 18),
    block("parterre-left", "Parterre left", 2, 7200, 14, 20),
    block("parterre-centre", "Parterre centre", 2, 8500, 14, 32),
    block("parterre-right", "Parterre right", 2, 7200, 14, 20),
    block("circle-left", "Circle left", 3, 5400, 12, 26),
    block("circle-centre", "Circle centre", 3, 6200, 12, 40),
    block("circle-right", "Circle right", 3, 5400, 12, 26),
    block("balcony-left", "Balcony left", 4, 3600, 13, 30),
    block("balcony-centre", "Balcony centre", 4, 4200, 13, 44),
    block("balcony-right", "Balcony right", 4, 3600, 13, 30),
    block("gallery", "Gallery", 5, 2500, 9, 52),
];

/// The example hall.
#[must_use]
pub fn demo_sections() -> Vec<Section> {
    let mut next = 0;
    BLOCKS.iter().map(|block| section_of(block, &mut next)).collect()
}

fn section_of(block: &Block, next: &mut u32) -> Section {
    let kind = if block.slug == "pit" { SectionKind::Standing } else { SectionKind::Seated };
    let rows = (0..block.rows).map(|row| {
        let first_unit = *next;
        *next += block.seats;
        let label = if kind == SectionKind::Standing { "GA".to_owned() } else { row_label(row) };
        Row { label, first_unit, seats: (1..=block.seats).map(|seat| seat.to_string()).collect() }
    });
    let rows = rows.collect();
    let (slug, title) = (block.slug.to_owned(), block.title.to_owned());
    Section { slug, title, kind, tier: block.tier, price: block.price, rows }
}

/// A, B, C, … without I and O, which look like digits.
fn row_label(row: u32) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    char::from(LETTERS[row as usize % LETTERS.len()]).to_string()
}

/// Makes the example event, unless it is there; says whether it was made.
///
/// # Errors
/// [`CreateError`].
pub async fn seed_demo(database: &Database) -> Result<bool, CreateError> {
    create(database, demo_facts(), demo_sections(), |_| ()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_hall_has_5000_places_at_different_prices() {
        let plan = Plan::new(demo_facts(), demo_sections()).expect("a sound plan");
        assert_eq!(plan.seats(), 5000);
        assert!(plan.unit("stalls-centre-A-14").is_some());
        assert!(plan.unit("pit-GA-300").is_some());
        assert!(plan.sections.iter().map(|section| section.price).collect::<std::collections::HashSet<_>>().len() > 5);
    }
}
