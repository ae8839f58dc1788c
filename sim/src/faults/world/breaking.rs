//! What breaks, and how it is over.

use super::super::fault::Fault;
use super::super::messages::StoreEvent;
use super::super::network::Weather;
use super::event::Event;
use super::{Restart, Ways, World};

/// An edge that was away is not remembered as one of those who may know more after so long.
const LONG_MS: u64 = 12_000;
/// How long it is watched that no number is left out.
const LOOKS_MS: u64 = 5_000;
/// Clocks that are off by so much were set to another hour.
const HOUR_MS: i64 = 3_600_000;
/// How far the store's clock and an edge's may be off once everything is healed, ms.
const HEALED_CLOCK_OFF_MS: i64 = 500;

impl World {
    pub(super) fn begin(&mut self, number: usize) {
        let fault = self.scenario.faults[number].1.clone();
        self.trace.say(self.now_ms, &format_args!("FAULT: {fault}"));
        // What breaks besides may cost numbers.
        self.restart = None;
        if fault.is_loss() {
            self.witness.lost();
            self.server.list().into_iter().for_each(|list| self.lists.lost(list));
        }
        match fault {
            Fault::Kill { edge, .. } => self.kill(edge),
            Fault::Tear { edge, .. } => {
                self.kill(edge);
                self.edges[edge].tear();
            }
            Fault::Rot { edge, at } => {
                self.edges[edge].rot(at);
                // What it answered may not come back from it.
                self.ways[edge].has_burned = true;
            }
            Fault::Evict => {
                if self.server.evict_roster() {
                    self.note(StoreEvent::Evicted);
                }
            }
            Fault::TwoMasters { .. } => {
                let state = self.copies[number].take();
                let successor = self.server.succeeded_by(state);
                self.old_master = Some(std::mem::replace(&mut self.server, successor));
                self.ways.iter_mut().skip(1).step_by(2).for_each(|ways| ways.fine_since_ms = None);
                self.note(StoreEvent::AnotherRun(Some(number)));
                self.store_answers();
            }
            Fault::Burn { edge, .. } => {
                self.kill(edge);
                self.edges[edge].lose_disk();
                self.lists.killed(edge, true, self.now_ms);
                self.ways[edge].has_burned = true;
            }
            Fault::Way { edge, there, back, .. } => {
                let has_burned = self.ways[edge].has_burned;
                self.ways[edge] = Ways { there, back, fine_since_ms: None, has_burned };
            }
            Fault::Abroad { weather, .. } => self.abroad = weather,
            Fault::Wipe => {
                self.server.wipe();
                self.answers_since_ms = self.now_ms;
                self.note(StoreEvent::Wiped);
            }
            Fault::Empty { .. } | Fault::FailOver { .. } | Fault::Silence { .. } | Fault::StartAgain { .. } => {
                self.server.is_up = false;
            }
            Fault::StoreClock { by_ms } => self.server.clock_off_ms = by_ms,
            Fault::EdgeClock { edge, by_ms } => self.edges[edge].clock_off_ms = by_ms,
            Fault::StoreHours { by_ms, .. } => self.server.clock_off_ms += by_ms,
            Fault::EdgeHours { edge, by_ms, .. } => self.edges[edge].clock_off_ms += by_ms,
        }
        self.agenda.put(self.now_ms + self.scenario.faults[number].1.for_ms(), Event::End(number));
    }

    fn kill(&mut self, edge: usize) {
        self.edges[edge].kill();
        self.lists.killed(edge, false, self.now_ms);
        self.ways[edge].fine_since_ms = None;
    }

    pub(super) fn end(&mut self, number: usize) {
        match self.scenario.faults[number].1.clone() {
            Fault::Kill { edge, .. } | Fault::Burn { edge, .. } | Fault::Tear { edge, .. } => self.start_again(edge),
            Fault::TwoMasters { .. } => {
                self.old_master = None;
                for edge in (1..self.edges.len()).step_by(2) {
                    if self.edges[edge].is_up()
                        && self.ways[edge].there == Weather::FINE
                        && self.ways[edge].back == Weather::FINE
                    {
                        self.ways[edge].fine_since_ms = Some(self.now_ms);
                    }
                }
            }
            Fault::Way { edge, .. } => self.mend_way(edge),
            Fault::Abroad { .. } => self.abroad = Weather::ABROAD,
            Fault::Empty { .. } => {
                self.server.begin_another_run(None);
                self.note(StoreEvent::AnotherRun(None));
                self.store_answers();
            }
            Fault::FailOver { clock_off_ms, .. } => {
                self.server.begin_another_run(self.copies[number].take());
                self.note(StoreEvent::AnotherRun(Some(number)));
                self.server.clock_off_ms = clock_off_ms;
                self.store_answers();
            }
            Fault::Silence { .. } => self.store_answers(),
            Fault::StartAgain { .. } => self.start_store_again(),
            Fault::StoreHours { by_ms, .. } if self.server.clock_off_ms.abs() >= HOUR_MS => {
                self.server.clock_off_ms -= by_ms;
            }
            Fault::EdgeHours { edge, by_ms, .. } if self.edges[edge].clock_off_ms.abs() >= HOUR_MS => {
                self.edges[edge].clock_off_ms -= by_ms;
            }
            // Somebody has set it meanwhile.
            Fault::StoreHours { .. } | Fault::EdgeHours { .. } => return,
            Fault::Rot { .. } | Fault::Evict => return,
            Fault::Wipe | Fault::StoreClock { .. } | Fault::EdgeClock { .. } => return,
        }
        self.trace.say(self.now_ms, &format_args!("over: {}", self.scenario.faults[number].1));
    }

    fn start_store_again(&mut self) {
        let state = self.server.copy();
        self.server.begin_another_run(state);
        self.note(StoreEvent::StartedAgain);
        self.store_answers();
        // Whoever is away may know more.
        let are_all_here =
            self.ways.iter().zip(&self.edges).all(|(ways, edge)| {
                edge.is_up() && ways.fine_since_ms.is_some_and(|since| self.now_ms >= since + LONG_MS)
            });
        // What was lost just before may not be back yet.
        let is_whole = self.scenario.faults.iter().all(|(at_ms, fault)| {
            !fault.is_loss() || *at_ms > self.now_ms || at_ms + fault.for_ms() + LONG_MS < self.now_ms
        });
        let view = self.server.view().filter(|_| are_all_here && is_whole);
        self.restart = view.map(|view| {
            let (numbers, until_ms) = (view.pool_size.max(view.line_size), self.now_ms + LOOKS_MS);
            Restart { numbers, is_in_pool: view.line_size == 0, until_ms }
        });
    }

    fn store_answers(&mut self) {
        (self.server.is_up, self.answers_since_ms) = (true, self.now_ms);
    }

    fn start_again(&mut self, edge: usize) {
        if !self.edges[edge].is_up() {
            self.start(edge);
            let ways = &mut self.ways[edge];
            ways.fine_since_ms = (ways.there == Weather::FINE && ways.back == Weather::FINE).then_some(self.now_ms);
        }
    }

    fn mend_way(&mut self, edge: usize) {
        let Ways { has_burned, .. } = self.ways[edge];
        let fine_since_ms = self.edges[edge].is_up().then_some(self.now_ms);
        self.ways[edge] = Ways { there: Weather::FINE, back: Weather::FINE, fine_since_ms, has_burned };
    }

    pub(super) fn heal(&mut self) {
        self.trace.say(self.now_ms, &"everything is healed");
        for edge in 0..self.edges.len() {
            self.start_again(edge);
            if self.ways[edge].fine_since_ms.is_none() {
                self.mend_way(edge);
            }
            self.edges[edge].clock_off_ms = HEALED_CLOCK_OFF_MS;
        }
        self.abroad = Weather::ABROAD;
        self.old_master = None;
        if !self.server.is_up {
            self.store_answers();
        }
        self.server.clock_off_ms = -HEALED_CLOCK_OFF_MS;
    }
}
