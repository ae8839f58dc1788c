//! Rooms that ask a shop's token.

use fairgate_draw::v2::{Identity, Method};
use fairgate_entry::keys::Purpose;
use fairgate_entry::voucher::{Voucher, VoucherKey, voucher_id};
use fairgate_entry::way::{Person, WayName};
use fairgate_testkit::fan::{Answer, Fan};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{SHOP_SECRET, asking, assert_entered, assert_refused, join, key, nonce, spelled};
use crate::world::{World, now_ms};

const SHOP: &str = "[room.entry]\nany_of = [\"shop\"]\n[[room.entry.shop]]\nissuer = \"https://shop.example\"\nhs256_env = \"FAIRGATE_SHOP_SECRET\"";

fn claims(subject: &str) -> Value {
    let now_s = now_ms() / 1000;
    json!({"iss": "https://shop.example", "aud": "final", "sub": subject, "iat": now_s, "exp": now_s + 300})
}

fn token(claims: &Value, secret: &str) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("fairgate-enqueue+jwt".into());
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn show(fan: &mut Fan, token: &str) -> Answer {
    fan.call("entry/shop", &json!({ "token": token }).to_string())
}

#[test]
fn a_shops_token_lets_in_and_one_that_is_wrong_does_not() {
    let world = World::start(asking(SHOP));
    let good = token(&claims("customer-7"), SHOP_SECRET);
    assert_entered(&join(&mut world.fan(), 1, &json!({ "shop": good })));
    let mut old = claims("customer-8");
    old["exp"] = json!(now_ms() / 1000 - 1);
    let mut elsewhere = claims("customer-8");
    elsewhere["aud"] = json!("semi");
    let foreign = token(&claims("customer-8"), "another secret of at least 32 bytes");
    for wrong in [token(&old, SHOP_SECRET), token(&elsewhere, SHOP_SECRET), foreign, "a.b.c".to_owned()] {
        let refused = assert_refused(&join(&mut world.fan(), 2, &json!({ "shop": wrong })), 403, "token-wrong");
        assert_eq!(refused["way"], "shop");
        assert_refused(&show(&mut world.fan(), &wrong), 403, "token-wrong");
    }
    assert!(!world.log().contains("customer-7") && !world.log().contains(&good), "nothing of it is in the log");
}

#[test]
fn a_token_that_is_shown_before_becomes_a_voucher_that_joins_by_itself() {
    let world = World::start(asking(SHOP));
    let mut fan = world.fan();
    let nobody = fan.get("/.fairgate/final/entry/me");
    assert_eq!(nobody.json(), json!({"id": null, "ways": [], "tier": null, "until_ms": null}));
    assert_eq!(nobody.header("cache-control"), Some("no-store"));
    let given = show(&mut fan, &token(&claims("customer-7"), SHOP_SECRET));
    assert_eq!(given.status, 200, "{}", given.text());
    let voucher = given.json()["voucher"].as_str().unwrap().to_owned();
    let me = fan.get("/.fairgate/final/entry/me").json();
    assert_eq!((&me["id"], &me["ways"]), (&json!(voucher_id(&voucher)), &json!(["shop"])));
    let cookie = given.all("set-cookie").join("\n");
    assert!(cookie.starts_with("fairgate-me-final=v1.") && cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    assert_entered(&join(&mut fan, 1, &json!({})));
    // A page of another origin has no cookie here.
    let body = json!({"nonce": spelled(&nonce(2)), "vouchers": [voucher]});
    assert_entered(&world.fan().call("join", &body.to_string()));
}

#[test]
fn a_voucher_of_another_room_or_key_is_passed_over() {
    let world = World::start(asking(SHOP));
    let identity = Identity::new(Method::enqueue_token(), "customer-7").unwrap();
    let now_ms = now_ms() as u64;
    let way = WayName::new("shop").unwrap();
    let voucher = |expires_s| Voucher {
        expires_s,
        ..Voucher::of_identity(&way, Person::of(identity.clone(), None), now_ms, 600)
    };
    let good = voucher(now_ms / 1000 + 600);
    let own = VoucherKey::new(&key(Purpose::Voucher));
    let elsewhere = own.seal(&good, "semi", [1; 12]).unwrap();
    let foreign = VoucherKey::new(&key(Purpose::Mail)).seal(&good, "final", [2; 12]).unwrap();
    let old = own.seal(&voucher(now_ms / 1000 - 1), "final", [3; 12]).unwrap();
    let body = |vouchers: &[&String]| json!({"nonce": spelled(&nonce(1)), "vouchers": vouchers}).to_string();
    for wrong in [&elsewhere, &foreign, &old] {
        assert_refused(&world.fan().call("join", &body(&[wrong])), 428, "entry-required");
        let mut fan = world.fan();
        fan.cookies.insert("fairgate-me-final".to_owned(), wrong.clone());
        assert_refused(&join(&mut fan, 1, &json!({})), 428, "entry-required");
    }
    let good = own.seal(&good, "final", [4; 12]).unwrap();
    assert_entered(&world.fan().call("join", &body(&[&elsewhere, &foreign, &good])));
}
