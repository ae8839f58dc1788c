//! What every store must do: answer as the pure model does, and stand as it stands, after every step of any history.

use fairgate_core::recovery::Replica;
use fairgate_core::room::{
    Admissions, Arrival, Arrived, Command, Entry, LossEvidence, Outcome, Position, Refusal, Room, Spot, View,
};
use fairgate_draw::CLAIM_BYTES;
use fairgate_draw::v2::{self, NO_TAG};
use fairgate_store::{Store, StoreError};
use fairgate_telemetry::clock::ManualClock;

use crate::operations::{Op, ROOM, tag, tier_entry};

/// The model that a store is compared with, and the roster that it should have.
#[derive(Clone, Default)]
pub(crate) struct Reference {
    room: Room,
    /// The room after the last command that left a trace.
    durable: Room,
    roster: Vec<Entry>,
    /// Those of each tier.
    tiers: Vec<Vec<Entry>>,
    /// The lines of the list of claims that it should have.
    claims: Vec<u8>,
    admissions: Admissions,
    /// What the store's only edge has answered.
    claimed: Replica,
    now_ms: u64,
}

impl Reference {
    /// A room that nothing has happened to, at this time.
    pub(crate) fn at(now_ms: u64) -> Self {
        Self { now_ms, ..Self::default() }
    }

    /// The view of the model after a tick.
    pub(crate) fn view(&mut self) -> Option<View> {
        drop(self.apply(&Command::Tick));
        self.room.view()
    }

    fn apply(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        let revision = self.room.revision();
        let answer = self.room.apply(command, self.now_ms);
        if self.room.revision() != revision {
            self.durable = self.room.clone();
        }
        answer
    }

    /// A store that is opened again, with the clock set right, knows the time of the last change, but not of the last look.
    pub(crate) fn open_again(&mut self) {
        self.now_ms = self.now_ms.max(self.room.now_ms());
        self.room = self.durable.clone();
    }

    /// The time, Unix ms.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The model as it stands.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// What an edge knows that has seen and answered everything.
    pub(crate) fn knowledge(&self) -> Replica {
        Replica { memory: self.room.memory(), claims: self.claimed.claims.clone(), ..Replica::default() }
    }

    /// The store was put back to what it was at another time (or to nothing), and an edge has told it what is known.
    /// Entries and lines of the list of claims that it lacks are gone.
    pub(crate) fn lose(&mut self, left: Option<Self>, known: &Replica) {
        let claimed = std::mem::take(&mut self.claimed);
        *self = Self { now_ms: self.now_ms, claimed, ..left.unwrap_or_default() };
        // The store's only edge is the one that tells.
        let is_older = known.memory.as_ref().is_none_or(|memory| self.room.revision() < memory.revision);
        let loss = if is_older { LossEvidence::Proven } else { LossEvidence::Suspected { others: false } };
        self.room.restore(known.memory.as_ref(), &known.claims, loss, None, self.now_ms);
        self.fit_rosters();
    }

    /// Takes one step with the model and with a store, and compares.
    pub(crate) async fn step(&mut self, op: &Op, store: &impl Store, clock: &ManualClock) {
        self.now_ms = op.now_ms(self.now_ms);
        clock.set(self.now_ms);
        let Some(command) = op.command(self.room.view().as_ref()) else { return };
        let generation = self.room.generation();
        let mut expected = self.apply(&command);
        if self.room.generation() != generation {
            self.roster.clear();
            self.tiers.clear();
            self.claims.clear();
            self.claimed = Replica::default();
        }
        if let (Command::Enter(entries), Ok(Outcome::Entered(positions))) = (&command, &expected) {
            self.note_entries(entries, positions);
        }
        if let (Command::Arrive(arrivals), Ok(Outcome::Arrived(arrived))) = (&command, &mut expected) {
            self.note_arrivals(arrivals, arrived);
        }
        if matches!(command, Command::Learn { .. } | Command::LearnTier { .. } | Command::Schedule(_)) {
            // Numbers that were left out are empty in the roster, and another plan may begin with none.
            self.fit_rosters();
        }
        if let Ok(outcome) = &expected {
            self.claimed.memory = self.room.memory();
            self.claimed.answered(&command, outcome);
            let (_, lines) = self.admissions.lines_of(&command, outcome, self.room.now_ms());
            self.claims.extend(lines);
        }
        match (store.apply(ROOM, command.clone()).await, expected) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, expected, "to {command:?}"),
            (Err(StoreError::Refused(refusal)), Err(expected)) => assert_eq!(refusal, expected, "to {command:?}"),
            (answer, expected) => panic!("{command:?} was answered {answer:?} and should be {expected:?}"),
        }
    }

    /// Compares how the store stands with how it should.
    pub(crate) async fn compare(&mut self, store: &impl Store) {
        match (store.view(ROOM).await, self.view()) {
            (Ok(view), Some(expected)) => assert_eq!(view, expected),
            (Err(StoreError::Refused(_)), None) => return,
            (view, expected) => panic!("the view is {view:?} and should be {expected:?}"),
        }
        self.compare_claims(store).await;
        if self.room.pooled_by_tier().is_some() {
            return self.compare_tiers(store).await;
        }
        let all = self.roster.as_flattened();
        assert_eq!(store.roster(ROOM, 0..u64::MAX).await.expect("it is scheduled"), all);
        let entries = self.roster.len() as u64;
        let (third, half) = (entries / 3, entries / 2 + 1);
        let part = store.roster(ROOM, third..half).await.expect("it is scheduled");
        assert_eq!(part, self.roster[third as usize..half.min(entries) as usize].as_flattened());
    }

    /// Compares the entries and the tags of each tier, whole and in part.
    async fn compare_tiers(&self, store: &impl Store) {
        for (tier, entries) in (0..).zip(&self.tiers) {
            let roster = store.tier_roster(ROOM, tier, 0..u64::MAX).await.expect("it is scheduled");
            assert_eq!(roster, entries.as_flattened(), "tier {tier}");
            let tags = store.tags(ROOM, tier, 0..u64::MAX).await.expect("it is scheduled");
            let expected = self.room.tags(tier);
            let expected = if expected.is_empty() { vec![NO_TAG; entries.len()] } else { expected.to_vec() };
            assert_eq!(tags, expected.as_flattened(), "tier {tier}");
            let (from, to) = (entries.len() / 3, entries.len() / 2);
            let part = store.tags(ROOM, tier, from as u64..to as u64).await.expect("it is scheduled");
            assert_eq!(part, expected[from..to].as_flattened());
        }
    }

    /// Compares the list of claims, whole and in part.
    async fn compare_claims(&self, store: &impl Store) {
        assert_eq!(store.claims(ROOM, 0..u64::MAX).await.expect("it is scheduled"), self.claims);
        let line_bytes = if self.room.pooled_by_tier().is_some() { v2::CLAIM_BYTES } else { CLAIM_BYTES };
        let claims = (self.claims.len() / line_bytes) as u64;
        let part = store.claims(ROOM, claims / 3..claims / 2).await.expect("it is scheduled");
        let [from, to] = [claims / 3, claims / 2].map(|at| at as usize * line_bytes);
        assert_eq!(part, self.claims[from..to]);
    }

    /// Keeps new entries, and says which entry stands where somebody came again.
    fn note_arrivals(&mut self, arrivals: &[Arrival], arrived: &mut [Arrived]) {
        self.fit_tiers();
        for (arrival, arrived) in arrivals.iter().zip(arrived) {
            match arrived {
                Arrived::New { at: Spot::Pool { tier, .. }, which } => {
                    self.tiers[usize::from(*tier)].push(arrival.entries[usize::from(*which)].0);
                }
                Arrived::Again { at: Spot::Pool { tier, index }, entry, .. } => {
                    *entry = Some(self.tiers[usize::from(*tier)][*index as usize]);
                }
                _ => {}
            }
        }
        let counts = self.room.pooled_by_tier().expect("it has tiers");
        assert_eq!(self.tiers.iter().map(|tier| tier.len() as u64).collect::<Vec<_>>(), Vec::from(counts));
    }

    /// As many entries as the room has, empty ones at the end.
    fn fit_rosters(&mut self) {
        let entries = self.room.view().map_or(0, |view| view.pool_size);
        self.roster.resize(usize::try_from(entries).unwrap(), [0; 32]);
        let counts = self.room.pooled_by_tier().unwrap_or_default();
        self.fit_tiers();
        for (entries, count) in self.tiers.iter_mut().zip(counts.iter()) {
            entries.resize(usize::try_from(count).unwrap(), [0; 32]);
        }
    }

    fn fit_tiers(&mut self) {
        let tiers = self.room.pooled_by_tier().map_or(0, |tiers| tiers.tiers());
        self.tiers.resize(tiers, Vec::new());
    }

    fn note_entries(&mut self, entries: &[Entry], positions: &[Position]) {
        for (entry, position) in entries.iter().zip(positions) {
            if *position == Position::Pool(self.roster.len() as u64) {
                self.roster.push(*entry);
            }
        }
    }
}

/// Drives a store through a history and compares it with the model at every step.
pub(crate) async fn follows_the_model(
    reference: &mut Reference,
    history: &[Op],
    store: &impl Store,
    clock: &ManualClock,
) {
    for op in history {
        reference.step(op, store, clock).await;
        reference.compare(store).await;
    }
}

/// Joins that come at the same moment, each on its own, get every position once, and a retry gets it again.
pub(crate) async fn concurrent_joins_get_each_position_once<S: Store>(store: std::sync::Arc<S>, joins: u64) {
    let join = |n: u64| {
        let store = std::sync::Arc::clone(&store);
        async move {
            let mut entry = [0; 32];
            entry[..8].copy_from_slice(&n.to_be_bytes());
            let enter = Command::Enter(vec![entry]);
            let first = store.apply(ROOM, enter.clone()).await.expect("the pool is open");
            assert_eq!(store.apply(ROOM, enter).await.expect("the pool is open"), first);
            let Outcome::Entered(positions) = first else { panic!("answered {first:?}") };
            positions[0].number()
        }
    };
    let tasks: Vec<_> = (0..joins).map(|n| tokio::spawn(join(n))).collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.expect("no join panics"));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..joins).collect::<Vec<_>>());
}

/// One person who comes at the same moment with many devices has one position.
pub(crate) async fn one_tag_has_one_position<S: Store>(store: std::sync::Arc<S>, devices: u8) {
    let arrive = |device: u8| {
        let store = std::sync::Arc::clone(&store);
        async move {
            let arrival = Arrival::plain(device % 2, tier_entry(0, device, 1), tag(1));
            match store.apply(ROOM, Command::Arrive(vec![arrival])).await.expect("the pool is open") {
                Outcome::Arrived(arrived) => arrived[0],
                other => panic!("answered {other:?}"),
            }
        }
    };
    let tasks: Vec<_> = (0..devices).map(|device| tokio::spawn(arrive(device))).collect();
    let (mut new, mut spots, mut entries) = (0, Vec::new(), Vec::new());
    for task in tasks {
        let arrived = task.await.expect("no arrival panics");
        new += usize::from(matches!(arrived, Arrived::New { .. }));
        spots.extend(arrived.at());
        entries.extend(if let Arrived::Again { entry, .. } = arrived { entry } else { None });
    }
    assert_eq!((new, spots.len()), (1, usize::from(devices)));
    assert!(spots.iter().all(|spot| *spot == spots[0]), "{spots:?}");
    let Spot::Pool { tier, index } = spots[0] else { panic!("{spots:?}") };
    let roster = store.tier_roster(ROOM, tier, index..index + 1).await.expect("it is scheduled");
    assert!(entries.len() + 1 == usize::from(devices) && entries.iter().all(|entry| roster == entry[..]));
}
