//! npm's `@cloudflare/privacypass-ts`: its issuer and its client read the edge's challenge, and the edge reads their token.

use fairgate_testkit::fan::{Answer, Fan};
use fairgate_testkit::free_port;
use serde_json::json;

use super::client;
use crate::entry::{asking, assert_entered, assert_refused, bond, join};
use crate::world::{Setup, World};

const TOKENS: &str = "hosts = [\"127.0.0.1\", \"tickets.example\"]";
const ENTRY: &str = "[room.entry]\nany_of = [\"private-token\"]\n[[room.entry.private_token]]\nissuer = \"issuer.example\"\n\
                     directory = \"http://{double}/.well-known/private-token-issuer-directory\"";

fn path(byte: u8) -> String {
    format!("/.fairgate/final/entry/private-token?bond={}", bond(byte, "").to_base64url())
}

fn show(fan: &mut Fan, byte: u8, authorization: &str) -> Answer {
    fan.send("GET", &path(byte), &[("Authorization", authorization)], "")
}

#[test]
fn its_client_reads_our_challenge_and_its_token_is_of_one_entry() {
    let (mut client, port) = (client("private-token.mjs"), free_port().unwrap());
    let key = client.ask(&json!({"do": "issuer", "name": "issuer.example", "port": port}));
    let double = Some(([127, 0, 0, 1], port).into());
    let world = World::start(Setup { room: TOKENS, double, ..asking(ENTRY) });
    let mut fan = world.fan();
    let asked = fan.get(&path(1));
    assert_eq!(asked.status, 401, "{}", asked.text());
    let field = asked.header("www-authenticate").unwrap();
    let read = json!([{"type": 2, "issuer": "issuer.example", "origins": ["127.0.0.1", "tickets.example"],
        "key": key, "maxAge": 60}]);
    assert_eq!(client.ask(&json!({"do": "challenges", "field": field})), read);

    let token = client.ask(&json!({"do": "token", "field": field}));
    let token = token.as_str().unwrap();
    assert_refused(&show(&mut world.fan(), 2, token), 403, "challenge-failed");
    assert_eq!(show(&mut fan, 1, token).status, 200);
    assert_refused(&join(&mut fan, 2, &json!({})), 428, "entry-required");
    let entered = assert_entered(&join(&mut fan, 1, &json!({})));
    // Nothing is remembered: shown twice, by whoever, it is the same entry.
    let mut second = world.fan();
    assert_eq!(show(&mut second, 1, token).status, 200);
    assert_refused(&join(&mut second, 3, &json!({})), 428, "entry-required");
    assert_eq!(assert_entered(&join(&mut second, 1, &json!({})))["index"], entered["index"]);
    assert_eq!(world.wait_until("one entry", |status| status["pool_size"] == 1)["pool_size"], 1);

    // Another key under the issuer's name vouches for nobody.
    let other = client.ask(&json!({"do": "issuer", "name": "issuer.example", "port": null}));
    let field = field.replace(key.as_str().unwrap(), other.as_str().unwrap());
    let foreign = client.ask(&json!({"do": "token", "field": field}));
    assert_refused(&show(&mut world.fan(), 1, foreign.as_str().unwrap()), 403, "challenge-failed");
}
