//! Connections of the pool: statements, and transactions that end even when their caller does not.
//!
//! Guarantees:
//! - a connection whose server takes no writes goes, and with it all that were made before it was noticed
//! - a transaction that nobody ended is rolled back before anybody else gets its connection

use std::sync::Arc;

use deadpool::managed::Object;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Statement};

use super::DbError;
use super::pool::{Connections, Wire};
use super::priority::Place;

/// Each of its settings would be the session's, but a pooler gives each transaction another session.
const BEGIN_POOLED: &str = "begin; set local enable_seqscan=off; set local jit=off; \
                            set local idle_in_transaction_session_timeout='10s'; set local statement_timeout='30s'; \
                            set local lock_timeout='5s'";

/// A statement that is ready for the connection that it was asked of.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// The server knows it by its name.
    Named(Statement),
    /// The server is told each time: a pooler may lead to another one.
    Whole(&'static str, Arc<[Type]>),
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection of the pool, for as long as it is kept. (The connection goes back before the place in front of the pool.)
#[derive(Debug)]
pub struct Client {
    object: Object<Connections>,
    _place: Place,
}

impl Client {
    pub(super) fn new(object: Object<Connections>, place: Place) -> Self {
        Self { object, _place: place }
    }

    /// Makes a statement of [`crate::sql`] ready; the server is asked once a connection.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not understand it.
    pub async fn prepare_cached(&self, statement: &'static str) -> Result<Prepared, Error> {
        if let Some(types) = self.wire().types(statement) {
            return Ok(Prepared::Whole(statement, types));
        }
        let named = self.noted(self.wire().statements.prepare_cached(statement).await)?;
        Ok(Prepared::Named(named))
    }

    /// Every row.
    ///
    /// # Errors
    /// When the database cannot be reached, or refuses.
    pub async fn query(&self, statement: &Prepared, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        let client = &self.wire().statements;
        self.noted(match statement {
            Prepared::Named(statement) => client.query(statement, parameters).await,
            Prepared::Whole(text, types) => client.query_typed(text, &typed(parameters, types)).await,
        })
    }

    /// The one row.
    ///
    /// # Errors
    /// When there is not exactly one; when the database cannot be reached, or refuses.
    pub async fn query_one(&self, statement: &Prepared, parameters: Parameters<'_>) -> Result<Row, Error> {
        let client = &self.wire().statements;
        self.noted(match statement {
            Prepared::Named(statement) => client.query_one(statement, parameters).await,
            Prepared::Whole(text, types) => client.query_typed_one(text, &typed(parameters, types)).await,
        })
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// When there are several; when the database cannot be reached, or refuses.
    pub async fn query_opt(&self, statement: &Prepared, parameters: Parameters<'_>) -> Result<Option<Row>, Error> {
        let client = &self.wire().statements;
        self.noted(match statement {
            Prepared::Named(statement) => client.query_opt(statement, parameters).await,
            Prepared::Whole(text, types) => client.query_typed_opt(text, &typed(parameters, types)).await,
        })
    }

    /// How many rows were changed.
    ///
    /// # Errors
    /// When the database cannot be reached, or refuses.
    pub async fn execute(&self, statement: &Prepared, parameters: Parameters<'_>) -> Result<u64, Error> {
        let client = &self.wire().statements;
        self.noted(match statement {
            Prepared::Named(statement) => client.execute(statement, parameters).await,
            Prepared::Whole(text, types) => client.execute_typed(text, &typed(parameters, types)).await,
        })
    }

    /// Begins a transaction, which may be sent together with what it begins with.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn send_begin(&self) -> Result<(), Error> {
        self.send(if self.wire().is_pooled() { BEGIN_POOLED } else { "begin" }).await
    }

    async fn send(&self, text: &str) -> Result<(), Error> {
        self.noted(self.wire().statements.batch_execute(text).await)
    }

    /// Takes note of a server that takes no writes: neither this connection nor its like are used again.
    fn noted<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &outcome
            && error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
        {
            self.wire().give_up();
        }
        outcome
    }

    fn wire(&self) -> &Wire {
        &self.object
    }
}

fn typed<'a>(parameters: Parameters<'a>, types: &[Type]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().copied().zip(types.iter().cloned()).collect()
}

/// A connection on which a transaction may be open. Dropped without an end (an error, a cancelled future), it is rolled
/// back before anybody else gets the connection.
#[derive(Debug)]
pub struct Transaction {
    client: Option<Client>,
}

impl Transaction {
    /// For callers that send the beginning ([`Client::send_begin`]) together with their first statements.
    pub(in super::super) fn unbegun(client: Client) -> Self {
        Self { client: Some(client) }
    }

    /// Makes everything true at once. An error means that nobody knows.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.send("commit").await?;
        self.client = None;
        Ok(())
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the database cannot be reached; then it is undone all the same.
    pub async fn roll_back(mut self) -> Result<(), DbError> {
        self.send("rollback").await?;
        self.client = None;
        Ok(())
    }
}

impl std::ops::Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("taken only by those who consume the transaction")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        tokio::spawn(async move {
            if client.send("rollback").await.is_err() {
                drop(Object::take(client.object));
            }
        });
    }
}
