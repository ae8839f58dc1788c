//! Local times that a clock change makes happen twice or never: which points in time may be meant.

use fairgate_telemetry::zones::Zones;
use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;

/// What may be meant by a local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockChange {
    /// True if the time happens twice; false if it does not happen.
    pub is_twice: bool,
    /// Both points in time, the earlier one first, each with its offset and zone.
    pub choices: [String; 2],
}

/// What may be meant by a local time of a zone; nothing where that is one point in time, or none can be read.
#[must_use]
pub fn clock_change(local: &str, zone: &str) -> Option<ClockChange> {
    let local: DateTime = local.trim().parse().ok()?;
    let zone = Zones::get().database().get(zone.trim()).ok()?;
    let (is_twice, offsets) = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { .. } => return None,
        AmbiguousOffset::Gap { before, after } => (false, [after, before]),
        AmbiguousOffset::Fold { before, after } => (true, [before, after]),
    };
    let [earlier, later] =
        offsets.map(|offset| Some(offset.to_timestamp(local).ok()?.to_zoned(zone.clone()).to_string()));
    Some(ClockChange { is_twice, choices: [earlier?, later?] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_meanings_of_a_time_are_told() {
        let twice = clock_change("2026-10-25T01:30", "Europe/Lisbon").unwrap();
        assert!(twice.is_twice);
        assert_eq!(
            twice.choices,
            ["2026-10-25T01:30:00+01:00[Europe/Lisbon]", "2026-10-25T01:30:00+00:00[Europe/Lisbon]"]
        );
        let never = clock_change("2026-03-29T01:30", "Europe/Lisbon").unwrap();
        assert!(!never.is_twice);
        assert_eq!(
            never.choices,
            ["2026-03-29T00:30:00+00:00[Europe/Lisbon]", "2026-03-29T02:30:00+01:00[Europe/Lisbon]"]
        );
        for (local, zone) in
            [("2026-12-04T18:00", "Europe/Lisbon"), ("soon", "Europe/Lisbon"), ("2026-10-25T01:30", "Mars")]
        {
            assert_eq!(clock_change(local, zone), None);
        }
    }
}
