//! Listening for what other cores do (`LISTEN`), where connections are sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::debug;

use super::{Database, DbError};

/// How often those who listen look whether anybody can still be heard.
const LISTENING_LOOK: Duration = Duration::from_millis(500);

/// Wakes at each notification, and at each new connection, because some may have been missed. Behind a pooler nobody can
/// listen: those who wait look by themselves.
pub(crate) async fn listen(database: Database, wake: Arc<Notify>) {
    loop {
        match listen_once(&database, &wake).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => debug!(%error, "nobody listens for what others do; it is looked for"),
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Listens until the connection ends, or others lead to another server; says whether that can be done at all.
async fn listen_once(database: &Database, wake: &Arc<Notify>) -> Result<bool, DbError> {
    if !database.has_sessions().await? {
        return Ok(false);
    }
    let (client, listening) = database.listening_connection(Arc::clone(wake)).await?;
    client.batch_execute("listen fairgate").await?;
    wake.notify_one();
    let epoch = database.epoch();
    while !listening.is_finished() && database.epoch() == epoch {
        sleep(LISTENING_LOOK).await;
    }
    Ok(true)
}
