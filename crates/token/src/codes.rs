//! The signature on a list of codes: an edge believes the lists that its own operator made.
//!
//! A detached JWS over the list's header and a mark of the identity key, so that a list made with another key is refused
//! instead of letting nobody in.

use super::jws::JwsError;
use super::keys::KeyRing;
use super::keyset::KeySet;

const TYPE: &str = "fairgate-codes+jws";

impl KeyRing {
    /// Signs what stands for a list of codes with the key that signs now.
    #[must_use]
    pub fn sign_codes(&self, list: &[u8], now_ms: u64) -> String {
        self.signer(now_ms).sign_detached(TYPE, list)
    }
}

impl KeySet {
    /// Checks the signature on what stands for a list of codes; answers the id of the key that signed it.
    ///
    /// # Errors
    /// When none of these keys signed these very bytes.
    pub fn verify_codes(&self, signature: &str, list: &[u8]) -> Result<String, JwsError> {
        self.verify_detached(signature, list, TYPE)
    }
}

#[cfg(test)]
mod tests {
    use fairgate_telemetry::entropy;
    use tempfile::TempDir;

    use super::*;
    use crate::create_key;

    #[test]
    fn a_list_is_believed_as_it_was_signed_and_for_nothing_else() {
        let dir = TempDir::new().unwrap();
        create_key(dir.path(), 0, &entropy::system()).unwrap();
        let keys = KeyRing::load(dir.path(), "fairgate").unwrap();
        let signature = keys.sign_codes(b"a list", 1);
        assert!(keys.public().verify_codes(&signature, b"a list").is_ok());
        assert_eq!(keys.public().verify_codes(&signature, b"another").unwrap_err(), JwsError::Signature);
        let record = signature.split_once("..").unwrap().1;
        assert!(keys.public().verify_codes(record, b"a list").is_err());
        assert!(keys.public().verify_detached(&signature, b"a list", "fairgate-draw+jws").is_err());
    }
}
