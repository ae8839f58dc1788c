//! The descriptor: everything about a draw that is fixed before its pool opens, in one canonical text.

use serde::{Deserialize, Serialize};

use super::identity::{IdentityError, Method, Methods};
use super::rounds::{RETRY_MAX, Rounds};
use super::tier::{Tier, TierError, Tiers, is_name};
use crate::descriptor::{BEACON_SCHEME, DescriptorError as Field, bytes, integer};
use crate::hash::{Hash, tagged};
use crate::record::Label;

/// The protocol's version, as it stands in every descriptor.
pub const VERSION: &str = "fairgate/v2";

/// Longer texts do not fit the draw log, whose entries have at most 2¹⁶ - 1 bytes.
const TEXT_BYTES_MAX: usize = 60_000;

/// What fixes a draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Descriptor {
    /// The rounds of public randomness that the draw may wait for, if any.
    pub beacon: Option<Rounds>,
    /// [`commitment`](crate::commitment) of the secret, which serves this draw and no other.
    pub commitment: Hash,
    /// One of these every entrant must show an identity by; none where no identity is asked for.
    pub identity: Methods,
    /// When the pool opens, Unix ms; at most 2⁵³ - 1.
    pub opens_at_ms: u64,
    /// The room's name: 1 to 32 of `a-z`, `0-9` and `-`.
    pub room: String,
    /// When the rosters are frozen, Unix ms; at most 2⁵³ - 1.
    pub starts_at_ms: u64,
    /// The tiers, in order of their index.
    pub tiers: Tiers,
}

/// Why a text is not a descriptor of this version.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// Something that every version of the protocol refuses, but for the version itself.
    #[error(transparent)]
    Field(#[from] Field),
    /// Another version of the protocol.
    #[error("the descriptor is of version {0:?}, not {VERSION:?}: check it with a program of that version")]
    Version(String),
    /// Not a room's name.
    #[error("room: {0:?} is no name; give it 1 to 32 of a-z, 0-9 and -")]
    Room(String),
    /// Not a number of rounds.
    #[error("beacon.retry is {0}; give it 1 to {RETRY_MAX} rounds")]
    Retry(u64),
    /// Not a list of methods.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Not the tiers of a draw.
    #[error(transparent)]
    Tiers(#[from] TierError),
    /// Too long to be logged.
    #[error("the descriptor has {0} bytes, and at most {TEXT_BYTES_MAX} can be logged: name fewer methods")]
    Length(usize),
}

impl Descriptor {
    /// The one text of this descriptor: RFC 8785 canonical JSON.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("strings and integers can be written")
    }

    /// `D = H(DST("fairgate/v2/descriptor") ‖ descriptor)`.
    #[must_use]
    pub fn digest(&self) -> Hash {
        tagged("fairgate/v2/descriptor", &[self.canonical_json().as_bytes()])
    }

    /// What a draw by these rules can prove, from its schedule to its end.
    #[must_use]
    pub fn label(&self) -> Label {
        if self.beacon.is_some() { Label::CommittedAndBeacon } else { Label::Committed }
    }

    /// Whether every entrant must show an identity, so that tags are committed to.
    #[must_use]
    pub fn has_identities(&self) -> bool {
        !self.identity.is_empty()
    }

    /// Reads a canonical text back; any other spelling is refused, since its digest would differ.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, DescriptorError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(DescriptorError::Length(text.len()));
        }
        let descriptor = Self::try_from(serde_json::from_str::<Wire>(text).map_err(Field::Malformed)?)?;
        let canonical = descriptor.canonical_json();
        if canonical == text { Ok(descriptor) } else { Err(Field::NotCanonical(canonical).into()) }
    }
}

/// A descriptor as JSON has it, before the values are judged; its keys stand in RFC 8785's order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    // The key must be there, even where it is null.
    #[serde(deserialize_with = "Option::deserialize")]
    beacon: Option<WireBeacon>,
    commitment: String,
    identity: Vec<String>,
    opens_at_ms: u64,
    room: String,
    starts_at_ms: u64,
    tiers: Vec<Tier>,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBeacon {
    chain: String,
    public_key: String,
    retry: u64,
    round: u64,
    scheme: String,
}

impl From<Descriptor> for Wire {
    fn from(descriptor: Descriptor) -> Self {
        Self {
            beacon: descriptor.beacon.map(WireBeacon::from),
            commitment: hex::encode(descriptor.commitment),
            identity: descriptor.identity.iter().map(Method::to_string).collect(),
            opens_at_ms: descriptor.opens_at_ms,
            room: descriptor.room,
            starts_at_ms: descriptor.starts_at_ms,
            tiers: descriptor.tiers.into(),
            version: VERSION.to_owned(),
        }
    }
}

impl From<Rounds> for WireBeacon {
    fn from(rounds: Rounds) -> Self {
        Self {
            chain: hex::encode(rounds.chain),
            public_key: hex::encode(rounds.public_key),
            retry: rounds.retry.into(),
            round: rounds.round,
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
        if !is_name(&wire.room) {
            return Err(DescriptorError::Room(wire.room));
        }
        let methods = wire.identity.into_iter().map(Method::new).collect::<Result<_, _>>()?;
        Ok(Self {
            beacon: wire.beacon.map(Rounds::try_from).transpose()?,
            commitment: bytes("commitment", &wire.commitment)?,
            identity: Methods::new(methods)?,
            opens_at_ms: integer("opens_at_ms", wire.opens_at_ms)?,
            room: wire.room,
            starts_at_ms: integer("starts_at_ms", wire.starts_at_ms)?,
            tiers: Tiers::new(wire.tiers)?,
        })
    }
}

impl TryFrom<WireBeacon> for Rounds {
    type Error = DescriptorError;

    fn try_from(wire: WireBeacon) -> Result<Self, DescriptorError> {
        if wire.scheme != BEACON_SCHEME {
            return Err(Field::Scheme(wire.scheme).into());
        }
        let retry = u32::try_from(wire.retry).ok().filter(|retry| (1..=RETRY_MAX).contains(retry));
        Ok(Self {
            chain: bytes("beacon.chain", &wire.chain)?,
            public_key: bytes("beacon.public_key", &wire.public_key)?,
            retry: retry.ok_or(DescriptorError::Retry(wire.retry))?,
            round: integer("beacon.round", wire.round)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::beacon::QUICKNET;
    use crate::canonical::canonical_json;

    fn example() -> Descriptor {
        let tier = |band: u8, name: &str, share: u16| Tier { band, name: name.into(), share };
        Descriptor {
            beacon: Some(Rounds::of(&QUICKNET, 990, 10)),
            commitment: [0xab; 32],
            identity: Methods::new(vec![Method::invite(), Method::mail()]).unwrap(),
            opens_at_ms: 1,
            room: "tour".into(),
            starts_at_ms: 2,
            tiers: Tiers::new(vec![tier(0, "members", 1), tier(1, "fans", 3)]).unwrap(),
        }
    }

    fn any_descriptor() -> impl Strategy<Value = Descriptor> {
        let beacon = (any::<Hash>(), any::<[u8; 96]>(), 1..=RETRY_MAX, 0_u64..1 << 53)
            .prop_map(|(chain, public_key, retry, round)| Rounds { chain, public_key, retry, round });
        let methods = prop::collection::btree_set("[!-~]{1,40}", 0..4).prop_filter_map("a method", |names| {
            let methods: Result<Vec<Method>, _> = names.into_iter().map(Method::new).collect();
            methods.ok().and_then(|methods| Methods::new(methods).ok())
        });
        let tiers = prop::collection::btree_map("[a-z0-9-]{1,32}", (any::<bool>(), 1_u16..=1000), 1..=16);
        let tiers = tiers.prop_map(|tiers| {
            let mut band = 0;
            let mut tier = |(i, (name, (next, share))): (usize, (String, (bool, u16)))| {
                band += u8::from(next && i > 0);
                Tier { band, name, share }
            };
            Tiers::new(tiers.into_iter().enumerate().map(&mut tier).collect()).unwrap()
        });
        let fixed = (prop::option::of(beacon), any::<Hash>(), methods, 0_u64..1 << 53, "[a-z0-9-]{1,32}", tiers);
        fixed.prop_map(|(beacon, commitment, identity, opens_at_ms, room, tiers)| Descriptor {
            beacon,
            commitment,
            identity,
            opens_at_ms,
            room,
            starts_at_ms: opens_at_ms / 2,
            tiers,
        })
    }

    proptest! {
        #[test]
        fn a_text_is_canonical_and_reads_back(descriptor in any_descriptor()) {
            let text = descriptor.canonical_json();
            prop_assert_eq!(canonical_json(&serde_json::from_str(&text).unwrap()), Some(text.clone()));
            prop_assert_eq!(Descriptor::parse(&text).unwrap(), descriptor);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = example().canonical_json();
        assert!(Descriptor::parse(&text).is_ok());
        let spelled = |from: &str, to: &str| {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text, "{from}");
            Descriptor::parse(&other).unwrap_err()
        };
        for (from, to) in [(":", ": "), ("abab", "ABAB"), ("tour", "t\\u006fur"), ("mail", "m\\u0061il")] {
            assert!(matches!(spelled(from, to), DescriptorError::Field(Field::NotCanonical(_))), "{to}");
        }
        let moved = text.replace("\"opens_at_ms\":1,\"room\":\"tour\"", "\"room\":\"tour\",\"opens_at_ms\":1");
        assert!(matches!(Descriptor::parse(&moved), Err(DescriptorError::Field(Field::NotCanonical(_)))));
        for (from, to) in [
            (":1,\"room", ":1.0,\"room"),
            ("\"share\":3", "\"share\":3.0"),
            ("\"share\":3", "\"share\":-3"),
            ("\"share\":3", "\"share\":3,\"share\":3"),
            ("\"share\":3", "\"share\":3,\"open\":1"),
            ("\"share\":3", "\"share\":70000"),
            ("\"retry\":10", "\"retry\":10,\"retry\":10"),
            ("\"public_key\"", "\"fallback_after_ms\":1,\"public_key\""),
            ("\"retry\":10,", ""),
            ("\"identity\":[\"invite\",\"mail\"],", ""),
            ("\"room\"", "\"room\":\"tour\",\"room\""),
            ("{", "{\"added\":1,"),
        ] {
            assert!(matches!(spelled(from, to), DescriptorError::Field(Field::Malformed(_))), "{to}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let text = example().canonical_json();
        let refused = |from: &str, to: &str| Descriptor::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(refused("v2", "v1"), DescriptorError::Version(_)));
        assert!(matches!(refused("tour", "Tour"), DescriptorError::Room(_)));
        assert!(matches!(refused("\"retry\":10", "\"retry\":0"), DescriptorError::Retry(0)));
        assert!(matches!(refused("\"retry\":10", "\"retry\":1048577"), DescriptorError::Retry(_)));
        assert!(matches!(refused("[\"invite\",\"mail\"]", "[\"mail\",\"invite\"]"), DescriptorError::Identity(_)));
        assert!(matches!(refused("\"mail\"", "\"my mail\""), DescriptorError::Identity(_)));
        assert!(matches!(refused("\"share\":3", "\"share\":1001"), DescriptorError::Tiers(TierError::Share { .. })));
        assert!(matches!(refused("\"fans\"", "\"members\""), DescriptorError::Tiers(TierError::Twice(_))));
        assert!(matches!(refused("bls-", "bl-"), DescriptorError::Field(Field::Scheme(_))));
        assert!(matches!(refused(":1,\"room", ":9007199254740992,\"room"), DescriptorError::Field(Field::Number(_))));
        assert!(matches!(refused("mail", &"m".repeat(60_000)), DescriptorError::Length(_)));
        let v1 = crate::Descriptor::parse(&text).unwrap_err().to_string();
        assert!(v1.starts_with("not a descriptor"), "{v1}");
    }
}
