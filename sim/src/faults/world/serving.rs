//! The store serves requests, and is watched while it does.

use fairgate_core::recovery::StateVersion;
use fairgate_core::room::{Command, GAP, Outcome, Position, Spot};
use fairgate_store::redis::CallTime;
use fairgate_telemetry::clock::difference_ms;

use super::super::edge::CallNumber;
use super::super::messages::{Request, Response, StoreEvent};
use super::super::promises::Promise;
use super::super::sabotage::Sabotage;
use super::event::Event;
use super::{HAD_TIME_MS, World};

/// What an edge asks of the store.
pub(super) struct Asked<'a> {
    pub(super) edge: usize,
    pub(super) life: u64,
    pub(super) number: CallNumber,
    pub(super) stamp: Option<&'a StateVersion>,
    pub(super) time: CallTime,
    pub(super) request: &'a Request,
}

/// True if a command publishes what the draw is of.
fn is_freeze(command: &Command) -> bool {
    matches!(command, Command::Freeze { .. } | Command::FreezeTiers(_))
}

impl World {
    pub(super) fn serve(&mut self, asked: Asked<'_>) {
        if !self.server.is_up || self.has_old_master(&asked) {
            return;
        }
        let Asked { edge, life, number, stamp, time, request } = asked;
        let before = self.server.stamp().map(|stamp| stamp.epoch);
        let name = format!("{edge}-{life}");
        let response = self.server.serve(&name, stamp, time, request, self.now_ms);
        if self.events.is_some() {
            let (now_ms, request) = (time.at(self.server.clock_ms(self.now_ms)), Box::new(request.clone()));
            let (stamp, response) = (stamp.cloned(), response.clone());
            self.note(StoreEvent::Call { now_ms, edge: name, stamp, request, response });
        }
        self.tell_of(edge, request, &response, before.as_deref());
        self.watch_restart();
        if let (Request::Apply(command), Response::Outcome(outcome)) = (request, &response) {
            self.look_for_limits(command, outcome);
            self.watch(edge, command, outcome);
        }
        for delay_ms in self.ways[edge].back.arrivals(&mut self.chance) {
            let event = Event::Reply { edge, life, number, response: response.clone() };
            self.agenda.put(self.now_ms + delay_ms, event);
        }
    }

    fn tell_of(&mut self, edge: usize, request: &Request, response: &Response, epoch_before: Option<&[u8]>) {
        let epoch = self.server.stamp().map(|stamp| stamp.epoch);
        let is_another = epoch.as_deref() != epoch_before;
        let what = match (request, response) {
            (Request::Restore(_), _) => "puts back what it knows",
            (_, Response::Lost) => "is told that the store has lost the room",
            _ if is_another => "begins the room",
            _ => return,
        };
        let stands = self.server.view().map_or_else(String::new, |view| {
            let (early, places, serving) = (view.pool_size, view.line_size, view.serving);
            let mending = if view.mending { ", mending" } else { "" };
            let ahead_ms = difference_ms(view.now_ms, self.now_ms);
            format!(
                ": {:?}, {early} in the pool, {places} places, {} missing, serving {serving}, {ahead_ms} ms ahead{mending}",
                view.phase, view.missing
            )
        });
        self.trace.say(self.now_ms, &format_args!("edge {edge} {what}{stands}"));
    }

    /// True if an edge still has the master that was cut off. That master has no replica left to write to, so it
    /// refuses. To the edge that is no better than silence.
    fn has_old_master(&mut self, asked: &Asked<'_>) -> bool {
        let Asked { edge, life, number, stamp, time, request } = *asked;
        let Some(old) = self.old_master.as_mut().filter(|_| edge % 2 == 1) else { return false };
        if self.sabotage == Some(Sabotage::OldMasterAnswers) {
            let response = old.serve(&format!("{edge}-{life}"), stamp, time, request, self.now_ms);
            self.agenda.put(self.now_ms + 1, Event::Reply { edge, life, number, response });
        }
        true
    }

    /// Nothing was lost: nothing is left out.
    fn watch_restart(&mut self) {
        let Some(restart) = self.restart else { return };
        let Some(view) = self.server.view() else { return };
        let has_closed = restart.is_in_pool && view.line_size > 0;
        if self.now_ms >= restart.until_ms || has_closed {
            self.restart = None;
        } else if view.pool_size.max(view.line_size) >= restart.numbers + GAP {
            self.restart = None;
            let what = format!("{} numbers before, and now {}", restart.numbers, view.pool_size.max(view.line_size));
            self.witness.at(self.now_ms).blame(Promise::NothingBurnt, what);
        }
    }

    /// Notes a limit: the draw's list is another one from now on, and no edge is there that could have said so.
    fn look_for_limits(&mut self, command: &Command, outcome: &Outcome) {
        let stands = match outcome {
            Outcome::Entered(positions) => positions.iter().any(|position| matches!(position, Position::Pool(_))),
            Outcome::Arrived(arrived) => arrived.iter().any(|one| matches!(one.at(), Some(Spot::Pool { .. }))),
            _ => is_freeze(command),
        };
        if !stands || !self.lists.is_any_lost() {
            return;
        }
        let had_time = |edge: usize| {
            self.ways[edge]
                .fine_since_ms
                .is_some_and(|since_ms| self.now_ms >= since_ms.max(self.answers_since_ms) + HAD_TIME_MS)
        };
        if let Some(limit) = self.lists.limit(self.server.list(), had_time) {
            self.trace.say(self.now_ms, &format_args!("a limit: {limit}"));
            self.witness.excuse(limit);
        }
    }

    fn watch(&mut self, edge: usize, command: &Command, outcome: &Outcome) {
        let Some(view) = self.server.view() else { return };
        let ways = &self.ways;
        let is_well = |edge: usize, since_ms: u64| {
            !ways[edge].has_burned && ways[edge].fine_since_ms.is_some_and(|fine_since_ms| fine_since_ms < since_ms)
        };
        self.witness.at(self.now_ms).applied(command, outcome, &view, is_well);
        if is_freeze(command) && self.root != view.draw.root {
            self.root = view.draw.root;
            let (now_ms, ways) = (self.now_ms, &self.ways);
            let had_time = |since_ms: Option<u64>| since_ms.is_some_and(|since_ms| now_ms >= since_ms + HAD_TIME_MS);
            let excuses = |edge: usize| ways[edge].has_burned || !had_time(ways[edge].fine_since_ms);
            let has_copy = |root: &[u8; 32]| self.edges[edge].has_copy(root) || ways[edge].has_burned;
            if view.tiers.is_empty() {
                self.witness.frozen(&view, &self.server.roster(), excuses, has_copy);
                return;
            }
            let has_copies = view.draw.root.as_ref().is_some_and(has_copy);
            let mut complaints = self.one_entry.frozen(&view, &self.server.tier_lists(), |edge, _| excuses(edge));
            let no_copies = "an edge published roots and has no copies of the lists".to_owned();
            complaints.extend((!has_copies).then_some((Promise::RosterKept, no_copies)));
            complaints.into_iter().for_each(|(promise, what)| self.witness.blame(promise, what));
        }
    }
}
