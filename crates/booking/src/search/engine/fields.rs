//! The fields of the index, and an event as a document of it.

use tantivy::TantivyDocument;
use tantivy::schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};

use crate::search::document::EventDocument;
use crate::search::question::e5;
use crate::search::words::{of_document, whole};

/// Nobody knows where it is: no position is that far north.
pub(super) const NOWHERE: i64 = i64::MAX;

/// The fields, by what they are for.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) schema: Schema,
    /// Title, performers, and their other names.
    pub(super) name: Field,
    /// Venue, city and country.
    pub(super) place: Field,
    /// Category and run of dates.
    pub(super) more: Field,
    /// The city as a whole.
    pub(super) city: Field,
    /// The category as a whole.
    pub(super) category: Field,
    pub(super) event_id: Field,
    version: Field,
    starts: Field,
    day: Field,
    published: Field,
    price_min: Field,
    price_max: Field,
    lat: Field,
    lon: Field,
    /// Words of the name.
    length: Field,
    /// The document itself, as JSON.
    pub(super) body: Field,
}

impl Fields {
    pub(super) fn new() -> Self {
        let mut schema = Schema::builder();
        // What stands in a document is all that counts: how often, and how rare it is, means nothing in a name.
        let words = |tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing)
        };
        let fast = || NumericOptions::default().set_fast();
        let [name, place, more] =
            ["name", "place", "more"].map(|name| schema.add_text_field(name, words("whitespace")));
        let [city, category] = ["city", "category"].map(|name| schema.add_text_field(name, words("raw")));
        let event_id = schema.add_i64_field("event_id", fast().set_indexed());
        let [version, starts, day, published, price_min, price_max, lat, lon, length] =
            ["version", "starts", "day", "published", "price_min", "price_max", "lat", "lon", "length"]
                .map(|name| schema.add_i64_field(name, fast()));
        let body = schema.add_bytes_field("body", BytesOptions::default().set_stored());
        let schema = schema.build();
        Self {
            schema,
            name,
            place,
            more,
            city,
            category,
            event_id,
            version,
            starts,
            day,
            published,
            price_min,
            price_max,
            lat,
            lon,
            length,
            body,
        }
    }

    pub(super) fn document(&self, event: &EventDocument) -> TantivyDocument {
        let words = |texts: &[&str]| texts.iter().flat_map(|text| of_document(text)).collect::<Vec<_>>();
        let names = [std::slice::from_ref(&event.title), &event.performers].concat();
        let name = words(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let aliases = words(&event.aliases.iter().map(String::as_str).collect::<Vec<_>>());
        let place = words(&[&event.venue, &event.place, &event.city, &event.country]);
        let more = words(&[&event.category, &event.series]);
        let (lat, lon) =
            event.position.map_or((NOWHERE, NOWHERE), |(lat, lon)| (i64::from(e5(lat)), i64::from(e5(lon))));
        let mut document = TantivyDocument::new();
        document.add_text(self.name, name.join(" "));
        document.add_text(self.name, aliases.join(" "));
        document.add_text(self.place, place.join(" "));
        document.add_text(self.more, more.join(" "));
        document.add_text(self.city, whole(&event.city));
        document.add_text(self.category, &event.category);
        for (field, value) in [
            (self.event_id, i64::from(event.event_id)),
            (self.version, event.version),
            (self.starts, event.starts_at_ms),
            (self.day, event.day()),
            (self.published, event.published_at_ms.unwrap_or(i64::MIN)),
            (self.price_min, i64::from(event.price_min)),
            (self.price_max, i64::from(event.price_max)),
            (self.lat, lat),
            (self.lon, lon),
            (self.length, i64::try_from(name.len()).unwrap_or(i64::MAX)),
        ] {
            document.add_i64(field, value);
        }
        document.add_bytes(self.body, &serde_json::to_vec(event).expect("strings and numbers"));
        document
    }
}
