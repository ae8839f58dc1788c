//! `GET draws/{D}/draw/proof/…`: that an entry stands in a draw of a sale that is over.
//!
//! Guarantee: what is answered leads to the root that the kept record has, or nothing is answered.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use fairgate_draw::{Hash, RosterTree};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use serde::Serialize;
use serde_json::Value;

use crate::edge::draw::kept::FINAL;
use crate::edge::draw::record::Proof;
use crate::edge::draw::row_proof::row_and_path;
use crate::edge::draw::tiers::{TagProof, TierProof};
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use crate::edge::http::problem::Problem;
use crate::edge::room::handle::LiveRoom;
use crate::edge::room::shelf::RECORD;

use super::serve::read_at;

/// A kept list that hashes to what was published.
struct KeptList {
    path: PathBuf,
    tree: Arc<RosterTree>,
}

/// The proof for an entry of a draw without tiers.
pub(crate) async fn of_entry(room: &LiveRoom, digest: &Hash, index: u64) -> Result<Answer, Problem> {
    let record = record(room, digest).await?;
    let list = list::<32>(room, digest, "roster", &record["root"]).await?;
    let (entry, path) = list.row::<32>(index).await?;
    let (entries, root) = (list.tree.entries(), hex::encode(list.tree.root()));
    Ok(kept(&Proof { index, entries, entry, path, root }))
}

/// The proofs for an entry of a tier, and for its tag where the room asked for an identity.
pub(crate) async fn of_tier(room: &LiveRoom, digest: &Hash, tier: u8, index: u64) -> Result<Answer, Problem> {
    let record = record(room, digest).await?;
    let published = &record["tiers"][usize::from(tier)];
    let list_of_entries = list::<32>(room, digest, &format!("roster.{tier}"), &published["root"]).await?;
    let (entry, path) = list_of_entries.row::<32>(index).await?;
    let tags = format!("tags.{tier}");
    let tag = match room.past.file(digest, &tags) {
        Some(_) => {
            let list = list::<16>(room, digest, &tags, &published["tags_root"]).await?;
            let (tag, tags_path) = list.row::<16>(index).await?;
            Some(TagProof { tag, tags_path, tags_root: hex::encode(list.tree.root()) })
        }
        None => None,
    };
    let (entries, root) = (list_of_entries.tree.entries(), hex::encode(list_of_entries.tree.root()));
    Ok(kept(&TierProof { tier, index, entries, entry, path, root, tag }))
}

/// It never changes, and its address names the draw.
fn kept(proof: &impl Serialize) -> Answer {
    let mut answer = Answer::json(StatusCode::OK, proof);
    answer.headers.retain(|(name, _)| name != CACHE_CONTROL);
    answer.header(CACHE_CONTROL, FINAL).header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
}

async fn record(room: &LiveRoom, digest: &Hash) -> Result<Value, Problem> {
    let (path, _) = room.past.file(digest, RECORD).ok_or(Problem::NoSuchDraw)?;
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let bytes = read.map_err(io::Error::other).flatten().map_err(|_| Problem::Internal)?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::Internal)
}

async fn list<const N: usize>(
    room: &LiveRoom,
    digest: &Hash,
    name: &str,
    published: &Value,
) -> Result<KeptList, Problem> {
    let (path, _) = room.past.file(digest, name).ok_or(Problem::NoSuchCall)?;
    let tree = room.past_trees.tree::<N>(&room.past, digest, name).await.map_err(|error| {
        tracing::error!(path = %path.display(), %error, "a list of a draw that is over cannot be read");
        Problem::Internal
    })?;
    if *published != hex::encode(tree.root()) {
        tracing::error!(path = %path.display(), "a list of a draw that is over is not what its root is of: look after the disk");
        return Err(Problem::Internal);
    }
    Ok(KeptList { path, tree })
}

impl KeptList {
    /// A row in hex, and its path to the root.
    async fn row<const N: usize>(&self, index: u64) -> Result<(String, Vec<String>), Problem> {
        let rows = self.tree.chunk(index).ok_or(Problem::NoSuchEntry { index, entries: self.tree.entries() })?;
        let bytes = read_at(&self.path, rows.start * N as u64..rows.end * N as u64).await;
        row_and_path::<N>(&self.tree, index, &bytes.map_err(|_| Problem::Internal)?)
    }
}
