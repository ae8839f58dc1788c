//! What is kept of a code: eight bytes that only the key can make.
//!
//! Guarantee: who reads a campaign's file cannot try codes against it without the key, and cannot link two campaigns.

use std::fmt;

use super::text::Code;
use crate::keys::{Key, first};

/// Longest name of a campaign.
pub const CAMPAIGN_BYTES_MAX: usize = 32;

/// A campaign's name: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignName(String);

/// Why a text is no campaign's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a campaign; use 1 to {CAMPAIGN_BYTES_MAX} of a-z, 0-9 and -")]
pub struct CampaignNameError(String);

impl CampaignName {
    /// The name of this text.
    ///
    /// # Errors
    /// When it has another form.
    pub fn new(text: &str) -> Result<Self, CampaignNameError> {
        let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > CAMPAIGN_BYTES_MAX || !text.bytes().all(is_known) {
            return Err(CampaignNameError(text.chars().take(2 * CAMPAIGN_BYTES_MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CampaignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `HMAC-SHA256(k_c, DST("fairgate/v2/code") ‖ campaign ‖ 0x00 ‖ CODE)[0..8]`, as a big-endian number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

/// Makes the fingerprints of one campaign.
#[derive(Clone, Debug)]
pub struct Fingerprinter {
    key: Key,
    campaign: CampaignName,
}

impl Fingerprinter {
    /// From the key of [`Purpose::Codes`](crate::keys::Purpose::Codes).
    #[must_use]
    pub fn new(key: Key, campaign: CampaignName) -> Self {
        Self { key, campaign }
    }

    /// The campaign.
    #[must_use]
    pub fn campaign(&self) -> &CampaignName {
        &self.campaign
    }

    /// The fingerprint of a code.
    #[must_use]
    pub fn of(&self, code: &Code) -> Fingerprint {
        let parts: [&[u8]; 3] = [self.campaign.0.as_bytes(), &[0], code.as_str().as_bytes()];
        Fingerprint(u64::from_be_bytes(first(&self.key.mac("fairgate/v2/code", &parts))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::key;

    #[test]
    fn it_is_as_published() {
        let of = |campaign: &str, key_byte: u8| {
            let campaign = CampaignName::new(campaign).expect("a name");
            Fingerprinter::new(key(key_byte), campaign).of(&Code::read("7H3K-Q9XW-2MVK").expect("a code"))
        };
        assert_eq!(of("spring", 0x45), Fingerprint(0xcbd7_8b39_aee1_bf32));
        assert_ne!(of("spring", 0x46), of("spring", 0x45));
        assert_ne!(of("sprin", 0x45), of("spring", 0x45));
    }

    #[test]
    fn a_campaigns_name_is_short_and_plain() {
        assert!(CampaignName::new(&"z".repeat(32)).is_ok());
        for bad in ["", "Spring", "a b", "../x", "a.b", &"z".repeat(33)] {
            assert!(CampaignName::new(bad).is_err(), "{bad:?}");
        }
    }
}
