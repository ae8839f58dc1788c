//! The signature on a draw's public record, and on what is counted of its entries: the operator cannot say later that it
//! was someone else's.
//!
//! A detached JWS over the canonical JSON of the document without its signature. So the document stays plain JSON, and
//! whoever has the edge's `jwks.json` can check it.

use fairgate_draw::{Record, canonical_json, v2};
use serde_json::Value;

use super::jws::JwsError;
use super::keys::KeyRing;
use super::keyset::KeySet;

const TYPE: &str = "fairgate-draw+jws";
const COUNTS_TYPE: &str = "fairgate-entry+jws";
const REPORT_TYPE: &str = "fairgate-report+jws";

/// Why a record is not believed to be the operator's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a JSON object that RFC 8785 can write.
    #[error("the record is not an object of strings and integers")]
    NotCanonical,
    /// The record has no signature.
    #[error("the record is not signed")]
    Unsigned,
    /// The signature is not one of the keys' over this record.
    #[error("{0}")]
    Token(#[from] JwsError),
}

impl KeyRing {
    /// Puts the signature of the key that signs now on a record.
    #[must_use]
    pub fn sign_record(&self, mut record: Record, now_ms: u64) -> Record {
        record.signature = None;
        record.signature = Some(self.sign_canonical(&record.canonical_json(), now_ms));
        record
    }

    /// Puts the signature of the key that signs now on a record of a draw with tiers.
    #[must_use]
    pub fn sign_tier_record(&self, mut record: v2::Record, now_ms: u64) -> v2::Record {
        record.signature = None;
        record.signature = Some(self.sign_canonical(&record.canonical_json(), now_ms));
        record
    }

    /// Puts the signature of the key that signs now on the numbers of a draw's entry: an object of strings, whole numbers,
    /// lists and objects. `None` for anything else.
    #[must_use]
    pub fn sign_counts(&self, counts: Value, now_ms: u64) -> Option<Value> {
        self.sign_document(counts, COUNTS_TYPE, now_ms)
    }

    /// Puts the signature of the key that signs now on the report of a sale, as [`KeyRing::sign_counts`] does.
    #[must_use]
    pub fn sign_report(&self, report: Value, now_ms: u64) -> Option<Value> {
        self.sign_document(report, REPORT_TYPE, now_ms)
    }

    fn sign_document(&self, mut document: Value, kind: &str, now_ms: u64) -> Option<Value> {
        let unsigned = canonical_json(&document)?;
        let signature = self.signer(now_ms).sign_detached(kind, unsigned.as_bytes());
        document.as_object_mut()?.insert("signature".to_owned(), signature.into());
        Some(document)
    }

    fn sign_canonical(&self, unsigned: &str, now_ms: u64) -> String {
        self.signer(now_ms).sign_detached(TYPE, unsigned.as_bytes())
    }
}

impl KeySet {
    /// Checks the signature on a record, as it was published; answers the id of the key that signed it. Fields that this
    /// version does not know are signed, too.
    ///
    /// # Errors
    /// When none of these keys signed this very record.
    pub fn verify_record(&self, published: Value) -> Result<String, RecordError> {
        self.verify_published(published, TYPE)
    }

    /// Checks the signature on the numbers of a draw's entry, as they were published; answers the id of the key.
    ///
    /// # Errors
    /// When none of these keys signed these very numbers.
    pub fn verify_counts(&self, published: Value) -> Result<String, RecordError> {
        self.verify_published(published, COUNTS_TYPE)
    }

    /// Checks the signature on the report of a sale; answers the id of the key.
    ///
    /// # Errors
    /// When none of these keys signed this very report.
    pub fn verify_report(&self, published: Value) -> Result<String, RecordError> {
        self.verify_published(published, REPORT_TYPE)
    }

    fn verify_published(&self, mut published: Value, kind: &str) -> Result<String, RecordError> {
        let record = published.as_object_mut().ok_or(RecordError::NotCanonical)?;
        let signature = match record.remove("signature") {
            None | Some(Value::Null) => return Err(RecordError::Unsigned),
            Some(Value::String(signature)) => signature,
            Some(_) => return Err(RecordError::Token(JwsError::Malformed)),
        };
        let payload = canonical_json(&published).ok_or(RecordError::NotCanonical)?;
        Ok(self.verify_detached(&signature, payload.as_bytes(), kind)?)
    }
}

#[cfg(test)]
mod tests {
    use fairgate_draw::Descriptor;
    use fairgate_telemetry::entropy;
    use serde_json::json;

    use super::*;
    use crate::create_key;

    fn ring() -> KeyRing {
        let dir = tempfile::tempdir().unwrap();
        create_key(dir.path(), 1_000, &entropy::system()).unwrap();
        KeyRing::load(dir.path(), "https://tickets.example").unwrap()
    }

    fn record() -> Record {
        let (commitment, room) = ([0xab; 32], "tour".into());
        Record::scheduled(Descriptor { beacon: None, commitment, opens_at_ms: 1, room, starts_at_ms: 2 })
    }

    fn published(record: &Record) -> Value {
        serde_json::from_str(&record.canonical_json()).unwrap()
    }

    #[test]
    fn a_signed_record_is_believed_and_names_its_key() {
        let ring = ring();
        let signed = published(&ring.sign_record(record(), 2_000));
        let kid = ring.public().verify_record(signed).unwrap();
        assert!(ring.public().kids().any(|known| known == kid));
    }

    #[test]
    fn signing_again_replaces_the_signature() {
        let ring = ring();
        let once = ring.sign_record(record(), 2_000);
        assert_eq!(ring.sign_record(once.clone(), 2_000), once);
    }

    #[test]
    fn any_change_is_seen_also_in_fields_of_later_versions() {
        let ring = ring();
        let signed = published(&ring.sign_record(record(), 2_000));
        for (key, value) in [("entries", json!(7)), ("label", json!("x")), ("later", json!(1))] {
            let mut changed = signed.clone();
            changed[key] = value;
            assert_eq!(ring.public().verify_record(changed), Err(RecordError::Token(JwsError::Signature)), "{key}");
        }
    }

    #[test]
    fn a_foreign_key_no_signature_and_a_ticket_as_signature_are_refused() {
        let ring = ring();
        let foreign = published(&self::ring().sign_record(record(), 2_000));
        assert!(matches!(ring.public().verify_record(foreign), Err(RecordError::Token(JwsError::UnknownKey))));
        assert_eq!(ring.public().verify_record(published(&record())), Err(RecordError::Unsigned));
        let mut odd = published(&record());
        odd["signature"] = json!(7);
        assert_eq!(ring.public().verify_record(odd), Err(RecordError::Token(JwsError::Malformed)));
        assert_eq!(ring.public().verify_record(json!([])), Err(RecordError::NotCanonical));
    }

    #[test]
    fn numbers_are_signed_as_numbers_and_are_no_record() {
        let ring = ring();
        let counts = json!({"at_ms": 3, "entry": {"entries": 7, "refused": {"code-unknown": 2}}, "ended": false});
        let signed = ring.sign_counts(counts.clone(), 2_000).unwrap();
        assert!(ring.public().verify_counts(signed.clone()).is_ok());
        assert!(ring.public().verify_report(signed.clone()).is_err(), "numbers are no report");
        let report = ring.sign_report(json!({ "kind": "fairgate-report", "ends_at_ms": null }), 2_000).unwrap();
        assert!(ring.public().verify_report(report.clone()).is_ok() && ring.public().verify_counts(report).is_err());
        assert!(ring.public().verify_record(signed.clone()).is_err());
        assert!(ring.public().verify_counts(published(&ring.sign_record(record(), 2_000))).is_err());
        let mut changed = signed;
        changed["entry"]["entries"] = 8.into();
        assert_eq!(ring.public().verify_counts(changed), Err(RecordError::Token(JwsError::Signature)));
        assert_eq!(ring.public().verify_counts(counts), Err(RecordError::Unsigned));
        assert_eq!(ring.sign_counts(json!({"share": 0.5}), 2_000), None);
    }
}
