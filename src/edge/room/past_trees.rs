//! The trees over the lists of draws that are kept, from which single entries are proved.
//!
//! Guarantees:
//! - a list is hashed once, when somebody first asks for a proof, off the threads that serve requests; one list at a time
//! - 64 bytes are kept of each 4,096 entries, as long as the draw is
//!
//! Whoever makes a proof compares the tree's root with the published one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use fairgate_draw::{Hash, RosterTree, RosterTreeBuilder};
use tokio::sync::Mutex;

use super::shelf::Shelf;

/// Bytes that are read at once.
const PART_BYTES: usize = 1 << 20;

/// The trees of a room, by draw and list.
#[derive(Debug, Default)]
pub(crate) struct PastTrees(Mutex<HashMap<(Hash, String), Arc<RosterTree>>>);

impl PastTrees {
    /// The tree over the rows of a kept list, `N` bytes each.
    ///
    /// # Errors
    /// The draw or the list is not kept (`NotFound`), or the file cannot be read.
    pub(crate) async fn tree<const N: usize>(
        &self,
        shelf: &Shelf,
        digest: &Hash,
        name: &str,
    ) -> io::Result<Arc<RosterTree>> {
        let mut trees = self.0.lock().await;
        if let Some(tree) = trees.get(&(*digest, name.to_owned())) {
            return Ok(Arc::clone(tree));
        }
        let (path, _) = shelf.file(digest, name).ok_or(io::ErrorKind::NotFound)?;
        let read = tokio::task::spawn_blocking(move || read::<N>(&path)).await;
        let tree = Arc::new(read.map_err(io::Error::other).flatten()?);
        trees.retain(|(digest, _), _| shelf.has(digest));
        trees.insert((*digest, name.to_owned()), Arc::clone(&tree));
        Ok(tree)
    }
}

fn read<const N: usize>(path: &Path) -> io::Result<RosterTree> {
    let mut file = BufReader::with_capacity(PART_BYTES, File::open(path)?);
    let (mut builder, mut row) = (RosterTreeBuilder::new(), [0; N]);
    while !file.fill_buf()?.is_empty() {
        file.read_exact(&mut row)?;
        builder.push(&row);
    }
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::super::shelf::RECORD;
    use super::*;

    #[tokio::test]
    async fn a_kept_list_is_hashed_once_and_its_tree_goes_with_its_draw() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), "final");
        let keep = |number: u64| {
            let draft = shelf.begin(number).unwrap();
            let record = format!("{{\"descriptor\":{{\"opens_at_ms\":1,\"starts_at_ms\":{number}}}}}");
            draft.write(RECORD, record.as_bytes()).unwrap();
            draft.write("roster", &[[1; 32], [2; 32], [3; 32]].concat()).unwrap();
            draft.write("short", &[1; 40]).unwrap();
            shelf.keep(draft, &digest(number)).unwrap();
        };
        let trees = PastTrees::default();
        keep(0);
        let tree = trees.tree::<32>(&shelf, &digest(0), "roster").await.unwrap();
        let proof = tree.proof(2, &[[1; 32], [2; 32], [3; 32]]).unwrap();
        assert!(tree.entries() == 3 && proof.verify(&[3; 32], &tree.root()));
        let again = trees.tree::<32>(&shelf, &digest(0), "roster").await.unwrap();
        assert!(Arc::ptr_eq(&tree, &again), "it is not hashed again");
        let kind = |error: io::Error| error.kind();
        let none = trees.tree::<32>(&shelf, &digest(0), "tags.0").await.map_err(kind);
        assert_eq!(none.err(), Some(io::ErrorKind::NotFound));
        let torn = trees.tree::<32>(&shelf, &digest(0), "short").await.map_err(kind);
        assert_eq!(torn.err(), Some(io::ErrorKind::UnexpectedEof));

        (1..=64).for_each(keep);
        trees.tree::<32>(&shelf, &digest(64), "roster").await.unwrap();
        assert!(!shelf.has(&digest(0)), "the oldest goes");
        assert_eq!(trees.0.lock().await.len(), 1);
    }

    fn digest(number: u64) -> Hash {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }
}
