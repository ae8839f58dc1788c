//! The public list of claims, by an operator who gives places to whom they do not belong.

use fairgate_draw::{Claim, Opening, ZERO, entry};

use crate::published::Draw;
use crate::verifier::{fairgate, python};

const IN: [u64; 4] = [3, 0, 44, 7];

/// A draw of fifty with four fans inside, and one who came late.
fn draw() -> Draw {
    let mut draw = Draw::honest(50);
    draw.admit(&IN);
    draw
}

/// Both verifiers name the step, and say why.
#[track_caller]
fn assert_caught(step: &str, why: &str, cheat: impl FnOnce(&mut Draw)) {
    let mut draw = draw();
    cheat(&mut draw);
    let folder = draw.publish();
    for verdict in [fairgate(folder.path(), &[]), python(&[folder.path().as_ref()])] {
        verdict.assert_fails_at(step);
        assert!(verdict.said.contains(why), "{}", verdict.said);
    }
}

fn claims(draw: &mut Draw) -> &mut Vec<Claim> {
    draw.claims.as_mut().unwrap()
}

#[test]
fn an_honest_list_holds() {
    let folder = draw().publish();
    let verdict = fairgate(folder.path(), &[]);
    verdict.assert_holds();
    let said = "claims: 4 places were taken, each once and with the entry that it belongs to, 4 of them by showing";
    assert!(verdict.said.contains(said), "{}", verdict.said);
    assert!(verdict.said.contains("the room does not ask for one"), "{}", verdict.said);
    python(&[folder.path().as_ref()]).assert_holds();
    let unclaimed = fairgate(Draw::honest(50).publish().path(), &[]);
    unclaimed.assert_holds();
    assert!(unclaimed.said.contains("-     claims: no list of claims is published"), "{}", unclaimed.said);
}

#[test]
fn giving_a_place_to_an_entry_that_it_does_not_belong_to() {
    assert_caught("claims", "was given to entry 9, whose place is", |draw| claims(draw)[1].index = Some(9));
}

#[test]
fn giving_a_place_to_someone_else_under_the_name_of_its_entry() {
    let why = "was taken with something that entry 44 is not made of";
    assert_caught("claims", why, |draw| claims(draw)[2].opening = Some(Opening { nonce: [0xee; 16], tag: ZERO }));
}

#[test]
fn giving_a_place_twice() {
    assert_caught("claims", "was taken twice", |draw| {
        let again = claims(draw)[0];
        claims(draw).push(again);
    });
    assert_caught("claims", "place 53 was taken twice", |draw| {
        let late = claims(draw)[4];
        claims(draw).push(late);
    });
}

#[test]
fn giving_a_drawn_place_to_someone_who_came_late() {
    assert_caught("claims", "was drawn, but taken without an entry", |draw| {
        (claims(draw)[0].index, claims(draw)[0].opening) = (None, None);
    });
}

#[test]
fn letting_someone_in_with_an_entry_that_is_not_in_the_roster() {
    assert_caught("claims", "was given to entry 50, which is not in the roster", |draw| {
        claims(draw)[0].index = Some(50);
    });
}

#[test]
fn letting_someone_in_before_the_draw_was_over() {
    assert_caught("claims", "was taken before the draw was over", |draw| claims(draw)[0].admitted_at_ms -= 2);
}

#[test]
fn giving_one_person_two_places() {
    let mut draw = Draw::frozen(50, None);
    let opening = |fan: u8| Opening { nonce: [fan; 16], tag: [0xab; 32] };
    let digest = draw.record.descriptor_digest;
    for fan in [1, 2] {
        draw.roster[usize::from(fan)] = entry(&digest, &opening(fan).nonce, &opening(fan).tag);
    }
    draw.freeze();
    draw.reveal(Draw::honest(0).record.secret.unwrap());
    draw.admit(&[1, 5]);
    claims(&mut draw)[0].opening = Some(opening(1));
    fairgate(draw.publish().path(), &[]).assert_holds();
    draw.admit(&[1, 2]);
    (claims(&mut draw)[0].opening, claims(&mut draw)[1].opening) = (Some(opening(1)), Some(opening(2)));
    let folder = draw.publish();
    fairgate(folder.path(), &[]).assert_fails_at("identities");
    python(&[folder.path().as_ref()]).assert_fails_at("identities");
}

#[test]
fn a_list_that_ends_within_a_claim() {
    let folder = draw().publish();
    let path = folder.path().join("claims");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.pop();
    std::fs::write(&path, bytes).unwrap();
    fairgate(folder.path(), &[]).assert_fails_at("claims");
    python(&[folder.path().as_ref()]).assert_fails_at("claims");
}
