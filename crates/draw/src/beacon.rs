//! Step 4, the public half: randomness that nobody knew when the roster was frozen.
//!
//! A round is believed only if its signature verifies under a key that is pinned here, for the very round that the
//! descriptor names. Who handed it in does not matter: the signature authenticates itself.

use std::fmt;

use blst::BLST_ERROR;
use blst::min_sig::{PublicKey, Signature};
use serde::{Deserialize, Serialize};

use crate::descriptor::BeaconRound;
use crate::hash::{Hash, plain};
use crate::hex_bytes;

/// drand's "quicknet", the one chain of this version: a round every three seconds.
pub const QUICKNET: Chain = Chain {
    hash: hex_bytes::literal("52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"),
    public_key: hex_bytes::literal(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c\
          8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb\
          5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    ),
    genesis_ms: 1_692_803_367_000,
    period_ms: 3_000,
};

/// RFC 9380's ciphersuite, as the scheme's name says.
const CIPHERSUITE: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// A drand chain that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The chain's hash, which names it.
    pub hash: Hash,
    /// The chain's public key, a compressed point of G2.
    pub public_key: [u8; 96],
    /// When round 1 was, Unix ms.
    pub genesis_ms: u64,
    /// From one round to the next.
    pub period_ms: u64,
}

/// What a round of the chain is: its signature, a compressed point of G1. The randomness is its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BeaconSignature(#[serde(with = "hex_bytes")] pub [u8; 48]);

impl fmt::Debug for BeaconSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BeaconSignature({})", hex::encode(self.0))
    }
}

/// A round as drand's relays answer it, in JSON: `{"round":R,"signature":"<hex>",…}`. What else it says is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconAnswer {
    /// The round that the answer says it is.
    pub round: u64,
    /// The round's signature.
    pub signature: BeaconSignature,
}

/// Why a beacon is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeaconError {
    /// The answer says itself that it is of another round.
    #[error("this is round {answered}, and the draw waits for round {named}")]
    OtherRound {
        /// The round that the descriptor names.
        named: u64,
        /// The round that was handed in.
        answered: u64,
    },
    /// A chain or key that is not pinned here: it might be the operator's own.
    #[error("the descriptor names a beacon that is not drand's quicknet, so nobody vouches for it")]
    UnknownChain,
    /// Not a point of the curve's group, or the point at infinity.
    #[error("the beacon's signature is not a signature at all")]
    Malformed,
    /// The signature is not the chain's for this round.
    #[error("the signature is not the chain's for round {round}: it is forged, or of another round")]
    NotSigned {
        /// The round that the descriptor names.
        round: u64,
    },
}

impl Chain {
    /// When a round is published, Unix ms.
    #[must_use]
    pub fn time_ms(&self, round: u64) -> u64 {
        self.genesis_ms.saturating_add(round.saturating_sub(1).saturating_mul(self.period_ms))
    }

    /// The first round that is published at `time_ms` or later.
    #[must_use]
    pub fn round_at(&self, time_ms: u64) -> u64 {
        1 + time_ms.saturating_sub(self.genesis_ms).div_ceil(self.period_ms)
    }

    /// A round, as a descriptor names it.
    #[must_use]
    pub fn round(&self, round: u64) -> BeaconRound {
        BeaconRound { chain: self.hash, fallback_after_ms: None, public_key: self.public_key, round }
    }
}

impl BeaconRound {
    /// The chain that the round is of.
    ///
    /// # Errors
    /// Where it is not one that is pinned here.
    pub fn known_chain(&self) -> Result<Chain, BeaconError> {
        let pinned = self.chain == QUICKNET.hash && self.public_key == QUICKNET.public_key;
        if pinned { Ok(QUICKNET) } else { Err(BeaconError::UnknownChain) }
    }

    /// When the round is published, Unix ms.
    ///
    /// # Errors
    /// Where its chain is not pinned here, so that nobody knows.
    pub fn time_ms(&self) -> Result<u64, BeaconError> {
        Ok(self.known_chain()?.time_ms(self.round))
    }

    /// The round's randomness, from a relay's answer.
    ///
    /// # Errors
    /// Where the answer is of another round, or not signed by the pinned chain.
    pub fn accept(&self, answer: &BeaconAnswer) -> Result<Hash, BeaconError> {
        match answer.round {
            answered if answered == self.round => self.randomness(&answer.signature),
            answered => Err(BeaconError::OtherRound { named: self.round, answered }),
        }
    }

    /// The round's randomness, from its signature.
    ///
    /// # Errors
    /// Where the signature is not the pinned chain's for this round.
    pub fn randomness(&self, signature: &BeaconSignature) -> Result<Hash, BeaconError> {
        let signature = &signature.0;
        let key = PublicKey::key_validate(&self.known_chain()?.public_key).map_err(|_| BeaconError::UnknownChain)?;
        let point = Signature::sig_validate(signature, true).map_err(|_| BeaconError::Malformed)?;
        let message = plain(&self.round.to_be_bytes());
        match point.verify(false, &message, CIPHERSUITE, &[], &key, false) {
            BLST_ERROR::BLST_SUCCESS => Ok(plain(signature)),
            _ => Err(BeaconError::NotSigned { round: self.round }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Round 1000, from `DRAW.md`.
    const ROUND: u64 = 1000;
    const SIGNATURE: BeaconSignature = BeaconSignature(hex_bytes::literal(
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    ));

    #[test]
    fn round_1000_of_quicknet_holds() {
        let randomness = QUICKNET.round(ROUND).randomness(&SIGNATURE).unwrap();
        assert_eq!(hex::encode(randomness), "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd");
    }

    #[test]
    fn another_round_is_refused() {
        for round in [0, 1, 999, 1001, u64::MAX] {
            let refused = QUICKNET.round(round).randomness(&SIGNATURE);
            assert_eq!(refused, Err(BeaconError::NotSigned { round }));
        }
    }

    #[test]
    fn a_relays_answer_is_read_and_one_of_another_round_named() {
        let json = format!(r#"{{"round":1000,"randomness":"00","signature":"{}"}}"#, hex::encode(SIGNATURE.0));
        let answer: BeaconAnswer = serde_json::from_str(&json).unwrap();
        assert_eq!(QUICKNET.round(ROUND).accept(&answer), QUICKNET.round(ROUND).randomness(&SIGNATURE));
        let refused = QUICKNET.round(1001).accept(&answer).unwrap_err();
        assert_eq!(refused.to_string(), "this is round 1000, and the draw waits for round 1001");
        let renamed = BeaconAnswer { round: 1001, ..answer };
        assert_eq!(QUICKNET.round(1001).accept(&renamed), Err(BeaconError::NotSigned { round: 1001 }));
    }

    #[test]
    fn no_bit_of_the_signature_can_change() {
        for bit in 0..48 * 8 {
            let mut forged = SIGNATURE;
            forged.0[bit / 8] ^= 1 << (bit % 8);
            assert!(QUICKNET.round(ROUND).randomness(&forged).is_err(), "bit {bit}");
        }
        assert_eq!(QUICKNET.round(ROUND).randomness(&BeaconSignature([0; 48])), Err(BeaconError::Malformed));
    }

    #[test]
    fn the_point_at_infinity_signs_nothing() {
        let mut infinity = [0; 48];
        infinity[0] = 0xc0;
        assert_eq!(QUICKNET.round(ROUND).randomness(&BeaconSignature(infinity)), Err(BeaconError::Malformed));
    }

    #[test]
    fn a_key_of_the_operators_own_is_refused() {
        let own = blst::min_sig::SecretKey::key_gen(&[7; 32], &[]).unwrap();
        let message = plain(&ROUND.to_be_bytes());
        let signature = BeaconSignature(own.sign(&message, CIPHERSUITE, &[]).compress());
        let public_key = own.sk_to_pk().compress();
        let beacon = BeaconRound { public_key, ..QUICKNET.round(ROUND) };
        assert_eq!(beacon.randomness(&signature), Err(BeaconError::UnknownChain));
        assert_eq!(
            QUICKNET.round(ROUND).randomness(&signature),
            Err(BeaconError::NotSigned { round: ROUND }),
            "under the pinned key it proves nothing"
        );
        let other_chain = BeaconRound { chain: [1; 32], ..QUICKNET.round(ROUND) };
        assert_eq!(other_chain.randomness(&SIGNATURE), Err(BeaconError::UnknownChain));
    }

    #[test]
    fn rounds_and_times_agree() {
        assert_eq!(QUICKNET.time_ms(1), QUICKNET.genesis_ms);
        assert_eq!(QUICKNET.time_ms(1000), 1_692_806_364_000);
        assert_eq!(QUICKNET.round_at(0), 1);
        for time_ms in 1_692_806_361_001..=1_692_806_364_000 {
            assert_eq!(QUICKNET.round_at(time_ms), 1000);
        }
        assert_eq!(QUICKNET.round_at(1_692_806_364_001), 1001);
    }
}
