//! A room's view from the state that `lua/view.lua` tells.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fairgate_core::recovery::{Observation, StateVersion};
use fairgate_core::room::{
    Beacon, BeaconPlan, DrawRecord, Frozen, Phase, Policy, Ramp, Revealed, RoomSnapshot, Rules, SalePlan, Settings,
    Steering, TierView, TiersSnapshot, View,
};
use fairgate_draw::BeaconSignature;
use fairgate_draw::v2::FrozenTier;
use redis::Value;
use serde::de::DeserializeOwned;

use super::link::Link;
use super::script::{Reply, from_word, nonsense, number, unavailable};
use crate::{EdgeLook, StoreError};

/// The closed sessions that this edge has been told of, so that each view brings only the new ones.
#[derive(Debug, Default)]
pub(super) struct Closed {
    /// Of which state: one that was lost and made anew has another name.
    pub(super) epoch: Vec<u8>,
    /// How many of it were told.
    pub(super) count: u64,
    by_place: Arc<BTreeMap<u64, u64>>,
}

impl Closed {
    /// Takes in what is new and drops what has run out.
    fn update(&mut self, state: &State, new: &[String], count: u64) -> Result<Arc<BTreeMap<u64, u64>>, StoreError> {
        let (epoch, now_ms) = (state.bytes("epoch")?, state.number("now")?);
        if self.epoch != epoch {
            *self = Self { epoch: epoch.to_owned(), ..Self::default() };
        }
        self.count = count;
        if !new.is_empty() || self.by_place.values().any(|until| *until <= now_ms) {
            let by_place = Arc::make_mut(&mut self.by_place);
            for member in new {
                let (place, until) = member.split_once(':').ok_or_else(|| nonsense("a closed session without end"))?;
                by_place.insert(parse(place)?, parse(until)?);
            }
            by_place.retain(|_, until| *until > now_ms);
        }
        Ok(Arc::clone(&self.by_place))
    }
}

/// How a room stands, and what an edge should remember of it.
#[derive(Debug)]
pub(super) struct Look {
    /// For everyone.
    pub(super) view: View,
    /// For the edge.
    pub(super) observation: Observation,
    /// What the server's own clock says.
    pub(super) server_ms: u64,
    /// True if all closed sessions have been told.
    is_whole: bool,
}

impl Look {
    /// This one, unless another has to follow for the rest of the closed sessions.
    pub(super) fn if_whole(self) -> Option<Self> {
        self.is_whole.then_some(self)
    }
}

/// Reads a view.
pub(super) fn read(reply: Reply, closed: &mut Closed) -> Result<Look, StoreError> {
    let parts: [Value; 4] = reply.values.try_into().map_err(|_| nonsense("a view that is not whole"))?;
    let [state, active, new, told] = parts;
    let wrong = |_| nonsense("a view of another kind");
    let state = State(redis::from_redis_value(state).map_err(wrong)?);
    let new: Vec<String> = redis::from_redis_value(new).map_err(wrong)?;
    let view = View {
        revision: state.number("revision")?,
        control_revision: state.number("settings")?,
        now_ms: state.number("now")?,
        phase: state.phase()?,
        paused: state.is("paused")?,
        draining: state.is("draining")?,
        sold_out: state.is("sold_out")?,
        out_of_stock: state.is("out_of_stock")?,
        message: state.text("message")?,
        opens_at_ms: state.number("opens")?,
        starts_at_ms: state.number("starts")?,
        ends_at_ms: state.number_if_any("ends")?,
        policy: state.policy("")?,
        ramp: state.ramp()?,
        steering: state.steering()?,
        pool_size: state.number("early")?,
        line_size: state.line_size()?,
        serving: state.number("serving")?,
        admitted: state.number("admitted")?,
        expired: state.number("expired")?,
        left: state.number("left")?,
        honoured: state.number("honoured")?,
        outstanding: state.number("outstanding")?,
        expected: state.number("expected")?,
        no_show_permille: state.small("no_show_permille")?,
        let_in: state.number("let_in")?,
        to_let_in: state.number("to_let_in")?,
        active: redis::from_redis_value(active).map_err(wrong)?,
        draw: state.draw()?,
        closed: closed.update(&state, &new, number(&told)?)?,
        missing: state.number("missing")?,
        left_out: state.number("left_in_pool")?.min(state.number("missing")?),
        mending: state.is("is_mending")?,
        rate_per_minute: 0,
        max_active: 0,
        limit: None,
        tiers: state.tiers()?,
    };
    let stamp = StateVersion { epoch: state.bytes("epoch")?.to_vec(), revision: view.revision };
    let frozen_in = state.0.get("frozen_in").cloned();
    let observation = Observation {
        stamp,
        memory: state.memory(&view)?,
        frozen_in,
        intact: state.number("intact")?,
        has_copy: false,
    };
    let is_whole = closed.count >= state.number("closed_count")?;
    Ok(Look { view: view.paced(), observation, server_ms: state.number("server_ms")?, is_whole })
}

/// When each edge has last looked at a room.
pub(super) async fn edges(link: &Link, key: &str) -> Result<Vec<EdgeLook>, StoreError> {
    let get = |mut connection| async move { redis::cmd("HGETALL").arg(key).query_async(&mut connection).await };
    let state: HashMap<String, Vec<u8>> = link.call(get).await.map_err(|error| unavailable(&error))?;
    let looks = state.iter().filter_map(|(name, at_ms)| {
        let edge = name.strip_prefix("edge:")?.to_owned();
        Some(EdgeLook { edge, at_ms: String::from_utf8_lossy(at_ms).parse().ok()? })
    });
    Ok(looks.collect())
}

/// The room's hash.
struct State(HashMap<String, Vec<u8>>);

impl State {
    fn number_if_any(&self, name: &str) -> Result<Option<u64>, StoreError> {
        self.0.get(name).map(|bytes| parse(&String::from_utf8_lossy(bytes))).transpose()
    }

    fn bytes(&self, name: &str) -> Result<&[u8], StoreError> {
        self.0.get(name).map(Vec::as_slice).ok_or_else(|| nonsense("a state without one of its names"))
    }

    fn number(&self, name: &str) -> Result<u64, StoreError> {
        self.number_if_any(name)?.ok_or_else(|| nonsense("a state without one of its numbers"))
    }

    fn is(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.number(name)? == 1)
    }

    fn small(&self, name: &str) -> Result<u32, StoreError> {
        u32::try_from(self.number(name)?).map_err(|_| nonsense("a number out of range"))
    }

    fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        let text = self.0.get(name).map(|bytes| String::from_utf8(bytes.clone())).transpose();
        text.map_err(|_| nonsense("text that is not UTF-8"))
    }

    fn hash<const N: usize>(&self, name: &str) -> Result<Option<[u8; N]>, StoreError> {
        let hash = self.0.get(name).map(|bytes| bytes.as_slice().try_into()).transpose();
        hash.map_err(|_| nonsense("bytes of another length"))
    }

    fn phase(&self) -> Result<Phase, StoreError> {
        let phases = [Phase::Idle, Phase::Pooling, Phase::Drawing, Phase::Serving, Phase::Ended];
        let phase = usize::try_from(self.number("phase")?).ok().and_then(|number| phases.get(number).copied());
        phase.ok_or_else(|| nonsense("an unknown phase"))
    }

    /// The policy in force, or the one that was `configured_`.
    fn policy(&self, prefix: &str) -> Result<Policy, StoreError> {
        let name = |name: &str| format!("{prefix}{name}");
        Ok(Policy {
            rate_per_minute: self.small(&name("rate"))?,
            burst: self.small(&name("burst"))?,
            max_active: self.number(&name("max_active"))?,
            grace_ms: self.number(&name("grace"))?,
            session_idle_ms: self.number(&name("idle"))?,
            session_max_ms: self.number(&name("max"))?,
            witness_ms: self.number(&name("witness"))?,
            late: self.word(&name("late_policy"))?,
            mode: self.word(&name("mode"))?,
            target_ms: self.number(&name("target"))?,
            floor_per_minute: self.small(&name("floor"))?,
        })
    }

    fn ramp(&self) -> Result<Option<(Ramp, u64)>, StoreError> {
        let Some(began_at_ms) = self.number_if_any("ramp_at")? else { return Ok(None) };
        let (from_per_minute, to_per_minute) = (self.small("ramp_from")?, self.small("ramp_to")?);
        Ok(Some((Ramp { from_per_minute, to_per_minute, over_ms: self.number("ramp_over")? }, began_at_ms)))
    }

    fn steering(&self) -> Result<Option<(Steering, u64)>, StoreError> {
        let Some(until_ms) = self.number_if_any("steer_until")? else { return Ok(None) };
        let steering = Steering {
            edge: self.small("steer_edge")?,
            rate_per_minute: self.small("steer_rate")?,
            max_active: self.number("steer_active")?,
            limit: self.word("steer_limit")?,
        };
        Ok(Some((steering, until_ms)))
    }

    fn word<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        from_word(&self.text(name)?.unwrap_or_default())
    }

    fn plan(&self, view: &View) -> Result<SalePlan, StoreError> {
        let missing = || nonsense("a state without its plan");
        let fallback_after_ms = self.number_if_any("fallback")?;
        Ok(SalePlan {
            room: self.text("room")?.ok_or_else(missing)?,
            opens_at_ms: view.opens_at_ms,
            starts_at_ms: view.starts_at_ms,
            ends_at_ms: self.number_if_any("configured_ends")?,
            beacon: self.number_if_any("round")?.map(|round| BeaconPlan { round, fallback_after_ms }),
            secret: self.hash("secret")?.ok_or_else(missing)?,
            config_version: self.number("configured_version")?,
            policy: self.policy("configured_")?,
            rules: self.rules()?,
        })
    }

    fn memory(&self, view: &View) -> Result<RoomSnapshot, StoreError> {
        let draw = &view.draw;
        let frozen = draw.entries.zip(draw.root).zip(draw.missing.zip(draw.frozen_at_ms));
        let beacon = draw.beacon_signature.zip(draw.beacon);
        let beacon = beacon.map(|(signature, randomness)| Beacon { signature, randomness });
        Ok(RoomSnapshot {
            now_ms: view.now_ms,
            revision: view.revision,
            generation: self.number("generation")?,
            scheduled_at_ms: self.number("scheduled")?,
            plan: self.plan(view)?,
            settings: self.settings(view)?,
            early: view.pool_size,
            late: self.number("late")?,
            pool_is_closed: self.is("pool_is_closed")?,
            frozen: frozen.map(|((entries, root), (missing, at_ms))| {
                let left_out = draw.left_out.unwrap_or(0);
                Frozen { entries, root, missing, at_ms, left_out }
            }),
            revealed: draw.seed.zip(draw.revealed_at_ms).map(|(seed, at_ms)| Revealed { beacon, seed, at_ms }),
            serving: view.serving,
            lapsed: self.number("may_come")?,
            admitted: view.admitted,
            expired: view.expired,
            honoured: view.honoured,
            left: view.left,
            let_in: view.let_in,
            closed: (*view.closed).clone(),
            tiers: self.tiers_memory(view)?,
        })
    }

    fn settings(&self, view: &View) -> Result<Settings, StoreError> {
        Ok(Settings {
            version: view.control_revision,
            policy: view.policy.clone(),
            ends_at_ms: view.ends_at_ms,
            paused: view.paused,
            draining: view.draining,
            sold_out: view.sold_out,
            out_of_stock: view.out_of_stock,
            message: view.message.clone(),
            ramp: view.ramp,
        })
    }

    fn rules(&self) -> Result<Option<Box<Rules>>, StoreError> {
        let rules = self.0.get("rules").map(|text| serde_json::from_slice(text)).transpose();
        rules.map_err(|_| nonsense("rules of another version"))
    }

    /// How many tiers the room has; 0 where it has none.
    fn count_tiers(&self) -> Result<u64, StoreError> {
        Ok(self.number_if_any("tiers")?.unwrap_or(0))
    }

    fn tiers(&self) -> Result<Vec<TierView>, StoreError> {
        let tier = |tier: u64| {
            let [entries, missing] = ["n", "m"].map(|name| self.number(&format!("{name}{tier}")));
            Ok(TierView { entries: entries?, missing: missing? })
        };
        (0..self.count_tiers()?).map(tier).collect()
    }

    fn tiers_memory(&self, view: &View) -> Result<Option<TiersSnapshot>, StoreError> {
        if view.tiers.is_empty() {
            return Ok(None);
        }
        let early = view.tiers.iter().map(|tier| tier.entries).collect();
        Ok(Some(TiersSnapshot { early, frozen: view.draw.tiers.clone() }))
    }

    fn frozen_tiers(&self) -> Result<Option<Vec<FrozenTier>>, StoreError> {
        let Some(roots) = self.0.get("roots") else { return Ok(None) };
        let (roots, _) = roots.as_chunks::<32>();
        let tier = |(tier, [root, tags_root]): (usize, &[[u8; 32]; 2])| {
            let [entries, missing] = ["n", "f"].map(|name| self.number(&format!("{name}{tier}")));
            Ok(FrozenTier { entries: entries?, root: *root, tags_root: *tags_root, missing: missing? })
        };
        roots.as_chunks().0.iter().enumerate().map(tier).collect::<Result<_, StoreError>>().map(Some)
    }

    fn line_size(&self) -> Result<u64, StoreError> {
        let is_closed = self.number("pool_is_closed")? == 1;
        Ok(if is_closed { self.number("early")? + self.number("late")? } else { 0 })
    }

    fn draw(&self) -> Result<DrawRecord, StoreError> {
        let missing = || nonsense("a state without its draw");
        let root = self.hash("root")?;
        Ok(DrawRecord {
            descriptor: self.text("descriptor")?.ok_or_else(missing)?,
            descriptor_digest: self.hash("digest")?.ok_or_else(missing)?,
            commitment: self.hash("commitment")?.ok_or_else(missing)?,
            entries: root.map(|_| self.number("early")).transpose()?,
            root,
            tiers: root.and(self.frozen_tiers()?),
            missing: self.number_if_any("frozen_missing")?,
            left_out: root.and(Some(self.number_if_any("frozen_left")?.unwrap_or(0))),
            frozen_at_ms: self.number_if_any("frozen_at")?,
            // Edges are told it all the time, everyone else with the seed.
            secret: self.hash("secret")?.filter(|_| self.0.contains_key("seed")),
            beacon: self.hash("beacon")?,
            beacon_signature: self.hash("signature")?.map(BeaconSignature),
            seed: self.hash("seed")?,
            revealed_at_ms: self.number_if_any("revealed_at")?,
        })
    }
}

fn parse(text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(|_| nonsense("something else instead of a number"))
}
