//! The ticket of a seat as a text: short enough for a QR code of version 7, of letters and digits that every scanner and
//! every layout of keys types as they are. Pure.
//!
//! ```text
//! FG | version 1 | key 1 | event 4 | seat 4 | ticket 8 | starts 4 | signature 64
//! ```
//!
//! Bytes, with the highest first, in hexadecimal. The signature (Ed25519, RFC 8032) is over [`PURPOSE`] and the 22 bytes before
//! it.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::TicketKey;
use crate::db::DbTime;

/// Keeps these signatures apart from whatever else is signed with the same key.
const PURPOSE: &[u8] = b"fairgate/v1/seat-ticket\0";
/// Keeps a ticket's id apart from other digests of a booking's id.
const ID_PURPOSE: &[u8] = b"fairgate/v1/seat-ticket-id\0";
/// What each text begins with.
const PREFIX: &str = "FG";
const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 22;
const TICKET_BYTES: usize = SIGNED_BYTES + 64;
const MINUTE_MS: i64 = 60_000;

/// The id of a ticket: a digest of its booking and its seat.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TicketId([u8; 8]);

impl TicketId {
    /// Of a seat of a booking.
    #[must_use]
    pub fn of(booking_id: Uuid, unit: u32) -> Self {
        let mut context = Context::new(&SHA256);
        for part in [ID_PURPOSE, booking_id.as_bytes(), &unit.to_be_bytes()] {
            context.update(part);
        }
        let digest = context.finish();
        Self(std::array::from_fn(|at| digest.as_ref()[at]))
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TicketId> for String {
    fn from(id: TicketId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TicketId {
    type Error = Unreadable;

    fn try_from(text: String) -> Result<Self, Unreadable> {
        text.parse()
    }
}

impl FromStr for TicketId {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let mut id = [0; 8];
        hex::decode_to_slice(text, &mut id).map_err(|_| Unreadable::NoTicket)?;
        Ok(Self(id))
    }
}

/// Why a text is not read as a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It has another form, or a part of it is missing.
    #[error("this is no ticket, or not all of one")]
    NoTicket,
    /// It is of a version that is not known here.
    #[error("this ticket has version {0}, which only a newer program reads")]
    Newer(u8),
}

/// What a ticket says, whether or not that is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatTicket {
    /// The event's key in the seller's tables.
    pub event_id: i32,
    /// The seat, by its place in the event's plan.
    pub unit: u32,
    /// Which booking of the seat it is.
    pub ticket_id: TicketId,
    /// When the event begins, as it was when the ticket was made: minutes since 1970, 0 where that cannot be written.
    pub starts_at_min: u32,
}

impl SeatTicket {
    /// The ticket of a seat of a booking.
    #[must_use]
    pub fn new(event_id: i32, starts_at: DbTime, booking_id: Uuid, unit: u32) -> Self {
        let starts_at_min = u32::try_from(starts_at.0.div_euclid(MINUTE_MS)).unwrap_or(0);
        Self { event_id, unit, ticket_id: TicketId::of(booking_id, unit), starts_at_min }
    }

    fn bytes(&self, key_id: u8) -> [u8; SIGNED_BYTES] {
        let mut bytes = [0; SIGNED_BYTES];
        (bytes[0], bytes[1]) = (VERSION, key_id);
        bytes[2..6].copy_from_slice(&self.event_id.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.unit.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.ticket_id.0);
        bytes[18..].copy_from_slice(&self.starts_at_min.to_be_bytes());
        bytes
    }

    /// The ticket as a text, signed.
    #[must_use]
    pub fn sign(&self, key: &TicketKey) -> String {
        let bytes = self.bytes(key.id());
        let signature = key.sign(&[PURPOSE, &bytes].concat());
        format!("{PREFIX}{}{}", hex::encode_upper(bytes), hex::encode_upper(signature))
    }

    /// Reads a text, in whichever case it was typed. The ticket is worth nothing until its signature [is good](Signed::is_signed_by).
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Signed, Unreadable> {
        let text = text.trim();
        let digits = text.get(PREFIX.len()..).filter(|_| text[..PREFIX.len()].eq_ignore_ascii_case(PREFIX));
        let digits = digits.ok_or(Unreadable::NoTicket)?;
        let version = digits.get(..2).and_then(|version| u8::from_str_radix(version, 16).ok());
        match version.ok_or(Unreadable::NoTicket)? {
            VERSION => {}
            newer if newer > VERSION => return Err(Unreadable::Newer(newer)),
            _ => return Err(Unreadable::NoTicket),
        }
        let mut bytes = [0; TICKET_BYTES];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| Unreadable::NoTicket)?;
        let four = |at: usize| <[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap_or_default();
        let ticket = Self {
            event_id: i32::from_be_bytes(four(2)),
            unit: u32::from_be_bytes(four(6)),
            ticket_id: TicketId(std::array::from_fn(|at| bytes[10 + at])),
            starts_at_min: u32::from_be_bytes(four(18)),
        };
        Ok(Signed { ticket, key_id: bytes[1], bytes })
    }
}

/// A ticket with its signature, which may be forged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub ticket: SeatTicket,
    /// The number of the key that it names.
    pub key_id: u8,
    bytes: [u8; TICKET_BYTES],
}

impl Signed {
    /// True if the owner of a public key (32 bytes) made this ticket.
    #[must_use]
    pub fn is_signed_by(&self, public: &[u8]) -> bool {
        let (signed, signature) = self.bytes.split_at(SIGNED_BYTES);
        UnparsedPublicKey::new(&ED25519, public).verify(&[PURPOSE, signed].concat(), signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket() -> SeatTicket {
        SeatTicket::new(42, DbTime(1_813_951_800_000), Uuid::from_u128(0x0123_4567_89ab_8def_8123_4567_89ab_cdef), 1234)
    }

    /// The document's own lines: whoever writes another program compares it with these.
    #[test]
    fn the_test_vector_of_the_document_is_this_programs() {
        let document = include_str!("../../../../docs/TICKETS.md").replace("\n  ", "");
        let key = TicketKey::new(7, &[9; 32]).expect("a seed");
        let text = ticket().sign(&key);
        for (name, value) in [
            ("seed", hex::encode([9; 32])),
            ("public key", hex::encode(key.public())),
            ("ticket id", ticket().ticket_id.to_string()),
            ("text", text.clone()),
        ] {
            assert!(document.contains(&format!("{name}: {value}\n")), "`{name}: {value}` is not in the document");
        }
        // A QR code of version 7: 45 squares a side.
        assert_eq!(text.len(), 174);
        assert_eq!(fairgate_pages::qr::picture(&text).map(|picture| picture.size), Some(45));
    }

    #[test]
    fn a_ticket_is_read_back_however_it_was_typed_and_only_its_key_fits() {
        let (key, other) = (TicketKey::new(1, &[1; 32]).expect("a seed"), TicketKey::new(1, &[2; 32]).expect("a seed"));
        let text = ticket().sign(&key);
        for typed in [text.clone(), text.to_lowercase(), format!("  {text}\r\n")] {
            let read = SeatTicket::read(&typed).expect("a ticket");
            assert_eq!((read.ticket, read.key_id), (ticket(), 1));
            assert!(read.is_signed_by(key.public()) && !read.is_signed_by(other.public()) && !read.is_signed_by(&[]));
        }
        for broken in ["", "F", "FG", "FG01", "https://tickets.example", &text[..173], &format!("{text}0"), "FGé"] {
            assert_eq!(SeatTicket::read(broken), Err(Unreadable::NoTicket), "{broken:?}");
        }
        assert_eq!(SeatTicket::read(&text.replacen("FG01", "FG02", 1)), Err(Unreadable::Newer(2)));
        assert_eq!(SeatTicket::read(&text.replacen("FG01", "FG00", 1)), Err(Unreadable::NoTicket));
    }

    #[test]
    fn another_booking_of_the_same_seat_is_another_ticket() {
        let [one, other] = [1, 2].map(|id| TicketId::of(Uuid::from_u128(id), 7));
        assert_ne!(one, other);
        assert_ne!(one, TicketId::of(Uuid::from_u128(1), 8));
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("0".parse::<TicketId>().is_err() && "g".repeat(16).parse::<TicketId>().is_err());
    }

    proptest! {
        #[test]
        fn a_ticket_with_one_other_digit_is_not_believed(at in 4_usize..174, digit in "[0-9A-F]") {
            let key = TicketKey::new(1, &[1; 32]).expect("a seed");
            let text = ticket().sign(&key);
            let mut changed = text.clone();
            changed.replace_range(at..=at, &digit);
            let is_good = SeatTicket::read(&changed).is_ok_and(|read| read.is_signed_by(key.public()));
            prop_assert_eq!(is_good, changed == text);
        }

        #[test]
        fn whatever_is_typed_nothing_breaks(text in "\\PC{0,200}|[fF][gG]01[0-9a-fA-Fé]{0,180}") {
            let _ = SeatTicket::read(&text);
        }
    }
}
