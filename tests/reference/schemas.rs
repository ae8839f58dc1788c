//! `docs/schemas/`: the JSON Schemas of published messages. What is written there may grow, and not change.

use std::collections::BTreeSet;
use std::fs;

use fairgate_booking::outbox::{breaks, schemas};
use serde_json::Value;

use crate::{read, repository};

const DIRECTORY: &str = "docs/schemas";

fn text(schema: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(schema).unwrap())
}

/// What readers of the written schemas would miss in the generated ones.
fn broken() -> Vec<String> {
    let broken = |(file, new): (String, Value)| {
        let old = fs::read_to_string(repository().join(DIRECTORY).join(&file)).ok()?;
        let old: Value = serde_json::from_str(&old).unwrap();
        let found = breaks(&old, &new);
        (!found.is_empty()).then(|| format!("{file}: {}", found.join(", ")))
    };
    schemas().into_iter().filter_map(broken).collect()
}

#[test]
fn what_is_written_has_only_grown_and_is_as_the_types_are() {
    let broken = broken();
    assert!(broken.is_empty(), "{broken:#?}: a new meaning is a new version (`.v2`) beside this one");
    let mut files: BTreeSet<String> = fs::read_dir(repository().join(DIRECTORY))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    for (file, schema) in schemas() {
        assert!(files.remove(&file), "{DIRECTORY}/{file} is missing: run `make reference`");
        assert!(read(&format!("{DIRECTORY}/{file}")) == text(&schema), "{DIRECTORY}/{file}: run `make reference`");
    }
    assert!(files.is_empty(), "{files:?}: nothing is published by these");
}

/// Writes the schemas, unless a reader of those before would miss something.
pub(crate) fn write() {
    let broken = broken();
    assert!(broken.is_empty(), "{broken:#?}: not written");
    fs::create_dir_all(repository().join(DIRECTORY)).unwrap();
    for (file, schema) in schemas() {
        fs::write(repository().join(DIRECTORY).join(file), text(&schema)).unwrap();
    }
}
