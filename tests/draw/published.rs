//! What an operator publishes of a draw, in a folder of its own.

use std::path::Path;
use std::process::Command;

use fairgate_draw::{Descriptor, Hash, Record, RootHasher, ZERO, commitment, entry, seed};
use tempfile::TempDir;

/// A draw that an operator ran honestly, so far.
#[derive(Clone)]
pub(crate) struct Draw {
    pub(crate) record: Record,
    pub(crate) roster: Vec<Hash>,
}

impl Draw {
    /// A finished draw among `fans` entries.
    pub(crate) fn honest(fans: u64) -> Self {
        let secret = [0x5e; 32];
        let descriptor = Descriptor {
            beacon: None,
            commitment: commitment(&secret),
            opens_at_ms: 1_764_579_600_000,
            room: "tour \"é\" 2026".into(),
            starts_at_ms: 1_764_581_400_000,
        };
        let digest = descriptor.digest();
        let roster = (0..fans).map(|fan| entry(&digest, &u128::from(fan).to_be_bytes(), &ZERO)).collect();
        let mut draw = Self { record: Record::scheduled(descriptor), roster };
        draw.freeze();
        draw.reveal(secret);
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
        self.record.secret = Some(secret);
        self.record.seed = Some(seed(&self.record.descriptor_digest, entries, &root, &secret, &ZERO));
    }

    /// Writes the folder that the verifiers read.
    pub(crate) fn publish(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("draw.json"), self.record.canonical_json()).unwrap();
        std::fs::write(folder.path().join("roster"), self.roster.concat()).unwrap();
        folder
    }

    /// The places as `fairgate draw places` prints them.
    pub(crate) fn write_places(&self, path: &Path) {
        let output = Command::new(env!("CARGO_BIN_EXE_fairgate"))
            .args(["draw", "places", "--seed", &hex::encode(self.record.seed.unwrap())])
            .args(["--entries", &self.record.entries.unwrap().to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(path, output.stdout).unwrap();
    }
}
