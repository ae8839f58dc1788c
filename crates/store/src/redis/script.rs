//! The transitions as Redis runs them: one script for each command, put together from the files in `lua/`.
//!
//! Guarantee: a number that Rust and Lua share is written once, in Rust. It is the scripts' first lines, so the two cannot
//! differ.

use redis::{Script, ScriptInvocation, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::link::Link;
use super::rows::{CLAIMS, ROSTER};
use super::transition::OVER;
use crate::StoreError;

/// What stands before every command, in this order.
const ROOM: [&str; 7] = [
    include_str!("../../../../lua/room/state.lua"),
    include_str!("../../../../lua/room/pace.lua"),
    include_str!("../../../../lua/room/lease.lua"),
    include_str!("../../../../lua/room/line.lua"),
    include_str!("../../../../lua/room/tiers.lua"),
    include_str!("../../../../lua/room/loss.lua"),
    include_str!("../../../../lua/room/time.lua"),
];
/// What stands before commands that look identities up, behind the beginning.
const INDEX: &str = include_str!("../../../../lua/room/index.lua");
/// What stands before commands by fans who have proved a key.
const KEYS: &str = include_str!("../../../../lua/room/keys.lua");
const JOINS: &str = include_str!("../../../../lua/room/joins.lua");
const BEGIN: &str = include_str!("../../../../lua/begin.lua");

/// The most leases, or places that wait, that end in one script: Redis serves nobody else meanwhile. The room in memory
/// ends all of them at once; here the next scripts end the rest.
const DUE_MAX: u64 = 300;

/// The keys of an index that one look takes away: it belongs to a sale that is over.
const INDEX_A_LOOK: u64 = 2_000;

/// Every script, by what it does.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) schedule: Script,
    pub(super) enter: Script,
    pub(super) arrive: Script,
    pub(super) freeze: Script,
    pub(super) freeze_tiers: Script,
    pub(super) reveal: Script,
    pub(super) claim: Script,
    pub(super) claim_tiers: Script,
    pub(super) claim_by_key: Script,
    pub(super) claim_tiers_by_key: Script,
    pub(super) renew: Script,
    pub(super) renew_by_key: Script,
    pub(super) shift: Script,
    pub(super) release: Script,
    pub(super) leave: Script,
    pub(super) control: Script,
    pub(super) steer: Script,
    pub(super) stock: Script,
    pub(super) learn: Script,
    pub(super) learn_tier: Script,
    pub(super) view: Script,
    pub(super) restore: Script,
    pub(super) refill: Script,
    pub(super) refill_tiers: Script,
    pub(super) put_back: Script,
    pub(super) put_back_tiers: Script,
}

impl Scripts {
    /// The scripts of this version; Redis keeps them by their hash, and gets them again when it has forgotten them.
    pub(super) fn new() -> Self {
        let room = format!("{}{}", numbers(), ROOM.join("\n"));
        let script = |body: &str| Script::new(&format!("{room}\n{BEGIN}\n{body}"));
        Self {
            schedule: script(include_str!("../../../../lua/schedule.lua")),
            enter: script(&[JOINS, include_str!("../../../../lua/enter.lua")].join("\n")),
            arrive: script(&[INDEX, JOINS, include_str!("../../../../lua/arrive.lua")].join("\n")),
            freeze: script(include_str!("../../../../lua/freeze.lua")),
            freeze_tiers: script(include_str!("../../../../lua/freeze_tiers.lua")),
            reveal: script(include_str!("../../../../lua/reveal.lua")),
            claim: script(&claim(false, false)),
            claim_tiers: script(&claim(true, false)),
            claim_by_key: script(&claim(false, true)),
            claim_tiers_by_key: script(&claim(true, true)),
            renew: script(&renew(false)),
            renew_by_key: script(&renew(true)),
            shift: script(&[KEYS, include_str!("../../../../lua/move.lua")].join("\n")),
            release: script(include_str!("../../../../lua/release.lua")),
            leave: script(include_str!("../../../../lua/leave.lua")),
            control: script(include_str!("../../../../lua/control.lua")),
            steer: script(include_str!("../../../../lua/steer.lua")),
            stock: script(include_str!("../../../../lua/stock.lua")),
            learn: script(include_str!("../../../../lua/learn.lua")),
            learn_tier: script(include_str!("../../../../lua/learn_tier.lua")),
            view: script(include_str!("../../../../lua/view.lua")),
            refill: script(include_str!("../../../../lua/refill.lua")),
            refill_tiers: script(&[INDEX, include_str!("../../../../lua/refill_tiers.lua")].join("\n")),
            put_back: script(include_str!("../../../../lua/put_back.lua")),
            put_back_tiers: script(&[INDEX, include_str!("../../../../lua/put_back_tiers.lua")].join("\n")),
            // What was lost is put back before time passes.
            restore: Script::new(&format!("{room}\n{KEYS}\n{}", include_str!("../../../../lua/restore.lua"))),
        }
    }
}

/// The claim of fans in a room with tiers, or in one without; by those who have proved a key, or by others.
fn claim(has_tiers: bool, by_key: bool) -> String {
    format!("local WANTS_TIERS = {has_tiers}\n{}{}", by_key_or_not(by_key), include_str!("../../../../lua/claim.lua"))
}

/// The renewal of sessions, by those who have proved a key, or by others.
fn renew(by_key: bool) -> String {
    by_key_or_not(by_key) + include_str!("../../../../lua/renew.lua")
}

fn by_key_or_not(by_key: bool) -> String {
    format!("local BY_KEY = {by_key}\n{}", if by_key { KEYS } else { "local lost_since\n" })
}

/// The numbers that Rust and Lua share, as the first lines of each script: those of the room, and those of its keys and replies.
fn numbers() -> String {
    let own = [
        ("ENTRIES_A_CHUNK", ROSTER.rows_a_chunk),
        ("CLAIMS_A_CHUNK", CLAIMS.rows_a_chunk),
        ("DUE_MAX", DUE_MAX),
        ("OVER", OVER),
        ("INDEX_A_LOOK", INDEX_A_LOOK),
    ];
    let shared = fairgate_core::room::SHARED_NUMBERS.iter().copied().chain(own);
    shared.map(|(name, number)| format!("local {name} = {number}\n")).collect()
}

/// Runs a script; answers what stands behind its first word, and that word.
pub(super) async fn run(call: &ScriptInvocation<'_>, link: &Link) -> Result<Reply, StoreError> {
    let run = |mut connection| async move { call.invoke_async(&mut connection).await };
    let values: Vec<Value> = link.call(run).await.map_err(|error| unavailable(&error))?;
    let mut values = values.into_iter();
    let word = values.next().and_then(text).ok_or_else(|| nonsense("a reply without a word"))?;
    Ok(Reply { word, values: values.collect() })
}

/// What a script answered.
#[derive(Debug)]
pub(super) struct Reply {
    /// `ok`, `refused`, or what the script's header says.
    pub(super) word: String,
    /// What came with it.
    pub(super) values: Vec<Value>,
}

impl Reply {
    /// The values as numbers.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        self.values.iter().map(number).collect()
    }
}

/// A value as a number.
pub(super) fn number(value: &Value) -> Result<u64, StoreError> {
    redis::from_redis_value_ref(value).map_err(|_| nonsense("a reply with something else instead of a number"))
}

/// A value as text.
pub(super) fn text(value: Value) -> Option<String> {
    redis::from_redis_value(value).ok()
}

/// A value of an enumeration, as JSON has it.
pub(super) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The value that has this word.
pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, StoreError> {
    serde_json::from_value(word.into()).map_err(|_| nonsense("a word of another version"))
}

/// Redis cannot be reached, or cannot write.
pub(super) fn unavailable(error: &redis::RedisError) -> StoreError {
    StoreError::Unavailable(format!("Redis: {error}"))
}

/// Redis answered what no script of this version answers.
pub(super) fn nonsense(what: &str) -> StoreError {
    StoreError::Damaged(format!("Redis answered {what}: are all edges of the same version of fairgate?"))
}
