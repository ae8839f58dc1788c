//! Every mistake is found, told with its line, key and remedy, and none hides another.

mod admin;
mod chart;
mod entry;
mod examples;
mod first_cause;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const FILE: &str = r#"
[edge]
listen = ["127.0.0.1:8080"]
[[upstream]]
name = "shop"
address = "127.0.0.1:3000"
[[room]]
name = "final"
hosts = ["tickets.example"]
paths = ["/shop"]
exempt = ["/shop/assets/"]
upstream = "shop"
opens_at = "2026-12-01T09:30:00Z"
starts_at = "2026-12-01T10:00:00Z"
[room.admission]
rate_per_minute = 600
"#;

/// An example with everything in force that is commented out.
fn uncommented(example: &str) -> String {
    let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_shown = |line: &str| {
        line.starts_with('[') && line.ends_with(']') || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
    };
    let line = |line: &str| line.strip_prefix("# ").filter(|rest| is_shown(rest)).unwrap_or(line).to_owned() + "\n";
    example.lines().map(line).collect()
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("test.toml"))
}

/// The file with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert_eq!(FILE.matches(line).count(), 1, "{line} is a line of the file");
    FILE.replace(line, replacement)
}

/// The only problem of a text: its line, key, and both sentences.
fn problem(text: &str) -> (usize, String, String) {
    let mut problems = parse(text).expect_err(text).problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let problem = problems.remove(0);
    (problem.line, problem.key, format!("{} | {}", problem.what, problem.remedy))
}

#[track_caller]
fn assert_problem(text: &str, line: usize, key: &str, words: &[&str]) {
    let (found_line, found_key, said) = problem(text);
    assert_eq!((found_line, found_key.as_str()), (line, key), "{said}");
    for word in words {
        assert!(said.contains(word), "{said:?} does not say {word:?}");
    }
}

#[test]
fn the_shipped_example_is_right_and_shows_every_default() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/fairgate.toml")).expect("the example");
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let room = &config.rooms[0];
    assert_eq!(room.schedule.starts_at_ms, 1_796_119_200_000);
    assert_eq!(room.policy.rate_per_minute, 600);

    // What is left out must mean what the example says it means.
    let bare = parse(
        r#"
        [[upstream]]
        name = "shop"
        address = "127.0.0.1:3000"
        [[room]]
        name = "final"
        title = "Cup final"
        exempt = ["/assets/", "/robots.txt", "/bookings", "/search"]
        upstream = "shop"
        opens_at = "2026-12-01T09:30:00Z"
        starts_at = "2026-12-01T10:00:00[Europe/Lisbon]"
        ends_at = "2026-12-01T22:00:00Z"
        admission.rate_per_minute = 600
        "#,
    );
    assert_eq!(format!("{config:#?}"), format!("{:#?}", bare.expect("a bare file")));

    // The commented lines must work, too.
    let all = parse(&uncommented(&text)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(all.edge.tls.len(), 1);
    assert_eq!(all.admin.tokens[0].role, Role::Organizer);
    assert_eq!(all.rooms[0].page.message.as_deref(), Some("Four tickets a person."));
}

#[test]
fn origins_header_names_and_hsts_are_as_browsers_have_them() {
    let room = |line: &str| with("paths =", &format!("{line}\npaths ="));
    for wrong in
        ["shop.example", "https://Shop.example", "https://shop.example/", "https://shop.example:443", "ftp://a", "*"]
    {
        let text = room(&format!("allowed_origins = ['{wrong}']"));
        assert_problem(&text, 10, "room[final].allowed_origins", &["is not an origin", "https://www.shop.example"]);
    }
    assert!(parse(&room("allowed_origins = ['https://a.example', 'http://[::1]:8080']")).is_ok());
    let edge = |lines: &str| with("[edge]", &format!("[edge]\n{lines}"));
    assert_problem(&edge("hsts = 'yes'"), 3, "edge.hsts", &["max-age=31536000"]);
    assert!(parse(&edge("hsts = 'max-age=1; includeSubDomains'")).is_ok());
    assert_problem(&edge("headers.strip = ['X Y']"), 3, "edge.headers.strip", &["is not the name"]);
    assert_problem(&edge("headers.strip = ['Host']"), 3, "edge.headers.strip", &["requests need"]);
    assert_problem(&edge("headers.allow = ['X-*']"), 3, "edge.headers.allow", &["is not the name"]);
}

#[test]
fn the_shipped_fleet_example_is_right() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/fleet.toml")).expect("the example");
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let redis = config.store.redis.expect("a fleet has a Redis");
    assert_eq!(redis.address.to_string(), "rediss+sentinel://10.0.0.11:26379,10.0.0.12:26379,10.0.0.13:26379/onsale/0");
}

#[test]
fn a_redis_has_a_url_without_credentials() {
    let store = |lines: &str| with("[edge]", &format!("[store]\n{lines}\n[edge]"));
    let secret = store("redis = 'redis://me:hunter2@cache'");
    assert_problem(&secret, 3, "store.redis", &["…@cache", "FAIRGATE_REDIS_PASSWORD"]);
    assert!(!problem(&secret).2.contains("hunter2"));
    assert_problem(&store("redis = 'cache:6379'"), 3, "store.redis", &["redis://", "redis+sentinel://"]);
    assert_problem(&store("redis = 'redis://a,b'"), 3, "store.redis", &["redis+cluster://"]);
    assert_problem(&store("redis = 'redis://a'\nredis_ca = 'ca.pem'"), 4, "store.redis_ca", &["rediss://"]);
    assert_problem(&store("redis_ca = 'ca.pem'"), 3, "store.redis_ca", &["without a Redis"]);
}

#[test]
fn credentials_of_redis_come_from_the_environment() {
    let config = parse(&with("[edge]", "[store]\nredis = 'redis://cache'\n[edge]")).expect("right");
    let redis = config.store.redis.expect("it is configured");
    let env = |name: &str| match name {
        "FAIRGATE_REDIS_USER" => Some("gate".to_owned()),
        "FAIRGATE_REDIS_PASSWORD" => Some("hunter2".to_owned()),
        _ => None,
    };
    let options = redis.resolve(Path::new("data"), env).expect("no file to read");
    assert_eq!(
        (options.user.as_deref(), options.password.as_ref().map(Secret::expose)),
        (Some("gate"), Some("hunter2"))
    );
    assert!(!format!("{options:?}").contains("hunter2"));
    let nameless = redis.resolve(Path::new("data"), |_| Some(String::new())).expect("no file to read");
    assert_eq!((nameless.user, nameless.password), (None, None));
}

#[test]
fn unknown_keys_are_told_with_the_nearest_known_one() {
    assert_problem(&with("paths =", "path ="), 10, "room[final].path", &["not a key", "did you mean paths?"]);
    assert_problem(&with("[edge]", "[egde]"), 2, "egde", &["did you mean edge?"]);
    assert_problem(
        &with("[room.admission]", "[room.admission]\nfoo = 1"),
        16,
        "room[final].admission.foo",
        &["rate_per_minute"],
    );
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let text = with("rate_per_minute = 600", "rate_per_minute = 0\nburst = 'x'\ngraec = '1m'")
        .replace("listen = [\"127.0.0.1:8080\"]", "listen = ['nowhere']\nprefix = 'no'")
        .replace("upstream = \"shop\"", "upstream = \"shpo\"");
    let error = parse(&text).expect_err("mistakes");
    let keys: Vec<_> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    let admission = "room[final].admission";
    assert_eq!(
        keys,
        [
            "edge.listen",
            "edge.prefix",
            "room[final].upstream",
            &format!("{admission}.rate_per_minute"),
            &format!("{admission}.burst"),
            &format!("{admission}.graec"),
        ]
    );
    assert!(error.to_string().starts_with("test.toml:3: edge.listen: "), "{error}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line_and_nothing_is_made_of_the_rest() {
    for (text, line) in [
        (with("rate_per_minute = 600", "rate_per_minute = = 600"), 16),
        (with("[edge]", "room = 5\n[edge]"), 8),
        (with("[edge]", "[edge"), 2),
    ] {
        let problems = parse(&text).expect_err("no TOML").problems;
        assert_eq!(problems[0].line, line, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.what.contains("not TOML")), "{problems:?}");
    }
}

#[test]
fn missing_keys_are_told_with_an_example() {
    assert_problem(&with("name = \"final\"\n", ""), 7, "room[0].name", &["is missing", "name = \"final\""]);
    assert_problem(&with("rate_per_minute = 600", ""), 15, "room[final].admission.rate_per_minute", &["is missing"]);
    assert_problem(&with("starts_at = \"2026-12-01T10:00:00Z\"", ""), 7, "room[final].starts_at", &["is missing"]);
}

#[test]
fn a_file_without_rooms_is_one_to_start_with_and_says_so() {
    let config = parse(&FILE[..FILE.find("[[room]]").expect("a room")]).unwrap_or_else(|error| panic!("{error}"));
    let warnings = config.warnings(0);
    assert!(warnings.iter().any(|warning| warning.to_string().contains("fairgate room new")), "{warnings:?}");
}

#[test]
fn numbers_that_would_let_nobody_in_are_refused() {
    let admission = |line: &str| with("[room.admission]", &format!("[room.admission]\n{line}"));
    assert_problem(
        &with("rate_per_minute = 600", "rate_per_minute = 0"),
        16,
        "room[final].admission.rate_per_minute",
        &["from 1 to", "not 0", "pause"],
    );
    assert_problem(&admission("burst = 0"), 16, "room[final].admission.burst", &["from 1 to"]);
    assert_problem(&admission("max_active = 0"), 16, "room[final].admission.max_active", &["from 1 to"]);
    assert_problem(&admission("grace = '0s'"), 16, "room[final].admission.grace", &["is zero"]);
    assert_problem(&admission("max_active = -5"), 16, "room[final].admission.max_active", &["-5 is out of range"]);
    assert_problem(&admission("burst = 5000000000"), 16, "room[final].admission.burst", &["at most 4294967295"]);
    assert_problem(&admission("max_active = 2000000000"), 16, "room[final].admission.max_active", &["1000000000"]);
    assert_problem(&admission("grace = '9000h'"), 16, "room[final].admission.grace", &["longer than a year"]);
    assert_problem(&admission("grace = 300"), 16, "room[final].admission.grace", &["unit"]);
    assert_problem(
        &with("[room.admission]", "witness = '1999ms'\n[room.admission]"),
        15,
        "room[final].witness",
        &["2s"],
    );
}

#[test]
fn times_must_be_in_order() {
    let starts_at = "starts_at = \"2026-12-01T10:00:00Z\"";
    assert_problem(
        &with(starts_at, "starts_at = '2026-12-01T09:29:59Z'"),
        14,
        "room[final].starts_at",
        &["before opens_at"],
    );
    let ends_at = format!("{starts_at}\nends_at = '2026-12-01T10:00:00Z'");
    assert_problem(&with(starts_at, &ends_at), 15, "room[final].ends_at", &["not after starts_at"]);
    let no_pool = parse(&with(starts_at, "starts_at = '2026-12-01T09:30:00Z'")).expect("no pool");
    assert_eq!(no_pool.rooms[0].schedule.opens_at_ms, no_pool.rooms[0].schedule.starts_at_ms);
    let session = with("[room.admission]", "[room.session]\nidle = '2h'\n[room.admission]");
    assert_problem(&session, 16, "room[final].session.idle", &["longer than max"]);
}

#[test]
fn local_times_are_one_point_in_time_or_refused() {
    let starts_at = |time: &str| {
        let text = with(
            "starts_at = \"2026-12-01T10:00:00Z\"",
            &format!("starts_at = {time}\nends_at = 2040-01-01T00:00:00Z"),
        );
        text.replace("2026-12-01T09:30:00Z", "2026-01-01T00:00:00Z")
    };
    let at_ms = |time| parse(&starts_at(time)).unwrap_or_else(|error| panic!("{error}")).rooms[0].schedule.starts_at_ms;
    assert_eq!(at_ms("'2026-07-01T10:00[Europe/Lisbon]'"), at_ms("'2026-07-01T09:00:00Z'"));
    assert_eq!(at_ms("2026-07-01T10:00:00+01:00"), at_ms("'2026-07-01T09:00:00Z'"), "TOML's own times");
    // 2026-10-25 02:00 falls back to 01:00 in Lisbon: 01:30 happens twice; an offset says which.
    assert_problem(
        &starts_at("'2026-10-25T01:30[Europe/Lisbon]'"),
        14,
        "room[final].starts_at",
        &["not one point in time", "offset"],
    );
    assert_eq!(at_ms("'2026-10-25T01:30+01:00[Europe/Lisbon]'"), at_ms("'2026-10-25T00:30:00Z'"));
    assert_eq!(at_ms("'2026-10-25T01:30+00:00[Europe/Lisbon]'"), at_ms("'2026-10-25T01:30:00Z'"));
    // 2026-03-29 01:00 springs forward to 02:00: 01:30 never happens.
    assert_problem(
        &starts_at("'2026-03-29T01:30[Europe/Lisbon]'"),
        14,
        "room[final].starts_at",
        &["not one point in time"],
    );
    for (time, word) in [
        ("'2026-07-01T10:00+05:00[Europe/Lisbon]'", "not one point in time"),
        ("'2026-07-01T10:00[Europe/Lisboa]'", "not one point in time"),
        ("'2026-07-01T10:00:00'", "neither an offset nor a zone"),
        ("2026-07-01T10:00:00", "neither an offset nor a zone"),
        ("'2026-07-01'", "no time of day"),
        ("'1969-07-20T20:17:00Z'", "before 1970"),
        ("'tomorrow'", "is not a time"),
        ("12", "a string"),
    ] {
        assert_problem(&starts_at(time), 14, "room[final].starts_at", &[word]);
    }
}

#[test]
fn rooms_must_not_overlap() {
    let second = |name: &str, hosts: &str, paths: &str| {
        format!(
            "{FILE}[[room]]\nname = '{name}'\nhosts = {hosts}\npaths = {paths}\nupstream = 'shop'\n\
             opens_at = 2026-12-01T09:30:00Z\nstarts_at = 2026-12-01T10:00:00Z\nadmission.rate_per_minute = 1\n"
        )
    };
    for (hosts, paths) in [
        ("['tickets.example']", "['/shop']"),
        ("['tickets.example']", "['/']"),
        ("['other.example', 'tickets.example']", "['/a', '/shop/vip/']"),
        ("['*']", "['/shop/vip']"),
    ] {
        assert_problem(
            &second("vip", hosts, paths),
            20,
            "room[vip].paths",
            &["overlaps", "\"final\"", "tickets.example"],
        );
    }
    for (hosts, paths) in [("['other.example']", "['/']"), ("['*']", "['/shopping', '/']")] {
        let result = parse(&second("vip", hosts, paths));
        assert_eq!(result.is_ok(), hosts == "['other.example']", "{result:?}");
    }
    assert_problem(&second("final", "['other.example']", "['/']"), 18, "room[final].name", &["used twice"]);
}

#[test]
fn a_room_for_every_host_leaves_no_page_of_its_shop_to_nobody() {
    let beside = |hosts: &str, shop: &str| {
        format!(
            "{FILE}[[upstream]]\nname = 'other'\naddress = '127.0.0.1:3001'\n[[upstream]]\nname = 'same'\naddress = '127.0.0.1:3000'\n\
             [[room]]\nname = 'fair'\nhosts = {hosts}\npaths = ['/fair']\nupstream = '{shop}'\n\
             opens_at = 2026-12-01T09:30:00Z\nstarts_at = 2026-12-01T10:00:00Z\nadmission.rate_per_minute = 1\n"
        )
    };
    let said = ["every host", "\"final\"", "\"/shop\" for tickets.example", "421", "room \"final\" as well"];
    // A shop is where it is, whatever it is called.
    for shop in ["shop", "same"] {
        assert_problem(&beside("['*']", shop), 25, "room[fair].hosts", &said);
        let swapped = beside("['fair.example']", shop).replace("hosts = [\"tickets.example\"]", "hosts = ['*']");
        assert_problem(&swapped, 9, "room[final].hosts", &["\"fair\"", "fair.example", "421"]);
    }
    for right in [beside("['*']", "other"), beside("['tickets.example']", "shop"), beside("['b.example']", "shop")] {
        assert!(parse(&right).is_ok(), "{right}");
    }
    let any = beside("['*']", "shop").replace("hosts = [\"tickets.example\"]", "hosts = ['*']");
    assert!(parse(&any).is_ok(), "one remedy");
}

#[test]
fn names_hosts_and_paths_are_as_requests_have_them() {
    for name in ["", "Final", "a b", "a/b", "ß", "a.b", &"a".repeat(41)] {
        assert_eq!(problem(&with("name = \"final\"", &format!("name = '{name}'"))).0, 8, "{name}");
    }
    for host in [
        "Tickets.example",
        "tickets.example:443",
        "https://tickets.example",
        "tickets.example.",
        "é.example",
        "*.example",
        "",
    ] {
        let text = with("hosts = [\"tickets.example\"]", &format!("hosts = ['{host}']"));
        assert_problem(&text, 9, "room[final].hosts", &["is not a host name"]);
    }
    assert!(parse(&with("hosts = [\"tickets.example\"]", "hosts = ['127.0.0.1', '[::1]']")).is_ok());
    for path in ["shop", "/a//b", "/./a", "/a/..", "/a?b", "/a#b", "/a%20b", "/a\\\\b", "//", "", "/a b", "/a;b"] {
        let text = with("paths = [\"/shop\"]", &format!("paths = [\"/shop\", \"{path}\"]"));
        assert_problem(&text, 10, "room[final].paths", &["is not a path prefix"]);
    }
    assert!(parse(&with("paths = [\"/shop\"]", "paths = ['/shop', '/konzerte/käse']")).is_ok());
    assert_problem(
        &with("paths = [\"/shop\"]", "paths = ['/shop', '/.fairgate/x']"),
        10,
        "room[final].paths",
        &["fairgate's own"],
    );
    assert_problem(
        &with("exempt = [\"/shop/assets/\"]", "exempt = ['/assets/']"),
        11,
        "room[final].exempt",
        &["outside"],
    );
}

#[test]
fn upstreams_must_be_there_and_reachable_by_name() {
    let unknown = with("upstream = \"shop\"", "upstream = \"store\"");
    assert_problem(&unknown, 12, "room[final].upstream", &["no upstream named \"store\"", "use \"shop\""]);
    for address in ["127.0.0.1", "http://127.0.0.1:3000", ":3000", "host:0", "host:99999", "::1:80", "a b:1"] {
        let text = with("address = \"127.0.0.1:3000\"", &format!("address = '{address}'"));
        assert_problem(&text, 6, "upstream[shop].address", &["host and a port"]);
    }
    let config = parse(&with("address = \"127.0.0.1:3000\"", "address = '[::1]:3000'")).expect("IPv6");
    assert_eq!((config.upstreams[0].host.as_str(), config.upstreams[0].port), ("::1", 3000));
    let twice = with("[[room]]", "[[upstream]]\nname = 'shop'\naddress = 'a:1'\n[[room]]");
    assert_problem(&twice, 8, "upstream[shop].name", &["used twice"]);
}

#[test]
fn listeners_must_differ_and_prefixes_be_plain() {
    let listen = "listen = [\"127.0.0.1:8080\"]";
    assert_problem(&with(listen, "listen = ['127.0.0.1:9090']"), 2, "edge.listen", &["127.0.0.1:9090 is used twice"]);
    assert_problem(&with(listen, "listen = []"), 3, "edge.listen", &["no address"]);
    for prefix in ["", "/", "gate", "/gate/", "/a//b", "/a/../b", "/a b", "/é"] {
        assert_problem(&with(listen, &format!("prefix = '{prefix}'")), 3, "edge.prefix", &["starts with a slash"]);
    }
    assert_problem(&with(listen, "trusted_proxies = ['10.0.0.0/33']"), 3, "edge.trusted_proxies", &["not a network"]);
    let tls_only = with(listen, "tls = [{ listen = '[::]:443', certificate = 'c', key = 'k' }]");
    assert_eq!(parse(&tls_only).expect("TLS").edge.listen, []);
}

#[test]
fn wrong_kinds_of_value_are_told() {
    assert_problem(
        &with("hosts = [\"tickets.example\"]", "hosts = 'tickets.example'"),
        9,
        "room[final].hosts",
        &["is a string, not an array"],
    );
    assert_problem(&with("[edge]", "log = 1\n[edge]"), 2, "log", &["not a table"]);
    assert_problem(&with("[edge]", "[log]\nformat = 'xml'\n[edge]"), 3, "log.format", &["\"text\" or \"json\""]);
    assert_problem(&with("[edge]", "[log]\nlevel = 'fairgate=loud'\n[edge]"), 3, "log.level", &["info"]);
    assert_problem("[room]", 1, "room", &["not an array of tables", "[[room]]"]);
    let status = with("[room.admission]", "[room.page]\nhtml_status = 302\n[room.admission]");
    assert_problem(&status, 16, "room[final].page.html_status", &["mislead"]);
    let message =
        with("[room.admission]", &format!("[room.page]\nmessage = '{}'\n[room.admission]", "x".repeat(2_001)));
    assert_problem(&message, 16, "room[final].page.message", &["2000"]);
    let poll = with("[room.admission]", "[room.poll]\nfloor = '5m'\n[room.admission]");
    assert_problem(&poll, 15, "room[final].poll.ceiling", &["shorter than floor"]);
}

#[test]
fn files_that_cannot_be_used_are_told() {
    let dir = TempDir::new().expect("a directory");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let text = with(
        "listen = [\"127.0.0.1:8080\"]",
        &format!(
            "keys = '{}'\ntls = [{{ listen = '[::]:443', certificate = '{}', key = '{}' }}]",
            at("keys"),
            at("cert.pem"),
            at("key.pem")
        ),
    )
    .replace("[room.admission]", &format!("[room.page]\ntemplate = '{}'\n[room.admission]", at("page.html")));
    let path = dir.path().join("fairgate.toml");
    fs::write(&path, &text).expect("write");
    fs::write(at("key.pem"), "not PEM").expect("write");
    let error = Config::load(&path).expect_err("missing files");
    let keys: Vec<_> = error.problems.iter().map(|problem| (problem.line, problem.key.as_str())).collect();
    let expected =
        [(3, "edge.keys"), (4, "edge.tls[0].certificate"), (4, "edge.tls[0].key"), (17, "room[final].page.template")];
    assert_eq!(keys, expected, "{error}");

    fairgate_token::create_key(Path::new(&at("keys")), 0, &fairgate_telemetry::entropy::system()).expect("a key");
    let [ours, theirs] =
        [(), ()].map(|()| rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a pair"));
    fs::write(at("cert.pem"), ours.cert.pem()).expect("write");
    fs::write(at("key.pem"), theirs.signing_key.serialize_pem()).expect("write");
    fs::write(at("page.html"), include_str!("../../pages/waiting/template.html")).expect("write");
    let error = Config::load(&path).expect_err("a key of another certificate");
    assert_eq!(error.problems.len(), 1, "{error}");
    assert!(error.problems[0].what.contains("does not fit"), "{error}");
    fs::write(at("key.pem"), ours.signing_key.serialize_pem()).expect("write");
    Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let missing = Config::load(&dir.path().join("none.toml")).expect_err("no file");
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}
