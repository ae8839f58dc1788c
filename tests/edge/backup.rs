//! A store that is lost and comes back from a backup, by the drill of `docs/operations/backup-and-restore.md`. And
//! what happens to somebody who puts an old backup in place without the drill.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fan::Fan;
use crate::world::{Setup, World};

fn store(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fairgate")).arg("store").args(args).output().unwrap()
}

/// `cp -r`, while the edge runs.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// The drill: stop the edge, move what is left of its directory away, restore, look, start the edge.
fn restore(world: &mut World, backup: &Path, args: &[&str]) -> String {
    world.kill();
    let (data, lost) = (world.data(), world.data().with_extension("lost"));
    fs::rename(&data, &lost).unwrap();
    let mut all = vec!["restore", "--from", backup.to_str().unwrap(), "--to", data.to_str().unwrap()];
    all.extend(args);
    let restored = store(&all);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let checked = store(&["check", data.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    world.start_edge();
    String::from_utf8(restored.stdout).unwrap()
}

/// True if a line of the output begins with a word.
fn has(checked: &Output, word: &str) -> bool {
    String::from_utf8_lossy(&checked.stdout).lines().any(|line| line.starts_with(word))
}

fn number(joined: &Value) -> u64 {
    joined["index"].as_u64().or_else(|| joined["place"].as_u64()).unwrap_or_else(|| panic!("{joined}"))
}

/// Joins, as soon as the room takes anybody; answers the number.
fn join(fan: &mut Fan, nonce: u8) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let joined = fan.join(nonce);
        match joined.status {
            200 => return number(&joined.json()),
            503 if Instant::now() < deadline => sleep(Duration::from_millis(100)),
            _ => panic!("{} {}", joined.status, joined.text()),
        }
    }
}

/// Claims until let in; the ticket is never taken away.
fn claim(world: &World, fan: &mut Fan) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let claimed = fan.call("claim", "");
        match claimed.status {
            200 => return claimed.json(),
            202 | 503 if Instant::now() < deadline => {
                assert!(claimed.all("set-cookie").is_empty(), "{:?}", claimed.headers);
                sleep(Duration::from_millis(50));
            }
            _ => panic!("{} {}\n{}", claimed.status, claimed.text(), world.log()),
        }
    }
}

fn crowd(world: &World, nonces: std::ops::Range<u8>) -> (Vec<Fan>, Vec<u64>) {
    nonces
        .map(|nonce| (world.fan(), nonce))
        .map(|(mut fan, nonce)| {
            let number = join(&mut fan, nonce);
            (fan, number)
        })
        .unzip()
}

#[test]
fn a_pool_that_is_restored_gives_no_number_twice_and_calls_nobodys_ticket_another_draws() {
    let mut world = World::start(Setup { opens_in_ms: -1_000, starts_in_ms: 12_000, ..Setup::default() });
    let backup = world.data().with_extension("backup");
    let (mut fans, mut numbers) = crowd(&world, 0..6);
    copy(&world.data(), &backup);
    let (since, given_since) = crowd(&world, 6..12);
    let told = restore(&mut world, &backup, &[]);
    assert!(told.contains("final: as it was") && told.contains("6 numbers given; 1000 are left out"), "{told}");
    let (later, given_later) = crowd(&world, 12..16);
    numbers.extend(given_since.into_iter().chain(given_later));
    fans.extend(since.into_iter().chain(later));
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 16, "{numbers:?}");

    let frozen = world.wait_until("drawn", |status| status["phase"] == "serving");
    assert_eq!(frozen["pool_size"], 1_010);
    let record = world.fan().get("/.fairgate/final/draw").json();
    assert_eq!(record["missing"], 1_000, "the record says what the roster lacks");
    let admitted: Vec<Value> = fans.iter_mut().map(|fan| claim(&world, fan)).collect();
    let places: BTreeSet<u64> = admitted.iter().map(|admitted| admitted["place"].as_u64().unwrap()).collect();
    assert_eq!(places.len(), 16);
    assert!(!world.log().contains("never gave"));
}

#[test]
fn a_line_that_is_restored_admits_nobody_twice_who_is_in_the_lost_list_of_claims() {
    let mut world = World::start(Setup::default());
    let backup = world.data().with_extension("backup");
    let (mut fans, mut numbers) = crowd(&world, 0..4);
    claim(&world, &mut fans[0]);
    copy(&world.data(), &backup);
    let (since, given_since) = crowd(&world, 4..8);
    (fans, numbers) = (fans.into_iter().chain(since).collect(), numbers.into_iter().chain(given_since).collect());
    let before: Vec<Value> = fans[..6].iter_mut().map(|fan| claim(&world, fan)).collect();
    let lost = world.data().with_extension("lost");
    let told = restore(&mut world, &backup, &["--lost", lost.to_str().unwrap()]);
    assert!(told.contains("5 places were admitted since"), "{told}");
    let (later, given_later) = crowd(&world, 8..11);
    numbers.extend(given_later);
    fans.extend(later);
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 11, "{numbers:?}");
    // Whoever was inside is, in the same session; everybody else comes in, once.
    let after: Vec<Value> = fans.iter_mut().map(|fan| claim(&world, fan)).collect();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before["session"], &before["admitted_at_ms"]), (&after["session"], &after["admitted_at_ms"]));
    }
    let sessions: BTreeSet<&str> = after.iter().map(|admitted| admitted["session"].as_str().unwrap()).collect();
    assert_eq!(sessions.len(), 11);
    assert!(!world.log().contains("never gave"));
}

#[test]
fn a_ticket_beyond_the_end_is_an_alarm_and_costs_its_fan_nothing() {
    let mut world = World::start(Setup::default());
    let backup = world.data().with_extension("backup");
    drop(crowd(&world, 0..3));
    copy(&world.data(), &backup);
    let (mut since, given_since) = crowd(&world, 3..6);
    world.kill();
    fs::remove_dir_all(world.data()).unwrap();
    copy(&backup, &world.data());
    sleep(Duration::from_secs(3));
    world.start_edge();

    let ticket = since[2].cookie();
    let told = since[2].call("claim", "");
    assert_eq!((told.status, told.problem().as_str()), (503, "mending"), "{}", told.text());
    assert!(told.header("retry-after").is_some() && told.all("set-cookie").is_empty());
    assert_eq!(since[2].cookie(), ticket);
    let mut admin = Fan::new(world.admin_address);
    let ready = admin.get("/readyz");
    let alarm = format!("alarm: final: a ticket proves that the store has lost numbers below {}", given_since[2] + 1);
    assert!(ready.status == 200 && ready.text().contains(&alarm), "{}", ready.text());
    assert!(admin.get("/metrics").text().contains("fairgate_room_losses_proved_total{room=\"final\"} 1"));
    assert!(world.log().contains("has a number that the room never gave"));
    // From then on nobody gets a number that somebody has.
    let (_, later) = crowd(&world, 20..23);
    assert!(later.iter().all(|number| number > given_since.iter().max().unwrap()), "{later:?}");
    for fan in &mut since {
        claim(&world, fan);
    }
}

#[test]
fn what_is_rotten_is_found_and_an_edge_does_not_start_on_it() {
    let mut world = World::start(Setup::default());
    drop(crowd(&world, 0..3));
    let checked = store(&["check", world.data().to_str().unwrap()]);
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success() && told.contains("final/1.journal") && told.contains("3 places given"), "{told}");
    world.kill();
    let journal = world.data().join("final/1.journal");
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 3]).unwrap();
    let checked = store(&["check", world.data().to_str().unwrap()]);
    assert!(checked.status.success() && has(&checked, "torn "), "{checked:?}");
    let mut rotten = bytes.clone();
    *rotten.last_mut().unwrap() ^= 1;
    fs::write(&journal, rotten).unwrap();
    let checked = store(&["check", world.data().to_str().unwrap()]);
    assert!(!checked.status.success() && has(&checked, "rotten "), "{checked:?}");
    fs::write(&journal, bytes).unwrap();
    world.start_edge();

    for (args, word) in
        [(["restore", "--help"].as_slice(), "--across-start"), (&["check", "--help"], "torn, rotten, missing")]
    {
        assert!(String::from_utf8(store(args).stdout).unwrap().contains(word));
    }
}
