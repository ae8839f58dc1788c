//! Checks that a server may keep rooms.
//!
//! Each new connection is checked, since another server may have taken the place of the last one.
//!
//! Guarantee: a server that evicts keys to make room is not used, since it would take a room apart.

use redis::{ErrorKind, RedisError, RedisResult, Value};

use super::link::{Connection, Dialer};

/// What the server says of itself, as `INFO` has it; managed servers, which forbid `CONFIG`, tell this, too.
struct Info(String);

impl Info {
    fn of(answer: &Value) -> Self {
        let mut text = String::new();
        collect(answer, &mut text);
        Self(text)
    }

    /// Every value of a name: one for each server of a cluster.
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}

/// Puts together the texts of an answer, however many servers gave it.
fn collect(answer: &Value, text: &mut String) {
    match answer {
        Value::BulkString(bytes) => *text += &format!("{}\n", String::from_utf8_lossy(bytes)),
        Value::SimpleString(part) | Value::VerbatimString { text: part, .. } => *text += &format!("{part}\n"),
        Value::Array(parts) => parts.iter().for_each(|part| collect(part, text)),
        Value::Map(parts) => parts.iter().for_each(|(_, part)| collect(part, text)),
        _ => {}
    }
}

const REFUSED: &str = "the server evicts keys";

/// Refuses a server that would evict parts of rooms, and warns of settings under which more is lost than has to be.
pub(super) async fn check(connection: &mut Connection, dialer: &Dialer) -> RedisResult<()> {
    let answer: Value = redis::cmd("INFO").query_async(connection).await?;
    let info = Info::of(&answer);
    if let Some(policy) = info.all("maxmemory_policy").find(|policy| policy.starts_with("allkeys-")) {
        let why = format!(
            "its maxmemory-policy is {policy}, with which it would take rooms apart when its memory is full, and people \
             could be let in twice: set `maxmemory-policy noeviction`"
        );
        return Err(refusal(why));
    }
    if let Some(policy) = info.all("maxmemory_policy").find(|policy| policy.starts_with("volatile-")) {
        tracing::warn!(
            policy,
            "Redis may forget who joined in the last two minutes when its memory is full, and a retried join may get a second \
             number: set `maxmemory-policy noeviction`"
        );
    }
    let replicas = info.all("connected_slaves").filter_map(|number| number.parse::<u32>().ok()).max().unwrap_or(0);
    if dialer.has_replicas() || replicas > 0 {
        warn_of_two_masters(connection, &info).await;
    }
    Ok(())
}

/// A master that goes on by itself after another was elected answers people until it notices: what it answered is lost.
async fn warn_of_two_masters(connection: &mut Connection, info: &Info) {
    // Told only where it is set; servers that forbid `CONFIG` say nothing.
    if info.all("min_slaves_good_slaves").next().is_some() {
        return;
    }
    let asked: RedisResult<Value> =
        redis::cmd("CONFIG").arg("GET").arg("min-replicas-to-write").query_async(connection).await;
    let mut text = String::new();
    asked.iter().for_each(|answer| collect(answer, &mut text));
    let is_set = text.lines().filter_map(|line| line.trim().parse::<u32>().ok()).any(|number| number > 0);
    if !is_set {
        tracing::warn!(
            "Redis has replicas, and min-replicas-to-write is not set: a master that is cut off from them goes on answering \
             beside the one that takes its place, and both may let the same people in. Set `min-replicas-to-write 1` and \
             `min-replicas-max-lag 2`"
        );
    }
}

/// The server must not be used.
pub(super) fn refusal(why: String) -> RedisError {
    (ErrorKind::InvalidClientConfig, REFUSED, why).into()
}

/// Why a connection was refused, where that is for what the server is.
pub(super) fn refused(error: &RedisError) -> Option<String> {
    let is_refusal = error.kind() == ErrorKind::InvalidClientConfig && error.to_string().contains(REFUSED);
    is_refusal.then(|| error.detail().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_server_or_several_say_is_read() {
        let one = Value::BulkString(b"# RoomSnapshot\r\nmaxmemory_policy:allkeys-lru\r\nmaxmemory:0\r\n".to_vec());
        let several = Value::Map(vec![
            (Value::SimpleString("a:1".into()), Value::BulkString(b"maxmemory_policy:noeviction\r\n".to_vec())),
            (Value::SimpleString("b:1".into()), one.clone()),
        ]);
        assert_eq!(Info::of(&one).all("maxmemory_policy").collect::<Vec<_>>(), ["allkeys-lru"]);
        assert_eq!(Info::of(&several).all("maxmemory_policy").collect::<Vec<_>>(), ["noeviction", "allkeys-lru"]);
    }
}
