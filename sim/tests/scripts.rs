//! The simulator's store is a model of the scripts in `lua/`: here it is held against them. A real Redis is asked what
//! the store of a seed was asked, with the same stamps, times and losses. The answers are equal.

use std::collections::{BTreeMap, HashMap};

use fairgate_core::recovery::{Observation, Replica, StateVersion};
use fairgate_core::room::{Entry, Outcome, Refusal, Spot};
use fairgate_draw::v2::Tag;
use fairgate_sim::faults::{
    AnsweredEntry, Look, Request, Response, StoreEvent, TierList, store_events, store_events_tiers,
};
use fairgate_store::StoreError;
use fairgate_store::redis::{CallError, Calls, RedisOptions};
use fairgate_testkit::PrivateRedis;
use redis::aio::MultiplexedConnection;

const ROOM: &str = "the-final";
/// Seeds in which, together, everything is asked that can be.
const SEEDS: [u64; 2] = [39, 2];
/// Calls of each that are compared: those that follow are of the same kinds.
const CALLS: usize = 1_200;

/// A key, and what `DUMP` says of it.
type Dumped = (Vec<u8>, Vec<u8>);

/// A Redis that goes through what the simulator's store went through.
struct Twin {
    calls: Calls,
    link: MultiplexedConnection,
    /// All keys as they were, by the number of the copy.
    copies: HashMap<usize, Vec<Dumped>>,
    /// What a state is called there, by its name in the simulator.
    epochs: HashMap<Vec<u8>, Vec<u8>>,
    /// Answers by kind.
    compared: BTreeMap<&'static str, usize>,
}

impl Twin {
    async fn of(redis: &PrivateRedis) -> Self {
        let options = RedisOptions {
            address: redis.url().parse().unwrap(),
            user: None,
            password: None,
            authority_pem: None,
            ledger: None,
            takes_over: false,
        };
        let client = redis::Client::open(redis.url()).unwrap();
        let mut twin = Self {
            calls: Calls::open(&options, ROOM).unwrap(),
            link: client.get_multiplexed_async_connection().await.unwrap(),
            copies: HashMap::new(),
            epochs: HashMap::new(),
            compared: BTreeMap::new(),
        };
        twin.wipe().await;
        twin
    }

    async fn go_through(&mut self, event: &StoreEvent) {
        match event {
            StoreEvent::Call { now_ms, edge, stamp, request, response } => {
                self.calls.be(edge);
                let stamp = stamp.as_ref().map(|stamp| self.stamp(stamp));
                self.ask(stamp.as_ref(), request, response, *now_ms).await;
            }
            StoreEvent::Wiped | StoreEvent::AnotherRun(None) => self.wipe().await,
            StoreEvent::Copied(number) => self.copy(*number).await,
            StoreEvent::AnotherRun(Some(number)) => self.go_on_with(*number).await,
            StoreEvent::StartedAgain => self.start_again().await,
            StoreEvent::Evicted => {
                let roster = format!("{}:1:roster:0", key());
                let _: u64 = redis::cmd("DEL").arg(roster).query_async(&mut self.link).await.unwrap();
            }
        }
    }

    async fn ask(&mut self, stamp: Option<&StateVersion>, request: &Request, expected: &Response, now_ms: u64) {
        let calls = &self.calls;
        let answer = match request {
            Request::Apply(command) => calls.apply(stamp, command, now_ms).await.map(Response::Outcome),
            Request::View => calls.look(stamp, now_ms).await.map(|(view, observation)| look(view, observation, now_ms)),
            Request::Restore(known) => {
                calls.restore(stamp, &self.knowledge(known), now_ms).await.map(|()| Response::Done)
            }
            Request::RestoreEntries { entries, is_under_root } => {
                let refilled = calls.refill(stamp, entries, *is_under_root, now_ms).await;
                refilled.map(|too_late| Response::EntriesRestored { too_late })
            }
            Request::PutBack { root, from, entries } => {
                calls.put_back(stamp, root, *from, entries, now_ms).await.map(|()| Response::Done)
            }
            Request::RestoreTiers { entries, is_under_root } => {
                let refilled = calls.refill_tiers(stamp, &rows(entries), *is_under_root, now_ms).await;
                refilled.map(|too_late| Response::EntriesRestored { too_late })
            }
            Request::PutBackTiers { root, lists, late } => self.put_back_tiers(stamp, root, lists, late, now_ms).await,
            Request::TierLists => {
                let Response::TierLists(expected) = expected else { panic!("lists, and not {expected:?}") };
                return self.compare_lists(expected).await;
            }
            Request::Roster { entries } => {
                let bytes = calls.roster(*entries).await.unwrap_or_default();
                // Beyond its end there is nothing to read.
                let Response::Roster(expected) = expected else { panic!("a roster, and not {expected:?}") };
                return assert_eq!(bytes, expected.as_flattened()[..bytes.len()]);
            }
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(CallError::Lost) => Response::Lost,
            Err(CallError::Failed(StoreError::Refused(refusal))) => Response::Refused(refusal),
            Err(error) => panic!("{request:?}: {error}"),
        };
        self.compare(request, answer, expected);
    }

    /// A tier after the other, and late comers behind them, as an edge does.
    async fn put_back_tiers(
        &self,
        stamp: Option<&StateVersion>,
        root: &[u8; 32],
        lists: &[TierList],
        late: &[AnsweredEntry],
        now_ms: u64,
    ) -> Result<Response, CallError> {
        let last = lists.iter().rposition(|list| !list.entries.is_empty());
        for (tier, list) in lists.iter().enumerate().filter(|(_, list)| !list.entries.is_empty()) {
            let of_tier = (u8::try_from(tier).unwrap(), &list.entries[..], &list.tags[..]);
            self.calls.put_back_tier(stamp, root, of_tier, Some(tier) == last, now_ms).await?;
        }
        self.calls.refill_tiers(stamp, &rows(late), true, now_ms).await.map(|_| Response::Done)
    }

    async fn compare_lists(&mut self, expected: &[TierList]) {
        for (tier, list) in (0_u8..).zip(expected) {
            let (roster, tags) = self.calls.tier_lists(tier).await.unwrap_or_default();
            assert_eq!(roster, list.entries.as_flattened(), "the roster of tier {tier}");
            assert_eq!(tags, list.tags.as_flattened(), "the tags of tier {tier}");
        }
        *self.compared.entry("lists of tiers").or_default() += 1;
    }

    fn compare(&mut self, request: &Request, answer: Response, expected: &Response) {
        let is_equal = match (&answer, expected) {
            (Response::Look(answer), Response::Look(expected)) => self.is_same_look(answer, expected),
            (Response::Outcome(answer), Response::Outcome(expected)) => answer == expected,
            (Response::Refused(answer), Response::Refused(expected)) => answer == expected,
            (Response::EntriesRestored { too_late: one }, Response::EntriesRestored { too_late: other }) => {
                one == other
            }
            (Response::Done, Response::Done) | (Response::Lost, Response::Lost) => true,
            _ => false,
        };
        assert!(is_equal, "to {request:?}\nRedis answers {answer:?}\nand the model   {expected:?}");
        let kind = match (request, expected) {
            (_, Response::Lost) => "lost",
            (_, Response::Refused(Refusal::Recovering { .. })) => "mending",
            (_, Response::Outcome(Outcome::Claimed(_))) => "claimed",
            (Request::Restore(_), _) => "restored",
            (Request::RestoreEntries { .. } | Request::RestoreTiers { .. }, _) => "refilled",
            (Request::PutBack { .. } | Request::PutBackTiers { .. }, _) => "put back",
            (_, Response::Outcome(Outcome::Arrived(_))) => "arrived",
            _ => "others",
        };
        *self.compared.entry(kind).or_default() += 1;
    }

    /// Equal but for the names of states, which follow each other.
    fn is_same_look(&mut self, answer: &Look, expected: &Look) -> bool {
        let (Observation { stamp, frozen_in, .. }, wanted) = (&answer.observation, &expected.observation);
        let epoch = self.epochs.entry(wanted.stamp.epoch.clone()).or_insert_with(|| stamp.epoch.clone());
        let is_named = *epoch == stamp.epoch && frozen_in.as_ref() == self.epoch(wanted.frozen_in.as_ref()).as_ref();
        let named = Observation {
            stamp: StateVersion { epoch: stamp.epoch.clone(), ..wanted.stamp.clone() },
            ..wanted.clone()
        };
        is_named
            && answer.view == expected.view
            && answer.observation == Observation { frozen_in: frozen_in.clone(), ..named }
    }

    fn epoch(&self, epoch: Option<&Vec<u8>>) -> Option<Vec<u8>> {
        epoch.map(|epoch| self.epochs.get(epoch).unwrap_or(epoch).clone())
    }

    fn stamp(&self, stamp: &StateVersion) -> StateVersion {
        StateVersion { epoch: self.epoch(Some(&stamp.epoch)).unwrap_or_default(), ..stamp.clone() }
    }

    fn knowledge(&self, known: &Replica) -> Replica {
        Replica { frozen_in: self.epoch(known.frozen_in.as_ref()), ..known.clone() }
    }

    async fn wipe(&mut self) {
        let () = redis::cmd("FLUSHALL").query_async(&mut self.link).await.unwrap();
    }

    async fn copy(&mut self, number: usize) {
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut self.link).await.unwrap();
        let mut copy = Vec::new();
        for key in keys {
            let value = redis::cmd("DUMP").arg(&key).query_async(&mut self.link).await.unwrap();
            copy.push((key, value));
        }
        self.copies.insert(number, copy);
    }

    /// What a copy has was written by another run of the server.
    async fn go_on_with(&mut self, number: usize) {
        self.wipe().await;
        for (key, value) in self.copies.remove(&number).unwrap_or_default() {
            let () = redis::cmd("RESTORE").arg(&key).arg(0).arg(value).query_async(&mut self.link).await.unwrap();
        }
        self.start_again().await;
    }

    /// What is there was written by another run of the server.
    async fn start_again(&mut self) {
        let is_there: bool = redis::cmd("EXISTS").arg(key()).query_async(&mut self.link).await.unwrap();
        if is_there {
            let mut write = redis::cmd("HSET");
            let _: u64 = write.arg(key()).arg("server").arg("another").query_async(&mut self.link).await.unwrap();
        }
    }
}

fn rows(entries: &[AnsweredEntry]) -> Vec<(Spot, Entry, Tag)> {
    entries.iter().map(|AnsweredEntry { at, entry, tag }| (*at, *entry, *tag)).collect()
}

fn key() -> String {
    format!("fairgate:{{{ROOM}}}")
}

fn look(view: fairgate_core::room::View, observation: Observation, server_ms: u64) -> Response {
    Response::Look(Box::new(Look { view, observation, server_ms }))
}

#[tokio::test]
async fn the_simulators_store_answers_as_the_scripts_do() {
    let redis = PrivateRedis::start().unwrap();
    let mut compared = BTreeMap::new();
    for seed in SEEDS {
        let mut twin = Twin::of(&redis).await;
        for event in store_events(seed).iter().take(CALLS) {
            twin.go_through(event).await;
        }
        for (kind, count) in twin.compared {
            *compared.entry(kind).or_insert(0) += count;
        }
    }
    for kind in ["lost", "mending", "claimed", "restored", "refilled", "put back"] {
        assert!(compared.contains_key(kind), "no {kind} was compared: {compared:?}");
    }
}

#[tokio::test]
async fn with_tiers_the_simulators_store_answers_as_the_scripts_do() {
    let redis = PrivateRedis::start().unwrap();
    let mut compared = BTreeMap::new();
    for seed in SEEDS {
        let mut twin = Twin::of(&redis).await;
        for event in store_events_tiers(seed).iter().take(CALLS) {
            twin.go_through(event).await;
        }
        for (kind, count) in twin.compared {
            *compared.entry(kind).or_insert(0) += count;
        }
    }
    for kind in ["lost", "mending", "arrived", "restored", "refilled", "lists of tiers"] {
        assert!(compared.contains_key(kind), "no {kind} was compared: {compared:?}");
    }
}
