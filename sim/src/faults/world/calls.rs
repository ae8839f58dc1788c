//! Fans ask, and hear what comes of it.

use fairgate_core::room::Position;
use rand::RngExt;

use super::super::edge::Answer;
use super::super::fan::{self, News, Wanted};
use super::super::network::Weather;
use super::World;
use super::event::Event;

impl World {
    pub(super) fn fan_turn(&mut self, fan: usize) {
        let Some((ask, call)) = self.fans[fan].turn(self.now_ms) else { return };
        let edge = self.chance.random_range(0..self.edges.len());
        self.history.asked(self.now_ms, fan, edge, &call);
        for delay_ms in self.way_of(fan).arrivals(&mut self.chance) {
            self.agenda.put(self.now_ms + delay_ms, Event::FanCall { fan, ask, edge, call: call.clone() });
        }
        self.agenda.put(self.now_ms + fan::ANSWER_WITHIN_MS, Event::FanGivesUp { fan, ask });
    }

    /// The way between a fan and the edges.
    fn way_of(&self, fan: usize) -> Weather {
        match self.abroad {
            Weather::ABROAD if self.fans[fan].has_had_bad_luck() => Weather { lost_permille: 0, ..Weather::ABROAD },
            weather => weather,
        }
    }

    pub(super) fn send_answer(&mut self, edge: usize, fan: usize, ask: u64, answer: Answer) {
        for delay_ms in self.way_of(fan).arrivals(&mut self.chance) {
            let event = Event::FanAnswer { fan, ask, edge, answer: answer.clone() };
            self.agenda.put(self.now_ms + delay_ms, event);
        }
    }

    pub(super) fn fan_answered(&mut self, number: usize, ask: u64, edge: usize, answer: Answer) {
        let fan = &mut self.fans[number];
        let Some((_, wanted)) = fan.ask.take_if(|(asked, _)| *asked == ask) else { return };
        if let (Answer::Status(shown), Some(ticket)) = (&answer, &fan.ticket)
            && shown.standing.has_draw_of(ticket)
            && let Some(place) = shown.standing.place_of(ticket)
        {
            self.witness.at(self.now_ms).placed(number, place);
        }
        if let (Answer::Outside, Some(pass)) = (&answer, fan.pass()) {
            let edge_ms = self.edges[edge].at(self.now_ms).map(|process| process.clock_ms());
            if let Some((edge_ms, view)) = edge_ms.zip(self.server.view()) {
                self.witness.at(self.now_ms).sent_out(number, edge, pass, edge_ms, &view);
            }
        }
        let (news, again_ms) = fan.answered(answer, self.scenario.session_ms, self.now_ms, &mut self.chance);
        if let Some(after_ms) = again_ms {
            self.agenda.put(self.now_ms + after_ms, Event::FanTurn(number));
        }
        self.at_home += usize::from(fan.is_done);
        self.history.answered(self.now_ms, number, edge, wanted, &news);
        self.tell(number, edge, wanted, &news);
    }

    fn tell(&mut self, fan: usize, edge: usize, wanted: Wanted, news: &News) {
        let witness = self.witness.at(self.now_ms);
        let line = match news {
            News::None | News::Failed(_) if wanted == Wanted::Status || wanted == Wanted::Visit => return,
            News::None => return,
            News::Joined(ticket) => {
                if ticket.of_tier.is_none() {
                    witness.joined(fan, edge, ticket);
                } else if let Some((promise, what)) = self.one_entry.joined(fan, edge, ticket, self.now_ms) {
                    witness.blame(promise, what);
                }
                match ticket.position {
                    Position::Pool(index) => format!("has entry {index} of the pool, from edge {edge}"),
                    Position::Line(place) => format!("has place {place} of the line, from edge {edge}"),
                }
            }
            News::CameAgain(ticket) => {
                let ways = &self.ways;
                let is_well = |edge: usize, since_ms: u64| {
                    !ways[edge].has_burned && ways[edge].fine_since_ms.is_some_and(|fine_ms| fine_ms < since_ms)
                };
                let first = self.fans[fan].ticket.as_ref();
                let complaint = first.and_then(|first| self.one_entry.came_again(fan, (first, ticket), is_well));
                if let Some((promise, what)) = complaint {
                    witness.blame_draw(promise, what);
                }
                format!("comes again on a second device, to edge {edge}: {:?}", ticket.position)
            }
            News::Moved => {
                self.one_device.moved(fan, edge, self.now_ms);
                format!("has moved the place to the second device, through edge {edge}")
            }
            News::TurnedAway => {
                self.one_device.turned_away += 1;
                format!("is told by edge {edge} that the place is the second device's")
            }
            News::FirstCameIn { place } => {
                let ways = &self.ways;
                let is_well = |edge: usize, since_ms: u64| {
                    !ways[edge].has_burned && ways[edge].fine_since_ms.is_some_and(|fine_ms| fine_ms < since_ms)
                };
                if let Some((promise, what)) = self.one_device.came_in(fan, *place, is_well) {
                    witness.blame_draw(promise, what);
                }
                format!("is let in by edge {edge} with place {place}, which its first device had handed over")
            }
            News::Admitted { pass, .. } => {
                if let Some(ticket) = self.fans[fan].ticket.clone() {
                    witness.passed(fan, edge, &ticket, pass);
                }
                format!("is let in with place {} by edge {edge}", pass.place)
            }
            News::Entered => "is in the shop".to_owned(),
            News::Lost(status) => {
                witness.place_lost(fan, *status);
                format!("is told {status} by edge {edge}: the place is gone")
            }
            News::Failed(status) => format!("is told {status} by edge {edge}, asking for {wanted:?}"),
            News::Waits { retry_after_ms } => format!("is told by edge {edge} to ask again in {retry_after_ms} ms"),
            News::WentHome => "goes home".to_owned(),
        };
        self.trace.say(self.now_ms, &format_args!("fan {fan} {line}"));
    }

    pub(super) fn fan_gives_up(&mut self, number: usize, ask: u64) {
        let Some((_, wanted)) = self.fans[number].ask.filter(|(asked, _)| *asked == ask) else { return };
        if let Some(after_ms) = self.fans[number].gave_up(ask, &mut self.chance) {
            self.history.unknown(self.now_ms, number, wanted);
            self.trace.say(self.now_ms, &format_args!("fan {number} has heard nothing, asking for {wanted:?}"));
            self.agenda.put(self.now_ms + after_ms, Event::FanTurn(number));
        }
    }
}
