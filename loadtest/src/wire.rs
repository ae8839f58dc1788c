//! What the room answers to fans, as far as the crowd reads it. Unknown fields are ignored: answers may grow.

use fairgate_draw::Hash;
use serde::{Deserialize, Deserializer};

use crate::pace::Poll;

/// The phase of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Idle,
    Pooling,
    Drawing,
    Serving,
    Ended,
}

/// The one public document.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) phase: Phase,
    pub(crate) now_ms: u64,
    pub(crate) opens_at_ms: u64,
    pub(crate) starts_at_ms: u64,
    pub(crate) serving: u64,
    pub(crate) rate_per_minute: u32,
    pub(crate) burst: Option<u32>,
    #[serde(default)]
    pub(crate) sold_out: bool,
    pub(crate) poll: Poll,
    pub(crate) draw: Draw,
}

/// The public facts of the draw, null until they are known.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Draw {
    pub(crate) entries: Option<u64>,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) descriptor_digest: Option<Hash>,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) commitment: Option<Hash>,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) root: Option<Hash>,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) secret: Option<Hash>,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) beacon: Option<Hash>,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) seed: Option<Hash>,
}

/// Where a fan stands: in the pool at an index, or in the line at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Position {
    Pool { index: u64 },
    Line { place: u64 },
}

/// The answer to `join`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Joined {
    #[serde(flatten)]
    pub(crate) position: Position,
    #[serde(default, deserialize_with = "hash")]
    pub(crate) entry: Option<Hash>,
}

/// The answer to a `claim` that lets in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Admitted {
    pub(crate) place: u64,
    pub(crate) admitted_at_ms: u64,
    pub(crate) session: String,
}

/// The answer to a `claim` that does not let in yet.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NotYet {
    pub(crate) place: Option<u64>,
    pub(crate) retry_after_ms: Option<u64>,
}

/// Reads 32 bytes of hex, or null.
fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hash>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let mut bytes = [0; 32];
    hex::decode_to_slice(&text, &mut bytes).map_err(serde::de::Error::custom)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_before_and_after_the_draw() {
        let text = r#"{"room":"demo","phase":"drawing","paused":false,"now_ms":5,"opens_at_ms":1,"starts_at_ms":4,
            "ends_at_ms":null,"pool_size":2,"line_size":2,"serving":0,"rate_per_minute":60,"burst":3,"sold_out":false,
            "message":null,"stale":false,"poll":{"floor_ms":2000,"ceiling_ms":180000,"divisor":10},
            "draw":{"descriptor":{},"commitment":"ROOT","entries":2,"root":"ROOT","secret":null,"beacon":null,
            "seed":null,"a_new_field":1}}"#
            .replace("ROOT", &"ab".repeat(32));
        let status: Status = serde_json::from_str(&text).unwrap();
        assert_eq!(status.phase, Phase::Drawing);
        assert_eq!(status.draw.root, Some([0xab; 32]));
        assert_eq!(status.draw.seed, None);
    }

    #[test]
    fn a_join_says_index_or_place() {
        let joined: Joined = serde_json::from_str(r#"{"kind":"pool","index":7,"entry":null,"ticket":"x"}"#).unwrap();
        assert_eq!(joined.position, Position::Pool { index: 7 });
        let joined: Joined = serde_json::from_str(r#"{"kind":"line","place":9,"ticket":"x"}"#).unwrap();
        assert_eq!(joined.position, Position::Line { place: 9 });
    }
}
