//! npm's `jose` makes proofs as browsers do (RFC 9449), and `verify_proof` judges them.

use std::path::Path;

use fairgate_entry::binding::{ProofError, ProofNonces, ProofOf, Thumbprint, token_hash, verify_proof};
use fairgate_entry::keys::Key;
use fairgate_testkit::node::Client;
use serde_json::{Value, json};

const NOW_MS: u64 = 1_764_581_400_000;
const TICKET: &str = "eyJ0aWNrZXQiOjF9.e30.AA";
const ADDRESS: &str = "https://tickets.example/.fairgate/final/claim";

/// A browser with two P-256 keys and one of Ed25519.
struct Browser(Client);

impl Browser {
    fn new() -> Self {
        let mut client = Client::start("jose.mjs", Path::new(env!("CARGO_TARGET_TMPDIR")));
        for (name, alg) in [("own", "ES256"), ("other", "ES256"), ("ed", "EdDSA")] {
            client.ask(&json!({"do": "pair", "name": name, "alg": alg}));
        }
        Self(client)
    }

    fn thumbprint(&mut self, name: &str) -> Thumbprint {
        let said = self.0.ask(&json!({"do": "thumbprint", "name": name}));
        Thumbprint::read(said.as_str().expect("text")).expect("a thumbprint")
    }

    fn proof(&mut self, name: &str, header: Value, claims: Value) -> String {
        let said = self.0.ask(&json!({"do": "token", "name": name, "header": header, "claims": claims}));
        said.as_str().expect("text").to_owned()
    }
}

fn nonces() -> ProofNonces {
    ProofNonces::new(Key::from_bytes([0x43; 32]), [9; 32])
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": "public"})
}

fn claims() -> Value {
    json!({"jti": "WxKIvbhszzPMAUja", "htm": "POST", "htu": ADDRESS, "iat": NOW_MS / 1000,
        "nonce": nonces().now(NOW_MS), "ath": token_hash(TICKET)})
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

#[test]
fn proofs_of_jose_count_for_their_call_and_for_nothing_else() {
    let mut browser = Browser::new();
    let key = browser.thumbprint("own");
    let verified = |proof: &str| {
        verify_proof(proof, &ProofOf { method: "POST", address: ADDRESS, token: TICKET, key: &key }, &nonces(), NOW_MS)
    };
    let good = browser.proof("own", header(), claims());
    assert_eq!(verified(&good), Ok(()));
    // What a browser adds does no harm.
    assert_eq!(verified(&browser.proof("own", header(), with(claims(), "exp", json!(1)))), Ok(()));
    let mut refused = |name: &str, header: Value, claims: Value, error: ProofError| {
        assert_eq!(verified(&browser.proof(name, header, claims)), Err(error));
    };
    refused("other", header(), claims(), ProofError::OtherKey);
    refused("own", with(header(), "typ", json!("JWT")), claims(), ProofError::Type);
    refused("ed", with(header(), "alg", json!("EdDSA")), claims(), ProofError::Algorithm);
    refused(
        "own",
        with(header(), "jwk", json!("private")),
        claims(),
        ProofError::Key(fairgate_entry::binding::thumbprint::JwkError::Private),
    );
    refused("own", header(), with(claims(), "htm", json!("GET")), ProofError::Method);
    refused("own", header(), with(claims(), "htu", json!(format!("{ADDRESS}?a=b"))), ProofError::Address);
    refused("own", header(), with(claims(), "nonce", json!(nonces().now(NOW_MS - 120_000))), ProofError::UseNonce);
    refused("own", header(), with(claims(), "ath", json!(token_hash("another"))), ProofError::OtherToken);
    // The signature of another proof under the same header and claims.
    let (message, signature) = good.rsplit_once('.').expect("a JWT");
    let mut turned = signature.to_owned();
    turned.replace_range(10..11, if &turned[10..11] == "A" { "B" } else { "A" });
    assert_eq!(verified(&format!("{message}.{turned}")), Err(ProofError::Signature));
}
