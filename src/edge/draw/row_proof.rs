//! A row of a published list and its path to the root, from the part of the list in which the row stands.

use fairgate_draw::RosterTree;

use crate::edge::http::problem::Problem;

/// A row in hex, and its path to the root, from the bytes of the rows of its [`chunk`](RosterTree::chunk).
///
/// # Errors
/// There is no such row, or the bytes are not those that were published.
pub(super) fn row_and_path<const N: usize>(
    tree: &RosterTree,
    index: u64,
    bytes: &[u8],
) -> Result<(String, Vec<String>), Problem> {
    let start = tree.chunk(index).ok_or(Problem::NoSuchEntry { index, entries: tree.entries() })?.start;
    let (rows, _) = bytes.as_chunks::<N>();
    let proof = tree.proof(index, rows).map_err(|_| Problem::Internal)?;
    let row = usize::try_from(index - start).ok().and_then(|at| rows.get(at)).ok_or(Problem::Internal)?;
    Ok((hex::encode(row), proof.path.iter().map(hex::encode).collect()))
}
