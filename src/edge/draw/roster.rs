//! The frozen roster: read and hashed part by part, and copied to this edge's own disk.
//!
//! Guarantees: an edge that publishes a root has a copy of the roster before that; one that was away then makes its own
//! within seconds, and keeps it only if its root is the public one. No more than a part of it is in memory, and it is
//! hashed off the threads that serve requests.

use std::sync::Arc;
use std::time::Duration;

use fairgate_draw::{Hash, RosterTree, RosterTreeBuilder};

use crate::edge::room::draw_step::copy_due;
use crate::edge::room::handle::LiveRoom;
use crate::store::{KeptCopy, RosterCopy, Store, StoreError};

/// How often an edge sees to it that it has a copy of the roster.
pub const COPY_EVERY: Duration = Duration::from_secs(1);

/// How long an edge waits whose disk takes no copy: each attempt may read the whole roster.
const DISK_RETRY: Duration = Duration::from_secs(60);

/// Entries read from the store at once: 2 MB.
const ENTRIES_A_PART: u64 = 64 * 1024;

/// Sees to it that this edge has a copy of the frozen roster.
pub(crate) struct RosterKeeper {
    room: Arc<LiveRoom>,
    store: Arc<dyn Store>,
}

impl RosterKeeper {
    pub(crate) fn new(room: Arc<LiveRoom>, store: Arc<dyn Store>) -> Self {
        Self { room, store }
    }

    /// Looks again and again, for ever.
    pub(crate) async fn run(&self) {
        let mut pause = COPY_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.run_once().await {
                Ok(true) => COPY_EVERY,
                Ok(false) => DISK_RETRY,
                Err(error) => {
                    tracing::warn!(room = self.room.name(), %error, "the roster could not be copied; trying again");
                    COPY_EVERY
                }
            };
        }
    }

    /// Makes a copy where there is none of the public root; answers whether the disk takes one.
    async fn run_once(&self) -> Result<bool, StoreError> {
        let name = self.room.name();
        let Some((entries, root)) = self.room.snapshot().and_then(|snapshot| copy_due(&snapshot.view)) else {
            return Ok(true);
        };
        if self.store.has_copy(name, &root) {
            return Ok(true);
        }
        let Some(copy) = self.store.begin_copy(name)? else { return Ok(false) };
        let (tree, copy) = read(&*self.store, name, entries, Some(copy)).await?;
        if tree.root() != root {
            return Err(StoreError::Unavailable("it is not what its root was made of at the moment".into()));
        }
        self.room.tree.store(Some(Arc::new(tree)));
        let Some(copy) = keep(copy, root).await? else { return Ok(false) };
        copy.forget_others();
        tracing::info!(room = name, entries, "the frozen roster was copied");
        Ok(true)
    }
}

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
    read(store, room, entries, store.begin_copy(room)?).await
}

/// Reads the roster into a tree.
pub(crate) async fn read_tree(store: &dyn Store, room: &str, entries: u64) -> Result<RosterTree, StoreError> {
    Ok(read(store, room, entries, None).await?.0)
}

async fn read(
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

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))
}
