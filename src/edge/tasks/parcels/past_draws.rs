//! Draws of sales that are over, as edges hand them on: an edge that was down when a sale ended gets its draw from another one.
//!
//! Guarantees:
//! - a draw is kept only if all of it holds: signature, descriptor, roots, beacon, seed, places, claims, the signed counts, and what
//!   the draw log says of it
//! - no file is kept that the record does not account for

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fairgate_draw::log::Statement;
use fairgate_draw::{Hash, Record, Step, Verdict, v2};
use fairgate_store::{Depot, Parcel, ParcelFile};
use fairgate_telemetry::entropy;
use fairgate_token::KeySet;
use fairgate_verify::{Evidence, Outcome, Source, audit};
use ring::digest::{Context, SHA256};
use serde_json::Value;

use super::trade::{Goods, Unfit};
use crate::edge::context::Edge;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::shelf::{COUNTS, Draft, PastDraw, RECORD};

/// A room's draws.
pub(super) struct PastDrawGoods {
    edge: Arc<Edge>,
    room: Arc<LiveRoom>,
    /// What was told of draws before: what is kept never changes.
    told: Mutex<HashMap<Hash, Parcel>>,
}

impl PastDrawGoods {
    pub(super) fn new(edge: &Arc<Edge>, room: &Arc<LiveRoom>) -> Self {
        Self { edge: Arc::clone(edge), room: Arc::clone(room), told: Mutex::default() }
    }

    fn parcel(&self, digest: &Hash, starts_at_ms: u64) -> io::Result<Parcel> {
        let files = self.room.past.files(digest)?;
        // Two edges may have kept a draw with other signatures or at other moments: theirs are two parcels.
        let mut mark = Context::new(&SHA256);
        for name in [RECORD, COUNTS] {
            if let Some((path, _)) = self.room.past.file(digest, name) {
                mark.update(&std::fs::read(path)?);
            }
        }
        files.iter().for_each(|(name, bytes)| mark.update(format!("\n{name} {bytes}").as_bytes()));
        let mark = hex::encode(&mark.finish().as_ref()[..8]);
        let files = files.into_iter().filter(|(name, _)| is_of_a_draw(name));
        Ok(Parcel {
            name: format!("{}.{mark}", hex::encode(digest)),
            at_ms: starts_at_ms,
            files: files.map(|(name, bytes)| ParcelFile { name, bytes }).collect(),
        })
    }

    /// What is wrong with the files of a draw that have come; nothing where it holds.
    fn check(&self, folder: &Path, parcel: &Parcel) -> Result<Hash, Unfit> {
        let unfit = |what: &str| Unfit(what.to_owned());
        let digest = digest_of(parcel).ok_or_else(|| unfit("its name is not that of a draw"))?;
        let keys = self.edge.keys.now();
        let evidence = Evidence { keys: Some(keys.public().clone()), ..Evidence::default() };
        let report = audit(&Source::Folder(folder.to_owned()), &evidence, &mut |_, _| ());
        let report = report.map_err(|error| Unfit(error.to_string()))?;
        if report.outcome != Outcome::Holds {
            return Err(Unfit(report.summary()));
        }
        let signature = report.findings.iter().find(|finding| finding.step == Step::Signature);
        if !signature.is_some_and(|finding| matches!(finding.verdict, Verdict::Holds(_))) {
            return Err(unfit("its signature could not be checked"));
        }
        let record = &report.record;
        let is_it = record["descriptor_digest"] == hex::encode(digest)
            && record["descriptor"]["room"] == self.room.name()
            && record["descriptor"]["starts_at_ms"] == parcel.at_ms;
        if !is_it {
            return Err(unfit("it is another draw than was told"));
        }
        let accounted = files_of(record);
        if let Some(stray) = parcel.files.iter().find(|file| !accounted.contains(&file.name)) {
            return Err(Unfit(format!("its record does not account for {}", stray.name)));
        }
        check_counts(&folder.join(COUNTS), keys.public(), record)?;
        self.check_log(folder, record)?;
        Ok(digest)
    }

    /// Where the record names this edge's draw log, that has to have the draw's freeze and its reveal, as the record has them.
    fn check_log(&self, folder: &Path, record: &Value) -> Result<(), Unfit> {
        let Some(log) = self.edge.log.as_deref().filter(|log| record["log"] == log.vkey()) else { return Ok(()) };
        let log = log.now().ok_or_else(|| Unfit("the draw log is not read yet".to_owned()))?;
        let [freeze, reveal] = statements(folder)?;
        match (freeze, reveal) {
            (Some(freeze), Some(reveal))
                if [&freeze, &reveal].iter().all(|own| log.statements().any(|it| it == *own)) =>
            {
                Ok(())
            }
            _ => Err(Unfit("the draw log does not have it".to_owned())),
        }
    }
}

impl Goods for PastDrawGoods {
    fn depot(&self) -> Depot {
        Depot::Draws { room: self.room.name().to_owned() }
    }

    fn had(&self) -> io::Result<Vec<Parcel>> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let draws = self.room.past.draws();
        told.retain(|digest, _| draws.iter().any(|draw| draw.digest == *digest));
        let tell = |draw: &PastDraw| {
            if let Some(parcel) = told.get(&draw.digest) {
                return Ok(parcel.clone());
            }
            let parcel = self.parcel(&draw.digest, draw.starts_at_ms)?;
            told.insert(draw.digest, parcel.clone());
            Ok(parcel)
        };
        draws.iter().map(tell).collect()
    }

    fn lacks(&self, parcel: &Parcel) -> bool {
        let (Some(digest), Some(snapshot)) = (digest_of(parcel), self.room.snapshot()) else { return false };
        let has_all = [RECORD, "claims"].iter().all(|name| parcel.files.iter().any(|file| file.name == *name));
        // The present draw this edge keeps by itself, when its sale is over.
        snapshot.view.draw.descriptor_digest != digest
            && !self.room.past.has(&digest)
            && has_all
            && parcel.files.iter().all(|file| is_of_a_draw(&file.name))
            && self.room.past.has_room_for(parcel.at_ms, parcel.bytes())
    }

    fn path(&self, parcel: &Parcel, file: &str) -> Option<PathBuf> {
        self.room.past.file(&digest_of(parcel)?, file).map(|(path, _)| path)
    }

    fn begin(&self) -> Result<Draft, Unfit> {
        let mark = entropy::random_bytes().map_err(|error| Unfit(error.to_string()))?;
        Ok(self.room.past.begin(u64::from_be_bytes(mark))?)
    }

    fn keep(&self, draft: Draft, parcel: &Parcel) -> Result<(), Unfit> {
        let digest = self.check(draft.dir(), parcel)?;
        Ok(self.room.past.keep(draft, &digest)?)
    }
}

/// The draw that a parcel is of: its name begins with it.
fn digest_of(parcel: &Parcel) -> Option<Hash> {
    let mut digest = [0; 32];
    hex::decode_to_slice(parcel.name.get(..64)?, &mut digest).ok()?;
    Some(digest)
}

/// True if a file may belong to a draw. Folders may have others, such as keys that an auditor has put there.
fn is_of_a_draw(name: &str) -> bool {
    let of_tier = |list: &str| name.strip_prefix(list).is_some_and(|tier| tier.parse::<u8>().is_ok());
    [RECORD, COUNTS, "claims", "roster"].contains(&name) || of_tier("roster.") || of_tier("tags.")
}

/// The files that a draw with this record has, or may have.
fn files_of(record: &Value) -> Vec<String> {
    let mut files = [RECORD, COUNTS, "claims"].map(str::to_owned).to_vec();
    let Some(tiers) = record["tiers"].as_array() else {
        files.push("roster".to_owned());
        return files;
    };
    for (number, tier) in tiers.iter().enumerate() {
        files.push(format!("roster.{number}"));
        let has_tags = tier["tags_root"].as_str().is_some_and(|root| root.bytes().any(|digit| digit != b'0'));
        files.extend(has_tags.then(|| format!("tags.{number}")));
    }
    files
}

/// The freeze and the reveal of a draw, as the draw log should have them.
fn statements(folder: &Path) -> Result<[Option<Statement>; 2], Unfit> {
    let text = std::fs::read_to_string(folder.join(RECORD))?;
    let unread = |error: &dyn std::fmt::Display| Unfit(format!("its record cannot be read: {error}"));
    let published: Value = serde_json::from_str(&text).map_err(|error| unread(&error))?;
    if published["version"] == v2::VERSION {
        let record = v2::Record::parse(&text).map_err(|error| unread(&error))?;
        return Ok([record.freeze_statement(), record.reveal_statement()]);
    }
    let record: Record = serde_json::from_value(published).map_err(|error| unread(&error))?;
    Ok([record.freeze_statement(), record.reveal_statement()])
}

/// The numbers of the entry, where there are any, are this draw's, and the operator has signed them.
fn check_counts(path: &Path, keys: &KeySet, record: &Value) -> Result<(), Unfit> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    let counts: Value = serde_json::from_str(&text).map_err(|error| Unfit(format!("its counts: {error}")))?;
    if counts["descriptor_digest"] != record["descriptor_digest"] {
        return Err(Unfit("its counts are of another draw".to_owned()));
    }
    keys.verify_counts(counts).map(drop).map_err(|error| Unfit(format!("its counts: {error}")))
}
