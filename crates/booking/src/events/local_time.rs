//! A point in time as the clocks of the event's place show it. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::db::DbTime;

/// Weekday, date, time, and which time that is: an hour that the clocks show twice is told apart by its offset.
#[must_use]
pub fn in_zone(at: DbTime, zone: &str) -> String {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    // Zones are checked when an event is written; a machine without that zone's rules still tells a true time.
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    instant.to_zoned(zone).strftime("%A, %-d %B %Y, %H:%M %Z (UTC%:z)").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(utc: &str, zone: &str) -> String {
        let instant: Timestamp = utc.parse().expect("a time");
        in_zone(DbTime(instant.as_millisecond()), zone)
    }

    #[test]
    fn people_are_told_the_time_of_the_place() {
        assert_eq!(shown("2027-06-21T19:30:00Z", "Europe/Lisbon"), "Monday, 21 June 2027, 20:30 WEST (UTC+01:00)");
        assert_eq!(
            shown("2027-12-31T23:30:00Z", "Asia/Kathmandu"),
            "Saturday, 1 January 2028, 05:15 +0545 (UTC+05:45)"
        );
        assert_eq!(shown("2027-06-21T19:30:00Z", "Mars/Olympus"), "Monday, 21 June 2027, 19:30 UTC (UTC+00:00)");
    }

    #[test]
    fn the_hour_that_happens_twice_is_told_apart_and_the_one_that_never_does_is_never_told() {
        // 25 October 2026: at 02:00 WEST the clocks go back to 01:00 WET.
        assert_eq!(shown("2026-10-25T00:30:00Z", "Europe/Lisbon"), "Sunday, 25 October 2026, 01:30 WEST (UTC+01:00)");
        assert_eq!(shown("2026-10-25T01:30:00Z", "Europe/Lisbon"), "Sunday, 25 October 2026, 01:30 WET (UTC+00:00)");
        // 28 March 2027: at 01:00 WET they go on to 02:00 WEST.
        assert_eq!(shown("2027-03-28T00:59:00Z", "Europe/Lisbon"), "Sunday, 28 March 2027, 00:59 WET (UTC+00:00)");
        assert_eq!(shown("2027-03-28T01:00:00Z", "Europe/Lisbon"), "Sunday, 28 March 2027, 02:00 WEST (UTC+01:00)");
    }
}
