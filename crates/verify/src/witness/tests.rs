//! What witnesses of each kind say of a record.

use fairgate_draw::{Descriptor, QUICKNET};
use serde_json::json;

use super::*;

fn record() -> Record {
    let descriptor =
        Descriptor { beacon: None, commitment: [0xab; 32], opens_at_ms: 1, room: "tour".into(), starts_at_ms: 2 };
    Record { entries: Some(3), root: Some([0xcd; 32]), frozen_at_ms: Some(5), ..Record::scheduled(descriptor) }
}

fn verdict(saw: &Value) -> Verdict {
    Witness::parse("a browser", &saw.to_string()).unwrap().check(&record())
}

#[test]
fn a_record_may_grow_and_not_change() {
    let scheduled = serde_json::to_value(Record::scheduled(record().descriptor)).unwrap();
    assert!(matches!(verdict(&scheduled), Verdict::Holds(_)));
    assert!(matches!(verdict(&json!({ "root": "cd".repeat(32), "later": 1 })), Verdict::Holds(_)));
    assert!(matches!(verdict(&json!({ "root": "ce".repeat(32) })), Verdict::Fails(_)));
    assert!(matches!(verdict(&json!({ "frozen_at_ms": 6 })), Verdict::Fails(_)));
    assert!(matches!(verdict(&json!({ "label": "committed + public beacon" })), Verdict::Fails(_)));
    assert!(matches!(verdict(&json!({ "missing": 0 })), Verdict::Holds(_)));
    assert!(matches!(verdict(&json!({ "missing": 1 })), Verdict::Fails(_)));
    assert!(matches!(verdict(&json!({ "seed": "00".repeat(32) })), Verdict::Fails(_)), "it was taken back");
}

#[test]
fn a_status_is_a_witness_too() {
    let status = |entries: u64| json!({ "phase": "drawing", "room": "other", "draw": { "entries": entries } });
    assert!(matches!(verdict(&status(3)), Verdict::Holds(_)));
    let Verdict::Fails(why) = verdict(&status(4)) else { panic!("not seen") };
    assert_eq!(why, "the entries was changed after it was published: a browser saw 4, the record says 3");
    assert!(matches!(verdict(&json!({ "phase": "idle", "draw": null })), Verdict::Open(_)));
}

#[test]
fn a_status_of_an_open_room_says_when_the_roster_was_not_frozen_yet() {
    let digest = hex::encode(record().descriptor_digest);
    let status = |now_ms: u64, stale: bool| json!({ "now_ms": now_ms, "stale": stale, "draw": { "descriptor_digest": digest, "root": null } });
    assert!(matches!(verdict(&status(5, false)), Verdict::Holds(_)));
    assert!(matches!(verdict(&status(6, true)), Verdict::Holds(_)), "an edge that was cut off knew no better");
    let Verdict::Fails(why) = verdict(&status(6, false)) else { panic!("not seen") };
    assert!(why.starts_with("the freeze is dated back: the record says that the roster was frozen at 5"), "{why}");
}

#[test]
fn a_room_whose_clock_was_wrong_for_a_while_is_not_accused() {
    let kept = |at_ms: u64| {
        let unfrozen = json!({ "now_ms": 3_600_000, "at_ms": at_ms });
        json!({ "draw": hex::encode(record().descriptor_digest), "unfrozen": unfrozen, "freezes": [] })
    };
    assert!(matches!(verdict(&kept(5)), Verdict::Open(_)));
    assert!(matches!(verdict(&kept(6)), Verdict::Fails(_)));
}

#[test]
fn what_a_browser_kept_of_other_draws_says_nothing_of_this_one() {
    let kept = json!({ "evidence": [{ "draw": "00", "receipts": [{ "ticket": "a.b.c" }], "freezes": [] }] });
    let witness = Witness::parse("a browser", &kept.to_string()).unwrap();
    assert_eq!(witness.ticket_for(&[0; 32]), Some("a.b.c"));
    let said = Verdict::Open("a browser kept nothing of this draw, but of 1 others".into());
    assert_eq!(witness.check(&record()), said);
}

#[test]
fn only_who_saw_the_freeze_before_the_round_vouches_for_it() {
    let round = QUICKNET.round(1000);
    let round_ms = round.time_ms().unwrap();
    let descriptor = Descriptor { beacon: Some(round), starts_at_ms: round_ms - 60_000, ..record().descriptor };
    let frozen_at_ms = round_ms - 50_000;
    let record = Record {
        entries: Some(3),
        root: Some([0xcd; 32]),
        frozen_at_ms: Some(frozen_at_ms),
        ..Record::scheduled(descriptor)
    };
    let witness = |at_ms: u64, before: bool| {
        let freeze = json!({ "entries": 3, "root": "cd".repeat(32), "frozen_at_ms": frozen_at_ms, "at_ms": at_ms,
            "now_ms": at_ms, "before": before });
        let kept = json!({ "draw": hex::encode(record.descriptor_digest), "freezes": [freeze] });
        Witness::parse("a browser", &kept.to_string()).unwrap()
    };
    let early = witness(round_ms - 1_500, true);
    assert!(early.saw_before_round(&record));
    let Verdict::Holds(said) = early.check(&record) else { panic!("not seen") };
    assert!(said.contains("1.500 s before round 1000 was published"), "{said}");
    for (late, by) in [(witness(round_ms, false), "0.000"), (witness(round_ms + 2_000, true), "2.000")] {
        assert!(!late.saw_before_round(&record), "whatever it says itself");
        let Verdict::Open(said) = late.check(&record) else { panic!("taken for a witness") };
        assert!(said.contains(&format!("{by} s after round 1000 was published")), "{said}");
    }
}
