//! The words with which scripts refuse, and what they mean.

use fairgate_core::room::Refusal;

use super::script::{Reply, nonsense, number, text};
use crate::StoreError;

const HOW_MUCH: &str = "40 bytes for each fan in the pool, or 64 where the room asks for identities";

/// The reply, unless it is a refusal.
pub(super) fn accepted(reply: Reply) -> Result<Reply, StoreError> {
    if reply.word == "lost" && !reply.values.is_empty() {
        tracing::error!(
            "a part of a room is gone from Redis, as if it had been evicted; it is being put back. Set `maxmemory-policy \
             noeviction`, and give Redis the memory that it needs: {HOW_MUCH}"
        );
    }
    if reply.word == "lost" {
        return Err(StoreError::Unavailable("Redis has lost the room; it is being put back".into()));
    }
    if reply.word != "refused" {
        return Ok(reply);
    }
    let code = reply.values.first().cloned().and_then(text).unwrap_or_default();
    let details = reply.values.iter().skip(1).map(number).collect::<Result<Vec<u64>, StoreError>>()?;
    let refusal = match (code.as_str(), details.as_slice()) {
        ("not_scheduled", []) => Refusal::NotScheduled,
        ("another_room", []) => Refusal::another_room(),
        ("schedule_fixed", []) => Refusal::ScheduleFixed,
        ("overtaken", [revision]) => Refusal::Overtaken { revision: *revision },
        ("older_config", [version, followed]) => Refusal::OlderConfig { version: *version, followed: *followed },
        ("not_open", [opens_at_ms]) => Refusal::NotOpen { opens_at_ms: *opens_at_ms },
        ("ended", []) => Refusal::Ended,
        ("mending", [until_ms]) => Refusal::Recovering { until_ms: *until_ms },
        ("pool_is_open", [starts_at_ms]) => Refusal::pool_is_open(*starts_at_ms),
        ("wrong_count", [entries, pool]) => Refusal::wrong_count(*entries, *pool),
        ("another_root", []) => Refusal::another_root(),
        ("no_tiers", []) => Refusal::no_tiers(),
        ("has_tiers", []) => Refusal::has_tiers(),
        ("no_such_tier", [tier]) => Refusal::no_such_tier(*tier),
        ("wrong_tags", []) => Refusal::wrong_tags(),
        ("no_root", []) => Refusal::no_root(),
        ("too_late", []) => Refusal::too_late(),
        ("not_witnessed", [left_ms]) => Refusal::not_witnessed(*left_ms),
        _ => return Err(nonsense("a refusal of another version")),
    };
    Err(refusal.into())
}
