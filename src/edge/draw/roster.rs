//! The frozen roster: read and hashed in parts, and copied to this edge's own disk.
//!
//! Guarantees: one part of it is in memory at a time. It is hashed off the threads that serve requests. A copy is
//! kept only under the root that its bytes have.

use fairgate_draw::{Hash, RosterTree, RosterTreeBuilder};

use fairgate_store::{CopiedList, KeptCopy, RosterCopy, Store, StoreError};

/// Entries read from the store at once: 2 MB.
pub(super) const ENTRIES_A_PART: u64 = 64 * 1024;

/// Keeps a copy under the root that was found to be its.
pub(crate) async fn keep(copy: Option<RosterCopy>, root: Hash) -> Result<Option<KeptCopy>, StoreError> {
    blocking(move || copy.and_then(|copy| copy.keep(&root))).await
}

/// Reads the roster into a tree and a copy of it, where the store has one made.
pub(crate) async fn read_roster(
    store: &dyn Store,
    room: &str,
    entries: u64,
) -> Result<(RosterTree, Option<RosterCopy>), StoreError> {
    read(store, room, entries, store.begin_copy(room, CopiedList::Roster)?).await
}

/// Reads the roster into a tree.
pub(super) async fn read_tree(store: &dyn Store, room: &str, entries: u64) -> Result<RosterTree, StoreError> {
    Ok(read(store, room, entries, None).await?.0)
}

/// Reads the roster into a tree, and into a copy where one has been begun.
pub(crate) async fn read(
    store: &dyn Store,
    room: &str,
    entries: u64,
    copy: Option<RosterCopy>,
) -> Result<(RosterTree, Option<RosterCopy>), StoreError> {
    let (mut builder, mut copy) = (RosterTreeBuilder::new(), copy);
    let mut from = 0;
    while from < entries {
        let to = entries.min(from + ENTRIES_A_PART);
        let bytes = store.roster(room, from..to).await?;
        if bytes.len() as u64 != (to - from) * 32 {
            return Err(StoreError::Damaged(format!("the roster ends before its entry {to}")));
        }
        (builder, copy) = blocking(move || push_all(builder, copy, &bytes)).await?;
        from = to;
    }
    Ok((builder.finish(), copy))
}

fn push_all(
    mut builder: RosterTreeBuilder,
    mut copy: Option<RosterCopy>,
    bytes: &[u8],
) -> (RosterTreeBuilder, Option<RosterCopy>) {
    let (entries, _) = bytes.as_chunks::<32>();
    entries.iter().for_each(|entry| builder.push(entry));
    if let Some(copy) = &mut copy {
        copy.push(bytes);
    }
    (builder, copy)
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))
}
