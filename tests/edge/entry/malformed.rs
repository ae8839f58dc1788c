//! Bodies that nobody's page sends: too large, too many, of another form; and many at once.

use std::thread;

use serde_json::json;

use super::{asking, assert_entered, assert_refused, code, join, nonce, spelled};
use crate::world::World;

const ALL: &str = "[room.entry]\nany_of = [\"work\", \"code\", \"shop\"]\n[[room.entry.codes]]\ncampaign = \"spring\"\n\
                   [[room.entry.shop]]\nissuer = \"https://shop.example\"\nhs256_env = \"FAIRGATE_SHOP_SECRET\"";

#[test]
fn what_is_too_large_or_of_another_form_is_refused_and_ends_no_ticket() {
    let world = World::start(asking(ALL));
    let mut fan = world.fan();
    assert_entered(&join(&mut fan, 1, &json!({ "code": code(1).printed() })));
    let ticket = fan.cookies.clone();
    let long = |bytes: usize| "A".repeat(bytes);
    let nonce = spelled(&nonce(2));
    for body in [
        json!({"nonce": nonce, "show": {"code": long(400)}}),
        json!({"nonce": nonce, "show": {"shop": long(4_097)}}),
        json!({"nonce": nonce, "show": {"wait": long(65)}}),
        json!({"nonce": nonce, "show": {"altcha": long(10_001)}}),
        json!({"nonce": nonce, "show": {"work": {"e": 1, "s": long(3_417)}}}),
        json!({"nonce": nonce, "show": {"work": {"e": -1, "s": ""}}}),
        json!({"nonce": nonce, "show": {"work": {"e": 4_294_967_296_u64, "s": ""}}}),
        json!({"nonce": nonce, "show": "work"}),
        json!({"nonce": nonce, "show": {"code": 7}}),
        json!({"nonce": nonce, "vouchers": ["a", "b", "c", "d"]}),
        json!({"nonce": nonce, "vouchers": [long(1_025)]}),
        json!({"nonce": nonce, "vouchers": "v"}),
    ] {
        let mut stranger = world.fan();
        assert_refused(&stranger.call("join", &body.to_string()), 400, "bad-body");
        assert!(stranger.cookies.is_empty());
    }
    let huge = json!({"nonce": nonce, "show": {"code": long(20_000)}}).to_string();
    assert_refused(&world.fan().call("join", &huge), 413, "body-too-large");
    // Whoever is in stays in, whatever is shown besides.
    assert_entered(&join(&mut fan, 2, &json!({ "code": "nonsense" })));
    assert_eq!(fan.cookies.keys().collect::<Vec<_>>(), ticket.keys().collect::<Vec<_>>());
    for (call, body) in [("entry/shop", "{}"), ("entry/shop", "[]"), ("entry/wait", r#"{"bond":"x"}"#)] {
        assert_refused(&world.fan().call(call, body), 400, "bad-body");
    }
    assert_refused(&world.fan().call("entry/provider/turnstile", "{}"), 404, "not-asked");
    assert_refused(&world.fan().call("entry/provider/Turnstile", "{}"), 404, "not-found");
    assert_refused(&world.fan().get("/.fairgate/final/entry/shop"), 405, "method-not-allowed");
    assert_refused(&world.fan().get("/.fairgate/final/entry/nothing"), 404, "not-found");
    let foreign = [("Origin", "https://elsewhere.example"), ("Content-Type", "application/json")];
    let answer = world.fan().send("POST", "/.fairgate/final/entry/shop", &foreign, "{}");
    assert_refused(&answer, 403, "foreign-origin");
}

#[test]
fn many_at_once_are_each_judged_by_themselves() {
    let world = World::start(asking(ALL));
    thread::scope(|scope| {
        for n in 0..32_u8 {
            let world = &world;
            scope.spawn(move || {
                let answer = join(&mut world.fan(), n, &json!({ "code": code(n).printed() }));
                match n {
                    ..20 => drop(assert_entered(&answer)),
                    _ => drop(assert_refused(&answer, 403, "code-unknown")),
                }
            });
        }
    });
    world.wait_until("all in", |status| status["pool_size"] == 20);
}
