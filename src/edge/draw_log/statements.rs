//! The statements that a log still lacks, by how the rooms stand. Pure.
//!
//! Guarantees:
//! - each statement about a draw is due once, whichever edge looks and how often
//! - statements about a draw are due in the order in which the log should have them
//! - a draw is void only once another one has stood in its room for a while, so that a loss which is put back voids nothing

use std::collections::{BTreeMap, HashMap};

use fairgate_core::room::DrawRecord;
use fairgate_draw::log::{FrozenTier, KeptLog, Statement};
use fairgate_draw::{Hash, ZERO};
use serde_json::Value;

/// How long another draw has to stand in a room before the earlier one is void.
const VOID_AFTER_MS: u64 = 10_000;

/// How long the draw of a next sale is prepared before it is stated: by then every edge knows it, so none takes it for one that was
/// replaced.
const NEXT_AFTER_MS: u64 = 3_000;

/// The draw of a room, as of the last look.
#[derive(Clone, Debug)]
pub(super) struct RoomFacts {
    pub(super) draw: DrawRecord,
    /// Draws that it has had before, the last ones: they were public, whether or not the log was there.
    pub(super) replaced: Vec<DrawRecord>,
    /// The draw that is prepared for its next sale.
    pub(super) next: Option<DrawRecord>,
    /// Since when that is so, by the room's time.
    pub(super) next_since_ms: u64,
    /// True while the room is put right after a loss.
    pub(super) mending: bool,
    /// Since when the room has this draw, by the room's time.
    pub(super) since_ms: u64,
    pub(super) now_ms: u64,
}

/// What a log has of a draw.
#[derive(Default)]
struct Logged {
    room: Option<String>,
    keys: Vec<Hash>,
    freeze: bool,
    reveal: bool,
    void: bool,
}

/// The statements that are due. `keys` are the thumbprints of the keys that may sign tickets and records.
pub(super) fn due(rooms: &BTreeMap<String, RoomFacts>, keys: &[Hash], log: &KeptLog) -> Vec<Statement> {
    let logged = logged(log);
    rooms
        .iter()
        .filter(|(_, facts)| !facts.mending)
        .flat_map(|(room, facts)| of_room(room, facts, keys, &logged))
        .collect()
}

fn of_room(room: &str, facts: &RoomFacts, keys: &[Hash], logged: &HashMap<Hash, Logged>) -> Vec<Statement> {
    let draw = facts.draw.descriptor_digest;
    let known = logged.get(&draw);
    let mut due = Vec::new();
    for record in facts.replaced.iter().chain([&facts.draw]) {
        due.extend(of_draw(record, keys, logged.get(&record.descriptor_digest)));
    }
    let next = facts.next.as_ref().filter(|_| facts.now_ms.saturating_sub(facts.next_since_ms) >= NEXT_AFTER_MS);
    due.extend(next.into_iter().flat_map(|next| of_draw(next, keys, logged.get(&next.descriptor_digest))));
    if let Some(known) = known.filter(|known| known.room.is_some()) {
        let new = keys.iter().filter(|key| !known.keys.contains(key));
        due.extend(new.map(|key| Statement::Key { draw, key: *key }));
    }
    if known.is_some() && facts.now_ms.saturating_sub(facts.since_ms) >= VOID_AFTER_MS {
        let next = facts.next.as_ref().map(|next| next.descriptor_digest);
        let is_over = |(other, logged): &(&Hash, &Logged)| {
            **other != draw
                && Some(**other) != next
                && logged.room.as_deref() == Some(room)
                && !logged.reveal
                && !logged.void
        };
        let mut void: Vec<Hash> = logged.iter().filter(is_over).map(|(other, _)| *other).collect();
        void.sort_unstable();
        due.extend(void.into_iter().map(|draw| Statement::Void { draw }));
    }
    due
}

/// The steps of a draw that the log does not have yet.
fn of_draw(record: &DrawRecord, keys: &[Hash], known: Option<&Logged>) -> Vec<Statement> {
    let announced = || Statement::announcement(record.descriptor_digest, record.descriptor.clone(), keys.to_vec());
    let has = |step: fn(&Logged) -> bool| known.is_some_and(step);
    let steps = [
        (!has(|known| known.room.is_some())).then(announced),
        freeze(record).filter(|_| !has(|known| known.freeze)),
        reveal(record).filter(|_| !has(|known| known.reveal)),
    ];
    steps.into_iter().flatten().collect()
}

fn freeze(record: &DrawRecord) -> Option<Statement> {
    let one = || {
        let (entries, root) = record.entries.zip(record.root)?;
        Some(vec![FrozenTier { entries, root, tags_root: ZERO, missing: record.missing.unwrap_or(0) }])
    };
    let tiers = record.tiers.clone().or_else(one)?;
    Some(Statement::Freeze { draw: record.descriptor_digest, at_ms: record.frozen_at_ms?, tiers })
}

fn reveal(record: &DrawRecord) -> Option<Statement> {
    let (secret, seed) = record.secret.zip(record.seed)?;
    Some(Statement::Reveal { draw: record.descriptor_digest, secret, beacon: record.beacon.unwrap_or(ZERO), seed })
}

fn logged(log: &KeptLog) -> HashMap<Hash, Logged> {
    let mut logged: HashMap<Hash, Logged> = HashMap::new();
    for statement in log.statements() {
        let known = logged.entry(*statement.draw()).or_default();
        match statement {
            Statement::Draw { descriptor, keys, .. } => {
                known.room = Some(room_of(descriptor));
                known.keys.extend(keys);
            }
            Statement::Key { key, .. } => known.keys.push(*key),
            Statement::Freeze { .. } => known.freeze = true,
            Statement::Reveal { .. } => known.reveal = true,
            Statement::Void { .. } => known.void = true,
        }
    }
    logged
}

fn room_of(descriptor: &str) -> String {
    let descriptor: Option<Value> = serde_json::from_str(descriptor).ok();
    descriptor.as_ref().and_then(|descriptor| descriptor["room"].as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use fairgate_draw::Descriptor;
    use fairgate_draw::log::{Batch, KeyKind, NoteSigner};

    use super::*;

    fn facts(commitment: u8) -> RoomFacts {
        let descriptor = Descriptor {
            beacon: None,
            commitment: [commitment; 32],
            opens_at_ms: 1,
            room: "final".into(),
            starts_at_ms: 2,
        };
        let draw = DrawRecord::announced(descriptor.canonical_json(), descriptor.digest(), [commitment; 32]);
        RoomFacts { draw, replaced: Vec::new(), next: None, next_since_ms: 0, mending: false, since_ms: 0, now_ms: 0 }
    }

    fn frozen(mut facts: RoomFacts) -> RoomFacts {
        let draw = &mut facts.draw;
        (draw.entries, draw.root, draw.missing, draw.frozen_at_ms) = (Some(3), Some([4; 32]), Some(1), Some(9));
        facts
    }

    fn revealed(facts: RoomFacts) -> RoomFacts {
        let mut facts = frozen(facts);
        (facts.draw.secret, facts.draw.seed) = (Some([5; 32]), Some([6; 32]));
        facts
    }

    /// Logs what is due; answers what that was.
    fn step(log: &mut KeptLog, facts: RoomFacts, keys: &[Hash]) -> Vec<Statement> {
        let rooms = BTreeMap::from([("final".to_owned(), facts)]);
        let due = due(&rooms, keys, log);
        if let Some(batch) = Batch::of(&due) {
            log.push(&batch).unwrap();
        }
        assert_eq!(super::due(&rooms, keys, log), [], "once");
        due
    }

    fn log() -> KeptLog {
        KeptLog::new(NoteSigner::new("a/.fairgate/draw.log", KeyKind::Log, &[7; 32]).unwrap())
    }

    fn kinds(statements: &[Statement]) -> Vec<String> {
        let kind = |statement: &Statement| statement.to_string().lines().next().unwrap()[12..].to_owned();
        statements.iter().map(kind).collect()
    }

    #[test]
    fn a_draw_is_stated_step_by_step_and_each_step_once() {
        let mut log = log();
        assert_eq!(kinds(&step(&mut log, facts(1), &[[8; 32]])), ["draw"]);
        assert_eq!(kinds(&step(&mut log, facts(1), &[[8; 32], [9; 32]])), ["key"]);
        let freeze = step(&mut log, frozen(facts(1)), &[[9; 32]]);
        let tier = FrozenTier { entries: 3, root: [4; 32], tags_root: ZERO, missing: 1 };
        let draw = facts(1).draw.descriptor_digest;
        assert_eq!(freeze, [Statement::Freeze { draw, at_ms: 9, tiers: vec![tier] }]);
        let reveal = step(&mut log, revealed(facts(1)), &[[9; 32]]);
        assert_eq!(reveal, [Statement::Reveal { draw, secret: [5; 32], beacon: ZERO, seed: [6; 32] }]);
    }

    #[test]
    fn what_was_missed_is_caught_up_in_order() {
        let keys: Vec<Hash> = (0..5).map(|n| [n * 50; 32]).rev().collect();
        let due = step(&mut log(), revealed(facts(1)), &keys);
        assert_eq!(kinds(&due), ["draw", "freeze", "reveal"]);
        assert_eq!(Statement::parse(&due[0].to_string()).as_ref(), Ok(&due[0]), "its keys ascend");
    }

    #[test]
    fn a_draw_that_was_replaced_before_the_log_was_there_is_stated_all_the_same() {
        let replaced = RoomFacts { replaced: vec![facts(1).draw], ..facts(2) };
        let mut log = log();
        let due = step(&mut log, replaced.clone(), &[]);
        let digests: Vec<Hash> = due.iter().map(|statement| *statement.draw()).collect();
        assert_eq!(digests, [1, 2].map(|commitment| facts(commitment).draw.descriptor_digest));
        let later = RoomFacts { now_ms: VOID_AFTER_MS, ..replaced };
        assert_eq!(step(&mut log, later, &[]), [Statement::Void { draw: facts(1).draw.descriptor_digest }]);
    }

    #[test]
    fn tiers_are_stated_as_they_were_frozen() {
        let mut tiered = frozen(facts(1));
        let tiers = vec![FrozenTier { entries: 1, root: [1; 32], tags_root: [2; 32], missing: 0 }; 2];
        tiered.draw.tiers = Some(tiers.clone());
        let due = step(&mut log(), tiered, &[]);
        assert!(matches!(&due[1], Statement::Freeze { tiers: stated, .. } if *stated == tiers));
    }

    #[test]
    fn a_draw_that_another_one_has_replaced_is_void_after_a_while() {
        let mut log = log();
        step(&mut log, frozen(facts(1)), &[]);
        assert_eq!(kinds(&step(&mut log, facts(2), &[])), ["draw"]);
        let later = |facts| RoomFacts { now_ms: VOID_AFTER_MS, ..facts };
        let mending = RoomFacts { mending: true, ..later(facts(2)) };
        assert_eq!(step(&mut log, mending, &[]), []);
        let void = step(&mut log, later(facts(2)), &[]);
        assert_eq!(void, [Statement::Void { draw: facts(1).draw.descriptor_digest }]);
        step(&mut log, revealed(facts(2)), &[]);
        assert_eq!(kinds(&step(&mut log, later(facts(3)), &[])), ["draw"]);
        assert_eq!(step(&mut log, later(facts(3)), &[]), [], "a draw that is done is not void");
    }

    #[test]
    fn the_draw_of_the_next_sale_is_stated_before_it_begins_and_is_not_void_meanwhile() {
        let mut log = log();
        let at = |facts: RoomFacts, now_ms| RoomFacts { now_ms, ..facts };
        let with_next = RoomFacts { next: Some(facts(2).draw), ..revealed(facts(1)) };
        assert_eq!(kinds(&step(&mut log, with_next.clone(), &[])), ["draw", "freeze", "reveal"]);
        let stated = step(&mut log, at(with_next.clone(), NEXT_AFTER_MS), &[]);
        assert_eq!(kinds(&stated), ["draw"]);
        assert_eq!(*stated[0].draw(), facts(2).draw.descriptor_digest);
        assert_eq!(step(&mut log, at(with_next.clone(), 10 * VOID_AFTER_MS), &[]), []);
        // The sale begins: everything of it is said already but what follows.
        assert_eq!(step(&mut log, at(facts(2), 11 * VOID_AFTER_MS), &[]), []);
        assert_eq!(kinds(&step(&mut log, at(frozen(facts(2)), 12 * VOID_AFTER_MS), &[])), ["freeze"]);
        // One that was prepared and replaced is void.
        let mut log = self::log();
        step(&mut log, at(with_next, NEXT_AFTER_MS), &[]);
        let replaced = RoomFacts { next: Some(facts(3).draw), next_since_ms: VOID_AFTER_MS, ..revealed(facts(1)) };
        assert_eq!(
            step(&mut log, at(replaced, VOID_AFTER_MS), &[]),
            [Statement::Void { draw: facts(2).draw.descriptor_digest }]
        );
    }
}
