//! Signing keys and certificates that change while the edge runs.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fan::{Answer, Fan};
use crate::tls::Client;
use crate::world::{Setup, World, fairgate, write_certificate};

/// Edges look every two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never {what}");
        sleep(Duration::from_millis(50));
    }
}

fn kids(world: &World) -> Vec<String> {
    let jwks = world.fan().get("/.fairgate/jwks.json").json();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn key_files(world: &World) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(world.dir().join("keys")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn metric(world: &World, name: &str) -> f64 {
    let metrics = Fan::new(world.admin_address).get("/metrics").text();
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
}

fn is_to_ask_again(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (503, "new-key"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some() && answer.all("set-cookie").is_empty(), "nothing is cleared");
}

#[test]
fn a_key_that_comes_signs_and_one_that_is_not_there_yet_costs_nobody_a_place() {
    let world = World::start(Setup::default());
    let (mut early, mut late) = (world.fan(), world.fan());
    early.enter(1);
    let dir = world.dir().join("keys");
    // As another edge of the fleet has it already.
    fairgate(&["keys", "new", "--signs-in", "0s", "--dir", dir.to_str().unwrap()]);
    wait_until("two keys", || kids(&world).len() == 2);
    let place = late.enter(2)["place"].clone();
    assert_eq!(early.get("/seats").status, 200, "the old key still verifies");

    // And as one that has not.
    let files = key_files(&world);
    let (away, new) = (world.dir().join("away"), &files[1]);
    fs::rename(new, &away).unwrap();
    wait_until("one key", || kids(&world).len() == 1);
    is_to_ask_again(&late.call("join", "{\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\"}"));
    is_to_ask_again(&late.call("claim", "{}"));
    let shown = late.get("/seats");
    is_to_ask_again(&shown);
    assert_eq!(early.get("/seats").status, 200);
    fs::rename(&away, new).unwrap();
    wait_until("two keys again", || kids(&world).len() == 2);
    assert_eq!(late.get("/seats").status, 200);
    assert_eq!(late.call("claim", "{}").json()["place"], place);

    // A file that is no key changes nothing; one that is withdrawn verifies nothing any more.
    let broken = dir.join("20990101T000000Z-00000000.pem");
    fs::write(&broken, "no key").unwrap();
    wait_until("told of the broken file", || metric(&world, "fairgate_unusable_files") > 0.0);
    assert_eq!((kids(&world).len(), world.fan().join(3).status), (2, 200));
    fs::remove_file(broken).unwrap();
    fs::remove_file(&files[0]).unwrap();
    wait_until("the old key gone", || kids(&world).len() == 1);
    assert_eq!(early.get("/seats").status, 503);
    assert_eq!(early.call("claim", "{}").problem(), "bad-ticket");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_taken_over_and_a_broken_one_is_not() {
    let world = World::start(Setup { tls: true, ..Setup::default() });
    let before = Client::new(&world, 1).certificate().await;
    let name = format!(
        "fairgate_certificate_ends_timestamp_seconds{{certificate=\"{}\"}}",
        world.dir().join("certificate.pem").display()
    );
    assert!(metric(&world, &name) > 1.9e9, "self-signed ones last long");
    fs::write(world.dir().join("key.pem"), "no key").unwrap();
    wait_until("told of the broken key", || metric(&world, "fairgate_unusable_files") > 0.0);
    assert_eq!(Client::new(&world, 1).certificate().await, before);
    write_certificate(&world.dir());
    let deadline = Instant::now() + PATIENCE;
    while Client::new(&world, 1).certificate().await == before {
        assert!(Instant::now() < deadline, "the new certificate never came:\n{}", world.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    wait_until("at peace", || metric(&world, "fairgate_unusable_files") == 0.0);
}
