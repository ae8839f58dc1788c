//! Rules that can be broken on purpose, in the simulator's own store, network and edges: a simulator that cannot fail
//! proves nothing.

use fairgate_core::recovery::Replica;
use fairgate_core::room::{ClaimOutcome, Claims, Position, View};

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The store never says that it has lost anything.
    NoFence,
    /// Whoever puts something back puts back the lower `serving`.
    LowerServing,
    /// Nothing is left out behind the highest number that anybody knows.
    NoGap,
    /// A session's name is drawn and does not follow from the place.
    SessionByChance,
    /// Entries are not put back into the roster.
    NoRefill,
    /// Entries of a room with tiers are put back without their tags.
    NoTags,
    /// Nobody copies the frozen roster.
    NoCopy,
    /// The public draw is not put back.
    NoDrawRecord,
    /// The places and sessions that an edge let in are not put back.
    NoClaims,
    /// Nobody puts back which places moved to another device.
    NoMoves,
    /// The grace runs on while nobody can reach the store.
    GraceGoesOn,
    /// An edge takes any reply for the one that it waits for.
    MixedReplies,
    /// Whoever is called is let in at once: the store's answer is not waited for.
    NoCap,
    /// Numbers are left out whenever the store was started again, though it has everything.
    AlwaysGap,
    /// Entries stand on the disk one behind the other, without frames and checksums.
    NoFrames,
    /// A part of the room that is gone from the store is not missed.
    NotMissed,
    /// A master that was cut off from the others goes on answering.
    OldMasterAnswers,
    /// Entries are taken from the disk without looking whether they are as they were written.
    NoChecksums,
    /// The room's time is whatever the store's clock says.
    AnyClock,
    /// The room's time goes no further than a store's clock that was set back.
    StoppedClock,
    /// Passes are signed and judged by the clock of the edge's own machine.
    OwnClock,
}

/// What is taken of what an edge puts back: all of it, as long as nobody breaks a rule.
pub(super) fn told(sabotage: Option<Sabotage>, replica: &Replica, view: Option<&View>) -> Replica {
    let mut told = replica.clone();
    if sabotage == Some(Sabotage::NoMoves) {
        told.claims.moves.clear();
    }
    if let Some(memory) = &mut told.memory {
        match sabotage {
            Some(Sabotage::LowerServing) => memory.serving = view.map_or(0, |view| view.serving.min(memory.serving)),
            Some(Sabotage::NoDrawRecord) => (memory.frozen, memory.revealed) = (None, None),
            Some(Sabotage::NoClaims) => told.claims = Claims::default(),
            _ => {}
        }
    }
    told
}

/// With [`Sabotage::NoGap`]: the number as if fewer had been left out.
pub(super) fn shifted(position: Position, by: u64) -> Position {
    match position {
        Position::Pool(index) => Position::Pool(index.saturating_sub(by)),
        Position::Line(place) => Position::Line(place.saturating_sub(by)),
    }
}

/// With [`Sabotage::NoCap`]: nobody has to wait.
pub(super) fn at_once(outcome: ClaimOutcome, now_ms: u64) -> ClaimOutcome {
    match outcome {
        ClaimOutcome::Wait { .. } => {
            let end_ms = now_ms + 600_000;
            ClaimOutcome::Admitted { admitted_at_ms: now_ms, expires_at_ms: end_ms, hard_end_at_ms: end_ms }
        }
        outcome => outcome,
    }
}
