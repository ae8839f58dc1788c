//! What a room that stands like this wants of the public randomness: wait for it, take it, or go on without it.

use fairgate_draw::{BeaconAnswer, BeaconRound, Label};

use super::draw::check_beacon;
use super::protocol;
use super::{Command, DrawRecord, Phase, Refusal, View};

impl DrawRecord {
    /// The round that the draw waits for: in a room with tiers the descriptor names the first of several, and the time of the
    /// freeze says which it is.
    #[must_use]
    pub fn beacon_round(&self) -> Option<BeaconRound> {
        protocol::round(&self.descriptor, self.frozen_at_ms)
    }

    /// What the draw can prove, wherever it is shown: by its rules, from the schedule on.
    #[must_use]
    pub fn label(&self) -> Label {
        protocol::label(&self.descriptor)
    }
}

impl View {
    /// The round that the descriptor names.
    #[must_use]
    pub fn beacon_round(&self) -> Option<BeaconRound> {
        self.draw.beacon_round()
    }

    /// The round that the draw could be finished with now, if somebody had it. It is named and published, and was not
    /// known when the roster was frozen.
    #[must_use]
    pub fn awaited_round(&self) -> Option<BeaconRound> {
        let frozen_at_ms = self.witnessed_freeze_ms()?;
        let round = self.beacon_round()?;
        let time_ms = round.time_ms().ok()?;
        (frozen_at_ms < time_ms && time_ms <= self.now_ms).then_some(round)
    }

    /// True if the secret may be revealed now without a beacon: none is named, or the descriptor has a fallback.
    #[must_use]
    pub fn may_reveal_without_beacon(&self) -> bool {
        self.witnessed_freeze_ms().is_some_and(|frozen_at_ms| {
            check_beacon(self.beacon_round().as_ref(), None, frozen_at_ms, self.now_ms).is_ok()
        })
    }

    /// The command that finishes the draw with a round that somebody hands in.
    ///
    /// # Errors
    /// No beacon is named, or this is not the one: another round's, or forged.
    pub fn reveal_with(&self, answer: &BeaconAnswer) -> Result<Command, Refusal> {
        let Some(round) = self.beacon_round() else {
            return Err(Refusal::Contradiction("the descriptor names no beacon".into()));
        };
        match round.accept(answer) {
            Ok(_) => Ok(Command::Reveal { beacon: Some(answer.signature) }),
            Err(error) => Err(Refusal::Contradiction(error.to_string())),
        }
    }

    /// When the roster was frozen, once its root has been public for the witness time and until the secret is.
    fn witnessed_freeze_ms(&self) -> Option<u64> {
        let frozen_at_ms = self.draw.frozen_at_ms.filter(|_| self.phase == Phase::Drawing)?;
        (self.now_ms >= frozen_at_ms.saturating_add(self.policy.witness_ms)).then_some(frozen_at_ms)
    }
}
