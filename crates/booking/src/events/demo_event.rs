//! The example event: a concert on a summer evening in Lisbon, in a hall of 5,000 seats.

use super::about::{About, EventStatus, PerformerWords, VenueWords};
use super::create_event::{CreateError, create_described};
use super::seat_map::{Facts, Row, Section, SectionKind};
use crate::db::{Database, DbTime};

/// The slug of the example event.
pub const DEMO_EVENT: &str = "midsummer-night";

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
        status: EventStatus::Scheduled,
        published_at: None,
        doors_at: None,
        version: 1,
    }
}

/// What is said about the example event.
#[must_use]
pub fn demo_about() -> About {
    let performer = |id: &str, name: &str, headliner| PerformerWords {
        id: id.to_owned(),
        name: name.to_owned(),
        aliases: Vec::new(),
        headliner,
    };
    About {
        category: "concert".to_owned(),
        description: "The shortest night of the year by the river, from dusk on.".to_owned(),
        image: None,
        place: Some(VenueWords {
            id: "coliseu-do-tejo".to_owned(),
            name: "Coliseu do Tejo".to_owned(),
            city: "Lisboa".to_owned(),
            country: "PT".to_owned(),
            lat: Some(38.7071),
            lon: Some(-9.1364),
        }),
        performers: vec![
            performer("orquestra-do-tejo", "Orquestra do Tejo", true),
            performer("ines-marcal", "Inês Marçal", false),
        ],
        series: None,
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
    create_described(database, demo_facts(), demo_about(), demo_sections(), |_| ()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::seat_map::SeatMap;

    #[test]
    fn the_example_hall_has_5000_places_at_different_prices() {
        let seat_map = SeatMap::new(demo_facts(), demo_sections()).expect("a sound plan");
        assert_eq!(seat_map.seats(), 5000);
        assert!(seat_map.unit("stalls-centre-A-14").is_some());
        assert!(seat_map.unit("pit-GA-300").is_some());
        assert!(
            seat_map.sections.iter().map(|section| section.price).collect::<std::collections::HashSet<_>>().len() > 5
        );
    }
}
