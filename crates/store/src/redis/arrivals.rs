//! Arrivals in a room with tiers as `lua/arrive.lua` reads and answers them.

use fairgate_core::room::{Arrival, Arrived, Entry, Outcome, Replaced, Spot};
use redis::Value;

use super::script::{nonsense, number};
use super::transition::{Room, add_network, answers_all, parts};
use crate::{CountedNetwork, StoreError};

/// The most arrivals that one script takes: Redis serves nobody else while it runs.
const ARRIVALS_A_SCRIPT: usize = 200;
/// Instead of a tier: the line. `lua/arrive.lua` has it by the same number.
const LINE: u8 = 15;
/// Added to the number of entries where their code has several uses.
const SEVERAL: u8 = 128;

/// Takes those fans in order of arrival whose networks have not had their share; answers who was turned away, too, and for how
/// many ms. `secret`: what the networks' names are made with.
pub(super) async fn enter(
    room: &mut Room<'_>,
    arrivals: &[Arrival],
    networks: &[Vec<CountedNetwork>],
    secret: &[u8],
) -> Result<(Outcome, Vec<(usize, u64)>), StoreError> {
    let (mut arrived, mut over) = (Vec::with_capacity(arrivals.len()), Vec::new());
    for (first, part) in (0..).step_by(ARRIVALS_A_SCRIPT).zip(parts(arrivals, ARRIVALS_A_SCRIPT)) {
        let mut call = room.call(&room.scripts.arrive);
        call.arg(part.iter().flat_map(bytes).collect::<Vec<u8>>());
        for (number, networks) in (1_usize..=part.len()).zip(networks.iter().skip(first)) {
            networks.iter().for_each(|network| add_network(&mut call, number, network, secret));
        }
        let reply = room.run(&call).await?;
        let [_, outcomes @ ..] = reply.values.as_slice() else { return Err(nonsense("no size of the pool")) };
        answers_all(part.len(), outcomes.len())?;
        for (at, (arrival, outcome)) in (first..).zip(part.iter().zip(outcomes)) {
            match turned_away(outcome)? {
                Some(retry_after_ms) => over.push((at, retry_after_ms)),
                None => arrived.push(read(arrival, outcome)?),
            }
        }
    }
    Ok((Outcome::Arrived(arrived), over))
}

/// For how long a fan is turned away whose network has had its share, ms; none where the fan is not.
fn turned_away(outcome: &Value) -> Result<Option<u64>, StoreError> {
    match outcome {
        Value::Array(parts) => match &parts[..] {
            [Value::BulkString(word), retry_after_ms] if word == b"over" => number(retry_after_ms).map(Some),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// One arrival, as the script's header says. Numbers fit, since the command was checked.
fn bytes(arrival: &Arrival) -> Vec<u8> {
    let Arrival { tier, entries, several, others, code, until_s, replaces } = arrival;
    let count = |list: usize| u8::try_from(list).unwrap_or(u8::MAX);
    let mut bytes = vec![*tier, count(entries.len()) + if *several { SEVERAL } else { 0 }];
    for (entry, tag) in entries {
        bytes.extend_from_slice(entry);
        bytes.extend_from_slice(tag);
    }
    bytes.push(count(others.len()));
    bytes.extend(others.as_flattened());
    bytes.extend(until_s.unwrap_or(0).to_be_bytes());
    match code {
        None => bytes.push(0),
        Some(code) => {
            bytes.push(count(code.campaign.len()));
            bytes.extend_from_slice(code.campaign.as_bytes());
            bytes.extend(code.rank.to_be_bytes());
            bytes.push(code.uses);
        }
    }
    bytes.push(u8::from(replaces.is_some()));
    if let Some(Replaced { at, place }) = replaces {
        let (tier, number) = match *at {
            Spot::Pool { tier, index } => (tier, index),
            Spot::Line { place } => (LINE, place),
        };
        bytes.push(tier);
        bytes.extend(number.to_be_bytes());
        bytes.extend(place.to_be_bytes());
    }
    bytes
}

fn read(arrival: &Arrival, outcome: &Value) -> Result<Arrived, StoreError> {
    let pool = |index| Spot::Pool { tier: arrival.tier, index };
    match outcome {
        Value::Int(_) => Ok(Arrived::New { at: pool(number(outcome)?), which: 0 }),
        Value::BulkString(word) if word == b"used" => Ok(Arrived::Used),
        Value::BulkString(word) if word == b"late" => Ok(Arrived::Late),
        Value::Array(parts) => read_parts(arrival, parts),
        _ => Err(nonsense("another kind of arrival")),
    }
}

fn read_parts(arrival: &Arrival, parts: &[Value]) -> Result<Arrived, StoreError> {
    let small = |value: &Value| u8::try_from(number(value)?).map_err(|_| nonsense("a tier that is none"));
    match parts {
        [Value::BulkString(word), which, index] if word == b"new" => {
            let at = Spot::Pool { tier: arrival.tier, index: number(index)? };
            Ok(Arrived::New { at, which: small(which)? })
        }
        [Value::BulkString(word), which, place] if word == b"line" => {
            Ok(Arrived::New { at: Spot::Line { place: number(place)? }, which: small(which)? })
        }
        [Value::BulkString(word), tier, index, by, Value::BulkString(entry)] if word == b"again" => {
            let at = match small(tier)? {
                LINE => Spot::Line { place: number(index)? },
                tier => Spot::Pool { tier, index: number(index)? },
            };
            Ok(Arrived::Again { at, by: small(by)?, entry: Entry::try_from(entry.as_slice()).ok() })
        }
        _ => Err(nonsense("another kind of arrival")),
    }
}
