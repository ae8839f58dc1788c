//! What organizers' requests were answered: the same request again has the same answer, also after a restart.

use http::StatusCode;
use uuid::Uuid;

use super::StoredAnswer;
use crate::db::Transaction;
use crate::sql;

/// What a request was answered, if it was.
///
/// # Errors
/// `other_request` where the idempotency key belongs to another request; or the database's own.
pub(crate) async fn find_answer<E: From<tokio_postgres::Error>>(
    client: &Transaction,
    request_id: Uuid,
    fingerprint: Uuid,
    other_request: E,
) -> Result<Option<StoredAnswer>, E> {
    let get = client.prepare_cached(sql::ANSWERED_GET).await?;
    let Some(row) = client.query_opt(&get, &[&request_id]).await? else { return Ok(None) };
    if row.get::<_, Uuid>("request_fingerprint") != fingerprint {
        return Err(other_request);
    }
    let status = StatusCode::from_u16(row.get::<_, i16>("status").unsigned_abs()).unwrap_or(StatusCode::OK);
    Ok(Some(StoredAnswer { status, body: row.get("body") }))
}

/// Keeps the answer of a request that succeeded, in the transaction that made it true.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn keep_answer(
    client: &Transaction,
    request_id: Uuid,
    fingerprint: Uuid,
    body: String,
) -> Result<StoredAnswer, tokio_postgres::Error> {
    let put = client.prepare_cached(sql::ANSWERED_PUT).await?;
    client.execute(&put, &[&request_id, &fingerprint, &200i16, &body]).await?;
    Ok(StoredAnswer { status: StatusCode::OK, body })
}
