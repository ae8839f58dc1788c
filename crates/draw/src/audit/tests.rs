//! Honest draws hold, and each lie fails at its own step.

use super::*;
use crate::{BeaconSignature, Descriptor, Label, QUICKNET, RootHasher, entry};

const SECRET: Hash = [5; 32];

/// An honest draw among seven, with or without round 1000 of quicknet.
fn draw(beacon: bool) -> (Record, (u64, Hash)) {
    let descriptor = Descriptor {
        beacon: beacon.then(|| QUICKNET.round(1000)),
        commitment: commitment(&SECRET),
        opens_at_ms: 1_692_806_000_000,
        room: "tour".into(),
        starts_at_ms: 1_692_806_300_000,
    };
    let mut hasher = RootHasher::new();
    (0..7).for_each(|fan| hasher.push(&entry(&descriptor.digest(), &[fan; 16], &ZERO)));
    let (entries, root) = hasher.finish();
    let signature = BeaconSignature(crate::hex_bytes::literal(
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    ));
    let randomness = beacon.then(|| QUICKNET.round(1000).randomness(&signature).unwrap());
    let record = Record {
        beacon: randomness,
        beacon_signature: beacon.then_some(signature),
        entries: Some(entries),
        root: Some(root),
        frozen_at_ms: Some(1_692_806_300_010),
        revealed_at_ms: Some(1_692_806_364_500),
        secret: Some(SECRET),
        seed: Some(seed(&descriptor.digest(), entries, &root, &SECRET, &randomness.unwrap_or(ZERO))),
        ..Record::scheduled(descriptor)
    };
    (record, (entries, root))
}

fn failing(record: &Record, roster: (u64, Hash)) -> Vec<Step> {
    let findings = audit_record(record, roster);
    findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Fails(_))).map(|f| f.step).collect()
}

#[test]
fn honest_draws_hold_in_every_step() {
    for beacon in [false, true] {
        let (record, roster) = draw(beacon);
        for finding in audit_record(&record, roster) {
            assert!(matches!(finding.verdict, Verdict::Holds(_)), "{finding:?}");
        }
    }
}

#[test]
fn what_is_not_published_yet_is_open() {
    let (record, roster) = draw(true);
    let scheduled = Record::scheduled(record.descriptor);
    let open = audit_record(&scheduled, roster).into_iter();
    let open: Vec<_> = open.filter(|f| matches!(f.verdict, Verdict::Open(_))).map(|f| f.step).collect();
    assert_eq!(open, [Step::Roster, Step::Root, Step::Commitment, Step::Beacon, Step::Seed]);
    assert_eq!(failing(&scheduled, roster), []);
}

#[test]
fn each_lie_fails_at_its_step() {
    let lie = |tell: fn(&mut Record)| {
        let (mut record, roster) = draw(true);
        tell(&mut record);
        failing(&record, roster)
    };
    assert_eq!(lie(|r| r.version = "fairgate/v2".into()), [Step::Descriptor]);
    assert_eq!(lie(|r| r.room = "tours".into()), [Step::Descriptor]);
    assert_eq!(lie(|r| r.commitment = ZERO), [Step::Descriptor]);
    assert_eq!(lie(|r| r.label = Label::Committed), [Step::Descriptor]);
    assert_eq!(lie(|r| r.frozen_at_ms = Some(1_692_806_299_999)), [Step::Descriptor]);
    assert_eq!(lie(|r| r.frozen_at_ms = None), [Step::Descriptor], "or a late freeze would pass in silence");
    assert_eq!(lie(|r| r.revealed_at_ms = None), [Step::Descriptor]);
    assert_eq!(lie(|r| r.revealed_at_ms = Some(1_692_806_300_009)), [Step::Descriptor, Step::Beacon]);
    assert_eq!(lie(|r| r.revealed_at_ms = Some(1_692_806_363_999)), [Step::Beacon], "there was no round yet");
    assert_eq!(lie(|r| r.descriptor_digest = ZERO), [Step::Digest]);
    assert_eq!(lie(|r| r.descriptor.opens_at_ms += 1), [Step::Digest, Step::Seed]);
    assert_eq!(lie(|r| r.entries = Some(8)), [Step::Roster, Step::Seed]);
    assert_eq!(lie(|r| r.root = Some(ZERO)), [Step::Root, Step::Seed]);
    assert_eq!(lie(|r| r.secret = Some(ZERO)), [Step::Commitment, Step::Seed]);
    assert_eq!(lie(|r| r.beacon = Some(ZERO)), [Step::Beacon, Step::Seed]);
    assert_eq!(lie(|r| r.beacon_signature = None), [Step::Beacon]);
    assert_eq!(lie(|r| r.frozen_at_ms = Some(1_692_806_364_000)), [Step::Beacon], "the round was known by then");
    assert_eq!(lie(|r| r.seed = Some(ZERO)), [Step::Seed]);
}

#[test]
fn a_beacon_can_only_be_left_out_as_the_descriptor_foresees() {
    let (mut record, roster) = draw(true);
    (record.beacon, record.beacon_signature) = (None, None);
    let reseed = |record: &Record| seed(&record.descriptor.digest(), roster.0, &roster.1, &SECRET, &ZERO);
    record.seed = Some(reseed(&record));
    assert_eq!(failing(&record, roster), [Step::Beacon]);

    record.descriptor.beacon.as_mut().unwrap().fallback_after_ms = Some(60_000);
    record.descriptor_digest = record.descriptor.digest();
    record.seed = Some(reseed(&record));
    record.label = Label::Committed;
    record.revealed_at_ms = Some(QUICKNET.time_ms(1000) + 59_999);
    assert_eq!(failing(&record, roster), [Step::Beacon], "sooner than the descriptor allows");
    record.revealed_at_ms = Some(QUICKNET.time_ms(1000) + 60_000);
    assert_eq!(failing(&record, roster), []);
    (record.revealed_at_ms, record.frozen_at_ms) = (Some(QUICKNET.time_ms(1000)), Some(QUICKNET.time_ms(1000)));
    assert_eq!(failing(&record, roster), [], "a round that was known at the freeze is not waited for");
}

#[test]
fn a_draw_with_a_fallback_is_committed_from_its_schedule_on() {
    let (mut record, roster) = draw(true);
    record.descriptor.beacon.as_mut().unwrap().fallback_after_ms = Some(60_000);
    let scheduled = Record::scheduled(record.descriptor.clone());
    assert_eq!(scheduled.label, Label::Committed);
    for label in [Label::Committed, Label::CommittedAndBeacon] {
        let claimed = Record { label, ..scheduled.clone() };
        let expected = if label == Label::Committed { vec![] } else { vec![Step::Descriptor] };
        assert_eq!(failing(&claimed, roster), expected, "{label}");
    }
    // The round came, and was used: it could have been left out all the same.
    record.descriptor_digest = record.descriptor.digest();
    record.seed = Some(seed(&record.descriptor_digest, roster.0, &roster.1, &SECRET, &record.beacon.unwrap()));
    assert_eq!(failing(&record, roster), [Step::Descriptor]);
    record.label = Label::Committed;
    assert_eq!(failing(&record, roster), []);
}

#[test]
fn a_beacon_that_was_not_named_is_refused() {
    let (mut record, roster) = draw(false);
    record.beacon = Some(ZERO);
    assert_eq!(failing(&record, roster), [Step::Beacon]);
}

#[test]
fn places_must_be_a_permutation() {
    let (record, _) = draw(false);
    assert!(matches!(check_places(&record, &[2, 4, 3, 0, 6, 1, 5]), Verdict::Holds(_)));
    for wrong in [&[2, 4, 3, 0, 6, 1, 1][..], &[2, 4, 3, 0, 6, 1, 7], &[0, 1, 2], &[]] {
        assert!(matches!(check_places(&record, wrong), Verdict::Fails(_)), "{wrong:?}");
    }
}
