//! What a fan and an auditor do with a finished draw of 14 million. Measured are a proof, a check in the browser's
//! language, and the whole verification with its memory. The reference is the limit that each is to keep.

mod tiers;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_draw::{
    CHUNK_ENTRIES, Claim, Descriptor, Hash, InclusionProof, Opening, Record, RosterTree, RosterTreeBuilder, Shuffle,
    ZERO, commitment, entry, seed,
};
use fairgate_telemetry::entropy;
use fairgate_token::{KeyRing, create_key};
use serde_json::json;
use tempfile::TempDir;

use crate::edge::fairgate_program;
use crate::report::{Goal, Row};

const ENTRIES: u64 = 14_000_000;
const SECRET: Hash = [7; 32];
/// Fans who were let in: a stadium.
const CLAIMS: u64 = 80_000;
const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/check.mjs");

/// Proofs, the page's own check, and a verification from files.
pub(crate) fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let draw = Draw::publish()?;
    let proofs: Vec<f64> = (0..rounds as u64 * 100).map(|n| draw.milliseconds_of_proof(n)).collect::<Result<_, _>>()?;
    let checks = (0..rounds).map(|_| draw.milliseconds_of_check()).collect::<Result<Vec<_>, _>>()?;
    let in_tiers = tiers::publish()?;
    // Side by side, so that the ratio is of one machine at one time.
    let both = (0..rounds).map(|_| Ok((verify(in_tiers.path())?, verify(draw.folder.path())?)));
    let (tiered, verified): (Vec<_>, Vec<_>) = both.collect::<anyhow::Result<Vec<_>>>()?.into_iter().unzip();
    let times: Vec<(f64, f64)> = tiered.iter().zip(&verified).map(|(tiers, none)| (tiers.0, none.0)).collect();
    Ok(vec![
        Row::within("draw: a proof of inclusion among 14 million", "ms", 5.0, proofs.into_iter()),
        Row::within("draw: the page's own check", "ms of CPU", 50.0, checks.into_iter()),
        Row::within("draw: verification of 14 million", "s", 15.0, verified.iter().map(|run| run.0)),
        Row::within("draw: memory of that verification", "MB", 200.0, verified.iter().map(|run| run.1)),
        Row::within("draw: verification of 14 million in three tiers", "s", 20.0, tiered.iter().map(|run| run.0)),
        Row::within("draw: memory of that verification in tiers", "MB", 250.0, tiered.iter().map(|run| run.1)),
        Row::from_rounds("draw: three tiers with identities, beside none", "s", Goal::AtMost(1.25), &times),
    ])
}

/// A finished draw in a folder, as `fairgate draw verify` reads it.
struct Draw {
    folder: TempDir,
    roster: File,
    tree: RosterTree,
    record: Record,
}

impl Draw {
    fn publish() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (opens_at_ms, starts_at_ms) = (1_764_579_600_000, 1_764_581_400_000);
        let commitment = commitment(&SECRET);
        let descriptor = Descriptor { beacon: None, commitment, opens_at_ms, room: "bench".into(), starts_at_ms };
        let digest = descriptor.digest();
        let tree = write_roster(&folder.path().join("roster"), &digest)?;
        let (entries, root) = (tree.entries(), tree.root());
        let record = Record {
            entries: Some(entries),
            root: Some(root),
            frozen_at_ms: Some(starts_at_ms),
            revealed_at_ms: Some(starts_at_ms + 2_000),
            secret: Some(SECRET),
            seed: Some(seed(&digest, entries, &root, &SECRET, &ZERO)),
            ..Record::scheduled(descriptor)
        };
        write_claims(&folder.path().join("claims"), &record)?;
        let keys = folder.path().join("keys");
        create_key(&keys, 1_000, &entropy::system())?;
        let ring = KeyRing::load(&keys, "bench")?;
        fs::write(folder.path().join("jwks.json"), ring.jwks())?;
        let record = ring.sign_record(record, starts_at_ms);
        fs::write(folder.path().join("draw.json"), record.canonical_json())?;
        let roster = File::open(folder.path().join("roster"))?;
        Ok(Self { folder, roster, tree, record })
    }

    /// As the edge does it: a chunk of the roster from the file, the levels above from memory.
    fn proof(&self, index: u64) -> anyhow::Result<InclusionProof> {
        let range = self.tree.chunk(index).context("there is such an entry")?;
        let mut bytes = vec![0; usize::try_from(range.end - range.start)? * 32];
        self.roster.read_exact_at(&mut bytes, range.start * 32)?;
        Ok(self.tree.proof(index, bytes.as_chunks::<32>().0)?)
    }

    fn milliseconds_of_proof(&self, n: u64) -> anyhow::Result<f64> {
        // Chunks that are far from one another.
        let index = n.wrapping_mul(1_000_003 * CHUNK_ENTRIES) % ENTRIES;
        let begun = Instant::now();
        black_box(self.proof(index)?);
        Ok(begun.elapsed().as_secs_f64() * 1000.0)
    }

    /// The check page's own code, run by the engine that Chromium has.
    fn milliseconds_of_check(&self) -> anyhow::Result<f64> {
        let index = 12_345_678;
        let path: Vec<String> = self.proof(index)?.path.iter().map(|hash| hex(hash)).collect();
        let record = self.record.canonical_json();
        let entry = hex(&entry(&self.record.descriptor_digest, &nonce(index), &ZERO));
        let nonce = URL_SAFE_NO_PAD.encode(nonce(index));
        let papers =
            json!({ "index": index, "entry": entry, "nonce": nonce, "proof": { "path": path }, "record": record });
        let file = self.folder.path().join("papers.json");
        fs::write(&file, papers.to_string())?;
        let output =
            Command::new("node").arg(CHECK).arg(&file).output().context("node runs: make setup installs it")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }
}

/// Seconds and megabytes of `fairgate draw verify`.
fn verify(folder: &Path) -> anyhow::Result<(f64, f64)> {
    let begun = Instant::now();
    let mut verify =
        Command::new(fairgate_program()?).args(["draw", "verify"]).arg(folder).stdout(Stdio::null()).spawn()?;
    let mut peak_kb = 0;
    let status = loop {
        peak_kb = peak_kb.max(peak_resident_kb(verify.id()));
        if let Some(status) = verify.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    ensure!(status.success(), "the draw does not hold: {status}");
    Ok((begun.elapsed().as_secs_f64(), f64::from(peak_kb) / 1000.0))
}

fn nonce(index: u64) -> [u8; 16] {
    u128::from(index).to_be_bytes()
}

fn write_roster(path: &Path, digest: &Hash) -> anyhow::Result<RosterTree> {
    let (mut file, mut tree) = (BufWriter::new(File::create(path)?), RosterTreeBuilder::new());
    for index in 0..ENTRIES {
        let entry = entry(digest, &nonce(index), &ZERO);
        tree.push(&entry);
        file.write_all(&entry)?;
    }
    file.flush()?;
    Ok(tree.finish())
}

fn write_claims(path: &Path, record: &Record) -> anyhow::Result<()> {
    let shuffle = Shuffle::new(&record.seed.context("the draw is finished")?, ENTRIES);
    let admitted_at_ms = record.revealed_at_ms.context("the draw is finished")?;
    let mut file = BufWriter::new(File::create(path)?);
    for index in 0..CLAIMS {
        let place = shuffle.place(index).context("there is such an entry")?;
        let opening = Some(Opening { nonce: nonce(index), tag: ZERO });
        file.write_all(&Claim { place, index: Some(index), admitted_at_ms, opening }.to_bytes())?;
    }
    Ok(file.flush()?)
}

/// The most memory that a process has had so far; 0 once it has ended.
fn peak_resident_kb(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
