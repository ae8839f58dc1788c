//! What an operator publishes of a draw, in a folder of its own.

use std::process::Command;

use fairgate_draw::{
    BeaconRound, BeaconSignature, Claim, Descriptor, Hash, Opening, QUICKNET, Record, RootHasher, Shuffle, ZERO,
    commitment, entry, seed,
};
use fairgate_telemetry::entropy;
use fairgate_token::{KeyRing, create_key};
use tempfile::TempDir;

/// When round 1000 of quicknet was: rounds of these draws are long past.
pub(crate) const ROUND_MS: u64 = 1_692_806_364_000;
pub(crate) const SECRET: Hash = [0x5e; 32];

/// A draw, and the operator who runs it: honestly, until a test does something else.
pub(crate) struct Draw {
    pub(crate) record: Record,
    pub(crate) roster: Vec<Hash>,
    /// Who took which place, if that is published.
    pub(crate) claims: Option<Vec<Claim>>,
    /// Signs whatever is published.
    pub(crate) keys: KeyRing,
    /// What is published as the operator's keys.
    pub(crate) jwks: String,
}

impl Draw {
    /// A finished draw among `fans` entries, committed and no more.
    pub(crate) fn honest(fans: u64) -> Self {
        let mut draw = Self::frozen(fans, None);
        draw.reveal(SECRET);
        draw
    }

    /// A finished draw with round 1000 of drand's quicknet.
    pub(crate) fn with_beacon(fans: u64) -> Self {
        let mut draw = Self::frozen(fans, Some(QUICKNET.round(1000)));
        draw.record.beacon_signature = Some(round_1000());
        draw.record.beacon = Some(QUICKNET.round(1000).randomness(&round_1000()).unwrap());
        draw.reveal(SECRET);
        draw
    }

    /// A draw whose root is public and whose secret is not.
    pub(crate) fn frozen(fans: u64, beacon: Option<BeaconRound>) -> Self {
        let descriptor = Descriptor {
            beacon,
            commitment: commitment(&SECRET),
            opens_at_ms: ROUND_MS - 600_000,
            room: "tour \"é\" 2026".into(),
            starts_at_ms: ROUND_MS - 60_000,
        };
        let digest = descriptor.digest();
        let roster = (0..fans).map(|fan| entry(&digest, &u128::from(fan).to_be_bytes(), &ZERO)).collect();
        let keys = key_ring();
        let jwks = keys.jwks();
        let mut draw = Self { record: Record::scheduled(descriptor), roster, claims: None, keys, jwks };
        draw.freeze();
        draw
    }

    /// Publishes the root of the roster as it is now.
    pub(crate) fn freeze(&mut self) {
        let mut hasher = RootHasher::new();
        self.roster.iter().for_each(|entry| hasher.push(entry));
        let (entries, root) = hasher.finish();
        self.record.entries = Some(entries);
        self.record.root = Some(root);
        self.record.frozen_at_ms = Some(self.record.descriptor.starts_at_ms + 5);
    }

    /// Publishes this secret and the seed that follows.
    pub(crate) fn reveal(&mut self, secret: Hash) {
        let (entries, root) = (self.record.entries.unwrap(), self.record.root.unwrap());
        let beacon = self.record.beacon.unwrap_or(ZERO);
        self.record.secret = Some(secret);
        self.record.revealed_at_ms = Some(ROUND_MS);
        self.record.seed = Some(seed(&self.record.descriptor.digest(), entries, &root, &secret, &beacon));
    }

    /// Lets the fans with these indexes in, who show what their entries are made of, and after them one who came late.
    pub(crate) fn admit(&mut self, indexes: &[u64]) {
        let entries = self.record.entries.unwrap();
        let shuffle = Shuffle::new(&self.record.seed.unwrap(), entries);
        let admitted_at_ms = ROUND_MS + 1;
        let claim = |index: &u64| {
            let opening = Some(Opening { nonce: u128::from(*index).to_be_bytes(), tag: ZERO });
            Claim { place: shuffle.place(*index).unwrap(), index: Some(*index), admitted_at_ms, opening }
        };
        let late = Claim { place: entries + 3, index: None, admitted_at_ms, opening: None };
        self.claims = Some(indexes.iter().map(claim).chain([late]).collect());
    }

    /// Writes the folder that the verifiers read.
    pub(crate) fn publish(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("draw.json", self.signed().canonical_json().as_bytes());
        write("roster", self.roster.as_flattened());
        write("jwks.json", self.jwks.as_bytes());
        if let Some(claims) = &self.claims {
            write("claims", claims.iter().map(Claim::to_bytes).collect::<Vec<_>>().as_flattened());
        }
        folder
    }

    /// The record as it is published.
    pub(crate) fn signed(&self) -> Record {
        self.keys.sign_record(self.record.clone(), ROUND_MS)
    }

    /// The places as `fairgate draw places` prints them.
    pub(crate) fn printed_places(&self) -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_fairgate"))
            .args(["draw", "places", "--seed", &hex::encode(self.record.seed.unwrap())])
            .args(["--entries", &self.record.entries.unwrap().to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

/// A new operator's keys.
pub(crate) fn key_ring() -> KeyRing {
    let dir = tempfile::tempdir().unwrap();
    create_key(dir.path(), 1_000, &entropy::system()).unwrap();
    KeyRing::load(dir.path(), "https://tickets.example").unwrap()
}

/// The signature of round 1000, from DRAW.md.
pub(crate) fn round_1000() -> BeaconSignature {
    let text = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    BeaconSignature(hex::decode(text).unwrap().try_into().unwrap())
}
