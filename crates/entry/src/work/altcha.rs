//! The puzzle in the messages of ALTCHA's widget (its second version), for pages that have the widget already.
//!
//! Guarantees:
//! - a challenge is made of the entry and the minute alone, so none is remembered
//! - a payload counts only for a challenge that this room made for this entry
//! - what is solved is then checked as all work is
//!
//! A challenge is `{"parameters": {…}, "signature"}`. The signature is the hex HMAC-SHA-256 over the JSON of the parameters,
//! with members in the order of their names. The widget's payload is base64 of `{"challenge", "solution": {"counter",
//! "derivedKey", "time"}}`. Members that ALTCHA leaves to the algorithm are used so: `nonce` is the bond, `salt` the seed,
//! `cost` the number of tables, `data` the epoch, the room and the puzzle's key, which the solver takes as it is.
//! `derivedKey` is the solutions in hex, and `counter` the last table.
//!
//! Read in `altcha-lib` 2.8.0 and `altcha` 3.2.2; the tests run both.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::solution::SOLUTION_BYTES;
use super::way::Work;
use crate::epoch::Epoch;
use crate::keys::equal;
use crate::way::Scene;

/// What a challenge calls the puzzle, and what a page registers its solver for.
pub const ALGORITHM: &str = "FAIRGATE-BIRTHDAY-18";
/// Longer payloads are refused unread.
pub const PAYLOAD_BYTES_MAX: usize = 10_000;
/// Every solution of one of the first 256 tables begins so, and no work ends without one.
const KEY_PREFIX: &str = "00";
const DOMAIN: &str = "fairgate/v2/altcha";

/// Why a payload is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AltchaError {
    /// Not what the widget makes.
    #[error("the payload is not base64 of the JSON that the ALTCHA widget makes")]
    Form,
    /// Another server's challenge, another entry's or room's, or a changed one.
    #[error("the payload's challenge was not made for this entry")]
    Signature,
}

/// The members in the order of their names: so they are signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'p> {
    algorithm: &'static str,
    cost: u32,
    data: Data<'p>,
    /// Unix seconds.
    expires_at: u64,
    key_length: usize,
    key_prefix: &'static str,
    nonce: String,
    salt: String,
}

#[derive(Serialize)]
struct Data<'p> {
    e: u32,
    key: String,
    room: &'p str,
}

#[derive(Serialize)]
struct Challenge<'p> {
    parameters: Parameters<'p>,
    signature: String,
}

/// What is read of a payload: the rest of the parameters follows from the entry, and is signed.
#[derive(Deserialize)]
struct Payload {
    challenge: SolvedChallenge,
    solution: WidgetSolution,
}

#[derive(Deserialize)]
struct SolvedChallenge {
    parameters: SolvedParameters,
    signature: String,
}

#[derive(Deserialize)]
struct SolvedParameters {
    cost: u32,
    data: SolvedData,
}

#[derive(Deserialize)]
struct SolvedData {
    e: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WidgetSolution {
    derived_key: String,
}

/// Makes challenges for the widget, and reads what it answers.
#[derive(Clone)]
pub struct Altcha {
    work: Work,
    signer: hmac::Key,
}

impl Altcha {
    /// Beside the way that checks the work.
    ///
    /// Challenges are signed with the ASCII text hex(`HMAC(k_w, DST("fairgate/v2/altcha"))`), because ALTCHA's libraries take
    /// their secret as text.
    #[must_use]
    pub fn new(work: Work) -> Self {
        let secret = hex::encode(work.key().mac(DOMAIN, &[]));
        Self { work, signer: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()) }
    }

    /// The challenge of this scene's entry, as JSON.
    #[must_use]
    pub fn challenge(&self, scene: &Scene<'_>) -> String {
        let parameters = self.parameters(Epoch::of(scene.now_ms), scene.effort, scene);
        let signature = self.signature(&parameters);
        serde_json::to_string(&Challenge { parameters, signature }).expect("plain members are JSON")
    }

    /// The epoch and the solutions (base64url) of a payload, to be judged as
    /// [`Shown::Work`](crate::way::Shown::Work).
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn open(&self, payload: &str, scene: &Scene<'_>) -> Result<(Epoch, String), AltchaError> {
        let payload = Some(payload).filter(|payload| payload.len() <= PAYLOAD_BYTES_MAX).ok_or(AltchaError::Form)?;
        let json = STANDARD.decode(payload).map_err(|_| AltchaError::Form)?;
        let Payload { challenge, solution } = serde_json::from_slice(&json).map_err(|_| AltchaError::Form)?;
        let epoch = Epoch(challenge.parameters.data.e);
        let expected = self.signature(&self.parameters(epoch, challenge.parameters.cost, scene));
        if !equal(challenge.signature.as_bytes(), expected.as_bytes()) {
            return Err(AltchaError::Signature);
        }
        let solutions = hex::decode(solution.derived_key).map_err(|_| AltchaError::Form)?;
        Ok((epoch, URL_SAFE_NO_PAD.encode(solutions)))
    }

    fn parameters<'s>(&self, epoch: Epoch, cost: u32, scene: &Scene<'s>) -> Parameters<'s> {
        let key = self.work.puzzle(epoch, scene).to_hex();
        Parameters {
            algorithm: ALGORITHM,
            cost,
            data: Data { e: epoch.0, key, room: scene.room },
            expires_at: epoch.until_ms() / 1000,
            key_length: (cost as usize).saturating_mul(SOLUTION_BYTES),
            key_prefix: KEY_PREFIX,
            nonce: hex::encode(scene.bond.bytes()),
            salt: hex::encode(epoch.seed(self.work.key(), scene.draw)),
        }
    }

    fn signature(&self, parameters: &Parameters<'_>) -> String {
        let json = serde_json::to_vec(parameters).expect("plain members are JSON");
        hex::encode(hmac::sign(&self.signer, &json))
    }
}

impl fmt::Debug for Altcha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Altcha(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::solution::tests::{TWO, two};
    use super::super::way::tests::{scene, work};
    use super::*;
    use crate::bond::Bond;
    use crate::vectors::{EPOCH, draw, nonce};
    use crate::way::{Judgement, Person, Shown, Way};

    fn altcha() -> Altcha {
        Altcha::new(work())
    }

    fn solved(challenge: &str) -> Value {
        let derived: String = two().iter().map(|solution| hex::encode(solution.to_bytes())).collect();
        let challenge: Value = serde_json::from_str(challenge).expect("JSON");
        json!({"challenge": challenge, "solution": {"counter": 1, "derivedKey": derived, "time": 301.2}})
    }

    fn payload(value: &Value) -> String {
        STANDARD.encode(value.to_string())
    }

    #[test]
    fn a_challenge_names_the_entry_and_the_minute() {
        let challenge: Value = serde_json::from_str(&altcha().challenge(&scene(&draw()))).expect("JSON");
        let expected = json!({
            "algorithm": "FAIRGATE-BIRTHDAY-18",
            "cost": 2,
            "data": {
                "e": EPOCH,
                "key": "b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069",
                "room": "final",
            },
            "expiresAt": (u64::from(EPOCH) + 2) * 60,
            "keyLength": 80,
            "keyPrefix": "00",
            "nonce": "0fa3539b43c6591c39d7c39016c7780c",
            "salt": "5f9c25f4975368e3ef4534f1464d3268",
        });
        assert_eq!(challenge["parameters"], expected);
        assert_eq!(challenge["signature"].as_str().map(str::len), Some(64));
    }

    #[test]
    fn what_the_widget_solves_is_judged_as_work() {
        let (altcha, draw) = (altcha(), draw());
        let scene = scene(&draw);
        let (epoch, solutions) = altcha.open(&payload(&solved(&altcha.challenge(&scene))), &scene).expect("ours");
        assert_eq!((epoch, solutions.as_str()), (Epoch(EPOCH), TWO));
        let shown = Shown::Work { epoch: epoch.0, solutions: &solutions };
        assert_eq!(work().judge(&shown, &scene), Judgement::Shown(Person::checked()));
    }

    #[test]
    fn a_challenge_counts_for_its_entry_only() {
        let (altcha, draw) = (altcha(), draw());
        let here = scene(&draw);
        let payload = payload(&solved(&altcha.challenge(&here)));
        let elsewhere = [
            Scene { bond: Bond::of(&nonce(), b"code"), ..here },
            Scene { room: "other", ..here },
            Scene { draw: &[7; 32], ..here },
        ];
        for scene in elsewhere {
            assert_eq!(altcha.open(&payload, &scene), Err(AltchaError::Signature));
        }
        assert!(altcha.open(&payload, &Scene { now_ms: here.now_ms + 500_000, ..here }).is_ok(), "its epoch is work's");
    }

    #[test]
    fn a_changed_challenge_is_nobodys() {
        let (altcha, draw) = (altcha(), draw());
        let scene = scene(&draw);
        let good = solved(&altcha.challenge(&scene));
        for (pointer, other) in [
            ("/challenge/parameters/cost", json!(1)),
            ("/challenge/parameters/data/e", json!(EPOCH - 1)),
            ("/challenge/signature", json!("00".repeat(32))),
            ("/challenge/signature", json!("")),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).expect("a member") = other;
            assert_eq!(altcha.open(&payload(&changed), &scene), Err(AltchaError::Signature), "{pointer}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let (altcha, draw) = (altcha(), draw());
        let scene = scene(&draw);
        let mut odd = solved(&altcha.challenge(&scene));
        odd["solution"]["derivedKey"] = json!("zz");
        let long = "A".repeat(PAYLOAD_BYTES_MAX + 4);
        for wrong in ["", "A", "e30=", "bnVsbA==", &payload(&json!({"solution": {}})), &payload(&odd), &long] {
            assert_eq!(altcha.open(wrong, &scene), Err(AltchaError::Form));
        }
    }

    proptest! {
        #[test]
        fn a_turned_bit_is_no_work(bit: prop::sample::Index) {
            let (altcha, draw) = (altcha(), draw());
            let scene = scene(&draw);
            let mut json = solved(&altcha.challenge(&scene))["solution"]["derivedKey"].to_string().into_bytes();
            let bit = bit.index(8 * json.len());
            json[bit / 8] ^= 1 << (bit % 8);
            let mut payload = STANDARD.decode(payload(&solved(&altcha.challenge(&scene)))).expect("base64");
            let at = payload.windows(40).position(|part| part == b"00000387d3c00d4ea4e55bd750ed423cb5ae9740").expect("it");
            payload.splice(at - 1..at - 1 + json.len(), json);
            if let Ok((epoch, solutions)) = altcha.open(&STANDARD.encode(payload), &scene) {
                let judged = work().judge(&Shown::Work { epoch: epoch.0, solutions: &solutions }, &scene);
                // A letter's case is the one bit that means nothing in hex.
                prop_assert!(judged == Judgement::Refused(crate::way::Reason::WorkWrong) || solutions == TWO);
            }
        }
    }
}
