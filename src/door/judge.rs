//! Who may come in. Pure.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::journal::Admission;
use fairgate_booking::tickets::{DoorPack, SeatTicket, TicketId, Unreadable};

/// What a door says to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let its bearer in, once this is written down.
    Admit(Admission),
    /// Somebody came in with it.
    Used(Admission),
    /// Its booking was cancelled or refunded, or was in review when the pack was made.
    Revoked(u32),
    /// The seller made it for another event.
    WrongEvent,
    /// The seller did not make it.
    Forged,
    /// It is no ticket, or was not read whole.
    Unreadable(Unreadable),
}

impl Verdict {
    /// The exit code that tells it.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Admit(_) => 0,
            Self::Used(_) => 11,
            Self::Revoked(_) => 12,
            Self::WrongEvent => 13,
            Self::Forged => 14,
            Self::Unreadable(_) => 15,
        }
    }
}

/// What a door knows.
#[derive(Debug)]
pub struct Door {
    name: String,
    pack: DoorPack,
    zone: TimeZone,
    keys: Vec<(u8, Vec<u8>)>,
    revoked: HashSet<TicketId>,
    used: HashMap<TicketId, Admission>,
}

impl Door {
    /// A door that has let in nobody yet.
    #[must_use]
    pub fn new(name: &str, pack: DoorPack) -> Self {
        Self {
            name: name.to_owned(),
            zone: TimeZone::get(&pack.zone).unwrap_or(TimeZone::UTC),
            keys: pack.keys.iter().map(|key| (key.id, key.bytes())).collect(),
            revoked: pack.revoked.iter().copied().collect(),
            used: HashMap::new(),
            pack,
        }
    }

    /// Takes note of somebody who came in, here or at another door. Of two with one ticket the first counts.
    pub fn note(&mut self, admission: Admission) {
        let known = self.used.entry(admission.ticket).or_insert_with(|| admission.clone());
        if admission.at < known.at {
            *known = admission;
        }
    }

    /// How many came in.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.used.len()
    }

    /// What to say to a ticket that is shown now. It counts as used once it is [noted](Self::note).
    #[must_use]
    pub fn judge(&self, text: &str, now: Timestamp) -> Verdict {
        let signed = match SeatTicket::read(text) {
            Ok(signed) => signed,
            Err(unreadable) => return Verdict::Unreadable(unreadable),
        };
        let key = self.keys.iter().find(|(id, _)| *id == signed.key_id);
        if !key.is_some_and(|(_, public)| signed.is_signed_by(public)) {
            return Verdict::Forged;
        }
        let SeatTicket { event_id, unit, ticket_id, .. } = signed.ticket;
        if event_id != self.pack.event_id || self.pack.seat(unit).is_none() {
            return Verdict::WrongEvent;
        }
        if let Some(used) = self.used.get(&ticket_id) {
            return Verdict::Used(used.clone());
        }
        if self.revoked.contains(&ticket_id) {
            return Verdict::Revoked(unit);
        }
        Verdict::Admit(Admission { at: now, ticket: ticket_id, unit, door: self.name.clone() })
    }

    /// A verdict in words, one line.
    #[must_use]
    pub fn words(&self, verdict: &Verdict) -> String {
        match verdict {
            Verdict::Admit(admission) => format!("ADMIT        {}", self.seat(admission.unit)),
            Verdict::Used(used) => {
                format!("ALREADY USED {}: {}", self.seat(used.unit), self.came_in(used))
            }
            Verdict::Revoked(unit) => {
                format!("REVOKED      {}: the booking was cancelled or refunded", self.seat(*unit))
            }
            Verdict::WrongEvent => format!("WRONG EVENT  a good ticket, but not for {}", self.pack.title),
            Verdict::Forged => "FORGED       the seller did not make this ticket".to_owned(),
            Verdict::Unreadable(Unreadable::NoTicket) => {
                "UNREADABLE   this is no ticket, or not all of one: scan it again".to_owned()
            }
            Verdict::Unreadable(newer) => format!("UNREADABLE   {newer}"),
        }
    }

    /// When and where somebody came in, by the clocks of the place.
    #[must_use]
    pub fn came_in(&self, admission: &Admission) -> String {
        let at = admission.at.to_zoned(self.zone.clone()).strftime("%H:%M:%S on %-d %B").to_string();
        format!("at {at}, door {}", admission.door)
    }

    /// What a seat is called.
    #[must_use]
    pub fn seat(&self, unit: u32) -> String {
        self.pack.seat(unit).unwrap_or_else(|| format!("seat {unit} of the plan"))
    }
}

#[cfg(test)]
mod tests {
    use fairgate_booking::db::DbTime;
    use fairgate_booking::tickets::{PublicKey, TicketKey};
    use uuid::Uuid;

    use super::super::journal::tests::pack;
    use super::*;

    const NOW: &str = "2027-06-21T19:00:05Z";

    fn key(seed: u8) -> TicketKey {
        TicketKey::new(1, &[seed; 32]).unwrap()
    }

    fn ticket(event_id: i32, booking: u128, unit: u32) -> SeatTicket {
        SeatTicket::new(event_id, DbTime(0), Uuid::from_u128(booking), unit)
    }

    fn door() -> Door {
        let revoked = vec![ticket(3, 9, 0).ticket_id];
        Door::new("north", DoorPack { keys: vec![PublicKey::of(&key(1))], revoked, ..pack() })
    }

    #[test]
    fn a_door_says_what_it_is_and_admits_once() {
        let (mut door, now) = (door(), NOW.parse().unwrap());
        let judge = |door: &Door, ticket: SeatTicket, seed| door.judge(&ticket.sign(&key(seed)), now);
        let admit = judge(&door, ticket(3, 1, 1), 1);
        let Verdict::Admit(admission) = admit.clone() else { panic!("{admit:?}") };
        assert_eq!(judge(&door, ticket(3, 1, 1), 1), admit, "not used until it is noted");
        door.note(admission);
        let used = judge(&door, ticket(3, 1, 1), 1);
        let told = [
            (admit, 0, "ADMIT        Stalls, row A, seat 2"),
            (used, 11, "ALREADY USED Stalls, row A, seat 2: at 20:00:05 on 21 June, door north"),
            (judge(&door, ticket(3, 9, 0), 1), 12, "REVOKED      Stalls, row A, seat 1: the booking was cancelled"),
            (judge(&door, ticket(4, 1, 1), 1), 13, "WRONG EVENT  a good ticket, but not for Night"),
            (judge(&door, ticket(3, 1, 7), 1), 13, "WRONG EVENT"),
            (judge(&door, ticket(3, 2, 1), 2), 14, "FORGED"),
            (judge(&door, ticket(4, 2, 1), 2), 14, "FORGED"),
            (door.judge("https://tickets.example", now), 15, "UNREADABLE   this is no ticket"),
            (door.judge("FG02", now), 15, "UNREADABLE   this ticket has version 2"),
        ];
        for (verdict, code, words) in told {
            assert_eq!(verdict.code(), code, "{verdict:?}");
            assert!(door.words(&verdict).starts_with(words), "{}", door.words(&verdict));
        }
        assert!(matches!(judge(&door, ticket(3, 2, 1), 1), Verdict::Admit(_)), "the seat was sold again");
        assert_eq!(door.admitted(), 1);
    }

    #[test]
    fn a_key_that_the_seller_has_taken_back_makes_no_tickets() {
        let other = TicketKey::new(2, &[2; 32]).unwrap();
        let text = ticket(3, 1, 1).sign(&other);
        assert_eq!(door().judge(&text, NOW.parse().unwrap()), Verdict::Forged);
        let keys = vec![PublicKey::of(&key(1)), PublicKey::of(&other)];
        let door = Door::new("north", DoorPack { keys, ..pack() });
        assert!(matches!(door.judge(&text, NOW.parse().unwrap()), Verdict::Admit(_)));
    }
}
