//! The draw's steps, in the one order in which they are worth anything: descriptor, root, secret and seed.
//!
//! Guarantees:
//! - what is published once is never replaced by anything else
//! - the secret leaves the room only after the root has been public for the witness time
//! - where the descriptor names a round of public randomness, the seed is made with that round's value, verified
//! - the seed is made without a round only as the descriptor foresees

use fairgate_draw::v2::FrozenTier;
use fairgate_draw::{BeaconRound, BeaconSignature, Hash, RootHasher, ZERO};

use serde::{Deserialize, Serialize};

use super::protocol;
use super::tally::Tally;
use super::{DrawRecord, Refusal, SalePlan, TierRoots};

/// One draw: a descriptor and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    secret: [u8; 32],
    commitment: [u8; 32],
    descriptor: String,
    digest: [u8; 32],
    frozen: Option<Frozen>,
    /// In a room with tiers: what is public of each, together with `frozen`.
    frozen_tiers: Option<Vec<FrozenTier>>,
    revealed: Option<Revealed>,
}

/// A roster that is closed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// N.
    pub entries: u64,
    /// The roster's root.
    pub root: [u8; 32],
    /// Entries that were answered and are empty in it, since the store had lost them, and those of gaps.
    pub missing: u64,
    /// When the root was published.
    pub at_ms: u64,
    /// How many of those missing were left out, and nobody is known to have been given them. Whoever writes this down
    /// does so beside it: its first version had no such number.
    #[serde(skip)]
    pub left_out: u64,
}

/// One root over the roots of all tiers, so that they can be named together.
#[must_use]
pub fn root_of_all(tiers: &[FrozenTier]) -> Hash {
    let mut all = RootHasher::new();
    tiers.iter().flat_map(|tier| [tier.root, tier.tags_root]).for_each(|root| all.push(&root));
    all.finish().1
}

/// A draw that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revealed {
    /// The round that went into it.
    pub beacon: Option<Beacon>,
    /// The seed.
    pub seed: [u8; 32],
    /// When it was published.
    pub at_ms: u64,
}

/// A round that was found to be what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// The round's signature.
    pub signature: BeaconSignature,
    /// What goes into the seed.
    pub randomness: Hash,
}

impl Draw {
    /// The draw that a plan commits to.
    pub(super) fn new(plan: &SalePlan) -> Self {
        let descriptor = plan.descriptor();
        Self {
            secret: plan.secret,
            commitment: descriptor.commitment,
            digest: descriptor.digest,
            descriptor: descriptor.text,
            frozen: None,
            frozen_tiers: None,
            revealed: None,
        }
    }

    /// True if everyone has a place.
    pub(super) fn is_done(&self) -> bool {
        self.revealed.is_some()
    }

    /// Publishes the root of the closed pool of `pool` entries, `missing` of which are empty, and of these `left_out`
    /// were left out. Answers whether that is new.
    pub(super) fn freeze(
        &mut self,
        pool: u64,
        (missing, left_out): (u64, u64),
        entries: u64,
        root: &[u8; 32],
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        if entries != pool {
            return Err(Refusal::wrong_count(entries, pool));
        }
        match &self.frozen {
            Some(frozen) if frozen.root == *root => Ok(false),
            Some(_) => Err(Refusal::another_root()),
            None => {
                self.frozen = Some(Frozen { entries, root: *root, missing, at_ms: now_ms, left_out });
                Ok(true)
            }
        }
    }

    /// Publishes the roots of the closed pools of all tiers; answers whether that is new.
    pub(super) fn freeze_tiers(
        &mut self,
        pools: &Tally,
        missing: &Tally,
        left_out: u64,
        roots: &[TierRoots],
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        let wrong = roots.iter().zip(pools.iter()).find(|(roots, pool)| roots.entries != *pool);
        if let Some((roots, pool)) = wrong {
            return Err(Refusal::wrong_count(roots.entries, pool));
        }
        if roots.len() != pools.tiers() {
            return Err(Refusal::no_such_tier(roots.len() as u64));
        }
        let tiers = roots.iter().zip(missing.iter());
        let tiers: Vec<FrozenTier> = tiers.map(|(roots, missing)| roots.frozen(missing)).collect();
        let root = root_of_all(&tiers);
        let is_new = self.freeze(pools.sum(), (missing.sum(), left_out), pools.sum(), &root, now_ms)?;
        if is_new {
            self.frozen_tiers = Some(tiers);
        }
        Ok(is_new)
    }

    /// What is public of each tier, once the roots are.
    pub(super) fn frozen_tiers(&self) -> Option<&[FrozenTier]> {
        self.frozen_tiers.as_deref()
    }

    /// The round that the draw waits for, if any.
    fn round(&self) -> Option<BeaconRound> {
        protocol::round(&self.descriptor, self.frozen.map(|frozen| frozen.at_ms))
    }

    /// Fixes the seed; answers whether that is new.
    pub(super) fn reveal(
        &mut self,
        signature: Option<&BeaconSignature>,
        witness_ms: u64,
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        let round = self.round();
        let beacon = signature.map(|signature| verified(round.as_ref(), signature)).transpose()?;
        let Some(frozen) = self.frozen else {
            return Err(Refusal::no_root());
        };
        if let Some(revealed) = &self.revealed {
            return if beacon.is_some() && revealed.beacon.is_none() { Err(Refusal::too_late()) } else { Ok(false) };
        }
        let witnessed_ms = now_ms.saturating_sub(frozen.at_ms);
        if witnessed_ms < witness_ms {
            return Err(Refusal::not_witnessed(witness_ms - witnessed_ms));
        }
        check_beacon(round.as_ref(), beacon.as_ref(), frozen.at_ms, now_ms)?;
        let randomness = beacon.map_or(ZERO, |beacon| beacon.randomness);
        let seed = protocol::seed(&self.digest, &frozen, self.frozen_tiers(), &self.secret, &randomness);
        self.revealed = Some(Revealed { beacon, seed, at_ms: now_ms });
        Ok(true)
    }

    /// What is public, as whoever knows it would put it back.
    pub(super) fn public(&self) -> (Option<Frozen>, Option<Revealed>) {
        (self.frozen, self.revealed)
    }

    /// What was committed to.
    pub(super) fn secret(&self) -> [u8; 32] {
        self.secret
    }

    /// True if the root is public.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// True if this is the draw that a plan commits to.
    pub(super) fn is_of(&self, plan: &SalePlan) -> bool {
        self.digest == plan.descriptor().digest
    }

    /// Publishes again what was public; answers whether any of it was missing. What is public already stands.
    pub(super) fn restore(
        &mut self,
        frozen: Option<Frozen>,
        tiers: Option<&[FrozenTier]>,
        revealed: Option<Revealed>,
    ) -> bool {
        let lacks_root = self.frozen.is_none() && frozen.is_some();
        if lacks_root {
            (self.frozen, self.frozen_tiers) = (frozen, tiers.map(<[_]>::to_vec));
        }
        let is_same = self.frozen.map(|known| known.root) == frozen.map(|known| known.root);
        let lacks_seed = is_same && self.revealed.is_none() && revealed.is_some();
        if lacks_seed {
            self.revealed = revealed;
        }
        lacks_root || lacks_seed
    }

    /// What is public of this draw so far.
    pub(super) fn record(&self) -> DrawRecord {
        let beacon = self.revealed.and_then(|revealed| revealed.beacon);
        DrawRecord {
            descriptor: self.descriptor.clone(),
            descriptor_digest: self.digest,
            commitment: self.commitment,
            entries: self.frozen.map(|frozen| frozen.entries),
            root: self.frozen.map(|frozen| frozen.root),
            tiers: self.frozen_tiers.clone(),
            missing: self.frozen.map(|frozen| frozen.missing),
            left_out: self.frozen.map(|frozen| frozen.left_out),
            frozen_at_ms: self.frozen.map(|frozen| frozen.at_ms),
            secret: self.revealed.map(|_| self.secret),
            beacon: beacon.map(|beacon| beacon.randomness),
            beacon_signature: beacon.map(|beacon| beacon.signature),
            seed: self.revealed.map(|revealed| revealed.seed),
            revealed_at_ms: self.revealed.map(|revealed| revealed.at_ms),
        }
    }
}

impl TierRoots {
    /// The tier as it is published, where so many of its entries are empty.
    #[must_use]
    pub fn frozen(&self, missing: u64) -> FrozenTier {
        FrozenTier { entries: self.entries, root: self.root, tags_root: self.tags_root, missing }
    }
}

/// A signature that is that of the round which the descriptor names.
///
/// # Errors
/// The descriptor names no round, or the signature is not the round's.
pub fn verified(round: Option<&BeaconRound>, signature: &BeaconSignature) -> Result<Beacon, Refusal> {
    let Some(round) = round else {
        return Err(Refusal::Contradiction("the descriptor names no beacon".into()));
    };
    match round.randomness(signature) {
        Ok(randomness) => Ok(Beacon { signature: *signature, randomness }),
        Err(error) => Err(Refusal::Contradiction(error.to_string())),
    }
}

/// Checks that a seed may be made with this round, or without one, at this time (Unix ms). Any store asks this before
/// it reveals.
///
/// # Errors
/// Not with this round, not without one, or not yet.
pub fn check_beacon(
    round: Option<&BeaconRound>,
    beacon: Option<&Beacon>,
    frozen_at_ms: u64,
    now_ms: u64,
) -> Result<(), Refusal> {
    let Some(round) = round else { return Ok(()) };
    let number = round.round;
    let time_ms = round.time_ms().map_err(|error| Refusal::Contradiction(error.to_string()))?;
    let frozen_too_late = frozen_at_ms >= time_ms;
    match (beacon, round.fallback_after_ms) {
        (Some(_), _) if !frozen_too_late => Ok(()),
        (_, None) if frozen_too_late => Err(Refusal::Contradiction(format!(
            "round {number} was known before the roster was frozen, and the descriptor allows no fallback: the draw is \
             void; end the sale and schedule another"
        ))),
        (Some(_), _) => Err(Refusal::Contradiction(format!(
            "round {number} was known before the roster was frozen: the draw goes on without it"
        ))),
        (None, Some(_)) if frozen_too_late => Ok(()),
        (None, Some(after_ms)) if now_ms >= time_ms.saturating_add(after_ms) => Ok(()),
        (None, Some(after_ms)) => Err(Refusal::OutOfPhase(format!(
            "the draw waits for round {number} until {} (Unix ms)",
            time_ms.saturating_add(after_ms)
        ))),
        (None, None) => Err(Refusal::OutOfPhase(format!("the draw waits for round {number}, however long it takes"))),
    }
}

#[cfg(test)]
mod tests {
    use fairgate_draw::{QUICKNET, seed};

    use super::*;
    use crate::room::tests::policy;
    use crate::room::{BeaconPlan, Command, Outcome, Phase, Room, View};

    const ROUND: u64 = 1000;
    /// Round 1000 of quicknet, from `docs/DRAW.md`.
    const SIGNATURE: &str =
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    const ROUND_MS: u64 = QUICKNET.genesis_ms + (ROUND - 1) * QUICKNET.period_ms;
    const STARTS_MS: u64 = ROUND_MS - 10_000;
    const FALLBACK_MS: u64 = 60_000;

    fn signature() -> BeaconSignature {
        BeaconSignature(hex::decode(SIGNATURE).unwrap().try_into().unwrap())
    }

    fn plan(fallback_after_ms: Option<u64>) -> SalePlan {
        SalePlan {
            room: "arena".into(),
            opens_at_ms: STARTS_MS - 60_000,
            starts_at_ms: STARTS_MS,
            ends_at_ms: None,
            beacon: Some(BeaconPlan { round: ROUND, fallback_after_ms }),
            secret: [1; 32],
            config_version: 0,
            policy: policy(),
            rules: None,
        }
    }

    /// A room of three fans whose roster was frozen at this time.
    fn frozen(fallback_after_ms: Option<u64>, at_ms: u64) -> Room {
        let mut room = Room::default();
        room.apply(&Command::Schedule(plan(fallback_after_ms)), 0).unwrap();
        room.apply(&Command::Enter(vec![[1; 32], [2; 32], [3; 32]]), STARTS_MS - 1).unwrap();
        room.apply(&Command::Freeze { entries: 3, root: [5; 32] }, at_ms).unwrap();
        room
    }

    fn reveal(room: &mut Room, beacon: Option<BeaconSignature>, now_ms: u64) -> Result<Outcome, Refusal> {
        room.apply(&Command::Reveal { beacon }, now_ms)
    }

    fn seen(room: &Room) -> View {
        room.view().unwrap()
    }

    #[test]
    fn the_seed_is_made_with_the_round_that_was_named() {
        let mut room = frozen(None, STARTS_MS);
        reveal(&mut room, Some(signature()), ROUND_MS).unwrap();
        let View { phase, draw, .. } = seen(&room);
        let randomness = QUICKNET.round(ROUND).randomness(&signature()).unwrap();
        let expected = seed(&draw.descriptor_digest, 3, &[5; 32], &[1; 32], &randomness);
        assert_eq!((phase, draw.seed, draw.beacon), (Phase::Serving, Some(expected), Some(randomness)));
        assert_eq!((draw.beacon_signature, draw.revealed_at_ms), (Some(signature()), Some(ROUND_MS)));
        assert!(draw.descriptor.contains("\"round\":1000"), "{}", draw.descriptor);
        for again in [Some(signature()), None] {
            reveal(&mut room, again, ROUND_MS + 1).unwrap();
            assert_eq!(seen(&room).draw, draw, "a retry changes nothing");
        }
    }

    #[test]
    fn another_round_or_a_forged_one_is_refused_by_name() {
        let mut room = frozen(None, STARTS_MS);
        let mut forged = signature();
        forged.0[40] ^= 1;
        let refused = reveal(&mut room, Some(forged), ROUND_MS).unwrap_err().to_string();
        assert!(refused.starts_with("contradicts the published draw: the beacon's signature is not"), "{refused}");

        let mut other = Room::default();
        let beacon = Some(BeaconPlan { round: ROUND + 1, fallback_after_ms: None });
        other.apply(&Command::Schedule(SalePlan { beacon, ..plan(None) }), 0).unwrap();
        other.apply(&Command::Freeze { entries: 0, root: [5; 32] }, STARTS_MS).unwrap();
        let refused = reveal(&mut other, Some(signature()), ROUND_MS + 3_000).unwrap_err().to_string();
        assert!(refused.contains("is not the chain's for round 1001"), "{refused}");

        let mut committed = Room::default();
        committed.apply(&Command::Schedule(SalePlan { beacon: None, ..plan(None) }), 0).unwrap();
        let refused = reveal(&mut committed, Some(signature()), ROUND_MS).unwrap_err().to_string();
        assert!(refused.contains("the descriptor names no beacon"), "{refused}");
        assert!([&room, &other, &committed].iter().all(|room| seen(room).draw.seed.is_none()));
    }

    #[test]
    fn without_a_fallback_the_draw_waits_however_long_it_takes() {
        let mut room = frozen(None, STARTS_MS);
        let refused = reveal(&mut room, None, ROUND_MS + 1_000_000_000).unwrap_err().to_string();
        assert_eq!(refused, "not now: the draw waits for round 1000, however long it takes");
        reveal(&mut room, Some(signature()), ROUND_MS + 1_000_000_001).unwrap();
    }

    #[test]
    fn a_fallback_comes_after_its_delay_and_then_the_round_is_too_late() {
        let mut room = frozen(Some(FALLBACK_MS), STARTS_MS);
        let until_ms = ROUND_MS + FALLBACK_MS;
        let refused = reveal(&mut room, None, until_ms - 1).unwrap_err().to_string();
        assert_eq!(refused, format!("not now: the draw waits for round 1000 until {until_ms} (Unix ms)"));
        reveal(&mut room, None, until_ms).unwrap();
        let draw = seen(&room).draw;
        assert_eq!(draw.seed, Some(seed(&draw.descriptor_digest, 3, &[5; 32], &[1; 32], &ZERO)));
        assert_eq!((draw.beacon, draw.beacon_signature), (None, None));
        let late = reveal(&mut room, Some(signature()), until_ms + 1).unwrap_err().to_string();
        assert!(late.contains("the round comes too late"), "{late}");
        assert_eq!(seen(&room).draw, draw);
    }

    #[test]
    fn a_round_that_was_known_at_the_freeze_is_never_used() {
        let mut strict = frozen(None, ROUND_MS);
        for beacon in [Some(signature()), None] {
            let refused = reveal(&mut strict, beacon, ROUND_MS + 5_000).unwrap_err().to_string();
            assert!(refused.contains("the draw is void"), "{refused}");
        }
        let mut lenient = frozen(Some(FALLBACK_MS), ROUND_MS);
        let refused = reveal(&mut lenient, Some(signature()), ROUND_MS + 5_000).unwrap_err().to_string();
        assert!(refused.contains("the draw goes on without it"), "{refused}");
        reveal(&mut lenient, None, ROUND_MS + 5_000).unwrap();
        assert_eq!(seen(&lenient).draw.beacon, None);
    }

    #[test]
    fn a_round_that_could_be_known_before_the_witness_time_is_no_plan() {
        let too_early = Some(BeaconPlan { round: ROUND - 3, fallback_after_ms: None });
        let plan = SalePlan { beacon: too_early, ..plan(None) };
        let refused = Room::default().apply(&Command::Schedule(plan), 0).unwrap_err().to_string();
        assert!(refused.starts_with("the beacon's round must be from 998 "), "{refused}");
    }

    #[test]
    fn the_beacon_stands_once_the_pool_is_open() {
        let mut room = Room::default();
        room.apply(&Command::Schedule(plan(None)), 0).unwrap();
        let first = seen(&room).draw;
        let lenient = Command::Schedule(SalePlan { secret: [2; 32], ..plan(Some(FALLBACK_MS)) });
        room.apply(&lenient, 1).unwrap();
        let second = seen(&room).draw;
        assert!(second.descriptor.contains("\"fallback_after_ms\":60000"), "{}", second.descriptor);
        assert_ne!(first.commitment, second.commitment, "another descriptor has another secret");
        let strict = Command::Schedule(plan(None));
        assert_eq!(room.apply(&strict, STARTS_MS - 60_000), Err(Refusal::ScheduleFixed));
        room.apply(&lenient, STARTS_MS - 60_000).unwrap();
        assert_eq!(seen(&room).draw, second);
    }
}
