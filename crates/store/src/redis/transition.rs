//! Commands as calls of scripts, and their replies as outcomes.

use fairgate_core::recovery::{Replica, StateVersion};
use fairgate_core::room::{
    Bound, ClaimOutcome, Command, Control, Entry, Holder, LINE, Move, MoveOutcome, Outcome, Position, Ramp, Refusal,
    RenewOutcome, SalePlan, Session, Spot, Steering, TierRoots, root_of_all,
};
use fairgate_draw::v2::FrozenTier;
use fairgate_telemetry::entropy::random_bytes;
use redis::{ScriptInvocation, Value};
use ring::digest::{Context, SHA256};

use super::fields::Fields;
use super::refusal::accepted;
use super::restore::Part;
use super::script::{Reply, Scripts, nonsense, number, run, word};
use super::time::CallTime;
use super::view::Look;
use super::{Closed, Link, arrivals, restore, reveal, view};
use crate::{CountedNetwork, StoreError};

/// The most entries that one script takes: Redis serves nobody else while it runs.
const ENTRIES_A_SCRIPT: usize = 200;
/// The most places or sessions: each costs four times as much as an entry.
const PLACES_A_SCRIPT: usize = 100;
/// The most claims: each costs more than a place.
const CLAIMS_A_SCRIPT: usize = 60;
/// The bytes of places that are gone, a bit each, which one script unites with those that the room knows.
const GONE_BYTES_A_SCRIPT: usize = 128 * 1024;
/// From here on a number says that a network has had its share; no number of an entry is as large.
pub(super) const OVER: u64 = 1 << 52;
/// The greatest number that Lua carries exactly; no line is as long.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// One room in Redis, at one instant.
pub(super) struct Room<'a> {
    /// The room's hash.
    pub(super) key: &'a str,
    /// The time.
    pub(super) time: CallTime,
    /// The scripts.
    pub(super) scripts: &'a Scripts,
    /// The way to Redis.
    pub(super) link: &'a Link,
    /// The state that the edge knows.
    pub(super) stamp: Option<&'a StateVersion>,
    /// The name of this run of this edge.
    pub(super) edge: &'a str,
    /// How many scripts were run.
    pub(super) calls: u64,
    /// True if a script found the state to be another one, or older.
    pub(super) is_lost: bool,
}

impl Room<'_> {
    /// Applies a command.
    pub(super) async fn apply(&mut self, command: &Command) -> Result<Outcome, StoreError> {
        if let Err(refusal) = command.check_size() {
            return self.refuse(refusal).await;
        }
        match command {
            Command::Schedule(plan) => self.schedule(plan).await,
            Command::Enter(entries) => self.enter(entries).await,
            Command::Arrive(arrivals) => arrivals::enter(self, arrivals, &[], &[]).await.map(|(outcome, _)| outcome),
            Command::Tick => self.view(&mut Closed::default()).await.map(|_| Outcome::Done),
            Command::Freeze { entries, root } => self.freeze(*entries, root).await,
            Command::FreezeTiers(roots) => self.freeze_tiers(roots).await,
            Command::Reveal { beacon } => reveal::apply(self, beacon.as_ref()).await,
            Command::Claim(_) | Command::ClaimTiers(_) | Command::Renew(_) => self.list(command, None).await,
            Command::ByKey { holders, command } => self.list(command, Some(&holders[..])).await,
            Command::Move(wanted) => self.shift(wanted).await,
            Command::Release(places) => self.each(&self.scripts.release, places).await,
            Command::Leave(places) => self.each(&self.scripts.leave, places).await,
            Command::Control(controls) => self.control(controls, None).await,
            Command::ControlFrom { revision, controls } => self.control(controls, Some(*revision)).await,
            Command::Steer(steering) => self.steer(steering).await,
            Command::Stock { left } => {
                let mut call = self.call(&self.scripts.stock);
                call.arg(u8::from(*left));
                self.run(&call).await.map(|_| Outcome::Done)
            }
            Command::Learn { end, left_out } => {
                let mut call = self.call(&self.scripts.learn);
                call.arg(*end).arg(*left_out);
                self.run(&call).await.map(|_| Outcome::Done)
            }
            Command::LearnTier { tier, end, left_out } => {
                let mut call = self.call(&self.scripts.learn_tier);
                call.arg(*tier).arg(*end).arg(*left_out);
                self.run(&call).await.map(|_| Outcome::Done)
            }
        }
    }

    /// Lets time pass and says how the room stands.
    pub(super) async fn view(&mut self, closed: &mut Closed) -> Result<Look, StoreError> {
        loop {
            let mut call = self.call(&self.scripts.view);
            call.arg(&closed.epoch).arg(closed.count).arg(self.edge);
            if let Some(look) = view::read(self.run(&call).await?, closed)?.if_whole() {
                return Ok(look);
            }
        }
    }

    /// Puts back what the edge knows: the places that are gone first, sessions that ended before those that did not.
    pub(super) async fn restore(&mut self, knowledge: &Replica) -> Result<(), StoreError> {
        let closed = knowledge.memory.iter().flat_map(|memory| &memory.closed);
        let closed: Vec<(u64, u64)> = closed.map(|(place, until_ms)| (*place, *until_ms)).collect();
        let sessions = knowledge.claims.sessions.iter();
        let sessions: Vec<(u64, Session)> = sessions.map(|(place, session)| (*place, *session)).collect();
        let moves: Vec<(Spot, Bound)> = knowledge.claims.moves.iter().map(|(at, bound)| (*at, *bound)).collect();
        let (first_closed, more_closed) = closed.split_at(closed.len().min(PLACES_A_SCRIPT));
        // Few are put back by one call, as most edges need no more.
        let first_sessions = if more_closed.is_empty() { sessions.len().min(PLACES_A_SCRIPT) } else { 0 };
        let (first_sessions, more_sessions) = sessions.split_at(first_sessions);
        let gone = knowledge.claims.gone.to_bits();
        let (first_gone, more_gone) = gone.split_at(gone.len().min(GONE_BYTES_A_SCRIPT));
        // Whoever holds a place by a key is known before any session is there again.
        let (first_moves, more_moves) = moves.split_at(moves.len().min(PLACES_A_SCRIPT));
        for moves in more_moves.chunks(PLACES_A_SCRIPT) {
            self.restore_some(knowledge, Part { moves, ..Part::default() }).await?;
        }
        for (part, bits) in (1..).zip(more_gone.chunks(GONE_BYTES_A_SCRIPT)) {
            self.restore_some(knowledge, Part { gone: (part * GONE_BYTES_A_SCRIPT, bits), ..Part::default() }).await?;
        }
        let first = Part { gone: (0, first_gone), closed: first_closed, moves: first_moves, sessions: first_sessions };
        self.restore_some(knowledge, first).await?;
        for closed in more_closed.chunks(PLACES_A_SCRIPT) {
            self.restore_some(knowledge, Part { closed, ..Part::default() }).await?;
        }
        for sessions in more_sessions.chunks(PLACES_A_SCRIPT) {
            self.restore_some(knowledge, Part { sessions, ..Part::default() }).await?;
        }
        Ok(())
    }

    async fn restore_some(&mut self, knowledge: &Replica, part: Part<'_>) -> Result<(), StoreError> {
        let mut call = self.call(&self.scripts.restore);
        call.arg(&random_name()?[..]);
        restore::add(&mut call, self.edge, knowledge, part);
        self.run(&call).await.map(drop)
    }

    /// Refuses a command for what it says; a room that is not there refuses it for that.
    async fn refuse(&mut self, refusal: Refusal) -> Result<Outcome, StoreError> {
        self.view(&mut Closed::default()).await?;
        Err(refusal.into())
    }

    /// Begins the call of a script.
    pub(super) fn call<'s>(&self, script: &'s redis::Script) -> ScriptInvocation<'s> {
        let mut call = script.key(self.key);
        call.arg(self.time.to_arg());
        call.arg(self.stamp.map_or(&[][..], |stamp| &stamp.epoch)).arg(self.stamp.map_or(0, |stamp| stamp.revision));
        call
    }

    /// Runs a script, unless the room refuses.
    pub(super) async fn run(&mut self, call: &ScriptInvocation<'_>) -> Result<Reply, StoreError> {
        self.calls += 1;
        let reply = run(call, self.link).await?;
        self.is_lost = reply.word == "lost";
        accepted(reply)
    }

    async fn schedule(&mut self, plan: &SalePlan) -> Result<Outcome, StoreError> {
        plan.check()?;
        let mut fields = Fields::default();
        fields.plan(plan);
        fields.text("epoch", random_name()?);
        let mut call = self.call(&self.scripts.schedule);
        fields.add_to(&mut call);
        self.run(&call).await.map(|_| Outcome::Done)
    }

    async fn enter(&mut self, entries: &[Entry]) -> Result<Outcome, StoreError> {
        self.join(entries, &[], &[]).await.map(|(outcome, _)| outcome)
    }

    /// Enters those whose networks have not had their share; answers who was turned away, too, and for how many ms.
    /// `secret`: what the networks' names are made with.
    pub(super) async fn join(
        &mut self,
        entries: &[Entry],
        networks: &[Vec<CountedNetwork>],
        secret: &[u8],
    ) -> Result<(Outcome, Vec<(usize, u64)>), StoreError> {
        let (mut positions, mut over) = (Vec::with_capacity(entries.len()), Vec::new());
        for (first, part) in (0..).step_by(ENTRIES_A_SCRIPT).zip(parts(entries, ENTRIES_A_SCRIPT)) {
            let mut call = self.call(&self.scripts.enter);
            call.arg(part.as_flattened());
            for (number, networks) in (1_usize..=part.len()).zip(networks.iter().skip(first)) {
                networks.iter().for_each(|network| add_network(&mut call, number, network, secret));
            }
            let numbers = self.run(&call).await?.numbers()?;
            let [pool, numbers @ ..] = numbers.as_slice() else { return Err(nonsense("no size of the pool")) };
            answers_all(part.len(), numbers.len())?;
            for (at, number) in (first..).zip(numbers) {
                match number.checked_sub(OVER) {
                    Some(retry_after_ms) => over.push((at, retry_after_ms)),
                    None if number < pool => positions.push(Position::Pool(*number)),
                    None => positions.push(Position::Line(*number)),
                }
            }
        }
        Ok((Outcome::Entered(positions), over))
    }

    async fn freeze(&mut self, entries: u64, root: &[u8; 32]) -> Result<Outcome, StoreError> {
        let mut call = self.call(&self.scripts.freeze);
        call.arg(entries.min(NUMBER_MAX)).arg(&root[..]);
        self.run(&call).await.map(|_| Outcome::Done)
    }

    async fn freeze_tiers(&mut self, roots: &[TierRoots]) -> Result<Outcome, StoreError> {
        let mut call = self.call(&self.scripts.freeze_tiers);
        let frozen: Vec<FrozenTier> = roots.iter().map(|roots| roots.frozen(0)).collect();
        let all: Vec<u8> = roots.iter().flat_map(|roots| [roots.root, roots.tags_root]).flatten().collect();
        call.arg(&root_of_all(&frozen)[..]).arg(all);
        for roots in roots {
            call.arg(roots.entries.min(NUMBER_MAX));
        }
        self.run(&call).await.map(|_| Outcome::Done)
    }

    /// Claims or renewals, with the keys that their fans have proved.
    async fn list(&mut self, command: &Command, holders: Option<&[Option<Holder>]>) -> Result<Outcome, StoreError> {
        // The script knows the time.
        match command {
            Command::Claim(claimants) => {
                let claims = claimants.iter().map(|claimant| (claimant.place, claimant.line(0).to_bytes().to_vec()));
                let scripts = self.scripts;
                let script = holders.map_or(&scripts.claim, |_| &scripts.claim_by_key);
                self.claim(script, claims.collect(), holders).await
            }
            Command::ClaimTiers(claimants) => {
                let claims = claimants.iter().map(|claimant| (claimant.place, claimant.line(0).to_bytes().to_vec()));
                let scripts = self.scripts;
                let script = holders.map_or(&scripts.claim_tiers, |_| &scripts.claim_tiers_by_key);
                self.claim(script, claims.collect(), holders).await
            }
            Command::Renew(places) => self.renew(places, holders).await,
            _ => self.refuse(Refusal::shapeless_holders()).await,
        }
    }

    async fn shift(&mut self, wanted: &Move) -> Result<Outcome, StoreError> {
        let mut call = self.call(&self.scripts.shift);
        let (tier, index) = tier_and_number(wanted.at);
        call.arg(tier).arg(index).arg(&wanted.from[..]).arg(&wanted.to[..]).arg(wanted.most);
        let reply = self.run(&call).await?;
        let (word, numbers) = reply.values.split_first().ok_or_else(|| nonsense("a move without a word"))?;
        let word: String = redis::from_redis_value_ref(word).map_err(|_| nonsense("a move without a word"))?;
        Ok(Outcome::Moved(match (word.as_str(), numbers) {
            ("moved", [moves, since_ms]) => MoveOutcome::Moved {
                moves: u8::try_from(number(moves)?).map_err(|_| nonsense("a position that moved too often"))?,
                since_ms: number(since_ms)?,
            },
            ("elsewhere", [since_ms]) => MoveOutcome::Elsewhere { since_ms: number(since_ms)? },
            ("spent", []) => MoveOutcome::Spent,
            ("gone", []) => MoveOutcome::Gone,
            _ => return Err(nonsense("a move of another version")),
        }))
    }

    /// Lower places first, in whatever order they are asked for; the answers are in the order of the question.
    async fn claim(
        &mut self,
        script: &redis::Script,
        claims: Vec<(u64, Vec<u8>)>,
        holders: Option<&[Option<Holder>]>,
    ) -> Result<Outcome, StoreError> {
        let mut order: Vec<usize> = (0..claims.len()).collect();
        order.sort_unstable_by_key(|at| claims[*at].0);
        let mut outcomes = vec![ClaimOutcome::Unknown; claims.len()];
        for part in parts(&order, CLAIMS_A_SCRIPT) {
            let mut call = self.call(script);
            for at in part {
                let (place, line) = &claims[*at];
                call.arg((*place).min(NUMBER_MAX)).arg(&line[..]);
                if let Some(holders) = holders {
                    add_holder(&mut call, holders.get(*at).copied().flatten());
                }
            }
            let reply = self.run(&call).await?;
            answers_all(part.len(), reply.values.len())?;
            for (at, value) in part.iter().zip(&reply.values) {
                outcomes[*at] = claim_outcome(value)?;
            }
        }
        Ok(Outcome::Claimed(outcomes))
    }

    async fn renew(&mut self, places: &[u64], holders: Option<&[Option<Holder>]>) -> Result<Outcome, StoreError> {
        let mut outcomes = Vec::with_capacity(places.len());
        for (first, part) in (0..).step_by(PLACES_A_SCRIPT).zip(parts(places, PLACES_A_SCRIPT)) {
            let call = match holders {
                None => with_places(self.call(&self.scripts.renew), part),
                Some(holders) => {
                    let mut call = self.call(&self.scripts.renew_by_key);
                    for (at, place) in (first..).zip(part) {
                        call.arg((*place).min(NUMBER_MAX));
                        add_holder(&mut call, holders.get(at).copied().flatten());
                    }
                    call
                }
            };
            let expiries = self.run(&call).await?.numbers()?;
            outcomes.extend(expiries.into_iter().map(|expires_at_ms| match expires_at_ms {
                0 => RenewOutcome::Ended,
                expires_at_ms => RenewOutcome::Renewed { expires_at_ms },
            }));
        }
        answers_all(places.len(), outcomes.len())?;
        Ok(Outcome::Renewed(outcomes))
    }

    async fn each(&mut self, script: &redis::Script, places: &[u64]) -> Result<Outcome, StoreError> {
        for part in parts(places, PLACES_A_SCRIPT) {
            self.run(&with_places(self.call(script), part)).await?;
        }
        Ok(Outcome::Done)
    }

    async fn control(&mut self, controls: &[Control], known: Option<u64>) -> Result<Outcome, StoreError> {
        if let Err(refusal) = controls.iter().try_for_each(Control::check) {
            return self.refuse(refusal).await;
        }
        let mut call = self.call(&self.scripts.control);
        call.arg(known.map_or_else(String::new, |revision| revision.to_string()));
        for (name, value) in controls.iter().flat_map(changes) {
            call.arg(name).arg(value);
        }
        self.run(&call).await.map(|_| Outcome::Done)
    }

    async fn steer(&mut self, steering: &Steering) -> Result<Outcome, StoreError> {
        let mut call = self.call(&self.scripts.steer);
        call.arg(steering.edge).arg(steering.rate_per_minute).arg(steering.max_active.min(NUMBER_MAX));
        call.arg(word(&steering.limit));
        self.run(&call).await.map(|_| Outcome::Done)
    }
}

/// Has a join counted for a network.
pub(super) fn add_network(call: &mut ScriptInvocation<'_>, number: usize, network: &CountedNetwork, secret: &[u8]) {
    let mut named = Context::new(&SHA256);
    [b"fairgate/joins", secret, &network.key.to_be_bytes()].iter().for_each(|part| named.update(part));
    let (each_us, tolerance_us) = network.quota.credit_us();
    call.arg(number).arg(hex::encode(&named.finish().as_ref()[..8])).arg(each_us).arg(tolerance_us);
}

/// A change as names and values, as `lua/control.lua` has them.
fn changes(control: &Control) -> Vec<(&'static str, String)> {
    let flag = |flag: bool| u8::from(flag).to_string();
    vec![match control {
        Control::Pause => ("paused", flag(true)),
        Control::Drain => ("draining", flag(true)),
        Control::Resume => return vec![("paused", flag(false)), ("draining", flag(false))],
        Control::Rate(rate) => ("rate", rate.to_string()),
        Control::Ramp(Ramp { from_per_minute: from, to_per_minute: to, over_ms }) => {
            ("ramp", format!("{from}:{to}:{over_ms}"))
        }
        Control::LetIn(in_all) => ("let_in", in_all.to_string()),
        Control::Mode(mode) => ("mode", word(mode)),
        Control::TargetMs(target_ms) => ("target", target_ms.to_string()),
        Control::Burst(burst) => ("burst", burst.to_string()),
        Control::MaxActive(max_active) => ("max_active", max_active.to_string()),
        Control::Message(Some(message)) => ("message", message.clone()),
        Control::Message(None) => ("no_message", String::new()),
        Control::SoldOut(sold_out) => ("sold_out", flag(*sold_out)),
        Control::EndsAt(ends_at_ms) => {
            ("ends", ends_at_ms.map_or_else(String::new, |ends_at_ms| ends_at_ms.to_string()))
        }
    }]
}

/// A name for a state of a room that no other state has.
fn random_name() -> Result<[u8; 16], StoreError> {
    random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Cuts a list into parts that a script may take; an empty list is one empty part, since time passes all the same.
pub(super) fn parts<T>(list: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let empty = list.is_empty().then_some(list);
    empty.into_iter().chain(list.chunks(most))
}

/// A position as scripts have it.
pub(super) fn tier_and_number(at: Spot) -> (u8, u64) {
    match at {
        Spot::Pool { tier, index } => (tier, index.min(NUMBER_MAX)),
        Spot::Line { place } => (LINE, place.min(NUMBER_MAX)),
    }
}

/// The position and the key of a fan, or two empty words.
fn add_holder(call: &mut ScriptInvocation<'_>, holder: Option<Holder>) {
    match holder {
        Some(Holder { at, key }) => {
            let (tier, number) = tier_and_number(at);
            call.arg(format!("{tier}:{number}")).arg(&key[..]);
        }
        None => {
            call.arg("").arg("");
        }
    }
}

fn with_places<'s>(mut call: ScriptInvocation<'s>, places: &[u64]) -> ScriptInvocation<'s> {
    for place in places {
        call.arg((*place).min(NUMBER_MAX));
    }
    call
}

pub(super) fn answers_all(asked: usize, answered: usize) -> Result<(), StoreError> {
    if asked == answered { Ok(()) } else { Err(nonsense("too many or too few outcomes")) }
}

fn claim_outcome(value: &Value) -> Result<ClaimOutcome, StoreError> {
    let Value::Array(parts) = value else { return Err(nonsense("an outcome of another kind")) };
    let (word, numbers) = parts.split_first().ok_or_else(|| nonsense("an empty outcome"))?;
    let word: String = redis::from_redis_value_ref(word).map_err(|_| nonsense("an outcome without a word"))?;
    let numbers = numbers.iter().map(number).collect::<Result<Vec<u64>, StoreError>>()?;
    match (word.as_str(), numbers.as_slice()) {
        ("admitted", &[admitted_at_ms, expires_at_ms, hard_end_at_ms]) => {
            Ok(ClaimOutcome::Admitted { admitted_at_ms, expires_at_ms, hard_end_at_ms })
        }
        ("not_called", []) => Ok(ClaimOutcome::NotCalled),
        ("wait", &[retry_after_ms]) => Ok(ClaimOutcome::Wait { retry_after_ms }),
        ("expired", []) => Ok(ClaimOutcome::Expired),
        ("unknown", []) => Ok(ClaimOutcome::Unknown),
        ("moved", &[since_ms]) => Ok(ClaimOutcome::Moved { since_ms }),
        _ => Err(nonsense("an outcome of another version")),
    }
}
