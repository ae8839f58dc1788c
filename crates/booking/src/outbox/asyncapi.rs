//! The AsyncAPI 3.0 description of what is published, made from the same types.
//!
//! Guarantee: every message that is published fits it. A test reads live messages of every kind by it.

use serde_json::{Map, Value, json};

use super::message::Kind;
use super::schemas::{definitions, event_schema};
use super::streams::STREAM;

const CONTENT: &str = "application/cloudevents+json";
const REFS: &str = "#/components/schemas/";

/// The description.
#[must_use]
pub fn asyncapi() -> Value {
    let names = || Kind::ALL.into_iter().map(Kind::topic);
    let in_channel: Map<String, Value> =
        names().map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }))).collect();
    let messages: Map<String, Value> = names().map(|name| (name.to_owned(), message(name))).collect();
    let mut schemas = definitions(REFS);
    schemas.extend(Kind::ALL.into_iter().map(|kind| (kind.topic().to_owned(), event_schema(kind, REFS))));
    let description = format!(
        "The Redis stream `{STREAM}`. Each entry has one field, `message`, with a CloudEvent. The entry's id is the \
         message's number and `-1`. Messages of one `partitionkey` are in order; a message that comes twice has the same \
         `source` and `id`."
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "fairgate: what happens to bookings",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Fields may be added to a message. A field is never renamed, retyped or removed: another meaning is \
                            another version of the type.",
        },
        "defaultContentType": CONTENT,
        "channels": { "changes": { "address": null, "title": STREAM, "description": description, "messages": in_channel } },
        "operations": { "publish": { "action": "send", "channel": { "$ref": "#/channels/changes" } } },
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn message(name: &str) -> Value {
    json!({ "name": name, "contentType": CONTENT, "payload": { "$ref": format!("{REFS}{name}") } })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value that a path within the document leads to.
    fn follow<'v>(document: &'v Value, path: &str) -> Option<&'v Value> {
        path.strip_prefix("#/")?.split('/').try_fold(document, |value, name| value.get(name))
    }

    fn refs<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| refs(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| refs(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = asyncapi();
        let mut found = Vec::new();
        refs(&document, &mut found);
        assert!(found.len() > 3 * Kind::ALL.len(), "{found:?}");
        for path in found {
            assert!(follow(&document, path).is_some(), "{path}");
        }
    }
}
