//! What breaks, and how it is over.

use super::super::fault::Fault;
use super::super::messages::StoreEvent;
use super::super::network::Weather;
use super::event::Event;
use super::{Ways, World};

/// How far the store's clock and an edge's may be off once everything is healed, ms.
const HEALED_CLOCK_OFF_MS: i64 = 500;

impl World {
    pub(super) fn begin(&mut self, number: usize) {
        let fault = self.scenario.faults[number].1.clone();
        self.trace.say(self.now_ms, &format_args!("FAULT: {fault}"));
        if fault.is_loss() {
            self.witness.lost();
            self.server.list().into_iter().for_each(|list| self.lists.lost(list));
        }
        match fault {
            Fault::Kill { edge, .. } => self.kill(edge),
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
            Fault::Empty { .. } | Fault::FailOver { .. } | Fault::Silence { .. } => self.server.is_up = false,
            Fault::StoreClock { by_ms } => self.server.clock_off_ms = by_ms,
            Fault::EdgeClock { edge, by_ms } => self.edges[edge].clock_off_ms = by_ms,
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
            Fault::Kill { edge, .. } | Fault::Burn { edge, .. } => self.start_again(edge),
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
            Fault::Wipe | Fault::StoreClock { .. } | Fault::EdgeClock { .. } => return,
        }
        self.trace.say(self.now_ms, &format_args!("over: {}", self.scenario.faults[number].1));
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
        if !self.server.is_up {
            self.store_answers();
        }
        self.server.clock_off_ms = -HEALED_CLOCK_OFF_MS;
    }
}
