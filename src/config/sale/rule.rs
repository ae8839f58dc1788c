//! The days on which a sale recurs: a rule of RFC 5545, worked out as days of the venue's calendar.
//!
//! Guarantees: a rule ends, and has no more days than a room has sales. Days are the calendar's and know no zone: clocks do
//! not change here.

use jiff::civil::Date;
use rrule::RRuleSet;

use crate::config::value::Misfit;

const EXAMPLE: &str =
    r#"write a rule of RFC 5545 that repeats days, like "FREQ=WEEKLY;BYDAY=FR" or "FREQ=MONTHLY;BYDAY=1FR""#;
const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
/// What would give a sale another time of day than the one that was written.
const TIMES_OF_DAY: [&str; 3] = ["BYHOUR", "BYMINUTE", "BYSECOND"];

/// When a rule ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleEnd {
    /// After so many days, those that are left out included.
    Count(u16),
    /// With this day.
    Until(Date),
}

/// The days of a rule from the first one on, at most so many and one more.
pub(super) fn days(rule: &str, first: Date, end: RuleEnd, most: u16) -> Result<Vec<Date>, Misfit> {
    check_parts(rule)?;
    let end = match end {
        RuleEnd::Count(count) => format!("COUNT={count}"),
        RuleEnd::Until(day) => format!("UNTIL={}T235959Z", day.strftime("%Y%m%d")),
    };
    // Noon of a calendar without a zone: the room's zone is applied to the days that come out.
    let text = format!("DTSTART:{}T120000Z\nRRULE:{rule};{end}", first.strftime("%Y%m%d"));
    let set: RRuleSet = text.parse().map_err(|error| Misfit::new(format!("{rule:?} is no rule: {error}"), EXAMPLE))?;
    let days: Vec<Date> =
        set.all(most.saturating_add(1)).dates.iter().filter_map(|at| day_of(at.timestamp())).collect();
    if days.is_empty() {
        let remedy = "check the rule's days and months, and that it does not end before opens_at";
        return Err(Misfit::new(format!("{rule:?} never occurs"), remedy));
    }
    Ok(days)
}

/// Refuses what a rule must not say here: its end, which has keys of its own, and times of the day.
fn check_parts(rule: &str) -> Result<(), Misfit> {
    let is_of_a_rule = |sign: char| sign.is_ascii_uppercase() || sign.is_ascii_digit() || "=;,+-".contains(sign);
    if rule.is_empty() || !rule.chars().all(is_of_a_rule) {
        return Err(Misfit::new(format!("{rule:?} is no rule"), EXAMPLE));
    }
    let parts = || rule.split(';').map(|part| part.split_once('=').unwrap_or((part, "")));
    for (name, value) in parts() {
        let remedy = match name {
            "COUNT" | "UNTIL" => r#"write it as a key of the sale: count = 52, or until = "2027-12-31""#,
            "FREQ" if !FREQUENCIES.contains(&value) => EXAMPLE,
            name if TIMES_OF_DAY.contains(&name) => "leave it out: a sale recurs at the time of day of opens_at",
            _ => continue,
        };
        return Err(Misfit::new(format!("{name}={value} cannot stand in a sale's rule"), remedy));
    }
    if !parts().any(|(name, _)| name == "FREQ") {
        return Err(Misfit::new(format!("{rule:?} says nothing of how often (FREQ)"), EXAMPLE));
    }
    Ok(())
}

fn day_of(unix_s: i64) -> Option<Date> {
    let at = jiff::Timestamp::from_second(unix_s).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn worked_out(rule: &str, first: Date, end: RuleEnd) -> Vec<String> {
        days(rule, first, end, 400)
            .unwrap_or_else(|misfit| panic!("{}", misfit.what))
            .iter()
            .map(Date::to_string)
            .collect()
    }

    #[test]
    fn a_rule_is_worked_out_to_its_end() {
        let fridays = worked_out("FREQ=WEEKLY;BYDAY=FR", date(2026, 12, 4), RuleEnd::Count(3));
        assert_eq!(fridays, ["2026-12-04", "2026-12-11", "2026-12-18"]);
        let until = worked_out("FREQ=MONTHLY;BYDAY=1FR", date(2026, 12, 4), RuleEnd::Until(date(2027, 2, 5)));
        assert_eq!(until, ["2026-12-04", "2027-01-01", "2027-02-05"], "the last day counts");
        let leap = worked_out("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", date(2028, 2, 29), RuleEnd::Count(2));
        assert_eq!(leap, ["2028-02-29", "2032-02-29"]);
        assert_eq!(
            days("FREQ=DAILY", date(2026, 12, 4), RuleEnd::Count(u16::MAX), 400).ok().map(|days| days.len()),
            Some(401)
        );
    }

    #[test]
    fn what_no_rule_of_a_sale_says_is_refused() {
        for (rule, told) in [
            ("", "is no rule"),
            ("every Friday", "is no rule"),
            ("RRULE:FREQ=DAILY", "is no rule"),
            ("FREQ=DAILY\nRDATE:20261204T120000Z", "is no rule"),
            ("BYDAY=FR", "how often"),
            ("FREQ=HOURLY", "FREQ=HOURLY cannot stand"),
            ("FREQ=FORTNIGHTLY", "FREQ=FORTNIGHTLY cannot stand"),
            ("FREQ=DAILY;BYHOUR=10", "BYHOUR=10 cannot stand"),
            ("FREQ=DAILY;COUNT=3", "COUNT=3 cannot stand"),
            ("FREQ=WEEKLY;BYDAY=XX", "is no rule"),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
        ] {
            let misfit = days(rule, date(2026, 12, 4), RuleEnd::Count(3), 400).err();
            let what = misfit.map(|misfit| misfit.what).unwrap_or_default();
            assert!(what.contains(told), "{rule}: {what}");
        }
        let early = days("FREQ=DAILY", date(2026, 12, 4), RuleEnd::Until(date(2026, 12, 3)), 400);
        assert!(early.is_err(), "its end lies before its beginning");
    }
}
