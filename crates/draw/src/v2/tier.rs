//! The tiers of a draw: who stands in line before whom, and in what proportion.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// The most tiers of a draw.
pub const TIERS_MAX: usize = 16;
/// The largest share of a tier.
pub const SHARE_MAX: u16 = 1000;
/// The longest name of a tier or a room, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A tier, as the descriptor has it. Keys stand in RFC 8785's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// All places of band 0 come before all of band 1.
    pub band: u8,
    /// 1 to 32 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Within a band, places are dealt in proportion to shares: 1 to 1000.
    pub share: u16,
}

/// The tiers of a draw, 1 to 16, in order of their index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Tier>", into = "Vec<Tier>")]
pub struct Tiers(Vec<Tier>);

/// Why tiers are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TierError {
    /// None, or too many.
    #[error("tiers: there are {0}, and a draw has 1 to {TIERS_MAX}")]
    Count(usize),
    /// A band that does not follow from the one before.
    #[error("tiers: the band of tier {tier} is {band}; the first is 0, and each next one the same or one more")]
    Band {
        /// The tier's index.
        tier: usize,
        /// Its band.
        band: u8,
    },
    /// A share out of range.
    #[error("tiers: the share of tier {tier} is {share}; give it 1 to {SHARE_MAX}")]
    Share {
        /// The tier's index.
        tier: usize,
        /// Its share.
        share: u16,
    },
    /// A name that is none.
    #[error("tiers: the name of tier {tier} is {name:?}; give it 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -")]
    Name {
        /// The tier's index.
        tier: usize,
        /// Its name.
        name: String,
    },
    /// A name that stands twice.
    #[error("tiers: two are named {0:?}; give each a name of its own")]
    Twice(String),
}

impl Tiers {
    /// The tiers, if they are such.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn new(tiers: Vec<Tier>) -> Result<Self, TierError> {
        check_count(tiers.len())?;
        check_bands(tiers.iter().map(|tier| (tier.band, tier.share)))?;
        for (index, tier) in tiers.iter().enumerate() {
            if !is_name(&tier.name) {
                return Err(TierError::Name { tier: index, name: tier.name.clone() });
            }
            if tiers[..index].iter().any(|earlier| earlier.name == tier.name) {
                return Err(TierError::Twice(tier.name.clone()));
            }
        }
        Ok(Self(tiers))
    }
}

impl Deref for Tiers {
    type Target = [Tier];

    fn deref(&self) -> &[Tier] {
        &self.0
    }
}

impl TryFrom<Vec<Tier>> for Tiers {
    type Error = TierError;

    fn try_from(tiers: Vec<Tier>) -> Result<Self, TierError> {
        Self::new(tiers)
    }
}

impl From<Tiers> for Vec<Tier> {
    fn from(tiers: Tiers) -> Self {
        tiers.0
    }
}

/// Whether a text can name a tier or a room: 1 to 32 of `a-z`, `0-9` and `-`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(super) fn check_count(tiers: usize) -> Result<(), TierError> {
    if (1..=TIERS_MAX).contains(&tiers) { Ok(()) } else { Err(TierError::Count(tiers)) }
}

/// Whether bands follow one another, and shares are in range.
pub(super) fn check_bands(tiers: impl Iterator<Item = (u8, u16)>) -> Result<(), TierError> {
    let mut before = 0;
    for (tier, (band, share)) in tiers.enumerate() {
        let next = before + u8::from(tier > 0);
        if band != before && band != next {
            return Err(TierError::Band { tier, band });
        }
        if !(1..=SHARE_MAX).contains(&share) {
            return Err(TierError::Share { tier, share });
        }
        before = band;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiers(tiers: &[(u8, &str, u16)]) -> Result<Tiers, TierError> {
        Tiers::new(tiers.iter().map(|&(band, name, share)| Tier { band, name: name.into(), share }).collect())
    }

    #[test]
    fn what_the_protocol_says_of_tiers_is_held_to() {
        assert!(tiers(&[(0, "members", 1), (1, "fans", 3), (1, "public-2", 1000), (2, "z", 1)]).is_ok());
        assert_eq!(tiers(&[]), Err(TierError::Count(0)));
        let many =
            |count: u8| Tiers::new((0..count).map(|n| Tier { band: 0, name: format!("t{n}"), share: 1 }).collect());
        assert!(many(16).is_ok());
        assert_eq!(many(17), Err(TierError::Count(17)));
        assert_eq!(tiers(&[(1, "a", 1)]), Err(TierError::Band { tier: 0, band: 1 }));
        assert_eq!(tiers(&[(0, "a", 1), (2, "b", 1)]), Err(TierError::Band { tier: 1, band: 2 }));
        assert_eq!(tiers(&[(0, "a", 1), (1, "b", 1), (0, "c", 1)]), Err(TierError::Band { tier: 2, band: 0 }));
        for share in [0, 1001] {
            assert_eq!(tiers(&[(0, "a", share)]), Err(TierError::Share { tier: 0, share }));
        }
        for name in ["", "A", "a b", "ä", "a_b", &"a".repeat(33)] {
            assert_eq!(tiers(&[(0, name, 1)]), Err(TierError::Name { tier: 0, name: name.into() }), "{name:?}");
        }
        assert_eq!(tiers(&[(0, "a", 1), (0, "a", 1)]), Err(TierError::Twice("a".into())));
    }
}
