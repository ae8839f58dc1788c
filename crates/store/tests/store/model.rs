//! The pure room, under generated histories.

use fairgate_core::room::{Command, Room};
use proptest::prelude::*;

use crate::histories::any_history;
use crate::operations::{Op, START_MS};
use crate::witness::Witness;

/// Applies a history to a room; tells of each command, its time, and the room before and after it.
fn run(history: &[Op], mut saw: impl FnMut(&Command, u64, &Room, &Room)) -> (Room, u64) {
    let (mut room, mut now_ms) = (Room::default(), START_MS);
    let mut witness = Witness::default();
    for op in history {
        now_ms = op.now_ms(now_ms);
        let Some(command) = op.command(room.view().as_ref()) else { continue };
        let before = room.clone();
        let answer = room.apply(&command, now_ms);
        witness.saw(&command, &answer, room.view().as_ref());
        if answer.is_err() {
            let mut only_time = before.clone();
            drop(only_time.apply(&Command::Tick, now_ms));
            assert_eq!(room, only_time, "a refused {command:?} changed the room");
        }
        saw(&command, now_ms, &before, &room);
    }
    (room, now_ms)
}

proptest! {
    #[test]
    fn keeps_its_promises(history in any_history(120)) {
        run(&history, |_, _, _, _| ());
    }

    /// What a journal relies on: commands without a trace need not be written down.
    #[test]
    fn commands_that_change_nothing_leave_no_trace(history in any_history(120)) {
        let mut traces = Vec::new();
        let (mut room, now_ms) = run(&history, |command, now_ms, before, room| {
            if room.revision() != before.revision() {
                traces.push((command.clone(), before.now_ms(), now_ms.max(room.now_ms())));
            }
        });
        let mut replayed = Room::default();
        for (command, heard_ms, now_ms) in traces {
            replayed.heard_until(heard_ms);
            drop(replayed.apply(&command, now_ms));
        }
        replayed.heard_until(room.now_ms());
        prop_assert_eq!(room.apply(&Command::Tick, now_ms), replayed.apply(&Command::Tick, room.now_ms()));
        prop_assert_eq!(room, replayed);
    }

    /// Edges look as often as they like: what they have seen once does not change by looking again.
    #[test]
    fn a_second_look_at_the_same_moment_changes_nothing(history in any_history(120)) {
        run(&history, |_, now_ms, _, room| {
            let mut once = room.clone();
            drop(once.apply(&Command::Tick, now_ms));
            let mut twice = once.clone();
            drop(twice.apply(&Command::Tick, now_ms));
            assert_eq!(twice, once);
        });
    }

    /// A reply that was lost is asked for again at once: the same answer, and nothing happens twice.
    #[test]
    fn retries_are_harmless(history in any_history(60)) {
        run(&history, |command, now_ms, _, room| {
            let mut retried = room.clone();
            let answer = retried.apply(command, now_ms);
            let (before, after) = (room.view(), retried.view());
            if let (Some(before), Some(after), Ok(_)) = (before, after, answer) {
                assert_eq!(after.admitted, before.admitted, "{command:?} admitted again");
                assert_eq!((after.pool_size, after.line_size), (before.pool_size, before.line_size));
                assert_eq!(after.draw, before.draw);
                assert_eq!(after.policy, before.policy);
            }
        });
    }
}
