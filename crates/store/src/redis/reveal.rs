//! `Command::Reveal`: Lua can neither hash nor verify. So the store asks what the draw consists of, works out what is
//! missing, and asks again; see `lua/reveal.lua`.

use fairgate_core::room::{Beacon, Frozen, Outcome, beacon_round, check_beacon, seed_of, verified};
use fairgate_draw::v2::FrozenTier;
use fairgate_draw::{BeaconRound, BeaconSignature, Hash, ZERO};
use redis::Value;

use super::script::{Reply, nonsense, number, text};
use super::transition::Room;
use crate::StoreError;

/// One look for the signature, one for the seed, and one to publish it.
const CALLS_MAX: usize = 3;

/// What the caller has worked out so far.
#[derive(Default)]
struct Found {
    digest: Vec<u8>,
    beacon: Option<Beacon>,
    seed: Option<Hash>,
}

/// Publishes the secret and the seed.
pub(super) async fn apply(room: &mut Room<'_>, signature: Option<&BeaconSignature>) -> Result<Outcome, StoreError> {
    let mut found = Found::default();
    for _ in 0..CALLS_MAX {
        let reply = ask(room, signature, &found).await?;
        found = match reply.word.as_str() {
            "ok" => return Ok(Outcome::Done),
            "descriptor" => verify(&reply, signature)?,
            "seed" => work_out(&reply, found)?,
            _ => return Err(nonsense("another step of the draw")),
        };
    }
    Err(StoreError::Unavailable("the room was scheduled anew meanwhile: ask again".into()))
}

async fn ask(room: &mut Room<'_>, signature: Option<&BeaconSignature>, found: &Found) -> Result<Reply, StoreError> {
    let mut call = room.call(&room.scripts.reveal);
    call.arg(u8::from(signature.is_some())).arg(&found.digest);
    call.arg(found.seed.map_or_else(Vec::new, Vec::from));
    call.arg(found.beacon.map_or_else(Vec::new, |beacon| beacon.signature.0.to_vec()));
    call.arg(found.beacon.map_or_else(Vec::new, |beacon| beacon.randomness.to_vec()));
    room.run(&call).await
}

fn verify(reply: &Reply, signature: Option<&BeaconSignature>) -> Result<Found, StoreError> {
    let [digest, descriptor, frozen_at_ms] = reply.values.as_slice() else {
        return Err(nonsense("half a descriptor"));
    };
    let round = round(descriptor, Some(number(frozen_at_ms)?).filter(|at_ms| *at_ms > 0));
    let beacon = signature.map(|signature| verified(round.as_ref(), signature)).transpose()?;
    Ok(Found { digest: bytes::<32>(digest)?.to_vec(), beacon, seed: None })
}

fn work_out(reply: &Reply, found: Found) -> Result<Found, StoreError> {
    let [digest, descriptor, entries, root, secret, frozen_at_ms, now_ms, tiers @ ..] = reply.values.as_slice() else {
        return Err(nonsense("half a seed"));
    };
    let (frozen_at_ms, tiers) = (number(frozen_at_ms)?, read_tiers(tiers)?);
    let round = round(descriptor, Some(frozen_at_ms));
    // Before the freeze a draw with tiers names another round than after it may.
    let beacon = found.beacon.map(|beacon| verified(round.as_ref(), &beacon.signature)).transpose()?;
    check_beacon(round.as_ref(), beacon.as_ref(), frozen_at_ms, number(now_ms)?)?;
    let (digest, randomness) = (bytes(digest)?, beacon.map_or(ZERO, |beacon| beacon.randomness));
    let (entries, root) = (number(entries)?, bytes(root)?);
    let frozen = Frozen { entries, root, missing: 0, at_ms: frozen_at_ms, left_out: 0 };
    let seed = seed_of(&digest, &frozen, tiers.as_deref(), &bytes(secret)?, &randomness);
    Ok(Found { digest: digest.to_vec(), seed: Some(seed), beacon })
}

/// The frozen tiers, in a room that has any: the roots of all, and how many entries each has.
fn read_tiers(values: &[Value]) -> Result<Option<Vec<FrozenTier>>, StoreError> {
    let Some((Value::BulkString(roots), entries)) = values.split_first() else { return Ok(None) };
    let (roots, []) = roots.as_chunks::<32>() else { return Err(nonsense("half a root")) };
    let (roots, []) = roots.as_chunks::<2>() else { return Err(nonsense("a tier with one root")) };
    let tier = |([root, tags_root], entries): (&[Hash; 2], &Value)| {
        Ok(FrozenTier { entries: number(entries)?, root: *root, tags_root: *tags_root, missing: 0 })
    };
    roots.iter().zip(entries).map(tier).collect::<Result<_, StoreError>>().map(Some)
}

/// The round that a descriptor names for a freeze at this time.
fn round(descriptor: &Value, frozen_at_ms: Option<u64>) -> Option<BeaconRound> {
    beacon_round(&text(descriptor.clone())?, frozen_at_ms)
}

fn bytes<const N: usize>(value: &Value) -> Result<[u8; N], StoreError> {
    match value {
        Value::BulkString(bytes) => bytes.as_slice().try_into().map_err(|_| nonsense("a hash of another length")),
        _ => Err(nonsense("something else instead of a hash")),
    }
}
