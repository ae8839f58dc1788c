//! Rooms that ask a code.

use serde_json::json;

use super::{asking, assert_entered, assert_refused, code, join};
use crate::world::World;

const CODE: &str = "[room.entry]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"";

#[test]
fn who_has_a_code_enters_and_whatever_is_none_is_answered_alike() {
    let world = World::start(asking(CODE));
    let typed = code(3).printed().to_lowercase();
    assert_entered(&join(&mut world.fan(), 1, &json!({ "code": typed })));
    let missing = assert_refused(&join(&mut world.fan(), 2, &json!({})), 428, "entry-required");
    assert_eq!((&missing["any_of"], missing.get("wait")), (&json!(["code"]), None));
    for wrong in [code(20).printed(), "7H3K-Q9XW-2MVK".to_owned(), "nonsense".to_owned(), "ä".to_owned()] {
        let refused = assert_refused(&join(&mut world.fan(), 2, &json!({ "code": wrong })), 403, "code-unknown");
        assert_eq!((&refused["way"], &refused["retry"]), (&json!("code"), &json!(true)));
        assert!(!refused.to_string().contains(&wrong), "what was typed is not said back");
    }
    assert!(!world.log().contains(code(3).as_str()), "no code is in the log");
}

#[test]
fn a_form_without_scripts_shows_a_code() {
    let world = World::start(asking(CODE));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("return_to=%2Ftickets&code={}", code(4).printed());
    let mut fan = world.fan();
    let answer = fan.send("POST", "/.fairgate/final/join", &form, &body);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/tickets")), "{}", answer.text());
    assert!(fan.cookies.keys().any(|name| name.contains("ticket")));
    let wrong = world.fan().send("POST", "/.fairgate/final/join", &form, "return_to=%2F&code=7H3KQ9XW2MVK");
    assert_eq!(wrong.problem(), "code-unknown");
}

#[test]
fn a_get_does_not_join_where_something_is_asked() {
    let world = World::start(crate::world::Setup { room: "join_on_get = true", ..asking(CODE) });
    let mut fan = world.fan();
    assert_eq!(fan.get("/api/seats").problem(), "waiting-room");
    assert!(fan.cookies.is_empty(), "{:?}", fan.cookies);
}

const ONE_EACH: &str =
    "[room.entry]\nidentity = [\"code\"]\nany_of = [\"code\"]\n[[room.entry.codes]]\ncampaign = \"spring\"";
const TWO_EACH: &str = "[room.entry]\nidentity = [\"code\"]\nany_of = [\"code\"]\nbinding = \"key\"\n\
                        [[room.entry.codes]]\ncampaign = \"spring\"\nentries = 2";

#[test]
fn the_same_code_on_two_devices_is_one_entry() {
    let world = World::start(asking(ONE_EACH));
    let show = json!({ "code": code(3).printed() });
    let first = assert_entered(&join(&mut world.fan(), 1, &show));
    let second = assert_entered(&join(&mut world.fan(), 2, &show));
    assert_eq!((&first["index"], &first["entry"]), (&second["index"], &second["entry"]));
    assert_eq!((&first["again"], &second["again"]), (&json!(false), &json!(true)));
    let other = assert_entered(&join(&mut world.fan(), 3, &json!({ "code": code(4).printed() })));
    assert_ne!(other["index"], first["index"]);
    assert_eq!(world.wait_until("two", |status| status["pool_size"] == 2)["entry"]["identity"], json!(["code"]));
}

#[test]
fn a_code_for_two_lets_two_in_and_the_third_gets_a_number_to_quote() {
    let world = World::start(asking(TWO_EACH));
    let show = json!({ "code": code(3).printed() });
    let indexes: Vec<_> =
        (1..=2).map(|byte| assert_entered(&join(&mut world.fan(), byte, &show))["index"].clone()).collect();
    assert_ne!(indexes[0], indexes[1]);
    let used = assert_refused(&join(&mut world.fan(), 3, &show), 410, "code-used");
    assert_eq!((&used["way"], &used["retry"]), (&json!("code"), &json!(false)));
    assert!(used["reference"].as_str().unwrap().starts_with("FG-"));
    let again = assert_entered(&join(&mut world.fan(), 1, &show));
    assert_eq!((&again["index"], &again["again"]), (&indexes[0], &json!(true)), "a retry is the same entry");
}

#[test]
fn a_code_that_is_no_identity_is_used_up_by_its_entry() {
    let world = World::start(asking(CODE));
    let show = json!({ "code": code(3).printed() });
    assert_entered(&join(&mut world.fan(), 1, &show));
    assert_refused(&join(&mut world.fan(), 2, &show), 410, "code-used");
    assert_entered(&join(&mut world.fan(), 3, &json!({ "code": code(4).printed() })));
}
