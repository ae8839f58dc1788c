//! An operator who aims the draw, and what fans and auditors see of it. A draw by version 1 leaves two ways open:
//! leave to go on without the round, and a freeze that is dated back.

use std::path::{Path, PathBuf};

use fairgate_draw::{Hash, Label, QUICKNET, Record, RootHasher, Shuffle, ZERO, entry, seed};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::published::{Draw, ROUND_MS, SECRET, round_1000};
use crate::verifier::{Verdict, browser_checks, browser_keeps, fairgate, python};

const FANS: u64 = 300;
/// The friend's entry, and how far in front it is to stand.
const FRIEND: u64 = 17;
const FRONT: u64 = 10;

/// Tries last entries until the friend stands in front in the outcome with this randomness; answers how often.
fn aim(draw: &mut Draw, randomness: &Hash) -> usize {
    let digest = draw.record.descriptor.digest();
    let mut others = RootHasher::new();
    draw.roster.iter().for_each(|entry| others.push(entry));
    let tries = (0..2_000_u64).map(|n| entry(&digest, &u128::from(u64::MAX - n).to_be_bytes(), &ZERO));
    let (tries, last) = tries
        .enumerate()
        .find(|(_, last)| {
            let mut hasher = others.clone();
            hasher.push(last);
            let (entries, root) = hasher.finish();
            let seed = seed(&digest, entries, &root, &SECRET, randomness);
            Shuffle::new(&seed, entries).place(FRIEND).unwrap() < FRONT
        })
        .expect("an outcome to the operator's liking");
    draw.roster.push(last);
    draw.freeze();
    tries + 1
}

/// A draw that may go on without its round, aimed before the freeze at the outcome without it.
fn aimed_by_fallback() -> Draw {
    let mut round = QUICKNET.round(1000);
    round.fallback_after_ms = Some(60_000);
    let mut draw = Draw::frozen(FANS, Some(round));
    aim(&mut draw, &ZERO);
    draw.record.frozen_at_ms = Some(ROUND_MS + 1_000);
    draw.reveal(SECRET);
    draw.record.revealed_at_ms = Some(ROUND_MS + 3_000);
    draw
}

/// A draw with a beacon that was aimed when the round was known, and says that it was frozen a minute before.
fn aimed_by_date() -> Draw {
    let mut draw = Draw::frozen(FANS, Some(QUICKNET.round(1000)));
    let randomness = QUICKNET.round(1000).randomness(&round_1000()).unwrap();
    aim(&mut draw, &randomness);
    (draw.record.beacon, draw.record.beacon_signature) = (Some(randomness), Some(round_1000()));
    draw.reveal(SECRET);
    draw.record.revealed_at_ms = Some(ROUND_MS + 6_000);
    draw
}

/// The status of a room, as its edges publish it, while this much of the draw is public.
fn status(record: &Record, now_ms: u64) -> Value {
    let mut draw = serde_json::to_value(record).unwrap();
    draw["missing"] = if record.root.is_some() { 0.into() } else { Value::Null };
    json!({ "now_ms": now_ms, "stale": false, "draw": draw })
}

/// The draw before its freeze, and between freeze and reveal.
fn open(record: &Record) -> Record {
    Record { label: record.label, ..Record::scheduled(record.descriptor.clone()) }
}

fn sealed(record: &Record) -> Record {
    Record { secret: None, seed: None, beacon: None, beacon_signature: None, revealed_at_ms: None, ..record.clone() }
}

/// A published draw, and what a browser kept that was shown these statuses at these times of its own clock.
fn published(draw: &Draw, shown: &[(Value, u64)]) -> (TempDir, PathBuf) {
    let folder = draw.publish();
    let kept = folder.path().join("kept.json");
    std::fs::write(&kept, browser_keeps(&folder.path().join("shown.json"), shown)).unwrap();
    (folder, kept)
}

/// What each of the three verifiers says with what a browser kept: `fairgate`, the independent one, the page.
fn verdicts(folder: &Path, kept: &Path) -> [Verdict; 3] {
    let witness = ["--witness".as_ref(), kept.as_os_str()];
    let independent = [folder.as_os_str(), witness[0], witness[1]];
    [fairgate(folder, &witness), python(&independent), browser_checks(folder, Some(kept))]
}

#[track_caller]
fn assert_all_fail_at(steps: [&str; 3], verdicts: &[Verdict; 3]) {
    for (step, verdict) in steps.iter().zip(verdicts) {
        verdict.assert_fails_at(step);
    }
}

#[test]
fn the_outcome_without_the_round_can_be_aimed() {
    let draw = aimed_by_fallback();
    let place = Shuffle::new(&draw.record.seed.unwrap(), FANS + 1).place(FRIEND).unwrap();
    assert!(place < FRONT, "the friend stands at {place}");
}

#[test]
fn a_fallback_makes_the_draw_committed_and_every_verifier_says_so() {
    let draw = aimed_by_fallback();
    assert_eq!(draw.record.label, Label::Committed);
    let shown = [(status(&sealed(&draw.record), ROUND_MS + 1_100), ROUND_MS + 1_100)];
    let (folder, kept) = published(&draw, &shown);
    for verdict in verdicts(folder.path(), &kept) {
        verdict.assert_holds();
        assert!(!verdict.said.contains("public beacon"), "{}", verdict.said);
    }
    let [ours, independent, page] = verdicts(folder.path(), &kept);
    for said in [ours.said, independent.said] {
        assert!(said.contains("could have aimed it"), "{said}");
    }
    assert!(page.said.contains("beacon: fallback"), "{}", page.said);
}

#[test]
fn promising_a_beacon_that_the_rules_do_not_hold_to_is_named() {
    let mut draw = aimed_by_fallback();
    // What fans were told until the reveal.
    draw.record.label = Label::CommittedAndBeacon;
    let promised = status(&sealed(&draw.record), ROUND_MS + 1_100);
    let (folder, kept) = published(&draw, &[]);
    assert_all_fail_at(["descriptor", "descriptor", "schedule"], &verdicts(folder.path(), &kept));

    draw.record.label = Label::Committed;
    let (folder, kept) = published(&draw, &[(promised, ROUND_MS + 1_100)]);
    assert_all_fail_at(["witness"; 3], &verdicts(folder.path(), &kept));
    for verdict in &verdicts(folder.path(), &kept)[..2] {
        assert!(verdict.said.contains("was told that the draw is"), "{}", verdict.said);
    }
}

#[test]
fn a_freeze_dated_back_is_contradicted_by_who_saw_the_room_open() {
    let draw = aimed_by_date();
    let at = |ms: u64| ROUND_MS + ms;
    let shown = [
        (status(&open(&draw.record), ROUND_MS - 4_000), ROUND_MS - 4_000),
        (status(&sealed(&draw.record), at(2_100)), at(2_100)),
    ];
    let (folder, kept) = published(&draw, &shown);
    assert_all_fail_at(["witness"; 3], &verdicts(folder.path(), &kept));
    let [ours, independent, page] = verdicts(folder.path(), &kept);
    for said in [ours.said, independent.said] {
        assert!(said.contains("the freeze is dated back"), "{said}");
    }
    assert!(page.said.contains("witness: backdated"), "{}", page.said);

    // A status that somebody saved as it was shows the same.
    let saved = folder.path().join("status.json");
    std::fs::write(&saved, shown[0].0.to_string()).unwrap();
    for verdict in &verdicts(folder.path(), &saved)[..2] {
        verdict.assert_fails_at("witness");
    }
}

#[test]
fn who_first_saw_the_freeze_after_the_round_says_so_and_nobody_counts_it() {
    let draw = aimed_by_date();
    let shown = [(status(&sealed(&draw.record), ROUND_MS + 2_100), ROUND_MS + 2_100)];
    let (folder, kept) = published(&draw, &shown);
    let [ours, independent, page] = verdicts(folder.path(), &kept);
    for verdict in [&ours, &independent] {
        verdict.assert_holds();
        assert!(verdict.said.contains("first saw the frozen roster 2.100 s after round 1000"), "{}", verdict.said);
        assert!(verdict.said.contains("the operator's word and no witness here"), "{}", verdict.said);
    }
    page.assert_holds();
    assert!(page.said.contains("witness: too-late"), "{}", page.said);
}

#[test]
fn a_freeze_whose_time_was_changed_is_named() {
    let mut draw = aimed_by_date();
    let backdated = draw.record.frozen_at_ms;
    draw.record.frozen_at_ms = Some(ROUND_MS + 2_000);
    let shown = [(status(&sealed(&draw.record), ROUND_MS + 2_100), ROUND_MS + 2_100)];
    draw.record.frozen_at_ms = backdated;
    let (folder, kept) = published(&draw, &shown);
    assert_all_fail_at(["witness"; 3], &verdicts(folder.path(), &kept));
    let said = &verdicts(folder.path(), &kept)[0].said;
    assert!(said.contains("the frozen_at_ms was changed after it was published"), "{said}");
}

#[test]
fn an_honest_freeze_has_its_witnesses() {
    let draw = Draw::with_beacon(50);
    let frozen_at_ms = draw.record.frozen_at_ms.unwrap();
    let shown = [
        (status(&open(&draw.record), frozen_at_ms), frozen_at_ms),
        (status(&sealed(&draw.record), frozen_at_ms + 400), frozen_at_ms + 400),
        (status(&draw.record, ROUND_MS + 500), ROUND_MS + 500),
    ];
    let (folder, kept) = published(&draw, &shown);
    let [ours, independent, page] = verdicts(folder.path(), &kept);
    for verdict in [&ours, &independent] {
        verdict.assert_holds();
        assert!(verdict.said.contains("59.595 s before round 1000 was published"), "{}", verdict.said);
        assert!(verdict.said.contains("as 1 of the witnesses given here saw"), "{}", verdict.said);
    }
    page.assert_holds();
    assert!(page.said.contains("ok    witness"), "{}", page.said);
    let code = hex::encode(draw.record.freeze_statement().unwrap().leaf_hash());
    for verdict in [&ours, &independent] {
        assert!(verdict.said.contains(&format!("code of the freeze, to compare whole: {code}")), "{}", verdict.said);
    }
}

#[test]
fn two_sound_draws_for_two_audiences_have_two_codes() {
    let one = Draw::honest(100);
    let mut other = Draw::frozen(100, None);
    other.roster.swap(0, 99);
    other.freeze();
    other.reveal(SECRET);
    let code = |draw: &Draw| {
        let folder = draw.publish();
        let verdicts = [fairgate(folder.path(), &[]), python(&[folder.path().as_ref()])];
        let codes = verdicts.map(|verdict| {
            verdict.assert_holds();
            let line = verdict.said.lines().find(|line| line.starts_with("code of the freeze")).unwrap();
            line.rsplit_once(' ').unwrap().1.to_owned()
        });
        assert_eq!(codes[0], codes[1]);
        codes[0].clone()
    };
    let codes = [code(&one), code(&other)];
    assert!(codes[0] != codes[1] && codes.iter().all(|code| code.len() == 64), "{codes:?}");
}
