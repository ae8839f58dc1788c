//! One mistake is told once, where it was made; what follows from it is not told. What is odd but allowed is told, too.

use super::*;

#[test]
fn a_bracket_that_is_not_closed_is_one_mistake_in_its_own_line() {
    for (line, number) in
        [("hosts = [\"tickets.example\"]", 9), ("paths = [\"/shop\"]", 10), ("exempt = [\"/shop/assets/\"]", 11)]
    {
        let open = with(line, line.strip_suffix(']').expect("a bracket"));
        assert_problem(&open, number, "", &["not TOML", "not closed", "add the ]"]);
    }
    assert_problem(&with("listen = [\"127.0.0.1:8080\"]", "listen = [\"127.0.0.1:8080\""), 3, "", &["add the ]"]);
}

#[test]
fn a_host_that_does_not_fit_overlaps_with_nobody() {
    let rooms: String = (0..36)
        .map(|number| {
            format!(
                "[[room]]\nname = \"r{number}\"\nhosts = [\"r{number}.example\"]\nupstream = \"shop\"\n\
                 opens_at = \"2026-12-01T09:30:00Z\"\nstarts_at = \"2026-12-01T10:00:00Z\"\n\
                 admission.rate_per_minute = 1\n"
            )
        })
        .collect();
    let bad = with("hosts = [\"tickets.example\"]", "hosts = [\"https://tickets.example\"]") + rooms.as_str();
    assert_problem(&bad, 9, "room[final].hosts", &["not a host name", "without a scheme"]);
    let address = with("hosts = [\"tickets.example\"]", "hosts = [\"::1\"]") + rooms.as_str();
    assert_problem(&address, 9, "room[final].hosts", &["\"[::1]\""]);
}

#[test]
fn an_address_that_does_not_fit_makes_no_other_key_unknown() {
    let bad =
        with("address = \"127.0.0.1:3000\"", "address = \"127.0.0.1\"\ntls = true\nqueue = 1\nread_timeout = \"9s\"");
    assert_problem(&bad, 6, "upstream[shop].address", &["is not a host and a port"]);
}

#[test]
fn a_rate_that_is_missing_makes_no_other_key_unknown() {
    let bad = with("rate_per_minute = 600", "floor_per_minute = 60\nmode = \"adaptive\"");
    assert_problem(&bad, 15, "room[final].admission.rate_per_minute", &["is missing"]);
}

#[test]
fn a_path_or_span_that_does_not_fit_has_no_consequences() {
    assert_problem(&with("paths = [\"/shop\"]", "paths = [\"shop\"]"), 10, "room[final].paths", &["not a path prefix"]);
    assert_problem(&with("paths = [\"/shop\"]", "paths = \"/shop\""), 10, "room[final].paths", &["an array in [ ]"]);
    let short = with("[room.admission]", "[room.session]\nidle = \"30m\"\nmax = \"an hour\"\n[room.admission]");
    assert_problem(&short, 17, "room[final].session.max", &["not a span"]);
    let poll = with("[room.admission]", "[room.poll]\nfloor = \"10m\"\nceiling = \"long\"\n[room.admission]");
    assert_problem(&poll, 17, "room[final].poll.ceiling", &["not a span"]);
}

#[test]
fn what_is_odd_is_told_and_used_all_the_same() {
    let said = |text: &str, now_ms| -> Vec<String> {
        parse(text).expect("right").warnings(now_ms).iter().map(ToString::to_string).collect()
    };
    const OPENS_MS: u64 = 1_796_117_400_000;
    const STARTS_MS: u64 = OPENS_MS + 1_800_000;
    assert_eq!(said(FILE, OPENS_MS - 1), Vec::<String>::new());
    assert!(said(FILE, OPENS_MS)[0].starts_with("room[final].opens_at: 2026-12-01T09:30:00Z is over"));
    assert!(said(FILE, STARTS_MS)[0].contains("no pool and no draw"));
    let ends = with("opens_at", "ends_at = \"2026-12-01T22:00:00Z\"\nopens_at");
    assert!(said(&ends, STARTS_MS + 12 * 3_600_000)[0].starts_with("room[final].ends_at"));
    let admin = format!("[admin]\nlisten = \"0.0.0.0:9090\"\n{FILE}");
    assert!(said(&admin, 0)[0].contains("not encrypted"));
    assert_eq!(said(&admin.replace("0.0.0.0", "[::1]"), 0), Vec::<String>::new());
}

#[test]
fn a_room_leaves_the_gates_own_addresses_alone() {
    for name in ["entry", "tell"] {
        let file = with("name = \"final\"", &format!("name = \"{name}\""));
        let problems = parse(&file).expect_err(name).to_string();
        assert!(
            problems.contains(&format!("room[{name}].name")) && problems.contains("the gate's own addresses"),
            "{problems}"
        );
    }
}

#[test]
fn the_zone_that_a_sale_was_written_in_is_kept() {
    let zone = |text: &str| parse(text).expect("right").rooms[0].schedule.zone.clone();
    assert_eq!(zone(FILE), None);
    let lisbon = with("\"2026-12-01T10:00:00Z\"", "\"2026-12-01T10:00[Europe/Lisbon]\"");
    assert_eq!(zone(&lisbon).as_deref(), Some("Europe/Lisbon"));
    let room = parse(&lisbon).expect("right").rooms.remove(0);
    let (opens_at_ms, starts_at_ms) = (room.schedule.opens_at_ms, room.schedule.starts_at_ms);
    assert_eq!(room.zone_of(opens_at_ms, starts_at_ms), Some("Europe/Lisbon"));
    assert_eq!(room.zone_of(opens_at_ms + 1, starts_at_ms), Some("Europe/Lisbon"), "a sale that was moved");
}
