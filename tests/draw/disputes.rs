//! A fan's receipt against what the operator published.

use std::path::Path;
use std::process::Command;

use fairgate_core::room::Position;
use fairgate_token::{Pass, Terms, Ticket};
use serde_json::{Value, json};

use crate::published::{Draw, key_ring};
use crate::verifier::Verdict;

fn dispute(draw: &Draw, ticket: &str, options: &[&str]) -> Verdict {
    dispute_at(draw.publish().path(), ticket, options)
}

fn dispute_at(folder: &Path, ticket: &str, options: &[&str]) -> Verdict {
    let fairgate = env!("CARGO_BIN_EXE_fairgate");
    Verdict::of(Command::new(fairgate).args(["draw", "dispute", ticket]).arg(folder).args(options).output().unwrap())
}

fn ticket(draw: &Draw, position: Position) -> Ticket {
    let entry = match position {
        Position::Pool(index) => draw.roster[usize::try_from(index).unwrap()],
        Position::Line(_) => [9; 32],
    };
    Ticket {
        room: draw.record.room.clone(),
        draw: draw.record.descriptor.digest(),
        position,
        entry,
        issued_at_ms: draw.record.descriptor.opens_at_ms,
        of_tier: None,
        terms: Terms::default(),
    }
}

fn receipt(draw: &Draw, index: u64) -> String {
    draw.keys.sign_ticket(&ticket(draw, Position::Pool(index)))
}

#[track_caller]
fn assert_contradicted(verdict: &Verdict, why: &str, evidence: &str) {
    assert_eq!(verdict.code, 1, "{verdict:?}");
    assert!(verdict.said.starts_with("Contradicted: ") && verdict.said.contains(why), "{}", verdict.said);
    assert!(verdict.said.contains(evidence), "the evidence is printed: {}", verdict.said);
}

#[track_caller]
fn assert_proves_nothing(verdict: &Verdict, why: &str) {
    assert_eq!(verdict.code, 2, "{verdict:?}");
    assert!(verdict.said.contains(why), "{}", verdict.said);
}

#[test]
fn an_honest_draw_honours_every_ticket() {
    let draw = Draw::honest(7);
    let places = draw.printed_places();
    for index in [0, 3, 6] {
        let verdict = dispute(&draw, &receipt(&draw, index), &[]);
        assert_eq!(verdict.code, 0, "{verdict:?}");
        let place = &places[usize::try_from(index).unwrap()];
        assert!(verdict.said.contains(&format!("its place is {place}.")), "{verdict:?}");
    }
    let late = draw.keys.sign_ticket(&ticket(&draw, Position::Line(7)));
    assert_eq!(dispute(&draw, &late, &[]).code, 0);
}

#[test]
fn a_ticket_can_be_read_from_a_file() {
    let draw = Draw::honest(7);
    let folder = draw.publish();
    let file = folder.path().join("ticket.txt");
    std::fs::write(&file, format!("{}\n", receipt(&draw, 2))).unwrap();
    assert_eq!(dispute_at(folder.path(), file.to_str().unwrap(), &[]).code, 0);
}

#[test]
fn what_a_browser_kept_is_a_ticket_and_a_witness() {
    let draw = Draw::honest(7);
    let folder = draw.publish();
    let file = folder.path().join("kept.json");
    let judged = |evidence: Value| {
        std::fs::write(&file, json!({ "evidence": evidence }).to_string()).unwrap();
        dispute_at(folder.path(), file.to_str().unwrap(), &[])
    };
    let frozen_at_ms = draw.record.frozen_at_ms.unwrap();
    let this = |frozen_at_ms: u64| {
        let root = hex::encode(draw.record.root.unwrap());
        let freeze = json!({ "entries": 7, "root": root, "frozen_at_ms": frozen_at_ms, "at_ms": 1, "before": true });
        let digest = hex::encode(draw.record.descriptor_digest);
        json!({ "draw": digest, "receipts": [{ "ticket": receipt(&draw, 2) }], "freezes": [freeze] })
    };
    let elsewhere = draw.keys.sign_ticket(&Ticket { draw: [3; 32], ..ticket(&draw, Position::Pool(5)) });
    let other = json!({ "draw": "03".repeat(32), "receipts": [{ "ticket": elsewhere }], "freezes": [] });

    let honoured = judged(json!([this(frozen_at_ms), other]));
    assert_eq!(honoured.code, 0, "{honoured:?}");
    assert!(honoured.said.contains("before the secret was public"), "{honoured:?}");
    let changed = judged(json!([this(frozen_at_ms + 1)]));
    assert_contradicted(&changed, "the frozen_at_ms was changed after it was published", &receipt(&draw, 2));
    assert_contradicted(&judged(json!([other])), "it was replaced after the ticket was given", &elsewhere);
    assert_proves_nothing(&judged(json!([])), "kept no ticket");
}

#[test]
fn an_entry_that_was_dropped_before_the_freeze() {
    let honest = Draw::honest(50);
    let ticket = receipt(&honest, 20);
    let mut draw = Draw::frozen(50, None);
    draw.keys = honest.keys;
    draw.jwks = draw.keys.jwks();
    draw.roster.remove(20);
    draw.freeze();
    draw.reveal(honest.record.secret.unwrap());
    assert_contradicted(&dispute(&draw, &ticket, &[]), "stands nowhere in it", &ticket);
}

#[test]
fn an_entry_that_was_moved_before_the_freeze() {
    let honest = Draw::honest(50);
    let ticket = receipt(&honest, 20);
    let mut draw = Draw::frozen(50, None);
    draw.keys = honest.keys;
    draw.jwks = draw.keys.jwks();
    draw.roster.swap(20, 31);
    draw.freeze();
    draw.reveal(honest.record.secret.unwrap());
    assert_contradicted(&dispute(&draw, &ticket, &[]), "the ticket's entry stands at 31", &ticket);
}

#[test]
fn a_roster_shown_to_the_fan_that_is_not_the_sealed_one() {
    let mut draw = Draw::honest(50);
    draw.roster.swap(1, 2);
    let ticket = draw.keys.sign_ticket(&ticket(&draw, Position::Pool(2)));
    assert_contradicted(&dispute(&draw, &ticket, &[]), "is not the one that was sealed", &ticket);
}

#[test]
fn a_draw_that_was_replaced() {
    let draw = Draw::honest(50);
    let other = Ticket { draw: [3; 32], ..ticket(&draw, Position::Pool(2)) };
    let ticket = draw.keys.sign_ticket(&other);
    assert_contradicted(&dispute(&draw, &ticket, &[]), "it was replaced after the ticket was given", &ticket);
}

#[test]
fn a_place_in_the_line_that_was_drawn() {
    let draw = Draw::honest(50);
    let ticket = draw.keys.sign_ticket(&ticket(&draw, Position::Line(49)));
    assert_contradicted(&dispute(&draw, &ticket, &[]), "places below 50 were drawn", &ticket);
}

#[test]
fn a_place_given_to_someone_it_does_not_belong_to() {
    let draw = Draw::honest(50);
    let place: u64 = draw.printed_places()[20].parse().unwrap();
    let pass = |place| {
        let (room, at_ms) = (&draw.record.room, draw.record.descriptor.starts_at_ms);
        draw.keys.sign_pass(&Pass::new(
            room,
            draw.record.descriptor_digest,
            place,
            at_ms,
            at_ms + 60_000,
            at_ms + 60_000,
        ))
    };
    let right = dispute(&draw, &receipt(&draw, 20), &["--pass", &pass(place)]);
    assert!(right.code == 0 && right.said.contains("the pass is for that place"), "{right:?}");
    let stolen = pass((place + 1) % 50);
    let verdict = dispute(&draw, &receipt(&draw, 20), &["--pass", &stolen]);
    assert_contradicted(&verdict, &format!("but the ticket's place is {place}"), &stolen);
}

#[test]
fn what_the_operator_did_not_sign_proves_nothing() {
    let draw = Draw::honest(50);
    let forged = key_ring().sign_ticket(&ticket(&draw, Position::Pool(2)));
    assert_proves_nothing(&dispute(&draw, &forged, &[]), "signed by a key that is not known here");
    assert_proves_nothing(&dispute(&draw, "gibberish", &[]), "this is no ticket");
    let foreign = Ticket { room: "another".into(), ..ticket(&draw, Position::Pool(2)) };
    assert_proves_nothing(&dispute(&draw, &draw.keys.sign_ticket(&foreign), &[]), "for another room");
}

#[test]
fn before_the_freeze_there_is_nothing_to_hold_it_against() {
    let mut draw = Draw::frozen(50, None);
    let receipt = receipt(&draw, 2);
    draw.record.entries = None;
    draw.record.root = None;
    assert_proves_nothing(&dispute(&draw, &receipt, &[]), "not frozen yet");
}
