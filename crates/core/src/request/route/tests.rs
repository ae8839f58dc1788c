//! Rooms, hosts and paths: which route a request takes.

use super::*;
use crate::request::entry_script::LanguageTag;
use crate::request::fan_call::{LogStatement, PastFile};

fn room(name: &str, hosts: &[&str], paths: &[&str], exempt: &[&str]) -> RoomRoutes {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    RoomRoutes {
        name: name.to_owned(),
        hosts: owned(hosts),
        paths: owned(paths),
        exempt: owned(exempt),
        well_known: owned(&well_known::OPEN),
        case_insensitive: true,
        shop: name.to_owned(),
    }
}

fn route(table: &RouteTable, host: &str, path: &str) -> Route {
    table.route(host, &Target::parse(path.as_bytes()).unwrap())
}

fn table() -> RouteTable {
    RouteTable::new(
        "/.fairgate",
        vec![
            room("all", &["*"], &["/tickets"], &["/tickets/img/", "/tickets/robots.txt"]),
            room("final", &["shop.example"], &["/tickets/final"], &[]),
            room("cup", &["cup.example"], &["/"], &["/assets"]),
            room("named", &["shop.example"], &["/tickets"], &[]),
        ],
    )
}

#[test]
fn finds_the_room() {
    let table = table();
    let protected = |room| Route::Protected { room };
    let open = |room| Route::Open { room };
    for (host, path, route) in [
        ("other", "/tickets", protected(0)),
        ("other", "/tickets/", protected(0)),
        ("other", "/tickets;v=1", protected(0)),
        ("other", "/tickets/1/2", protected(0)),
        ("other", "/ticketsale", open(0)),
        ("other", "/", open(0)),
        ("other", "/tickets/img/a.png", open(0)),
        ("other", "/tickets/img", protected(0)),
        ("other", "/tickets/img;a/b", protected(0)),
        ("other", "/tickets/img/a;b", protected(0)),
        ("other", "/tickets/imgs/a", protected(0)),
        ("other", "/tickets/robots.txt", open(0)),
        ("shop.example", "/tickets/final/1", protected(1)),
        ("shop.example", "/tickets/finale", protected(3)),
        ("shop.example", "/about", open(1)),
        ("cup.example", "/", protected(2)),
        ("cup.example", "/tickets/1", protected(0)),
        ("cup.example", "/assets/x", open(2)),
        ("cup.example", "/assets", open(2)),
        ("cup.example", "/assetsx", protected(2)),
    ] {
        assert_eq!(super::tests::route(&table, host, path), route, "{host}{path}");
    }
}

#[test]
fn finds_the_calls_of_fans() {
    let table = table();
    let script = |tag| Route::EntryScript(EntryScript::Language(LanguageTag::read(tag).expect("a tag")));
    let fan = |room, call| Route::Fan { room, call };
    let past = |byte: &str, call| format!("/.fairgate/all/draws/{}/{call}", byte.repeat(32));
    for (host, path, route) in [
        ("x", "/.fairgate/all/status", fan(0, FanCall::Status)),
        ("x", "/.fairgate/all/join", fan(0, FanCall::Join)),
        ("x", "/.fairgate/all/claim", fan(0, FanCall::Claim)),
        ("x", "/.fairgate/all/leave", fan(0, FanCall::Leave)),
        ("x", "/.fairgate/all/renew", fan(0, FanCall::Renew)),
        ("x", "/.fairgate/all/dbsc", fan(0, FanCall::Device)),
        ("x", "/.fairgate/all/dbsc/refresh", fan(0, FanCall::DeviceRefresh)),
        ("x", "/.fairgate/all/draw", fan(0, FanCall::Draw)),
        ("x", "/.fairgate/all/draw/roster", fan(0, FanCall::Roster)),
        ("x", "/.fairgate/all/calendar.ics", fan(0, FanCall::Calendar)),
        ("x", "/.fairgate/all/check", fan(0, FanCall::Check)),
        ("x", "/.fairgate/all/draw/round.js", fan(0, FanCall::RoundScript)),
        ("x", "/.fairgate/all/draw/seen.js", fan(0, FanCall::SeenScript)),
        ("x", "/.fairgate/all/keep.js", fan(0, FanCall::KeepScript)),
        ("x", "/.fairgate/entry/birthday.js", Route::EntryScript(EntryScript::Birthday)),
        ("x", "/.fairgate/entry/forms.js", Route::EntryScript(EntryScript::Forms)),
        ("x", "/.fairgate/entry/key.js", Route::EntryScript(EntryScript::Key)),
        ("x", "/.fairgate/tell/worker.js", Route::TellScript(TellScript::Worker)),
        (
            "x",
            "/.fairgate/tell/pt.js",
            Route::TellScript(TellScript::Language(LanguageTag::read("pt").expect("a tag"))),
        ),
        ("x", "/.fairgate/tell/", Route::NoSuchCall),
        ("x", "/.fairgate/entry/pt.js", script("pt")),
        ("x", "/.fairgate/entry/zh-Hans.js", script("zh-Hans")),
        ("x", "/.fairgate/entry/p.js", Route::NoSuchCall),
        ("x", "/.fairgate/entry/pt-abcdefghi.js", Route::NoSuchCall),
        ("x", "/.fairgate/entry/p1.js", Route::NoSuchCall),
        ("x", "/.fairgate/entry/", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/claims", fan(0, FanCall::Claims)),
        ("x", "/.fairgate/all/draw/entry", fan(0, FanCall::Counts)),
        ("x", "/.fairgate/all/draw/beacon", fan(0, FanCall::Beacon)),
        ("x", "/.fairgate/all/draw/proof/12", fan(0, FanCall::Proof(12))),
        ("x", "/.fairgate/all/draws", fan(0, FanCall::Draws)),
        ("x", "/.fairgate/all/draws/jwks.json", fan(0, FanCall::PastKeys)),
        ("x", &past("0a", "draw"), fan(0, FanCall::Past([10; 32], PastFile::Record))),
        ("x", &past("ff", "draw/tags/3"), fan(0, FanCall::Past([255; 32], PastFile::TierTags(3)))),
        (
            "x",
            &past("0a", "draw/reveal.tlog-proof"),
            fan(0, FanCall::Past([10; 32], PastFile::LogProof(LogStatement::Reveal))),
        ),
        ("x", &past("0a", "draw/proof/12"), fan(0, FanCall::Past([10; 32], PastFile::Proof(12)))),
        ("x", &past("0a", "draw/proof/1/12"), fan(0, FanCall::Past([10; 32], PastFile::TierProof(1, 12)))),
        ("x", &past("0A", "draw"), Route::NoSuchCall),
        ("x", &past("0a", "draw/beacon"), Route::NoSuchCall),
        ("x", &past("0a", "join"), Route::NoSuchCall),
        ("x", &past("0a", "draws"), Route::NoSuchCall),
        ("x", "/.fairgate/all/draws/0a/draw", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/freeze.tlog-proof", fan(0, FanCall::LogProof(LogStatement::Freeze))),
        ("x", "/.fairgate/draw.log/checkpoint", Route::NoSuchCall),
        ("x", "/.fairgate/jwks.json", Route::Jwks),
        ("x", "/.fairgate/draw-record.schema.json", Route::RecordSchema),
        ("x", "/.fairgate/draw-record-v2.schema.json", Route::TierRecordSchema),
        ("x", "/.fairgate/ended/final.json", Route::Ended { room: 1 }),
        ("x", "/.fairgate/ended/finale.json", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/proof/1/12", fan(0, FanCall::TierProof(1, 12))),
        ("x", "/.fairgate/all/draw/roster/0", fan(0, FanCall::TierRoster(0))),
        ("x", "/.fairgate/all/draw/tags/15", fan(0, FanCall::TierTags(15))),
        ("x", "/.fairgate/all/draw/tags/256", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/tags/", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/roster/1/2", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/proof/1/2/3", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/proof/+12", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/proof/", Route::NoSuchCall),
        ("x", "/.fairgate/all/draw/proof/99999999999999999999", Route::NoSuchCall),
        ("x", "/.fairgate/all/status/", Route::NoSuchCall),
        ("x", "/.fairgate/final/status", Route::NoSuchCall),
        ("shop.example", "/.fairgate/final/status", fan(1, FanCall::Status)),
        ("x", "/.fairgate", Route::NoSuchCall),
        ("x", "/.fairgate/", Route::NoSuchCall),
        ("x", "/.fairgates", Route::Open { room: 0 }),
    ] {
        assert_eq!(super::tests::route(&table, host, path), route, "{host}{path}");
    }
}

#[test]
fn an_unknown_host_is_nobodys() {
    let table = RouteTable::new("/.fairgate", vec![room("cup", &["cup.example"], &["/"], &[])]);
    assert_eq!(route(&table, "evil.example", "/"), Route::UnknownHost);
    assert_eq!(route(&table, "evil.example", "/.fairgate/cup/status"), Route::NoSuchCall);
}

#[test]
fn a_host_that_nobody_named_reaches_no_page_of_a_named_one() {
    let mut rooms =
        vec![room("all", &["*"], &["/fair"], &[]), room("cup", &["cup.example"], &["/cup"], &["/cup/assets/"])];
    let other_shops = RouteTable::new("/.fairgate", rooms.clone());
    assert_eq!(route(&other_shops, "evil.example", "/cup"), Route::Open { room: 0 });
    rooms[1].shop = "all".to_owned();
    let table = RouteTable::new("/.fairgate", rooms);
    for path in ["/cup", "/cup/1", "//cup/1", "/CUP", "/%2563up"] {
        assert_eq!(route(&table, "evil.example", path), Route::UnknownHost, "{path}");
        assert_eq!(route(&table, "cup.example", path), Route::Protected { room: 1 }, "{path}");
    }
    assert_eq!(route(&table, "evil.example", "/cup/assets/a"), Route::Open { room: 0 });
    assert_eq!(route(&table, "evil.example", "/fair"), Route::Protected { room: 0 });
    assert_eq!(route(&table, "evil.example", "/about"), Route::Open { room: 0 });
}

#[test]
fn well_known_files_are_open_and_nothing_beside_them() {
    let table = table();
    for path in ["/robots.txt", "/favicon.ico", "/.well-known/acme-challenge/x", "/.well-known/security.txt"] {
        assert_eq!(route(&table, "cup.example", path), Route::Open { room: 2 }, "{path}");
    }
    for path in ["/robots.txt/a", "/robots.txt;a", "/Robots.txt", "/.well-known/", "/.well-known/acme-challenge"] {
        assert_eq!(route(&table, "cup.example", path), Route::Protected { room: 2 }, "{path}");
    }
}

#[test]
fn in_doubt_the_room_holds_it() {
    let table = RouteTable::new("/.fairgate", vec![room("cup", &["*"], &["/tickets"], &["/tickets/img/"])]);
    for path in [
        "/Tickets",
        "/TICKETS/1",
        "/tickets.",
        "/tickets%20/1",
        "/tickets::$DATA",
        "/:/tickets.",
        "/%2574ickets",
        "//tickets",
        "//evil.example/tickets",
        "/tickets%2F1",
        "/%5Ctickets",
        "/;a/tickets",
        "/a/%252e%252e/tickets",
        "/tickets%3Fx",
        "/tickets/img/..%2561",
        "/tickets//img/a",
        "/tickets/img%2Fa",
        "/tickets/img/%2561",
        "/Tickets/img/a",
    ] {
        assert_eq!(route(&table, "x", path), Route::Protected { room: 0 }, "{path}");
    }
    for path in ["/tickets/img/a", "/tickets/img/caf%E9", "/tickets/img/100%", "//about", "/a%2Fb", "/ticketsale"] {
        assert_eq!(route(&table, "x", path), Route::Open { room: 0 }, "{path}");
    }
    for path in ["/.fairgate//cup/join", "/.fairgate%2Fcup/join", "/.fairgate;a/cup/join"] {
        assert_eq!(route(&table, "x", path), Route::NoSuchCall, "{path}");
    }
}

#[test]
fn a_room_may_tell_cases_apart() {
    let cup = RoomRoutes { case_insensitive: false, ..room("cup", &["*"], &["/tickets", "/k\u{e4}se"], &[]) };
    let table = RouteTable::new("/.fairgate", vec![cup.clone()]);
    assert_eq!(route(&table, "x", "/Tickets"), Route::Open { room: 0 });
    assert_eq!(route(&table, "x", "/tickets"), Route::Protected { room: 0 });
    let table = RouteTable::new("/.fairgate", vec![RoomRoutes { case_insensitive: true, ..cup }]);
    assert_eq!(route(&table, "x", "/K%C3%84SE"), Route::Protected { room: 0 });
}

#[test]
fn no_shop_serves_a_protected_page_that_the_gate_takes_for_an_open_one() {
    use proptest::prelude::*;

    let pieces = prop::sample::select(vec![
        "/",
        "/",
        "/",
        "tickets",
        "tickets",
        "Tickets",
        "img",
        "a",
        ".",
        "..",
        "%2e",
        "%252e",
        "%2f",
        "%252F",
        "%5c",
        "%255c",
        "%",
        "%25",
        "%74",
        "%2574",
        "%u0074",
        "%25u0074",
        ";",
        "%3b",
        "?",
        "%3f",
        "#",
        "%20",
        ":",
        "%c0%af",
        "%25c0%25af",
        "%e9",
        "100%",
    ]);
    let paths = prop::collection::vec(pieces, 0..10).prop_map(|pieces| format!("/{}", pieces.concat()));
    proptest!(|(path in paths)| {
        crate::request::model::check(path.as_bytes());
    });
}

#[test]
fn a_draw_log_is_where_its_name_says_and_no_shop_sees_it() {
    use fairgate_draw::log::LogPath;

    let rooms = vec![room("all", &["*"], &["/"], &[])];
    let table = RouteTable::new("/_wait", rooms).with_log("/.fairgate/draw.log");
    let entries = LogPath::Entries { index: 0, width: 2 };
    for (path, expected) in [
        ("/.fairgate/draw.log/checkpoint", Route::Log(LogPath::Checkpoint)),
        ("/.fairgate/draw.log/tile/entries/000.p/2", Route::Log(entries)),
        ("/.fairgate/draw.log/tile/0/0", Route::NoSuchCall),
        ("/.fairgate/draw.log/2/checkpoint", Route::NoSuchCall),
        ("/.fairgate/draw.log//checkpoint", Route::NoSuchCall),
        ("/.fairgate/draw.log", Route::Protected { room: 0 }),
        ("/_wait/all/draw/reveal.tlog-proof", Route::Fan { room: 0, call: FanCall::LogProof(LogStatement::Reveal) }),
    ] {
        assert_eq!(route(&table, "any.example", path), expected, "{path}");
    }
}
