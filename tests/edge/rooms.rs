//! Rooms as data at a real edge: made, changed, archived and exported by the command line, while the edge runs.

use std::fs;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fan::Fan;
use crate::world::{ADMIN_TOKEN, Setup, World, now_ms};

const PATIENCE: Duration = Duration::from_secs(60);

/// An edge whose file has a room at `/final`.
fn world() -> World {
    World::start(Setup { room: "paths = [\"/final\"]", ..Setup::default() })
}

fn room(world: &World, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate"));
    command.env("FAIRGATE_ADMIN", format!("http://{}", world.admin_address)).env("FAIRGATE_ADMIN_TOKEN", ADMIN_TOKEN);
    command.arg("room").args(args).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", said(output));
    said(output)
}

fn said(output: &Output) -> String {
    [&*output.stdout, &*output.stderr].iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()
}

fn at(in_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(now_ms() + in_ms).unwrap().to_string()
}

/// Writes a room as a draft, and publishes it.
fn publish(world: &World, name: &str, path: &str, opens_in_ms: i64) -> String {
    let opens_at = at(opens_in_ms);
    let times = ["--opens-at", opens_at.as_str(), "--rate", "6000", "--minutes", "5", "--title", "The second"];
    done(&room(world, &[&["new", name, "--path", path][..], &times].concat()));
    let told = done(&room(world, &["publish", name]));
    wait_for("served", || status(world, name).is_some());
    told
}

fn status(world: &World, name: &str) -> Option<Value> {
    let answer = Fan::new(world.address).get(&format!("/.fairgate/{name}/status"));
    (answer.status == 200).then(|| answer.json())
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never {what}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_room_goes_live_without_a_restart_and_is_there_after_one() {
    let mut world = world();
    let before = status(&world, "final").unwrap();
    assert_eq!(world.fan().get("/second/seats").status, 200, "nobody protects it");
    let told = publish(&world, "second", "/second", -1_000);
    assert!(told.contains("second is published") && told.contains("1 of 1 edges follow"), "{told}");
    let mut fan = Fan::new(world.address);
    let asked = fan.send("GET", "/second/seats", &[("Accept", "application/json")], "");
    assert_eq!(asked.status, 503, "it needs a pass now: {}", asked.text());
    wait_for("on sale", || status(&world, "second").is_some_and(|status| status["phase"] == "serving"));
    assert_eq!(status(&world, "second").unwrap()["title"], "The second");
    assert_eq!(Fan::new(world.admin_address).get("/readyz").status, 200);
    let digest = |status: &Value| status["draw"]["descriptor_digest"].clone();
    assert_eq!(digest(&status(&world, "final").unwrap()), digest(&before), "the other room is not touched");
    let line = world.data().join("second");
    assert!(line.exists(), "it has a journal of its own");
    world.kill();
    world.start_edge();
    wait_for("there again", || status(&world, "second").is_some_and(|status| status["phase"] == "serving"));
    let list = done(&room(&world, &["list"]));
    assert!(list.contains("second") && list.contains("final"), "{list}");
}

#[test]
fn a_room_that_does_not_fit_is_refused_in_the_words_of_config_check() {
    let world = world();
    let opens_at = at(3_600_000);
    let told = done(&room(&world, &["new", "second", "--path", "/final/late", "--opens-at", &opens_at]));
    let overlap = "room[second].paths: \"/final/late\" overlaps \"/final\" of room \"final\"";
    assert!(told.contains(overlap), "a draft may have mistakes, and tells them: {told}");
    let told = refused(&room(&world, &["publish", "second"]));
    assert!(
        told.contains(overlap) && told.contains("second.toml:3: ") && told.contains("The definition has mistakes"),
        "{told}"
    );
    assert_eq!(status(&world, "second"), None);
    let told = refused(&room(&world, &["new", "final", "--opens-at", &opens_at]));
    assert!(told.contains("managed by the edge's file"), "{told}");
    let file = world.dir().join("room.toml");
    fs::write(&file, "[[room]]\nname = \"third\"\nupstream = \"shop\"\n[room.page]\ntemplate = \"/etc/passwd\"\n")
        .unwrap();
    let told = done(&room(&world, &["new", "third", "--file", file.to_str().unwrap(), "--dry-run"]));
    assert!(told.contains("room[third].page.template: names a file of the edge's machine"), "{told}");
    assert!(told.contains("nothing was changed"), "{told}");
}

#[test]
fn before_it_opens_all_may_change_and_then_only_what_fans_read() {
    let world = world();
    publish(&world, "second", "/second", 3_600_000);
    let first = status(&world, "second").unwrap();
    publish(&world, "second", "/elsewhere", 7_200_000);
    let opens_at = |status: &Value| status["opens_at_ms"].as_u64();
    wait_for("later", || status(&world, "second").is_some_and(|now| opens_at(&now) > opens_at(&first)));
    assert_eq!(world.fan().get("/second/seats").status, 200, "the old path is not protected any more");
    // From its opening on.
    publish(&world, "second", "/second", -1_000);
    wait_for("on sale", || status(&world, "second").is_some_and(|status| status["phase"] == "serving"));
    let text = done(&room(&world, &["edit", "second"]));
    let write = |text: &str| {
        let file = world.dir().join("second.toml");
        fs::write(&file, text).unwrap();
        done(&room(&world, &["edit", "second", file.to_str().unwrap()]));
    };
    write(&text.replace("\"The second\"", "\"The second, again\""));
    done(&room(&world, &["publish", "second"]));
    wait_for("renamed", || status(&world, "second").is_some_and(|status| status["title"] == "The second, again"));
    write(&text.replace("\"/second\"", "\"/third\""));
    let told = refused(&room(&world, &["publish", "second"]));
    assert!(told.contains("its sale has begun"), "{told}");
    let told = refused(&room(&world, &["archive", "second"]));
    assert!(told.contains("its sale is under way: end it first"), "{told}");
}

#[test]
fn what_is_exported_is_a_file_that_config_check_accepts_and_an_archived_room_is_gone() {
    let mut world = world();
    publish(&world, "second", "/second", 3_600_000);
    let file = world.dir().join("exported.toml");
    for args in [&["export"][..], &["export", "second"]] {
        let exported = room(&world, args);
        done(&exported);
        fs::write(&file, &exported.stdout).unwrap();
        let checked =
            Command::new(env!("CARGO_BIN_EXE_fairgate")).args(["config", "check"]).arg(&file).output().unwrap();
        assert!(done(&checked).contains("ok (rooms: final, second)"), "{}", said(&checked));
    }
    let told = done(&room(&world, &["archive", "second"]));
    assert!(told.contains("second is archived"), "{told}");
    wait_for("gone", || status(&world, "second").is_none());
    assert_eq!(world.fan().get("/second/seats").status, 200);
    world.kill();
    world.start_edge();
    assert_eq!(status(&world, "second"), None, "it stays archived");
    let definition = |path: &str| {
        let authorization = format!("Bearer {ADMIN_TOKEN}");
        Fan::new(world.admin_address).send("GET", &format!("/api/v1{path}"), &[("Authorization", &*authorization)], "")
    };
    let told = definition("/rooms/second/definition").json();
    assert_eq!((&told["is_archived"], &told["managed_by"]), (&json!(true), &json!("data")), "{told}");
    assert_eq!(definition("/rooms/nobody/definition").problem(), "no-definition");
    let told = definition("/audit?room=second").json();
    let changes: Vec<_> = told["changes"].as_array().unwrap().iter().map(|change| change["what"].clone()).collect();
    assert_eq!(changes, ["definition", "definition", "draft"].map(Value::from), "{told}");
    // Published again, it is as it was, or as somebody has written it since.
    done(&room(&world, &["publish", "second"]));
    wait_for("back", || status(&world, "second").is_some_and(|status| status["phase"] == "idle"));
    publish(&world, "second", "/second", 7_200_000);
    assert_eq!(status(&world, "second").unwrap()["phase"], "idle");
}
