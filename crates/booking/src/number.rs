//! Numbers of bookings: ten letters and digits that people can read to each other.

use uuid::Uuid;

/// Crockford's base 32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Ten letters and digits that people do not confuse (Crockford's base 32), from the first 50 bits of the id.
pub(crate) fn number(booking_id: Uuid) -> String {
    let bits = booking_id.as_u128() >> 78;
    let digit = |position: u32| char::from(DIGITS[(bits >> (45 - 5 * position)) as usize & 31]);
    (0..5).map(digit).chain(['-']).chain((5..10).map(digit)).collect()
}

/// The ids that a number may stand for, lowest and highest; `None` when it is no number.
pub(crate) fn ids_of_number(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').map(|byte| byte.to_ascii_uppercase()).collect();
    if digits.len() != 10 {
        return None;
    }
    let mut bits = 0u128;
    for digit in digits {
        bits = bits << 5 | DIGITS.iter().position(|&known| known == digit)? as u128;
    }
    Some((Uuid::from_u128(bits << 78), Uuid::from_u128(((bits + 1) << 78).wrapping_sub(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_short_and_follows_from_the_id() {
        assert_eq!(number(Uuid::nil()), "00000-00000");
        assert_eq!(number(Uuid::max()), "ZZZZZ-ZZZZZ");
        assert_eq!(number(Uuid::from_u128(1 << 78)), "00000-00001");
        for id in [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x1234_5678_9abc_8def_8000_0000_0000_0001)] {
            let (lowest, highest) = ids_of_number(&number(id).to_lowercase()).expect("a number");
            assert!(lowest <= id && id <= highest);
            assert_eq!((number(lowest), number(highest)), (number(id), number(id)));
        }
        assert_eq!(ids_of_number("0000U-00000"), None);
        assert_eq!(ids_of_number("00000"), None);
    }
}
