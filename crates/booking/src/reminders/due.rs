//! When somebody is reminded. Pure.

use jiff::civil::{DateTime, Time, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::wall::instant;

/// By the clocks of the place, on the day before.
const REMIND_AT: Time = time(18, 0, 0, 0);
/// Quiet hours begin, by the clocks of whoever is reminded.
const QUIET_FROM: Time = time(22, 0, 0, 0);
/// Quiet hours end.
const QUIET_TO: Time = time(8, 0, 0, 0);
/// When somebody is reminded whose morning would be too late.
const EVENING: Time = time(21, 0, 0, 0);
/// A reminder that comes later is of no use.
const BEFORE_START: SignedDuration = SignedDuration::from_hours(2);

/// When a reminder is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By the clocks of the place.
    pub wall: DateTime,
    /// The instant that follows from it, and from the night of whoever is reminded.
    pub at: Timestamp,
}

/// When to remind of an event that begins at `starts_at`: at 18:00 of the day before at its place, and in nobody's night.
#[must_use]
pub fn plan(starts_at: Timestamp, place: &TimeZone, recipient: &TimeZone) -> Plan {
    let day = starts_at.to_zoned(place.clone()).date();
    let wall = day.yesterday().unwrap_or(day).to_datetime(REMIND_AT);
    Plan { wall, at: derive(wall, starts_at, place, recipient) }
}

/// The instant of a reminder at a wall time, by the rules for clocks that are known now.
#[must_use]
pub(super) fn derive(wall: DateTime, starts_at: Timestamp, place: &TimeZone, recipient: &TimeZone) -> Timestamp {
    let at = instant(wall, place);
    let local = at.to_zoned(recipient.clone()).datetime();
    let morning = if local.time() >= QUIET_FROM { local.date().tomorrow().ok() } else { Some(local.date()) };
    let Some(morning) = morning.filter(|_| local.time() >= QUIET_FROM || local.time() < QUIET_TO) else { return at };
    let wakes = instant(morning.to_datetime(QUIET_TO), recipient);
    if wakes.duration_until(starts_at) >= BEFORE_START {
        return wakes;
    }
    instant(morning.yesterday().unwrap_or(morning).to_datetime(EVENING), recipient)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    /// When somebody in `recipient` is reminded of what begins at this wall time of `place`.
    fn reminded(starts: &str, place: &str, recipient: &str) -> String {
        let starts_at = instant(starts.parse().unwrap(), &zone(place));
        plan(starts_at, &zone(place), &zone(recipient)).at.to_zoned(zone(recipient)).strftime("%FT%R %Z").to_string()
    }

    #[test]
    fn people_are_reminded_on_the_evening_before_at_the_place() {
        for (starts, place, expected) in [
            ("2027-06-21T20:30", "Europe/Lisbon", "2027-06-20T18:00 WEST"),
            ("2027-06-21T23:59", "Europe/Lisbon", "2027-06-20T18:00 WEST"),
            ("2027-06-21T00:15", "Europe/Lisbon", "2027-06-20T18:00 WEST"),
            // Across both changes, and in their very nights.
            ("2027-03-28T20:30", "Europe/Lisbon", "2027-03-27T18:00 WET"),
            ("2027-03-29T20:30", "Europe/Lisbon", "2027-03-28T18:00 WEST"),
            ("2026-10-25T20:30", "Europe/Lisbon", "2026-10-24T18:00 WEST"),
            ("2026-10-26T20:30", "Europe/Lisbon", "2026-10-25T18:00 WET"),
            ("2028-02-29T20:30", "Asia/Kathmandu", "2028-02-28T18:00 +0545"),
            ("2028-03-01T20:30", "Asia/Kathmandu", "2028-02-29T18:00 +0545"),
            ("2027-02-08T20:30", "Africa/Casablanca", "2027-02-07T18:00 +00"),
            ("2027-02-07T20:30", "Africa/Casablanca", "2027-02-06T18:00 +01"),
            // There was no day before: the next instant is in the night, and the night ends at 08:00.
            ("2011-12-31T20:30", "Pacific/Apia", "2011-12-31T08:00 +14"),
        ] {
            assert_eq!(reminded(starts, place, place), expected, "{starts} {place}");
        }
    }

    #[test]
    fn nobody_is_woken() {
        for (starts, place, recipient, expected) in [
            // 18:00 in Lisbon is 22:45 in Kathmandu: in the morning there.
            ("2027-06-21T20:30", "Europe/Lisbon", "Asia/Kathmandu", "2027-06-21T08:00 +0545"),
            // 18:00 in Kathmandu is 02:15 in Honolulu; an event at half past midnight leaves no morning: the evening before.
            ("2027-06-21T00:30", "Asia/Kathmandu", "Pacific/Honolulu", "2027-06-19T21:00 HST"),
            ("2027-06-21T20:30", "Asia/Kathmandu", "Pacific/Honolulu", "2027-06-20T08:00 HST"),
            // In the night in which the recipient's clocks go on, the morning is by the new ones.
            ("2027-03-28T20:30", "America/Los_Angeles", "Europe/Lisbon", "2027-03-28T08:00 WEST"),
        ] {
            assert_eq!(reminded(starts, place, recipient), expected, "{starts} {place} {recipient}");
        }
    }

    proptest! {
        #[test]
        fn a_reminder_is_before_the_event_and_in_no_night(
            starts_s in 1_600_000_000_i64..2_500_000_000,
            place in prop::sample::select(vec!["Europe/Lisbon", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "America/St_Johns"]),
            recipient in prop::sample::select(vec!["Europe/Lisbon", "Pacific/Honolulu", "Africa/Casablanca", "Australia/Lord_Howe"]),
        ) {
            let starts_at = Timestamp::from_second(starts_s).unwrap();
            let at = plan(starts_at, &zone(place), &zone(recipient)).at;
            let local = at.to_zoned(zone(recipient)).time();
            prop_assert!((QUIET_TO..QUIET_FROM).contains(&local), "{local}");
            prop_assert!(at < starts_at && starts_at.duration_since(at) < SignedDuration::from_hours(60), "{at} {starts_at}");
        }
    }
}
