//! Step 1, the second half: the descriptor, which fixes everything about a draw before its pool opens.
//!
//! One descriptor has one canonical text (RFC 8785), so one digest `D`; and one `D` allows one draw, ever.

use serde::{Deserialize, Serialize};

use crate::hash::{Hash, tagged};
use crate::record::Label;

/// The protocol's version, as it stands in every descriptor.
pub const VERSION: &str = "fairgate/v1";

/// The only beacon scheme of this version: drand's "quicknet".
pub const BEACON_SCHEME: &str = "bls-unchained-g1-rfc9380";

/// The greatest integer that RFC 8785 writes digit for digit (2⁵³ - 1).
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// What fixes a draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Descriptor {
    /// The future round of public randomness that the seed will use, if any.
    pub beacon: Option<BeaconRound>,
    /// [`commitment`](crate::commitment) of the secret.
    pub commitment: Hash,
    /// When the pool opens, Unix ms; at most 2⁵³ - 1, like every number here.
    pub opens_at_ms: u64,
    /// The room's name.
    pub room: String,
    /// When the roster is frozen, Unix ms.
    pub starts_at_ms: u64,
}

/// One future round of a drand chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconRound {
    /// The chain's hash.
    pub chain: Hash,
    /// How long after the round's time the draw may go on without it; `None`: it waits. Whoever has the secret can work
    /// out the outcome without the round before the freeze, so a draw with this proves no more than "committed". An
    /// addition to the protocol that leaves every descriptor without it as it was.
    pub fallback_after_ms: Option<u64>,
    /// The chain's public key, a compressed point of G2.
    pub public_key: [u8; 96],
    /// The round.
    pub round: u64,
}

/// Why a text is not a descriptor of this version.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// Not JSON, or a key is missing, unknown, repeated or of the wrong type.
    #[error("not a descriptor: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version of the protocol.
    #[error("the descriptor is of version {0:?}, not {VERSION:?}: check it with a program of that version")]
    Version(String),
    /// Another kind of beacon.
    #[error("the beacon's scheme is {0:?}, not {BEACON_SCHEME:?}")]
    Scheme(String),
    /// Bytes that are not hex, or too many or few of them.
    #[error("{key} is not {bytes} bytes of hex")]
    Hex {
        /// The descriptor's key.
        key: &'static str,
        /// How many bytes it must have.
        bytes: usize,
    },
    /// A number that RFC 8785 cannot write digit for digit.
    #[error("{0} is beyond 2^53 - 1")]
    Number(&'static str),
    /// The text says the same as a descriptor, but its digest would be another one.
    #[error("the descriptor is not canonical (RFC 8785); it should read {0}")]
    NotCanonical(String),
}

impl Descriptor {
    /// The one text of this descriptor: RFC 8785 canonical JSON.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("strings and integers can be written")
    }

    /// `D = H(DST("fairgate/v1/descriptor") ‖ descriptor)`.
    #[must_use]
    pub fn digest(&self) -> Hash {
        tagged("fairgate/v1/descriptor", &[self.canonical_json().as_bytes()])
    }

    /// What a draw by these rules can prove, from its schedule to its end.
    #[must_use]
    pub fn label(&self) -> Label {
        match &self.beacon {
            Some(round) if round.fallback_after_ms.is_none() => Label::CommittedAndBeacon,
            _ => Label::Committed,
        }
    }

    /// Reads a canonical text back; any other text of the same meaning is refused, since its digest would differ.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, DescriptorError> {
        let descriptor = Self::try_from(serde_json::from_str::<Wire>(text)?)?;
        let canonical = descriptor.canonical_json();
        if canonical == text { Ok(descriptor) } else { Err(DescriptorError::NotCanonical(canonical)) }
    }
}

/// A descriptor as JSON has it, before the values are judged.
///
/// Keys stand in RFC 8785's order, and `serde_json` writes strings (and integers below 2⁵³) as RFC 8785 does, so what
/// this serializes to is canonical.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    // The key must be there, even where it is null.
    #[serde(deserialize_with = "Option::deserialize")]
    beacon: Option<WireBeacon>,
    commitment: String,
    opens_at_ms: u64,
    room: String,
    starts_at_ms: u64,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBeacon {
    chain: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fallback_after_ms: Option<u64>,
    public_key: String,
    round: u64,
    scheme: String,
}

impl From<Descriptor> for Wire {
    fn from(descriptor: Descriptor) -> Self {
        Self {
            beacon: descriptor.beacon.map(WireBeacon::from),
            commitment: hex::encode(descriptor.commitment),
            opens_at_ms: descriptor.opens_at_ms,
            room: descriptor.room,
            starts_at_ms: descriptor.starts_at_ms,
            version: VERSION.to_owned(),
        }
    }
}

impl From<BeaconRound> for WireBeacon {
    fn from(beacon: BeaconRound) -> Self {
        Self {
            chain: hex::encode(beacon.chain),
            fallback_after_ms: beacon.fallback_after_ms,
            public_key: hex::encode(beacon.public_key),
            round: beacon.round,
            scheme: BEACON_SCHEME.to_owned(),
        }
    }
}

impl TryFrom<Wire> for Descriptor {
    type Error = DescriptorError;

    fn try_from(wire: Wire) -> Result<Self, DescriptorError> {
        if wire.version != VERSION {
            return Err(DescriptorError::Version(wire.version));
        }
        Ok(Self {
            beacon: wire.beacon.map(BeaconRound::try_from).transpose()?,
            commitment: bytes("commitment", &wire.commitment)?,
            opens_at_ms: integer("opens_at_ms", wire.opens_at_ms)?,
            room: wire.room,
            starts_at_ms: integer("starts_at_ms", wire.starts_at_ms)?,
        })
    }
}

impl TryFrom<WireBeacon> for BeaconRound {
    type Error = DescriptorError;

    fn try_from(wire: WireBeacon) -> Result<Self, DescriptorError> {
        if wire.scheme != BEACON_SCHEME {
            return Err(DescriptorError::Scheme(wire.scheme));
        }
        Ok(Self {
            chain: bytes("beacon.chain", &wire.chain)?,
            fallback_after_ms: wire.fallback_after_ms.map(|ms| integer("beacon.fallback_after_ms", ms)).transpose()?,
            public_key: bytes("beacon.public_key", &wire.public_key)?,
            round: integer("beacon.round", wire.round)?,
        })
    }
}

pub(crate) fn bytes<const N: usize>(key: &'static str, text: &str) -> Result<[u8; N], DescriptorError> {
    let mut out = [0; N];
    hex::decode_to_slice(text, &mut out).map_err(|_| DescriptorError::Hex { key, bytes: N })?;
    Ok(out)
}

pub(crate) fn integer(key: &'static str, value: u64) -> Result<u64, DescriptorError> {
    if value <= INTEGER_MAX { Ok(value) } else { Err(DescriptorError::Number(key)) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn example() -> Descriptor {
        Descriptor { beacon: None, commitment: [0xab; 32], opens_at_ms: 1, room: "tour".into(), starts_at_ms: 2 }
    }

    fn any_descriptor() -> impl Strategy<Value = Descriptor> {
        let fallback = prop::option::of(0..=INTEGER_MAX);
        let beacon = (any::<Hash>(), fallback, any::<[u8; 96]>(), 0..=INTEGER_MAX).prop_map(
            |(chain, fallback_after_ms, public_key, round)| BeaconRound { chain, fallback_after_ms, public_key, round },
        );
        let beacon = prop::option::of(beacon);
        (beacon, any::<Hash>(), 0..=INTEGER_MAX, any::<String>(), 0..=INTEGER_MAX).prop_map(
            |(beacon, commitment, opens_at_ms, room, starts_at_ms)| Descriptor {
                beacon,
                commitment,
                opens_at_ms,
                room,
                starts_at_ms,
            },
        )
    }

    proptest! {
        #[test]
        fn text_equals_what_a_sorting_serializer_writes(descriptor in any_descriptor()) {
            let text = descriptor.canonical_json();
            let mut sorted: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
            if let Some(Value::Object(beacon)) = sorted.get("beacon") {
                let beacon: BTreeMap<_, _> = beacon.iter().collect();
                let beacon = serde_json::to_string(&beacon).unwrap();
                prop_assert!(text.starts_with(&format!(r#"{{"beacon":{beacon},"#)), "{text}");
                sorted.insert("beacon".into(), serde_json::from_str(&beacon).unwrap());
            }
            prop_assert_eq!(serde_json::to_string(&sorted).unwrap(), text);
        }

        #[test]
        fn text_reads_back(descriptor in any_descriptor()) {
            prop_assert_eq!(Descriptor::parse(&descriptor.canonical_json()).unwrap(), descriptor);
        }
    }

    #[test]
    fn strings_are_escaped_as_rfc_8785_says() {
        let sample = "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"\u{7f}/\u{8}\u{c}\r\t😀";
        let text = Descriptor { room: sample.into(), ..example() }.canonical_json();
        assert!(text.contains("\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"\u{7f}/\\b\\f\\r\\t😀\""), "{text}");
    }

    #[test]
    fn other_texts_are_refused() {
        let text = example().canonical_json();
        let refused = |text: &str| Descriptor::parse(text).unwrap_err();
        let not_canonical = [
            text.replace(':', ": "),
            text.replace("abab", "ABAB"),
            text.replace("tour", "t\\u006fur"),
            format!("{text}\n"),
        ];
        for text in not_canonical {
            assert!(matches!(refused(&text), DescriptorError::NotCanonical(_)), "{text}");
        }
        let malformed = [
            text.replace("\"beacon\":null,", ""),
            text.replace("\"room\"", "\"extra\":1,\"room\""),
            text.replace("\"room\"", "\"opens_at_ms\":1,\"room\""),
            text.replace(":1,", ":1.0,"),
            text.replace(":1,", ":-1,"),
        ];
        for text in malformed {
            assert!(matches!(refused(&text), DescriptorError::Malformed(_)), "{text}");
        }
        assert!(matches!(refused(&text.replace("v1", "v2")), DescriptorError::Version(_)));
        assert!(matches!(refused(&text.replace("abab", "ab")), DescriptorError::Hex { .. }));
        assert!(matches!(refused(&text.replace(":1,", ":9007199254740992,")), DescriptorError::Number("opens_at_ms")));
    }
}
