//! The independent verifier (`tests/verify_draw.py`) follows the vectors and agrees with this program on real draws.

use std::process::Command;

use crate::published::Draw;
use crate::verifier::{Verdict, fairgate, python};

/// The independent verdict on a draw, with its places as `fairgate draw places` prints them.
fn with_places(draw: &Draw, edit: impl FnOnce(&mut Vec<String>)) -> Verdict {
    let folder = draw.publish();
    let mut places = draw.printed_places();
    edit(&mut places);
    let path = folder.path().join("places");
    std::fs::write(&path, places.join("\n")).unwrap();
    python(&[folder.path().as_ref(), "--places".as_ref(), path.as_ref()])
}

#[test]
fn it_follows_the_test_vectors() {
    python(&["--vectors".as_ref()]).assert_holds();
}

/// The operator of these draws is `operator_v2.py`; this program's own verifier knows version 1.
#[test]
fn it_names_every_cheat_of_version_2() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/draw/cheats_v2.py");
    let verdict = Verdict::of(Command::new("python3").arg(script).output().expect("python3 runs"));
    assert_eq!(verdict.code, 0, "{}", verdict.said);
}

#[test]
fn both_agree_on_draws_of_every_size() {
    for fans in [0, 1, 2, 7, 512, 513, 3000, 25_000] {
        let draw = Draw::honest(fans);
        with_places(&draw, |_| {}).assert_holds();
        fairgate(draw.publish().path(), &[]).assert_holds();
    }
}

#[test]
fn both_agree_on_a_draw_with_a_beacon() {
    let draw = Draw::with_beacon(700);
    let independent = with_places(&draw, |_| {});
    independent.assert_holds();
    assert!(
        independent.said.contains("-     beacon: "),
        "it checks no BLS signature, and says so: {}",
        independent.said
    );
    fairgate(draw.publish().path(), &[]).assert_holds();
}

#[test]
fn it_agrees_on_every_place() {
    let folder = Draw::honest(1500).publish();
    let places = folder.path().join("places");
    std::fs::write(&places, Draw::honest(1500).printed_places().join("\n")).unwrap();
    let verdict = python(&[folder.path().as_ref(), "--all".as_ref(), "--places".as_ref(), places.as_ref()]);
    verdict.assert_holds();
    assert!(verdict.said.contains("1500 of 1500 recomputed and compared"), "{verdict:?}");
}

#[test]
fn it_sees_a_place_that_the_seed_does_not_give() {
    let verdict = with_places(&Draw::honest(50), |places| places.swap(10, 20));
    verdict.assert_fails_at("places");
    assert!(verdict.said.contains("entry 10 was given place"), "{verdict:?}");
}

#[test]
fn both_say_when_there_is_nothing_to_check() {
    let nothing = tempfile::tempdir().unwrap();
    for verdict in [fairgate(nothing.path(), &[]), python(&[nothing.path().as_ref()])] {
        assert_eq!(verdict.code, 2, "{verdict:?}");
        assert!(verdict.said.contains("draw.json"), "{verdict:?}");
    }
}

#[test]
fn both_say_when_a_draw_is_not_finished() {
    let mut draw = Draw::honest(20);
    (draw.record.secret, draw.record.seed) = (None, None);
    let folder = draw.publish();
    for verdict in [fairgate(folder.path(), &[]), python(&[folder.path().as_ref()])] {
        assert_eq!(verdict.code, 3, "{verdict:?}");
    }
}
