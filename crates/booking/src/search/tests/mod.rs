//! What every index promises, what people type, and what they should not.

mod conformance;
mod hostile;
mod judged;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{EventDocument, Found, IndexError, Mark, Question, SearchIndex, TantivyIndex};
use crate::events::about::EventStatus;

/// 2027-01-01, Unix ms.
const NOW_MS: i64 = 1_798_761_600_000;
const DAY_MS: i64 = 86_400_000;

/// An event in a month from [`NOW_MS`], in Lisbon.
fn event(event_id: i32, title: &str) -> EventDocument {
    EventDocument {
        event_id,
        version: 1,
        slug: format!("event-{event_id}"),
        title: title.to_owned(),
        performers: Vec::new(),
        aliases: Vec::new(),
        venue: "Hall".to_owned(),
        place: String::new(),
        city: "Lisboa".to_owned(),
        country: "PT".to_owned(),
        series: String::new(),
        category: "concert".to_owned(),
        image: None,
        starts_at_ms: NOW_MS + 30 * DAY_MS,
        zone: "Europe/Lisbon".to_owned(),
        currency: "EUR".to_owned(),
        price_min: 2_000,
        price_max: 9_000,
        status: EventStatus::Scheduled,
        on_sale: true,
        sale_starts_at_ms: None,
        sale_ends_at_ms: None,
        published_at_ms: None,
        position: None,
    }
}

fn mark(position: i64) -> Mark {
    Mark { source: uuid::Uuid::from_u128(7), position }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn ask(index: &dyn SearchIndex, query: &str) -> Found {
    let question = Question::read(query).unwrap_or_else(|misfit| panic!("{query}: {misfit}"));
    index.search(&question, NOW_MS, soon()).await.unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The keys of the events that answer, in order.
async fn ids(index: &dyn SearchIndex, query: &str) -> Vec<i32> {
    ask(index, query).await.events.iter().map(|event| event.event_id).collect()
}

async fn in_memory(events: Vec<EventDocument>) -> Arc<dyn SearchIndex> {
    let index = TantivyIndex::in_memory().expect("an index");
    index.apply(events, Vec::new(), mark(1)).await.expect("taken over");
    Arc::new(index)
}
