//! The store: the real room, its roster and the places of its draw.

use anyhow::bail;
use fairgate_core::room::{
    ClaimOutcome, Claimant, Command, Control, Entry, Late, Mode, Outcome, Phase, Policy, Position, Room, SalePlan, View,
};
use fairgate_draw::{RootHasher, Shuffle};

use super::crowd::{BEGIN_MS, OPENS_AT_MS};
use super::options::Options;

pub(super) const ROOM: &str = "the-final";
const MINUTE_MS: u64 = 60_000;

/// A room that every edge reaches.
pub(super) struct Store {
    room: Room,
    /// How it stood at the last beat.
    pub(super) view: View,
    roster: RootHasher,
    /// From the reveal on: the place of each index of the pool.
    places: Vec<u32>,
}

impl Store {
    pub(super) fn new(options: &Options, secret: [u8; 32]) -> anyhow::Result<Self> {
        let mut room = Room::default();
        room.apply(&Command::Schedule(plan(options, secret)), BEGIN_MS)?;
        let Some(view) = room.view() else { bail!("a scheduled room has a view") };
        Ok(Self { room, view, roster: RootHasher::new(), places: Vec::new() })
    }

    /// What edges do five times a second: a look, and the next step of the draw.
    pub(super) fn beat(&mut self, now_ms: u64) -> anyhow::Result<()> {
        self.room.apply(&Command::Tick, now_ms)?;
        self.look()?;
        if self.view.phase == Phase::Drawing {
            self.draw(now_ms)?;
        }
        Ok(())
    }

    /// The place of a position's number, once it has one.
    pub(super) fn place(&self, number: u32) -> Option<u64> {
        if u64::from(number) >= self.view.pool_size {
            return Some(u64::from(number));
        }
        self.places.get(number as usize).map(|place| u64::from(*place))
    }

    pub(super) fn enter(&mut self, entries: Vec<Entry>, at_ms: u64) -> anyhow::Result<Vec<Position>> {
        let command = Command::Enter(entries);
        let outcome = self.room.apply(&command, at_ms)?;
        let (Command::Enter(entries), Outcome::Entered(positions)) = (command, outcome) else {
            bail!("positions answer entries")
        };
        for (entry, position) in entries.iter().zip(&positions) {
            if matches!(position, Position::Pool(_)) {
                self.roster.push(entry);
            }
        }
        Ok(positions)
    }

    pub(super) fn claim(&mut self, places: &[u64], at_ms: u64) -> anyhow::Result<Vec<ClaimOutcome>> {
        let claimants = places.iter().map(|place| Claimant { place: *place, index: None, nonce: None }).collect();
        let Outcome::Claimed(outcomes) = self.room.apply(&Command::Claim(claimants), at_ms)? else {
            bail!("claims are answered")
        };
        Ok(outcomes)
    }

    pub(super) fn release(&mut self, place: u64, at_ms: u64) -> anyhow::Result<()> {
        self.room.apply(&Command::Release(vec![place]), at_ms)?;
        Ok(())
    }

    pub(super) fn sell_out(&mut self, at_ms: u64) -> anyhow::Result<()> {
        self.room.apply(&Command::Control(vec![Control::SoldOut(true)]), at_ms)?;
        Ok(())
    }

    fn look(&mut self) -> anyhow::Result<()> {
        let Some(view) = self.room.view() else { bail!("the room has lost its plan") };
        self.view = view;
        Ok(())
    }

    fn draw(&mut self, now_ms: u64) -> anyhow::Result<()> {
        match self.view.draw.frozen_at_ms {
            None => {
                let (entries, root) = std::mem::take(&mut self.roster).finish();
                self.room.apply(&Command::Freeze { entries, root }, now_ms)?;
            }
            Some(frozen_at_ms) if now_ms >= frozen_at_ms + self.view.policy.witness_ms => {
                self.room.apply(&Command::Reveal { beacon: None }, now_ms)?;
                self.look()?;
                let Some(seed) = self.view.draw.seed else { bail!("a revealed draw has a seed") };
                self.places = Shuffle::new(&seed, self.view.pool_size).all_places()?;
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn plan(options: &Options, secret: [u8; 32]) -> SalePlan {
    let policy = Policy {
        rate_per_minute: options.rate_per_minute,
        burst: options.rate_per_minute.div_ceil(60),
        max_active: options.max_active,
        grace_ms: 5 * MINUTE_MS,
        session_idle_ms: 10 * MINUTE_MS,
        session_max_ms: 60 * MINUTE_MS,
        witness_ms: 2_000,
        late: Late::Tail,
        mode: Mode::Fixed,
        target_ms: 500,
        floor_per_minute: 1,
    };
    SalePlan {
        room: ROOM.to_owned(),
        opens_at_ms: OPENS_AT_MS,
        starts_at_ms: OPENS_AT_MS + options.pool_minutes * MINUTE_MS,
        ends_at_ms: None,
        secret,
        beacon: None,
        config_version: 0,
        policy,
        rules: None,
    }
}
