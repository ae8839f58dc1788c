//! What Lua does around a room with tiers: `lua/arrive.lua` (which entry a known identity has), `lua/refill_tiers.lua` and
//! `lua/put_back_tiers.lua` (which entries are taken back, with their tags).

use fairgate_core::room::{Arrived, Command, Entry, Outcome, PutBack, Refusal, Spot};
use fairgate_draw::ZERO;
use fairgate_draw::v2::{NO_TAG, Tag};

use super::super::messages::{AnsweredEntry, Response, TierList};
use super::super::sabotage::Sabotage;
use super::{Server, State};

/// The most entries that one script takes.
const ENTRIES_A_SCRIPT: usize = 250;

impl Server {
    /// Rosters and tags of all tiers as they would be published.
    #[must_use]
    pub(in super::super) fn tier_lists(&self) -> Vec<TierList> {
        let Some(state) = &self.state else { return Vec::new() };
        let tiers = state.room.view().map_or_else(Vec::new, |view| view.tiers);
        let list = |(number, tier): (u8, &fairgate_core::room::TierView)| TierList {
            entries: (0..tier.entries).map(|index| state.entry_in(number, index)).collect(),
            tags: state.room.tags(number).to_vec(),
        };
        (0_u8..).zip(&tiers).map(list).collect()
    }

    /// Writes the new entries of the pools into their rosters, and says which entries the others have.
    pub(super) fn arrive(&mut self, command: &Command, mut arrived: Vec<Arrived>) -> Vec<Arrived> {
        let (Some(state), Command::Arrive(arrivals)) = (&mut self.state, command) else { return arrived };
        for (arrival, one) in arrivals.iter().zip(&mut arrived) {
            match one {
                Arrived::New { at: Spot::Pool { tier, index }, which } => {
                    if let Some((entry, _)) = arrival.entries.get(usize::from(*which)) {
                        state.write_in(*tier, *index, *entry);
                    }
                }
                Arrived::Again { at: Spot::Pool { tier, index }, entry, .. } => {
                    *entry = Some(state.entry_in(*tier, *index));
                }
                _ => {}
            }
        }
        arrived
    }

    /// `lua/refill_tiers.lua`.
    pub(super) fn refill_tiers(&mut self, entries: &[AnsweredEntry], is_under_root: bool, now_ms: u64) -> Response {
        let sabotage = self.sabotage;
        let Some(state) = &mut self.state else { return Response::Refused(Refusal::NotScheduled) };
        drop(state.room.apply(&Command::Tick, now_ms));
        let Some(view) = state.room.view() else { return Response::Refused(Refusal::NotScheduled) };
        let stays_out = view.draw.root.is_some() && !is_under_root;
        let stays_out = |at: Spot| stays_out && matches!(at, Spot::Pool { .. });
        let too_late = entries.iter().any(|answered| stays_out(answered.at));
        for part in entries.chunks(ENTRIES_A_SCRIPT).filter(|_| sabotage != Some(Sabotage::NoRefill)) {
            let mut written = 0;
            for AnsweredEntry { at, entry, tag } in part.iter().filter(|answered| !stays_out(answered.at)) {
                let is_free = match *at {
                    Spot::Pool { tier, index } => state.entry_in(tier, index) == ZERO,
                    Spot::Line { .. } => true,
                };
                if is_free {
                    let came = state.room.put_back_entry(*at, entry, kept(sabotage, *tag));
                    written += usize::from(write_back(state, *at, *entry, came));
                }
            }
            if written > 0 {
                state.room.entries_put_back();
            }
        }
        Response::EntriesRestored { too_late }
    }

    /// `lua/put_back_tiers.lua`, all parts at once, and late comers behind them.
    pub(super) fn put_back_tiers(
        &mut self,
        root: &[u8; 32],
        lists: &[TierList],
        late: &[AnsweredEntry],
        now_ms: u64,
    ) -> Response {
        let sabotage = self.sabotage;
        let Some(state) = &mut self.state else { return Response::Refused(Refusal::NotScheduled) };
        drop(state.room.apply(&Command::Tick, now_ms));
        let Some(view) = state.room.view() else { return Response::Refused(Refusal::NotScheduled) };
        if view.draw.root != Some(*root) {
            return Response::Refused(Refusal::Contradiction("another root is public already".into()));
        }
        if sabotage != Some(Sabotage::NoRefill) {
            for (tier, list) in (0_u8..).zip(lists) {
                (0..).zip(&list.entries).for_each(|(index, entry)| state.write_in(tier, index, *entry));
            }
            let tags: Vec<Vec<Tag>> =
                lists.iter().map(|list| list.tags.iter().map(|tag| kept(sabotage, *tag)).collect()).collect();
            state.room.tiers_put_back(&tags);
            state.intact = view.pool_size;
        }
        self.refill_tiers(late, true, now_ms);
        Response::Done
    }

    /// The command's outcome with what the rosters say of it.
    pub(super) fn with_entries(&mut self, command: &Command, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Arrived(arrived) => Outcome::Arrived(self.arrive(command, arrived)),
            outcome => outcome,
        }
    }
}

/// With [`Sabotage::NoTags`]: nothing of it.
fn kept(sabotage: Option<Sabotage>, tag: Tag) -> Tag {
    if sabotage == Some(Sabotage::NoTags) { NO_TAG } else { tag }
}

/// Writes into the rosters what the room took; answers whether it did.
fn write_back(state: &mut State, at: Spot, entry: Entry, came: PutBack) -> bool {
    let PutBack::Taken { emptied } = came else { return false };
    if let Spot::Pool { tier, index } = at {
        state.write_in(tier, index, entry);
    }
    if let Some(Spot::Pool { tier, index }) = emptied {
        state.write_in(tier, index, ZERO);
    }
    true
}
