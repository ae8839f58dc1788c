//! A small room with a fast rate: 20 sessions, 600 a minute, 90 fans who come at once. One of those inside leaves
//! every ten seconds. Nobody knows at first how long sessions last; that they limit the line is known.

use fairgate_core::overload::{Look, Progress};
use fairgate_core::room::{Claimant, Command, Policy, Room, SalePlan, View};

const FANS: u64 = 90;
const TICK_MS: u64 = 200;
const LEAVES_EVERY_MS: u64 = 10_000;
const LOOKS_EVERY_MS: u64 = 5_000;

/// What a fan was told, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Told {
    place: u64,
    at_ms: u64,
    range_ms: (u64, u64),
    truth_ms: u64,
}

fn opened() -> Room {
    let policy = Policy {
        rate_per_minute: 600,
        burst: 20,
        max_active: 20,
        grace_ms: 300_000,
        session_idle_ms: 600_000,
        session_max_ms: 3_600_000,
        ..Policy::for_testing()
    };
    let plan = SalePlan {
        room: "small".into(),
        opens_at_ms: 1_000,
        starts_at_ms: 1_000,
        ends_at_ms: None,
        beacon: None,
        secret: [7; 32],
        config_version: 0,
        policy,
        rules: None,
    };
    let mut room = Room::default();
    let entries = (0..FANS).map(|fan| [u8::try_from(fan).expect("a few"); 32]).collect();
    let commands = [
        (Command::Schedule(plan), 1_000),
        (Command::Enter(entries), 1_000),
        (Command::Freeze { entries: 0, root: [1; 32] }, 1_000),
        (Command::Reveal { beacon: None }, 4_000),
    ];
    for (command, at_ms) in commands {
        room.apply(&command, at_ms).expect("the room takes it");
    }
    room
}

/// Whoever is called comes at once.
fn come(room: &mut Room, places: std::ops::Range<u64>, now_ms: u64) {
    let claimants = places.map(|place| Claimant { place, index: None, nonce: None }).collect();
    room.apply(&Command::Claim(claimants), now_ms).expect("the room takes it");
}

fn look(room: &mut Room, now_ms: u64) -> View {
    room.apply(&Command::Tick, now_ms).expect("the room takes it");
    room.view().expect("it is scheduled")
}

/// Everything that was told until the last fan was called.
fn run() -> Vec<Told> {
    let (mut room, mut progress) = (opened(), Progress::default());
    let (mut waiting, mut done): (Vec<Told>, Vec<Told>) = Default::default();
    let (mut called, mut left) = (0, 0);
    for at_ms in (0..).step_by(TICK_MS as usize) {
        let now_ms = 4_000 + at_ms;
        let view = look(&mut room, now_ms);
        come(&mut room, called..view.serving, now_ms);
        called = view.serving;
        if at_ms > 0 && at_ms % LEAVES_EVERY_MS == 0 {
            room.apply(&Command::Release(vec![left]), now_ms).expect("the room takes it");
            left += 1;
        }
        let (over, still) = waiting.into_iter().partition::<Vec<Told>, _>(|told| told.place < view.serving);
        done.extend(over.into_iter().map(|told| Told { truth_ms: at_ms - told.at_ms, ..told }));
        waiting = still;
        if called == FANS {
            return done;
        }
        let now = Look::from(&view);
        progress.observe(&now);
        if at_ms % LOOKS_EVERY_MS == 0 {
            let advance = progress.advance(&now);
            let tell = |place| {
                let range_ms = advance.range_ms(place - view.serving).expect("somebody can tell");
                Told { place, at_ms, range_ms, truth_ms: 0 }
            };
            waiting.extend((view.serving..FANS).map(tell));
        }
        assert!(at_ms < 3_600_000, "{called} of {FANS} have been called");
    }
    done
}

#[test]
fn a_line_that_sessions_limit_is_not_told_the_pace_that_people_set() {
    let all = run();
    let is_true = |told: &&Told| (told.range_ms.0..=told.range_ms.1).contains(&told.truth_ms);
    let share = all.iter().filter(is_true).count() as f64 / all.len() as f64;
    assert!(share >= crate::IN_RANGE_MIN, "{share:.2} of the ranges had the truth in them");
    for told in &all {
        assert!(told.range_ms.1 >= 60_000 || told.truth_ms < 90_000, "\"less than a minute\": {told:?}");
        assert!(told.range_ms.1 * 4 >= told.truth_ms * 3, "a wait that nobody was told of: {told:?}");
        let is_late = told.at_ms > 300_000 && told.truth_ms > 120_000;
        assert!(!is_late || told.range_ms.1 < 5 * told.range_ms.0, "it says nothing: {told:?}");
    }
}
