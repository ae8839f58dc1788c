//! Sales as they are written: in order, across clock changes, and what cannot be meant.

use std::path::Path;

use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::SALES_MAX;
use crate::config::{Config, RoomConfig};
use fairgate_telemetry::zones::Zones;

const ROOM: &str = "[edge]\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\nupstream = \"shop\"\n\
    admission.rate_per_minute = 600\nsession.max = \"1h\"\n";

fn room(lines: &str) -> Result<RoomConfig, String> {
    let read = Config::parse(&format!("{ROOM}{lines}"), Path::new("test.toml"));
    read.map(|config| config.rooms[0].clone()).map_err(|error| error.to_string())
}

/// A table of a sale on these times of this day.
fn sale(day: &str, zone: &str, more: &str) -> String {
    format!(
        "[[room.sale]]\nopens_at = \"{day}T09:30[{zone}]\"\nstarts_at = \"{day}T10:00[{zone}]\"\n\
         ends_at = \"{day}T22:00[{zone}]\"\n{more}\n"
    )
}

fn zone(name: &str) -> TimeZone {
    Zones::get().database().get(name).unwrap()
}

/// The starts of a room's sales, as its venue's clocks show them.
fn starts(room: &RoomConfig, name: &str) -> Vec<String> {
    let local = |at_ms: u64| {
        let at = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap()).unwrap();
        at.to_zoned(zone(name)).strftime("%F %H:%M %:z").to_string()
    };
    room.sales.iter().map(|sale| local(sale.starts_at_ms)).collect()
}

#[test]
fn sales_follow_one_another_and_each_may_have_a_rate_of_its_own() {
    let lines = sale("2026-12-01", "Europe/Lisbon", "name = \"first\"\nrate_per_minute = 60\nmessage = \"Hello\"")
        + &sale("2026-12-02", "Europe/Lisbon", "burst = 3\nmax_active = 7");
    let room = room(&lines).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(starts(&room, "Europe/Lisbon"), ["2026-12-01 10:00 +00:00", "2026-12-02 10:00 +00:00"]);
    let [first, second] = &room.sales[..] else { panic!("{:?}", room.sales) };
    assert_eq!((first.name.as_deref(), first.message.as_deref()), (Some("first"), Some("Hello")));
    assert_eq!(first.policy(&room.policy).rate_per_minute, 60);
    let policy = second.policy(&room.policy);
    assert_eq!((policy.rate_per_minute, policy.burst, policy.max_active), (600, 3, 7));
    assert_eq!(room.schedule.starts_at_ms, first.starts_at_ms);

    let at = |ms| room.sale_at(ms).unwrap().starts_at_ms;
    assert_eq!((at(0), at(first.ends_at_ms.unwrap())), (first.starts_at_ms, second.starts_at_ms));
    assert_eq!(at(u64::MAX), second.starts_at_ms, "when all are over it is the last one");
    let after = |starts_at_ms, now_ms| room.sale_after(starts_at_ms, now_ms).map(|sale| sale.starts_at_ms);
    assert_eq!(after(first.starts_at_ms, 0), Some(second.starts_at_ms));
    assert_eq!(after(second.starts_at_ms, 0), None);
    assert_eq!(after(first.starts_at_ms, u64::MAX), None, "a sale that is over is passed over");
    assert!(room.sale_of(second.opens_at_ms, second.starts_at_ms).is_some());
    assert!(room.sale_of(second.opens_at_ms, first.starts_at_ms).is_none());
}

#[test]
fn the_rooms_own_times_are_one_of_its_sales() {
    let own = "opens_at = \"2026-11-30T09:00Z\"\nstarts_at = \"2026-11-30T10:00Z\"\nends_at = \"2026-11-30T22:00Z\"\n";
    let read =
        room(&format!("{own}{}", sale("2026-12-04", "Europe/Lisbon", "rule = \"FREQ=WEEKLY\"\ncount = 2"))).unwrap();
    assert_eq!(starts(&read, "UTC"), ["2026-11-30 10:00 +00:00", "2026-12-04 10:00 +00:00", "2026-12-11 10:00 +00:00"]);
}

#[test]
fn a_rule_keeps_the_venues_time_across_clock_changes() {
    for (name, first, rule, expected) in [
        ("Europe/Lisbon", "2027-03-26", "FREQ=WEEKLY;BYDAY=FR", ["2027-03-26 10:00 +00:00", "2027-04-02 10:00 +01:00"]),
        ("America/New_York", "2026-10-31", "FREQ=DAILY", ["2026-10-31 10:00 -04:00", "2026-11-01 10:00 -05:00"]),
        ("Australia/Lord_Howe", "2027-04-03", "FREQ=DAILY", ["2027-04-03 10:00 +11:00", "2027-04-04 10:00 +10:30"]),
    ] {
        let read =
            room(&sale(first, name, &format!("rule = \"{rule}\"\ncount = 2"))).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(starts(&read, name), expected);
    }
}

#[test]
fn days_are_left_out_and_the_first_one_may_be() {
    let fridays = |except: &str| {
        let more = format!("rule = \"FREQ=WEEKLY;BYDAY=FR\"\nuntil = \"2027-01-08\"\nexcept = [{except}]");
        starts(&room(&sale("2026-12-18", "Europe/Lisbon", &more)).unwrap(), "Europe/Lisbon")
    };
    assert_eq!(fridays("").len(), 4);
    assert_eq!(
        fridays("\"2026-12-25\", 2027-01-01"),
        ["2026-12-18 10:00 +00:00", "2027-01-08 10:00 +00:00"],
        "as text, or as TOML's own days"
    );
    assert_eq!(fridays("\"2026-12-18\"").len(), 3);
}

#[test]
fn a_time_that_clock_changes_spoil_is_refused_by_its_day() {
    let night = |day: &str, zone: &str, rule: &str| {
        format!(
            "[[room.sale]]\nname = \"night\"\nopens_at = \"{day}T01:15[{zone}]\"\nstarts_at = \"{day}T01:45[{zone}]\"\n\
             ends_at = \"{day}T05:00[{zone}]\"\nrule = \"FREQ=DAILY\"\n{rule}"
        )
    };
    for (zone, first, spoilt, next) in [
        ("Europe/Lisbon", "2027-03-27", "2027-03-28", "never"),
        ("Europe/Lisbon", "2026-10-24", "2026-10-25", "twice"),
        ("America/New_York", "2026-10-31", "2026-11-01", "twice"),
        // Half an hour, from 02:00 to 01:30: 01:45 is there twice, and 01:15 once.
        ("Australia/Lord_Howe", "2027-04-03", "2027-04-04", "twice"),
    ] {
        let told = room(&night(first, zone, "count = 3")).unwrap_err();
        assert!(told.contains("room[final].sale[night].rule: on "), "{next}: {told}");
        assert!(told.contains(&format!("on {spoilt} the local time")), "{told}");
        assert!(told.contains(&format!("except = [\"{spoilt}\"]")), "{told}");
        let without = format!("count = 3\nexcept = [\"{spoilt}\"]");
        assert_eq!(room(&night(first, zone, &without)).unwrap().sales.len(), 2);
    }
}

#[test]
fn what_cannot_be_meant_is_told_with_its_key_and_a_remedy() {
    let lisbon = |day: &str, more: &str| sale(day, "Europe/Lisbon", more);
    let weekly =
        |more: &str| lisbon("2026-12-04", &format!("name = \"friday\"\nrule = \"FREQ=WEEKLY;BYDAY=FR\"\n{more}"));
    let friday = "room[final].sale[friday]";
    let cases = [
        (weekly(""), format!("{friday}.rule: has no end"), "until = \"2027-12-31\""),
        (weekly("count = 1\nuntil = \"2027-01-01\""), format!("{friday}.until: stands beside count"), "one of them"),
        (weekly("count = 0"), format!("{friday}.count: is 0"), "1 or more"),
        (weekly("count = 401"), format!("{friday}.rule: gives more than {SALES_MAX} sales"), "end the rule earlier"),
        (weekly("until = \"soon\""), format!("{friday}.until: \"soon\" is not a day"), "2026-12-25"),
        (weekly("until = \"2026-12-01\""), format!("{friday}.rule:"), "write a rule"),
        (weekly("count = 2\nexcept = [\"2026-12-05\"]"), format!("{friday}.except: 2026-12-05 is no day"), "remove it"),
        (
            weekly("count = 1\nexcept = [\"2026-12-04\"]"),
            format!("{friday}.except: leaves no day"),
            "leave out fewer days",
        ),
        (
            lisbon("2026-12-03", "rule = \"FREQ=WEEKLY;BYDAY=FR\"\ncount = 2"),
            "room[final].sale[0].opens_at: 2026-12-03 is no day of the rule".to_owned(),
            "the next one is 2026-12-04",
        ),
        (
            lisbon("2026-12-03", "rule = \"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\"\ncount = 2"),
            "room[final].sale[0].rule: \"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\" never occurs".to_owned(),
            "check the rule's days",
        ),
        (lisbon("2026-12-03", "count = 2"), "room[final].sale[0].count: means nothing".to_owned(), "add rule"),
        (lisbon("2026-12-03", "name = \"A b\""), "room[final].sale[A b].name:".to_owned(), "a-z"),
        (lisbon("2026-12-03", "rate_per_minute = 0"), "room[final].sale[0].rate_per_minute:".to_owned(), "bounds"),
        (
            lisbon("2026-12-03", "name = \"b\"") + &lisbon("2026-12-02", "name = \"a\""),
            "room[final].sale: the sale (\"a\", opens 2026-12-02T09:30:00Z) stands behind".to_owned(),
            "in the order",
        ),
        (
            lisbon("2026-12-02", "") + &lisbon("2026-12-02", ""),
            "room[final].sale: the sale (opens 2026-12-02T09:30:00Z) ends at".to_owned(),
            "before the next one's pool opens",
        ),
        (
            lisbon("2026-12-02", "").replace("ends_at", "# ends_at") + &lisbon("2026-12-03", ""),
            "has no end, and the sale".to_owned(),
            "give it ends_at",
        ),
        (
            sale("2026-12-04", "UTC", "rule = \"FREQ=DAILY\"\ncount = 2").replace("T09:30[UTC]", "T09:30Z"),
            "room[final].sale[0].opens_at: has no zone".to_owned(),
            "[Europe/Lisbon]",
        ),
        (
            sale("2026-12-04", "UTC", "rule = \"FREQ=DAILY\"\ncount = 2")
                .replace("T22:00[UTC]", "T22:00[Europe/Lisbon]"),
            "room[final].sale[0].ends_at: is not in UTC".to_owned(),
            "write it with [UTC]",
        ),
        ("[[room.sale]]\nname = \"x\"\n".to_owned(), "room[final].sale[x].opens_at: is missing".to_owned(), "add it"),
        (String::new(), "room[final].opens_at: is missing".to_owned(), "add it"),
    ];
    for (lines, told, remedy) in cases {
        let error = room(&lines).unwrap_err();
        assert!(error.starts_with("test.toml:") && error.contains(&told), "{told}:\n{error}");
        assert!(error.contains(remedy), "{remedy}:\n{error}");
    }
}

#[test]
fn a_sale_that_follows_soon_is_warned_of() {
    let late = |ends: &str| {
        let lines = sale("2026-12-01", "UTC", "").replace("T22:00", ends) + &sale("2026-12-02", "UTC", "");
        let text = format!("{ROOM}{lines}");
        let config = Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
        config.warnings(0).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(late("T22:00"), [""; 0]);
    let lines = late("T23:59");
    assert_eq!(lines, [""; 0], "an hour is enough for a visit of an hour");
    let text = format!(
        "{ROOM}[[room.sale]]\nopens_at = \"2026-12-01T09:00Z\"\nstarts_at = \"2026-12-01T09:00Z\"\nends_at = \"2026-12-01T10:00Z\"\n\
         [[room.sale]]\nopens_at = \"2026-12-01T10:30Z\"\nstarts_at = \"2026-12-01T11:00Z\"\n"
    );
    let config = Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
    let told: Vec<String> = config.warnings(0).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("a visit of 60 minutes may not be over"), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every day of a year, at whatever time: the venue's clocks show the time that was written, or the day is named.
    #[test]
    fn a_daily_sale_is_at_its_local_time_on_every_day(
        hour in 0_u32..22,
        minute in 0_u32..60,
        zone_name in prop::sample::select(vec!["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
        first in 1_u32..28,
    ) {
        let at = |hour: u32| format!("2026-12-{first:02}T{hour:02}:{minute:02}[{zone_name}]");
        let lines = format!(
            "[[room.sale]]\nopens_at = \"{}\"\nstarts_at = \"{}\"\nends_at = \"{}\"\nrule = \"FREQ=DAILY\"\ncount = 365\n",
            at(hour), at(hour), at(hour + 1)
        );
        match room(&lines) {
            Ok(room) => {
                prop_assert_eq!(room.sales.len(), 365);
                let local = starts(&room, zone_name);
                let time = format!(" {hour:02}:{minute:02} ");
                prop_assert!(local.iter().all(|at| at.contains(&time)), "{:?}", local);
                prop_assert!(local.windows(2).all(|pair| pair[0][..10] < pair[1][..10]));
            }
            Err(told) => {
                prop_assert!(hour < 4, "clocks change at night: {}", told);
                prop_assert!(told.contains("is not one point in time: clocks change then"), "{}", told);
            }
        }
    }
}
