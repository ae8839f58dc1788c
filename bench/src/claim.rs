//! Claims in a room that binds places to a key, beside claims in a room that does not, and the check of a proof alone.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, ensure};
use fairgate_crowd::BrowserKey;
use fairgate_entry::binding::{ProofNonces, ProofOf, Thumbprint, verify_proof};
use fairgate_entry::keys::Key;

use crate::cpu;
use crate::edge::{BoundFan, Edge};
use crate::nginx::Nginx;
use crate::report::{Goal, Row};
use crate::wrk::Load;

const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 64;
const CHECKS: u32 = 1_000;
/// Microseconds for one proof.
const CHECK_US: f64 = 80.0;
/// What a claim with a proof may cost, of a plain one.
const AT_MOST: Goal = Goal::AtMost(2.0);
const ADDRESS: &str = "https://tickets.example/.fairgate/final/claim";
const NOW_MS: u64 = 1_764_581_400_000;
const TICKET: &str = "eyJ0aWNrZXQiOjF9.e30.AA";

/// Microseconds of one proof's check, and CPU a claim.
pub(crate) async fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let checks = (0..rounds * 10).map(|_| check_us()).collect::<anyhow::Result<Vec<f64>>>()?;
    let shop = Nginx::serving(b"shop")?;
    let (plain, bound) = (Edge::start(&shop.address()).await?, Edge::binding_keys(&shop.address()).await?);
    let (ticket, fan) = (plain.called_fan(0).await?, bound.bound_fan(0).await?);
    let mut claims = Vec::new();
    for _ in 0..rounds {
        // A proof is good for two minutes.
        let ours = claim_us(&bound, &proved(&bound, &fan).await?)?;
        claims.push((ours, claim_us(&plain, &[bearer(&ticket)])?));
    }
    Ok(vec![
        Row::within("claim: a key's proof, checked", "us", CHECK_US, checks.into_iter()),
        Row::from_rounds("claim: CPU a claim with a proof, of a plain one", "us", AT_MOST, &claims),
    ])
}

/// What one of a thousand checks of a good proof takes.
fn check_us() -> anyhow::Result<f64> {
    let (key, nonces) = (BrowserKey::make()?, ProofNonces::new(Key::from_bytes([5; 32]), [7; 32]));
    let proof = key.proof(ADDRESS, &nonces.now(NOW_MS), TICKET)?;
    let thumbprint = Thumbprint::read(&key.thumbprint()?).context("a thumbprint")?;
    let of = ProofOf { method: "POST", address: ADDRESS, token: TICKET, key: &thumbprint };
    ensure!(verify_proof(&proof, &of, &nonces, NOW_MS).is_ok(), "the proof is good");
    let begun = Instant::now();
    for _ in 0..CHECKS {
        black_box(verify_proof(black_box(&proof), &of, &nonces, NOW_MS).is_ok());
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS))
}

fn bearer(ticket: &str) -> String {
    format!("Authorization: Bearer {ticket}")
}

/// The headers of a claim that its fan has proved.
async fn proved(edge: &Edge, fan: &BoundFan) -> anyhow::Result<[String; 2]> {
    Ok([bearer(&fan.ticket), format!("DPoP: {}", edge.claim_proof(fan).await?)])
}

fn claim_us(edge: &Edge, headers: &[String]) -> anyhow::Result<f64> {
    let url = edge.claim_url();
    let script = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/claim.lua"));
    let (connections, seconds) = (CONNECTIONS, SECONDS);
    let load = Load { url: &url, connections, seconds, headers, is_refused: false, script, arguments: &[] };
    let before = cpu::seconds(&[edge.pid()])?;
    let claims = load.run()?;
    Ok((cpu::seconds(&[edge.pid()])? - before) * 1e6 / claims)
}
