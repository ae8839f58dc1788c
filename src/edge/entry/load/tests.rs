//! What edges count of networks, alone and through a book.

use fairgate_entry::book::Book;

use super::*;

const DRAW: [u8; 32] = [1; 32];
const NOW_MS: u64 = 100 * HOUR_MS;

fn load() -> Load {
    let rules = EffortRules { effort: 2, effort_max: 8, free: 3 };
    Load::new(rules, Key::from_bytes([1; 32]), 0, NOW_MS)
}

fn asked(load: &Load, address: &str, now_ms: u64) -> u32 {
    load.asked(load.crowding(&DRAW, address.parse().unwrap(), now_ms))
}

fn count(load: &Load, address: &str, times: u32) {
    (0..times).for_each(|_| load.count(&DRAW, address.parse().unwrap(), None, NOW_MS));
}

/// One telling of an edge to a book.
fn tell(load: &Load, edge: u8, number: u64, book: &mut Book, now_ms: u64) {
    let mut told = Told { edge: [edge; 8], number, keep_until_ms: u64::MAX, ..Told::default() };
    load.tell(&mut told, now_ms);
    let seen = book.tell(&told);
    load.seen(&told, &seen);
}

#[test]
fn a_network_pays_more_than_the_crowd_and_another_does_not() {
    let load = load();
    (1..=100).for_each(|n| count(&load, &format!("198.51.100.{n}"), 1));
    assert_eq!(asked(&load, "198.51.100.7", NOW_MS), 2);
    count(&load, "203.0.113.9", 4);
    assert_eq!(asked(&load, "203.0.113.9", NOW_MS), 4, "one more than the free ones above the mean");
    count(&load, "203.0.113.9", 100);
    assert_eq!(asked(&load, "203.0.113.9", NOW_MS), 8, "no more than `effort_max`");
    assert_eq!(asked(&load, "198.51.100.7", NOW_MS), 2);
    assert_eq!(asked(&load, "2001:db8::1", NOW_MS), 2);
}

#[test]
fn addresses_of_one_household_are_one_network() {
    let load = load();
    (0..20).for_each(|n| count(&load, &format!("2001:db8:0:1::{n}"), 1));
    (0..200).for_each(|n| count(&load, &format!("2001:db8:1:{n}::1"), 1));
    assert_eq!(asked(&load, "2001:db8:0:1:ffff::1", NOW_MS), 8);
    assert_eq!(asked(&load, "2001:db8:0:2::1", NOW_MS), 2);
}

#[test]
fn whoever_guesses_codes_solves_a_table_for_each_beyond_ten() {
    let load = load();
    let (address, other) = ("203.0.113.9".parse().unwrap(), "203.0.113.10".parse().unwrap());
    let alarms = (0..12).filter(|_| load.note_guess(&DRAW, address, NOW_MS)).count();
    assert_eq!((load.for_guesses(&DRAW, address, NOW_MS), alarms), (2, 0));
    assert_eq!(load.for_guesses(&DRAW, other, NOW_MS), 0);
    let alarms = (12..1_500).filter(|_| load.note_guess(&DRAW, address, NOW_MS)).count();
    assert_eq!(alarms, 1, "said once a minute");
    assert_eq!(load.for_guesses(&DRAW, address, NOW_MS + HOUR_MS), 0);
}

#[test]
fn a_scripts_refusals_push_out_nobody_elses() {
    let load = load();
    let (address, other) = ("203.0.113.9".parse().unwrap(), "203.0.113.10".parse().unwrap());
    let kept = (0..500).filter(|_| load.note_refusal(&DRAW, address, NOW_MS)).count();
    assert_eq!(kept, usize::from(REFUSALS_KEPT));
    assert!(load.note_refusal(&DRAW, other, NOW_MS) && load.note_refusal(&DRAW, address, NOW_MS + HOUR_MS));
}

#[test]
fn an_hour_is_forgotten_little_by_little_and_the_draw_is_not() {
    let (load, mut book) = (load(), Book::default());
    count(&load, "203.0.113.9", 60);
    let crowd = |now_ms| load.crowding(&DRAW, "203.0.113.9".parse().unwrap(), now_ms);
    assert_eq!((crowd(NOW_MS).hour, crowd(NOW_MS).draw.entries), (60, 60), "before anybody was told");
    tell(&load, 1, 1, &mut book, NOW_MS);
    let seen = [0, HOUR_MS, HOUR_MS + HOUR_MS / 2, 2 * HOUR_MS].map(|later_ms| crowd(NOW_MS + later_ms).hour);
    assert_eq!(seen, [60, 60, 30, 0]);
    assert_eq!(crowd(NOW_MS + 9 * HOUR_MS).draw.entries, 60);
}

#[test]
fn two_edges_count_a_network_together_and_a_third_takes_it_over() {
    let (edges, mut book) = ([load(), load(), load()], Book::default());
    let entries = |load: &Load| load.crowding(&DRAW, "203.0.113.9".parse().unwrap(), NOW_MS).draw.entries;
    for (n, load) in (1..).zip(&edges[..2]) {
        load.begin(&DRAW);
        count(load, "203.0.113.9", 10);
        count(load, "198.51.100.1", 1);
        tell(load, n, 1, &mut book, NOW_MS);
    }
    assert_eq!((entries(&edges[0]), entries(&edges[1])), (10, 20));
    tell(&edges[0], 1, 2, &mut book, NOW_MS);
    count(&edges[0], "203.0.113.9", 1);
    assert_eq!(entries(&edges[0]), 11, "it is not told of what it did not ask for");
    tell(&edges[0], 1, 3, &mut book, NOW_MS);
    assert_eq!(entries(&edges[0]), 21);
    edges[2].begin(&DRAW);
    edges[2].take(&DRAW, book.heat.clone());
    assert_eq!(entries(&edges[2]), 21, "an edge that was started again knows at once");
    let mean = edges[2].crowding(&DRAW, "192.0.2.1".parse().unwrap(), NOW_MS).draw.mean;
    assert!((7.0..8.0).contains(&mean), "23 entries of three networks: {mean}");
    assert_eq!(edges[2].crowding(&[9; 32], "203.0.113.9".parse().unwrap(), NOW_MS).draw.entries, 0, "another draw");
}

#[test]
fn what_was_forgotten_is_not_known_any_more() {
    let (load, mut book) = (load(), Book::default());
    count(&load, "203.0.113.9", 30);
    tell(&load, 1, 1, &mut book, NOW_MS);
    book.forget(0);
    load.forget();
    count(&load, "203.0.113.9", 5);
    tell(&load, 1, 2, &mut book, NOW_MS);
    assert_eq!(load.crowding(&DRAW, "203.0.113.9".parse().unwrap(), NOW_MS).draw.entries, 0);
}

#[test]
fn a_block_is_compared_with_other_blocks_and_its_addresses_are_not() {
    let (load, mut book) = (load(), Book::default());
    (0..50).for_each(|n| count(&load, &format!("198.51.{n}.1"), 2));
    (0..200).for_each(|n| count(&load, &format!("203.0.113.{n}"), 1));
    let block = load.block_tag(&DRAW, "203.0.113.9".parse().unwrap());
    let of_block = || load.crowding_of_block(&DRAW, &block, NOW_MS);
    assert_eq!(of_block().entries, 200);
    assert!((5.0..7.0).contains(&of_block().mean), "300 entries of 51 blocks: {:?}", of_block());
    (1..=9).for_each(|number| tell(&load, 1, number, &mut book, NOW_MS));
    assert_eq!(of_block().entries, 200, "told");
    assert_eq!(asked(&load, "203.0.113.9", NOW_MS), 2, "one entry each");
    let edge = self::load();
    edge.begin(&DRAW);
    edge.take(&DRAW, book.heat.clone());
    assert!(edge.crowding_of_block(&DRAW, &block, NOW_MS).mean >= 200.0, "an edge that has seen none accuses none");
}

#[test]
fn a_network_that_a_table_names_is_counted_as_one() {
    let load = load();
    for n in 0..40 {
        load.count(&DRAW, format!("203.0.{n}.1").parse().unwrap(), Some("Acme"), NOW_MS);
        load.count(&DRAW, format!("198.51.{n}.1").parse().unwrap(), Some(&format!("Other {n}")), NOW_MS);
    }
    let acme = load.crowding_of_named(&DRAW, "Acme", NOW_MS);
    assert!(acme.entries == 40 && (1.5..2.5).contains(&acme.mean), "{acme:?}");
    assert_eq!(load.crowding_of_named(&DRAW, "Other 3", NOW_MS).entries, 1);
}

#[test]
fn a_network_that_comes_as_if_by_a_clock_is_known_at_its_claims_too() {
    let load = load();
    let (clock, people) = ("203.0.113.9".parse().unwrap(), "198.51.100.9".parse().unwrap());
    for n in 0..40_u64 {
        load.count(&DRAW, clock, None, NOW_MS + n * 500);
        load.count(&DRAW, people, None, NOW_MS + n * n * 37 % 20_000 + n * 500);
    }
    assert!(load.is_regular(&DRAW, &load.tag(&DRAW, clock)) && !load.is_regular(&DRAW, &load.tag(&DRAW, people)));
    assert!(!load.is_regular(&[9; 32], &load.tag(&[9; 32], clock)), "another draw");
}
