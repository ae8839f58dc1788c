//! What a line is told of its wait, one situation at a time.

use super::*;

const ROOM: Look = Look {
    now_ms: 0,
    moves: true,
    serving: 0,
    admitted: 0,
    expected: 0,
    active: 0,
    max_active: 1_000_000,
    rate_per_minute: 600,
    session_idle_ms: 600_000,
    is_blind: false,
    no_show_permille: 0,
};

/// A full room with so many inside that lets in as many each second as leave, `places_each` places at a time.
fn after(seconds: u64, inside: u64, a_second: u64, places_each: u64) -> (Progress, Look) {
    let (mut progress, mut look) = (Progress::default(), Look { active: inside, max_active: inside, ..ROOM });
    for _ in 0..=seconds {
        progress.observe(&look);
        look.now_ms += 1_000;
        look.admitted += a_second;
        look.serving += a_second * places_each;
    }
    (progress, look)
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.02 * b
}

#[test]
fn believes_what_people_set_and_says_so_with_a_wide_range() {
    let known = Progress::default().advance(&Look { no_show_permille: 250, ..ROOM });
    let Pace { low_per_minute, per_minute, high_per_minute } = known.pace;
    assert_eq!((low_per_minute, per_minute, high_per_minute), (400.0, 800.0, 1_600.0));
    assert_eq!((known.wait_ms(399), known.range_ms(399)), (Some(30_000), Some((15_000, 60_000))));
}

#[test]
fn a_full_room_moves_as_fast_as_people_leave() {
    // 200 inside and 5 a second: 40 s each. Every second place is empty.
    let (progress, look) = after(120, 200, 5, 2);
    let full = progress.advance(&look);
    assert!(is_near(full.pace.per_minute, 600.0) && full.standstill_ms == 0.0, "{full:?}");
    let wide = progress.advance(&Look { max_active: 1_000, ..look });
    assert!(is_near(wide.pace.per_minute, 1_200.0), "by what people set: {wide:?}");
}

#[test]
fn a_cap_that_was_lowered_is_believed_at_once() {
    let (progress, look) = after(120, 200, 5, 1);
    let halved = progress.advance(&Look { max_active: 100, ..look });
    assert!(is_near(halved.pace.per_minute, 150.0), "{halved:?}");
    assert!(is_near(halved.standstill_ms, 40_000.0 * std::f64::consts::LN_2), "{halved:?}");
}

#[test]
fn the_range_is_as_wide_as_what_was_told_turned_out_to_be_wrong() {
    let (even, look) = after(300, 200, 5, 1);
    let told = even.advance(&look);
    assert!(is_near(told.pace.low_per_minute, 270.0) && is_near(told.pace.high_per_minute, 333.0), "{told:?}");
    let (mut uneven, mut look) = (even, look);
    for second in 0..300 {
        look.now_ms += 1_000;
        let a_second = if second / 40 % 2 == 0 { 1 } else { 9 };
        (look.admitted, look.serving) = (look.admitted + a_second, look.serving + a_second);
        uneven.observe(&look);
    }
    let told = uneven.advance(&look);
    assert!(told.pace.low_per_minute < 0.7 * told.pace.per_minute, "{told:?}");
}

#[test]
fn a_pause_is_no_slowness_and_blindness_is() {
    let (mut progress, mut look) = after(120, 200, 5, 1);
    for _ in 0..600 {
        look.now_ms += 1_000;
        progress.observe(&Look { moves: false, ..look });
    }
    assert!(is_near(progress.advance(&look).pace.per_minute, 300.0));
    let blind = progress.advance(&Look { is_blind: true, rate_per_minute: 6_000, ..look });
    assert!(is_near(blind.pace.per_minute, 300.0), "{blind:?}");
}

#[test]
fn another_line_begins_from_nothing() {
    let (mut progress, look) = after(120, 200, 5, 1);
    let anew = Look { serving: 0, max_active: 1_000_000, ..look };
    progress.observe(&anew);
    assert_eq!(progress.advance(&anew), Progress::default().advance(&anew));
}

/// 20 sessions, 600 a minute, and nobody has left: how long sessions last is not known, that they limit the line is.
#[test]
fn a_small_room_is_not_believed_to_be_as_fast_as_people_set_it() {
    let empty = Look { max_active: 20, ..ROOM };
    let first = Progress::default().advance(&empty);
    assert!(is_near(first.free_places, 20.0), "as many as there is room for: {first:?}");
    assert!(first.wait_ms(18).is_some_and(|ms| ms < 2_000), "they come in at once: {first:?}");
    let (low_ms, high_ms) = first.range_ms(50).expect("a range");
    assert!(low_ms < 60_000 && high_ms > 600_000, "30 of them, from seconds to a quarter of an hour each: {first:?}");
    let (progress, look) = after(60, 20, 0, 1);
    let full = progress.advance(&look);
    assert!(full.range_ms(30).expect("a range").1 > 600_000, "{full:?}");
}

#[test]
fn what_has_been_seen_counts_before_it_is_certain() {
    // 20 inside, and one leaves every 10 s: they stay for 200 s.
    let (mut progress, mut look) = (Progress::default(), Look { active: 20, max_active: 20, ..ROOM });
    for second in 0..=100 {
        progress.observe(&look);
        look.now_ms += 1_000;
        let one = u64::from(second % 10 == 9);
        (look.admitted, look.serving) = (look.admitted + one, look.serving + one);
    }
    let told = progress.advance(&look);
    assert!((4.0..9.0).contains(&told.pace.per_minute), "6 a minute: {told:?}");
    let (low_ms, high_ms) = told.range_ms(30).expect("a range");
    assert!(low_ms > 60_000 && low_ms < 300_000 && high_ms > 300_000, "{told:?}");
}
