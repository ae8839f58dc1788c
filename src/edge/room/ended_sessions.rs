//! The document of sessions that ended before their passes do, written anew when others have ended.
//!
//! Guarantee: the same sessions of the same draw have the same document, and one document has one tag.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use fairgate_token::Ended;

/// Places whose sessions ended early, and until when a pass of them could still be good (Unix ms).
type Closed = Arc<BTreeMap<u64, u64>>;

/// The document as it was written last.
#[derive(Debug)]
pub(crate) struct EndedSessions {
    of: Closed,
    draw: [u8; 32],
    /// JSON.
    pub(crate) body: Bytes,
    /// A strong tag of exactly these bytes.
    pub(crate) etag: HeaderValue,
}

impl EndedSessions {
    /// Writes it for the sessions `of` a room's draw; `issuer` is who signs its passes.
    pub(crate) fn new(room: &str, issuer: &str, of: Closed, draw: [u8; 32]) -> Self {
        let ended = Ended {
            room: room.to_owned(),
            issuer: issuer.to_owned(),
            draw: hex::encode(draw),
            places: of.keys().copied().collect(),
        };
        let body = Bytes::from(serde_json::to_vec(&ended).expect("a struct of strings and numbers"));
        let etag = format!("\"{:08x}-{:x}\"", crc32fast::hash(&body), body.len());
        Self { of, draw, body, etag: HeaderValue::from_str(&etag).expect("hex digits, a dash and quotes") }
    }

    /// True if the document tells of these sessions.
    pub(crate) fn is_of(&self, of: &Closed, draw: [u8; 32]) -> bool {
        Arc::ptr_eq(&self.of, of) && self.draw == draw
    }
}
