//! The JSON Schemas of messages, made from the types themselves, and what may change about them.
//!
//! Guarantees, held by a test against the files in `docs/schemas/`:
//! - a field may be added; none is renamed, retyped or removed, and none becomes optional
//! - another meaning is another version beside the one before

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use super::envelope::{CloudEvent, type_of};
use super::message::{Kind, Message};

/// Where the schemas can be read.
const ADDRESS: &str = "https://github.com/fairgate/fairgate/blob/main/docs/schemas";
/// Where utoipa has the types that others name.
const UTOIPA_REFS: &str = "#/components/schemas/";

/// The file of a kind's schema.
fn file_name(kind: Kind) -> String {
    format!("{}.v1.json", kind.topic())
}

/// Where the schema of a kind's `data` is.
pub(super) fn schema_address(kind: Kind) -> String {
    format!("{ADDRESS}/{}", file_name(kind))
}

/// The schema of every type of message, by the name of its file.
#[must_use]
pub fn schemas() -> Vec<(String, Value)> {
    Kind::ALL.into_iter().map(|kind| (file_name(kind), schema(kind))).collect()
}

fn schema(kind: Kind) -> Value {
    let mut schema = data_schema(kind, "#/definitions/");
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["$id"] = json!(schema_address(kind));
    schema["title"] = json!(type_of(kind));
    schema["definitions"] = Value::Object(definitions("#/definitions/"));
    schema
}

/// The schema of a kind's `data`. The types that it names are at `refs`.
pub(super) fn data_schema(kind: Kind, refs: &str) -> Value {
    let mut schema = described::<Message>(refs);
    schema["properties"]["kind"] = json!({ "const": kind.name(), "description": "What happened." });
    if kind.is_of_booking() {
        schema["properties"]["booking"] = json!({ "$ref": format!("{refs}AboutBooking") });
        if let Some(required) = schema["required"].as_array_mut() {
            required.push(json!("booking"));
        }
    }
    schema
}

/// The schema of a kind's whole message: the envelope with its `data`. The types that it names are at `refs`.
pub(super) fn event_schema(kind: Kind, refs: &str) -> Value {
    let mut schema = described::<CloudEvent>(refs);
    schema["properties"]["specversion"] = json!({ "const": "1.0" });
    schema["properties"]["type"] = json!({ "const": type_of(kind), "description": "What happened." });
    schema["properties"]["dataschema"] = json!({ "const": schema_address(kind) });
    schema["properties"]["data"] = data_schema(kind, refs);
    schema
}

/// The types that messages name.
pub(super) fn definitions(refs: &str) -> Map<String, Value> {
    let mut named = Vec::new();
    <Message as ToSchema>::schemas(&mut named);
    let mut named: Vec<(String, Value)> =
        named.into_iter().filter(|(name, _)| name != "Kind").map(|(name, schema)| (name, at(refs, &schema))).collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    named.into_iter().collect()
}

fn described<T: PartialSchema>(refs: &str) -> Value {
    at(refs, &T::schema())
}

/// A schema as JSON, with the types that it names at `refs`.
fn at(refs: &str, schema: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(schema).expect("a schema is JSON");
    move_refs(&mut value, refs);
    value
}

fn move_refs(value: &mut Value, refs: &str) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(path)) = members.get_mut("$ref") {
                *path = path.replace(UTOIPA_REFS, refs);
            }
            members.values_mut().for_each(|value| move_refs(value, refs));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| move_refs(value, refs)),
        _ => {}
    }
}

/// What readers of the old schema would miss in the new one; nothing if it has only grown.
#[must_use]
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", old, new, &mut found);
    found
}

fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        if old != new {
            found.push(format!("{path} was {old} and is {new}"));
        }
        return;
    };
    for (word, was) in before {
        let (path, is) = (format!("{path}/{word}"), after.get(word));
        match (word.as_str(), is) {
            ("description" | "title" | "examples", _) => {}
            (_, None) => found.push(format!("{path} is gone")),
            ("required" | "enum", Some(is)) => {
                let missing = items(was).iter().filter(|item| !items(is).contains(item));
                found.extend(missing.map(|item| format!("{path} has no {item} any more")));
            }
            ("properties" | "definitions", Some(is)) => compare_each(&path, was, is, found),
            (_, Some(is)) => compare(&path, was, is, found),
        }
    }
    let narrows = |word: &&String| {
        !before.contains_key(*word)
            && !["description", "title", "examples", "required", "definitions"].contains(&word.as_str())
    };
    found.extend(after.keys().filter(narrows).map(|word| format!("{path}/{word} is new")));
}

fn compare_each(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for (name, was) in old.as_object().into_iter().flatten() {
        match new.get(name) {
            Some(is) => compare(&format!("{path}/{name}"), was, is, found),
            None => found.push(format!("{path}/{name} is gone")),
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_be_added_and_nothing_else_may_change() {
        let old = schema(Kind::Booked);
        assert_eq!(breaks(&old, &old), Vec::<String>::new());
        let mut grown = old.clone();
        grown["properties"]["mood"] = json!({ "type": "string" });
        grown["required"].as_array_mut().expect("a list").push(json!("mood"));
        grown["description"] = json!("Other words.");
        assert_eq!(breaks(&old, &grown), Vec::<String>::new());
        assert_eq!(breaks(&grown, &old).len(), 2, "gone, and not required any more");

        type Change = fn(&mut Value);
        let changes: [(&str, Change); 5] = [
            ("renamed", |schema| {
                let at = schema["properties"].as_object_mut().expect("fields").remove("at").expect("a field");
                schema["properties"]["when"] = at;
            }),
            ("retyped", |schema| schema["properties"]["id"]["type"] = json!("string")),
            ("optional", |schema| schema["required"] = json!(["id"])),
            ("another meaning", |schema| schema["properties"]["kind"]["const"] = json!("sold")),
            ("deep inside", |schema| {
                schema["definitions"]["AboutBooking"]["properties"]["amount"]["type"] = json!("string");
            }),
        ];
        for (what, change) in changes {
            let mut new = old.clone();
            change(&mut new);
            assert!(!breaks(&old, &new).is_empty(), "{what}");
        }
    }

    #[test]
    fn nothing_is_named_that_is_not_there() {
        for (file, schema) in schemas() {
            let text = schema.to_string();
            for (at, before) in text.match_indices("#/definitions/") {
                let name = text[at + before.len()..].split('"').next().unwrap_or_default();
                assert!(schema["definitions"].get(name).is_some(), "{file} names {name}");
            }
            assert!(!text.contains(UTOIPA_REFS), "{file}");
        }
    }
}
