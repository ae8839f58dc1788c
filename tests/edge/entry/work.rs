//! Rooms that ask work: solved as browsers solve it, and whatever is no solution.

use fairgate_entry::epoch::Epoch;
use fairgate_entry::work::puzzle::PuzzleKey;
use fairgate_entry::work::solver::Solver;
use fairgate_entry::work::way::to_base64url;
use serde_json::{Value, json};

use super::{asking, assert_entered, assert_refused, bond, code, join, nonce, spelled};
use crate::world::World;

const WORK: &str = "[room.entry]\nall_of = [\"work\"]\n[room.entry.work]\neffort = 1\nstock_widget = true";

/// What the page shows for an entry: the puzzle of this moment, solved.
fn solved(world: &World, byte: u8, credential: &str, effort: u32) -> Value {
    let status = world.status();
    let digest = status["draw"]["descriptor_digest"].as_str().unwrap();
    let draw: [u8; 32] = hex::decode(digest).unwrap().try_into().unwrap();
    let work = &status["entry"]["ways"]["work"];
    let seed: [u8; 16] = hex::decode(work["seed"].as_str().unwrap()).unwrap().try_into().unwrap();
    let key = PuzzleKey::of(&draw, &seed, &bond(byte, credential));
    let mut solver = Solver::new();
    let tables = (0..u16::MAX).filter_map(|table| solver.solve(&key, table).into_iter().next());
    let solutions: Vec<_> = tables.take(effort as usize).collect();
    json!({ "work": { "e": work["e"], "s": to_base64url(&solutions) } })
}

#[test]
fn who_solves_the_puzzle_enters_and_its_replay_gives_the_same_entry() {
    let world = World::start(asking(WORK));
    let mut fan = world.fan();
    let missing = assert_refused(&join(&mut fan, 1, &json!({})), 428, "entry-required");
    assert_eq!((&missing["any_of"], &missing["missing"]), (&json!([]), &json!(["work"])));
    let show = solved(&world, 1, "", 1);
    let entered = assert_entered(&join(&mut fan, 1, &show));
    let again = assert_entered(&join(&mut world.fan(), 1, &show));
    assert_eq!((&again["kind"], &again["index"]), (&entered["kind"], &entered["index"]));
    assert_eq!(world.wait_until("one entry", |status| status["pool_size"] == 1)["pool_size"], 1);
    // A ticket that is there needs no work.
    assert_entered(&join(&mut fan, 1, &json!({})));
}

#[test]
fn work_of_another_entry_and_what_is_no_work_is_refused_with_a_reference() {
    let world = World::start(asking(WORK));
    let show = solved(&world, 1, "", 1);
    let other = assert_refused(&join(&mut world.fan(), 2, &show), 403, "work-wrong");
    assert_eq!((&other["way"], &other["reason"]), (&json!("work"), &json!("work-wrong")));
    let reference = other["reference"].as_str().unwrap();
    assert!(reference.starts_with("FG-") && reference.len() == 12, "{reference}");
    assert_eq!(join(&mut world.fan(), 2, &show).json()["reference"], reference, "the same refusal, the same number");
    assert_ne!(join(&mut world.fan(), 3, &show).json()["reference"], reference);
    let mut changed = show.clone();
    let text = show["work"]["s"].as_str().unwrap();
    let other = if text.as_bytes()[20] == b'A' { 'B' } else { 'A' };
    changed["work"]["s"] = json!(format!("{}{other}{}", &text[..20], &text[21..]));
    assert_refused(&join(&mut world.fan(), 1, &changed), 403, "work-wrong");
    let mut late = show.clone();
    late["work"]["e"] = json!(show["work"]["e"].as_u64().unwrap() - 2);
    assert_refused(&join(&mut world.fan(), 1, &late), 409, "work-late");
    assert_eq!(world.status()["pool_size"], 0);
}

#[test]
fn who_enters_often_from_one_network_is_asked_for_more_of_the_same_puzzle() {
    let entry = "[room.entry]\nany_of = [\"work\", \"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"\n\
                 [room.entry.work]\neffort = 1\neffort_max = 2\nfree = 1";
    let world = World::start(crate::world::Setup { edge: "trusted_proxies = [\"127.0.0.1/32\"]", ..asking(entry) });
    let from = |address: &str, byte: u8, show: &Value| {
        let body = json!({ "nonce": spelled(&nonce(byte)), "show": show }).to_string();
        let fields = [("Content-Type", "application/json"), ("X-Forwarded-For", address)];
        world.fan().send("POST", "/.fairgate/final/join", &fields, &body)
    };
    let by_code = |address: &str, n: u8| assert_entered(&from(address, n, &json!({ "code": code(n).printed() })));
    (1..15).for_each(|n| drop(by_code(&format!("198.51.100.{n}"), n)));
    (15..20).for_each(|n| drop(by_code("203.0.113.9", n)));
    let show = solved(&world, 100, "", 1);
    let more = assert_refused(&from("203.0.113.9", 100, &show), 428, "more-work");
    assert_eq!((&more["effort"], more["seed"].as_str().map(str::len)), (&json!(2), Some(32)));
    assert!(more["e"].is_u64() && more["wait"]["note"].is_string());
    assert_entered(&from("203.0.113.9", 100, &solved(&world, 100, "", 2)));
    assert_entered(&from("198.51.100.7", 101, &solved(&world, 101, "", 1)));
}

#[test]
fn who_cannot_work_waits_and_a_note_is_no_good_early_or_elsewhere() {
    let world = World::start(crate::world::Setup { starts_in_ms: 20_000, ..asking(WORK) });
    let missing = assert_refused(&join(&mut world.fan(), 1, &json!({})), 428, "entry-required");
    let note = missing["wait"]["note"].as_str().unwrap();
    let early = assert_refused(&join(&mut world.fan(), 1, &json!({ "wait": note })), 428, "entry-required");
    assert_eq!(early["wait"], missing["wait"], "the wait does not begin anew");
    assert_refused(&join(&mut world.fan(), 2, &json!({ "wait": note })), 403, "work-wrong");
    let asked = world.fan().call("entry/wait", &json!({ "bond": bond(1, "").to_base64url() }).to_string());
    assert!(asked.json()["not_before_ms"].as_u64() >= missing["wait"]["not_before_ms"].as_u64());
    let until_ms = missing["wait"]["not_before_ms"].as_u64().unwrap();
    world.wait_until("the note's time", |status| status["now_ms"].as_u64().unwrap() > until_ms);
    assert_entered(&join(&mut world.fan(), 1, &json!({ "wait": note })));
}

#[test]
fn who_has_no_scripts_waits_by_forms() {
    let world = World::start(crate::world::Setup { starts_in_ms: 20_000, ..asking(WORK) });
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let mut fan = world.fan();
    let waits = fan.send("POST", "/.fairgate/final/entry/wait", &form, "return_to=%2Ftickets");
    assert_eq!((waits.status, waits.header("location")), (303, Some("/tickets")), "{}", waits.text());
    let mut other = world.fan();
    assert_refused(&other.send("POST", "/.fairgate/final/join", &form, "return_to=%2Ftickets"), 428, "entry-required");
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    let joined = fan.send("POST", "/.fairgate/final/join", &form, "return_to=%2Ftickets");
    assert_eq!((joined.status, joined.header("location")), (303, Some("/tickets")), "{}", joined.text());
    assert!(fan.cookies.keys().any(|name| name.contains("ticket")));
}

#[test]
fn altchas_widget_gets_a_challenge_where_the_room_offers_it() {
    let world = World::start(asking(WORK));
    let path = format!("/.fairgate/final/entry/altcha?bond={}", bond(1, "").to_base64url());
    let answer = world.fan().get(&path);
    let challenge = answer.json();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(challenge["parameters"]["algorithm"], "FAIRGATE-BIRTHDAY-18");
    let key = hex::decode(challenge["parameters"]["data"]["key"].as_str().unwrap()).unwrap().try_into().unwrap();
    let (key, mut solver) = (PuzzleKey::from_bytes(key), Solver::new());
    let solution = (0..u16::MAX).find_map(|table| solver.solve(&key, table).into_iter().next()).unwrap();
    let solved = json!({"challenge": challenge,
        "solution": {"counter": solution.table, "derivedKey": hex::encode(solution.to_bytes()), "time": 300}});
    let payload = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, solved.to_string());
    assert_refused(&join(&mut world.fan(), 2, &json!({ "altcha": payload })), 403, "work-wrong");
    assert_entered(&join(&mut world.fan(), 1, &json!({ "altcha": payload })));
    assert_eq!(world.fan().get("/.fairgate/final/entry/altcha").problem(), "bad-body");
    let epoch = Epoch::of(world.status()["now_ms"].as_u64().unwrap());
    assert!(epoch.0 >= challenge["parameters"]["data"]["e"].as_u64().unwrap() as u32);
}
