//! A message as a record: CloudEvents in binary mode (Kafka protocol binding 1.0.2), and back.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use serde_json::value::RawValue;

use crate::outbox::sink::{Entry, LastEntry};

const PREFIX: &str = "ce_";
const ID: &str = "ce_id";
const CONTENT_TYPE: &str = "content-type";
/// How CloudEvents call that attribute.
const DATA_CONTENT_TYPE: &str = "datacontenttype";
const DATA: &str = "data";

/// A record of a message.
#[derive(Debug)]
pub(super) struct Record {
    /// The event's id.
    pub(super) key: String,
    /// What the message says.
    pub(super) value: String,
    /// The message's attributes.
    pub(super) headers: OwnedHeaders,
}

impl Record {
    /// A message in its envelope is taken out of it; one without an envelope stays as it is.
    pub(super) fn new(entry: &Entry) -> Self {
        let (mut headers, key) = (OwnedHeaders::new(), entry.event.clone());
        let parts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&entry.message).unwrap_or_default();
        let (Some(data), true) = (parts.get(DATA), parts.contains_key("specversion")) else {
            let headers = header(headers, ID, &entry.number.to_string());
            return Self { key, value: entry.message.clone(), headers };
        };
        for (name, value) in &parts {
            let Ok(text) = serde_json::from_str::<String>(value.get()) else { continue };
            headers = match name.as_str() {
                DATA_CONTENT_TYPE => header(headers, CONTENT_TYPE, &text),
                name => header(headers, &format!("{PREFIX}{name}"), &text),
            };
        }
        Self { key, value: data.get().to_owned(), headers }
    }
}

fn header(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

/// The number of a record, and the message as it was; nothing for a record that no relay has written.
pub(super) fn read(record: &BorrowedMessage<'_>) -> Option<LastEntry> {
    let value = std::str::from_utf8(record.payload()?).ok()?;
    let headers = record.headers()?;
    let known = headers.iter().filter_map(|header| Some((header.key, std::str::from_utf8(header.value?).ok()?)));
    read_parts(known, value)
}

fn read_parts<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>, value: &str) -> Option<LastEntry> {
    let mut parts = BTreeMap::new();
    for (key, text) in headers {
        let name = if key == CONTENT_TYPE { Some(DATA_CONTENT_TYPE) } else { key.strip_prefix(PREFIX) };
        if let Some(name) = name {
            parts.insert(name, serde_json::to_string(text).ok()?);
        }
    }
    let number = serde_json::from_str::<String>(parts.get("id")?).ok()?.parse().ok()?;
    if !parts.contains_key("specversion") {
        return Some(LastEntry { number, message: value.to_owned() });
    }
    parts.insert(DATA, value.to_owned());
    let parts: Vec<String> = parts.iter().map(|(name, text)| format!("\"{name}\":{text}")).collect();
    Some(LastEntry { number, message: format!("{{{}}}", parts.join(",")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &str) -> Entry {
        Entry { number: 7, topic: "booking.confirmed", event: "night".into(), message: message.into() }
    }

    fn back(record: &Record) -> LastEntry {
        let headers = record.headers.iter();
        let text = |header: Header<'_, &[u8]>| {
            let value = String::from_utf8(header.value.expect("a value").to_vec()).expect("text");
            (header.key.to_owned(), value)
        };
        let headers: Vec<_> = headers.map(text).collect();
        let headers = headers.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        read_parts(headers, &record.value).expect("a relay has written it")
    }

    #[test]
    fn a_message_is_taken_out_of_its_envelope_and_can_be_put_back() {
        let message = r#"{"specversion":"1.0","id":"7","source":"/fairgate/\"x\"","type":"t","datacontenttype":"application/json","data":{"b":1,"a":2.50}}"#;
        let record = Record::new(&entry(message));
        assert_eq!((record.key.as_str(), record.value.as_str()), ("night", r#"{"b":1,"a":2.50}"#), "to the byte");
        let names: Vec<_> = record.headers.iter().map(|header| header.key).collect();
        assert_eq!(names, ["content-type", "ce_id", "ce_source", "ce_specversion", "ce_type"]);
        let LastEntry { number, message: again } = back(&record);
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!((number, json(&again)), (7, json(message)));
    }

    #[test]
    fn a_message_without_an_envelope_stays_as_it_is() {
        let record = Record::new(&entry(r#"{"id":7,"kind":"booked"}"#));
        let same = LastEntry { number: 7, message: r#"{"id":7,"kind":"booked"}"#.into() };
        assert_eq!(back(&record), same);
        assert_eq!(read_parts([("x", "y")].into_iter(), "{}"), None, "another's record");
    }
}
