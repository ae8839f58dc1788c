//! What a room asks, as the status says it: the same for everybody.

use std::collections::BTreeMap;

use fairgate_entry::policy::Binding;
use fairgate_entry::way::{Ask, WayName};
use serde::{Serialize, Serializer};

/// The member `entry` of the status.
#[derive(Clone, Debug, Serialize)]
pub struct EntryDocument {
    /// Ways whose identity has one entry.
    pub identity: Vec<WayName>,
    /// One of these is shown to join.
    pub any_of: Vec<WayName>,
    /// All of these are shown to join.
    pub all_of: Vec<WayName>,
    /// What each way asks.
    pub ways: BTreeMap<WayName, Ask>,
    /// What tickets are bound to.
    #[serde(serialize_with = "binding")]
    pub binding: Binding,
    /// How often a place may move to another device; left out where none is bound to a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<u8>,
}

impl EntryDocument {
    /// What tells this document from another of the same moment, for an ETag: edges may ask for different efforts.
    pub(crate) fn mark(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        format!("-{:x}", crc32fast::hash(&bytes))
    }
}

fn binding<S: Serializer>(binding: &Binding, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match binding {
        Binding::None => "none",
        Binding::Key => "key",
        Binding::Network => "network",
    })
}
