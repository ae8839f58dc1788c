//! An operator who cheats, in every way that the protocol is there to stop, and is caught by the name of the step.

use fairgate_draw::{Hash, Label, QUICKNET, ZERO, commitment, entry};

use crate::published::{Draw, key_ring};
use crate::verifier::{fairgate, python};

/// Both verifiers name this step. (The independent one checks no signatures: it is for the arithmetic.)
#[track_caller]
fn assert_caught_at(step: &str, draw: &Draw) {
    let folder = draw.publish();
    fairgate(folder.path(), &[]).assert_fails_at(step);
    python(&[folder.path().as_ref()]).assert_fails_at(step);
}

/// A browser had seen `honest`; then the operator published `forged`, which is sound in itself.
#[track_caller]
fn assert_contradicts_witness(honest: &Draw, forged: &Draw, what: &str) {
    let folder = forged.publish();
    fairgate(folder.path(), &[]).assert_holds();
    let saw = folder.path().join("saw.json");
    std::fs::write(&saw, honest.signed().canonical_json()).unwrap();
    let verdict = fairgate(folder.path(), &["--witness".as_ref(), saw.as_ref()]);
    verdict.assert_fails_at("witness");
    assert!(verdict.said.contains(&format!("the {what} was changed after it was published")), "{verdict:?}");
}

fn newcomer(draw: &Draw) -> Hash {
    entry(&draw.record.descriptor_digest, &[0xee; 16], &ZERO)
}

#[test]
fn dropping_an_entry_after_the_freeze() {
    let mut draw = Draw::honest(100);
    draw.roster.remove(31);
    assert_caught_at("roster", &draw);
}

#[test]
fn replacing_an_entry_after_the_freeze() {
    let mut draw = Draw::honest(100);
    draw.roster[31] = newcomer(&draw);
    assert_caught_at("root", &draw);
}

#[test]
fn swapping_two_entries_after_the_freeze() {
    let mut draw = Draw::honest(100);
    draw.roster.swap(3, 4);
    assert_caught_at("root", &draw);
}

#[test]
fn inserting_an_entry_after_the_freeze() {
    let mut draw = Draw::honest(100);
    draw.roster.insert(0, newcomer(&draw));
    assert_caught_at("roster", &draw);
    draw.record.entries = Some(101);
    assert_caught_at("root", &draw);
}

#[test]
fn inserting_an_entry_and_sealing_the_roster_anew() {
    let honest = Draw::honest(100);
    let mut forged = Draw::frozen(100, None);
    forged.roster.push(newcomer(&honest));
    forged.freeze();
    forged.reveal(honest.record.secret.unwrap());
    assert_contradicts_witness(&honest, &forged, "entries");
}

#[test]
fn publishing_two_roots_to_two_browsers() {
    let one = Draw::honest(100);
    let mut other = Draw::frozen(100, None);
    other.roster.swap(0, 99);
    other.freeze();
    other.reveal(one.record.secret.unwrap());
    assert_contradicts_witness(&one, &other, "root");
}

#[test]
fn changing_the_schedule_after_opening() {
    let honest = Draw::honest(100);
    let mut changed = Draw::honest(100);
    changed.record.descriptor.starts_at_ms -= 1_000;
    assert_caught_at("descriptor digest", &changed);
    changed.record.descriptor_digest = changed.record.descriptor.digest();
    assert_caught_at("seed", &changed);
    changed.reveal(honest.record.secret.unwrap());
    assert_contradicts_witness(&honest, &changed, "descriptor");
}

#[test]
fn revealing_another_secret() {
    let mut draw = Draw::frozen(100, None);
    draw.reveal([1; 32]);
    assert_caught_at("commitment", &draw);
}

#[test]
fn revealing_another_secret_under_another_commitment() {
    let honest = Draw::honest(100);
    let mut draw = Draw::frozen(100, None);
    let lucky = [1; 32];
    draw.record.commitment = commitment(&lucky);
    assert_caught_at("descriptor", &draw);
    draw.record.descriptor.commitment = draw.record.commitment;
    draw.record.descriptor_digest = draw.record.descriptor.digest();
    draw.reveal(lucky);
    assert_contradicts_witness(&honest, &draw, "descriptor");
}

#[test]
fn picking_another_seed() {
    let mut draw = Draw::honest(100);
    draw.record.seed = Some([1; 32]);
    assert_caught_at("seed", &draw);
}

#[test]
fn picking_another_beacon_round() {
    let honest = Draw::with_beacon(100);
    let secret = honest.record.secret.unwrap();
    let mut draw = Draw::with_beacon(100);
    // The signature of round 1000, shown as that of the round that was named.
    draw.record.descriptor.beacon = Some(QUICKNET.round(1001));
    draw.record.descriptor_digest = draw.record.descriptor.digest();
    draw.reveal(secret);
    let folder = draw.publish();
    let verdict = fairgate(folder.path(), &[]);
    verdict.assert_fails_at("beacon");
    assert!(verdict.said.contains("the signature is not the chain's for round 1001"), "{verdict:?}");
}

#[test]
fn naming_a_round_that_was_known_at_the_freeze() {
    let mut draw = Draw::with_beacon(100);
    draw.record.frozen_at_ms = Some(QUICKNET.time_ms(1000));
    assert_caught_at("beacon", &draw);
}

#[test]
fn making_up_the_beacon() {
    let mut draw = Draw::with_beacon(100);
    draw.record.beacon = Some([1; 32]);
    draw.reveal(draw.record.secret.unwrap());
    assert_caught_at("beacon", &draw);
}

#[test]
fn signing_the_beacon_with_a_key_of_ones_own() {
    let mut draw = Draw::with_beacon(100);
    draw.record.descriptor.beacon.as_mut().unwrap().public_key[7] ^= 1;
    draw.record.descriptor_digest = draw.record.descriptor.digest();
    draw.reveal(draw.record.secret.unwrap());
    assert_caught_at("beacon", &draw);
}

#[test]
fn going_on_without_the_beacon_that_was_named() {
    let mut draw = Draw::frozen(100, Some(QUICKNET.round(1000)));
    let secret = Draw::honest(0).record.secret.unwrap();
    draw.reveal(secret);
    assert_caught_at("beacon", &draw);
}

#[test]
fn calling_a_committed_draw_more_than_it_is() {
    let mut draw = Draw::honest(100);
    draw.record.label = Label::CommittedAndBeacon;
    assert_caught_at("descriptor", &draw);
}

#[test]
fn signing_with_a_key_that_is_not_in_the_jwks() {
    let mut draw = Draw::honest(100);
    draw.keys = key_ring();
    let verdict = fairgate(draw.publish().path(), &[]);
    verdict.assert_fails_at("signature");
    assert!(verdict.said.contains("signed by a key that is not known here"), "{verdict:?}");
}

#[test]
fn publishing_keys_that_an_auditor_knows_better() {
    let draw = Draw::honest(100);
    let folder = draw.publish();
    let pinned = folder.path().join("pinned.json");
    std::fs::write(&pinned, key_ring().jwks()).unwrap();
    fairgate(folder.path(), &["--jwks".as_ref(), pinned.as_ref()]).assert_fails_at("signature");
    std::fs::write(&pinned, draw.keys.jwks()).unwrap();
    fairgate(folder.path(), &["--jwks".as_ref(), pinned.as_ref()]).assert_holds();
}

#[test]
fn editing_a_signed_record() {
    let draw = Draw::honest(100);
    let folder = draw.publish();
    let path = folder.path().join("draw.json");
    let edited =
        std::fs::read_to_string(&path).unwrap().replace("\"frozen_at_ms\":16928063", "\"frozen_at_ms\":16928064");
    std::fs::write(&path, edited).unwrap();
    fairgate(folder.path(), &[]).assert_fails_at("signature");
}
