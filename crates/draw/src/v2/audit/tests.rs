//! Honest draws hold, and each lie fails at its own step.

use super::*;
use crate::beacon::QUICKNET;
use crate::record::Label;
use crate::v2::{
    Descriptor, Identity, IdentityKey, Method, Methods, Nonce, Rounds, Tier, TierHasher, Tiers, entry, tag,
};
use crate::{BeaconSignature, hex_bytes};

const SECRET: Hash = [5; 32];
/// When round 1000 was, for which a freeze at this time waits.
const ROUND_MS: u64 = 1_692_806_364_000;
const FROZEN_AT_MS: u64 = 1_692_806_350_200;

/// An honest draw in two tiers, one entry of which was lost, with or without a beacon and identities.
fn draw(beacon: bool, identities: bool) -> (Record, Vec<TierFacts>) {
    let tier = |band: u8, name: &str| Tier { band, name: name.into(), share: 1 };
    let methods = if identities { vec![Method::mail()] } else { vec![] };
    let descriptor = Descriptor {
        beacon: beacon.then(|| Rounds::of(&QUICKNET, 990, 10)),
        commitment: commitment(&SECRET),
        identity: Methods::new(methods).unwrap(),
        opens_at_ms: ROUND_MS - 600_000,
        room: "tour".into(),
        starts_at_ms: ROUND_MS - 60_000,
        tiers: Tiers::new(vec![tier(0, "members"), tier(1, "public")]).unwrap(),
    };
    let digest = descriptor.digest();
    let facts: Vec<TierFacts> = (0..2).map(|t| facts(&digest, t, identities)).collect();
    let named = descriptor.tiers.iter().zip(&facts);
    let tiers: Vec<RecordTier> = named.map(|(tier, facts)| RecordTier::new(tier, &facts.frozen)).collect();
    let signature = BeaconSignature(hex_bytes::literal(
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    ));
    let randomness = beacon.then(|| QUICKNET.round(1000).randomness(&signature).unwrap());
    let mut record = Record {
        beacon: randomness,
        beacon_round: beacon.then_some(1000),
        beacon_signature: beacon.then_some(signature),
        frozen_at_ms: Some(FROZEN_AT_MS),
        revealed_at_ms: Some(ROUND_MS + 500),
        secret: Some(SECRET),
        tiers: Some(tiers),
        ..Record::scheduled(descriptor)
    };
    record.seed = Some(seed(&digest, &record.frozen().unwrap(), &SECRET, &randomness.unwrap_or(ZERO)));
    (record, facts)
}

fn facts(digest: &Hash, tier: u8, identities: bool) -> TierFacts {
    let key = IdentityKey::new(&[1; 32], digest);
    let mut lists: Vec<(Hash, Tag)> = (0..5_u8)
        .map(|fan| {
            let person = Identity::new(Method::mail(), &format!("fan-{tier}-{fan}@example.com")).unwrap();
            let tag = if identities { tag(&key, &person) } else { NO_TAG };
            (entry(digest, tier, Nonce::of(&[fan; 16]), &tag), tag)
        })
        .collect();
    if tier == 1 {
        lists[3] = (EMPTY_ENTRY, NO_TAG);
    }
    facts_of(&lists, identities)
}

fn facts_of(lists: &[(Hash, Tag)], identities: bool) -> TierFacts {
    let mut hasher = TierHasher::new(identities);
    lists.iter().for_each(|(entry, tag)| hasher.push(entry, tag));
    let misplaced = lists.iter().position(|(entry, tag)| identities && !TierFacts::fits(entry, tag));
    TierFacts {
        frozen: hasher.finish(),
        tags: identities.then_some(lists.len() as u64),
        misplaced: misplaced.map(|index| index as u64),
    }
}

fn failing(record: &Record, lists: &[TierFacts]) -> Vec<Step> {
    let findings = audit_record(record, lists);
    findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Fails(_))).map(|f| f.step).collect()
}

#[test]
fn honest_draws_hold_in_every_step() {
    for (beacon, identities) in [(false, false), (false, true), (true, false), (true, true)] {
        let (record, lists) = draw(beacon, identities);
        for finding in audit_record(&record, &lists) {
            assert!(matches!(finding.verdict, Verdict::Holds(_)), "{finding:?}");
        }
    }
}

#[test]
fn what_is_not_published_yet_is_open() {
    let (record, _) = draw(true, true);
    let open = |record: &Record, lists: &[TierFacts]| -> Vec<Step> {
        assert_eq!(failing(record, lists), []);
        let findings = audit_record(record, lists).into_iter();
        findings.filter(|f| matches!(f.verdict, Verdict::Open(_))).map(|f| f.step).collect()
    };
    let scheduled = Record::scheduled(record.descriptor.clone());
    let later = [Step::Roster, Step::Root, Step::Tags, Step::Missing, Step::Commitment, Step::Beacon, Step::Seed];
    assert_eq!(open(&scheduled, &[]), [&[Step::Tiers][..], &later].concat());
    let sealed = Record {
        secret: None,
        seed: None,
        beacon: None,
        beacon_round: None,
        beacon_signature: None,
        revealed_at_ms: None,
        ..record
    };
    let unseen = draw(true, true).1.into_iter().map(|facts| TierFacts { tags: None, ..facts }).collect::<Vec<_>>();
    assert_eq!(open(&sealed, &unseen), [Step::Tags, Step::Commitment, Step::Beacon, Step::Seed]);
}

/// What fails where the operator tells a lie in a record with a beacon and identities.
fn lie(tell: impl FnOnce(&mut Record)) -> Vec<Step> {
    let (mut record, lists) = draw(true, true);
    tell(&mut record);
    failing(&record, &lists)
}

fn tier(record: &mut Record, tier: usize) -> &mut RecordTier {
    &mut record.tiers.as_mut().unwrap()[tier]
}

#[test]
fn each_lie_about_the_rules_fails_at_its_step() {
    assert_eq!(lie(|r| r.version = "fairgate/v1".into()), [Step::Descriptor]);
    assert_eq!(lie(|r| r.room = "tours".into()), [Step::Descriptor]);
    assert_eq!(lie(|r| r.commitment = ZERO), [Step::Descriptor]);
    assert_eq!(lie(|r| r.label = Label::Committed), [Step::Descriptor]);
    assert_eq!(lie(|r| r.frozen_at_ms = Some(ROUND_MS - 60_001)), [Step::Descriptor, Step::Beacon]);
    assert_eq!(lie(|r| r.frozen_at_ms = None), [Step::Descriptor]);
    assert_eq!(lie(|r| r.revealed_at_ms = None), [Step::Descriptor]);
    assert_eq!(lie(|r| r.descriptor_digest = ZERO), [Step::Digest]);
    let retier = |change: fn(&mut Vec<Tier>)| {
        lie(|r| {
            let mut tiers = Vec::from(r.descriptor.tiers.clone());
            change(&mut tiers);
            r.descriptor.tiers = Tiers::new(tiers).unwrap();
        })
    };
    assert_eq!(retier(|tiers| tiers[1].share = 2), [Step::Digest, Step::Seed]);
    assert_eq!(retier(|tiers| tiers[1].band = 0), [Step::Digest, Step::Seed]);
    assert_eq!(retier(|tiers| tiers[1].name = "fans".into()), [Step::Digest, Step::Tiers, Step::Seed]);
    assert_eq!(
        lie(|r| r.tiers.as_mut().unwrap().swap(0, 1)),
        [Step::Tiers, Step::Root, Step::Tags, Step::Missing, Step::Seed]
    );
    assert_eq!(lie(|r| tier(r, 1).name = "fans".into()), [Step::Tiers]);
    assert_eq!(lie(|r| _ = r.tiers.as_mut().unwrap().pop()), [Step::Tiers, Step::Seed]);
}

#[test]
fn each_lie_about_the_lists_fails_at_its_step() {
    assert_eq!(lie(|r| tier(r, 0).entries = 6), [Step::Roster, Step::Tags, Step::Seed]);
    assert_eq!(lie(|r| tier(r, 1).root = ZERO), [Step::Root, Step::Seed]);
    assert_eq!(lie(|r| tier(r, 1).tags_root = ZERO), [Step::Tags, Step::Seed]);
    assert_eq!(lie(|r| tier(r, 1).missing = 0), [Step::Missing]);
    assert_eq!(lie(|r| tier(r, 1).left_out = Some(2)), [Step::Missing]);
    let (record, lists) = draw(true, true);
    let unpublished = [lists[0], TierFacts { tags: None, ..lists[1] }];
    assert_eq!(failing(&record, &unpublished), [Step::Tags]);
    let (mut record, lists) = draw(false, false);
    tier(&mut record, 0).tags_root = [1; 32];
    assert_eq!(failing(&record, &lists), [Step::Tags, Step::Seed], "tags that nobody asked for");
}

#[test]
fn a_tag_belongs_to_an_entry_and_none_to_an_empty_one() {
    for (entry, tag) in [([1; 32], NO_TAG), (EMPTY_ENTRY, [1; 16])] {
        let (mut record, mut lists) = draw(false, true);
        lists[0] = facts_of(&[([9; 32], [9; 16]), (entry, tag)], true);
        assert_eq!(lists[0].misplaced, Some(1));
        *tier(&mut record, 0) = RecordTier {
            name: "members".into(),
            ..RecordTier::new(&record.descriptor.tiers[0].clone(), &lists[0].frozen)
        };
        record.seed = Some(seed(&record.descriptor_digest, &record.frozen().unwrap(), &SECRET, &ZERO));
        assert_eq!(failing(&record, &lists), [Step::Tags]);
    }
}

#[test]
fn each_lie_about_what_was_revealed_fails_at_its_step() {
    assert_eq!(lie(|r| r.secret = Some(ZERO)), [Step::Commitment, Step::Seed]);
    assert_eq!(lie(|r| r.beacon = Some(ZERO)), [Step::Beacon, Step::Seed]);
    assert_eq!(lie(|r| r.beacon_signature = None), [Step::Beacon]);
    assert_eq!(lie(|r| r.beacon_round = None), [Step::Beacon]);
    assert_eq!(lie(|r| r.beacon_round = Some(990)), [Step::Beacon], "a round out of turn");
    assert_eq!(lie(|r| r.beacon_round = Some(1010)), [Step::Beacon], "another round out of turn");
    assert_eq!(
        lie(|r| r.frozen_at_ms = Some(ROUND_MS - 4_999)),
        [Step::Beacon],
        "the freeze was too late for this round"
    );
    assert_eq!(lie(|r| r.revealed_at_ms = Some(ROUND_MS - 1)), [Step::Beacon], "there was no round yet");
    assert_eq!(lie(|r| r.seed = Some(ZERO)), [Step::Seed]);
    let (mut record, lists) = draw(false, true);
    record.beacon_round = Some(1000);
    assert_eq!(failing(&record, &lists), [Step::Beacon]);
}
