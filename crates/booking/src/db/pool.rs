//! The connections of the pool: how they are made, and which of them are not used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::Type;
use tracing::warn;

use super::DbError;
use super::connect::{Purpose, Way};

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connections {
    way: Arc<Way>,
    /// Counts how often a server turned out to take no writes; connections of an earlier number are not used again.
    generation: Arc<AtomicU64>,
}

impl Connections {
    pub(super) fn new(way: Arc<Way>) -> Self {
        Self { way, generation: Arc::default() }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) statements: ClientWrapper,
    way: Arc<Way>,
    made_in: u64,
    generation: Arc<AtomicU64>,
}

impl Wire {
    pub(super) fn is_pooled(&self) -> bool {
        self.way.is_pooled()
    }

    /// What a statement's parameters are, if it has to be sent whole.
    pub(super) fn types(&self, statement: &'static str) -> Option<Arc<[Type]>> {
        self.is_pooled().then(|| self.way.types(statement)).flatten()
    }

    /// No connection that is as old as this one is used again.
    pub(super) fn give_up(&self) {
        let next = self.made_in + 1;
        if self.generation.compare_exchange(self.made_in, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            warn!(
                "the database takes no writes any more: its connections are dropped, and the server that does is looked for"
            );
        }
    }
}

impl Manager for Connections {
    type Type = Wire;
    type Error = DbError;

    async fn create(&self) -> Result<Wire, DbError> {
        let made_in = self.generation.load(Ordering::Relaxed);
        let (client, carrying) = self.way.connect(Purpose::Statements, None).await?;
        let statements = ClientWrapper::new(client, carrying);
        Ok(Wire { statements, way: Arc::clone(&self.way), made_in, generation: Arc::clone(&self.generation) })
    }

    async fn recycle(&self, wire: &mut Wire, _: &Metrics) -> RecycleResult<DbError> {
        if wire.statements.is_closed() {
            return Err(RecycleError::message("it was closed"));
        }
        if wire.made_in != self.generation.load(Ordering::Relaxed) {
            return Err(RecycleError::message("its server takes no writes"));
        }
        Ok(())
    }
}
