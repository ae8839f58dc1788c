//! What the clocks of a place show, and the instant at which they do. Pure.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The smallest step that every zone's changes have.
const STEP: SignedDuration = SignedDuration::from_millis(1);

/// The instant of a wall time. One that the clocks skip is the instant at which they skip it; one that they show twice is the
/// first of the two.
#[must_use]
pub fn instant(wall: DateTime, zone: &TimeZone) -> Timestamp {
    let by = |offset: jiff::tz::Offset| offset.to_timestamp(wall).unwrap_or(Timestamp::MAX);
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => by(offset),
        AmbiguousOffset::Fold { before, .. } => by(before),
        AmbiguousOffset::Gap { before, .. } => {
            // By the clocks of before it lies behind the change, or on it.
            let behind = by(before);
            let change = zone.preceding(behind.checked_add(STEP).unwrap_or(behind)).next();
            change.map_or(behind, |change| change.timestamp())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(wall: &str, zone: &str) -> String {
        instant(wall.parse().unwrap(), &TimeZone::get(zone).unwrap()).to_string()
    }

    #[test]
    fn a_wall_time_is_the_instant_at_which_the_clocks_show_it() {
        for (wall, zone, expected) in [
            ("2027-06-21T20:30", "Europe/Lisbon", "2027-06-21T19:30:00Z"),
            ("2027-06-21T23:59", "Asia/Kathmandu", "2027-06-21T18:14:00Z"),
            ("2028-02-29T18:00", "Asia/Kathmandu", "2028-02-29T12:15:00Z"),
            // Morocco's clocks are an hour back in Ramadan, which begins in the night of 7 February 2027.
            ("2027-01-20T18:00", "Africa/Casablanca", "2027-01-20T17:00:00Z"),
            ("2027-02-20T18:00", "Africa/Casablanca", "2027-02-20T18:00:00Z"),
            ("2027-06-21T18:00", "Pacific/Apia", "2027-06-21T05:00:00Z"),
        ] {
            assert_eq!(utc(wall, zone), expected, "{wall} {zone}");
        }
    }

    #[test]
    fn a_skipped_time_goes_to_the_next_instant_and_a_repeated_one_to_the_first() {
        for (wall, zone, expected) in [
            // Lisbon, 28 March 2027: 01:00 is 02:00.
            ("2027-03-28T00:59", "Europe/Lisbon", "2027-03-28T00:59:00Z"),
            ("2027-03-28T01:00", "Europe/Lisbon", "2027-03-28T01:00:00Z"),
            ("2027-03-28T01:30", "Europe/Lisbon", "2027-03-28T01:00:00Z"),
            ("2027-03-28T02:00", "Europe/Lisbon", "2027-03-28T01:00:00Z"),
            // Lisbon, 25 October 2026: 01:30 is there twice.
            ("2026-10-25T01:30", "Europe/Lisbon", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:00", "Europe/Lisbon", "2026-10-25T02:00:00Z"),
            // Samoa had no 30 December 2011.
            ("2011-12-29T23:59", "Pacific/Apia", "2011-12-30T09:59:00Z"),
            ("2011-12-30T18:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
            ("2011-12-31T00:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        ] {
            assert_eq!(utc(wall, zone), expected, "{wall} {zone}");
        }
    }
}
