//! Epochs: the whole minutes that date proof of work and challenges, and the seed of each.
//!
//! Guarantees:
//! - nobody knows a minute's seed before an edge says it
//! - this minute's epoch and the last one are accepted, and no other

use crate::keys::{Key, first};

/// Seconds of an epoch.
pub const EPOCH_S: u64 = 60;

/// e: the minutes since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch of a time, Unix ms.
    #[must_use]
    pub fn of(now_ms: u64) -> Self {
        Self(u32::try_from(now_ms / 1000 / EPOCH_S).unwrap_or(u32::MAX))
    }

    /// Whether work of this epoch is accepted now: it is this minute's or the last one's.
    #[must_use]
    pub fn is_accepted(self, now_ms: u64) -> bool {
        let now = Self::of(now_ms);
        self == now || self.0.checked_add(1) == Some(now.0)
    }

    /// The first moment at which it is no longer accepted, Unix ms.
    #[must_use]
    pub fn until_ms(self) -> u64 {
        (u64::from(self.0) + 2) * EPOCH_S * 1000
    }

    /// The epochs that are accepted now, this minute's first.
    #[must_use]
    pub fn accepted(now_ms: u64) -> [Self; 2] {
        let now = Self::of(now_ms);
        [now, Self(now.0.saturating_sub(1))]
    }

    /// `seed_e = HMAC-SHA256(k_w, DST("fairgate/v2/work-seed") ‖ D ‖ u32be(e))[0..16]`.
    ///
    /// `key` is that of [`Purpose::Work`](crate::keys::Purpose::Work), `draw` the digest D.
    #[must_use]
    pub fn seed(self, key: &Key, draw: &[u8; 32]) -> [u8; 16] {
        first(&key.mac("fairgate/v2/work-seed", &[draw, &self.0.to_be_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{EPOCH, bytes, draw, key};

    #[test]
    fn the_seed_is_as_published() {
        assert_eq!(Epoch(EPOCH).seed(&key(0x44), &draw()), bytes("5f9c25f4975368e3ef4534f1464d3268"));
    }

    #[test]
    fn this_minute_and_the_last_are_accepted_to_the_millisecond() {
        let epoch = Epoch(EPOCH);
        let (from, until) = (u64::from(EPOCH) * 60_000, epoch.until_ms());
        assert_eq!(until, from + 120_000);
        for (now_ms, expected) in [(from - 1, false), (from, true), (until - 1, true), (until, false)] {
            assert_eq!(epoch.is_accepted(now_ms), expected, "{now_ms}");
            assert_eq!(Epoch::accepted(now_ms).contains(&epoch), expected, "{now_ms}");
        }
        assert_eq!(Epoch::of(u64::MAX), Epoch(u32::MAX));
        assert!(!Epoch(u32::MAX).is_accepted(0));
    }
}
