//! The record keeps to its published schema at every step of a draw, and what does not is no record.

use fairgate_draw::{QUICKNET, Record};
use jsonschema::Validator;
use serde_json::Value;

use crate::published::Draw;

fn schema() -> Validator {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/draw-record.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn published(draw: &Draw) -> Value {
    serde_json::from_str(&draw.signed().canonical_json()).unwrap()
}

#[track_caller]
fn assert_fits(draw: &Draw) {
    let record = published(draw);
    let misfits: Vec<String> = schema().iter_errors(&record).map(|error| error.to_string()).collect();
    assert_eq!(misfits, Vec::<String>::new(), "{record}");
}

#[test]
fn every_step_of_a_draw_fits_the_schema() {
    let mut scheduled = Draw::frozen(0, Some(QUICKNET.round(1000)));
    scheduled.record = Record::scheduled(scheduled.record.descriptor);
    let mut fallback = QUICKNET.round(1000);
    fallback.fallback_after_ms = Some(60_000);
    for draw in [scheduled, Draw::frozen(7, Some(fallback)), Draw::honest(0), Draw::honest(7), Draw::with_beacon(7)] {
        assert_fits(&draw);
    }
}

#[test]
fn the_schema_names_every_field_of_a_record() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/draw-record.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut draw = Draw::with_beacon(7);
    draw.record.missing = Some(1);
    draw.record.left_out = Some(1);
    draw.record.log = Some("tickets.example/.fairgate/draw.log+2a89550f+AepK".to_owned());
    let record = published(&draw);
    let named: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(record.as_object().unwrap().keys().collect::<Vec<_>>(), named);
}

#[test]
fn what_is_no_record_does_not_fit() {
    let schema = schema();
    let misfit = |change: fn(&mut Value)| {
        let mut record = published(&Draw::with_beacon(7));
        change(&mut record);
        !schema.is_valid(&record)
    };
    assert!(!misfit(|_| ()));
    assert!(misfit(|record| record["root"] = "CD".repeat(32).into()));
    assert!(misfit(|record| record["label"] = "fair".into()));
    assert!(misfit(|record| record["entries"] = Value::Null), "a seed without a roster");
    assert!(misfit(|record| record["seed"] = Value::Null), "a secret before its seed");
    assert!(misfit(|record| record["descriptor"]["extra"] = 1.into()));
    assert!(misfit(|record| _ = record.as_object_mut().unwrap().remove("signature")));
}
