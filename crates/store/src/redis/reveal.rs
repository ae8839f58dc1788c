//! `Command::Reveal`: Lua can neither hash nor verify. So the store asks what the draw consists of, works out what is
//! missing, and asks again; see `lua/reveal.lua`.

use fairgate_core::room::{Beacon, Outcome, check_beacon, verified};
use fairgate_draw::{BeaconRound, BeaconSignature, Descriptor, Hash, ZERO, seed};
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
    let [digest, descriptor] = reply.values.as_slice() else { return Err(nonsense("half a descriptor")) };
    let round = round(descriptor)?;
    let beacon = signature.map(|signature| verified(round.as_ref(), signature)).transpose()?;
    Ok(Found { digest: bytes::<32>(digest)?.to_vec(), beacon, seed: None })
}

fn work_out(reply: &Reply, found: Found) -> Result<Found, StoreError> {
    let [digest, descriptor, entries, root, secret, frozen_at_ms, now_ms] = reply.values.as_slice() else {
        return Err(nonsense("half a seed"));
    };
    check_beacon(round(descriptor)?.as_ref(), found.beacon.as_ref(), number(frozen_at_ms)?, number(now_ms)?)?;
    let digest = bytes(digest)?;
    let randomness = found.beacon.map_or(ZERO, |beacon| beacon.randomness);
    let seed = seed(&digest, number(entries)?, &bytes(root)?, &bytes(secret)?, &randomness);
    Ok(Found { digest: digest.to_vec(), seed: Some(seed), ..found })
}

/// The round that a descriptor names.
fn round(descriptor: &Value) -> Result<Option<BeaconRound>, StoreError> {
    let descriptor = text(descriptor.clone()).and_then(|text| Descriptor::parse(&text).ok());
    descriptor.map(|descriptor| descriptor.beacon).ok_or_else(|| nonsense("a descriptor that is none"))
}

fn bytes<const N: usize>(value: &Value) -> Result<[u8; N], StoreError> {
    match value {
        Value::BulkString(bytes) => bytes.as_slice().try_into().map_err(|_| nonsense("a hash of another length")),
        _ => Err(nonsense("something else instead of a hash")),
    }
}
