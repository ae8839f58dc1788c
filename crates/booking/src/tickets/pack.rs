//! What a door is given before the doors open: whose tickets are believed, what the seats are called, and which tickets are
//! revoked. Signed, so that a damaged one is seen. Pure.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::TicketKey;
use super::text::TicketId;
use crate::events::seat_map::{SeatMap, Section, SectionKind};

/// Keeps these signatures apart from those of tickets.
const PURPOSE: &[u8] = b"fairgate/v1/door-pack\0";
/// What the first field says.
const FORMAT: &str = "fairgate-door-pack/1";

/// What a door needs. Fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorPack {
    /// `fairgate-door-pack/1`.
    pub format: String,
    /// The event's id.
    #[schema(example = "midsummer-night")]
    pub event: String,
    /// What tickets call the event.
    pub event_id: i32,
    /// The event's name for people.
    pub title: String,
    /// Where it is.
    pub venue: String,
    /// When it begins, RFC 3339 in UTC.
    pub starts_at: String,
    /// The IANA zone of the place.
    #[schema(example = "Europe/Lisbon")]
    pub zone: String,
    /// When this was put together, RFC 3339 in UTC: what was cancelled later is not in it.
    pub made_at: String,
    /// Whose tickets are believed.
    pub keys: Vec<PublicKey>,
    /// From the first seat to the last.
    pub sections: Vec<PackSection>,
    /// The ids of tickets that admit nobody, because their bookings were cancelled after they were paid.
    #[schema(value_type = Vec<String>)]
    pub revoked: Vec<TicketId>,
}

/// The public half of a key of tickets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Its number, as tickets name it.
    pub id: u8,
    /// 32 bytes in hexadecimal (Ed25519, RFC 8032).
    pub public: String,
}

impl PublicKey {
    /// The public half of a key.
    #[must_use]
    pub fn of(key: &TicketKey) -> Self {
        Self { id: key.id(), public: hex::encode(key.public()) }
    }

    /// Its 32 bytes; none where it is not a key.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        hex::decode(&self.public).unwrap_or_default()
    }
}

/// A part of the hall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackSection {
    /// The section's name for people.
    pub title: String,
    /// How it is sold.
    pub kind: SectionKind,
    /// From the stage backwards.
    pub rows: Vec<PackRow>,
}

/// A row of seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackRow {
    /// What is written at its end.
    pub label: String,
    /// What tickets call its leftmost seat; the others follow.
    pub first: u32,
    /// What is written on its seats, from left to right.
    pub seats: Vec<String>,
}

/// A pack as it was signed, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedPack {
    /// The pack as JSON, on one line. The signature is over these bytes.
    pub pack: String,
    /// The number of the key that signed it.
    pub key: u8,
    /// 64 bytes in hexadecimal: Ed25519 over `fairgate/v1/door-pack`, a zero byte, and `pack`.
    pub signature: String,
}

impl DoorPack {
    /// For an event, with the tickets that are revoked.
    #[must_use]
    pub fn new(seat_map: &SeatMap, keys: &[TicketKey], revoked: Vec<TicketId>, made_at: String) -> Self {
        let facts = &seat_map.facts;
        Self {
            format: FORMAT.to_owned(),
            event: facts.slug.clone(),
            event_id: facts.event_id,
            title: facts.title.clone(),
            venue: facts.venue.clone(),
            starts_at: facts.starts_at.to_rfc3339(),
            zone: facts.zone.clone(),
            made_at,
            keys: keys.iter().map(PublicKey::of).collect(),
            sections: seat_map.sections.iter().map(section).collect(),
            revoked,
        }
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &TicketKey) -> SignedPack {
        let pack = serde_json::json!(self).to_string();
        let signature = hex::encode(key.sign(&[PURPOSE, pack.as_bytes()].concat()));
        SignedPack { pack, key: key.id(), signature }
    }

    /// What a seat is called by people; `None` where the event has no such seat.
    #[must_use]
    pub fn seat(&self, unit: u32) -> Option<String> {
        let rows = self.sections.iter().flat_map(|section| section.rows.iter().map(move |row| (section, row)));
        let (section, row, seat) = rows
            .filter_map(|(section, row)| {
                let at = usize::try_from(unit.checked_sub(row.first)?).ok()?;
                Some((section, row, row.seats.get(at)?))
            })
            .next()?;
        Some(match section.kind {
            SectionKind::Seated => format!("{}, row {}, seat {seat}", section.title, row.label),
            SectionKind::Standing => format!("{}, place {seat}", section.title),
        })
    }
}

impl SignedPack {
    /// The pack, if one of its own keys has signed it; and that key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(&self) -> Result<(DoorPack, PublicKey), String> {
        let pack: DoorPack = serde_json::from_str(&self.pack).map_err(|error| format!("it cannot be read: {error}"))?;
        if pack.format != FORMAT {
            return Err(format!("its format is {:?}, and only {FORMAT:?} is known here", pack.format));
        }
        let key = pack.keys.iter().find(|key| key.id == self.key).cloned();
        let key = key.ok_or_else(|| format!("it does not name the key {} that signed it", self.key))?;
        let (signed, signature) = ([PURPOSE, self.pack.as_bytes()].concat(), hex::decode(&self.signature));
        let is_good = UnparsedPublicKey::new(&ED25519, key.bytes()).verify(&signed, &signature.unwrap_or_default());
        is_good.map_err(|_| "its signature is wrong: it was damaged or changed".to_owned())?;
        Ok((pack, key))
    }
}

fn section(section: &Section) -> PackSection {
    let rows = section.rows.iter();
    let rows = rows.map(|row| PackRow { label: row.label.clone(), first: row.first_unit, seats: row.seats.clone() });
    PackSection { title: section.title.clone(), kind: section.kind, rows: rows.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::seat_map::tests::small;

    fn key(id: u8) -> TicketKey {
        TicketKey::new(id, &[id; 32]).expect("a seed")
    }

    #[test]
    fn a_pack_is_opened_as_it_was_signed_and_a_changed_one_is_not() {
        let keys = [key(1), key(2)];
        let pack = DoorPack::new(
            &small(&[3, 4]),
            &keys,
            vec!["00".repeat(8).parse().expect("an id")],
            "2027-06-21T12:00:00Z".into(),
        );
        let signed = pack.sign(&keys[1]);
        assert!(!signed.pack.contains('\n'));
        assert_eq!(signed.open(), Ok((pack.clone(), PublicKey::of(&keys[1]))));
        for changed in [
            SignedPack { pack: signed.pack.replace("0000000000000000", "1111111111111111"), ..signed.clone() },
            SignedPack { key: 1, ..signed.clone() },
            SignedPack { key: 3, ..signed.clone() },
            SignedPack { signature: "00".repeat(64), ..signed.clone() },
            SignedPack { signature: String::new(), ..signed.clone() },
            SignedPack { pack: "{}".into(), ..signed.clone() },
            DoorPack { format: "fairgate-door-pack/2".into(), ..pack.clone() }.sign(&keys[1]),
        ] {
            assert!(changed.open().is_err(), "{changed:?}");
        }
    }

    #[test]
    fn seats_have_the_names_that_are_written_on_them() {
        let pack = DoorPack::new(&small(&[3, 4]), &[], vec![], String::new());
        let names = [0, 4, 7, 12, 13].map(|unit| pack.seat(unit));
        let expected = ["A, row R0, seat 1", "A, row R1, seat 2", "PIT, place 1", "PIT, place 6"];
        assert_eq!(names[..4], expected.map(|name| Some(name.to_owned())));
        assert_eq!(names[4], None);
    }
}
