use super::*;
use crate::policy::WayKind;
use crate::reference::Reference;
use crate::score::Signal;
use crate::way::Reason;

fn network(n: u8) -> NetworkTag {
    NetworkTag([n, 1, 2, 3, n, 5, 6, 8])
}

fn told(number: u64) -> Told {
    Told { edge: [1; 8], number, keep_until_ms: 9_000, hour: 500, columns: 1 << 15, ..Told::default() }
}

fn refusal(n: u8, position: Option<(u8, u64)>) -> Refusal {
    let reference = Reference::from_bytes([n; 5]);
    Refusal::new(reference, position, Reason::CodeUnknown, Some(&WayKind::Code { entries_max: 1 }), 7_000)
}

#[test]
fn what_two_edges_tell_adds_up_and_what_is_told_twice_counts_once() {
    let mut book = Book::default();
    let first = Told { joins: 40, light: 3, networks: vec![(network(1), 30)], ..told(1) };
    assert_eq!(book.tell(&first).sums, [Sums { draw: 30, hour: 30, before: 0 }]);
    let seen = book.tell(&first);
    assert_eq!(
        (seen.joins, seen.light, seen.used, &seen.sums[..]),
        (40, 3, 1, &[Sums { draw: 30, hour: 30, before: 0 }][..])
    );
    let second = Told { edge: [2; 8], hour: 501, networks: vec![(network(1), 5), (network(2), 4)], ..told(1) };
    let sums = book.tell(&second).sums;
    assert_eq!(sums, [Sums { draw: 35, hour: 5, before: 30 }, Sums { draw: 4, hour: 4, before: 0 }]);
    let late = Told { networks: vec![(network(1), 1)], hour: 499, ..told(2) };
    assert_eq!(book.tell(&late).sums, [Sums { draw: 36, hour: 0, before: 0 }], "an hour that is over is not counted");
    let asks = Told { networks: vec![(network(1), 9)], hour: 501, ..told(0) };
    let before = book.clone();
    assert_eq!(book.tell(&asks).sums, [Sums { draw: 36, hour: 5, before: 30 }]);
    assert_eq!(book, before, "number 0 only asks");
}

#[test]
fn the_mean_is_that_of_all_networks() {
    let mut heat = Heat::new(0);
    assert_eq!(heat.mean(), 1.0);
    heat.add(1_000, 900);
    (0..10).for_each(|n| heat.count(&network(n), 10, 1));
    let mean = heat.mean();
    assert!((1.09..1.11).contains(&mean), "{mean}");
    heat.add(0, -2_000);
    assert!(heat.mean().is_finite());
}

#[test]
fn a_refusal_is_found_by_its_reference_until_a_hundred_thousand_came_later() {
    let mut book = Book::default();
    let mut one = refusal(1, Some((2, 77)));
    one.points = vec![(Signal::Address, 80), (Signal::MailDomain, 60)];
    assert_eq!(Refusal::from_bytes(&one.to_bytes()), Some(one.clone()));
    assert_eq!(one.sum(), 140);
    let nobody = refusal(2, None);
    assert_eq!(Refusal::from_bytes(&nobody.to_bytes()), Some(nobody.clone()));
    assert_eq!(Refusal::from_bytes(&[0; REFUSAL_BYTES]), None);
    book.tell(&Told { refusals: vec![one.to_bytes(), nobody.to_bytes()], ..told(1) });
    let later = Refusal { at_s: 99, ..one.clone() };
    book.tell(&Told { refusals: vec![later.to_bytes()], ..told(2) });
    assert_eq!((book.find(&[1; 5]), book.find(&[2; 5])), (Some(later), Some(nobody)));
    assert_eq!(book.find(&[3; 5]), None);
    (0..100u64).for_each(|n| {
        book.tell(&Told { refusals: vec![refusal(9, None).to_bytes(); REFUSALS_AT_ONCE], ..told(3 + n) });
    });
    assert_eq!((book.find(&[1; 5]), book.refused()), (None, 100_003));
    assert!(book.find(&[9; 5]).is_some());
    assert_eq!(book.refusals.len(), REFUSALS_MAX * REFUSAL_BYTES);
}

#[test]
fn decisions_are_appended_by_number_and_there_are_only_so_many() {
    let mut book = Book::default();
    let decide = |n, verdict| Overrule::of(&refusal(n, Some((0, n.into()))), verdict, 8_000).to_bytes();
    assert_eq!(book.overrule(0, &[decide(1, Verdict::LetIn)], 1), Ok(1));
    assert_eq!(book.overrule(0, &[decide(2, Verdict::LetIn)], 1), Ok(1), "another was first");
    assert_eq!(book.overrule(1, &[decide(1, Verdict::Refuse), decide(2, Verdict::LetIn)], 1), Ok(3));
    assert_eq!(book.overruled(&[1; 5]).and_then(|overrule| overrule.verdict), Some(Verdict::Refuse));
    assert_eq!((book.overruled_fans(), book.overruled(&[7; 5])), (2, None));
    let many = vec![decide(3, Verdict::LetIn); OVERRULES_MAX];
    assert_eq!(book.overrule(3, &many, 1), Err(TooMany));
    let first = book.overrules().next().expect("it is there");
    assert_eq!((first.position, first.kind, first.at_s), (Some((0, 1)), "code", 8));
}

#[test]
fn a_position_is_counted_once_and_who_shows_at_once_was_asked_too() {
    let mut positions = Positions::default();
    for (asking, tier, index) in [
        (Asking::Asked, 0, 7),
        (Asking::Asked, 0, 7),
        (Asking::Asked, 1, 7),
        (Asking::Shown, 0, 7),
        (Asking::Shown, 0, 7),
        (Asking::Shown, 15, 1_000),
        (Asking::Excused, 1, 7),
        (Asking::Asked, 2, 0),
        (Asking::Asked, TIERS_MAX, 0),
        (Asking::Asked, 0, u64::MAX),
    ] {
        positions.note(asking, tier, index);
    }
    let counted = positions.counted();
    assert_eq!(counted, Counted { asked: 4, shown: 2, excused: 1 });
    assert_eq!(counted.no_shows(), 1);
}

#[test]
fn what_belongs_to_fans_is_forgotten_and_numbers_stay() {
    let mut book = Book::default();
    let all = Told {
        joins: 9,
        networks: vec![(network(1), 9)],
        refusals: vec![refusal(1, Some((0, 7))).to_bytes()],
        positions: vec![(Asking::Asked, 0, 7)],
        tally: vec![("code good".into(), 9)],
        ..told(1)
    };
    book.tell(&all);
    let rows = [Overrule::of(&refusal(1, Some((0, 7))), Verdict::LetIn, 0).to_bytes()];
    book.overrule(0, &rows, 1).expect("there is room");
    assert!(book.forget(1));
    assert_eq!((&book.heat, book.refused(), book.find(&[1; 5])), (&None, 0, None));
    assert_eq!(book.positions().counted(), Counted { asked: 1, shown: 0, excused: 0 });
    let kept = book.overrules().next().expect("it counts");
    assert_eq!((kept.reference, kept.position, kept.verdict), ([0; 5], Some((0, 7)), Some(Verdict::LetIn)));
    let seen = book.tell(&Told { number: 2, ..all });
    assert_eq!((seen.is_forgotten, seen.joins, &seen.sums[..]), (true, 0, &[Sums::default()][..]));
    assert_eq!((book.refused(), book.tally()["code good"]), (0, 18), "numbers go on");
    assert!(!book.forget(1));
}

#[test]
fn the_tally_and_the_edges_are_bounded() {
    let mut book = Book::default();
    let rows = |from: usize| (from..from + TALLY_AT_ONCE).map(|n| (format!("row {n}"), 1)).collect::<Vec<_>>();
    for n in 0..50 {
        book.tell(&Told { tally: rows(n * TALLY_AT_ONCE), ..told(n as u64 + 1) });
    }
    assert_eq!(book.tally().len(), TALLY_ROWS_MAX);
    book.tell(&Told { tally: vec![("row 0".into(), 4)], ..told(99) });
    assert_eq!(book.tally()["row 0"], 5);
    for n in 0..2_500u64 {
        book.tell(&Told { edge: n.to_be_bytes(), ..told(1) });
    }
    assert!(book.heard.len() <= EDGES_MAX, "{}", book.heard.len());
}
