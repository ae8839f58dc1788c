//! The offer of a place to another device: what is shown as a QR code, its letters, and the number that both devices show.
//!
//! Guarantees:
//! - who does not see the first device's screen has neither the offer nor its letters
//! - the store has an offer under a name and sealed, and neither says the letters
//! - both devices show one number, which follows from the offer and from the second device's key

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::keepsake::KeepsakeHash;
use super::thumbprint::Thumbprint;
use crate::code::Code;
use crate::code::text::{value, with_check};
use crate::keys::{Key, equal, first};
use crate::sealed::{SEAL_NONCE_BYTES, Sealer};
use crate::tagged;

/// Random bytes of an offer.
pub const OFFER_BYTES: usize = 20;
/// How long an offer is good, seconds.
pub const OFFER_S: u64 = 120;
/// For so long the second device finds that the place is its own, seconds: its connection may have been away.
pub const MOVED_S: u64 = 600;
/// A longer sealed offer is refused unread: a ticket and a path are far shorter.
pub const SEALED_OFFER_BYTES_MAX: usize = 8192;

/// Letters of an offer: 40 bits.
const LETTERS: usize = 8;
/// An offer as text.
const OFFER_CHARACTERS: usize = 27;

/// An offer: 20 random bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Offer([u8; OFFER_BYTES]);

impl Offer {
    /// The offer of these bytes, which are from the system's RNG.
    #[must_use]
    pub fn from_bytes(bytes: [u8; OFFER_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads base64url without padding, 27 characters.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() == OFFER_CHARACTERS)?;
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// As calls and the QR code say it.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its letters: the first 40 bits.
    #[must_use]
    pub fn letters(&self) -> Letters {
        let bits = self.0.iter().take(5).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut text = with_check::<LETTERS>(bits);
        text.truncate(LETTERS);
        Letters(Code::read(&text).expect("eight characters of the alphabet are a code"))
    }

    /// The number that both devices show, once a device with this key has accepted: two digits.
    #[must_use]
    pub fn number(&self, key: &Thumbprint) -> String {
        let hash: [u8; 8] = first(&tagged("fairgate/v2/move-number", &[&self.0, key.bytes()]));
        format!("{:02}", u64::from_be_bytes(hash) % 100)
    }

    /// True if another is the same, compared in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offer(..)")
    }
}

/// The letters of an offer, for whoever types them: eight of Crockford's base32.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letters(Code);

impl Letters {
    /// Reads what somebody typed; `None` where it cannot be letters of an offer.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let code = Code::read(typed)?;
        let is_known = code.as_str().len() == LETTERS && code.as_str().bytes().all(|byte| value(byte).is_some());
        is_known.then_some(Self(code))
    }

    /// As the page shows them: two groups of four.
    #[must_use]
    pub fn printed(&self) -> String {
        self.0.printed()
    }
}

/// Who has accepted an offer: the key of the second device, and what may name another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The key.
    pub key: Thumbprint,
    /// The hash of the second device's keepsake.
    pub keepsake: Option<KeepsakeHash>,
}

impl Acceptance {
    /// As the store keeps it: the thumbprint, a blank, and the hash of the keepsake.
    #[must_use]
    pub fn to_text(&self) -> String {
        let keepsake = self.keepsake.map(|hash| hash.to_base64url()).unwrap_or_default();
        format!("{} {keepsake}", self.key.to_base64url())
    }

    /// Reads what the store kept.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (key, keepsake) = text.split_once(' ')?;
        let keepsake = if keepsake.is_empty() { None } else { Some(KeepsakeHash::read(keepsake)?) };
        Some(Self { key: Thumbprint::read(key)?, keepsake })
    }
}

/// What an offer is about. Nobody but an edge reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Offered {
    /// The offer.
    pub offer: Offer,
    /// The ticket of the place.
    pub ticket: String,
    /// The path that the first device waits at, where the second one goes on.
    pub return_to: String,
    /// Until when it is good, Unix ms.
    pub until_ms: u64,
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offered(until {}, ..)", self.until_ms)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    o: String,
    t: String,
    r: String,
    e: u64,
}

/// What names and seals the offers of a room.
#[derive(Debug)]
pub struct OfferKeys {
    names: Key,
    sealer: Sealer,
}

impl OfferKeys {
    /// From the key of [`Purpose::Moves`](crate::keys::Purpose::Moves).
    #[must_use]
    pub fn new(key: &Key) -> Self {
        // One key names and another one seals.
        let [names, seals] =
            ["names", "seals"].map(|part| Key::from_bytes(key.mac("fairgate/v2/moves", &[part.as_bytes()])));
        Self { names, sealer: Sealer::new(&seals) }
    }

    /// The name of an offer of a draw in the store.
    #[must_use]
    pub fn name(&self, draw: &[u8; 32], letters: &Letters) -> [u8; 16] {
        first(&self.names.mac("fairgate/v2/offer", &[draw, letters.0.as_str().as_bytes()]))
    }

    /// What stands for a place of a draw there, so that it has one offer at a time.
    #[must_use]
    pub fn place(&self, draw: &[u8; 32], (tier, index): (u8, u64)) -> [u8; 16] {
        first(&self.names.mac("fairgate/v2/offered-place", &[draw, &[tier], &index.to_be_bytes()]))
    }

    /// Seals an offer for a room. `nonce` is random, and new each time.
    #[must_use]
    pub fn seal(&self, offered: &Offered, room: &str, nonce: [u8; SEAL_NONCE_BYTES]) -> String {
        let Offered { offer, ticket, return_to, until_ms } = offered.clone();
        let content = Content { o: offer.to_base64url(), t: ticket, r: return_to, e: until_ms };
        let content = serde_json::to_vec(&content).expect("strings and numbers have a JSON form");
        self.sealer.seal(room, nonce, content)
    }

    /// Opens a room's offer.
    #[must_use]
    pub fn open(&self, text: &str, room: &str) -> Option<Offered> {
        let content = self.sealer.open(room, text, SEALED_OFFER_BYTES_MAX)?;
        let Content { o, t, r, e } = serde_json::from_slice(&content).ok()?;
        Some(Offered { offer: Offer::read(&o)?, ticket: t, return_to: r, until_ms: e })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{draw, key};

    fn offer() -> Offer {
        Offer::from_bytes(std::array::from_fn(|i| i as u8 + 1))
    }

    #[test]
    fn letters_are_the_first_40_bits_whatever_way_they_are_typed() {
        // 0102030405 in base32: 00000 00100 00001 00000 00110 00001 00000 00101.
        let letters = offer().letters();
        assert_eq!(letters.printed(), "0410-6105");
        for typed in ["04106105", " o4l0 6lo5\n", "０４１０－６１０５"] {
            assert_eq!(Letters::read(typed), Some(letters.clone()), "{typed}");
        }
        for other in ["", "0410610", "041061055", "0410610U", "0410610#"] {
            assert_eq!(Letters::read(other), None, "{other}");
        }
        let mut others =
            [1, 2, 3, 4, 5].map(|byte| Offer::from_bytes([byte; 20])).map(|offer| offer.letters().printed());
        others.sort_unstable();
        assert!(others.windows(2).all(|two| two[0] != two[1]));
    }

    #[test]
    fn an_offer_has_one_spelling() {
        let text = offer().to_base64url();
        assert_eq!((text.len(), Offer::read(&text)), (OFFER_CHARACTERS, Some(offer())));
        for other in ["", &text[1..], &format!("{text}A"), &format!("{}=", &text[..26])] {
            assert_eq!(Offer::read(other), None, "{other}");
        }
        assert!(offer().is(&offer()) && !offer().is(&Offer::from_bytes([0; 20])));
    }

    #[test]
    fn the_number_has_two_digits_and_is_the_offers_and_the_keys() {
        let keys =
            [0u8, 1, 2, 3].map(|byte| Thumbprint::read(&URL_SAFE_NO_PAD.encode([byte; 32])).expect("a thumbprint"));
        let numbers = keys.each_ref().map(|key| offer().number(key));
        assert!(numbers.iter().all(|number| number.len() == 2 && number.parse::<u8>().is_ok()), "{numbers:?}");
        assert!(numbers.iter().any(|number| *number != numbers[0]), "{numbers:?}");
        // Python: int.from_bytes(sha256(b"fairgate/v2/move-number\0" + bytes(range(1, 21)) + bytes(32))[:8], "big") % 100
        assert_eq!(numbers[0], "46");
    }

    #[test]
    fn an_acceptance_is_kept_with_its_keepsake_or_without() {
        let thumbprint = Thumbprint::read(&URL_SAFE_NO_PAD.encode([7; 32])).expect("a thumbprint");
        for keepsake in [None, KeepsakeHash::read("AAECAwQFBgcICQoLDA0ODw")] {
            let acceptance = Acceptance { key: thumbprint, keepsake };
            assert_eq!(Acceptance::read(&acceptance.to_text()), Some(acceptance));
        }
        for other in ["", "x", "AAAA ", &format!("{} short", thumbprint.to_base64url())] {
            assert_eq!(Acceptance::read(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_of_one_draw_and_say_nothing() {
        let keys = OfferKeys::new(&key(0x46));
        let letters = offer().letters();
        let names = [
            keys.name(&draw(), &letters),
            keys.name(&[0; 32], &letters),
            keys.name(&draw(), &Offer::from_bytes([9; 20]).letters()),
            keys.place(&draw(), (0, 7)),
            keys.place(&draw(), (0, 8)),
            keys.place(&draw(), (1, 7)),
            keys.place(&[0; 32], (0, 7)),
            OfferKeys::new(&key(0x47)).name(&draw(), &letters),
        ];
        let mut known = names.to_vec();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), names.len());
        assert_eq!(keys.name(&draw(), &letters), names[0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_sealed_offer_opens_in_its_room_and_no_bit_of_it_can_be_turned(
            bytes: [u8; 20], nonce: [u8; 12], until_ms: u64, path in "/[a-z?=&]{0,40}", bit in 0usize..4096,
        ) {
            let keys = OfferKeys::new(&key(0x46));
            let offered =
                Offered { offer: Offer::from_bytes(bytes), ticket: "a.b.c".repeat(60), return_to: path, until_ms };
            let sealed = keys.seal(&offered, "final", nonce);
            prop_assert_eq!(keys.open(&sealed, "final"), Some(offered));
            prop_assert_eq!(keys.open(&sealed, "semi"), None);
            let mut turned = sealed.into_bytes();
            let at = bit % (8 * turned.len());
            turned[at / 8] ^= 1 << (at % 8);
            if let Ok(turned) = String::from_utf8(turned) {
                prop_assert_eq!(keys.open(&turned, "final"), None);
            }
        }
    }
}
