//! The independent verifier (`tests/verify_draw.py`) agrees with this program on real draws, and sees what is wrong.

use std::ffi::OsStr;
use std::process::Command;

use crate::published::Draw;

/// Exit code and output of the verifier.
fn verify_draw(arguments: &[&OsStr]) -> (i32, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
    let output = Command::new("python3").arg(script).args(arguments).output().expect("python3 runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// The verifier's verdict on a draw, with its places as `fairgate draw places` prints them.
fn verdict(draw: &Draw) -> (i32, String) {
    let folder = draw.publish();
    let places = folder.path().join("places");
    draw.write_places(&places);
    verify_draw(&[folder.path().as_os_str(), "--places".as_ref(), places.as_os_str()])
}

fn assert_fails_at(step: &str, draw: &Draw) {
    let (code, said) = verdict(draw);
    assert_eq!(code, 1, "{said}");
    assert!(said.lines().any(|line| line.starts_with(&format!("FAIL  {step}: "))), "not at {step}: {said}");
}

#[test]
fn it_follows_the_test_vectors() {
    let (code, said) = verify_draw(&["--vectors".as_ref()]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn it_agrees_on_draws_of_every_size() {
    for fans in [0, 1, 2, 7, 512, 513, 5000] {
        let (code, said) = verdict(&Draw::honest(fans));
        assert_eq!(code, 0, "{fans} fans: {said}");
        assert!(said.ends_with("The draw holds.\n"), "{fans} fans: {said}");
    }
}

#[test]
fn it_agrees_on_every_place() {
    let folder = Draw::honest(1500).publish();
    let places = folder.path().join("places");
    Draw::honest(1500).write_places(&places);
    let (code, said) =
        verify_draw(&[folder.path().as_os_str(), "--all".as_ref(), "--places".as_ref(), places.as_ref()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1500 of 1500 recomputed and compared"), "{said}");
}

#[test]
fn it_names_the_step_that_fails() {
    let honest = Draw::honest(100);
    let tampered = |tamper: fn(&mut Draw)| {
        let mut draw = honest.clone();
        tamper(&mut draw);
        draw
    };
    assert_fails_at("descriptor digest", &tampered(|draw| draw.record.descriptor.starts_at_ms += 1));
    assert_fails_at("descriptor", &tampered(|draw| draw.record.room.push('s')));
    assert_fails_at("roster", &tampered(|draw| draw.roster.truncate(99)));
    assert_fails_at("root", &tampered(|draw| draw.roster.swap(3, 4)));
    assert_fails_at("commitment", &tampered(|draw| draw.reveal([1; 32])));
    assert_fails_at("beacon", &tampered(|draw| draw.record.beacon = Some([1; 32])));
    assert_fails_at("seed", &tampered(|draw| draw.record.seed = Some([1; 32])));
}

#[test]
fn it_sees_a_place_that_the_seed_does_not_give() {
    let draw = Draw::honest(50);
    let folder = draw.publish();
    let places = folder.path().join("places");
    draw.write_places(&places);
    let mut lines: Vec<String> = std::fs::read_to_string(&places).unwrap().lines().map(str::to_owned).collect();
    lines.swap(10, 20);
    std::fs::write(&places, lines.join("\n")).unwrap();
    let (code, said) = verify_draw(&[folder.path().as_os_str(), "--places".as_ref(), places.as_os_str()]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAIL  places: entry 10 was given place"), "{said}");
}

#[test]
fn it_says_when_there_is_nothing_to_check() {
    let (code, said) = verify_draw(&["/nowhere".as_ref()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("cannot read the draw.json of /nowhere"), "{said}");
}
