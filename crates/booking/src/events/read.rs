//! Reading events out of the tables.

use tokio_postgres::Row as DbRow;

use super::about::{About, EventStatus};
use super::seat_map::{Facts, Row, SeatMap, Section, SectionKind};
use crate::db::{Client, DbError};
use crate::sql;
use crate::units::unsigned;

/// One event, for those who sell nothing.
pub(crate) async fn read_event(client: &Client, event_id: i32) -> Result<Option<SeatMap>, DbError> {
    let get = client.prepare_cached(sql::EVENT_GET).await?;
    match client.query_opt(&get, &[&event_id]).await? {
        Some(row) => read_seat_map(client, read_facts(&row)).await.map(Some),
        None => Ok(None),
    }
}

/// What is said about an event, from its row.
pub(crate) fn read_facts(row: &DbRow) -> Facts {
    Facts {
        event_id: row.get("event_id"),
        slug: row.get("slug"),
        title: row.get("title"),
        venue: row.get("venue"),
        starts_at: row.get("starts_at"),
        zone: row.get("zone"),
        currency: row.get("currency"),
        hold_s: row.get("hold_s"),
        hold_total_max_s: row.get("hold_total_max_s"),
        fan_seats_max: unsigned(row.get("fan_seats_max")),
        on_sale: row.get("on_sale"),
        sale_starts_at: row.get("sale_starts_at"),
        sale_ends_at: row.get("sale_ends_at"),
        status: EventStatus::read(row.get("event_status")),
        published_at: row.get("published_at"),
        doors_at: row.get("doors_at"),
        version: row.get("version"),
    }
}

/// The sections and rows of an event, and what is said about it besides.
pub(crate) async fn read_seat_map(client: &Client, facts: Facts) -> Result<SeatMap, DbError> {
    let sections = client.prepare_cached(sql::EVENT_SECTIONS).await?;
    let rows = client.prepare_cached(sql::EVENT_ROWS).await?;
    let sections = client.query(&sections, &[&facts.event_id]).await?;
    let rows = client.query(&rows, &[&facts.event_id]).await?;
    let rows_of = |position: i16| rows.iter().filter(move |row| row.get::<_, i16>("section") == position);
    let read = |section: &DbRow| read_section(section, rows_of(section.get("position")).map(read_row).collect());
    let about = About::read(client, facts.event_id).await?;
    let seat_map = SeatMap::new(facts, sections.iter().map(read).collect());
    seat_map.map(|seat_map| seat_map.with_about(about)).map_err(|error| DbError::Odd(error.to_string()))
}

fn read_section(row: &DbRow, rows: Vec<Row>) -> Section {
    Section {
        slug: row.get("slug"),
        title: row.get("title"),
        kind: if row.get::<_, &str>("kind") == "standing" { SectionKind::Standing } else { SectionKind::Seated },
        tier: u16::try_from(row.get::<_, i16>("tier")).unwrap_or(0),
        price: unsigned(row.get("price")),
        rows,
    }
}

fn read_row(row: &DbRow) -> Row {
    Row { label: row.get("label"), first_unit: unsigned(row.get("first_unit")), seats: row.get("seats") }
}
