//! What has to hold after every step, whatever broke, and at the end.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use fairgate_core::room::{ClaimOutcome, Command, Entry, Outcome, View};
use fairgate_crowd::Cap;
use fairgate_draw::ZERO;
use fairgate_token::{Pass, SessionId, Ticket};

use super::edge::{Shown, root_of};
use super::limit::{Beyond, Limit};

/// Admissions that are looked at after each step; all of them are at the end.
const CAP_LOOKS_BACK: usize = 64;
/// How far the room's time may be from the simulated time, and an edge's from the room's. An edge that is started
/// while its clock and the store's are both a minute off has nobody to believe. What no clock may do is take a room
/// hours along.
const TIME_OFF_MAX_MS: u64 = 150_000;
/// A room that is behind by more has stood still.
const STANDSTILL_MAX_MS: u64 = 20_000;

/// A promise of `DESIGN.md`'s kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A number of the pool or the line is given to one entry, and a place is one fan's.
    OneOwner,
    /// A place is let in once.
    OneAdmission,
    /// The session follows from draw and place.
    SessionFollows,
    /// In every window at most rate · w + burst are let in.
    Cap,
    /// Nobody is let in where there is no room inside.
    MaxActive,
    /// `serving` never goes back, as fans see it.
    ServingForward,
    /// A ticket that was kept is never worth less.
    TicketKept,
    /// An identity has one entry in the whole room, and the same place on another device.
    OneEntry,
    /// A place that was handed over is the other device's alone.
    OneDevice,
    /// The roster has what was answered, and its root is that of its bytes.
    RosterKept,
    /// Commitment, root and seed are shown once and stand.
    DrawStands,
    /// Where the store has lost nothing, no number is left out.
    NothingBurnt,
    /// The room's time passes as time does, whoever's clock is set.
    TimeGoesOn,
    /// A pass that is good by the room's time opens the shop at every edge.
    PassHolds,
    /// After healing the line drains.
    Drains,
    /// What the judge of all histories says.
    History,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneOwner => "a number has one owner",
            Self::OneAdmission => "a place is let in once",
            Self::SessionFollows => "the session follows from the place",
            Self::Cap => "the cap holds in every window",
            Self::MaxActive => "nobody is let in where there is no room inside",
            Self::ServingForward => "serving never goes back",
            Self::TicketKept => "a ticket is never worth less",
            Self::OneEntry => "one identity has one entry",
            Self::OneDevice => "a place that moved is the other device's alone",
            Self::RosterKept => "the roster has what was answered",
            Self::DrawStands => "what is public of the draw stands",
            Self::NothingBurnt => "nothing is left out where nothing was lost",
            Self::TimeGoesOn => "the room's time goes on as it was",
            Self::PassHolds => "a good pass opens the shop everywhere",
            Self::Drains => "the line drains after healing",
            Self::History => "the history makes sense",
        })
    }
}

/// A promise that was broken, when (ms of paper time), and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// When, Unix ms.
    pub at_ms: u64,
    /// How.
    pub what: String,
}

/// What is public of a draw; the first of each that anybody was shown.
#[derive(Debug, Default)]
struct PublicDraw {
    digest: Option<[u8; 32]>,
    commitment: Option<[u8; 32]>,
    root: Option<[u8; 32]>,
    seed: Option<[u8; 32]>,
}

/// Everything that has to be remembered to see that a promise is broken.
#[derive(Debug)]
pub(crate) struct Witness {
    now_ms: u64,
    cap: Cap,
    max_active: u64,
    numbers: HashMap<u64, (Entry, usize)>,
    places: HashMap<u64, usize>,
    place_of: HashMap<usize, u64>,
    /// Of each place: when it was let in, and how often the store had lost something by then.
    admissions: BTreeMap<u64, (u64, u32)>,
    /// Of each place: which edge told its fan so, and when.
    told: BTreeMap<u64, (usize, u64)>,
    admitted_at_ms: Vec<u64>,
    sessions: HashMap<SessionId, usize>,
    serving: BTreeMap<(usize, u64), u64>,
    draw: PublicDraw,
    /// How often the store has lost something.
    losses: u32,
    /// Entries of the pool that fans were answered, by index, and by which edge.
    answered: BTreeMap<u64, (Entry, usize)>,
    broken: Vec<Broken>,
    /// From now on another list may be the draw's.
    excuse: Option<Limit>,
    beyond: Option<Beyond>,
}

impl Witness {
    pub(crate) fn new(cap: Cap, max_active: u64) -> Self {
        Self {
            now_ms: 0,
            cap,
            max_active,
            numbers: HashMap::new(),
            places: HashMap::new(),
            place_of: HashMap::new(),
            admissions: BTreeMap::new(),
            told: BTreeMap::new(),
            admitted_at_ms: Vec::new(),
            sessions: HashMap::new(),
            serving: BTreeMap::new(),
            draw: PublicDraw::default(),
            losses: 0,
            answered: BTreeMap::new(),
            broken: Vec::new(),
            excuse: None,
            beyond: None,
        }
    }

    pub(crate) fn at(&mut self, now_ms: u64) -> &mut Self {
        self.now_ms = now_ms;
        self
    }

    pub(crate) fn broken(&self) -> &[Broken] {
        &self.broken
    }

    pub(crate) fn blame(&mut self, promise: Promise, what: String) {
        self.broken.push(Broken { promise, at_ms: self.now_ms, what });
    }

    pub(crate) fn beyond(&self) -> Option<&Beyond> {
        self.beyond.as_ref()
    }

    /// From now on a limit excuses that the draw, and what places follow from it, are others than before.
    pub(crate) fn excuse(&mut self, limit: Limit) {
        self.excuse.get_or_insert(limit);
    }

    /// Blames what follows from the list of the draw, unless a limit excuses that it is another one.
    pub(crate) fn blame_draw(&mut self, promise: Promise, what: String) {
        let Some(limit) = self.excuse else { return self.blame(promise, what) };
        let at_ms = self.now_ms;
        self.beyond.get_or_insert_with(|| Beyond { limit, at_ms, what: format!("{promise}: {what}") });
    }

    /// The store has lost something.
    pub(crate) fn lost(&mut self) {
        self.losses += 1;
    }

    /// A fan was answered a number.
    pub(crate) fn joined(&mut self, fan: usize, edge: usize, ticket: &Ticket) {
        let number = ticket.position.number();
        let (entry, owner) = *self.numbers.entry(number).or_insert((ticket.entry, fan));
        if entry != ticket.entry {
            self.blame(Promise::OneOwner, format!("number {number} is fan {owner}'s and was given to fan {fan}"));
        }
        if matches!(ticket.position, fairgate_core::room::Position::Pool(_)) {
            self.answered.insert(number, (ticket.entry, edge));
        }
    }

    /// A fan sees that the ticket is worth a place.
    pub(crate) fn placed(&mut self, fan: usize, place: u64) {
        let known = *self.place_of.entry(fan).or_insert(place);
        if known != place {
            self.blame_draw(Promise::TicketKept, format!("fan {fan} had place {known} and now has {place}"));
        }
        let owner = *self.places.entry(place).or_insert(fan);
        if owner != fan {
            self.blame_draw(Promise::OneOwner, format!("place {place} is fan {owner}'s and fan {fan}'s"));
        }
    }

    /// A fan's place is gone.
    pub(crate) fn place_lost(&mut self, fan: usize, status: u16) {
        self.blame_draw(Promise::TicketKept, format!("fan {fan} was told {status}: the place is gone"));
    }

    /// A fan holds a pass.
    pub(crate) fn passed(&mut self, fan: usize, edge: usize, ticket: &Ticket, pass: &Pass) {
        self.told.insert(pass.place, (edge, self.now_ms));
        if pass.session != SessionId::of(&ticket.draw, pass.place) {
            self.blame(Promise::SessionFollows, format!("fan {fan}'s session is not that of place {}", pass.place));
        }
        let owner = *self.sessions.entry(pass.session).or_insert(fan);
        if owner != fan {
            self.blame_draw(Promise::OneAdmission, format!("fan {fan} came in with the session of fan {owner}"));
        }
        self.placed(fan, pass.place);
    }

    /// The store has answered a command; it stands like this now. `is_well`: nothing has been wrong with an edge since a
    /// time, so that it could put back whom it had let in.
    pub(crate) fn applied(
        &mut self,
        command: &Command,
        outcome: &Outcome,
        view: &View,
        is_well: impl Fn(usize, u64) -> bool,
    ) {
        let Outcome::Claimed(outcomes) = outcome else { return };
        let places: Vec<u64> = match command.plain() {
            Command::Claim(claimants) => claimants.iter().map(|claimant| claimant.place).collect(),
            Command::ClaimTiers(claimants) => claimants.iter().map(|claimant| claimant.place).collect(),
            _ => return,
        };
        for (place, outcome) in places.into_iter().zip(outcomes) {
            if let ClaimOutcome::Admitted { admitted_at_ms, .. } = *outcome {
                self.admitted(place, admitted_at_ms, view, &is_well);
            }
        }
    }

    /// A fan who was inside is shown the waiting page instead of the shop, by an edge that goes by this time.
    pub(crate) fn sent_out(&mut self, fan: usize, edge: usize, pass: &Pass, edge_ms: u64, view: &View) {
        let is_open = view.draw.descriptor_digest == pass.draw && !view.closed.contains_key(&pass.place);
        if is_open && view.now_ms < pass.expires_at_ms && edge_ms.abs_diff(view.now_ms) > TIME_OFF_MAX_MS {
            self.blame(Promise::PassHolds, format!("edge {edge} turned away fan {fan}, whose pass is good"));
        }
    }

    fn admitted(&mut self, place: u64, at_ms: u64, view: &View, is_well: impl Fn(usize, u64) -> bool) {
        match self.admissions.insert(place, (at_ms, self.losses)) {
            Some((before_ms, _)) if before_ms == at_ms => return,
            Some((before_ms, losses)) if losses == self.losses => self.blame(
                Promise::OneAdmission,
                format!("place {place} was let in at {before_ms} and at {at_ms}, and nothing was lost between"),
            ),
            Some(_) => {
                if let Some((edge, _)) = self.told.get(&place).filter(|(edge, told_ms)| is_well(*edge, *told_ms)) {
                    let what = format!("place {place} was let in again, though edge {edge} knew that it was in");
                    self.blame(Promise::OneAdmission, what);
                }
            }
            None => {}
        }
        if view.active > self.max_active {
            let what = format!("place {place} was let in as session {} of {}", view.active, self.max_active);
            self.blame(Promise::MaxActive, what);
        }
        self.admitted_at_ms.push(at_ms);
        let recent = self.admitted_at_ms.len().saturating_sub(CAP_LOOKS_BACK);
        self.judge_cap(recent);
    }

    fn judge_cap(&mut self, from: usize) {
        let mut times = self.admitted_at_ms[from..].to_vec();
        times.sort_unstable();
        if let Some(breach) = self.cap.first_breach(&times) {
            let window_ms = breach.to_ms - breach.from_ms;
            self.blame(Promise::Cap, format!("{} were let in within {window_ms} ms", breach.admitted));
        }
    }

    /// An edge shows how the room stands.
    pub(crate) fn shown(&mut self, edge: usize, life: u64, shown: &Shown) {
        let view = &shown.standing.view;
        self.shown_draw(edge, view);
        if shown.is_stale {
            return;
        }
        let (ahead_ms, behind_ms) = (view.now_ms.saturating_sub(self.now_ms), self.now_ms.saturating_sub(view.now_ms));
        if ahead_ms > TIME_OFF_MAX_MS || behind_ms > STANDSTILL_MAX_MS {
            self.blame(
                Promise::TimeGoesOn,
                format!("edge {edge} shows a time {ahead_ms} ms ahead, {behind_ms} ms behind"),
            );
        }
        let before = self.serving.insert((edge, life), view.serving).unwrap_or(0);
        if view.serving < before {
            let what = format!("edge {edge} showed {before} and then {}", view.serving);
            self.blame(Promise::ServingForward, what);
        }
    }

    fn shown_draw(&mut self, edge: usize, view: &View) {
        let (draw, first) = (&view.draw, &mut self.draw);
        let shown = [
            ("descriptor", stands(&mut first.digest, Some(draw.descriptor_digest))),
            ("commitment", stands(&mut first.commitment, Some(draw.commitment))),
            ("root", stands(&mut first.root, draw.root)),
            ("seed", stands(&mut first.seed, draw.seed)),
        ];
        for (name, _) in shown.into_iter().filter(|(_, stands)| !stands) {
            self.blame_draw(Promise::DrawStands, format!("edge {edge} shows another {name}"));
        }
    }

    /// The root is public. The roster that it was made of has everything that was answered, but for holes. The record
    /// admits the holes, and `excuses` says that they were an edge's that could not put them back. The edge that
    /// published the root has a copy of the roster.
    pub(crate) fn frozen(
        &mut self,
        view: &View,
        roster: &[Entry],
        excuses: impl Fn(usize) -> bool,
        has_copy: impl Fn(&[u8; 32]) -> bool,
    ) {
        let holes = roster.iter().filter(|entry| **entry == ZERO).count() as u64;
        if view.draw.missing != Some(holes) {
            self.blame(
                Promise::RosterKept,
                format!("the record says {:?} are missing, {holes} are", view.draw.missing),
            );
        }
        if !view.draw.root.as_ref().is_some_and(has_copy) {
            self.blame(Promise::RosterKept, "an edge published a root and has no copy of the roster".to_owned());
        }
        let is_kept = |index: u64, entry: &Entry, edge: usize| {
            let there = entry_at(roster, index);
            there == *entry || (there == ZERO && excuses(edge))
        };
        let gone = self.answered.iter().find(|(index, (entry, edge))| !is_kept(**index, entry, *edge));
        if let Some((index, (_, edge))) = gone {
            let what = format!("entry {index}, which edge {edge} answered, is not in the roster at the freeze");
            self.blame(Promise::RosterKept, what);
        }
    }

    /// The cap held in windows of every length.
    pub(crate) fn judge_all_windows(&mut self) {
        self.judge_cap(0);
    }

    /// The end of it: the roster is what its root was made of, whatever was lost; and the cap held in windows of every
    /// length.
    pub(crate) fn finished(&mut self, roster: &[Entry]) {
        self.judge_all_windows();
        if self.draw.root.is_some_and(|public| public != root_of(roster)) {
            self.blame_draw(Promise::RosterKept, "the roster's root is not the one that was published".to_owned());
        }
    }
}

fn entry_at(roster: &[Entry], index: u64) -> Entry {
    usize::try_from(index).ok().and_then(|index| roster.get(index)).copied().unwrap_or(ZERO)
}

/// True if what is shown now, if anything, is what was shown first.
fn stands(first: &mut Option<[u8; 32]>, now: Option<[u8; 32]>) -> bool {
    now.is_none_or(|now| *first.get_or_insert(now) == now)
}
