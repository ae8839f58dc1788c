//! What someone saw of a draw earlier: the operator may add to it, and change nothing.

use fairgate_draw::{Record, Verdict};
use serde_json::{Map, Value};

/// What is published once and for all, from its step on.
const FIXED: [&str; 9] =
    ["room", "descriptor", "descriptor_digest", "commitment", "entries", "root", "secret", "beacon", "seed"];

/// A saved record, or a saved `status`, with a name for the report.
#[derive(Clone, Debug)]
pub struct Witness {
    name: String,
    saw: Map<String, Value>,
}

impl Witness {
    /// Reads a saved record or status.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(name: &str, json: &str) -> Result<Self, serde_json::Error> {
        let mut saw: Map<String, Value> = serde_json::from_str(json)?;
        if let Some(Value::Object(draw)) = saw.remove("draw") {
            saw = draw;
        }
        Ok(Self { name: name.to_owned(), saw })
    }

    /// Whether the record says all that was seen.
    #[must_use]
    pub fn check(&self, record: &Record) -> Verdict {
        let now = serde_json::to_value(record).expect("a record is JSON");
        let seen: Vec<&str> =
            FIXED.into_iter().filter(|key| self.saw.get(*key).is_some_and(|v| !v.is_null())).collect();
        match seen.iter().find(|key| self.saw[**key] != now[**key]) {
            _ if seen.is_empty() => Verdict::Open(format!("{} says nothing about a draw", self.name)),
            None => Verdict::Holds(format!("{} saw the same {}", self.name, seen.join(", "))),
            Some(key) => Verdict::Fails(format!(
                "the {key} was changed after it was published: {} saw {}, the record says {}",
                self.name, self.saw[*key], now[*key]
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use fairgate_draw::Descriptor;
    use serde_json::json;

    use super::*;

    fn record() -> Record {
        let descriptor =
            Descriptor { beacon: None, commitment: [0xab; 32], opens_at_ms: 1, room: "tour".into(), starts_at_ms: 2 };
        Record { entries: Some(3), root: Some([0xcd; 32]), ..Record::scheduled(descriptor) }
    }

    fn verdict(saw: &Value) -> Verdict {
        Witness::parse("a browser", &saw.to_string()).unwrap().check(&record())
    }

    #[test]
    fn a_record_may_grow_and_not_change() {
        let scheduled = serde_json::to_value(Record::scheduled(record().descriptor)).unwrap();
        assert!(matches!(verdict(&scheduled), Verdict::Holds(_)));
        assert!(matches!(verdict(&json!({ "root": "cd".repeat(32), "later": 1 })), Verdict::Holds(_)));
        assert!(matches!(verdict(&json!({ "root": "ce".repeat(32) })), Verdict::Fails(_)));
        assert!(matches!(verdict(&json!({ "seed": "00".repeat(32) })), Verdict::Fails(_)), "it was taken back");
    }

    #[test]
    fn a_status_is_a_witness_too() {
        let status = |entries: u64| json!({ "phase": "drawing", "room": "other", "draw": { "entries": entries } });
        assert!(matches!(verdict(&status(3)), Verdict::Holds(_)));
        let Verdict::Fails(why) = verdict(&status(4)) else { panic!("not seen") };
        assert_eq!(why, "the entries was changed after it was published: a browser saw 4, the record says 3");
        assert!(matches!(verdict(&json!({ "phase": "idle", "draw": null })), Verdict::Open(_)));
    }
}
