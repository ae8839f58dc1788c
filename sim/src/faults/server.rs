//! The store of the fleet: the real room, behind the same fence as the scripts in `lua/`. Its server can be wiped,
//! replaced by a stale copy, or run by a clock that is wrong.
//!
//! What is here besides [`Room`] is what Lua does around it. That is `lua/begin.lua` (the fence), `lua/restore.lua`
//! (which state it is from now on), and `lua/refill.lua` and `lua/put_back.lua` (which entries are taken back). That
//! is a model, which `sim/tests/scripts.rs` holds against the scripts on a real Redis, call by call.

mod tiers;

use fairgate_core::recovery::{Replica, StateVersion, is_lost};
use fairgate_core::room::{Command, Entry, GAP, LossEvidence, Outcome, Position, Refusal, Room, SILENCE_MS, View};
use fairgate_draw::ZERO;
use fairgate_store::redis::CallTime;

use super::limit::List;
use super::messages::{Request, Response};
use super::sabotage::{Sabotage, at_once, shifted, told};
use super::state::State;

/// A server, and the one that takes its place.
#[derive(Debug, Default)]
pub(super) struct Server {
    state: Option<State>,
    run: u64,
    epochs: u64,
    /// How far its clock is off, ms.
    pub(super) clock_off_ms: i64,
    /// True if the server answers.
    pub(super) is_up: bool,
    sabotage: Option<Sabotage>,
    /// With [`Sabotage::NoGap`]: numbers that were left out after all.
    unleft: u64,
}

impl Server {
    /// An empty server that is up.
    #[must_use]
    pub(super) fn new(sabotage: Option<Sabotage>) -> Self {
        Self { run: 1, is_up: true, sabotage, ..Self::default() }
    }

    /// What a copy of it would have now.
    #[must_use]
    pub(super) fn copy(&self) -> Option<State> {
        self.state.clone()
    }

    /// `FLUSHALL`.
    pub(super) fn wipe(&mut self) {
        self.state = None;
    }

    /// Another run of the server, with what it found on its disk or in its memory.
    pub(super) fn begin_another_run(&mut self, state: Option<State>) {
        self.run += 1;
        self.state = state;
    }

    /// Another server that takes this one's place, with what it has of it.
    pub(super) fn succeeded_by(&self, state: Option<State>) -> Self {
        Self { state, run: self.run + 1, is_up: true, ..Self { state: None, ..*self } }
    }

    /// The roster is taken away, and nothing else; answers whether there was one.
    pub(super) fn evict_roster(&mut self) -> bool {
        self.state.as_mut().is_some_and(State::evict_roster)
    }

    /// The time by the server's clock.
    #[must_use]
    pub(super) fn clock_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.clock_off_ms)
    }

    /// How the room stands as of the last request.
    #[must_use]
    pub(super) fn view(&self) -> Option<View> {
        self.state.as_ref().and_then(|state| state.room.view())
    }

    /// The list that it has, once the pool is closed.
    #[must_use]
    pub(super) fn list(&self) -> Option<List> {
        self.state.as_ref().and_then(|state| List::of(&state.room.memory()?))
    }

    /// Which state it is, and how far.
    #[must_use]
    pub(super) fn stamp(&self) -> Option<StateVersion> {
        self.state.as_ref().map(State::stamp)
    }

    /// The roster as it would be published.
    #[must_use]
    pub(super) fn roster(&self) -> Vec<Entry> {
        let size = self.view().map_or(0, |view| view.pool_size);
        self.state.as_ref().map_or_else(Vec::new, |state| state.entries(size))
    }

    /// Serves one request of the run of an edge with this name.
    pub(super) fn serve(
        &mut self,
        edge: &str,
        stamp: Option<&StateVersion>,
        time: CallTime,
        request: &Request,
        now_ms: u64,
    ) -> Response {
        let server_ms = self.clock_ms(now_ms);
        let now_ms = time.at(server_ms);
        // These are asked past the fence.
        let is_open = matches!(request, Request::Roster { .. } | Request::TierLists | Request::Restore(_));
        if !is_open && self.has_lost(stamp) {
            return Response::Lost;
        }
        if let (false, Some(Sabotage::GraceGoesOn), Some(state)) = (is_open, self.sabotage, &mut self.state) {
            hear_all_the_time(&mut state.room, now_ms);
        }
        match request {
            Request::Roster { entries } => {
                Response::Roster(self.state.as_ref().map_or_else(Vec::new, |state| state.entries(*entries)))
            }
            Request::Restore(replica) => self.restore(edge, stamp, replica, now_ms),
            Request::Apply(command) => self.apply(command, now_ms),
            Request::View => self.look(edge, now_ms, server_ms),
            Request::RestoreEntries { entries, is_under_root } => self.refill(entries, *is_under_root, now_ms),
            Request::PutBack { root, from, entries } => self.put_back(root, *from, entries, now_ms),
            Request::TierLists => Response::TierLists(self.tier_lists()),
            Request::RestoreTiers { entries, is_under_root } => self.refill_tiers(entries, *is_under_root, now_ms),
            Request::PutBackTiers { root, lists, late } => self.put_back_tiers(root, lists, late, now_ms),
        }
    }

    /// `lua/begin.lua`.
    fn has_lost(&self, stamp: Option<&StateVersion>) -> bool {
        let is_anothers = self.state.as_ref().is_some_and(|state| state.run != self.run);
        let is_fenced = self.sabotage != Some(Sabotage::NoFence);
        is_fenced && (is_lost(stamp, self.stamp().as_ref()) || is_anothers)
    }

    fn apply(&mut self, command: &Command, now_ms: u64) -> Response {
        let needs_roster = matches!(command, Command::Enter(entries) if !entries.is_empty())
            || matches!(command, Command::Freeze { .. });
        let is_missed = needs_roster && self.sabotage != Some(Sabotage::NotMissed);
        if let Some(state) = self.state.as_mut().filter(|state| is_missed && state.is_roster_missed()) {
            // What is refused is refused before the roster is looked at, and time passes before either.
            if state.room.clone().apply(command, now_ms).is_ok() {
                drop(state.room.apply(&Command::Tick, now_ms));
                return Response::Lost;
            }
        }
        let (run, epoch) = (self.run, self.epochs + 1);
        let is_new = self.state.is_none();
        let state = self.state.get_or_insert_with(|| State::empty(run, epoch));
        let answer = state.room.apply(command, now_ms);
        if matches!(command, Command::Freeze { .. } | Command::FreezeTiers(_))
            && answer.is_ok()
            && state.frozen_in.is_none()
        {
            state.frozen_in = Some(state.name());
        }
        if is_new && state.room.view().is_none() {
            self.state = None;
        } else if is_new {
            self.epochs = epoch;
        }
        match answer {
            Ok(Outcome::Entered(positions)) => Response::Outcome(Outcome::Entered(self.enter(command, positions))),
            Ok(Outcome::Claimed(outcomes)) if self.sabotage == Some(Sabotage::NoCap) => Response::Outcome(
                Outcome::Claimed(outcomes.into_iter().map(|outcome| at_once(outcome, now_ms)).collect()),
            ),
            Ok(outcome) => Response::Outcome(self.with_entries(command, outcome)),
            Err(refusal) => Response::Refused(refusal),
        }
    }

    /// Writes the entries of the pool into the roster.
    fn enter(&mut self, command: &Command, positions: Vec<Position>) -> Vec<Position> {
        let unleft = self.unleft;
        let positions: Vec<Position> = positions.into_iter().map(|position| shifted(position, unleft)).collect();
        if let (Some(state), Command::Enter(entries)) = (&mut self.state, command) {
            for (entry, position) in entries.iter().zip(&positions) {
                if let Position::Pool(index) = position {
                    state.write(*index, *entry);
                }
            }
        }
        positions
    }

    fn look(&mut self, edge: &str, now_ms: u64, server_ms: u64) -> Response {
        let is_missed = self.sabotage != Some(Sabotage::NotMissed);
        let Some(state) = &mut self.state else { return Response::Refused(Refusal::NotScheduled) };
        match state.room.apply(&Command::Tick, now_ms) {
            Ok(_) if is_missed && state.is_roster_missed() => {
                state.saw(edge);
                Response::Lost
            }
            Ok(_) => {
                state.saw(edge);
                let look = state.look(server_ms).map(|look| Response::Look(Box::new(look)));
                look.unwrap_or(Response::Refused(Refusal::NotScheduled))
            }
            Err(refusal) => Response::Refused(refusal),
        }
    }

    /// `lua/restore.lua`.
    fn restore(&mut self, edge: &str, stamp: Option<&StateVersion>, replica: &Replica, now_ms: u64) -> Response {
        if self.state.is_none() && replica.memory.is_none() {
            return Response::Refused(Refusal::NotScheduled);
        }
        let run = self.run;
        let state = self.state.get_or_insert_with(|| State::empty(run, 0));
        let (before, had_root) = (state.draw(), state.has_root());
        let is_older = stamp.is_some_and(|stamp| stamp.epoch == state.name() && state.room.revision() < stamp.revision);
        let is_anothers = before.is_some() && state.run != run;
        let is_of_other_descent = is_anothers && stamp.is_some_and(|stamp| stamp.epoch != state.name());
        let is_lost = before.is_some() && (is_older || is_of_other_descent);
        let loss = match (is_lost, is_anothers) {
            (true, _) => LossEvidence::Proven,
            (false, true) => LossEvidence::Suspected { others: state.await_others(edge) },
            (false, false) => LossEvidence::None,
        };
        let gone = if self.sabotage == Some(Sabotage::NotMissed) { None } else { state.take_gone() };
        let loss = if is_anothers && self.sabotage == Some(Sabotage::AlwaysGap) { LossEvidence::Proven } else { loss };
        // Where the roster has holes, no more of it is intact than was before.
        let intact = state.room.view().map_or(0, |view| if view.missing > 0 { state.intact } else { view.pool_size });
        let told = told(self.sabotage, replica, state.room.view().as_ref());
        state.room.restore(told.memory.as_ref(), &told.claims, loss, gone, now_ms);
        let is_begun_anew = state.draw() != before;
        if is_lost || is_anothers || is_begun_anew || gone.is_some() {
            self.epochs += 1;
            (state.epoch, state.run) = (self.epochs, run);
            state.intact = match (is_begun_anew, is_lost || is_anothers) {
                (true, _) => 0,
                (false, true) => intact,
                (false, false) => state.intact,
            };
            if is_begun_anew {
                (state.roster, state.rosters, state.frozen_in) = (Vec::new(), Vec::new(), None);
                state.forget_edges();
            }
            if state.room.view().is_some_and(|view| !view.tiers.is_empty() && (is_lost || view.missing > 0)) {
                // Each tier has an end of its own, so all of it is put back, as far as it is not there.
                state.intact = 0;
            }
            if (is_lost || is_begun_anew) && self.sabotage == Some(Sabotage::NoGap) {
                self.unleft += GAP;
            }
        }
        if (!had_root || is_begun_anew) && state.has_root() {
            // What stands in the roster may be from before the root was made.
            (state.intact, state.frozen_in) = (0, told.frozen_in);
        }
        if gone.is_some() && !is_begun_anew {
            state.intact = 0;
        }
        state.hear(edge);
        Response::Done
    }

    /// `lua/refill.lua`.
    fn refill(&mut self, entries: &[(u64, Entry)], is_under_root: bool, now_ms: u64) -> Response {
        let Some(state) = &mut self.state else { return Response::Refused(Refusal::NotScheduled) };
        // Time passes before anything is asked of a room.
        drop(state.room.apply(&Command::Tick, now_ms));
        let Some(view) = state.room.view() else { return Response::Refused(Refusal::NotScheduled) };
        let too_late = view.draw.root.is_some() && !is_under_root;
        if too_late || self.sabotage == Some(Sabotage::NoRefill) {
            return Response::EntriesRestored { too_late };
        }
        let mut written = 0;
        for (index, entry) in entries.iter().filter(|(index, _)| *index < view.pool_size) {
            if state.entry(*index) == ZERO {
                state.write(*index, *entry);
                written += 1;
            }
        }
        state.room.refilled(written);
        Response::EntriesRestored { too_late: false }
    }

    /// `lua/put_back.lua`, all parts at once.
    fn put_back(&mut self, root: &[u8; 32], from: u64, entries: &[Entry], now_ms: u64) -> Response {
        let Some(state) = &mut self.state else { return Response::Refused(Refusal::NotScheduled) };
        drop(state.room.apply(&Command::Tick, now_ms));
        let Some(view) = state.room.view() else { return Response::Refused(Refusal::NotScheduled) };
        if view.draw.root != Some(*root) {
            return Response::Refused(Refusal::Contradiction("another root is public already".into()));
        }
        if self.sabotage != Some(Sabotage::NoRefill) {
            (from..).zip(entries).for_each(|(index, entry)| state.write(index, *entry));
            state.intact = view.pool_size;
            state.room.roster_put_back();
        }
        Response::Done
    }
}

/// With [`Sabotage::GraceGoesOn`]: as if somebody had looked all the time.
fn hear_all_the_time(room: &mut Room, now_ms: u64) {
    while room.view().is_some() && room.now_ms() + SILENCE_MS < now_ms {
        drop(room.apply(&Command::Tick, room.now_ms() + SILENCE_MS));
    }
}
