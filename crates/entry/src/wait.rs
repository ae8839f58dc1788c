//! Waiting instead of working: a signed note for whoever's device cannot solve the puzzle.
//!
//! Guarantees:
//! - a note is for one draw and one entry, and is good for one epoch after its time
//! - nobody but an edge makes a note, and nobody makes its time come sooner
//!
//! The way costs nothing but time, so whoever takes it is marked: see [`Facts::has_waited`](crate::score::Facts).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bond::Bond;
use crate::epoch::EPOCH_S;
use crate::keys::{Key, equal, first};
use crate::way::{Answer, Ask, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// Longest wait, ms.
pub const WAIT_MS_MAX: u64 = 60_000;
/// For how long a note is good once its time has come, ms: an epoch, for so long the entry is recognised.
pub const NOTE_GOOD_MS: u64 = EPOCH_S * 1000;

const NOTE_CHARACTERS: usize = 54;
const SIGNED_BYTES: usize = 24;

/// How long somebody waits who comes now: a minute, or a tenth of what is left of the pool, whichever is less.
#[must_use]
pub fn wait_ms(now_ms: u64, starts_at_ms: u64) -> u64 {
    (starts_at_ms.saturating_sub(now_ms) / 10).min(WAIT_MS_MAX)
}

/// The way of waiting. It is offered wherever work is, and asked for nowhere.
#[derive(Clone, Debug)]
pub struct Wait {
    name: WayName,
    key: Key,
}

impl Wait {
    /// From the key of [`Purpose::Wait`](crate::keys::Purpose::Wait).
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { name: WayName::new(WayName::WAIT).expect("the name of this way is one"), key }
    }

    /// A note: `base64url(b ‖ u64be not_before_ms ‖ HMAC-SHA256(k, DST("fairgate/v2/wait") ‖ D ‖ b ‖ not_before)[0..16])`.
    #[must_use]
    pub fn note(&self, draw: &[u8; 32], bond: &Bond, not_before_ms: u64) -> String {
        let mut note = [0; SIGNED_BYTES + 16];
        note[..16].copy_from_slice(bond.bytes());
        note[16..SIGNED_BYTES].copy_from_slice(&not_before_ms.to_be_bytes());
        let mac = self.mac(draw, &note[..SIGNED_BYTES]);
        note[SIGNED_BYTES..].copy_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(note)
    }

    /// The time from which a note is good; `None` where it is not ours, or for another entry.
    #[must_use]
    pub fn not_before_ms(&self, note: &str, draw: &[u8; 32], bond: &Bond) -> Option<u64> {
        let note = Some(note).filter(|note| note.len() == NOTE_CHARACTERS)?;
        let note = URL_SAFE_NO_PAD.decode(note).ok()?;
        let (signed, mac) = note.split_at_checked(SIGNED_BYTES)?;
        let (own, time) = signed.split_at(16);
        if !equal(mac, &self.mac(draw, signed)) || own != bond.bytes() {
            return None;
        }
        Some(time.iter().fold(0, |time, byte| time << 8 | u64::from(*byte)))
    }

    fn mac(&self, draw: &[u8; 32], signed: &[u8]) -> [u8; 16] {
        first(&self.key.mac("fairgate/v2/wait", &[draw, signed]))
    }
}

impl Way for Wait {
    fn name(&self) -> &WayName {
        &self.name
    }

    fn ask(&self, _scene: &Scene<'_>) -> Ask {
        Ask::Plain {}
    }

    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let Shown::Wait(note) = shown else { return Judgement::Refused(Reason::WorkWrong) };
        let Some(from_ms) = self.not_before_ms(note, scene.draw, &scene.bond) else {
            return Judgement::Refused(Reason::WorkWrong);
        };
        if scene.now_ms < from_ms {
            return Judgement::More(Ask::Plain {});
        }
        if scene.now_ms - from_ms >= NOTE_GOOD_MS {
            return Judgement::Refused(Reason::WorkLate);
        }
        Judgement::Shown(Person::checked())
    }

    fn settle(&self, _answer: &Answer, _scene: &Scene<'_>) -> Judgement {
        Judgement::Refused(Reason::WorkWrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{draw, key, nonce};

    const NOW_MS: u64 = 1_764_581_400_000;

    fn judged(note: &str, bond: Bond, now_ms: u64) -> Judgement {
        let draw = draw();
        let scene = Scene { now_ms, room: "final", draw: &draw, bond, hosts: &[], effort: 2 };
        Wait::new(key(1)).judge(&Shown::Wait(note), &scene)
    }

    #[test]
    fn a_wait_is_a_minute_or_a_tenth_of_what_is_left() {
        for (left_ms, expected) in [(0, 0), (9, 0), (60_000, 6_000), (600_000, 60_000), (1_800_000, 60_000)] {
            assert_eq!(wait_ms(NOW_MS, NOW_MS + left_ms), expected);
        }
        assert_eq!(wait_ms(NOW_MS, NOW_MS - 1), 0);
    }

    #[test]
    fn a_note_is_good_for_its_entry_for_a_minute_after_its_time() {
        let bond = Bond::of(&nonce(), b"");
        let note = Wait::new(key(1)).note(&draw(), &bond, NOW_MS);
        assert_eq!(note.len(), NOTE_CHARACTERS);
        assert_eq!(judged(&note, bond, NOW_MS - 1), Judgement::More(Ask::Plain {}));
        assert_eq!(judged(&note, bond, NOW_MS), Judgement::Shown(Person::checked()));
        assert_eq!(judged(&note, bond, NOW_MS + 59_999), Judgement::Shown(Person::checked()));
        assert_eq!(judged(&note, bond, NOW_MS + 60_000), Judgement::Refused(Reason::WorkLate));
        let wrong = Judgement::Refused(Reason::WorkWrong);
        assert_eq!(judged(&note, Bond::of(&nonce(), b"X"), NOW_MS), wrong);
        assert_eq!(judged(&Wait::new(key(2)).note(&draw(), &bond, NOW_MS), bond, NOW_MS), wrong);
        assert_eq!(judged(&Wait::new(key(1)).note(&[0; 32], &bond, NOW_MS), bond, NOW_MS), wrong);
    }

    #[test]
    fn any_bit_spoils_it() {
        let bond = Bond::of(&nonce(), b"");
        let note = Wait::new(key(1)).note(&draw(), &bond, NOW_MS);
        for bit in 0..8 * note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert_eq!(judged(&other, bond, NOW_MS), Judgement::Refused(Reason::WorkWrong), "{other}");
        }
        for other in ["", &note[1..], &format!("{note}AA")] {
            assert_eq!(judged(other, bond, NOW_MS), Judgement::Refused(Reason::WorkWrong));
        }
    }
}
