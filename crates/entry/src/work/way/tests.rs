use proptest::prelude::*;

use super::super::puzzle::tests::published;
use super::super::solution::tests::{TWO, two};
use super::super::solver::Solver;
use super::*;
use crate::bond::Bond;
use crate::vectors::{EPOCH, draw, key, nonce};

/// In the middle of the published epoch.
pub(crate) const NOW_MS: u64 = EPOCH as u64 * 60_000 + 30_000;

pub(crate) fn work() -> Work {
    Work::new(key(0x44))
}

pub(crate) fn scene(draw: &[u8; 32]) -> Scene<'_> {
    Scene { now_ms: NOW_MS, room: "final", draw, bond: Bond::of(&nonce(), b""), hosts: &[], effort: 2 }
}

fn check(epoch: u32, solutions: &str, change: impl FnOnce(&mut Scene<'_>)) -> Result<(), WorkError> {
    let draw = draw();
    let mut scene = scene(&draw);
    change(&mut scene);
    work().check(Epoch(epoch), solutions, &scene)
}

#[test]
fn the_published_work_counts_in_its_epoch_and_the_next() {
    assert_eq!(to_base64url(&two()), TWO);
    assert_eq!(work().puzzle(Epoch(EPOCH), &scene(&draw())), published());
    for (later_ms, expected) in [(0, Ok(())), (60_000, Ok(())), (90_000, Err(WorkError::Epoch))] {
        assert_eq!(check(EPOCH, TWO, |scene| scene.now_ms += later_ms), expected, "{later_ms}");
    }
    assert_eq!(check(EPOCH, TWO, |scene| scene.now_ms -= 30_001), Err(WorkError::Epoch), "nobody works ahead");
}

#[test]
fn it_counts_for_one_entry_one_draw_one_epoch_and_one_key() {
    let unsolved = Err(WorkError::Unsolved { table: 0 });
    assert_eq!(check(EPOCH, TWO, |scene| scene.bond = Bond::of(&nonce(), b"7H3KQ9XW2MVK")), unsolved);
    assert_eq!(check(EPOCH + 1, TWO, |scene| scene.now_ms += 60_000), unsolved);
    assert_eq!(work().check(Epoch(EPOCH), TWO, &scene(&[7; 32])), unsolved);
    let others = Work::new(key(0x45));
    assert_eq!(others.check(Epoch(EPOCH), TWO, &scene(&draw())), unsolved);
}

#[test]
fn each_rule_has_its_error() {
    let [first, second] = two();
    let padded = format!("{TWO}==");
    let long = "A".repeat(54 * (SHOWN_TABLES_MAX + 1));
    for wrong in ["", "A", &TWO[..TWO.len() - 1], &TWO[1..], &padded, &long, &"A".repeat(100_000), "ä"] {
        assert_eq!(check(EPOCH, wrong, |_| ()), Err(WorkError::Form), "{} characters", wrong.len());
    }
    let swapped = to_base64url(&[second, first]);
    assert_eq!(check(EPOCH, &swapped, |_| ()), Err(WorkError::Tables));
    assert_eq!(check(EPOCH, &to_base64url(&[first, first]), |_| ()), Err(WorkError::Tables));
    let one = to_base64url(&[first]);
    assert_eq!(check(EPOCH, &one, |_| ()), Err(WorkError::Few { shown: 1, asked: 2 }));
    assert_eq!(check(EPOCH, &one, |scene| scene.effort = 1), Ok(()));
    let elsewhere = Solution { table: 9, ..second };
    assert_eq!(check(EPOCH, &to_base64url(&[first, elsewhere]), |_| ()), Err(WorkError::Unsolved { table: 9 }));
}

#[test]
fn an_effort_that_has_fallen_looks_at_no_more_than_it_asks() {
    let [first, second] = two();
    let more = to_base64url(&[first, second, Solution { table: 7, ..second }]);
    assert_eq!(check(EPOCH, &more, |_| ()), Ok(()));
    assert_eq!(check(EPOCH, &more, |scene| scene.effort = 3), Err(WorkError::Unsolved { table: 7 }));
}

#[test]
fn as_much_as_anybody_shows_is_read() {
    let tables = Solver::new().solve_all(&published(), 16, |_, _| true);
    let text = to_base64url(&tables);
    assert_eq!(check(EPOCH, &text, |scene| scene.effort = 16), Ok(()));
    let all: Vec<_> = (0..SHOWN_TABLES_MAX as u16).map(|table| Solution { table, ..two()[0] }).collect();
    assert_eq!(check(EPOCH, &to_base64url(&all), |scene| scene.effort = 1), Ok(()));
}

#[test]
fn who_has_too_little_goes_on_with_the_same_puzzle() {
    let draw = draw();
    let later = Scene { now_ms: NOW_MS + 60_000, effort: 5, ..scene(&draw) };
    let shown = Shown::Work { epoch: EPOCH, solutions: TWO };
    let seed = "5f9c25f4975368e3ef4534f1464d3268".to_owned();
    let asked = Ask::Work { e: EPOCH, seed: seed.clone(), effort: 5 };
    assert_eq!(work().judge(&shown, &later), Judgement::More(asked));
    let asked = Ask::Work { e: EPOCH, seed, effort: 2 };
    assert_eq!(work().ask(&scene(&draw)), asked);
    assert_ne!(work().ask(&later), asked);
}

#[test]
fn the_way_says_what_to_do() {
    let draw = draw();
    let judged = |shown: &Shown<'_>| work().judge(shown, &scene(&draw));
    assert_eq!(judged(&Shown::Work { epoch: EPOCH, solutions: TWO }), Judgement::Shown(Person::checked()));
    assert_eq!(judged(&Shown::Work { epoch: EPOCH - 2, solutions: TWO }), Judgement::Refused(Reason::WorkLate));
    assert_eq!(judged(&Shown::Work { epoch: EPOCH, solutions: "" }), Judgement::Refused(Reason::WorkWrong));
    assert_eq!(judged(&Shown::Code(TWO)), Judgement::Refused(Reason::WorkWrong));
    assert_eq!(format!("{:?}", work()), "Work { name: \"work\", .. }");
}

proptest! {
    #[test]
    fn a_turned_bit_is_refused(bit in 0usize..640) {
        let mut bytes = URL_SAFE_NO_PAD.decode(TWO).expect("base64url");
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        prop_assert!(check(EPOCH, &URL_SAFE_NO_PAD.encode(bytes), |_| ()).is_err());
    }

    #[test]
    fn another_character_is_refused(at in 0usize..TWO.len(), other in "[A-Za-z0-9_=+/ -]") {
        let mut text = TWO.to_owned();
        text.replace_range(at..=at, &other);
        prop_assert_eq!(check(EPOCH, &text, |_| ()).is_ok(), text == TWO);
    }

    /// No replay counts outside of the two minutes, whatever the clocks.
    #[test]
    fn work_is_accepted_for_two_minutes(now_ms in NOW_MS - 200_000..NOW_MS + 300_000) {
        let from = u64::from(EPOCH) * 60_000;
        let expected = (from..from + 120_000).contains(&now_ms);
        prop_assert_eq!(check(EPOCH, TWO, |scene| scene.now_ms = now_ms).is_ok(), expected);
    }
}
